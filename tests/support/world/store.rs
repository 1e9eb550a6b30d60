//! The store as the hosts see it: transactions that wait, fail, or are lost on their way.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::states::{AttemptState, CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::dialer::engine::{Action, ClaimResult, Input, Notice};
use callwright::dialer::forecast::ledger::Node;
use callwright::dialer::retry::End;
use callwright::id::AttemptId;
use jiff::Timestamp;

use super::bug::Bug;
use super::fate::Step;
use super::{Event, World};

/// How a transaction is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Luck {
    /// As it should be.
    Good,
    /// It happened, and nobody is told.
    Unheard,
    /// It did not happen.
    Failed,
}

impl World {
    /// The store carries out an action of a host, or does not.
    pub(super) fn execute(&mut self, host: usize, life: u32, action: Action) {
        if self.at < self.stalled_until {
            let wait = Duration::from_micros(self.stalled_until - self.at + self.rng.between(1, 50_000));
            return self.schedule(wait, Event::Execute { host, life, action });
        }
        let (now, node) = (self.now().wall, self.hosts[host].node);
        let luck = self.luck(host, life);
        let answer = match luck {
            Luck::Good => Some(self.transact(host, node, action, now)),
            Luck::Unheard => {
                self.transact(host, node, action, now);
                None
            }
            Luck::Failed => None,
        };
        let latency = self.latency();
        let input = answer.unwrap_or_else(|| self.failed(action));
        self.schedule(latency, Event::Deliver { host, life, input });
    }

    fn luck(&mut self, host: usize, life: u32) -> Luck {
        let severed = self.hosts[host].severed_until > self.at;
        // What had left a process before it died, or lost its connection, may still happen.
        if severed || !self.is_alive(host, life) || self.at < self.store_down_until {
            return if self.rng.chance(400) { Luck::Unheard } else { Luck::Failed };
        }
        let entry = &mut self.hosts[host];
        if entry.commits_to_fail > 0 {
            entry.commits_to_fail -= 1;
            // It is tried again after a moment.
            entry.disturbed_until = entry.disturbed_until.max(self.at + 1_000_000);
            return Luck::Failed;
        }
        Luck::Good
    }

    /// What a host makes of an action whose result it does not know.
    fn failed(&self, action: Action) -> Input {
        match (self.bug, action) {
            (Some(Bug::UnknownCommitIsDone), Action::Commit { attempt, .. }) => {
                Input::Committed { attempt, may_send: true }
            }
            (Some(Bug::UnknownCommitIsForgotten), Action::Commit { attempt, .. }) => {
                Input::Committed { attempt, may_send: false }
            }
            _ => Input::StoreFailed(action),
        }
    }

    fn transact(&mut self, host: usize, node: Node, action: Action, now: Timestamp) -> Input {
        match action {
            Action::Load => Input::Campaigns(self.ledger.in_progress()),
            Action::Promote { campaign, limit } => {
                let index = self.ledger.index_of(campaign);
                let (promoted, next_due, open) = self.ledger.promote(index, limit, now);
                Input::Promoted { campaign, promoted, next_due, open }
            }
            Action::Hurry { campaign, limit } => {
                let index = self.ledger.index_of(campaign);
                let (promoted, next) = self.ledger.hurry(index, limit, now);
                Input::Hurried { campaign, promoted, next }
            }
            Action::Claim { campaign, headroom, .. } => {
                let index = self.ledger.index_of(campaign);
                let (result, next_due) = self.claim(index, node, now, headroom);
                if result == ClaimResult::Stopped && !self.ledger.holds(node, now) {
                    return Input::StoreFailed(action);
                }
                if let ClaimResult::Dial(dial) = result {
                    self.reached(host, Step::Claimed, dial.attempt);
                }
                Input::Claimed { campaign, result, next_due }
            }
            Action::Commit { attempt, send_by } => {
                let may_send = self.commit(attempt, node, now, send_by);
                if may_send {
                    self.reached(host, Step::Committed, attempt);
                }
                Input::Committed { attempt, may_send }
            }
            Action::Unsend { attempt } => {
                self.counter -= 1;
                self.ledger.unsend(attempt, node, now);
                Input::Unsent { attempt }
            }
            Action::Expire { campaign } => {
                let index = self.ledger.index_of(campaign);
                self.ledger.expire(index, now);
                Input::Expired(campaign)
            }
            Action::Complete { campaign } => {
                let index = self.ledger.index_of(campaign);
                Input::Completed(campaign, self.ledger.complete(index, now))
            }
            Action::RenewLease => Input::LeaseRenewed { held: self.ledger.renew(node, now) },
            Action::Reap => {
                self.reap(host, node, now);
                Input::Reaped
            }
            Action::Place { .. } => unreachable!("host {host} sends, not the store"),
        }
    }

