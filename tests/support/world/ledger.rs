//! The store as tables in memory. Each method is one transaction and takes its decisions with the dialer's own pure
//! functions, as the SQL store does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::phone::E164;
use callwright::campaign::rounds::{Audience, Opened, Rounds, means};
use callwright::campaign::run::Schedule;
use callwright::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::campaign::zone::Zones;
use callwright::dialer::claim::{self, ClaimDecision, ClaimView, DialRefusal, DialView};
use callwright::dialer::engine::{CampaignInfo, ClaimResult, ClaimedDial};
use callwright::dialer::gate::{CALLBACK_GRACE, Candidate, ContactNumber, Rules, SameNumber};
use callwright::dialer::pacing::{Limiter, Scope, interval};
use callwright::dialer::retry::{self, End, Hold, Round, Settled};
use callwright::id::{AttemptId, CampaignId, OrgId, RunId, TrunkId};
use callwright::pii::Pii;
use jiff::Timestamp;

pub type Node = u32;

/// What a place in the ready queue gains for a callback, and for one that was missed.
const CALLBACK_RANK: i64 = 10_000;
const MISSED_RANK: i64 = 20_000;

pub struct Campaign {
    pub info: CampaignInfo,
    pub rules: Rules,
    pub trunk: usize,
    schedule: Schedule,
    started: Timestamp,
    opened: Vec<Opened>,
    /// Up to which round everybody has been looked at.
    swept: usize,
    waiting: BTreeSet<(Timestamp, usize)>,
    ready: BTreeSet<(Reverse<i64>, Timestamp, usize)>,
    callbacks: BTreeSet<(Timestamp, usize)>,
    /// Those that wait for a person.
    held: BTreeSet<usize>,
    failed: BTreeSet<usize>,
    members: Vec<usize>,
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
    pub round: u32,
    pub dials: u32,
    /// How the sent dials of the round ended, and which of them were callbacks.
    pub ends: Vec<(bool, DisconnectionReason)>,
    pub callback_at: Option<Timestamp>,
    pub hold: Option<Hold>,
    answered: bool,
    last_ended: Option<Timestamp>,
    last_reason: Option<DisconnectionReason>,
    /// Its callback was missed.
    late: bool,
    rank: i64,
    run_seq: usize,
}

