//! How a trunk is doing, pure: when to stay away from it, and what its answers are worth.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::call::outcome::{CallOutcome, TrunkEvidence};
use crate::campaign::disconnection::DisconnectionReason;

/// The shortest time away after a failure of the trunk itself; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A carrier's Retry-After is obeyed up to here.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Different numbers that have to fail in a row before the trunk itself is suspected.
const SUSPECT: usize = 3;
/// Different numbers that have to be refused by permission before the trunk is stopped…
const REFUSED: usize = 5;
/// …within this time.
const REFUSED_WITHIN: Duration = Duration::from_secs(300);
/// Latest outcomes that tell whether 480s have become too many.
const RECENT: usize = 20;

/// The state of one trunk.
#[derive(Debug, Default)]
pub struct TrunkHealth {
    until: Option<Instant>,
    pause: Duration,
    /// The breaker is half open: one call may try.
    trying: bool,
    failing: BTreeSet<u64>,
    refused: VecDeque<(Instant, u64)>,
    denied: bool,
    /// Whether each of the latest dials came back at once with a 480 and no ring.
    quick_480: VecDeque<bool>,
}

/// Why no call should go over a trunk now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Backed off; try again then.
    Until(Instant),
    /// One call is trying whether it is back.
    Trying,
    /// Refuses us by permission: a person has to act.
    Denied,
}

impl TrunkHealth {
    /// Whether a call may go over the trunk; taking the answer `Ok` after a pause makes it the one that tries.
    ///
    /// # Errors
    /// [`Unusable`] says why not.
    pub fn admit(&mut self, now: Instant) -> Result<(), Unusable> {
        match self.closed(now) {
            Some(why) => Err(why),
            None => {
                self.trying = self.until.is_some();
                Ok(())
            }
        }
    }

    /// Why no call should go over the trunk now; `None` when one may.
    #[must_use]
    pub fn closed(&self, now: Instant) -> Option<Unusable> {
        match self.until {
            _ if self.denied => Some(Unusable::Denied),
            Some(until) if now < until => Some(Unusable::Until(until)),
            Some(_) if self.trying => Some(Unusable::Trying),
            Some(_) | None => None,
        }
    }

    /// The call that was to try was not sent: another one may.
    pub fn withdraw(&mut self) {
        self.trying = false;
    }

    /// Learns from the end of a dial. `number` stands for the number called (a hash will do); `jitter` in 0 to 1
    /// spreads the return of several nodes.
    pub fn observe(&mut self, now: Instant, number: u64, outcome: &CallOutcome, jitter: f64) {
        let quick = outcome.sip_code == Some(480) && !outcome.rang;
        self.quick_480.push_back(quick);
        if self.quick_480.len() > RECENT {
            self.quick_480.pop_front();
        }
        match outcome.reason {
            DisconnectionReason::TelephonyProviderUnavailable | DisconnectionReason::DialFailed => {
                self.fail(now, number, outcome.retry_after, jitter);
            }
            DisconnectionReason::TelephonyProviderPermissionDenied => self.refuse(now, number),
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
            | DisconnectionReason::ErrorNoAudioReceived
            | DisconnectionReason::MaxDurationReached
            | DisconnectionReason::CallTransfer
            | DisconnectionReason::UserHangup
            | DisconnectionReason::AgentHangup
            | DisconnectionReason::ConcurrencyLimitReached
            | DisconnectionReason::NodeLost
            | DisconnectionReason::OutcomeUnknown
            | DisconnectionReason::Cancelled => self.recover(),
        }
    }

    /// What the trunk's behaviour says about its next failure.
    #[must_use]
    pub fn evidence(&self) -> TrunkEvidence {
        let quick = self.quick_480.iter().filter(|quick| **quick).count();
        TrunkEvidence { raised_480: self.quick_480.len() >= RECENT / 2 && quick * 2 > self.quick_480.len() }
    }

    /// A person has mended what the carrier refused.
    pub fn permit(&mut self) {
        self.denied = false;
        self.refused.clear();
    }

    fn fail(&mut self, now: Instant, number: u64, retry_after: Option<Duration>, jitter: f64) {
        self.failing.insert(number);
        let wait = match retry_after {
            Some(asked) => asked.min(LONGEST_RETRY_AFTER),
            None if self.failing.len() >= SUSPECT || self.trying => {
                self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                self.pause.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
            }
            None => return,
        };
        self.trying = false;
        self.until = Some(self.until.unwrap_or(now).max(now + wait));
    }