    fn claim(
        &mut self,
        campaign: usize,
        node: Node,
        now: Timestamp,
        headroom: Duration,
    ) -> (ClaimResult, Option<Timestamp>) {
        let most = self.ledger.org_max_calls;
        if self.bug == Some(Bug::CounterNotCount) {
            // Where the rows are counted, let the limit be off by as much as a counter would be.
            let counted = i64::try_from(self.ledger.live.len()).expect("few");
            let believed = i64::from(most) + counted - self.counter;
            self.ledger.org_max_calls = u32::try_from(believed.max(0)).expect("few");
        }
        let (mut result, next_due) = self.ledger.claim(campaign, node, now, headroom);
        self.ledger.org_max_calls = most;
        if let ClaimResult::Dial(dial) = &mut result {
            self.counter += 1;
            if self.bug == Some(Bug::PaceByClaim) {
                dial.send_at = now;
            }
        }
        (result, next_due)
    }

    fn commit(&mut self, attempt: AttemptId, node: Node, now: Timestamp, send_by: Timestamp) -> bool {
        let unchecked = self.ledger.attempts[attempt].state == AttemptState::Claimed;
        if self.bug == Some(Bug::SkippedRecheck) && unchecked {
            let row = &mut self.ledger.attempts[attempt];
            (row.state, row.committed_at) = (AttemptState::Dialing, Some(now));
            return true;
        }
        let campaign = self.ledger.targets[self.ledger.attempts[attempt].target].campaign;
        let state = self.ledger.campaigns[campaign].rules.state;
        if self.bug == Some(Bug::DeafToPause) && state == CampaignState::Paused {
            self.ledger.campaigns[campaign].rules.state = CampaignState::InProgress;
        }
        let may_send = self.ledger.commit(attempt, node, now, send_by);
        self.ledger.campaigns[campaign].rules.state = state;
        if !may_send && unchecked {
            self.counter -= 1;
        }
        may_send
    }

    fn reap(&mut self, host: usize, node: Node, now: Timestamp) {
        let only = (self.hosts.len() == 1).then_some(node);
        let claimed: Vec<_> = self.ledger.live.iter().copied().collect();
        let orphans = self.ledger.reap(now, only);
        for attempt in claimed {
            let row = &self.ledger.attempts[attempt];
            if row.state == AttemptState::NotPlaced {
                self.counter -= 1;
                self.check.reclaimed(row.target, now);
            }
        }
        if !orphans.is_empty() {
            self.notify(Notice::Room);
        }
        for attempt in orphans {
            self.counter -= 1;
            self.orphaned(attempt, now);
        }
        // Legs that nobody sees to, and those that must be over by now.
        let lease = u64::try_from(self.ledger.lease.as_micros()).expect("short");
        let open: Vec<_> = self.orphans.iter().map(|(&attempt, &times)| (attempt, times)).collect();
        for (attempt, (until, free_at)) in open {
            if free_at <= self.at {
                self.check.down(attempt);
                self.set_free(attempt);
            } else if until <= self.at {
                self.orphans.insert(attempt, (self.at + lease, free_at));
                self.recover(host, attempt);
            }
        }
    }

