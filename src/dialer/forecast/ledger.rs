//! The store as tables in memory. Each method is one transaction and takes its decisions with the dialer's own pure
//! functions, as the SQL store does.

mod claims;
mod ends;
mod queue;
mod rounds;
mod setup;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::rounds::Opened;
use crate::campaign::run::Schedule;
use crate::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use crate::campaign::target::TargetEvent;
use crate::campaign::zone::Zones;
use crate::dialer::engine::CampaignInfo;
use crate::dialer::gate::Rules;
use crate::dialer::numbers::Line;
use crate::dialer::pacing::Scope;
use crate::dialer::retry::Hold;
use crate::dialer::share::Shares;
use crate::id::{AttemptId, CampaignId, OrgId, TrunkId};
use crate::trunk::prefix::Routes;

use queue::{Place, Waiting};

pub use ends::answered;

/// A node by its number.
pub type Node = u32;

/// What a place in the ready queue gains for a callback.
const CALLBACK_RANK: i64 = 10_000;
/// … and for one that was missed.
const MISSED_RANK: i64 = 20_000;

/// Due targets that one promotion looks at.
const BATCH: usize = 500;

/// A campaign and its queues.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// As the engine has to know it.
    pub info: CampaignInfo,
    /// What it says about dialing.
    pub rules: Rules,
    /// Position of its trunk in the list of trunks.
    pub trunk: usize,
    /// All of its trunks with their weights, those of one priority together, the first priority first.
    levels: Vec<Vec<(usize, u32)>>,
    shares: Shares,
    /// Its number to call from: campaigns with the same one share that number's limits.
    pub caller_id: usize,
    /// For how much each of its contacts stands.
    pub scale: Scale,
    schedule: Schedule,
    started: Timestamp,
    opened: Vec<Opened>,
    /// Up to which round everybody has been looked at.
    swept: usize,
    waiting: Waiting,
    /// By priority, turn and time.
    ready: BTreeSet<(Reverse<i64>, i64, Timestamp, usize)>,
    callbacks: BTreeSet<(Timestamp, usize)>,
    /// Those that wait for a person.
    held: BTreeSet<usize>,
    failed: BTreeSet<usize>,
    members: Vec<usize>,
}

/// What one contact stands for where not everybody is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Dials for which one counts against every rate.
    pub dials: f64,
    /// Channels that one call takes.
    pub channels: u32,
}

impl Scale {
    /// Everybody stands for themselves.
    pub const WHOLE: Self = Self { dials: 1.0, channels: 1 };
}

/// A carrier's trunk.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// Dials a minute.
    pub calls_per_minute: u32,
    /// Simultaneous calls.
    pub max_channels: u32,
    /// Dials a minute from one number, if that is limited.
    pub caller_id_calls_per_minute: Option<u32>,
    /// Simultaneous calls from one number, if that is limited.
    pub caller_id_max_calls: Option<u32>,
}

impl Trunk {
    /// A trunk that does not limit single numbers.
    #[must_use]
    pub const fn new(id: TrunkId, calls_per_minute: u32, max_channels: u32) -> Self {
        Self { id, calls_per_minute, max_channels, caller_id_calls_per_minute: None, caller_id_max_calls: None }
    }
}

/// A person with a number.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The number.
    pub number: E164,
    /// The zone that was given with it.
    pub zone: Option<String>,
}

