//! How dials end, and what lost nodes leave behind.

use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, Ledger, Node};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AttemptState, BlockedReason, TargetState};
use crate::campaign::target::TargetEvent;
use crate::dialer::numbers;
use crate::dialer::retry::{self, End, Hold, Round, Settled};
use crate::id::AttemptId;

/// A dial that is this much older than the longest call was forgotten by its node.
const FORGOTTEN: Duration = Duration::from_secs(300);

impl Ledger {
    /// Writes the end of a dial, after which they may want to be called back; gives when its target is due again.
    pub fn finish(&mut self, attempt: AttemptId, end: &End, wish: Option<Timestamp>) -> Option<Timestamp> {
        let row = &self.attempts[attempt];
        let target = row.target;
        if row.state == AttemptState::Unknown {
            // The owner of an attempt declared unknown may write how it ended; its target stays as it was settled.
            let row = &mut self.attempts[attempt];
            row.state = AttemptState::Ended;
            row.reason = Some(end.reason);
            return None;
        }
        if !row.state.is_live() {
            return None;
        }
        let last =
            if end.reason == DisconnectionReason::NodeLost { AttemptState::NotPlaced } else { AttemptState::Ended };
        let contact = self.targets[target].contact;
        let number = self.attempts[attempt].number.clone();
        self.end_attempt(attempt, last, Some(end.reason));
        if last == AttemptState::Ended {
            self.last_on_number.insert(number.clone(), (target, end.at));
            if end.reason == DisconnectionReason::VoiceCallsOptedOut {
                self.suppressed.insert(number.clone(), BlockedReason::OptedOut);
                self.suppressed.insert(self.contacts[contact].number.clone(), BlockedReason::OptedOut);
                for further in self.further.get(&contact).into_iter().flatten() {
                    self.suppressed.insert(further.clone(), BlockedReason::OptedOut);
                }
            }
            if end.reason == DisconnectionReason::InvalidPhoneNumber {
                self.invalid.insert((contact, number.clone()));
            } else if answered(end.reason) {
                self.invalid.remove(&(contact, number.clone()));
            }
        }
        let policy = self.campaigns[self.targets[target].campaign].rules.settings.alternate_numbers;
        let place = u32::try_from(self.targets[target].number).expect("few");
        let next = numbers::after(policy, end.reason, place, &self.lines(contact)).map(|next| next as usize);
        let (ends, callback) = (&self.targets[target].ends, self.attempts[attempt].callback);
        let count = |wanted: &dyn Fn(DisconnectionReason) -> bool| {
            let alike = ends.iter().filter(|(kind, earlier)| *kind == callback && wanted(*earlier));
            u32::try_from(alike.count()).expect("few")
        };
        let entry = &self.campaigns[self.targets[target].campaign];
        let opened = entry.opened.get(self.targets[target].run_seq - 1);
        let run = opened.and_then(|opened| entry.schedule.run(opened.run));
        let round = Round {
            consumed: count(&|earlier| earlier.consumes_retry()),
            free: count(&|earlier| !earlier.consumes_retry()),
            same_reason: count(&|earlier| earlier == end.reason),
            most: run.and_then(|run| run.max_retries),
            callback,
            another_number: next.is_some(),
        };
        let rules = &entry.rules;
        let zone = self.contacts[contact].zone.as_deref();
        let zones = rules.zones(zone, &number);
        let then = next.map_or_else(|| zones.clone(), |next| rules.zones(zone, self.number_at(contact, next)));
        let hold = self.targets[target].hold;
        let mut settled = retry::settle(rules, then.as_ref(), &round, end, hold);
        let agreed = wish.filter(|_| hold.is_none());
        let agreed = agreed.and_then(|wish| retry::planned(rules, zones.as_ref(), wish.max(end.at)));
        if let Some(at) = agreed {
            settled = Settled { state: TargetState::Callback, next_at: Some(at), blocked: None };
        }
        let row = &mut self.targets[target];
        if let Some(next) = next.filter(|_| agreed.is_none() && !settled.state.is_final()) {
            row.number = next;
        }
        if last == AttemptState::Ended {
            row.ends.push((callback, end.reason));
            row.last_ended = Some(end.at);
            row.last_reason = Some(end.reason);
            row.answered |= answered(end.reason);
            row.late = false;
            row.rank = row.priority;
            row.listed &= settled.state == TargetState::Ready;
            row.callback_at = settled.next_at.filter(|_| settled.state == TargetState::Callback);
        }
        row.hold = None;
        row.blocked = settled.blocked;
        self.step(target, settle_event(settled.state), settled.next_at.unwrap_or(end.at));
        settled.next_at
    }

