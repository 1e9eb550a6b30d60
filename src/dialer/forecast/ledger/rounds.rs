//! What falls due, and the rounds of a campaign.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use super::{BATCH, CALLBACK_RANK, Campaign, Ledger, MISSED_RANK};
use crate::campaign::rounds::{Audience, Opened, Rounds, means};
use crate::campaign::states::{CampaignState, TargetState};
use crate::campaign::target::TargetEvent;
use crate::dialer::gate::{CALLBACK_GRACE, Shut};
use crate::dialer::retry;

impl Ledger {
    /// Makes at most `limit` due targets ready, and due callbacks whatever the limit: how many, when the next is due, and
    /// whether anything is left.
    pub fn promote(&mut self, campaign: usize, limit: u32, now: Timestamp) -> (u32, Option<Timestamp>, bool) {
        let mut promoted = 0;
        if self.campaigns[campaign].rules.state == CampaignState::InProgress {
            if self.campaigns[campaign].rules.hours.period_end().is_some_and(|end| end <= now) {
                self.expire(campaign, now);
            }
            self.open_rounds(campaign, now);
            promoted += self.promote_callbacks(campaign, now);
            let retries_first = self.campaigns[campaign].rules.settings.retries_first;
            let due = self.campaigns[campaign].waiting.due(now, retries_first, None, BATCH);
            promoted += self.promote_waiting(campaign, due, limit, now);
        }
        let entry = &self.campaigns[campaign];
        let due = entry.waiting.first().map(|(due, _)| due);
        let callback = entry.callbacks.first().map(|&(due, _)| due);
        let opening = self.rounds(campaign, now).next_opening(entry.rules.hours.zone(), now);
        let next = [due, callback, opening].into_iter().flatten().min();
        (promoted, next, self.is_open(campaign, now))
    }

    /// Makes those ready that are due and go before those that are: how many, and when the next such one is due.
    pub fn hurry(&mut self, campaign: usize, limit: u32, now: Timestamp) -> (u32, Option<Timestamp>) {
        let entry = &mut self.campaigns[campaign];
        let Some(&(Reverse(floor), ..)) = entry.ready.last() else { return (0, None) };
        let next = entry.waiting.first_above(floor, now);
        let top = entry.waiting.highest_due(now).filter(|priority| *priority > floor);
        let Some(top) = top.filter(|_| entry.rules.state == CampaignState::InProgress) else { return (0, next) };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let ahead = entry.ready.iter().take(most).filter(|(Reverse(rank), ..)| *rank >= top).count();
        if ahead >= most {
            return (0, None);
        }
        let retries_first = entry.rules.settings.retries_first;
        let due = entry.waiting.due(now, retries_first, Some(top - 1), most - ahead);
        let promoted = self.promote_waiting(campaign, due, limit, now);
        (promoted, self.campaigns[campaign].waiting.first_above(floor, now))
    }

    /// Puts those that are due where they belong: ready while there is room, or where their hours say.
    fn promote_waiting(&mut self, campaign: usize, due: Vec<usize>, limit: u32, now: Timestamp) -> u32 {
        let mut promoted = 0;
        for target in due {
            let rules = &self.campaigns[campaign].rules;
            match self.zones_of(target, rules).map(|zones| rules.opening(&zones, now)) {
                Some(Ok((from, _))) if from > now => {
                    self.leave(target);
                    self.targets[target].next_at = from;
                    self.enter(target);
                }
                Some(Err(Shut::Expired)) => self.step(target, TargetEvent::PeriodEnd, now),
                // Who cannot be dialed at all becomes ready as well: the gate blocks them, with their reason.
                Some(Ok(_) | Err(Shut::ZonesDisagree | Shut::Unlawful)) | None if promoted < limit => {
                    let first = rules.settings.retries_first;
                    let row = &mut self.targets[target];
                    row.turn = match (row.late, row.listed) {
                        (true, _) => 0,
                        (false, true) => row.place,
                        (false, false) if first => i64::MIN,
                        (false, false) => i64::MAX,
                    };
                    let next_at = row.next_at;
                    self.step(target, TargetEvent::Due, next_at);
                    promoted += 1;
                }
                Some(Ok(_) | Err(Shut::ZonesDisagree | Shut::Unlawful)) | None => break,
            }
        }
        promoted
    }