/// A contact in a campaign.
#[derive(Clone, Debug)]
pub struct Target {
    /// Position of the campaign.
    pub campaign: usize,
    /// Position of the contact.
    pub contact: usize,
    /// Where it stands.
    pub state: TargetState,
    /// Why it is blocked, if it is.
    pub blocked: Option<BlockedReason>,
    /// When it is due, in the states that wait.
    pub next_at: Timestamp,
    /// Its round, from 1.
    pub round: u32,
    /// Dials of the round, sent or not.
    pub dials: u32,
    /// How the sent dials of the round ended, and which of them were callbacks.
    pub ends: Vec<(bool, DisconnectionReason)>,
    /// When it is to be called back.
    pub callback_at: Option<Timestamp>,
    /// What a person decided during its call.
    pub hold: Option<Hold>,
    /// Whether they ever answered in person.
    pub answered: bool,
    /// When its last call ended.
    pub last_ended: Option<Timestamp>,
    /// How.
    pub last_reason: Option<DisconnectionReason>,
    /// Its callback was missed.
    pub late: bool,
    /// Its priority, as a person set it.
    pub priority: i64,
    /// Its priority in the ready queue, where callbacks go first.
    pub rank: i64,
    /// Its place in the list.
    pub place: i64,
    /// Whether it is taken by that place, or by the time it is due.
    pub listed: bool,
    /// Where it stands among those that are ready with the same priority.
    pub turn: i64,
    /// Which of its campaign's rounds it has come to, from 1.
    pub run_seq: usize,
    /// Place of the number that is dialed next.
    pub number: usize,
}

/// A dial of a target.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Position of the target.
    pub target: usize,
    /// Position of the trunk that it goes over.
    pub trunk: usize,
    /// The target's round.
    pub round: u32,
    /// Whether it is a callback, or makes up for one.
    pub callback: bool,
    /// Whom it rings.
    pub number: E164,
    /// Its number within the round.
    pub dial_no: u32,
    /// How far it has come.
    pub state: AttemptState,
    /// Who holds it.
    pub node: Node,
    /// The moment it reserved.
    pub send_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When the claim is void, if nothing came of it.
    pub lease_until: Timestamp,
    /// When it became DIALING.
    pub committed_at: Option<Timestamp>,
    /// How it ended.
    pub reason: Option<DisconnectionReason>,
    /// How many times a final state was written.
    pub ends: u32,
    /// What is reserved for it of what calls may cost in a day.
    cost: Option<Cost>,
}

/// What a call may cost at most.
#[derive(Clone, Copy, Debug)]
struct Cost {
    day: Date,
    per_minute: u64,
    amount: u64,
}

/// All attempts ever made; an identifier is a position.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Vec<Attempt>);

impl Attempts {
    fn push(&mut self, attempt: Attempt) -> AttemptId {
        self.0.push(attempt);
        AttemptId::from_u128(self.0.len() as u128)
    }

    /// All of them, in the order of their claims.
    pub fn values(&self) -> impl Iterator<Item = &Attempt> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody was ever claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

/// All tables of one organisation.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// How long a node's lease lasts.
    pub lease: Duration,
    /// The organisation.
    pub org: OrgId,
    /// Its dials a minute.
    pub org_calls_per_minute: u32,
    /// Its simultaneous calls.
    pub org_max_calls: u32,
    /// Simultaneous calls that the servers have room for, if that is less.
    pub node_max_calls: Option<u32>,
    /// Its trunks.
    pub trunks: Vec<Trunk>,
    /// Where its calls go by the number called.
    pub routes: Routes,
    /// Its campaigns.
    pub campaigns: Vec<Campaign>,
    /// Its contacts.
    pub contacts: Vec<Contact>,
    /// Further numbers of contacts that have some, by their positions.
    pub further: BTreeMap<usize, Vec<E164>>,
    /// The contacts in its campaigns.
    pub targets: Vec<Target>,
    /// Its dials.
    pub attempts: Attempts,
    /// Attempts that hold a channel, those of unknown outcome included until their leg is known to be down.
    pub live: BTreeSet<AttemptId>,
    /// Numbers that are not to be called, and why.
    pub suppressed: BTreeMap<E164, BlockedReason>,
    /// Positions of contacts without valid consent.
    pub without_consent: BTreeSet<usize>,
    /// What the calls of a day cost so far, reservations included.
    pub spent: BTreeMap<Date, u64>,
    /// Targets that are in progress.
    pub in_progress: usize,
    /// Callbacks that were missed.
    pub missed: usize,
    leases: BTreeMap<Node, Timestamp>,
    tats: BTreeMap<(Scope, usize), Timestamp>,
    last_on_number: BTreeMap<E164, (usize, Timestamp)>,
    starts_on_number: BTreeMap<E164, Vec<Timestamp>>,
    /// Numbers of contacts that do not exist, as far as carriers have said to their dials.
    invalid: BTreeSet<(usize, E164)>,
    /// Channels that are taken of each scope, and calls of each number: what counting [`live`](Self::live) would give.
    taken: BTreeMap<(Scope, usize), u32>,
    on_number: BTreeMap<E164, u32>,
}