    fn orphaned(&mut self, attempt: AttemptId, now: Timestamp) {
        let row = &self.ledger.attempts[attempt];
        let (target, callback) = (row.target, row.callback);
        let committed = row.committed_at.map_or(self.at, |at| self.at_of(at));
        let (node, held) = (row.node, self.ledger.holds(row.node, now));
        let at_work = held && self.hosts.iter().any(|host| host.up && host.node == node);
        assert!(!at_work, "an outcome is unknown though its node holds its lease");
        self.check.unknown += 1;
        self.check.ended(now, target, DisconnectionReason::OutcomeUnknown, false, callback);
        let settings = &self.ledger.campaigns[self.ledger.targets[target].campaign].rules.settings;
        let longest = u64::from(settings.ring_timeout_s + settings.max_call_duration_s + 32) * 1_000_000;
        self.orphans.insert(attempt, (0, (committed + longest).max(self.at)));
        if self.bug == Some(Bug::OrphanIsFree) {
            self.set_free(attempt);
        }
        if self.bug == Some(Bug::ReaperRedials) {
            self.ledger.act(target, TargetEvent::Restart, now);
        }
    }

    /// A host writes that an orphan's leg is down; when the store is away somebody else finds it.
    pub(super) fn free(&mut self, host: usize, attempt: AttemptId) {
        let severed = self.hosts[host].severed_until > self.at || self.at < self.store_down_until;
        if !severed {
            self.set_free(attempt);
        }
    }

    fn set_free(&mut self, attempt: AttemptId) {
        if self.orphans.remove(&attempt).is_some() {
            self.counter -= 1;
            self.ledger.free(attempt);
            self.notify(Notice::Room);
        }
    }

    /// A host writes how a dial ended, again and again until the store takes it.
    pub(super) fn finish(&mut self, host: usize, life: u32, attempt: AttemptId, mut end: End, wish: Option<Timestamp>) {
        if self.at < self.stalled_until {
            let wait = Duration::from_micros(self.stalled_until - self.at + 1_000);
            return self.schedule(wait, Event::Finish { host, life, attempt, end, wish });
        }
        let luck = self.luck(host, life);
        if luck != Luck::Failed {
            if self.bug == Some(Bug::DelayFromStart) {
                end.at = self.ledger.attempts[attempt].send_at;
            }
            self.write_end(attempt, &end, wish);
        }
        if luck != Luck::Good {
            return self.schedule(Duration::from_secs(1), Event::Finish { host, life, attempt, end, wish });
        }
        let row = &self.ledger.attempts[attempt];
        let target = &self.ledger.targets[row.target];
        let waits = matches!(target.state, TargetState::Waiting | TargetState::Ready | TargetState::Callback);
        let next_at = waits.then_some(target.next_at);
        let unavailable = end.reason == DisconnectionReason::TelephonyProviderUnavailable;
        let back_off = end.retry_after.filter(|_| unavailable);
        let input = Input::Ended { attempt, next_at, back_off };
        self.schedule(Duration::from_millis(2), Event::Deliver { host, life, input });
        for other in (0..self.hosts.len()).filter(|&other| other != host) {
            let life = self.hosts[other].life;
            let input = Input::Notice(Notice::Room);
            self.schedule(Duration::from_millis(3), Event::Deliver { host: other, life, input });
        }
    }

    fn write_end(&mut self, attempt: AttemptId, end: &End, wish: Option<Timestamp>) {
        let now = self.now().wall;
        let row = &self.ledger.attempts[attempt];
        let (target, was_live) = (row.target, row.state.is_live());
        if was_live && end.reason != DisconnectionReason::NodeLost {
            let callback = row.callback;
            let truth = if self.bug == Some(Bug::DelayFromStart) { now } else { end.at };
            self.check.ended(truth, target, end.reason, end.technical, callback);
        }
        if end.reason == DisconnectionReason::VoiceCallsOptedOut && was_live {
            let number = self.ledger.number_of(attempt).clone();
            self.check.suppress(&number, now);
        }
        self.counter -= 1;
        self.ledger.finish(attempt, end, wish);
        let row = &self.ledger.targets[target];
        if let Some(at) = row.callback_at.filter(|_| was_live && row.state == TargetState::Callback) {
            self.check.wished(target, at, wish.is_some());
        }
    }
}
