//! A world in virtual time: nodes that run the dialer's engine against one ledger, a network of scripted callees, and
//! everything that goes wrong. After every step the invariants are checked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::phone::E164;
use callwright::campaign::states::{CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::campaign::transition::CampaignEvent;
use callwright::dialer::engine::{Action, ClaimResult, Config, Engine, Input, Notice};
use callwright::dialer::forecast::ledger::{Ledger, Node};
use callwright::dialer::retry::End;
use callwright::id::AttemptId;
use callwright::time::Now;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub mod callee;
pub mod check;
pub mod rng;

use callee::Course;
use check::{Check, Invite};

use rng::Rng;

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
    /// The call is over on the wire.
    HangUp { host: usize, life: u32, attempt: AttemptId, course: Course },
    /// A host writes how a dial ended.
    Finish { host: usize, life: u32, attempt: AttemptId, end: End, wish: Option<Timestamp> },
    /// Recovery has ended an orphan's leg.
    LegDown { attempt: AttemptId },
    /// Something from outside.
    Fate(Fate),
}

/// What people, machines and weather do.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Change {
        campaign: usize,
        event: CampaignEvent,
    },
    TrunkTrouble {
        trunk: usize,
        seconds: u64,
    },
    Crash {
        host: usize,
    },
    Boot {
        host: usize,
    },
    Freeze {
        host: usize,
        millis: u64,
    },
    StoreDown {
        millis: u64,
    },
    Suppress {
        contact: usize,
    },
    /// A person does something to a contact of a campaign.
    Act {
        target: usize,
        event: TargetEvent,
    },
    /// Something strikes right after the host's next step of this kind.
    Ambush {
        host: usize,
        step: Step,
        blow: Blow,
    },
}

/// What strikes between two steps of a dial.
#[derive(Clone, Copy, Debug)]
pub enum Blow {
    /// The process is killed, and started again later.
    Crash,
    /// The process stands still.
    Freeze { millis: u64 },
    /// A person pauses the campaign, and lets it go on a minute later.
    Pause,
    /// The number is put on the suppression list.
    Suppress,
}

/// The steps of a dial, between which everything can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Claimed,
    Committed,
    Placed,
    Sent,
}