impl Ledger {
    /// Tables without campaigns and contacts.
    #[must_use]
    pub fn new(lease: Duration, org_calls_per_minute: u32, org_max_calls: u32, trunks: Vec<Trunk>) -> Self {
        Self {
            lease,
            org: OrgId::from_u128(1),
            org_calls_per_minute,
            org_max_calls,
            node_max_calls: None,
            trunks,
            routes: Routes::default(),
            campaigns: Vec::new(),
            contacts: Vec::new(),
            further: BTreeMap::new(),
            targets: Vec::new(),
            attempts: Attempts::default(),
            live: BTreeSet::new(),
            suppressed: BTreeMap::new(),
            without_consent: BTreeSet::new(),
            spent: BTreeMap::new(),
            in_progress: 0,
            missed: 0,
            leases: BTreeMap::new(),
            tats: BTreeMap::new(),
            last_on_number: BTreeMap::new(),
            starts_on_number: BTreeMap::new(),
            invalid: BTreeSet::new(),
            taken: BTreeMap::new(),
            on_number: BTreeMap::new(),
        }
    }

    /// Position of a campaign.
    ///
    /// # Panics
    /// When there is no such campaign.
    #[must_use]
    pub fn index_of(&self, id: CampaignId) -> usize {
        self.campaigns.iter().position(|campaign| campaign.info.campaign == id).expect("the engine knows only ours")
    }

    /// The campaigns in progress.
    #[must_use]
    pub fn in_progress(&self) -> Vec<CampaignInfo> {
        let running = |campaign: &&Campaign| campaign.rules.state == CampaignState::InProgress;
        self.campaigns.iter().filter(running).map(|campaign| campaign.info.clone()).collect()
    }

