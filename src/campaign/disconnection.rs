//! Why a dial ended.

use crate::campaign::states::TargetState;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// Why a dial ended: one per attempt, shown to people, counted in reports, obeyed by the retry policy.
    ///
    /// The mapping from SIP evidence is the call part's; what follows from a reason is in
    /// [`dialer::retry`](crate::dialer::retry).
    pub enum DisconnectionReason is "disconnection reason" {
        /// Nobody answered within the ring timeout.
        DialNoAnswer = "dial_no_answer",
        /// The line was engaged.
        DialBusy = "dial_busy",
        /// The call could not be set up: a network or protocol error, or silence after the INVITE was written.
        DialFailed = "dial_failed",
        /// The carrier was unreachable or overloaded; provably nobody was rung.
        TelephonyProviderUnavailable = "telephony_provider_unavailable",
        /// The carrier refused us by permission or policy.
        TelephonyProviderPermissionDenied = "telephony_provider_permission_denied",
        /// The number does not exist or is out of service.
        InvalidPhoneNumber = "invalid_phone_number",
        /// The contact has no number.
        EmptyPhone = "empty_phone",
        /// Rejected by hand while ringing.
        UserDeclined = "user_declined",
        /// Rejected as spam, by the person or the network.
        MarkedAsSpam = "marked_as_spam",
        /// The person does not want voice calls, by list or by word.
        VoiceCallsOptedOut = "voice_calls_opted_out",
        /// The contact's time zone is unknown and the campaign does not guess.
        InvalidTimezone = "invalid_timezone",
        /// An answering machine took the call.
        VoicemailReached = "voicemail_reached",
        /// A screening assistant took the call and did not put us through.
        CallScreened = "call_screened",
        /// Long silence after the answer.
        Inactivity = "inactivity",
        /// No audio arrived after the answer.
        ErrorNoAudioReceived = "error_no_audio_received",
        /// The call reached its longest allowed duration.
        MaxDurationReached = "max_duration_reached",
        /// Handed over to somebody else.
        CallTransfer = "call_transfer",
        /// The person hung up.
        UserHangup = "user_hangup",
        /// The agent hung up.
        AgentHangup = "agent_hangup",
        /// A limit on simultaneous calls refused the call.
        ConcurrencyLimitReached = "concurrency_limit_reached",
        /// The node was lost before the INVITE; the dial was never sent.
        NodeLost = "node_lost",
        /// The node was lost after the INVITE may have left.
        OutcomeUnknown = "outcome_unknown",
        /// Withdrawn by a person before the answer.
        Cancelled = "cancelled",
    }
}

/// What kind of second chance a reason gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retryability {
    /// Dialed again after the retry delay while the budget lasts.
    Budget,
    /// Dialed again without using the budget; a small cap of its own bounds it.
    Free,
    /// Dialed again after the voicemail delay while the budget lasts.
    Voicemail,
    /// Dialed again after the screening delay while the budget lasts.
    Screened,
    /// Dialed again only when the campaign asks for it.
    OptIn,
    /// Dialed again once in a round, while the budget lasts.
    Once,
    /// Dialed again once in a round if the end was technical, while the budget lasts.
    OnceIfTechnical,
    /// The dial was never sent: it is due again at once.
    NeverSent,
    /// Held for a person, unless the campaign's policy says otherwise.
    Hold,
    /// Not dialed again.
    Never,
}

impl DisconnectionReason {
    /// The class of second chance.
    #[must_use]
    pub const fn retryability(self) -> Retryability {
        match self {
            Self::DialNoAnswer | Self::DialBusy | Self::DialFailed => Retryability::Budget,
            Self::TelephonyProviderUnavailable | Self::ConcurrencyLimitReached => Retryability::Free,
            Self::VoicemailReached => Retryability::Voicemail,
            Self::CallScreened => Retryability::Screened,
            Self::Inactivity => Retryability::OptIn,
            Self::ErrorNoAudioReceived => Retryability::Once,
            Self::AgentHangup => Retryability::OnceIfTechnical,
            Self::NodeLost => Retryability::NeverSent,
            Self::OutcomeUnknown => Retryability::Hold,
            Self::TelephonyProviderPermissionDenied
            | Self::InvalidPhoneNumber
            | Self::EmptyPhone
            | Self::UserDeclined
            | Self::MarkedAsSpam
            | Self::VoiceCallsOptedOut
            | Self::InvalidTimezone
            | Self::MaxDurationReached
            | Self::CallTransfer
            | Self::UserHangup
            | Self::Cancelled => Retryability::Never,
        }
    }

    /// Whether a dial that ended so counts against the retry budget of its round.
    #[must_use]
    pub const fn consumes_retry(self) -> bool {
        match self.retryability() {
            Retryability::Free | Retryability::NeverSent => false,
            Retryability::Budget
            | Retryability::Voicemail
            | Retryability::Screened
            | Retryability::OptIn
            | Retryability::Once
            | Retryability::OnceIfTechnical
            | Retryability::Hold
            | Retryability::Never => true,
        }
    }

    /// Where the target comes to rest when this was its last dial: `Done` when the person was spoken to or has given
    /// an answer, `Failed` when nobody was reached.
    #[must_use]
    pub const fn resting_state(self) -> TargetState {
        match self {
            Self::UserDeclined
            | Self::VoiceCallsOptedOut
            | Self::Inactivity
            | Self::MaxDurationReached
            | Self::CallTransfer
            | Self::UserHangup
            | Self::AgentHangup => TargetState::Done,
            Self::DialNoAnswer
            | Self::DialBusy
            | Self::DialFailed
            | Self::TelephonyProviderUnavailable
            | Self::TelephonyProviderPermissionDenied
            | Self::InvalidPhoneNumber
            | Self::EmptyPhone
            | Self::MarkedAsSpam
            | Self::InvalidTimezone
            | Self::VoicemailReached
            | Self::CallScreened
            | Self::ErrorNoAudioReceived
            | Self::ConcurrencyLimitReached
            | Self::NodeLost
            | Self::OutcomeUnknown
            | Self::Cancelled => TargetState::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_class() {
        let mut table = String::new();
        for &reason in DisconnectionReason::ALL {
            let consumes = if reason.consumes_retry() { "consumes" } else { "free" };
            table.push_str(&format!(
                "{reason:37} {:16} {consumes:9} {}\n",
                format!("{:?}", reason.retryability()),
                reason.resting_state()
            ));
        }
        insta::assert_snapshot!(table);
    }
}
