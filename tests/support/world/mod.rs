//! A world in virtual time: nodes that run the dialer's engine against one ledger, a carrier behind a network that loses
//! packets, clocks that are wrong, and everything that goes wrong. After every step the invariants are checked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use callwright::campaign::states::TargetState;
use callwright::dialer::engine::{Action, Config, Engine, Input, Notice};
use callwright::dialer::forecast::ledger::{Ledger, Node};
use callwright::dialer::retry::End;
use callwright::id::AttemptId;
use callwright::time::Now;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub mod bug;
pub mod callee;
pub mod carrier;
pub mod check;
pub mod fate;
pub mod rng;
mod store;
pub mod wire;

use bug::Bug;
use carrier::{CallId, Carrier};
use check::Check;
use fate::{Fate, Step};
use rng::Rng;
use wire::{Leg, Side, Signal, Timer, Weather};

/// Microseconds since the world began.
type At = u64;

/// Something that will happen.
enum Event {
    /// The engine wanted to wake up; counts only if it still wants to.
    Tick { host: usize, life: u32, order: u64 },
    /// The store carries out an action.
    Execute { host: usize, life: u32, action: Action },
    /// An answer or a notification reaches a host.
    Deliver { host: usize, life: u32, input: Input },
    /// The INVITE is written, if nothing came in between.
    Send { host: usize, life: u32, attempt: AttemptId, send_before: std::time::Instant },
    /// A packet arrives.
    Packet { to: Side, host: usize, id: CallId, signal: Signal },
    /// A clock of a leg runs out at the office.
    LegTimer { host: usize, life: u32, id: CallId, timer: Timer },
    /// … and at the carrier.
    CarrierTimer { id: CallId, timer: Timer },
    /// A host writes how a dial ended.
    Finish { host: usize, life: u32, attempt: AttemptId, end: End, wish: Option<Timestamp> },
    /// A host writes that an orphan's leg is down.
    Free { host: usize, life: u32, attempt: AttemptId },
    /// Something from outside.
    Fate(Fate),
}

struct Host {
    config: Config,
    engine: Engine,
    /// Counts boots: what was meant for an earlier life is lost.
    life: u32,
    up: bool,
    node: Node,
    frozen_until: At,
    /// How long its monotonic clock has stood still.
    slept: u64,
    /// How far its wall clock is from the true time, and what it gains in a second (millionths).
    wall_off: i64,
    drift: i64,
    /// What it adds to its wall clock to know the store's.
    ahead: i64,
    clock_off_until: At,
    /// When its clock was compared with the store's, and the longest time between two comparisons before.
    compared: At,
    apart: u64,
    severed_until: At,
    commits_to_fail: u32,
    /// When the commits of dials began that are to be sent, on the clock that sleep does not stop.
    begun: BTreeMap<AttemptId, At>,
    legs: BTreeMap<CallId, Leg>,
    ambush: Option<(Step, fate::Blow)>,
    /// Until when lateness is excused: a freeze, a crash or an outage of the store.
    disturbed_until: At,
    /// When it wakes up; an earlier wish is void.
    timer: Option<(At, u64)>,
}

pub struct World {
    pub ledger: Ledger,
    pub check: Check,
    /// Per contact: the zones it can be in, as the world knows them.
    pub zones: Vec<Vec<TimeZone>>,
    /// Per contact: what its calls are drawn by.
    pub names: Vec<u64>,
    pub carrier: Carrier,
    pub weather: Weather,
    /// A mistake to be found.
    pub bug: Option<Bug>,
    pub steps: u64,
    seed: u64,
    hosts: Vec<Host>,
    epoch: Now,
    at: At,
    /// Time, order and slot of everything that will happen.
    queue: BinaryHeap<Reverse<(At, u64, usize)>>,
    slots: Vec<Option<Event>>,
    free_slots: Vec<usize>,
    order: u64,
    next_node: Node,
    trouble_until: Vec<At>,
    store_down_until: At,
    stalled_until: At,
    network_down_until: At,
    /// Orphan legs: until when somebody is ending them, and when they must have ended by themselves.
    orphans: BTreeMap<AttemptId, (At, At)>,
    /// What a counter of calls says, where one is kept.
    counter: i64,
    rng: Rng,
    net: Rng,
}

impl Host {
    /// The longest time in which its clock was not compared with the store's.
    fn uncompared(&self, at: At) -> Duration {
        Duration::from_micros(self.apart.max(at - self.compared))
    }
}

