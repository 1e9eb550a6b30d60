//! From one server of a trunk to the next (RFC 3263 section 4.3), pure: what the end of a dial says about its server, and
//! whether the same dial may go to another one.

use callwright_sip::locate::Trouble;

use crate::call::outcome::{CallOutcome, Failover};
use crate::campaign::disconnection::DisconnectionReason;

/// What a dial's end says about the server it went to; nothing where the server answered for whom it was asked, or we
/// failed.
#[must_use]
pub fn trouble(outcome: &CallOutcome) -> Option<Trouble> {
    match (outcome.sip_code, outcome.reason) {
        _ if outcome.technical || outcome.rang || outcome.answered_at.is_some() => None,
        (Some(503), _) => Some(Trouble::Unavailable { retry_after: outcome.retry_after }),
        // Without a status: nothing was written.
        (None, DisconnectionReason::TelephonyProviderUnavailable) => Some(Trouble::Unreachable),
        // Without a status: nothing came back, or the connection was lost on the way.
        (None, DisconnectionReason::DialFailed) => Some(Trouble::Silent),
        (Some(_) | None, _) => None,
    }
}

/// Whether the same dial may go to another server of its trunk. What may have arrived is never sent again, or somebody might
/// be rung twice.
#[must_use]
pub fn may_go_on(outcome: &CallOutcome) -> bool {
    outcome.failover == Failover::Allowed && trouble(outcome).is_some_and(|trouble| !trouble.may_have_arrived())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::outcome::{DialFailure, DialFault, TrunkEvidence, dial_reason, failover};

    /// The end of a dial as the call reads it from what the endpoint says.
    fn ended(cause: DialFault, status: Option<u16>, rang: bool) -> CallOutcome {
        let failure = DialFailure {
            cause,
            status,
            phrase: Vec::new(),
            q850: None,
            reason_text: Vec::new(),
            jcard: false,
            retry_after: Some(Duration::from_secs(7)).filter(|_| status == Some(503)),
            provisional_seen: rang,
            rang,
            after: Duration::ZERO,
        };
        let reason = dial_reason(&failure, TrunkEvidence::default());
        let outcome = CallOutcome::refused(reason, 0, failover(&failure));
        CallOutcome {
            sip_code: status,
            retry_after: failure.retry_after,
            technical: cause == DialFault::Local,
            rang,
            ..outcome
        }
    }

    #[test]
    fn only_what_was_not_heard_goes_to_the_next_server() {
        let unavailable = Trouble::Unavailable { retry_after: Some(Duration::from_secs(7)) };
        for (cause, status, rang, wanted, goes_on) in [
            (DialFault::NotSent, None, false, Some(Trouble::Unreachable), true),
            (DialFault::Response, Some(503), false, Some(unavailable), true),
            (DialFault::Response, Some(503), true, None, false),
            (DialFault::Silence, None, false, Some(Trouble::Silent), false),
            (DialFault::ConnectionLost, None, false, Some(Trouble::Silent), false),
            (DialFault::Response, Some(500), false, None, false),
            (DialFault::Response, Some(486), false, None, false),
            (DialFault::Local, None, false, None, false),
        ] {
            let outcome = ended(cause, status, rang);
            assert_eq!(trouble(&outcome), wanted, "{cause:?} {status:?}");
            assert_eq!(may_go_on(&outcome), goes_on, "{cause:?} {status:?}");
        }
    }
}