    /// Settles the attempts of nodes whose lease has run out, or of all nodes but one when it is the only one. Gives the
    /// attempts whose legs have to be ended.
    pub fn reap(&mut self, now: Timestamp, only_node: Option<Node>) -> Vec<AttemptId> {
        let lost = |node: Node| match only_node {
            Some(only) => node != only,
            None => self.leases.get(&node).is_none_or(|&until| until < now),
        };
        let given_up = |attempt: &Attempt| {
            let settings = &self.campaigns[self.targets[attempt.target].campaign].rules.settings;
            let longest = settings.ring_timeout() + Duration::from_secs(settings.max_call_duration_s.into());
            let forgotten = attempt.committed_at.is_some_and(|began| began + longest + FORGOTTEN < now);
            forgotten || attempt.state == AttemptState::Claimed && attempt.lease_until <= now
        };
        let abandoned: Vec<_> = self
            .live
            .iter()
            .copied()
            .filter(|&id| {
                let attempt = &self.attempts[id];
                attempt.state.is_live() && (lost(attempt.node) || given_up(attempt))
            })
            .collect();
        let mut orphans = Vec::new();
        for attempt in abandoned {
            let target = self.attempts[attempt].target;
            if self.attempts[attempt].state == AttemptState::Claimed {
                self.end_attempt(attempt, AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost));
                self.give_back(target, now);
            } else {
                // The channel stays taken until the leg is known to be down.
                self.end_attempt(attempt, AttemptState::Unknown, Some(DisconnectionReason::OutcomeUnknown));
                self.take(attempt);
                let callback = self.attempts[attempt].callback;
                let row = &mut self.targets[target];
                row.ends.push((callback, DisconnectionReason::OutcomeUnknown));
                row.last_ended = Some(now);
                row.last_reason = Some(DisconnectionReason::OutcomeUnknown);
                (row.callback_at, row.late, row.rank) = (None, false, row.priority);
                let removed = row.hold.take() == Some(Hold::Remove);
                self.step(target, if removed { TargetEvent::RemoveAfterCall } else { TargetEvent::Fail }, now);
                orphans.push(attempt);
            }
        }
        orphans
    }

    /// The orphan's leg is down.
    pub fn free(&mut self, attempt: AttemptId) {
        self.let_go(attempt);
    }
}

/// Whether a person answered, as a reason tells.
#[must_use]
pub fn answered(reason: DisconnectionReason) -> bool {
    matches!(
        reason,
        DisconnectionReason::AgentHangup
            | DisconnectionReason::UserHangup
            | DisconnectionReason::CallTransfer
            | DisconnectionReason::VoiceCallsOptedOut
            | DisconnectionReason::Inactivity
            | DisconnectionReason::MaxDurationReached
    )
}

fn settle_event(state: TargetState) -> TargetEvent {
    match state {
        TargetState::Waiting => TargetEvent::Retry,
        TargetState::Ready => TargetEvent::Unsent,
        TargetState::Done => TargetEvent::Finish,
        TargetState::Failed => TargetEvent::Fail,
        TargetState::Blocked => TargetEvent::Block,
        TargetState::Expired => TargetEvent::PeriodEnd,
        TargetState::Suspended => TargetEvent::SuspendAfterCall,
        TargetState::Removed => TargetEvent::RemoveAfterCall,
        TargetState::Callback => TargetEvent::AskCallback,
        TargetState::New | TargetState::Rejected | TargetState::InProgress => {
            unreachable!("a dial does not end in {state}")
        }
    }
}
