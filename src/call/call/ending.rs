//! How a call comes to its one end: the verdict first, the outcome once the leg is over.

use std::time::Instant;

use super::verdict::Verdict;
use super::{Call, State};
use crate::call::event::{Advice, CallAction, LegEnd, Withdrawal};
use crate::call::outcome::{CallOutcome, DialFailure, DialFault, Failover, failover, is_misconfiguration};
use crate::call::transfer::Handover;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AnsweredBy, EndedBy};

impl Call {
    pub(super) fn handle_failure(&mut self, now: Instant, failure: &DialFailure) {
        let why = match self.state {
            State::Withdrawing { why, since, .. } => Some((why, since)),
            State::HangingUp { .. } => return self.finish_hanging_up(failure.q850),
            State::Dialing { .. } | State::Ringing { .. } | State::Offered { .. } => None,
            State::Talking(_) | State::Ended => return,
        };
        let mut failure = failure.clone();
        failure.provisional_seen |= self.seen.provisional;
        failure.rang |= self.seen.rang;
        failure.after = now.saturating_duration_since(self.started);
        let said_something = failure.cause == DialFault::Response && failure.status != Some(487);
        let verdict = match why {
            // The far side's own word, crossing our CANCEL, tells more than our impatience or a tone.
            Some((Withdrawal::TimedOut | Withdrawal::Tone(_), _)) if said_something => {
                Verdict::of_refusal(&failure, self.seen.trunk, now)
            }
            Some((why, since)) => Verdict::of_withdrawal(why, since),
            None => Verdict::of_refusal(&failure, self.seen.trunk, now),
        };
        self.advise_over(false);
        self.end(CallOutcome {
            reason: verdict.reason,
            sip_code: failure.status,
            q850: failure.q850,
            retry_after: failure.retry_after,
            ended_by: verdict.ended_by,
            answered_by: None,
            immediate: false,
            technical: verdict.technical,
            rang: failure.rang,
            misconfigured: is_misconfiguration(&failure),
            failover: if why.is_some() { Failover::Never } else { failover(&failure) },
            answered_at: None,
            ended_at: verdict.at,
        });
    }

    pub(super) fn handle_leg_end(&mut self, now: Instant, by: LegEnd, q850: Option<u8>) {
        let answered_at = match &self.state {
            State::Talking(_) => self.seen.answered_at,
            State::HangingUp { .. } => return self.finish_hanging_up(q850),
            // The caller gave up before we took the call, or a crossed 200 was hung up at once.
            State::Offered { .. } => None,
            State::Dialing { .. } | State::Ringing { .. } | State::Withdrawing { .. } => {
                return self.end_withdrawn(now);
            }
            State::Ended => return,
        };
        let mut verdict = Verdict::of_leg_end(by, q850, now);
        let early =
            answered_at.is_some_and(|answered| now.saturating_duration_since(answered) < self.config.early_hangup);
        verdict.immediate = early && verdict.reason == DisconnectionReason::UserHangup;
        let verdict = self.as_transfer(verdict);
        self.advise_over(verdict.ended_by == EndedBy::Contact);
        self.conclude(verdict);
    }

    /// The leg is gone although we only meant to withdraw the dial.
    pub(super) fn end_withdrawn(&mut self, now: Instant) {
        let (why, at) = match self.state {
            State::Withdrawing { why, since, .. } => (why, since),
            State::Dialing { .. }
            | State::Ringing { .. }
            | State::Offered { .. }
            | State::Talking(_)
            | State::HangingUp { .. }
            | State::Ended => (Withdrawal::Fault, now),
        };
        self.advise_over(false);
        self.conclude(Verdict::of_withdrawal(why, at));
    }

    pub(super) fn hang_up(&mut self, now: Instant, verdict: Verdict) {
        let verdict = self.as_transfer(verdict);
        self.advise_over(false);
        self.actions.push_back(CallAction::HangUp);
        self.state = State::HangingUp { verdict, until: now + self.config.teardown };
    }

    pub(super) fn finish_hanging_up(&mut self, q850: Option<u8>) {
        if let State::HangingUp { verdict, .. } = &self.state {
            let mut verdict = verdict.clone();
            verdict.q850 = verdict.q850.or(q850);
            self.conclude(verdict);
        }
    }

    /// However a call ends whose caller talked to somebody else: it was transferred. A far side that accepted our REFER
    /// and then hangs up has done as asked.
    fn as_transfer(&self, verdict: Verdict) -> Verdict {
        let State::Talking(talking) = &self.state else { return verdict };
        let transferred = match talking.handover {
            Some(Handover::Joined) => true,
            Some(Handover::Accepted) => verdict.reason == DisconnectionReason::UserHangup,
            Some(Handover::Begun | Handover::Failed | Handover::Done) | None => false,
        };
        if !transferred {
            return verdict;
        }
        let reason = DisconnectionReason::CallTransfer;
        Verdict { reason, technical: false, immediate: false, ..verdict }
    }

    /// Silences the leg and tells the conversation that it is over.
    fn advise_over(&mut self, by_callee: bool) {
        if !std::mem::replace(&mut self.seen.over, true) {
            self.actions.push_back(CallAction::StopMedia);
            self.actions.push_back(CallAction::Advise(Advice::HungUp { by_callee }));
        }
    }

    fn conclude(&mut self, verdict: Verdict) {
        let answered = self.seen.answered_at.is_some();
        let noticed = if self.seen.caller_spoke { AnsweredBy::Human } else { AnsweredBy::Unknown };
        self.end(CallOutcome {
            reason: verdict.reason,
            sip_code: answered.then_some(200),
            q850: verdict.q850,
            retry_after: None,
            ended_by: verdict.ended_by,
            answered_by: answered.then(|| self.seen.answered_by.unwrap_or(noticed)),
            immediate: verdict.immediate,
            technical: verdict.technical,
            rang: self.seen.rang,
            misconfigured: false,
            failover: Failover::Never,
            answered_at: self.seen.answered_at,
            ended_at: verdict.at,
        });
    }

    fn end(&mut self, outcome: CallOutcome) {
        self.outcomes += 1;
        self.state = State::Ended;
        self.actions.push_back(CallAction::Ended(outcome));
    }
}
