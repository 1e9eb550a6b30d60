//! Calls with random intentions through a network that loses, doubles and reorders: whatever happens, each session
//! ends once on each side, and nothing is left behind.

use crate::endpoint::{Config, Event, Refer, ReferId, ReferProgress, Rejection, SessionId};
use crate::message::StatusCode;
use crate::message::header::NameAddr;
use crate::tests::pair::{Dice, Faults, Pair, Side, sdp, terminal, uri};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[test]
fn sessions_end_once_through_a_bad_network() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let mut storm = Storm::new(seed, Faults { loss: 20, duplicate: 10, delay: (5, 400) });
        storm.run(4);
        seen.extend(storm.seen);
    }
    // The storm is worth something only if it gets everywhere.
    for kind in [
        "A failed",
        "A ended",
        "A crossed",
        "B failed",
        "B cancelled",
        "B ended",
        "refer Result",
        "refer SessionOver",
        "refer Silent",
    ] {
        assert!(seen.contains(kind), "{kind} never happened, only {seen:?}");
    }
}

#[test]
fn sessions_end_once_when_almost_nothing_passes() {
    for seed in 0..100 {
        Storm::new(seed, Faults { loss: 70, duplicate: 30, delay: (5, 2_000) }).run(3);
    }
}

#[test]
fn sessions_end_once_over_a_stream() {
    for seed in 0..50 {
        let mut storm = Storm::new(seed, Faults { loss: 0, duplicate: 0, delay: (30, 30) });
        storm.pair = storm.pair.over_tcp();
        storm.run(5);
    }
}

#[test]
fn the_same_seed_gives_the_same_wire() {
    let wire = |seed| {
        let mut storm = Storm::new(seed, Faults { loss: 20, duplicate: 10, delay: (5, 400) });
        storm.run(3);
        storm.pair.wire
    };
    assert_eq!(wire(7), wire(7));
    assert_ne!(wire(7), wire(8));
}

/// Something one side will do at a time of its own.
#[derive(Debug, Clone, Copy)]
enum Intention {
    Call,
    Cancel(SessionId),
    Ring(SessionId, u16),
    Accept(SessionId),
    Reject(SessionId),
    HangUp(Side, SessionId),
    AnswerReoffer(Side, SessionId),
    Refer(Side, SessionId),
    NotifyRefer(Side, SessionId, u16),
}

struct Storm {
    seed: u64,
    pair: Pair,
    dice: Dice,
    agenda: BTreeMap<(Instant, u64), Intention>,
    planned: u64,
    /// Sessions by side, and how often each ended.
    ends: BTreeMap<(Side, SessionId), u32>,
    /// What happened at all, for the sake of coverage.
    seen: BTreeSet<String>,
    answered: BTreeSet<SessionId>,
    /// Transfers that were asked for and have not ended, by side.
    refers: BTreeSet<(Side, ReferId)>,
}

impl Storm {
    fn new(seed: u64, faults: Faults) -> Self {
        let config = || Config { referable: true, ..Config::default() };
        let mut pair = Pair::with(seed, config(), config());
        pair.faults = faults;
        Self {
            seed,
            pair,
            dice: Dice(!seed),
            agenda: BTreeMap::new(),
            planned: 0,
            ends: BTreeMap::new(),
            seen: BTreeSet::new(),
            answered: BTreeSet::new(),
            refers: BTreeSet::new(),
        }
    }

    fn run(&mut self, calls: u64) {
        for _ in 0..calls {
            self.plan(10_000, Intention::Call);
        }
        let horizon = self.pair.start + Duration::from_secs(1_000);
        while self.step(horizon) {}
        let seed = self.seed;
        assert_eq!(self.ends.keys().filter(|(side, _)| *side == Side::A).count() as u64, calls, "seed {seed}");
        for ((side, session), ends) in &self.ends {
            assert_eq!(*ends, 1, "seed {seed}: {session:?} of {side:?} ended {ends} times; {:#?}", self.pair.wire);
        }
        assert!(self.refers.is_empty(), "seed {seed}: {:?} never ended; {:#?}", self.refers, self.pair.wire);
        self.pair.expect_clean();
    }

    /// Plans something within the next `within` milliseconds.
    fn plan(&mut self, within: u64, intention: Intention) {
        self.planned += 1;
        let at = self.pair.now + Duration::from_millis(self.dice.below(within + 1));
        self.agenda.insert((at, self.planned), intention);
    }

    fn step(&mut self, horizon: Instant) -> bool {
        let due = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let went = self.pair.step(due.unwrap_or(horizon).min(horizon));
        if !went {
            let Some(((at, _), intention)) = self.agenda.pop_first() else { return false };
            self.pair.now = self.pair.now.max(at);
            self.act(intention);
        }
        for side in [Side::A, Side::B] {
            while let Some(event) = self.pair.next_event(side) {
                self.react(side, &event);
            }
        }
        true
    }

