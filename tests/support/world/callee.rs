//! The people and machines at the other end, and how their calls go.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as R;

use super::rng::Rng;

/// How one dial goes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// From the INVITE to its end.
    pub lasts: Duration,
    /// How it ends.
    pub reason: R,
    /// Whether our side failed.
    pub technical: bool,
    /// What a 503 or a busy line asks.
    pub retry_after: Option<Duration>,
    /// When they want to be called back, from the end on.
    pub callback: Option<Duration>,
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
            lasts: Duration::from_millis(rng.between(20, 200)),
            reason: R::TelephonyProviderUnavailable,
            technical: false,
            retry_after: Some(Duration::from_secs(rng.between(5, 120))),
            callback: None,
        };
    }
    let reason = rng.pick(MIX);
    let seconds = match reason {
        R::AgentHangup | R::UserHangup | R::CallTransfer | R::VoiceCallsOptedOut => rng.between(10, 90),
        R::DialNoAnswer => 30,
        R::VoicemailReached | R::CallScreened => rng.between(12, 30),
        R::Inactivity | R::ErrorNoAudioReceived => rng.between(15, 40),
        R::MaxDurationReached => 320,
        R::DialFailed => 32,
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
        | R::Cancelled => rng.between(0, 8),
    };
    Course {
        lasts: Duration::from_secs(seconds) + Duration::from_millis(rng.between(50, 950)),
        reason,
        technical: reason == R::AgentHangup && rng.chance(20),
        retry_after: (reason == R::DialBusy && rng.chance(100)).then(|| Duration::from_secs(900)),
        callback: (matches!(reason, R::AgentHangup | R::UserHangup) && rng.chance(60))
            .then(|| Duration::from_secs(rng.between(180, 30_000))),
    }
}
