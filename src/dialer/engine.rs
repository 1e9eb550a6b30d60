//! The dialer's core: what to do next, and when to wake up. It holds no contact and no number, reads no clock and
//! knows no database; its shell carries out [`Action`]s and reports each one back as an [`Input`].
//!
//! ```text
//!  Promote ─► Claim ─► (until shortly before its moment) ─► Commit ─► (until its moment) ─► Place ─► ... Ended
//!               │                                              │
//!               └ Limited, Empty: hold or sleep                └ refused, frozen, too late: Unsend
//! ```
//!
//! One claim is under way at a time, each for the campaign served least by its weight: that is the fair share. It takes one
//! dial, or several when nobody else waits. Times on the wall are the *database's*: the shell passes a [`Now`] whose wall
//! clock is set to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::dialer::pacing::Limited;
use crate::id::{AttemptId, CampaignId};
use crate::time::Now;

mod book;
mod pending;
mod surface;

use book::{Book, until_wall};
use pending::{Circumstances, Latency, Pending, Stage, Step};

pub use book::CampaignInfo;
pub use surface::{Action, ClaimResult, ClaimedDial, Config, Input, Notice, WakeReason};

/// The core. See the [module](self).
#[derive(Debug)]
pub struct Engine {
    config: Config,
    now: Now,
    book: Book,
    pending: BTreeMap<AttemptId, Pending>,
    live: BTreeMap<AttemptId, CampaignId>,
    due_now: VecDeque<Action>,
    under_way: UnderWay,
    /// The moment before the last successful renewal; none before the first.
    renewed: Option<Instant>,
    renew_at: Instant,
    reap_at: Instant,
    store_retry: Option<Instant>,
    claim_latency: Latency,
    commit_latency: Latency,
    load: bool,
    stopping: bool,
}

#[derive(Debug, Default)]
struct UnderWay {
    load: bool,
    claim: Option<Instant>,
    /// A call has ended since the claim was asked for.
    room: bool,
    promote: Option<CampaignId>,
    hurry: Option<CampaignId>,
    finish: Option<CampaignId>,
    renew: Option<Instant>,
    reap: bool,
}

/// Dials whose moments lie within this are committed together.
const COMMIT_TOGETHER: Duration = Duration::from_millis(50);

impl Engine {
    /// An engine that knows no campaign yet; its first actions renew the lease, reap and load.
    #[must_use]
    pub fn new(now: Now, config: Config) -> Self {
        Self {
            config,
            now,
            book: Book::default(),
            pending: BTreeMap::new(),
            live: BTreeMap::new(),
            due_now: VecDeque::new(),
            under_way: UnderWay::default(),
            renewed: None,
            renew_at: now.mono,
            reap_at: now.mono,
            store_retry: None,
            claim_latency: Latency::new(),
            commit_latency: Latency::new(),
            load: true,
            stopping: false,
        }
    }

