//! The decisions in virtual time.

use super::*;

const MS: Duration = Duration::from_millis(1);

/// A lifeline and the time it lives in.
struct World {
    now: Instant,
    line: Lifeline,
}

impl World {
    fn new(limits: Limits) -> Self {
        let now = crate::time::now().mono;
        let mut world = Self { now, line: Lifeline::new(now, Vendor::named("v"), limits, 7) };
        assert_eq!(world.steps(), [Step::Connect]);
        world
    }

    fn connected(limits: Limits) -> Self {
        let mut world = Self::new(limits);
        world.line.connected(world.now);
        world
    }

    fn steps(&mut self) -> Vec<Step> {
        std::iter::from_fn(|| self.line.poll()).collect()
    }

    /// Lets time pass, with every timer on the way.
    fn pass(&mut self, time: Duration) -> Vec<Step> {
        let end = self.now + time;
        let mut steps = Vec::new();
        while let Some((due, _)) = self.line.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.line.timeout(self.now);
            steps.extend(self.steps());
        }
        self.now = end;
        steps
    }

    /// Fails every connection from now on; how long each wait was, and how it ended.
    fn fail_until_dead(&mut self, error: &Error) -> (Vec<Duration>, Error) {
        let mut waits = Vec::new();
        loop {
            self.line.failed(self.now, error.clone());
            let steps = self.steps();
            if let Some(Step::Dead(error)) = steps.last() {
                return (waits, error.clone());
            }
            let (due, _) = self.line.poll_timeout().expect("a try is planned");
            waits.push(due - self.now);
            self.now = due;
            self.line.timeout(due);
            assert_eq!(self.steps(), [Step::Connect]);
        }
    }
}