impl World {
    /// A world that begins at `start`, with a host for each engine.
    pub fn new(
        seed: u64,
        start: Timestamp,
        ledger: Ledger,
        check: Check,
        zones: Vec<Vec<TimeZone>>,
        engines: Vec<Config>,
    ) -> Self {
        let epoch = Now { mono: callwright::time::now().mono, wall: start };
        let trunks = ledger.trunks.len();
        let names = (0..ledger.contacts.len() as u64).collect();
        let mut world = Self {
            ledger,
            check,
            zones,
            names,
            carrier: Carrier::default(),
            weather: Weather::default(),
            bug: None,
            steps: 0,
            seed,
            hosts: Vec::new(),
            epoch,
            at: 0,
            queue: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            order: 0,
            next_node: 0,
            trouble_until: vec![0; trunks],
            store_down_until: 0,
            stalled_until: 0,
            network_down_until: 0,
            orphans: BTreeMap::new(),
            counter: 0,
            rng: Rng::new(seed),
            net: Rng::of(&[seed, 3]),
        };
        for (host, config) in engines.into_iter().enumerate() {
            world.hosts.push(Host {
                config,
                engine: Engine::new(epoch, config),
                life: 0,
                up: false,
                node: 0,
                frozen_until: 0,
                slept: 0,
                wall_off: 0,
                drift: 0,
                ahead: 0,
                clock_off_until: 0,
                compared: 0,
                apart: 0,
                severed_until: 0,
                commits_to_fail: 0,
                begun: BTreeMap::new(),
                legs: BTreeMap::new(),
                ambush: None,
                disturbed_until: 0,
                timer: None,
            });
            world.boot(host);
        }
        world
    }

    pub fn now(&self) -> Now {
        self.epoch.after(Duration::from_micros(self.at))
    }

    /// Lets a host's wall clock be wrong, and go wrong by so many millionths.
    pub fn wrong_clock(&mut self, host: usize, off: Duration, drift: i64) {
        let entry = &mut self.hosts[host];
        (entry.wall_off, entry.drift) = (i64::try_from(off.as_micros()).expect("short"), drift);
        self.hosts[host].ahead = -self.off(host);
    }

    /// How far a host's wall clock is from the true time.
    fn off(&self, host: usize) -> i64 {
        let entry = &self.hosts[host];
        entry.wall_off + i64::try_from(self.at / 1_000_000).expect("short") * entry.drift
    }

    /// What a host takes the store's time for.
    pub(crate) fn host_now(&self, host: usize) -> Now {
        let entry = &self.hosts[host];
        let wrong = jiff::SignedDuration::from_micros(self.off(host) + entry.ahead);
        let mono = self.epoch.mono + Duration::from_micros(self.at - entry.slept.min(self.at));
        Now { mono, wall: self.now().wall + wrong }
    }

    /// Lets something happen at a time from the beginning.
    pub fn fate(&mut self, after: Duration, fate: Fate) {
        self.schedule_at(micros(after), Event::Fate(fate));
    }

    /// Lives until `end` from the beginning, or until every campaign is over and every call down.
    pub fn run_until(&mut self, end: Duration) {
        let end = micros(end);
        while let Some(&Reverse((at, _, slot))) = self.queue.peek() {
            if at > end || self.ledger.is_over() && self.check.on_wire() == 0 {
                break;
            }
            self.queue.pop();
            self.free_slots.push(slot);
            let event = self.slots[slot].take().expect("a queued slot is filled");
            self.at = at;
            self.steps += 1;
            self.happen(event);
            self.check_ledger();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { host, life, order } => {
                let frozen = self.hosts[host].frozen_until > self.at;
                if self.hosts[host].timer.is_some_and(|(_, last)| last == order) {
                    if !frozen {
                        self.hosts[host].timer = None;
                    }
                    self.on_host(host, life, Event::Tick { host, life, order });
                }
            }
            Event::Execute { host, life, action } => self.execute(host, life, action),
            Event::Deliver { host, life, .. }
            | Event::Send { host, life, .. }
            | Event::LegTimer { host, life, .. }
            | Event::Free { host, life, .. }
            | Event::Finish { host, life, .. }
            | Event::Packet { to: Side::Office { host, life }, .. } => self.on_host(host, life, event),
            Event::Packet { to: Side::Carrier, host, id, signal } => self.arrive(Side::Carrier, host, id, signal),
            Event::CarrierTimer { id, timer } => self.carrier_timer_fires(id, timer),
            Event::Fate(fate) => self.befall(fate),
        }
    }

    /// What happens on a host waits while the host is frozen, and is lost when it died.
    fn on_host(&mut self, host: usize, life: u32, event: Event) {
        let (alive, frozen_until) = (self.is_alive(host, life), self.hosts[host].frozen_until);
        if !alive {
            return;
        }
        if frozen_until > self.at {
            self.schedule_at(frozen_until, event);
            return;
        }
        match event {
            Event::Tick { .. } => self.handle(host, Input::Tick),
            Event::Deliver { input, .. } => self.handle(host, input),
            Event::Send { attempt, send_before, .. } => self.send(host, attempt, send_before),
            Event::LegTimer { id, timer, .. } => self.leg_timer_fires(host, id, timer),
            Event::Packet { to, host, id, signal } => self.arrive(to, host, id, signal),
            Event::Finish { attempt, end, wish, .. } => self.finish(host, life, attempt, end, wish),
            Event::Free { attempt, .. } => self.free(host, attempt),
            Event::Execute { .. } | Event::CarrierTimer { .. } | Event::Fate(_) => {
                unreachable!("these do not happen on a host")
            }
        }
    }

