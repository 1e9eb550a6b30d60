//! The store as tables in memory. Each method is one transaction and takes its decisions with the dialer's own pure
//! functions, as the SQL store does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::phone::E164;
use callwright::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::dialer::claim::{self, ClaimDecision, ClaimView, DialRefusal, DialView};
use callwright::dialer::engine::{CampaignInfo, ClaimResult, ClaimedDial};
use callwright::dialer::gate::{Candidate, ContactNumber, Rules, SameNumber};
use callwright::dialer::pacing::{Limiter, Scope, interval};
use callwright::dialer::retry::{self, End, Round};
use callwright::id::{AttemptId, CampaignId, OrgId, TrunkId};
use callwright::pii::Pii;
use jiff::Timestamp;

pub type Node = u32;

pub struct Campaign {
    pub info: CampaignInfo,
    pub rules: Rules,
    pub trunk: usize,
    waiting: BTreeSet<(Timestamp, usize)>,
    ready: BTreeSet<(Reverse<i64>, Timestamp, usize)>,
}

pub struct Trunk {
    pub id: TrunkId,
    pub calls_per_minute: u32,
    pub max_channels: u32,
}

pub struct Contact {
    pub number: E164,
    pub zone: Option<String>,
}

pub struct Target {
    pub campaign: usize,
    pub contact: usize,
    pub state: TargetState,
    pub blocked: Option<BlockedReason>,
    pub next_at: Timestamp,
    pub dials: u32,
    /// How the sent dials of the round ended.
    pub ends: Vec<DisconnectionReason>,
}

pub struct Attempt {
    pub target: usize,
    pub dial_no: u32,
    pub state: AttemptState,
    pub node: Node,
    pub send_at: Timestamp,
    pub claimed_at: Timestamp,
    pub committed_at: Option<Timestamp>,
    pub reason: Option<DisconnectionReason>,
    /// How many times a final state was written.
    pub ends: u32,
}

/// All attempts ever made; an identifier is a position.
#[derive(Default)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    fn push(&mut self, attempt: Attempt) -> AttemptId {
        self.0.push(attempt);
        AttemptId::from_u128(self.0.len() as u128)
    }

    pub fn values(&self) -> impl Iterator<Item = &Attempt> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn position(id: AttemptId) -> usize {
        usize::try_from(u128::from_be_bytes(*id.as_bytes()) - 1).expect("made by push")
    }
}

impl Index<AttemptId> for Attempts {
    type Output = Attempt;

    fn index(&self, id: AttemptId) -> &Attempt {
        &self.0[Self::position(id)]
    }
}

impl IndexMut<AttemptId> for Attempts {
    fn index_mut(&mut self, id: AttemptId) -> &mut Attempt {
        &mut self.0[Self::position(id)]
    }
}

pub struct Ledger {
    pub lease: Duration,
    pub org: OrgId,
    pub org_calls_per_minute: u32,
    pub org_max_calls: u32,
    pub trunks: Vec<Trunk>,
    pub campaigns: Vec<Campaign>,
    pub contacts: Vec<Contact>,
    pub targets: Vec<Target>,
    pub attempts: Attempts,
    /// Attempts that hold a channel, those of unknown outcome included until their leg is known to be down.
    pub live: BTreeSet<AttemptId>,
    pub suppressed: BTreeSet<E164>,
    leases: BTreeMap<Node, Timestamp>,
    tats: BTreeMap<(Scope, usize), Timestamp>,
    last_on_number: BTreeMap<usize, (usize, Timestamp)>,
    starts_on_number: BTreeMap<usize, Vec<Timestamp>>,
}

impl Ledger {
    pub fn new(lease: Duration, org_calls_per_minute: u32, org_max_calls: u32, trunks: Vec<Trunk>) -> Self {
        Self {
            lease,
            org: OrgId::from_u128(1),
            org_calls_per_minute,
            org_max_calls,
            trunks,
            campaigns: Vec::new(),
            contacts: Vec::new(),
            targets: Vec::new(),
            attempts: Attempts::default(),
            live: BTreeSet::new(),
            suppressed: BTreeSet::new(),
            leases: BTreeMap::new(),
            tats: BTreeMap::new(),
            last_on_number: BTreeMap::new(),
            starts_on_number: BTreeMap::new(),
        }
    }

