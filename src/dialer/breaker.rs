//! The failure breaker: a burst of failed dials pauses their campaign before it burns through its contacts.

use std::collections::BTreeMap;

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::settings::FailureBreaker;

/// Whether a dial failed for a cause that the next one would meet as well. Nobody at home, a busy line, a refusal or a
/// wrong number say something of the person called, not of us.
#[must_use]
pub const fn is_failure(reason: DisconnectionReason, technical: bool) -> bool {
    match reason {
        DisconnectionReason::DialFailed
        | DisconnectionReason::TelephonyProviderUnavailable
        | DisconnectionReason::TelephonyProviderPermissionDenied
        | DisconnectionReason::ErrorNoAudioReceived
        | DisconnectionReason::OutcomeUnknown => true,
        DisconnectionReason::DialNoAnswer
        | DisconnectionReason::DialBusy
        | DisconnectionReason::InvalidPhoneNumber
        | DisconnectionReason::EmptyPhone
        | DisconnectionReason::UserDeclined
        | DisconnectionReason::MarkedAsSpam
        | DisconnectionReason::VoiceCallsOptedOut
        | DisconnectionReason::InvalidTimezone
        | DisconnectionReason::VoicemailReached
        | DisconnectionReason::CallScreened
        | DisconnectionReason::Inactivity
        | DisconnectionReason::MaxDurationReached
        | DisconnectionReason::CallTransfer
        | DisconnectionReason::UserHangup
        | DisconnectionReason::AgentHangup
        | DisconnectionReason::ConcurrencyLimitReached
        | DisconnectionReason::NodeLost
        | DisconnectionReason::Cancelled => technical,
    }
}

/// Why the breaker opens, in words, when the latest dials since the campaign last began make it open.
#[must_use]
pub fn trips(rule: &FailureBreaker, latest: &[(DisconnectionReason, bool)]) -> Option<String> {
    let dials = latest.len();
    let failed: Vec<_> = latest.iter().filter(|(reason, technical)| is_failure(*reason, *technical)).collect();
    let enough = failed.len() * 100 >= dials * rule.percent as usize;
    if dials < rule.dials as usize || !enough {
        return None;
    }
    let mut by_reason: BTreeMap<DisconnectionReason, usize> = BTreeMap::new();
    for (reason, _) in &failed {
        *by_reason.entry(*reason).or_default() += 1;
    }
    let reasons: Vec<_> = by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    Some(format!("{} of the last {dials} dials failed: {}", failed.len(), reasons.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: FailureBreaker = FailureBreaker { dials: 5, percent: 80 };

    #[test]
    fn a_burst_of_our_own_failures_opens_it_and_says_which() {
        use DisconnectionReason as R;
        let burst = [(R::DialFailed, false), (R::DialFailed, false), (R::DialBusy, false), (R::AgentHangup, true)];
        assert_eq!(trips(&RULE, &burst), None, "too few dials to judge");
        let mut longer = burst.to_vec();
        longer.push((R::TelephonyProviderUnavailable, false));
        let why = trips(&RULE, &longer).expect("four of five");
        assert_eq!(
            why,
            "4 of the last 5 dials failed: 2 dial_failed, 1 telephony_provider_unavailable, 1 agent_hangup"
        );
        longer[0].0 = R::UserHangup;
        assert_eq!(trips(&RULE, &longer), None, "three of five");
    }

    #[test]
    fn people_who_are_out_do_not_open_it() {
        use DisconnectionReason as R;
        let quiet = [R::DialNoAnswer, R::DialBusy, R::VoicemailReached, R::UserDeclined, R::InvalidPhoneNumber];
        assert_eq!(trips(&RULE, &quiet.map(|reason| (reason, false))), None);
    }
}