pub struct Attempt {
    pub target: usize,
    pub round: u32,
    pub callback: bool,
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
    /// Targets that are in progress, and callbacks that were missed.
    pub in_progress: usize,
    pub missed: usize,
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
            in_progress: 0,
            missed: 0,
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
        self.campaigns.push(Campaign {
            info,
            rules,
            trunk,
            schedule: Schedule::default(),
            started: Timestamp::UNIX_EPOCH,
            opened: Vec::new(),
            swept: 1,
            waiting: BTreeSet::new(),
            ready: BTreeSet::new(),
            callbacks: BTreeSet::new(),
            held: BTreeSet::new(),
            failed: BTreeSet::new(),
            members: Vec::new(),
        });
        index
    }

    /// Lets the campaign's runs open rounds.
    pub fn with_rounds(&mut self, campaign: usize, mut schedule: Schedule, started: Timestamp) {
        let mut next = 0;
        schedule.name_runs(None, || {
            next += 1;
            RunId::from_u128(next)
        });
        self.campaigns[campaign].schedule = schedule;
        self.campaigns[campaign].started = started;
    }

    pub fn add_target(&mut self, campaign: usize, contact: usize, at: Timestamp) {
        let index = self.targets.len();
        self.targets.push(Target {
            campaign,
            contact,
            state: TargetState::Waiting,
            blocked: None,
            next_at: at,
            round: 1,
            dials: 0,
            ends: Vec::new(),
            callback_at: None,
            hold: None,
            answered: false,
            last_ended: None,
            last_reason: None,
            late: false,
            rank: 0,
            run_seq: 1,
        });
        self.campaigns[campaign].waiting.insert((at, index));
        self.campaigns[campaign].members.push(index);
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
            if self.campaigns[campaign].rules.hours.period_end().is_some_and(|end| end <= now) {
                self.expire(campaign, now);
            }
            self.open_rounds(campaign, now);
            promoted += self.promote_callbacks(campaign, now);
            while let Some(&(due, target)) = self.campaigns[campaign].waiting.first()
                && due <= now
                && promoted < limit
            {
                self.step(target, TargetEvent::Due, due);
                promoted += 1;
            }
        }
        let entry = &self.campaigns[campaign];
        let due = entry.waiting.first().map(|&(due, _)| due);
        let callback = entry.callbacks.first().map(|&(due, _)| due);
        let opening = self.rounds(campaign, now).next_opening(entry.rules.hours.zone(), now);
        let next = [due, callback, opening].into_iter().flatten().min();
        (promoted, next, self.is_open(campaign, now))
    }

    fn rounds(&self, campaign: usize, now: Timestamp) -> Rounds<'_> {
        let Campaign { schedule, opened, rules, started, .. } = &self.campaigns[campaign];
        Rounds::new(schedule, opened, rules.hours.zone(), *started, now)
    }

    fn is_open(&self, campaign: usize, now: Timestamp) -> bool {
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
                row.ends.clear();
            }
            if meant && (waits || row.state == TargetState::Failed) {
                let delay = Duration::from_secs(60) * settings.retry_delay_min;
                let next_at = row.last_ended.map_or(now, |ended| now.max(ended + delay));
                self.step(target, TargetEvent::NewRound, next_at);
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
                    self.targets[target].rank = CALLBACK_RANK;
                    self.step(target, TargetEvent::Due, asked);
                    promoted += 1;
                }
            }
        }
        promoted
    }

    fn miss(&mut self, target: usize, now: Timestamp) {
        self.missed += 1;
        self.step(target, TargetEvent::MissCallback, now);
        let row = &mut self.targets[target];
        row.callback_at = None;
        row.late = true;
        row.rank = MISSED_RANK;
    }

    fn zones_of(&self, target: usize, rules: &Rules) -> Option<Zones> {
        let contact = &self.contacts[self.targets[target].contact];
        rules.zones(contact.zone.as_deref(), &contact.number)
    }

    /// What a person does to a target; false when its state does not allow it.
    pub fn act(&mut self, target: usize, event: TargetEvent, now: Timestamp) -> bool {
        let over = matches!(
            self.campaigns[self.targets[target].campaign].rules.state,
            CampaignState::Cancelled | CampaignState::Deleting | CampaignState::Completed
        );
        let state = self.targets[target].state;
        if over {
            return false;
        }
        if state == TargetState::InProgress {
            if !matches!(event, TargetEvent::Suspend | TargetEvent::Remove | TargetEvent::Resume) {
                return false;
            }
            self.targets[target].hold = match () {
                () if event == TargetEvent::Suspend => Some(Hold::Suspend),
                () if event == TargetEvent::Remove => Some(Hold::Remove),
                () => None,
            };
            return true;
        }
        let callback = self.targets[target].callback_at.filter(|&at| at > now);
        let event =
            if event == TargetEvent::Resume && callback.is_some() { TargetEvent::ResumeCallback } else { event };
        if event.apply(state).is_err() {
            return false;
        }
        if event == TargetEvent::Restart {
            let no = self.campaigns[self.targets[target].campaign].opened.len().max(1);
            let row = &mut self.targets[target];
            (row.round, row.dials, row.callback_at, row.late, row.rank) = (row.round + 1, 0, None, false, 0);
            row.run_seq = no;
            row.ends.clear();
        }
        let next_at = if event == TargetEvent::Restart { now } else { self.targets[target].next_at };
        self.step(target, event, next_at);
        true
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
    fn give_back(&mut self, target: usize, now: Timestamp) {
        let event = match self.targets[target].hold.take() {
            None => TargetEvent::Unsent,
            Some(Hold::Suspend) => TargetEvent::SuspendAfterCall,
            Some(Hold::Remove) => TargetEvent::RemoveAfterCall,
        };
        self.step(target, event, now);
    }

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
        let number = self.contacts[contact].number.clone();
        self.end_attempt(attempt, last, Some(end.reason));
        if last == AttemptState::Ended {
            self.last_on_number.insert(contact, (target, end.at));
            if end.reason == DisconnectionReason::VoiceCallsOptedOut {
                self.suppressed.insert(number.clone());
            }
        }
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
        };
        let rules = &entry.rules;
        let zones = rules.zones(self.contacts[contact].zone.as_deref(), &number);
        let hold = self.targets[target].hold;
        let mut settled = retry::settle(rules, zones.as_ref(), &round, end, hold);
        let agreed = wish.filter(|_| hold.is_none());
        if let Some(at) = agreed.and_then(|wish| retry::planned(rules, zones.as_ref(), wish.max(end.at))) {
            settled = Settled { state: TargetState::Callback, next_at: Some(at), blocked: None };
        }
        let row = &mut self.targets[target];
        if last == AttemptState::Ended {
            row.ends.push((callback, end.reason));
            row.last_ended = Some(end.at);
            row.last_reason = Some(end.reason);
            row.answered |= answered(end.reason);
            row.late = false;
            row.rank = 0;
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
                self.give_back(target, now);
            } else {
                // The channel stays taken until the leg is known to be down.
                self.end_attempt(attempt, AttemptState::Unknown, Some(DisconnectionReason::OutcomeUnknown));
                self.live.insert(attempt);
                let callback = self.attempts[attempt].callback;
                let row = &mut self.targets[target];
                row.ends.push((callback, DisconnectionReason::OutcomeUnknown));
                row.last_ended = Some(now);
                row.last_reason = Some(DisconnectionReason::OutcomeUnknown);
                (row.callback_at, row.late, row.rank) = (None, false, 0);
                let removed = row.hold.take() == Some(Hold::Remove);
                self.step(target, if removed { TargetEvent::RemoveAfterCall } else { TargetEvent::Fail }, now);
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
            .chain(entry.callbacks.iter().map(|&(_, target)| target))
            .chain(entry.held.iter().copied())
            .collect();
        for target in rest {
            self.step(target, TargetEvent::PeriodEnd, now);
        }
    }

    pub fn complete(&mut self, campaign: usize, now: Timestamp) -> bool {
        let done = !self.is_open(campaign, now);
        if done && self.campaigns[campaign].rules.state == CampaignState::InProgress {
            self.campaigns[campaign].rules.state = CampaignState::Completed;
        }
        done
    }

    /// Whether every campaign is over and no channel is taken.
    pub fn is_over(&self) -> bool {
        let over = |campaign: &Campaign| {
            matches!(
                campaign.rules.state,
                CampaignState::Completed | CampaignState::Cancelled | CampaignState::Deleting
            )
        };
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
        match row.state {
            TargetState::Waiting => drop(queues.waiting.remove(&(row.next_at, target))),
            TargetState::Ready => drop(queues.ready.remove(&(Reverse(row.rank), row.next_at, target))),
            TargetState::Callback => drop(queues.callbacks.remove(&(row.callback_at.unwrap_or(row.next_at), target))),
            TargetState::New | TargetState::Suspended => drop(queues.held.remove(&target)),
            TargetState::Failed => drop(queues.failed.remove(&target)),
            TargetState::InProgress => self.in_progress -= 1,
            TargetState::Rejected
            | TargetState::Done
            | TargetState::Blocked
            | TargetState::Expired
            | TargetState::Removed => {}
        }
        row.state = event.apply(row.state).expect("the transition is in the table");
        row.next_at = next_at;
        match row.state {
            TargetState::Waiting => drop(queues.waiting.insert((next_at, target))),
            TargetState::Ready => drop(queues.ready.insert((Reverse(row.rank), next_at, target))),
            TargetState::Callback => drop(queues.callbacks.insert((row.callback_at.unwrap_or(next_at), target))),
            TargetState::New | TargetState::Suspended => drop(queues.held.insert(target)),
            TargetState::Failed => drop(queues.failed.insert(target)),
            TargetState::InProgress => self.in_progress += 1,
            TargetState::Rejected
            | TargetState::Done
            | TargetState::Blocked
            | TargetState::Expired
            | TargetState::Removed => {}
        }
    }
}

/// Whether a person answered, as a reason tells.
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