    fn handle(&mut self, host: usize, input: Input) {
        let now = self.host_now(host);
        if let Input::LeaseRenewed { held } = input {
            if held {
                // With the lease the clocks are compared.
                self.hosts[host].ahead = -self.off(host);
                self.hosts[host].clock_off_until = self.hosts[host].clock_off_until.min(self.at);
                let apart = self.at - self.hosts[host].compared;
                self.hosts[host].apart = self.hosts[host].apart.max(apart);
                self.hosts[host].compared = self.at;
            } else {
                // The shell takes a new identity; what the old one holds is the reaper's.
                self.hosts[host].node = self.new_node();
            }
        }
        self.hosts[host].engine.handle(now, input);
        let life = self.hosts[host].life;
        while let Some(action) = self.hosts[host].engine.poll_action() {
            let latency = self.latency();
            if let Action::Place { attempt, send_before } = action {
                self.schedule(Duration::from_micros(300), Event::Send { host, life, attempt, send_before });
                self.reached(host, Step::Placed, attempt);
            } else {
                if let Action::Commit { attempt, .. } = action {
                    let at = self.at;
                    self.hosts[host].begun.insert(attempt, at);
                }
                self.schedule(latency, Event::Execute { host, life, action });
            }
        }
        self.sleep(host, life, now);
    }

    /// Sets the host's timer to what its engine asks for.
    fn sleep(&mut self, host: usize, life: u32, now: Now) {
        let Some((at, why)) = self.hosts[host].engine.poll_timeout() else {
            self.hosts[host].timer = None;
            return;
        };
        assert!(at > now.mono, "the engine spins: {why:?}");
        // A timer of a real shell fires a little late.
        let at = self.at + micros(at.saturating_duration_since(now.mono)) + 200;
        if self.hosts[host].timer.is_none_or(|(set, _)| set != at) {
            let order = self.order + 1;
            self.hosts[host].timer = Some((at, order));
            self.schedule_at(at, Event::Tick { host, life, order });
        }
    }

    fn boot(&mut self, host: usize) {
        self.hosts[host].ahead = -self.off(host);
        self.hosts[host].clock_off_until = self.hosts[host].clock_off_until.min(self.at);
        (self.hosts[host].compared, self.hosts[host].apart) = (self.at, 0);
        let (now, node) = (self.host_now(host), self.new_node());
        let entry = &mut self.hosts[host];
        entry.engine = Engine::new(now, entry.config);
        entry.life += 1;
        entry.up = true;
        entry.node = node;
        entry.timer = None;
        let life = entry.life;
        self.schedule(Duration::from_millis(1), Event::Deliver { host, life, input: Input::Tick });
    }

    fn notify(&mut self, notice: Notice) {
        for host in 0..self.hosts.len() {
            let (life, latency) = (self.hosts[host].life, self.latency());
            // Who has lost the store hears nothing from it.
            if self.hosts[host].severed_until <= self.at {
                self.schedule(latency, Event::Deliver { host, life, input: Input::Notice(notice) });
            }
        }
    }

    fn check_ledger(&self) {
        assert!(
            self.ledger.live.len() <= self.ledger.org_max_calls as usize,
            "more live rows than the organisation has"
        );
        assert!(self.check.on_wire() <= self.ledger.live.len(), "more calls on the wire than channels are held");
        let attempts = self.ledger.live.iter().map(|&attempt| &self.ledger.attempts[attempt]);
        let dialed: Vec<_> = attempts.filter(|attempt| attempt.state.is_live()).map(|attempt| attempt.target).collect();
        let in_progress = |&target: &usize| self.ledger.targets[target].state == TargetState::InProgress;
        assert!(dialed.iter().all(in_progress), "a live dial whose contact is not in progress");
        assert_eq!(dialed.len(), self.ledger.in_progress, "somebody is in progress without a dial, or with two");
    }

    fn is_alive(&self, host: usize, life: u32) -> bool {
        self.hosts[host].up && self.hosts[host].life == life
    }

    fn new_node(&mut self) -> Node {
        self.next_node += 1;
        self.next_node
    }

    /// Most transactions are quick; some wait for a disk.
    fn latency(&mut self) -> Duration {
        let slow = self.rng.chance(20);
        Duration::from_micros(if slow { self.rng.between(5_000, 20_000) } else { self.rng.between(200, 3_000) })
    }

    fn at_of(&self, wall: Timestamp) -> At {
        u64::try_from(wall.duration_since(self.epoch.wall).as_micros()).expect("after the beginning")
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.at + micros(after), event);
    }

    fn schedule_at(&mut self, at: At, event: Event) {
        self.order += 1;
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(event);
        self.queue.push(Reverse((at.max(self.at), self.order, slot)));
    }
}

fn micros(duration: Duration) -> At {
    u64::try_from(duration.as_micros()).expect("a simulated time fits")
}
