//! The queue of deadlines: set, clear and fire in O(log n).

use super::event::{RegistrationId, SessionId, WatchId};
use crate::registrar::RegisterId;
use crate::transaction::{Timer, TransactionId};
use std::collections::BTreeMap;
use std::time::Instant;

/// A deadline of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionTimer {
    /// Our 2xx is sent again until its ACK comes (RFC 3261 13.3.1.4): T1, doubled up to T2.
    RepeatAnswer,
    /// No ACK for our 2xx after 64*T1: the session ends with BYE.
    AckMissing,
    /// Neither answered nor refused for [`Config::early_limit`](super::Config::early_limit).
    EarlyLimit,
    /// A ringing call repeats its provisional response each minute (RFC 3261 13.3.1.1).
    RepeatProvisional,
    /// No final response 64*T1 after our CANCEL (RFC 3261 9.1).
    CancelUnanswered,
    /// An INVITE given up is forgotten: a late 1xx or 2xx finds nobody any more.
    Linger,
    /// Half of the session interval passed and we are the refresher (RFC 4028 section 10).
    Refresh,
    /// A new offer of ours that had to wait is sent.
    Reoffer,
    /// The session interval ran out without a refresh (RFC 4028 section 10).
    Expiry,
    /// The shell did not answer a re-INVITE or UPDATE in time.
    ReofferUnanswered,
    /// Our reliable provisional response is sent again until its PRACK comes (RFC 3262 section 3): T1, doubled.
    RepeatReliable,
    /// No PRACK for it after 64*T1: the call is refused.
    PrackMissing,
    /// The shell did not say in time whether a redirection is to be followed.
    RedirectUnanswered,
    /// No NOTIFY about our REFER came in time, or none can come any more.
    Subscription,
}

/// Why [`poll_timeout`](super::Endpoint::poll_timeout) wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WakeReason {
    /// A timer of a transaction.
    Transaction(TransactionId, Timer),
    /// A deadline of a session.
    Session(SessionId, SessionTimer),
    /// A watched peer is to be asked, or did not answer in time.
    Watch(WatchId),
    /// A registration is to be refreshed or tried again.
    Registration(RegistrationId),
    /// The shell did not answer a REGISTER in time.
    Register(RegisterId),
    /// A connection is to be pinged, or has not answered a ping.
    KeepAlive(u64),
}

/// Deadlines by time, and by what they are for. Each [`WakeReason`] has at most one deadline.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    by_time: BTreeMap<(Instant, u64), WakeReason>,
    by_reason: BTreeMap<WakeReason, (Instant, u64)>,
    sequence: u64,
}

impl TimerQueue {
    /// Sets the deadline of `reason`, in place of an earlier one.
    pub(crate) fn set(&mut self, at: Instant, reason: WakeReason) {
        self.clear(reason);
        self.sequence += 1;
        self.by_time.insert((at, self.sequence), reason);
        self.by_reason.insert(reason, (at, self.sequence));
    }

    /// Sets the deadline of `reason` unless it has an earlier one.
    pub(crate) fn set_sooner(&mut self, at: Instant, reason: WakeReason) {
        if self.by_reason.get(&reason).is_none_or(|(earlier, _)| *earlier > at) {
            self.set(at, reason);
        }
    }

    /// Removes the deadline of `reason`, if it has one.
    pub(crate) fn clear(&mut self, reason: WakeReason) {
        if let Some(key) = self.by_reason.remove(&reason) {
            self.by_time.remove(&key);
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<(Instant, WakeReason)> {
        self.by_time.first_key_value().map(|((at, _), reason)| (*at, *reason))
    }

    /// Takes the earliest deadline that is due at `now`; those of one instant in the order they were set.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<WakeReason> {
        let entry = self.by_time.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let reason = entry.remove();
        self.by_reason.remove(&reason);
        Some(reason)
    }

    /// Removes every deadline of one transaction.
    pub(crate) fn clear_transaction(&mut self, id: TransactionId) {
        self.clear_between(WakeReason::Transaction(id, Timer::A), WakeReason::Transaction(id, Timer::M));
    }

    /// Removes every deadline of one session.
    pub(crate) fn clear_session(&mut self, id: SessionId) {
        let (first, last) = (SessionTimer::RepeatAnswer, SessionTimer::Subscription);
        self.clear_between(WakeReason::Session(id, first), WakeReason::Session(id, last));
    }

    fn clear_between(&mut self, first: WakeReason, last: WakeReason) {
        while let Some((reason, _)) = self.by_reason.range(first..=last).next() {
            self.clear(*reason);
        }
    }

    /// Whether `reason` has a deadline.
    pub(crate) fn is_set(&self, reason: WakeReason) -> bool {
        self.by_reason.contains_key(&reason)
    }

    /// How many deadlines wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_reason.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::epoch;
    use std::time::Duration;

    #[test]
    fn fires_in_order_and_once() {
        let start = epoch();
        let at = |seconds| start + Duration::from_secs(seconds);
        let reason = |id| WakeReason::Registration(RegistrationId(id));
        let mut queue = TimerQueue::default();
        queue.set(at(3), reason(1));
        queue.set(at(1), reason(2));
        queue.set(at(1), reason(3));
        queue.set(at(9), reason(2));
        assert_eq!(queue.next(), Some((at(1), reason(3))));
        assert_eq!(queue.take_due(at(5)), Some(reason(3)));
        assert_eq!(queue.take_due(at(5)), Some(reason(1)));
        assert_eq!(queue.take_due(at(5)), None);
        queue.clear(reason(2));
        assert_eq!(queue.next(), None);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_deadlines_of_one_owner_go_together() {
        let now = epoch();
        let mut queue = TimerQueue::default();
        for id in 1..=3 {
            for timer in Timer::ALL {
                queue.set(now, WakeReason::Transaction(TransactionId(id), timer));
            }
            queue.set(now, WakeReason::Session(SessionId(id), SessionTimer::RepeatAnswer));
            queue.set(now, WakeReason::Session(SessionId(id), SessionTimer::Subscription));
        }
        queue.clear_transaction(TransactionId(2));
        queue.clear_session(SessionId(2));
        assert_eq!(queue.len(), 2 * (Timer::ALL.len() + 2));
        assert!(queue.is_set(WakeReason::Transaction(TransactionId(3), Timer::A)));
        assert!(!queue.is_set(WakeReason::Transaction(TransactionId(2), Timer::M)));
    }
}