    pub fn add_campaign(&mut self, rules: Rules, trunk: usize) -> usize {
        let index = self.campaigns.len();
        let info = CampaignInfo {
            campaign: CampaignId::from_u128(100 + index as u128),
            org: self.org,
            trunks: vec![self.trunks[trunk].id],
            weight: rules.settings.max_concurrent_calls,
            period_end: rules.hours.period_end(),
        };
        self.campaigns.push(Campaign { info, rules, trunk, waiting: BTreeSet::new(), ready: BTreeSet::new() });
        index
    }

    pub fn add_target(&mut self, campaign: usize, contact: usize, at: Timestamp) {
        let index = self.targets.len();
        self.targets.push(Target {
            campaign,
            contact,
            state: TargetState::Waiting,
            blocked: None,
            next_at: at,
            dials: 0,
            ends: Vec::new(),
        });
        self.campaigns[campaign].waiting.insert((at, index));
    }

    pub fn index_of(&self, id: CampaignId) -> usize {
        self.campaigns.iter().position(|campaign| campaign.info.campaign == id).expect("the engine knows only ours")
    }

    pub fn in_progress(&self) -> Vec<CampaignInfo> {
        let running = |campaign: &&Campaign| campaign.rules.state == CampaignState::InProgress;
        self.campaigns.iter().filter(running).map(|campaign| campaign.info.clone()).collect()
    }

    pub fn renew(&mut self, node: Node, now: Timestamp) -> bool {
        let until = self.leases.entry(node).or_insert(now + self.lease);
        let held = *until >= now;
        if held {
            *until = now + self.lease;
        }
        held
    }

    pub fn promote(&mut self, campaign: usize, limit: u32, now: Timestamp) -> (u32, Option<Timestamp>, bool) {
        let mut promoted = 0;
        if self.campaigns[campaign].rules.state == CampaignState::InProgress {
            while let Some(&(due, target)) = self.campaigns[campaign].waiting.first()
                && due <= now
                && promoted < limit
            {
                self.step(target, TargetEvent::Due, due);
                promoted += 1;
            }
        }
        let entry = &self.campaigns[campaign];
        let open = !entry.waiting.is_empty() || !entry.ready.is_empty() || self.live_in(campaign) > 0;
        (promoted, entry.waiting.first().map(|&(due, _)| due), open)
    }

    pub fn claim(
        &mut self,
        campaign: usize,
        node: Node,
        now: Timestamp,
        headroom: Duration,
    ) -> (ClaimResult, Option<Timestamp>) {
        let mut next_due: Option<Timestamp> = None;
        if self.leases.get(&node).is_none_or(|&until| until < now) {
            return (ClaimResult::Stopped, None);
        }
        let limiters = self.limiters(campaign);
        for _ in 0..claim::MAX_CANDIDATES {
            let state = self.campaigns[campaign].rules.state;
            match claim::admit(now, headroom, state, &limiters.map(|(limiter, _)| limiter)) {
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
                limiters: &limiters.map(|(limiter, _)| limiter),
                candidate: &candidate,
            };
            match claim::decide(view) {
                ClaimDecision::Claim(granted) => {
                    for ((_, key), (_, tat)) in limiters.iter().zip(&granted.reservation.tats) {
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
                    self.step(target, TargetEvent::Block, now);
                }
                ClaimDecision::Expire => self.step(target, TargetEvent::PeriodEnd, now),
                ClaimDecision::CallbackMissed => self.step(target, TargetEvent::MissCallback, now),
                ClaimDecision::Limited(_) | ClaimDecision::Stopped => unreachable!("admitted above"),
            }
        }
        (ClaimResult::TurnedAway, next_due)
    }

    pub fn commit(&mut self, attempt: AttemptId, node: Node, now: Timestamp, send_by: Timestamp) -> bool {
        let row = &self.attempts[attempt];
        let target = row.target;
        let suppressed = self.suppressed.contains(&self.contacts[self.targets[target].contact].number);
        let view = DialView {
            now,
            attempt: row.state,
            mine: row.node == node,
            lease_until: self.leases.get(&node).copied().unwrap_or(Timestamp::MIN),
            node_lease_until: self.leases.get(&node).copied().unwrap_or(Timestamp::MIN),
            campaign: self.campaigns[self.targets[target].campaign].rules.state,
            suppression: suppressed.then_some(BlockedReason::Dnc),
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
            DialRefusal::CampaignStopped | DialRefusal::TooLate => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                self.step(target, TargetEvent::Unsent, now);
            }
            DialRefusal::Suppressed(reason) => {
                self.end_attempt(attempt, AttemptState::NotPlaced, refused.disconnection());
                self.targets[target].blocked = Some(reason);
                self.step(target, TargetEvent::Block, now);
            }
        }
        false
    }

