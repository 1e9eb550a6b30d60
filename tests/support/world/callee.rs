//! The people and machines at the other end, and how their calls go.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as R;

use super::rng::Rng;

/// How one dial goes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// From the INVITE to the answer or the refusal.
    pub rings: Duration,
    /// From the answer to the end.
    pub talks: Duration,
    /// How it ends.
    pub reason: R,
    /// Whether our side failed.
    pub technical: bool,
    /// What a 503 or a busy line asks.
    pub retry_after: Option<Duration>,
    /// When they want to be called back, from the end on.
    pub callback: Option<Duration>,
}

/// What the callee does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing comes back.
    Silent,
    /// Is refused, by a person or a machine.
    Refuses,
    /// Rings for ever.
    Rings,
    /// Somebody or something answers.
    Answers,
}

impl Course {
    pub fn manner(&self) -> Manner {
        match self.reason {
            R::DialFailed => Manner::Silent,
            R::DialNoAnswer => Manner::Rings,
            R::AgentHangup
            | R::UserHangup
            | R::CallTransfer
            | R::VoiceCallsOptedOut
            | R::VoicemailReached
            | R::CallScreened
            | R::Inactivity
            | R::ErrorNoAudioReceived
            | R::MaxDurationReached => Manner::Answers,
            R::DialBusy
            | R::UserDeclined
            | R::MarkedAsSpam
            | R::InvalidPhoneNumber
            | R::TelephonyProviderUnavailable
            | R::TelephonyProviderPermissionDenied
            | R::ConcurrencyLimitReached
            | R::EmptyPhone
            | R::InvalidTimezone
            | R::NodeLost
            | R::OutcomeUnknown
            | R::Cancelled => Manner::Refuses,
        }
    }

    /// Whether the callee hangs up, not we.
    pub fn callee_ends(&self) -> bool {
        self.reason == R::UserHangup
    }
}

/// Reasons in the mix of an ordinary day, with their weights.
const MIX: &[(u64, R)] = &[
    (330, R::AgentHangup),
    (200, R::DialNoAnswer),
    (120, R::VoicemailReached),
    (90, R::DialBusy),
    (80, R::UserHangup),
    (50, R::UserDeclined),
    (30, R::InvalidPhoneNumber),
    (20, R::DialFailed),
    (15, R::CallScreened),
    (12, R::MarkedAsSpam),
    (10, R::VoiceCallsOptedOut),
    (10, R::ErrorNoAudioReceived),
    (10, R::TelephonyProviderUnavailable),
    (8, R::Inactivity),
    (5, R::CallTransfer),
    (4, R::MaxDurationReached),
    (4, R::ConcurrencyLimitReached),
    (2, R::TelephonyProviderPermissionDenied),
];

/// Draws the course of a dial. A trunk in trouble answers everything with 503 and Retry-After.
pub fn draw(rng: &mut Rng, trunk_in_trouble: bool) -> Course {
    if trunk_in_trouble {
        return Course {
            rings: Duration::from_millis(rng.between(20, 200)),
            talks: Duration::ZERO,
            reason: R::TelephonyProviderUnavailable,
            technical: false,
            retry_after: Some(Duration::from_secs(rng.between(5, 120))),
            callback: None,
        };
    }
    let reason = rng.pick(MIX);
    let seconds = match reason {
        R::AgentHangup | R::UserHangup | R::CallTransfer | R::VoiceCallsOptedOut => rng.between(10, 90),
        R::VoicemailReached | R::CallScreened => rng.between(12, 30),
        R::Inactivity | R::ErrorNoAudioReceived => rng.between(15, 40),
        R::MaxDurationReached => 320,
        R::DialNoAnswer
        | R::DialFailed
        | R::DialBusy
        | R::UserDeclined
        | R::MarkedAsSpam
        | R::InvalidPhoneNumber
        | R::TelephonyProviderUnavailable
        | R::TelephonyProviderPermissionDenied
        | R::ConcurrencyLimitReached
        | R::EmptyPhone
        | R::InvalidTimezone
        | R::NodeLost
        | R::OutcomeUnknown
        | R::Cancelled => 0,
    };
    let rings = if reason == R::DialNoAnswer { 90_000 } else { rng.between(300, 9_000) };
    Course {
        rings: Duration::from_millis(rings),
        talks: Duration::from_secs(seconds) + Duration::from_millis(rng.between(50, 950)),
        reason,
        technical: reason == R::AgentHangup && rng.chance(20),
        retry_after: (reason == R::DialBusy && rng.chance(100)).then(|| Duration::from_secs(900)),
        callback: (matches!(reason, R::AgentHangup | R::UserHangup) && rng.chance(60))
            .then(|| Duration::from_secs(rng.between(180, 30_000))),
    }
}
