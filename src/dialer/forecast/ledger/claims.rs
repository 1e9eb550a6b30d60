//! The two commits before an INVITE, and what is given back of them.

use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, Cost, Ledger, Node};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::settings::AlternateNumbers;
use crate::campaign::spend::cost;
use crate::campaign::states::AttemptState;
use crate::campaign::target::TargetEvent;
use crate::dialer::claim::{self, ClaimDecision, ClaimView, DialRefusal, DialView};
use crate::dialer::engine::{ClaimResult, ClaimedDial};
use crate::dialer::gate::{Candidate, ContactNumber, DeferReason, SameNumber};
use crate::dialer::numbers::{Line, in_turn, looks_further, pick, rank};
use crate::dialer::pacing::{Limited, Limiter, Scope, interval};
use crate::dialer::retry::Hold;
use crate::dialer::share::{Paced, until};
use crate::id::{AttemptId, TrunkId};
use crate::pii::Pii;
use crate::trunk::prefix::Given;

/// The trunk that a dial goes over, and every limit it has to pass.
struct Choice {
    trunk: usize,
    limiters: Vec<Limiter>,
    /// The row of each.
    keys: Vec<(Scope, usize)>,
    /// The trunks of its priority that had room as far as they were asked, it among them, with their weights.
    among: Vec<(TrunkId, u32)>,
}

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
        let mut choice = match self.choose(campaign, None, now, headroom) {
            Ok(choice) => choice,
            Err(ClaimDecision::Limited(limited)) => return (ClaimResult::Limited(limited), next_due),
            Err(_) => return (ClaimResult::Stopped, next_due),
        };
        for _ in 0..claim::MAX_CANDIDATES {
            let Some(&(_, _, _, target)) = self.campaigns[campaign].ready.first() else {
                return (ClaimResult::Empty, next_due);
            };
            let rules = &self.campaigns[campaign].rules;
            let decide = |place: usize| {
                let candidate = self.candidate(target, place, now);
                claim::decide(ClaimView { now, headroom, rules, limiters: &choice.limiters, candidate: &candidate })
            };
            let (place, mut decision) = self.any_number(target, rules.settings.alternate_numbers, decide);
            self.targets[target].number = place;
            if matches!(decision, ClaimDecision::Claim(_))
                && let Some(led) = self.led_elsewhere(target, &choice)
            {
                choice = match self.choose(campaign, Some(&led), now, headroom) {
                    Ok(choice) => choice,
                    Err(ClaimDecision::Limited(limited)) => return (ClaimResult::Limited(limited), next_due),
                    Err(_) => return (ClaimResult::Stopped, next_due),
                };
                let (rules, candidate) = (&self.campaigns[campaign].rules, self.candidate(target, place, now));
                let limiters = &choice.limiters;
                decision = claim::decide(ClaimView { now, headroom, rules, limiters, candidate: &candidate });
            }
            match decision {
                ClaimDecision::Claim(granted) => {
                    let cost = match self.afford(target, choice.trunk, now) {
                        Ok(cost) => cost,
                        Err(limited) => return (ClaimResult::Limited(limited), next_due),
                    };
                    let over = self.trunks[choice.trunk].id;
                    self.campaigns[campaign].shares.took(&choice.among, over);
                    for (key, (_, tat)) in choice.keys.iter().zip(&granted.reservation.tats) {
                        if let Some(tat) = tat {
                            self.tats.insert(*key, *tat);
                        }
                    }
                    let (send_at, send_by) = (granted.reservation.send_at, granted.send_by);
                    let attempt = self.insert_attempt(target, choice.trunk, granted.dial_no, node, send_at, now);
                    self.attempts[attempt].cost = cost;
                    return (ClaimResult::Dial(ClaimedDial { attempt, send_at, send_by }), next_due);
                }
                ClaimDecision::Defer { next_at, held } => {
                    // The opening of its hours leaves it its place in the list.
                    let hours = [DeferReason::OutsideHours, DeferReason::Law, DeferReason::QuietHours];
                    self.targets[target].listed &= hours.contains(&held.why);
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
        let suppression = self.suppressed.get(&row.number).copied();
        let view = DialView {
            now,
            attempt: row.state,
            mine: row.node == node,
            lease_until: row.lease_until,
            node_lease_until: self.leases.get(&node).copied().unwrap_or(Timestamp::MIN),
            campaign: self.campaigns[self.targets[target].campaign].rules.state,
            suppression,
            shut,
            // Trunks do not fail in a forecast.
            trunk_shut: false,
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
            DialRefusal::CampaignStopped | DialRefusal::Shut(_) | DialRefusal::TrunkShut | DialRefusal::TooLate => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                self.give_back(target, now);
            }
            DialRefusal::Suppressed(reason) => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                let row = &self.targets[target];
                let others = row.hold.is_none() && self.further.contains_key(&row.contact);
                if others || row.hold == Some(Hold::Remove) {
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

    /// The campaign's trunks that a target's number may go over, where the one that was chosen is none of them.
    fn led_elsewhere(&self, target: usize, choice: &Choice) -> Option<Vec<TrunkId>> {
        if self.routes.is_empty() {
            return None;
        }
        let row = &self.targets[target];
        let shares = self.campaigns[row.campaign].levels.iter().flatten();
        let named: Vec<_> = shares.map(|&(trunk, _)| self.trunks[trunk].id).collect();
        let led = self.routes.lead(self.number_at(row.contact, row.number), Given::Named(&named));
        (!led.contains(&self.trunks[choice.trunk].id)).then_some(led)
    }

    /// The trunk that one more dial goes over, with every limit counted: the first priority that has room, and of those the
    /// one that is owed most by its weight; where `only` names some, of those.
    fn choose(
        &self,
        campaign: usize,
        only: Option<&[TrunkId]>,
        now: Timestamp,
        headroom: Duration,
    ) -> Result<Choice, ClaimDecision> {
        let state = self.campaigns[campaign].rules.state;
        let mut none: Option<ClaimDecision> = None;
        for level in 0..self.campaigns[campaign].levels.len() {
            let entry = &self.campaigns[campaign];
            let mut among: Vec<_> =
                entry.levels[level].iter().map(|&(trunk, weight)| (self.trunks[trunk].id, weight)).collect();
            among.retain(|(trunk, _)| only.is_none_or(|only| only.contains(trunk)));
            let mut paced = Paced::default();
            for id in entry.shares.order(&among) {
                let trunk = self.trunks.iter().position(|trunk| trunk.id == id).expect("a campaign's trunks are known");
                let (limiters, keys): (Vec<_>, Vec<_>) = self.limiters(campaign, trunk).into_iter().unzip();
                let why = match claim::admit(now, headroom, state, &limiters) {
                    Ok(_) => return Ok(Choice { trunk, limiters, keys, among }),
                    Err(why @ ClaimDecision::Limited(Limited { scope: Scope::Trunk | Scope::CallerId, .. })) => why,
                    Err(why) => return Err(why),
                };
                among.retain(|(other, _)| *other != id);
                paced.note(&why, &limiters);
                let stays = |before: &ClaimDecision| match (until(&why), until(before)) {
                    (Some(this), Some(before)) => this >= before,
                    (Some(_), None) => false,
                    (None, _) => true,
                };
                none = none.filter(stays).or(Some(why));
            }
            // Their turn comes: trunks that can carry the campaign are waited for. Slower ones leave the rest to the others.
            if let Some(why) = paced.carry() {
                return Err(why);
            }
        }
        Err(none.unwrap_or(ClaimDecision::Stopped))
    }

    /// Every limiter that applies to a campaign over one of its trunks, in lock order, each with the key of its row.
    fn limiters(&self, campaign: usize, over: usize) -> Vec<(Limiter, (Scope, usize))> {
        let entry = &self.campaigns[campaign];
        let trunk = &self.trunks[over];
        let limiter = |scope, id, rate: Option<u32>, most_live| {
            let tat = self.tats.get(&(scope, id)).copied();
            let interval = rate.map(|rate| interval(rate).mul_f64(entry.scale.dials));
            // A server has room for what all campaigns of the organisation have under way.
            let taken = if scope == Scope::Node { self.taken(Scope::Organisation, 0) } else { self.taken(scope, id) };
            // There has to be room for all channels of the call.
            let live = taken + entry.scale.channels - 1;
            (Limiter { scope, tat, interval, live, most_live, closed_until: None }, (scope, id))
        };
        let settings = &entry.rules.settings;
        let (rate, most) = (settings.calls_per_minute, settings.max_concurrent_calls);
        let mut limiters = vec![
            limiter(Scope::Organisation, 0, Some(self.org_calls_per_minute), Some(self.org_max_calls)),
            limiter(Scope::Trunk, over, Some(trunk.calls_per_minute), Some(trunk.max_channels)),
            limiter(Scope::Campaign, campaign, Some(rate), Some(most)),
        ];
        if trunk.caller_id_calls_per_minute.is_some() || trunk.caller_id_max_calls.is_some() {
            let (rate, most) = (trunk.caller_id_calls_per_minute, trunk.caller_id_max_calls);
            limiters.push(limiter(Scope::CallerId, entry.caller_id, rate, most));
        }
        if let Some(most) = self.node_max_calls {
            limiters.push(limiter(Scope::Node, 0, None, Some(most)));
        }
        limiters
    }

    /// Reserves what a call may cost at most of what the calls of the day may; nothing where they have no limit.
    fn afford(&mut self, target: usize, trunk: usize, now: Timestamp) -> Result<Option<Cost>, Limited> {
        let row = &self.targets[target];
        let entry = &self.campaigns[row.campaign];
        let Some(rules) = entry.rules.hours.bounds().spend() else { return Ok(None) };
        let per_minute = rules.per_minute(self.number_at(row.contact, row.number), self.trunks[trunk].id);
        let longest = Duration::from_secs(entry.rules.settings.max_call_duration_s.into());
        let amount = scaled(cost(per_minute, longest), entry.scale.dials);
        let (day, until) = rules.day(now);
        let spent = self.spent.entry(day).or_default();
        if spent.saturating_add(amount) > rules.daily_cap {
            return Err(Limited { scope: Scope::Spend, until });
        }
        *spent += amount;
        Ok(Some(Cost { day, per_minute, amount }))
    }

    /// Puts in the place of what an attempt had reserved what its call came to.
    pub fn talked(&mut self, attempt: AttemptId, talked: Duration) {
        let Some(reserved) = self.attempts[attempt].cost.take() else { return };
        let scale = self.campaigns[self.targets[self.attempts[attempt].target].campaign].scale.dials;
        let spent = self.spent.entry(reserved.day).or_default();
        *spent = spent.saturating_sub(reserved.amount) + scaled(cost(reserved.per_minute, talked), scale);
    }

    /// What a claim comes to on the number that a target stands at, or on another one that may be called or may be first.
    fn any_number(
        &self,
        target: usize,
        policy: AlternateNumbers,
        decide: impl Fn(usize) -> ClaimDecision,
    ) -> (usize, ClaimDecision) {
        let row = &self.targets[target];
        let first = decide(row.number);
        let invalid = self.is_invalid(row.contact, row.number);
        if !self.further.contains_key(&row.contact) || !looks_further(policy, invalid, &first) {
            return (row.number, first);
        }
        let lines = self.lines(row.contact);
        let place = |line: Line| line.ordinal as usize;
        let turns = in_turn(u32::try_from(row.number).expect("few"), &lines);
        let mut found: Vec<_> = turns.map(|line| (line, decide(place(line)))).collect();
        let ranks: Vec<_> = found.iter().map(|(line, decision)| (*line, rank(decision))).collect();
        let (line, decision) = found.swap_remove(pick(&ranks).unwrap_or_default());
        (place(line), decision)
    }

    fn candidate(&self, target: usize, place: usize, now: Timestamp) -> Candidate {
        let row = &self.targets[target];
        let contact = &self.contacts[row.contact];
        let number = self.number_at(row.contact, place);
        let since = now - self.campaigns[row.campaign].rules.look_back();
        // All numbers of a person count together.
        let further = self.further.get(&row.contact).map_or(0, Vec::len);
        let own = (0..=further).map(|place| self.number_at(row.contact, place));
        let starts = own.filter_map(|number| self.starts_on_number.get(number)).flatten();
        let mut started: Vec<_> = starts.copied().filter(|&start| start > since).collect();
        started.sort_unstable();
        Candidate {
            number: ContactNumber::Valid(Pii::new(number.clone())),
            zone: contact.zone.clone(),
            suppression: self.suppressed.get(number).copied(),
            consent: !self.without_consent.contains(&row.contact),
            callback_at: row.callback_at,
            dials: row.dials,
            same_number: SameNumber {
                live: self.on_number.get(number).is_some_and(|&calls| calls > 0),
                other_ended: self
                    .last_on_number
                    .get(number)
                    .filter(|&&(other, _)| other != target)
                    .map(|&(_, ended)| ended),
                started,
            },
        }
    }

    fn insert_attempt(
        &mut self,
        target: usize,
        trunk: usize,
        dial_no: u32,
        node: Node,
        send_at: Timestamp,
        now: Timestamp,
    ) -> AttemptId {
        self.targets[target].dials = dial_no;
        let number = self.number_at(self.targets[target].contact, self.targets[target].number).clone();
        self.starts_on_number.entry(number.clone()).or_default().push(send_at);
        self.step(target, TargetEvent::Claim, now);
        let row = &self.targets[target];
        let id = self.attempts.push(Attempt {
            target,
            trunk,
            round: row.round,
            callback: row.callback_at.is_some() || row.late,
            number,
            dial_no,
            state: AttemptState::Claimed,
            node,
            send_at,
            claimed_at: now,
            lease_until: now + self.lease,
            committed_at: None,
            reason: None,
            ends: 0,
            cost: None,
        });
        self.take(id);
        id
    }

    pub(super) fn end_attempt(&mut self, attempt: AttemptId, state: AttemptState, reason: Option<DisconnectionReason>) {
        let row = &mut self.attempts[attempt];
        assert!(row.state.may_become(state), "{attempt:?}: {} to {state}", row.state);
        row.state = state;
        row.reason = reason;
        row.ends += 1;
        // Nothing was talked where nobody has said so.
        self.talked(attempt, Duration::ZERO);
        self.let_go(attempt);
    }
}

fn scaled(amount: u64, dials: f64) -> u64 {
    (amount as f64 * dials) as u64
}
