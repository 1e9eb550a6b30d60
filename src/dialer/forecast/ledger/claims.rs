//! The two commits before an INVITE, and what is given back of them.

use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, Ledger, Node};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AttemptState, BlockedReason};
use crate::campaign::target::TargetEvent;
use crate::dialer::claim::{self, ClaimDecision, ClaimView, DialRefusal, DialView};
use crate::dialer::engine::{ClaimResult, ClaimedDial};
use crate::dialer::gate::{Candidate, ContactNumber, SameNumber};
use crate::dialer::pacing::{Limiter, Scope, interval};
use crate::dialer::retry::Hold;
use crate::id::AttemptId;
use crate::pii::Pii;

/// More numbers to call from than one trunk has.
const CALLER_IDS: usize = 1 << 20;

impl Ledger {
    /// Claims the next target of a campaign; with it, when those turned away on the way are due again.
    pub fn claim(
        &mut self,
        campaign: usize,
        node: Node,
        now: Timestamp,
        headroom: Duration,
    ) -> (ClaimResult, Option<Timestamp>) {
        let mut next_due: Option<Timestamp> = None;
        if !self.holds(node, now) {
            return (ClaimResult::Stopped, None);
        }
        let (limiters, keys): (Vec<_>, Vec<_>) = self.limiters(campaign).into_iter().unzip();
        for _ in 0..claim::MAX_CANDIDATES {
            let state = self.campaigns[campaign].rules.state;
            match claim::admit(now, headroom, state, &limiters) {
                Ok(_) => {}
                Err(ClaimDecision::Limited(limited)) => return (ClaimResult::Limited(limited), next_due),
                Err(_) => return (ClaimResult::Stopped, next_due),
            }
            let Some(&(_, _, target)) = self.campaigns[campaign].ready.first() else {
                return (ClaimResult::Empty, next_due);
            };
            let candidate = self.candidate(target, now);
            let view = ClaimView {
                now,
                headroom,
                rules: &self.campaigns[campaign].rules,
                limiters: &limiters,
                candidate: &candidate,
            };
            match claim::decide(view) {
                ClaimDecision::Claim(granted) => {
                    for (key, (_, tat)) in keys.iter().zip(&granted.reservation.tats) {
                        if let Some(tat) = tat {
                            self.tats.insert(*key, *tat);
                        }
                    }
                    let attempt = self.insert_attempt(target, granted.dial_no, node, granted.reservation.send_at, now);
                    let (send_at, send_by) = (granted.reservation.send_at, granted.send_by);
                    return (ClaimResult::Dial(ClaimedDial { attempt, send_at, send_by }), next_due);
                }
                ClaimDecision::Defer { next_at, .. } => {
                    self.step(target, TargetEvent::Defer, next_at);
                    next_due = Some(next_due.map_or(next_at, |due| due.min(next_at)));
                }
                ClaimDecision::Block(reason) => {
                    self.targets[target].blocked = Some(reason);
                    self.targets[target].callback_at = None;
                    self.step(target, TargetEvent::Block, now);
                }
                ClaimDecision::Expire => self.step(target, TargetEvent::PeriodEnd, now),
                ClaimDecision::CallbackMissed => self.miss(target, now),
                ClaimDecision::Limited(_) | ClaimDecision::Stopped => unreachable!("admitted above"),
            }
        }
        (ClaimResult::TurnedAway, next_due)
    }