    /// Whether every campaign is over and no channel is taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let over = |campaign: &Campaign| {
            matches!(
                campaign.rules.state,
                CampaignState::Completed | CampaignState::Cancelled | CampaignState::Deleting
            )
        };
        self.live.is_empty() && self.campaigns.iter().all(over)
    }

    /// The number that an attempt rings.
    #[must_use]
    pub fn number_of(&self, attempt: AttemptId) -> &E164 {
        &self.attempts[attempt].number
    }

    /// The number of a contact at a place in its order; the first one when there is none.
    fn number_at(&self, contact: usize, place: usize) -> &E164 {
        let further = place.checked_sub(1).and_then(|place| self.further.get(&contact)?.get(place));
        further.unwrap_or(&self.contacts[contact].number)
    }

    fn is_invalid(&self, contact: usize, place: usize) -> bool {
        self.invalid.contains(&(contact, self.number_at(contact, place).clone()))
    }

    /// The numbers of a contact, as far as their order matters.
    fn lines(&self, contact: usize) -> Vec<Line> {
        let count = 1 + self.further.get(&contact).map_or(0, Vec::len);
        let line =
            |place| Line { ordinal: u32::try_from(place).expect("few"), invalid: self.is_invalid(contact, place) };
        (0..count).map(line).collect()
    }

    fn zones_of(&self, target: usize, rules: &Rules) -> Option<Zones> {
        let row = &self.targets[target];
        rules.zones(self.contacts[row.contact].zone.as_deref(), self.number_at(row.contact, row.number))
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
            (row.round, row.dials, row.callback_at, row.late, row.rank) = (row.round + 1, 0, None, false, row.priority);
            row.listed = true;
            row.run_seq = no;
            row.number = 0;
            row.ends.clear();
        }
        let next_at = if event == TargetEvent::Restart { now } else { self.targets[target].next_at };
        self.step(target, event, next_at);
        true
    }

    /// Makes the node's lease last from now on; false when it has run out.
    pub fn renew(&mut self, node: Node, now: Timestamp) -> bool {
        let until = self.leases.entry(node).or_insert(now + self.lease);
        let held = *until >= now;
        if held {
            *until = now + self.lease;
        }
        held
    }

    /// Whether the node's lease lasts.
    #[must_use]
    pub fn holds(&self, node: Node, now: Timestamp) -> bool {
        self.leases.get(&node).is_some_and(|&until| until >= now)
    }

    /// Moves a target, and between the queues.
    fn step(&mut self, target: usize, event: TargetEvent, next_at: Timestamp) {
        self.leave(target);
        let row = &mut self.targets[target];
        row.state = event.apply(row.state).expect("the transition is in the table");
        row.next_at = next_at;
        self.enter(target);
    }

    /// Takes a target out of the queue that it is in.
    fn leave(&mut self, target: usize) {
        let row = &self.targets[target];
        let queues = &mut self.campaigns[row.campaign];
        match row.state {
            TargetState::Waiting => queues.waiting.remove(row.waits_at(target)),
            TargetState::Ready => drop(queues.ready.remove(&(Reverse(row.rank), row.turn, row.next_at, target))),
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
    }

    /// Puts a target into the queue of its state.
    fn enter(&mut self, target: usize) {
        let row = &self.targets[target];
        let queues = &mut self.campaigns[row.campaign];
        match row.state {
            TargetState::Waiting => queues.waiting.insert(row.waits_at(target)),
            TargetState::Ready => drop(queues.ready.insert((Reverse(row.rank), row.turn, row.next_at, target))),
            TargetState::Callback => drop(queues.callbacks.insert((row.callback_at.unwrap_or(row.next_at), target))),
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

    /// An attempt holds its channels from now on.
    fn take(&mut self, attempt: AttemptId) {
        if self.live.insert(attempt) {
            let (scopes, channels) = self.scopes_of(attempt);
            for scope in scopes {
                *self.taken.entry(scope).or_default() += channels;
            }
            *self.on_number.entry(self.attempts[attempt].number.clone()).or_default() += 1;
        }
    }

    /// … and no longer.
    fn let_go(&mut self, attempt: AttemptId) {
        if self.live.remove(&attempt) {
            let (scopes, channels) = self.scopes_of(attempt);
            for scope in scopes {
                let taken = self.taken.entry(scope).or_default();
                *taken = taken.saturating_sub(channels);
            }
            let number = &self.attempts[attempt].number;
            if let Some(calls) = self.on_number.get_mut(number) {
                *calls = calls.saturating_sub(1);
            }
        }
    }

    /// What an attempt counts against, with how many channels.
    fn scopes_of(&self, attempt: AttemptId) -> ([(Scope, usize); 4], u32) {
        let Attempt { target, trunk, .. } = self.attempts[attempt];
        let campaign = self.targets[target].campaign;
        let entry = &self.campaigns[campaign];
        let scopes = [
            (Scope::Organisation, 0),
            (Scope::Trunk, trunk),
            (Scope::Campaign, campaign),
            (Scope::CallerId, entry.caller_id),
        ];
        (scopes, entry.scale.channels)
    }

    /// Channels that the campaign's calls take.
    fn live_in(&self, campaign: usize) -> u32 {
        self.taken(Scope::Campaign, campaign)
    }

    fn taken(&self, scope: Scope, id: usize) -> u32 {
        self.taken.get(&(scope, id)).copied().unwrap_or_default()
    }
}

impl Target {
    fn waits_at(&self, target: usize) -> Place {
        Place { target, priority: self.priority, due: self.next_at, listed: self.listed.then_some(self.place) }
    }
}