    pub fn unsend(&mut self, attempt: AttemptId, node: Node, now: Timestamp) {
        let row = &self.attempts[attempt];
        if row.node != node || !row.state.may_become(AttemptState::NotPlaced) {
            return;
        }
        let target = row.target;
        self.end_attempt(attempt, AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost));
        self.step(target, TargetEvent::Unsent, now);
    }

    /// Writes the end of a dial; gives when its target is due again.
    pub fn finish(&mut self, attempt: AttemptId, end: &End) -> Option<Timestamp> {
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
        let number = self.contacts[contact].number.clone();
        self.end_attempt(attempt, last, Some(end.reason));
        if last == AttemptState::Ended {
            self.last_on_number.insert(contact, (target, end.at));
            if end.reason == DisconnectionReason::VoiceCallsOptedOut {
                self.suppressed.insert(number.clone());
            }
        }
        let ends = &self.targets[target].ends;
        let count = |wanted: &dyn Fn(DisconnectionReason) -> bool| {
            u32::try_from(ends.iter().filter(|&&earlier| wanted(earlier)).count()).expect("few")
        };
        let round = Round {
            consumed: count(&|earlier| earlier.consumes_retry()),
            free: count(&|earlier| !earlier.consumes_retry()),
            same_reason: count(&|earlier| earlier == end.reason),
        };
        let rules = &self.campaigns[self.targets[target].campaign].rules;
        let zones = rules.zones(self.contacts[contact].zone.as_deref(), &number);
        let settled = retry::settle(rules, zones.as_ref(), &round, end, None);
        if last == AttemptState::Ended {
            self.targets[target].ends.push(end.reason);
        }
        self.targets[target].blocked = settled.blocked;
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
        let abandoned: Vec<_> = self
            .live
            .iter()
            .copied()
            .filter(|&attempt| self.attempts[attempt].state.is_live() && lost(self.attempts[attempt].node))
            .collect();
        let mut orphans = Vec::new();
        for attempt in abandoned {
            let target = self.attempts[attempt].target;
            if self.attempts[attempt].state == AttemptState::Claimed {
                self.end_attempt(attempt, AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost));
                self.step(target, TargetEvent::Unsent, now);
            } else {
                // The channel stays taken until the leg is known to be down.
                self.end_attempt(attempt, AttemptState::Unknown, Some(DisconnectionReason::OutcomeUnknown));
                self.live.insert(attempt);
                self.targets[target].ends.push(DisconnectionReason::OutcomeUnknown);
                self.step(target, TargetEvent::Fail, now);
                orphans.push(attempt);
            }
        }
        orphans
    }

    /// The orphan's leg is down.
    pub fn free(&mut self, attempt: AttemptId) {
        self.live.remove(&attempt);
    }

    pub fn expire(&mut self, campaign: usize, now: Timestamp) {
        let over = self.campaigns[campaign].rules.hours.period_end().is_some_and(|end| end <= now);
        assert!(over, "the engine expires a campaign at its end");
        let entry = &self.campaigns[campaign];
        let rest: Vec<usize> = entry
            .waiting
            .iter()
            .map(|&(_, target)| target)
            .chain(entry.ready.iter().map(|&(_, _, target)| target))
            .collect();
        for target in rest {
            self.step(target, TargetEvent::PeriodEnd, now);
        }
    }

    pub fn complete(&mut self, campaign: usize) -> bool {
        let entry = &self.campaigns[campaign];
        let done = entry.waiting.is_empty() && entry.ready.is_empty() && self.live_in(campaign) == 0;
        if done && entry.rules.state == CampaignState::InProgress {
            self.campaigns[campaign].rules.state = CampaignState::Completed;
        }
        done
    }

    /// Whether every campaign is over and no channel is taken.
    pub fn is_over(&self) -> bool {
        let over =
            |campaign: &Campaign| matches!(campaign.rules.state, CampaignState::Completed | CampaignState::Cancelled);
        self.live.is_empty() && self.campaigns.iter().all(over)
    }

    pub fn number_of(&self, attempt: AttemptId) -> &E164 {
        &self.contacts[self.targets[self.attempts[attempt].target].contact].number
    }

    fn live_in(&self, campaign: usize) -> usize {
        self.live.iter().filter(|&&attempt| self.targets[self.attempts[attempt].target].campaign == campaign).count()
    }

    fn limiters(&self, campaign: usize) -> [(Limiter, (Scope, usize)); 3] {
        let entry = &self.campaigns[campaign];
        let trunk = &self.trunks[entry.trunk];
        let count = |matches: &dyn Fn(usize) -> bool| {
            let owner = |&&attempt: &&AttemptId| matches(self.targets[self.attempts[attempt].target].campaign);
            u32::try_from(self.live.iter().filter(owner).count()).expect("few")
        };
        let limiter = |scope, id, calls_per_minute, most, live| {
            let tat = self.tats.get(&(scope, id)).copied();
            let interval = Some(interval(calls_per_minute));
            (Limiter { scope, tat, interval, live, most_live: Some(most), closed_until: None }, (scope, id))
        };
        let settings = &entry.rules.settings;
        [
            limiter(Scope::Organisation, 0, self.org_calls_per_minute, self.org_max_calls, count(&|_| true)),
            limiter(
                Scope::Trunk,
                entry.trunk,
                trunk.calls_per_minute,
                trunk.max_channels,
                count(&|owner| self.campaigns[owner].trunk == entry.trunk),
            ),
            limiter(
                Scope::Campaign,
                campaign,
                settings.calls_per_minute,
                settings.max_concurrent_calls,
                count(&|owner| owner == campaign),
            ),
        ]
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
            callback_at: None,
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
        let id = self.attempts.push(Attempt {
            target,
            dial_no,
            state: AttemptState::Claimed,
            node,
            send_at,
            claimed_at: now,
            committed_at: None,
            reason: None,
            ends: 0,
        });
        self.live.insert(id);
        id
    }

    fn end_attempt(&mut self, attempt: AttemptId, state: AttemptState, reason: Option<DisconnectionReason>) {
        let row = &mut self.attempts[attempt];
        assert!(row.state.may_become(state), "{attempt:?}: {} to {state}", row.state);
        row.state = state;
        row.reason = reason;
        row.ends += 1;
        self.live.remove(&attempt);
    }

    /// Moves a target, and between the queues.
    fn step(&mut self, target: usize, event: TargetEvent, next_at: Timestamp) {
        let row = &mut self.targets[target];
        let queues = &mut self.campaigns[row.campaign];
        queues.waiting.remove(&(row.next_at, target));
        queues.ready.remove(&(Reverse(0), row.next_at, target));
        row.state = event.apply(row.state).expect("the transition is in the table");
        row.next_at = next_at;
        match row.state {
            TargetState::Waiting => drop(queues.waiting.insert((next_at, target))),
            TargetState::Ready => drop(queues.ready.insert((Reverse(0), next_at, target))),
            TargetState::New
            | TargetState::Rejected
            | TargetState::InProgress
            | TargetState::Callback
            | TargetState::Done
            | TargetState::Failed
            | TargetState::Suspended
            | TargetState::Blocked
            | TargetState::Expired
            | TargetState::Removed => {}
        }
    }
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
        TargetState::New | TargetState::Rejected | TargetState::InProgress | TargetState::Callback => {
            unreachable!("a dial does not end in {state}")
        }
    }
}