fn error(kind: ErrorKind) -> Error {
    Vendor::named("v").error(kind, "a reason")
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again_with_growing_waits() {
    let limits = Limits::default();
    let mut world = World::new(limits);
    let (waits, last) = world.fail_until_dead(&error(ErrorKind::Unreachable));
    assert_eq!(waits.len(), limits.tries as usize);
    for (index, wait) in waits.iter().enumerate() {
        let whole = limits.backoff * (1 << index);
        assert!(*wait <= whole && *wait >= whole / 2, "{waits:?}");
    }
    assert_eq!(last.kind, ErrorKind::Unreachable);
    assert_eq!(world.line.poll_timeout(), None);
    let other = World { line: Lifeline::new(world.now, Vendor::named("v"), limits, 8), now: world.now };
    assert_eq!(World::new(limits).fail_until_dead(&last).0, waits, "the same seed waits the same");
    let mut other = other;
    other.steps();
    assert_ne!(other.fail_until_dead(&last).0, waits, "another seed does not");
}

#[test]
fn an_outage_is_told_once() {
    let mut world = World::new(Limits::default());
    world.line.failed(world.now, error(ErrorKind::Unreachable));
    assert_eq!(world.steps(), [Step::Lost(Some(error(ErrorKind::Unreachable)))]);
    assert_eq!(world.pass(100 * MS), [Step::Connect]);
    world.line.failed(world.now, error(ErrorKind::Broken));
    assert_eq!(world.steps(), [], "the second failure is the same outage");
    assert_eq!(world.pass(200 * MS), [Step::Connect]);
    world.line.connected(world.now);
    world.pass(5_000 * MS);
    world.line.closed(world.now, Closing::Failed(error(ErrorKind::Broken)));
    assert_eq!(world.steps(), [Step::Lost(Some(error(ErrorKind::Broken))), Step::Connect], "another, tried at once");
}

#[test]
fn what_trying_cannot_help_is_given_up_at_once() {
    for kind in [ErrorKind::Unauthorised, ErrorKind::Refused, ErrorKind::NotInstalled] {
        let mut world = World::new(Limits::default());
        world.line.failed(world.now, error(kind));
        assert_eq!(world.steps(), [Step::Dead(error(kind))]);
        let mut world = World::connected(Limits::default());
        world.line.closed(world.now, Closing::Failed(error(kind)));
        assert_eq!(world.steps(), [Step::Dead(error(kind))]);
    }
}

#[test]
fn a_vendor_is_left_alone_for_as_long_as_it_wants_or_given_up() {
    let busy = |after| Error { after: Some(after), ..error(ErrorKind::Busy) };
    let mut world = World::new(Limits::default());
    world.line.failed(world.now, busy(1_500 * MS));
    assert_eq!(world.steps(), [Step::Lost(Some(busy(1_500 * MS)))]);
    assert_eq!(world.pass(1_499 * MS), []);
    assert_eq!(world.pass(MS), [Step::Connect]);
    world.line.failed(world.now, busy(30_000 * MS));
    assert_eq!(world.steps(), [Step::Dead(busy(30_000 * MS))], "nobody waits half a minute in a call");
}

#[test]
fn connecting_takes_its_time_only() {
    let mut world = World::new(Limits::default());
    assert_eq!(world.pass(2_999 * MS), []);
    let steps = world.pass(MS);
    assert!(matches!(&steps[..], [Step::Lost(Some(Error { kind: ErrorKind::TimedOut, .. }))]), "{steps:?}");
    world.line.connected(world.now);
    assert_eq!(world.pass(100 * MS), [Step::Connect], "a connection that was dropped does not stand");
}

#[test]
fn a_half_open_connection_is_found_by_its_silence() {
    let mut world = World::connected(Limits::default());
    world.pass(5_000 * MS);
    let began = world.now;
    let mut seen = Vec::new();
    for _ in 0..30 {
        world.line.sent(world.now, false);
        let steps = world.pass(100 * MS);
        seen.extend(steps.into_iter().map(|step| (world.now - began, step)));
    }
    assert!(
        matches!(
            &seen[..],
            [(ping, Step::Ping), (lost, Step::Lost(Some(Error { kind: ErrorKind::TimedOut, .. }))), (again, Step::Connect)]
                if *ping == 1_000 * MS && *lost == 2_500 * MS && again == lost
        ),
        "{seen:?}"
    );
}

#[test]
fn a_silent_vendor_that_answers_pings_lives() {
    let mut world = World::connected(Limits::default());
    for second in 0..120 {
        world.line.sent(world.now, true);
        assert_eq!(world.pass(1_000 * MS), [Step::Ping], "second {second}");
        world.line.received(world.now, Sign::Pulse);
    }
}

#[test]
fn an_idle_connection_is_pinged_now_and_then() {
    let mut world = World::connected(Limits::default());
    assert_eq!(world.pass(19_999 * MS), []);
    assert_eq!(world.pass(MS), [Step::Ping]);
    world.line.received(world.now, Sign::Pulse);
    assert_eq!(world.pass(20_000 * MS), [Step::Ping]);
    assert!(matches!(world.pass(1_500 * MS)[..], [Step::Lost(Some(_)), Step::Connect]));
}

#[test]
fn a_recogniser_that_is_fed_must_talk_whatever_its_machine_says() {
    let mut world = World::connected(Limits { talk: Some(3_000 * MS), ..Limits::default() });
    world.pass(2_000 * MS);
    let mut lost_after = None;
    for step in 0..50 {
        world.line.sent(world.now, true);
        for done in world.pass(100 * MS) {
            match done {
                Step::Ping => world.line.received(world.now, Sign::Pulse),
                Step::Lost(error) => lost_after = Some((step, error.expect("it is a failure").kind)),
                Step::Connect | Step::Dead(_) => {}
            }
        }
        if lost_after.is_some() {
            break;
        }
    }
    assert_eq!(lost_after, Some((29, ErrorKind::TimedOut)));
}

#[test]
fn silence_means_nothing_while_nobody_reads() {
    let mut world = World::connected(Limits { talk: Some(3_000 * MS), ..Limits::default() });
    world.line.sent(world.now, true);
    world.line.reading(world.now, false);
    assert_eq!(world.pass(60_000 * MS), []);
    world.line.reading(world.now, true);
    assert_eq!(world.pass(999 * MS), []);
}

#[test]
fn a_routine_close_costs_no_try_and_is_no_failure() {
    let mut world = World::connected(Limits::default());
    for _ in 0..100 {
        let idle = world.pass(15_000 * MS);
        assert_eq!(idle, []);
        world.line.closed(world.now, Closing::Routine);
        assert_eq!(world.steps(), [Step::Lost(None), Step::Connect]);
        world.line.connected(world.now);
    }
}

#[test]
fn tries_are_counted_anew_with_every_connection_that_stands() {
    let mut world = World::new(Limits::default());
    for round in 0..20 {
        for _ in 0..4 {
            world.line.failed(world.now, error(ErrorKind::Unreachable));
            assert!(!world.steps().iter().any(|step| matches!(step, Step::Dead(_))), "round {round}");
            assert_eq!(world.pass(2_000 * MS), [Step::Connect]);
        }
        world.line.connected(world.now);
        world.pass(1_100 * MS);
        world.line.closed(world.now, Closing::Failed(error(ErrorKind::Broken)));
        assert_eq!(world.steps().last(), Some(&Step::Connect));
    }
}

#[test]
fn a_server_that_accepts_and_hangs_up_is_given_up() {
    for closing in [Closing::Routine, Closing::Failed(error(ErrorKind::Broken))] {
        let mut world = World::new(Limits::default());
        let mut connections = 0;
        let dead = loop {
            connections += 1;
            world.line.connected(world.now);
            world.pass(10 * MS);
            world.line.closed(world.now, closing.clone());
            let mut steps = world.steps();
            steps.extend(world.pass(2_000 * MS));
            match steps.last() {
                Some(Step::Connect) => {}
                Some(Step::Dead(error)) => break error.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(connections, 5);
        assert_eq!(dead.kind, ErrorKind::Broken);
    }
}