    fn refuse(&mut self, now: Instant, number: u64) {
        self.trying = false;
        self.refused.push_back((now, number));
        while self.refused.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > REFUSED_WITHIN) {
            self.refused.pop_front();
        }
        let numbers: BTreeSet<u64> = self.refused.iter().map(|(_, number)| *number).collect();
        self.denied = numbers.len() >= REFUSED;
        if self.denied {
            self.refused.clear();
        }
    }

    fn recover(&mut self) {
        self.failing.clear();
        self.until = None;
        self.pause = Duration::ZERO;
        self.trying = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::outcome::Failover;
    use crate::campaign::states::EndedBy;
    use crate::time;

    fn ended(reason: DisconnectionReason, sip_code: u16) -> CallOutcome {
        CallOutcome {
            reason,
            sip_code: Some(sip_code),
            q850: None,
            retry_after: None,
            ended_by: EndedBy::Carrier,
            answered_by: None,
            immediate: false,
            technical: false,
            rang: false,
            misconfigured: false,
            failover: Failover::Never,
            answered_at: None,
            ended_at: time::now().mono,
        }
    }

    #[test]
    fn three_numbers_failing_open_the_breaker_and_one_call_tries_it() {
        let now = time::now().mono;
        let mut trunk = TrunkHealth::default();
        let failed = ended(DisconnectionReason::DialFailed, 500);
        for number in [1, 1, 2] {
            trunk.observe(now, number, &failed, 0.0);
            assert_eq!(trunk.admit(now), Ok(()));
        }
        trunk.observe(now, 3, &failed, 0.0);
        assert_eq!(trunk.admit(now), Err(Unusable::Until(now + Duration::from_secs(1))));
        let back = now + Duration::from_secs(1);
        assert_eq!(trunk.admit(back), Ok(()));
        assert_eq!(trunk.admit(back), Err(Unusable::Trying));
        trunk.observe(back, 4, &failed, 0.0);
        assert_eq!(trunk.admit(back), Err(Unusable::Until(back + Duration::from_secs(2))));
        let again = back + Duration::from_secs(2);
        assert_eq!(trunk.admit(again), Ok(()));
        trunk.observe(again, 5, &ended(DisconnectionReason::DialBusy, 486), 0.0);
        assert_eq!((trunk.admit(again), trunk.admit(again)), (Ok(()), Ok(())));
    }

    #[test]
    fn pauses_grow_to_a_minute_and_spread() {
        let mut now = time::now().mono;
        let mut trunk = TrunkHealth::default();
        let failed = ended(DisconnectionReason::DialFailed, 500);
        let mut last = Duration::ZERO;
        for number in 0..12 {
            trunk.observe(now, number, &failed, 1.0);
            if let Err(Unusable::Until(until)) = trunk.admit(now) {
                last = until - now;
                now = until;
                assert_eq!(trunk.admit(now), Ok(()));
            }
        }
        assert_eq!(last, Duration::from_secs(75));
    }

    #[test]
    fn a_retry_after_is_obeyed_at_once_up_to_five_minutes() {
        let now = time::now().mono;
        for (asked, waited) in [(30, 30), (86_400, 300)] {
            let mut trunk = TrunkHealth::default();
            let retry_after = Some(Duration::from_secs(asked));
            let refused = CallOutcome { retry_after, ..ended(DisconnectionReason::TelephonyProviderUnavailable, 503) };
            trunk.observe(now, 1, &refused, 0.0);
            assert_eq!(trunk.admit(now), Err(Unusable::Until(now + Duration::from_secs(waited))));
        }
    }

    #[test]
    fn permission_is_denied_after_five_numbers_in_five_minutes() {
        let now = time::now().mono;
        let refused = ended(DisconnectionReason::TelephonyProviderPermissionDenied, 403);
        let mut slow = TrunkHealth::default();
        for number in 0..6 {
            slow.observe(now + Duration::from_secs(76) * u32::try_from(number).expect("small"), number, &refused, 0.0);
        }
        assert_eq!(slow.admit(now), Ok(()), "never five within five minutes");
        let mut trunk = TrunkHealth::default();
        for number in [1, 2, 3, 4, 4] {
            trunk.observe(now, number, &refused, 0.0);
            assert_eq!(trunk.admit(now), Ok(()));
        }
        trunk.observe(now, 5, &refused, 0.0);
        assert_eq!(trunk.admit(now), Err(Unusable::Denied));
        trunk.permit();
        assert_eq!(trunk.admit(now), Ok(()));
    }

    #[test]
    fn a_raised_rate_of_480_is_evidence() {
        let now = time::now().mono;
        let mut trunk = TrunkHealth::default();
        let unavailable = ended(DisconnectionReason::DialNoAnswer, 480);
        (0..9).for_each(|number| trunk.observe(now, number, &unavailable, 0.0));
        assert!(!trunk.evidence().raised_480, "too few to tell");
        trunk.observe(now, 9, &unavailable, 0.0);
        assert!(trunk.evidence().raised_480);
        let rang = CallOutcome { rang: true, ..unavailable };
        (0..15).for_each(|number| trunk.observe(now, number, &rang, 0.0));
        assert!(!trunk.evidence().raised_480);
    }
}