    /// Does what was intended; sessions that ended meanwhile refuse, which is fine.
    fn act(&mut self, intention: Intention) {
        match intention {
            Intention::Call => {
                let mut invite = self.pair.invitation();
                invite.session_expires = self.dice.percent(50).then_some(120);
                let session = self.pair.call_with(invite);
                self.ends.insert((Side::A, session), 0);
                if self.dice.percent(40) {
                    self.plan(8_000, Intention::Cancel(session));
                }
            }
            Intention::Cancel(session) => {
                let _ = self.pair.act(Side::A, |a, now| a.cancel(now, session, None));
            }
            Intention::Ring(session, status) => {
                let status = StatusCode::new(status).expect("a status of this test");
                let _ = self.pair.act(Side::B, |b, now| b.ring(now, session, status, None));
            }
            Intention::Accept(session) => {
                let _ = self.pair.act(Side::B, |b, now| b.accept(now, session, sdp("answer")));
            }
            Intention::Reject(session) => {
                let busy = StatusCode::BUSY_HERE;
                let _ = self.pair.act(Side::B, |b, now| b.reject(now, session, busy, Rejection::default()));
            }
            Intention::HangUp(side, session) => {
                let _ = self.pair.act(side, |endpoint, now| endpoint.hang_up(now, session, None));
            }
            Intention::AnswerReoffer(side, session) => {
                let answer = if self.dice.percent(80) { Ok(sdp("new")) } else { Err(StatusCode::NOT_ACCEPTABLE_HERE) };
                let _ = self.pair.act(side, |endpoint, now| endpoint.answer_reoffer(now, session, answer));
            }
            Intention::Refer(side, session) => {
                let to = NameAddr::new(uri("sip:third@10.0.0.3"));
                if let Ok(refer) =
                    self.pair.act(side, |endpoint, now| endpoint.refer(now, session, Refer { to, by: None }))
                {
                    self.refers.insert((side, refer));
                }
            }
            Intention::NotifyRefer(side, session, status) => {
                let status = StatusCode::new(status).expect("a status of this test");
                let _ = self.pair.act(side, |endpoint, now| endpoint.notify_refer(now, session, status));
            }
        }
    }

    fn react(&mut self, side: Side, event: &Event) {
        if let Some((session, kind)) = terminal(event) {
            self.seen.insert(format!("{side:?} {kind}"));
            *self.ends.get_mut(&(side, session)).expect("only known sessions end") += 1;
        }
        match event {
            Event::Incoming { session, .. } => {
                self.ends.insert((side, *session), 0);
                if self.dice.percent(70) {
                    let status = if self.dice.percent(50) { 180 } else { 183 };
                    self.plan(2_000, Intention::Ring(*session, status));
                }
                match self.dice.below(10) {
                    0..6 => self.plan(6_000, Intention::Accept(*session)),
                    6..8 => self.plan(6_000, Intention::Reject(*session)),
                    // Nobody answers: the caller's CANCEL or the guard ends it.
                    8..10 => {}
                    10.. => unreachable!("a number below 10"),
                }
            }
            Event::Answered { session, cancel_crossed, .. } => {
                if *cancel_crossed {
                    self.seen.insert("A crossed".to_owned());
                }
                self.answered.insert(*session);
                self.plan(300_000, Intention::HangUp(side, *session));
                if self.dice.percent(50) {
                    self.plan(300_000, Intention::Refer(side, *session));
                }
            }
            Event::Acknowledged { session, .. } => {
                if self.dice.percent(50) {
                    self.plan(300_000, Intention::HangUp(side, *session));
                }
            }
            Event::Referred { session, .. } => {
                self.plan(20_000, Intention::NotifyRefer(side, *session, 180));
                if self.dice.percent(80) {
                    self.plan(40_000, Intention::NotifyRefer(side, *session, 200));
                }
            }
            Event::Refer { refer, progress: ReferProgress::Ended(end), .. } => {
                assert!(self.refers.remove(&(side, *refer)), "seed {}: {refer:?} ended twice", self.seed);
                self.seen.insert(format!("refer {}", format!("{end:?}").split(' ').next().unwrap_or_default()));
            }
            Event::Refer { progress: ReferProgress::Accepted | ReferProgress::Trying { .. }, .. } => {}
            Event::Reoffer { session, .. } => self.plan(6_000, Intention::AnswerReoffer(side, *session)),
            Event::Provisional { session, .. } => {
                assert!(!self.answered.contains(session), "seed {}: progress after the answer", self.seed);
            }
            Event::Failed { .. }
            | Event::Cancelled { .. }
            | Event::Reanswered { .. }
            | Event::Reoffered { .. }
            | Event::Info { .. }
            | Event::Ended { .. }
            | Event::Recovered { .. }
            | Event::Health { .. }
            | Event::Rebound { .. }
            | Event::ProbeResult { .. }
            | Event::Redirected { .. }
            | Event::Register { .. }
            | Event::RegistrationState { .. }
            | Event::Unproved { .. }
            | Event::Malformed { .. } => {}
        }
    }
}