    /// Takes one input. Drain [`poll_action`](Self::poll_action) afterwards, then sleep until
    /// [`poll_timeout`](Self::poll_timeout).
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = Now { mono: now.mono.max(self.now.mono), wall: now.wall };
        match input {
            Input::Tick => {}
            Input::Campaigns(campaigns) => self.loaded(campaigns),
            Input::Promoted { campaign, promoted, next_due, open } => {
                self.promoted(campaign, promoted, next_due, open);
            }
            Input::Hurried { campaign, promoted, next } => self.hurried(campaign, promoted, next),
            Input::Further { campaign, dial } => self.dial(campaign, &dial),
            Input::Claimed { campaign, result, next_due } => self.claimed(campaign, result, next_due),
            Input::Committed { attempt, may_send } => self.committed(attempt, may_send),
            Input::Unsent { attempt } => {
                if let Some(pending) = self.pending.remove(&attempt) {
                    self.book.not_sent(self.now.mono, pending.campaign, pending.claimed);
                    self.release(pending.campaign, Some(self.now.wall));
                }
            }
            Input::Ended { attempt, next_at, back_off } => self.ended(attempt, next_at, back_off),
            Input::Notice(notice) => self.notice(notice),
            Input::LeaseRenewed { held } => self.lease_answered(held),
            Input::Reaped => {
                self.under_way.reap = false;
                self.reap_at = self.now.mono + self.config.lease / 2;
            }
            Input::Expired(campaign) => {
                self.under_way.finish = None;
                if let Some(entry) = self.book.get_mut(campaign) {
                    entry.expired = true;
                    entry.maybe_ready = false;
                    entry.due(self.now.wall);
                }
            }
            Input::Completed(campaign, done) => self.completed(campaign, done),
            Input::StoreFailed(action) => self.store_failed(action),
            Input::Stop => self.stopping = true,
        }
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
    }

    /// The next thing to do; none when everything waits.
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(action) = self.due_now.pop_front() {
            return Some(action);
        }
        if let Some(action) = self.next_lease_action() {
            return Some(action);
        }
        self.advance_pending();
        if let Some(action) = self.due_now.pop_front() {
            return Some(action);
        }
        self.next_store_action()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Tick`] at the latest, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        let mut earliest = Earliest(None);
        if self.under_way.renew.is_none() {
            earliest.offer(self.renew_at, WakeReason::Lease);
        }
        for pending in self.pending.values() {
            if let Some(at) = pending.wakes_at(self.commit_latency.allowance()) {
                earliest.offer(at, WakeReason::Dial);
            }
        }
        if let Some(retry) = self.store_retry {
            earliest.offer(retry, WakeReason::StoreRetry);
            return earliest.0;
        }
        if !self.under_way.reap {
            earliest.offer(self.reap_at, WakeReason::Reap);
        }
        if self.may_dial() {
            self.offer_campaigns(&mut earliest);
        }
        earliest.0
    }

    /// Whether a stopped engine has nothing left to wait for.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.stopping && self.pending.is_empty() && self.live.is_empty() && self.under_way.claim.is_none()
    }

    /// Attempts of this node whose INVITE was handed over and whose end has not come back.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Whether new dials are allowed: not stopping, and the lease was renewed within a third of its length.
    #[must_use]
    pub fn may_dial(&self) -> bool {
        let third = self.config.lease / 3;
        !self.stopping && self.renewed.is_some_and(|renewed| self.now.mono.saturating_duration_since(renewed) < third)
    }

    fn next_lease_action(&mut self) -> Option<Action> {
        if self.under_way.renew.is_none() && self.now.mono >= self.renew_at {
            self.under_way.renew = Some(self.now.mono);
            return Some(Action::RenewLease);
        }
        None
    }

    /// Moves every dial whose moment has come one step on.
    fn advance_pending(&mut self) {
        let circumstances = Circumstances {
            now: self.now,
            lease: self.config.lease,
            may_dial: self.may_dial(),
            store_is_back: self.store_retry.is_none_or(|retry| self.now.mono >= retry),
            commit_lead: self.commit_latency.allowance(),
        };
        // Who is next takes along those who are so a moment later: their commits share a transaction and the disk.
        let leads = self.pending.values().any(|pending| pending.is_due(&circumstances));
        let together = if leads { COMMIT_TOGETHER } else { Duration::ZERO };
        let circumstances = Circumstances { commit_lead: circumstances.commit_lead + together, ..circumstances };
        let mut placed = Vec::new();
        for (&attempt, pending) in &mut self.pending {
            match pending.advance(&circumstances) {
                Step::Wait => {}
                Step::Commit => {
                    self.due_now.push_back(Action::Commit { attempt, send_by: pending.send_by() });
                }
                Step::Unsend => self.due_now.push_back(Action::Unsend { attempt }),
                Step::Place { send_before } => {
                    self.due_now.push_back(Action::Place { attempt, send_before });
                    placed.push((attempt, pending.campaign));
                }
            }
        }
        for (attempt, campaign) in placed {
            self.pending.remove(&attempt);
            self.live.insert(attempt, campaign);
            self.book.sent(campaign);
        }
    }

    fn next_store_action(&mut self) -> Option<Action> {
        if self.store_retry.is_some_and(|retry| self.now.mono < retry) {
            return None;
        }
        self.store_retry = None;
        if !self.under_way.reap && self.now.mono >= self.reap_at {
            self.under_way.reap = true;
            return Some(Action::Reap);
        }
        if self.load && !self.under_way.load {
            self.load = false;
            self.under_way.load = true;
            return Some(Action::Load);
        }
        if !self.may_dial() {
            return None;
        }
        self.next_finish().or_else(|| self.next_promotion()).or_else(|| self.next_hurry()).or_else(|| self.next_claim())
    }

    /// A campaign whose period is over, or in which nothing is left.
    fn next_finish(&mut self) -> Option<Action> {
        if self.under_way.finish.is_some() {
            return None;
        }
        let now = self.now.wall;
        let over = self.book.iter().find(|entry| entry.is_over(now)).map(|entry| entry.info.campaign);
        let action = match over {
            Some(campaign) => Action::Expire { campaign },
            None => {
                let done = self.book.iter().find(|entry| entry.is_empty_handed())?;
                Action::Complete { campaign: done.info.campaign }
            }
        };
        self.under_way.finish = action.campaign();
        Some(action)
    }

    fn next_promotion(&mut self) -> Option<Action> {
        if self.under_way.promote.is_some() {
            return None;
        }
        let (now, batch) = (self.now.wall, self.config.promote_batch);
        let due = |entry: &&book::Entry| entry.promote_at.is_some_and(|at| at <= now) && entry.is_low(batch);
        let entry = self.book.iter().find(due)?;
        let campaign = entry.info.campaign;
        self.under_way.promote = Some(campaign);
        Some(Action::Promote { campaign, limit: self.config.promote_batch })
    }

    /// A campaign of which enough targets are ready, and others may be due that go before them.
    fn next_hurry(&mut self) -> Option<Action> {
        if self.under_way.hurry.is_some() {
            return None;
        }
        let (now, Config { promote_batch: limit, hurry, .. }) = (self.now, self.config);
        let urgent = |entry: &&book::Entry| {
            !entry.is_low(limit) && entry.hurries_at(now, hurry).is_some_and(|at| at <= now.mono)
        };
        let campaign = self.book.iter().find(urgent)?.info.campaign;
        let entry = self.book.get_mut(campaign)?;
        entry.hurry_at = None;
        entry.hurried = Some(now.mono);
        self.under_way.hurry = Some(campaign);
        Some(Action::Hurry { campaign, limit })
    }

    fn next_claim(&mut self) -> Option<Action> {
        if self.under_way.claim.is_some() {
            return None;
        }
        let campaign = self.book.next(self.now.mono)?;
        self.under_way.claim = Some(self.now.mono);
        self.under_way.room = false;
        if let Some(entry) = self.book.get_mut(campaign) {
            entry.crossed = false;
        }
        let most = if self.book.is_alone(self.now.mono, campaign) { self.config.claim_batch } else { 1 };
        let headroom = self.claim_latency.allowance() + self.commit_latency.allowance();
        Some(Action::Claim { campaign, headroom, most })
    }

    fn offer_campaigns(&self, earliest: &mut Earliest) {
        let now = self.now;
        let wall = |at: Timestamp| now.mono + until_wall(now, at);
        let Config { promote_batch: batch, hurry, .. } = self.config;
        for entry in self.book.iter() {
            if let Some(until) = entry.held_until()
                && self.under_way.claim.is_none()
            {
                earliest.offer(until, WakeReason::Paced);
            }
            if let Some(at) = entry.promote_at
                && self.under_way.promote.is_none()
                && entry.is_low(batch)
            {
                earliest.offer(wall(at), WakeReason::Due);
            }
            if let Some(at) = entry.hurries_at(now, hurry)
                && self.under_way.hurry.is_none()
                && !entry.is_low(batch)
            {
                earliest.offer(at, WakeReason::Due);
            }
            if let Some(end) = entry.info.period_end
                && !entry.expired
                && self.under_way.finish.is_none()
            {
                earliest.offer(wall(end), WakeReason::PeriodEnd);
            }
        }
    }

    fn loaded(&mut self, campaigns: Vec<CampaignInfo>) {
        self.under_way.load = false;
        let (pending, live) = (&self.pending, &self.live);
        self.book.replace(self.now, campaigns, |campaign| {
            let mine = pending.values().map(|pending| pending.campaign).chain(live.values().copied());
            u32::try_from(mine.filter(|&owner| owner == campaign).count()).unwrap_or(u32::MAX)
        });
    }

    fn promoted(&mut self, campaign: CampaignId, promoted: u32, next_due: Option<Timestamp>, open: bool) {
        self.under_way.promote = None;
        let recheck = self.now.wall + self.config.recheck;
        // News of who is ready can be lost: where anything is open the queue is looked at now and then.
        let asked = self.book.get(campaign).and_then(|entry| entry.emptied);
        let silent = asked.is_some_and(|asked| self.now.mono >= asked + self.config.recheck);
        if promoted > 0 || open && silent {
            self.book.awaken(campaign);
        }
        if let Some(entry) = self.book.get_mut(campaign) {
            entry.ready_guess = entry.ready_guess.saturating_add(promoted);
            entry.open = open;
            let nothing_left = !open && !entry.maybe_ready && entry.busy == 0;
            entry.promote_at = if nothing_left { None } else { Some(next_due.map_or(recheck, |due| due.min(recheck))) };
            // Whoever is urgent among those that are still to fall due is looked for apart.
            entry.hurry_at = Some(self.now.wall);
            entry.hurried = Some(self.now.mono);
        }
    }

    fn hurried(&mut self, campaign: CampaignId, promoted: u32, next: Option<Timestamp>) {
        self.under_way.hurry = None;
        if let Some(entry) = self.book.get_mut(campaign) {
            entry.ready_guess = entry.ready_guess.saturating_add(promoted);
            if let Some(at) = next {
                entry.hurry_at = Some(entry.hurry_at.map_or(at, |earlier| earlier.min(at)));
            }
        }
    }

    fn claimed(&mut self, campaign: CampaignId, result: ClaimResult, next_due: Option<Timestamp>) {
        if let Some(began) = self.under_way.claim.take() {
            self.claim_latency.sample(self.now.mono.saturating_duration_since(began));
        }
        if let (Some(due), Some(entry)) = (next_due, self.book.get_mut(campaign)) {
            entry.due(due);
        }
        match result {
            ClaimResult::Dial(dial) => self.dial(campaign, &dial),
            // A call has ended since the claim was asked for: it may have counted that one.
            ClaimResult::Limited(Limited { until: None, .. }) if self.under_way.room => {}
            ClaimResult::Limited(limited) => self.book.hold(self.now, campaign, limited, self.config.recheck),
            ClaimResult::TurnedAway => {}
            ClaimResult::Empty => {
                let now = self.now;
                if let Some(entry) = self.book.get_mut(campaign).filter(|entry| !entry.crossed) {
                    entry.maybe_ready = false;
                    entry.emptied = Some(now.mono);
                    entry.ready_guess = 0;
                    if entry.busy == 0 && next_due.is_none() {
                        entry.due(now.wall);
                    }
                }
            }
            ClaimResult::Stopped => {
                self.book.remove(campaign);
                self.load = true;
            }
        }
    }

    /// A dial that was claimed.
    fn dial(&mut self, campaign: CampaignId, dial: &ClaimedDial) {
        self.pending.insert(dial.attempt, Pending::new(self.now, campaign, dial));
        self.book.charge(campaign);
        if let Some(entry) = self.book.get_mut(campaign) {
            entry.busy += 1;
        }
    }

    fn committed(&mut self, attempt: AttemptId, may_send: bool) {
        let Some(pending) = self.pending.get_mut(&attempt) else { return };
        if let Stage::Committing { began } = pending.stage {
            self.commit_latency.sample(self.now.mono.saturating_duration_since(began.mono));
        }
        match pending.stage {
            Stage::Committing { began } if may_send => pending.stage = Stage::Committed { began },
            Stage::Committing { .. } => {
                let (campaign, claimed) = (pending.campaign, pending.claimed);
                self.pending.remove(&attempt);
                self.book.not_sent(self.now.mono, campaign, claimed);
                self.release(campaign, Some(self.now.wall));
                // The refusal may mean that the campaign was stopped.
                self.load = true;
            }
            Stage::Claimed | Stage::Committed { .. } | Stage::Unsending | Stage::Unsent => {}
        }
    }

    fn ended(&mut self, attempt: AttemptId, next_at: Option<Timestamp>, back_off: Option<Duration>) {
        let Some(campaign) = self.live.remove(&attempt) else {
            self.make_room();
            return;
        };
        self.release(campaign, next_at);
        if let (Some(pause), Some(entry)) = (back_off, self.book.get(campaign)) {
            let trunks = entry.info.trunks.clone();
            self.book.back_off(&trunks, self.now.mono + pause);
        }
    }

    /// A channel is free; the target it was for is due at `next_at`.
    fn release(&mut self, campaign: CampaignId, next_at: Option<Timestamp>) {
        self.make_room();
        let now = self.now.wall;
        if next_at.is_some_and(|at| at <= now) {
            self.book.awaken(campaign);
        }
        if let Some(entry) = self.book.get_mut(campaign) {
            entry.busy = entry.busy.saturating_sub(1);
            if let Some(at) = next_at {
                entry.due(at);
            } else if entry.busy == 0 && !entry.maybe_ready {
                // That may have been the last one.
                entry.due(now);
            }
        }
    }

    fn make_room(&mut self) {
        self.under_way.room = true;
        self.book.make_room();
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Campaigns => self.load = true,
            Notice::Targets(campaign) => {
                self.book.awaken(campaign);
                let now = self.now.wall;
                if let Some(entry) = self.book.get_mut(campaign) {
                    entry.due(now);
                }
            }
            Notice::Halt(campaign) => {
                for pending in self.pending.values_mut().filter(|pending| pending.campaign == campaign) {
                    pending.halted = true;
                }
                self.book.remove(campaign);
                self.load = true;
            }
            Notice::Room => self.make_room(),
        }
    }

    fn lease_answered(&mut self, held: bool) {
        let Some(began) = self.under_way.renew.take() else { return };
        if held {
            self.renewed = Some(began);
            self.renew_at = began + self.config.lease / 6;
        } else {
            // Whatever this node holds belongs to the reaper now; nothing of it may be sent.
            self.renewed = None;
            self.renew_at = self.now.mono + self.config.store_retry;
        }
    }

    fn completed(&mut self, campaign: CampaignId, done: bool) {
        self.under_way.finish = None;
        if done {
            self.book.remove(campaign);
        } else if let Some(entry) = self.book.get_mut(campaign) {
            entry.open = true;
            entry.promote_at = Some(self.now.wall + self.config.store_retry);
        }
    }

    fn store_failed(&mut self, action: Action) {
        let retry = self.now.mono + self.config.store_retry;
        match action {
            Action::RenewLease => {
                self.under_way.renew = None;
                self.renew_at = retry;
                return;
            }
            Action::Load => {
                self.under_way.load = false;
                self.load = true;
            }
            Action::Promote { .. } => self.under_way.promote = None,
            Action::Hurry { .. } => self.under_way.hurry = None,
            Action::Claim { .. } => self.under_way.claim = None,
            Action::Expire { .. } | Action::Complete { .. } => self.under_way.finish = None,
            Action::Reap => self.under_way.reap = false,
            // Whether it was written is unknown: it must not be sent, and is taken back when the store answers.
            Action::Commit { attempt, .. } | Action::Unsend { attempt } => {
                if let Some(pending) = self.pending.get_mut(&attempt) {
                    pending.stage = Stage::Unsent;
                }
            }
            Action::Place { .. } => {}
        }
        self.store_retry = Some(retry);
    }

    fn check_invariants(&self) {
        for entry in self.book.iter() {
            let campaign = entry.info.campaign;
            let mine = self.pending.values().filter(|pending| pending.campaign == campaign).count()
                + self.live.values().filter(|&&owner| owner == campaign).count();
            assert_eq!(entry.busy as usize, mine, "{campaign:?} counts its dials");
        }
        assert!(self.pending.keys().all(|attempt| !self.live.contains_key(attempt)), "pending and live are apart");
    }
}

impl book::Entry {
    fn is_over(&self, now: Timestamp) -> bool {
        !self.expired && self.info.period_end.is_some_and(|end| end <= now)
    }

    fn is_empty_handed(&self) -> bool {
        !self.open && !self.maybe_ready && self.busy == 0 && self.promote_at.is_none()
    }
}

struct Earliest(Option<(Instant, WakeReason)>);

impl Earliest {
    fn offer(&mut self, at: Instant, why: WakeReason) {
        if self.0.is_none_or(|(earlier, _)| at < earlier) {
            self.0 = Some((at, why));
        }
    }
}

#[cfg(test)]
mod tests;