    fn rounds(&self, campaign: usize, now: Timestamp) -> Rounds<'_> {
        let Campaign { schedule, opened, rules, started, .. } = &self.campaigns[campaign];
        Rounds::new(schedule, opened, rules.hours.zone(), *started, now)
    }

    /// Whether anybody is being called, or will be without a person's doing.
    #[must_use]
    pub fn anybody_left(&self, campaign: usize, now: Timestamp) -> bool {
        let entry = &self.campaigns[campaign];
        let alone = entry.waiting.is_empty() && entry.ready.is_empty() && entry.callbacks.is_empty();
        // Who waits for a person does not count, and keeps everything else as it is.
        !alone || (entry.held.is_empty() && self.is_open(campaign, now)) || self.live_in(campaign) > 0
    }

    /// Whether somebody is ready to be called.
    #[must_use]
    pub fn is_ready(&self, campaign: usize) -> bool {
        !self.campaigns[campaign].ready.is_empty()
    }

    /// Whether the hours of whoever is due next are open now; none when nobody waits.
    #[must_use]
    pub fn next_is_open(&self, campaign: usize, now: Timestamp) -> Option<bool> {
        let entry = &self.campaigns[campaign];
        let waiting = entry.waiting.first();
        let (_, next) = [waiting, entry.callbacks.first().copied()].into_iter().flatten().min()?;
        let zones = self.zones_of(next, &entry.rules)?;
        Some(entry.rules.opening(&zones, now).is_ok_and(|(from, _)| from <= now))
    }

    pub(super) fn is_open(&self, campaign: usize, now: Timestamp) -> bool {
        let entry = &self.campaigns[campaign];
        let waited = !entry.waiting.is_empty()
            || !entry.ready.is_empty()
            || !entry.callbacks.is_empty()
            || !entry.held.is_empty();
        let policy = entry.rules.settings.unknown_policy;
        let reaches = |target: &usize, audience| {
            let row = &self.targets[*target];
            means(audience, row.state, row.answered, row.last_reason, policy)
        };
        waited
            || self.live_in(campaign) > 0
            || self
                .rounds(campaign, now)
                .to_come()
                .any(|(_, run)| entry.failed.iter().any(|t| reaches(t, run.audience)))
    }

    /// Opens the rounds that are due, and takes everybody into the open one whom its run means.
    fn open_rounds(&mut self, campaign: usize, now: Timestamp) {
        let due = self.rounds(campaign, now).due();
        self.campaigns[campaign].opened.extend(due.into_iter().map(|run| Opened { run, at: now }));
        let entry = &self.campaigns[campaign];
        let no = entry.opened.len().max(1);
        if no <= entry.swept {
            return;
        }
        let audience = entry.schedule.run(entry.opened[no - 1].run).map_or(Audience::AllUnfinished, |run| run.audience);
        let settings = entry.rules.settings.clone();
        let mut live = false;
        for target in entry.members.clone() {
            let row = &mut self.targets[target];
            let busy = row.state == TargetState::InProgress && row.run_seq < no;
            live |= busy;
            if row.run_seq >= no || busy {
                continue;
            }
            row.run_seq = no;
            let meant = means(audience, row.state, row.answered, row.last_reason, settings.unknown_policy);
            let waits = matches!(row.state, TargetState::Waiting | TargetState::Ready);
            if meant {
                row.round += 1;
                row.dials = 0;
                row.number = 0;
                row.ends.clear();
            }
            if meant && (waits || row.state == TargetState::Failed) {
                let delay = Duration::from_secs(60) * settings.retry_delay_min;
                let next_at = row.last_ended.map_or(now, |ended| now.max(ended + delay));
                self.leave(target);
                let row = &mut self.targets[target];
                row.state = TargetEvent::NewRound.apply(row.state).expect("the transition is in the table");
                (row.next_at, row.listed) = (next_at, next_at <= now);
                self.enter(target);
            } else if waits {
                self.step(target, TargetEvent::LeftOut, now);
            }
        }
        if !live {
            self.campaigns[campaign].swept = no;
        }
    }

    fn promote_callbacks(&mut self, campaign: usize, now: Timestamp) -> u32 {
        let mut promoted = 0;
        while let Some(&(asked, target)) = self.campaigns[campaign].callbacks.first()
            && asked <= now
        {
            let rules = &self.campaigns[campaign].rules;
            let zones = self.zones_of(target, rules);
            match retry::planned(rules, zones.as_ref(), asked).filter(|&planned| planned > asked) {
                Some(planned) => {
                    self.campaigns[campaign].callbacks.remove(&(asked, target));
                    self.campaigns[campaign].callbacks.insert((planned, target));
                    self.targets[target].callback_at = Some(planned);
                }
                None if now > asked + CALLBACK_GRACE => self.miss(target, now),
                None => {
                    let row = &mut self.targets[target];
                    (row.rank, row.turn) = (row.priority + CALLBACK_RANK, 0);
                    self.step(target, TargetEvent::Due, asked);
                    promoted += 1;
                }
            }
        }
        promoted
    }

    pub(super) fn miss(&mut self, target: usize, now: Timestamp) {
        self.missed += 1;
        self.step(target, TargetEvent::MissCallback, now);
        let row = &mut self.targets[target];
        row.callback_at = None;
        row.late = true;
        (row.rank, row.turn) = (row.priority + MISSED_RANK, 0);
        // At the head of the queue.
        self.step(target, TargetEvent::Due, now);
    }

    /// Ends the targets of a campaign whose period is over.
    ///
    /// # Panics
    /// When it is not over.
    pub fn expire(&mut self, campaign: usize, now: Timestamp) {
        let over = self.campaigns[campaign].rules.hours.period_end().is_some_and(|end| end <= now);
        assert!(over, "the engine expires a campaign at its end");
        let entry = &self.campaigns[campaign];
        let rest: Vec<usize> = entry
            .waiting
            .targets()
            .chain(entry.ready.iter().map(|&(.., target)| target))
            .chain(entry.callbacks.iter().map(|&(_, target)| target))
            .chain(entry.held.iter().copied())
            .collect();
        for target in rest {
            self.step(target, TargetEvent::PeriodEnd, now);
        }
    }

    /// Completes a campaign in which nothing is left; whether nothing is.
    pub fn complete(&mut self, campaign: usize, now: Timestamp) -> bool {
        let done = !self.is_open(campaign, now);
        if done && self.campaigns[campaign].rules.state == CampaignState::InProgress {
            self.campaigns[campaign].rules.state = CampaignState::Completed;
        }
        done
    }
}