    /// Makes a claimed attempt DIALING; false when it must not be sent.
    pub fn commit(&mut self, attempt: AttemptId, node: Node, now: Timestamp, send_by: Timestamp) -> bool {
        let row = &self.attempts[attempt];
        let target = row.target;
        let rules = &self.campaigns[self.targets[target].campaign].rules;
        let moment = now.max(row.send_at);
        let shut = self.zones_of(target, rules).and_then(|zones| rules.shut(&zones, moment));
        let suppressed = self.suppressed.contains(&self.contacts[self.targets[target].contact].number);
        let view = DialView {
            now,
            attempt: row.state,
            mine: row.node == node,
            lease_until: row.lease_until,
            node_lease_until: self.leases.get(&node).copied().unwrap_or(Timestamp::MIN),
            campaign: self.campaigns[self.targets[target].campaign].rules.state,
            suppression: suppressed.then_some(BlockedReason::Dnc),
            shut,
            send_by,
        };
        let refused = match claim::may_dial(&view) {
            Ok(()) => {
                let row = &mut self.attempts[attempt];
                row.state = AttemptState::Dialing;
                row.committed_at = Some(now);
                return true;
            }
            Err(refused) => refused,
        };
        match refused {
            DialRefusal::LeaseLost => {}
            DialRefusal::CampaignStopped | DialRefusal::Shut(_) | DialRefusal::TooLate => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                self.give_back(target, now);
            }
            DialRefusal::Suppressed(reason) => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                if self.targets[target].hold == Some(Hold::Remove) {
                    self.give_back(target, now);
                } else {
                    self.targets[target].blocked = Some(reason);
                    self.targets[target].hold = None;
                    self.step(target, TargetEvent::Block, now);
                }
            }
        }
        false
    }

    /// Takes a dial back of which nothing was sent.
    pub fn unsend(&mut self, attempt: AttemptId, node: Node, now: Timestamp) {
        let row = &self.attempts[attempt];
        if row.node != node || !row.state.may_become(AttemptState::NotPlaced) {
            return;
        }
        let target = row.target;
        self.end_attempt(attempt, AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost));
        self.give_back(target, now);
    }

    /// What a claim held that was not sent.
    pub(super) fn give_back(&mut self, target: usize, now: Timestamp) {
        let event = match self.targets[target].hold.take() {
            None => TargetEvent::Unsent,
            Some(Hold::Suspend) => TargetEvent::SuspendAfterCall,
            Some(Hold::Remove) => TargetEvent::RemoveAfterCall,
        };
        self.step(target, event, now);
    }

    /// Every limiter that applies to a campaign, in lock order, each with the key of its row.
    fn limiters(&self, campaign: usize) -> Vec<(Limiter, (Scope, usize))> {
        let entry = &self.campaigns[campaign];
        let trunk = &self.trunks[entry.trunk];
        let (mut org, mut on_trunk, mut own, mut from) = (0, 0, 0, 0);
        for &attempt in &self.live {
            let owner = self.targets[self.attempts[attempt].target].campaign;
            let other = &self.campaigns[owner];
            let channels = other.scale.channels;
            let same_trunk = other.trunk == entry.trunk;
            org += channels;
            on_trunk += if same_trunk { channels } else { 0 };
            own += if owner == campaign { channels } else { 0 };
            from += if same_trunk && other.caller_id == entry.caller_id { channels } else { 0 };
        }
        let limiter = |scope, id, rate: Option<u32>, most_live, live: u32| {
            let tat = self.tats.get(&(scope, id)).copied();
            let interval = rate.map(|rate| interval(rate).mul_f64(entry.scale.dials));
            // There has to be room for all channels of the call.
            let live = live + entry.scale.channels - 1;
            (Limiter { scope, tat, interval, live, most_live, closed_until: None }, (scope, id))
        };
        let settings = &entry.rules.settings;
        let (rate, most) = (settings.calls_per_minute, settings.max_concurrent_calls);
        let mut limiters = vec![
            limiter(Scope::Organisation, 0, Some(self.org_calls_per_minute), Some(self.org_max_calls), org),
            limiter(Scope::Trunk, entry.trunk, Some(trunk.calls_per_minute), Some(trunk.max_channels), on_trunk),
            limiter(Scope::Campaign, campaign, Some(rate), Some(most), own),
        ];
        if trunk.caller_id_calls_per_minute.is_some() || trunk.caller_id_max_calls.is_some() {
            let number = entry.trunk * CALLER_IDS + entry.caller_id;
            let (rate, most) = (trunk.caller_id_calls_per_minute, trunk.caller_id_max_calls);
            limiters.push(limiter(Scope::CallerId, number, rate, most, from));
        }
        if let Some(most) = self.node_max_calls {
            limiters.push(limiter(Scope::Node, 0, None, Some(most), org));
        }
        limiters
    }

    fn candidate(&self, target: usize, now: Timestamp) -> Candidate {
        let row = &self.targets[target];
        let contact = &self.contacts[row.contact];
        let cap = self.campaigns[row.campaign].rules.settings.frequency_cap;
        let since = cap.map_or(now, |cap| now - cap.period());
        let starts = self.starts_on_number.get(&row.contact).into_iter().flatten();
        Candidate {
            number: ContactNumber::Valid(Pii::new(contact.number.clone())),
            zone: contact.zone.clone(),
            suppression: self.suppressed.contains(&contact.number).then_some(BlockedReason::Dnc),
            consent: true,
            callback_at: row.callback_at,
            dials: row.dials,
            same_number: SameNumber {
                live: self
                    .live
                    .iter()
                    .any(|&attempt| self.targets[self.attempts[attempt].target].contact == row.contact),
                other_ended: self
                    .last_on_number
                    .get(&row.contact)
                    .filter(|&&(other, _)| other != target)
                    .map(|&(_, ended)| ended),
                started: starts.copied().filter(|&start| start > since).collect(),
            },
        }
    }

    fn insert_attempt(
        &mut self,
        target: usize,
        dial_no: u32,
        node: Node,
        send_at: Timestamp,
        now: Timestamp,
    ) -> AttemptId {
        self.targets[target].dials = dial_no;
        self.starts_on_number.entry(self.targets[target].contact).or_default().push(send_at);
        self.step(target, TargetEvent::Claim, now);
        let row = &self.targets[target];
        let id = self.attempts.push(Attempt {
            target,
            round: row.round,
            callback: row.callback_at.is_some() || row.late,
            dial_no,
            state: AttemptState::Claimed,
            node,
            send_at,
            claimed_at: now,
            lease_until: now + self.lease,
            committed_at: None,
            reason: None,
            ends: 0,
        });
        self.live.insert(id);
        id
    }

    pub(super) fn end_attempt(&mut self, attempt: AttemptId, state: AttemptState, reason: Option<DisconnectionReason>) {
        let row = &mut self.attempts[attempt];
        assert!(row.state.may_become(state), "{attempt:?}: {} to {state}", row.state);
        row.state = state;
        row.reason = reason;
        row.ends += 1;
        self.live.remove(&attempt);
    }
}