struct Host {
    config: Config,
    engine: Engine,
    /// Counts boots: what was meant for an earlier life is lost.
    life: u32,
    up: bool,
    node: Node,
    frozen_until: At,
    ambush: Option<(Step, Blow)>,
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
    pub steps: u64,
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
    rng: Rng,
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
        let mut world = Self {
            ledger,
            check,
            zones,
            steps: 0,
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
            rng: Rng::new(seed),
        };
        for (host, config) in engines.into_iter().enumerate() {
            world.hosts.push(Host {
                config,
                engine: Engine::new(epoch, config),
                life: 0,
                up: false,
                node: 0,
                frozen_until: 0,
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
            Event::Deliver { host, life, .. } | Event::Send { host, life, .. } | Event::Finish { host, life, .. } => {
                self.on_host(host, life, event);
            }
            Event::HangUp { host, life, attempt, course } => {
                self.check.down(attempt);
                let end = End {
                    reason: course.reason,
                    technical: course.technical,
                    retry_after: course.retry_after,
                    at: self.now().wall,
                };
                let wish = course.callback.map(|after| self.now().wall + after);
                self.on_host(host, life, Event::Finish { host, life, attempt, end, wish });
            }
            Event::LegDown { attempt } => {
                self.check.down(attempt);
                self.ledger.free(attempt);
                self.notify(Notice::Room);
            }
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
            Event::Send { attempt, send_before, .. } => self.send(host, life, attempt, send_before),
            Event::Finish { attempt, end, wish, .. } => self.finish(host, life, attempt, end, wish),
            Event::Execute { .. } | Event::HangUp { .. } | Event::LegDown { .. } | Event::Fate(_) => {
                unreachable!("these do not happen on a host")
            }
        }
    }

    fn handle(&mut self, host: usize, input: Input) {
        let now = self.now();
        if matches!(input, Input::LeaseRenewed { held: false }) {
            // The shell takes a new identity; what the old one holds is the reaper's.
            self.hosts[host].node = self.new_node();
        }
        self.hosts[host].engine.handle(now, input);
        let life = self.hosts[host].life;
        while let Some(action) = self.hosts[host].engine.poll_action() {
            let latency = self.latency();
            if let Action::Place { attempt, send_before } = action {
                self.schedule(Duration::from_micros(300), Event::Send { host, life, attempt, send_before });
                self.reached(host, Step::Placed, attempt);
            } else {
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

    fn execute(&mut self, host: usize, life: u32, action: Action) {
        let (now, node) = (self.now().wall, self.hosts[host].node);
        let mut answer = None;
        let down = self.at < self.store_down_until;
        // A commit whose answer is lost may or may not have happened.
        let lost_answer = down && matches!(action, Action::Commit { .. }) && self.rng.chance(500);
        if self.is_alive(host, life) && (!down || lost_answer) {
            answer = Some(self.transact(host, node, action, now));
        }
        let input = match answer {
            Some(input) if !lost_answer => input,
            Some(_) | None => Input::StoreFailed(action),
        };
        let latency = self.latency();
        self.schedule(latency, Event::Deliver { host, life, input });
    }

    fn transact(&mut self, host: usize, node: Node, action: Action, now: Timestamp) -> Input {
        match action {
            Action::Load => Input::Campaigns(self.ledger.in_progress()),
            Action::Promote { campaign, limit } => {
                let index = self.ledger.index_of(campaign);
                let (promoted, next_due, open) = self.ledger.promote(index, limit, now);
                Input::Promoted { campaign, promoted, next_due, open }
            }
            // Nobody has a priority of his own here.
            Action::Hurry { campaign, .. } => Input::Hurried { campaign, promoted: 0, next: None },
            Action::Claim { campaign, headroom } => {
                let index = self.ledger.index_of(campaign);
                let (result, next_due) = self.ledger.claim(index, node, now, headroom);
                if let ClaimResult::Dial(dial) = result {
                    self.reached(host, Step::Claimed, dial.attempt);
                }
                Input::Claimed { campaign, result, next_due }
            }
            Action::Commit { attempt, send_by } => {
                let may_send = self.ledger.commit(attempt, node, now, send_by);
                if may_send {
                    self.reached(host, Step::Committed, attempt);
                }
                Input::Committed { attempt, may_send }
            }
            Action::Unsend { attempt } => {
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
                let only = (self.hosts.len() == 1).then_some(node);
                let orphans = self.ledger.reap(now, only);
                if !orphans.is_empty() {
                    self.notify(Notice::Room);
                }
                for attempt in orphans {
                    let target = self.ledger.attempts[attempt].target;
                    let callback = self.ledger.attempts[attempt].callback;
                    self.check.ended(now, target, DisconnectionReason::OutcomeUnknown, false, callback);
                    let wait = Duration::from_millis(self.rng.between(20, 3000));
                    self.schedule(wait, Event::LegDown { attempt });
                }
                Input::Reaped
            }
            Action::Place { .. } => unreachable!("host {host} sends, not the store"),
        }
    }

    fn send(&mut self, host: usize, life: u32, attempt: AttemptId, send_before: std::time::Instant) {
        let now = self.now();
        if now.mono >= send_before {
            let end = End { reason: DisconnectionReason::NodeLost, technical: false, retry_after: None, at: now.wall };
            self.finish(host, life, attempt, end, None);
            return;
        }
        let row = &self.ledger.attempts[attempt];
        let target = &self.ledger.targets[row.target];
        let invite = Invite {
            attempt,
            campaign: target.campaign,
            target: row.target,
            round: row.round,
            callback: row.callback,
            dial_no: row.dial_no,
            number: self.ledger.number_of(attempt),
            zones: &self.zones[target.contact],
            committed_at: row.committed_at.expect("nothing is sent before its commit"),
            reserved: row.send_at,
            undisturbed: self.hosts[host].disturbed_until < self.at_of(row.claimed_at),
        };
        self.check.invite(now.wall, &invite);
        let counted = self.check.attempts_on_wire().all(|attempt| self.ledger.live.contains(&attempt));
        assert!(counted, "a call on the wire holds no channel");
        let trunk = self.ledger.campaigns[target.campaign].trunk;
        let course = callee::draw(&mut self.rng, self.trouble_until[trunk] > self.at);
        self.schedule(course.lasts, Event::HangUp { host, life, attempt, course });
        self.reached(host, Step::Sent, attempt);
    }

    fn finish(&mut self, host: usize, life: u32, attempt: AttemptId, end: End, wish: Option<Timestamp>) {
        if self.at < self.store_down_until {
            self.schedule(Duration::from_secs(1), Event::Finish { host, life, attempt, end, wish });
            return;
        }
        let row = &self.ledger.attempts[attempt];
        let (target, was_live) = (row.target, row.state.is_live());
        if was_live && end.reason != DisconnectionReason::NodeLost {
            let callback = row.callback;
            self.check.ended(end.at, target, end.reason, end.technical, callback);
        }
        if end.reason == DisconnectionReason::VoiceCallsOptedOut && was_live {
            let number = self.ledger.number_of(attempt).clone();
            self.check.suppress(&number, self.now().wall);
        }
        let next_at = self.ledger.finish(attempt, &end, wish);
        let row = &self.ledger.targets[target];
        if let Some(at) = row.callback_at.filter(|_| was_live && row.state == TargetState::Callback) {
            self.check.wished(target, at);
        }
        let unavailable = end.reason == DisconnectionReason::TelephonyProviderUnavailable;
        let back_off = end.retry_after.filter(|_| unavailable);
        self.schedule(
            Duration::from_millis(2),
            Event::Deliver { host, life, input: Input::Ended { attempt, next_at, back_off } },
        );
        for other in (0..self.hosts.len()).filter(|&other| other != host) {
            let life = self.hosts[other].life;
            self.schedule(
                Duration::from_millis(3),
                Event::Deliver { host: other, life, input: Input::Notice(Notice::Room) },
            );
        }
    }

    fn befall(&mut self, fate: Fate) {
        match fate {
            Fate::Change { campaign, event } => {
                let state = self.ledger.campaigns[campaign].rules.state;
                let Ok(next) = event.apply(state) else { return };
                self.ledger.campaigns[campaign].rules.state = next;
                let stopped = (next != CampaignState::InProgress).then(|| self.now().wall);
                self.check.campaigns[campaign].stopped = stopped;
                self.notify(Notice::Campaigns);
            }
            Fate::TrunkTrouble { trunk, seconds } => self.trouble_until[trunk] = self.at + seconds * 1_000_000,
            Fate::Crash { host } => {
                self.hosts[host].up = false;
                self.hosts[host].life += 1;
            }
            Fate::Boot { host } => {
                if !self.hosts[host].up {
                    self.boot(host);
                }
            }
            Fate::Freeze { host, millis } => {
                let until = self.at + millis * 1000;
                self.hosts[host].frozen_until = until;
                self.hosts[host].disturbed_until = until;
            }
            Fate::StoreDown { millis } => {
                self.store_down_until = self.at + millis * 1000;
                for host in &mut self.hosts {
                    host.disturbed_until = host.disturbed_until.max(self.store_down_until);
                }
            }
            Fate::Act { target, event } => {
                let now = self.now().wall;
                if self.ledger.act(target, event, now) {
                    if event == TargetEvent::Restart {
                        self.check.restarted(target);
                    }
                    let campaign = self.ledger.campaigns[self.ledger.targets[target].campaign].info.campaign;
                    self.notify(Notice::Targets(campaign));
                }
            }
            Fate::Ambush { host, step, blow } => self.hosts[host].ambush = Some((step, blow)),
            Fate::Suppress { contact } => {
                let number: E164 = self.ledger.contacts[contact].number.clone();
                self.check.suppress(&number, self.now().wall);
                self.ledger.suppressed.insert(number);
            }
        }
    }

    /// A dial of the host has come to `step`.
    fn reached(&mut self, host: usize, step: Step, attempt: AttemptId) {
        let Some((_, blow)) = self.hosts[host].ambush.filter(|&(wanted, _)| wanted == step) else { return };
        self.hosts[host].ambush = None;
        let target = &self.ledger.targets[self.ledger.attempts[attempt].target];
        let (campaign, contact) = (target.campaign, target.contact);
        match blow {
            Blow::Crash => {
                self.befall(Fate::Crash { host });
                self.schedule(Duration::from_secs(20), Event::Fate(Fate::Boot { host }));
            }
            Blow::Freeze { millis } => self.befall(Fate::Freeze { host, millis }),
            Blow::Pause => {
                self.befall(Fate::Change { campaign, event: CampaignEvent::Pause });
                let resume = Fate::Change { campaign, event: CampaignEvent::Resume };
                self.schedule(Duration::from_secs(60), Event::Fate(resume));
            }
            Blow::Suppress => self.befall(Fate::Suppress { contact }),
        }
    }

    fn boot(&mut self, host: usize) {
        let (now, node) = (self.now(), self.new_node());
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
            self.schedule(latency, Event::Deliver { host, life, input: Input::Notice(notice) });
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
