//! The judgement on a call: why it ends and who ends it, fixed at the moment of the end and before the leg is torn
//! down.

use std::time::Instant;

use crate::call::event::{LegEnd, Withdrawal};
use crate::call::outcome::{DialFailure, DialFault, NetworkTone, TrunkEvidence, dial_reason, tone_reason};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::EndedBy;

/// Why a call ends.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) reason: DisconnectionReason,
    pub(super) ended_by: EndedBy,
    pub(super) technical: bool,
    pub(super) immediate: bool,
    pub(super) q850: Option<u8>,
    pub(super) at: Instant,
}

impl Verdict {
    pub(super) fn new(reason: DisconnectionReason, ended_by: EndedBy, at: Instant) -> Self {
        Self { reason, ended_by, technical: false, immediate: false, q850: None, at }
    }

    /// The same, caused by a fault of ours.
    pub(super) fn technical(self) -> Self {
        Self { technical: true, ..self }
    }

    /// An answered leg ended without us having asked for it.
    pub(super) fn of_leg_end(by: LegEnd, q850: Option<u8>, at: Instant) -> Self {
        let carrier = || Self::new(DisconnectionReason::AgentHangup, EndedBy::Carrier, at).technical();
        let verdict = match by {
            LegEnd::Remote if q850.is_some_and(is_network_fault) => carrier(),
            LegEnd::Remote => Self::new(DisconnectionReason::UserHangup, EndedBy::Contact, at),
            LegEnd::Local | LegEnd::Fault => carrier(),
        };
        Self { q850, ..verdict }
    }

    /// A dial was taken back and nobody answered.
    pub(super) fn of_withdrawal(why: Withdrawal, at: Instant) -> Self {
        match why {
            Withdrawal::TimedOut => Self::new(DisconnectionReason::DialNoAnswer, EndedBy::System, at),
            Withdrawal::Person => Self::new(DisconnectionReason::Cancelled, EndedBy::System, at),
            Withdrawal::Tone(tone) => Self::of_tone(tone, at),
            Withdrawal::Shutdown | Withdrawal::Fault => {
                Self::new(DisconnectionReason::DialFailed, EndedBy::System, at).technical()
            }
        }
    }

    /// The network said by a tone that nobody will answer.
    pub(super) fn of_tone(tone: NetworkTone, at: Instant) -> Self {
        let ended_by = if tone == NetworkTone::Engaged { EndedBy::Contact } else { EndedBy::Carrier };
        Self::new(tone_reason(tone), ended_by, at)
    }

    /// A dial was refused or came to nothing.
    pub(super) fn of_refusal(failure: &DialFailure, trunk: TrunkEvidence, at: Instant) -> Self {
        let reason = dial_reason(failure, trunk);
        let local = failure.cause == DialFault::Local;
        let by_contact = matches!(reason, DisconnectionReason::DialBusy | DisconnectionReason::UserDeclined);
        let ended_by = match (local, by_contact) {
            (true, _) => EndedBy::System,
            (false, true) => EndedBy::Contact,
            (false, false) => EndedBy::Carrier,
        };
        Self { technical: local, ..Self::new(reason, ended_by, at) }
    }
}

/// Q.850 causes of a BYE that was sent by the network, not by the person: out of order, no resources, recovery on
/// timer expiry.
fn is_network_fault(cause: u8) -> bool {
    matches!(cause, 27 | 34 | 38 | 41 | 42 | 47 | 102)
}
