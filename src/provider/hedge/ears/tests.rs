//! In virtual time: recognisers are what the test has them say.

use super::*;
use crate::pii::Pii;
use crate::provider::error::ErrorKind;
use crate::time;

const NOVA: Manner = Manner { continuous: true, detects_turns: false, replies: true, lag: Duration::from_millis(400) };
const FLUX: Manner = Manner { continuous: true, detects_turns: true, replies: false, lag: Duration::from_millis(300) };

struct World {
    ears: Ears,
    now: Instant,
    admitted: Vec<bool>,
}

mod random;

/// What came of a step: what the call is told, and what else is done, in words.
#[derive(Debug, Default, PartialEq)]
struct Done {
    told: Vec<String>,
    done: Vec<String>,
}

fn done(told: &[&str], done: &[&str]) -> Done {
    let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    Done { told: owned(told), done: owned(done) }
}

impl World {
    fn new(manners: &[Manner]) -> Self {
        let admitted = vec![true; manners.len()];
        let mut world = Self { ears: Ears::new(manners, &admitted, true), now: time::now().mono, admitted };
        world.acts();
        world
    }

    /// Without a warm spare.
    fn cold(manners: &[Manner]) -> Self {
        let admitted = vec![true; manners.len()];
        let mut world = Self { ears: Ears::new(manners, &admitted, false), now: time::now().mono, admitted };
        world.acts();
        world
    }

    /// The call hears so many milliseconds, in pieces of 100.
    fn hear(&mut self, ms: usize) {
        for _ in 0..ms / 100 {
            self.ears.told(SttInput::Audio(vec![0; 800].into()));
        }
        self.acts();
    }

    /// Milliseconds of audio that one is told, and the rest of what it is told, when the first is dead.
    fn told_when_dead(&mut self) -> (usize, Vec<String>) {
        self.ears.said(self.now, 0, dead(), &self.admitted);
        let (mut audio, mut rest) = (0, Vec::new());
        while let Some(act) = self.ears.poll_act() {
            match act {
                Act::Tell(1, SttInput::Audio(samples)) => audio += samples.len() / 8,
                Act::Tell(1, SttInput::Begin { turn, .. }) => rest.push(format!("begin {}", turn.0)),
                Act::Tell(1, SttInput::End { turn }) => rest.push(format!("end {}", turn.0)),
                Act::Emit(event) => rest.push(words(&event)),
                Act::Open(at) => rest.push(format!("open {at}")),
                Act::Tell(..) | Act::Close(_) | Act::Well(_) | Act::Failed(..) => {}
            }
        }
        (audio, rest)
    }

    fn acts(&mut self) -> Done {
        let mut all = Done::default();
        while let Some(act) = self.ears.poll_act() {
            match act {
                Act::Emit(event) => all.told.push(words(&event)),
                Act::Open(at) => all.done.push(format!("open {at}")),
                Act::Close(at) => all.done.push(format!("close {at}")),
                Act::Tell(at, SttInput::End { turn }) => all.done.push(format!("{at}: end {}", turn.0)),
                Act::Tell(at, SttInput::Begin { turn, .. }) => all.done.push(format!("{at}: begin {}", turn.0)),
                Act::Tell(at, SttInput::Abandon { turn }) => all.done.push(format!("{at}: abandon {}", turn.0)),
                Act::Tell(_, SttInput::Audio(_)) | Act::Well(_) => {}
                Act::Tell(at, SttInput::Patience(_)) => all.done.push(format!("{at}: patience")),
                Act::Failed(at, _) => all.done.push(format!("{at} failed")),
            }
        }
        all
    }

    fn begin(&mut self, turn: u32) -> Done {
        self.ears.told(SttInput::Begin { turn: TurnId(turn), grammar: Arc::default() });
        self.acts()
    }

    fn end(&mut self, turn: u32) -> Done {
        self.ears.told(SttInput::End { turn: TurnId(turn) });
        self.acts()
    }

    fn said(&mut self, at: usize, event: SttEvent) -> Done {
        self.ears.said(self.now, at, event, &self.admitted);
        self.acts()
    }

    fn wait(&mut self, ms: u64) -> Done {
        self.now += Duration::from_millis(ms);
        self.ears.tick(self.now, &self.admitted);
        self.acts()
    }
}

fn words(event: &SttEvent) -> String {
    match event {
        SttEvent::TurnStarted => "started".to_owned(),
        SttEvent::Partial { words } => format!("partial {}", words.expose()),
        SttEvent::EagerEnd { words } => format!("eager {}", words.expose()),
        SttEvent::Resumed => "resumed".to_owned(),
        SttEvent::TurnEnded { words } => format!("ended {}", words.expose()),
        SttEvent::Final { turn, transcript: Transcript::Words { text, .. } } => {
            format!("final {} {}", turn.0, text.expose())
        }
        SttEvent::Final { turn, .. } => format!("final {} nothing", turn.0),
        SttEvent::Failed { turn, .. } => format!("failed {}", turn.0),
        SttEvent::Interrupted { .. } => "interrupted".to_owned(),
        SttEvent::Dead { .. } => "dead".to_owned(),
    }
}

fn partial(text: &str) -> SttEvent {
    SttEvent::Partial { words: Pii::new(text.to_owned()) }
}

fn ended(text: &str) -> SttEvent {
    SttEvent::TurnEnded { words: Pii::new(text.to_owned()) }
}

fn answer(turn: u32, text: &str) -> SttEvent {
    let transcript = match text {
        "" => Transcript::Nothing,
        text => Transcript::Words { text: Pii::new(text.to_owned()), confidence: None },
    };
    SttEvent::Final { turn: TurnId(turn), transcript }
}

fn error() -> Error {
    Error::new("vendor", ErrorKind::Broken, "no")
}

fn dead() -> SttEvent {
    SttEvent::Dead { error: error() }
}

#[test]
fn the_spare_is_opened_and_fed_and_not_heard() {
    let mut ears = Ears::new(&[NOVA, NOVA, NOVA], &[true, false, true], true);
    let opened: Vec<_> = std::iter::from_fn(|| ears.poll_act()).map(|act| format!("{act:?}")).collect();
    assert_eq!(opened, ["Open(0)", "Open(2)"], "the one in the middle is failing");
    let mut world = World::new(&[NOVA, NOVA]);
    assert_eq!(world.begin(1), done(&[], &["0: begin 1", "1: begin 1"]));
    assert_eq!(world.said(1, partial("hello")), done(&[], &[]));
    assert_eq!(world.said(0, partial("hello")), done(&["partial hello"], &[]));
    assert_eq!(world.end(1), done(&[], &["0: end 1", "1: end 1"]));
    assert_eq!(world.said(0, answer(1, "hello")), done(&["final 1 hello"], &[]));
    assert_eq!(world.said(1, answer(1, "hello")), done(&[], &[]), "it is answered");
    assert_eq!(world.wait(60_000), done(&[], &[]));
}

#[test]
fn a_dead_lead_in_mid_turn_leaves_its_words_to_the_spare() {
    let mut world = World::new(&[NOVA, NOVA, NOVA]);
    world.begin(1);
    world.said(0, partial("i want"));
    world.said(1, partial("i want to"));
    let took_over = done(&["partial i want to"], &["0 failed", "close 0", "open 2", "2: begin 1"]);
    assert_eq!(world.said(0, dead()), took_over, "all of it, in place of the lead's");
    assert_eq!(world.said(1, partial("i want to book")), done(&["partial i want to book"], &[]));
    assert_eq!(world.end(1), done(&[], &["1: end 1", "2: end 1"]));
    assert_eq!(world.said(1, answer(1, "i want to book")), done(&["final 1 i want to book"], &[]));
    assert_eq!(world.said(1, dead()), done(&[], &["1 failed", "close 1"]));
    assert_eq!(world.said(2, dead()), done(&["dead"], &["2 failed", "close 2"]), "nobody is left");
}

#[test]
fn an_answer_that_is_owed_comes_once() {
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    world.end(1);
    world.said(1, answer(1, "yes please"));
    assert_eq!(world.wait(299), done(&[], &[]));
    assert_eq!(world.wait(1), done(&["final 1 yes please"], &[]), "the lead is late");
    assert_eq!(world.said(0, answer(1, "yes please")), done(&[], &[]), "and is not heard any more");
    world.begin(2);
    world.end(2);
    assert_eq!(world.said(0, answer(2, "thanks")), done(&["final 2 thanks"], &[]));
    assert_eq!(world.said(1, answer(2, "thanks")), done(&[], &[]));
    for turn in [3, 4] {
        world.begin(turn);
        world.end(turn);
        world.said(1, answer(turn, "hello"));
        let acts = world.wait(300);
        assert_eq!(acts.told[0], format!("final {turn} hello"));
        assert_eq!(acts.done.contains(&"close 0".to_owned()), turn == 4, "twice in a row is enough");
    }
}

#[test]
fn a_spare_that_heard_nothing_does_not_answer() {
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    world.end(1);
    world.said(1, answer(1, ""));
    assert_eq!(world.wait(5_000), done(&[], &[]));
    assert_eq!(world.said(0, answer(1, "yes")), done(&["final 1 yes"], &[]));
}

#[test]
fn an_answer_that_lacks_words_is_completed_by_the_spare() {
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    world.said(0, partial("one two"));
    world.said(1, partial("one two three four"));
    world.end(1);
    assert_eq!(world.said(0, answer(1, "One, two.")), done(&[], &[]), "its connection was gone by then");
    world.said(1, answer(1, "one two three four"));
    assert_eq!(world.wait(0), done(&["final 1 one two three four"], &[]));
    world.begin(2);
    world.said(1, partial("five six seven"));
    world.end(2);
    world.said(0, answer(2, "five"));
    assert_eq!(world.wait(300), done(&["final 2 five"], &[]), "the spare has not said its last word in time");
    assert_eq!(world.said(1, answer(2, "five six seven")), done(&[], &[]));
    world.begin(3);
    world.said(1, partial("zero one seven two"));
    world.end(3);
    assert_eq!(world.said(0, answer(3, "0172")), done(&["final 3 0172"], &[]), "only written in another way");
}

#[test]
fn a_failed_turn_is_asked_of_the_spare() {
    let failed = |turn| SttEvent::Failed { turn: TurnId(turn), error: error() };
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    world.end(1);
    assert_eq!(world.said(0, failed(1)), done(&[], &["0 failed"]));
    world.said(1, answer(1, "yes"));
    assert_eq!(world.wait(0), done(&["final 1 yes"], &[]));
    world.begin(2);
    world.end(2);
    world.said(0, failed(2));
    assert_eq!(world.wait(300), done(&["failed 2"], &[]), "it does not know either");
    assert_eq!(world.said(1, answer(2, "late")), done(&[], &[]));
}

#[test]
fn a_turn_that_the_lead_ended_is_over_for_the_spare() {
    let mut world = World::new(&[FLUX, FLUX]);
    world.begin(1);
    world.said(0, partial("a refund"));
    world.said(1, partial("a refund"));
    let over = done(&["ended a refund"], &["1: end 1"]);
    assert_eq!(world.said(0, ended("a refund")), over);
    assert_eq!(world.said(1, answer(1, "a refund")), done(&[], &[]));
    assert_eq!(world.said(0, dead()).told, [""; 0], "no word comes twice");
    assert_eq!(world.said(1, partial("please")), done(&["partial please"], &[]));
}

#[test]
fn what_a_spare_still_says_of_an_answered_turn_is_no_news() {
    let mut world = World::new(&[FLUX, FLUX]);
    world.begin(1);
    world.said(0, ended("a refund"));
    world.said(1, partial("a refund"));
    world.said(1, ended("a refund"));
    assert_eq!(world.said(0, dead()).told, [""; 0], "no word comes twice");
}

#[test]
fn a_turn_that_only_the_spare_has_ended_is_not_lost() {
    let mut world = World::new(&[FLUX, FLUX]);
    world.begin(1);
    world.said(0, SttEvent::EagerEnd { words: Pii::new("a refund".to_owned()) });
    world.said(1, ended("a refund please"));
    world.said(1, partial("now"));
    let told = world.said(0, dead()).told;
    assert_eq!(told, ["resumed", "ended a refund please", "partial now"]);
    let mut in_order = World::new(&[FLUX, FLUX]);
    in_order.begin(1);
    in_order.said(1, ended("a refund"));
    assert_eq!(in_order.said(0, ended("a refund")), done(&["ended a refund"], &[]), "both have");
    assert_eq!(in_order.said(0, dead()).told, [""; 0]);
}

#[test]
fn a_lead_that_says_nothing_while_the_spare_understands_is_replaced() {
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    world.said(1, partial("hello"));
    assert_eq!(world.wait(1_499), done(&[], &[]));
    assert_eq!(world.wait(1), done(&["interrupted", "partial hello"], &["0 failed", "close 0"]));
    let mut slow = World::new(&[NOVA, NOVA]);
    slow.begin(1);
    slow.said(0, partial("i would like"));
    slow.said(1, partial("I would like."));
    assert_eq!(slow.wait(60_000), done(&[], &[]), "a caller who thinks is no outage");
    slow.said(1, partial("I would like. A table"));
    slow.wait(1_400);
    slow.said(0, partial("i would like a table"));
    assert_eq!(slow.wait(60_000), done(&[], &[]), "slow is not mute");
}

#[test]
fn a_connection_that_does_not_come_back_is_not_waited_for() {
    let lost = || SttEvent::Interrupted { error: error() };
    let mut world = World::new(&[NOVA, NOVA]);
    world.begin(1);
    assert_eq!(world.said(0, lost()), done(&["interrupted"], &[]));
    world.wait(1_000);
    world.said(0, partial("yes"));
    assert_eq!(world.wait(60_000), done(&[], &[]), "it came back");
    world.said(0, lost());
    world.said(1, lost());
    assert_eq!(world.wait(5_000), done(&[], &[]), "the other one is away too");
    world.said(1, partial("yes please"));
    let told = world.wait(0).told;
    assert_eq!(told, ["interrupted", "partial yes please"]);
}

#[test]
fn turns_of_one_are_only_words_where_the_other_has_none() {
    assert!(!common(&[FLUX, NOVA]).detects_turns);
    let mut world = World::new(&[FLUX, NOVA]);
    world.begin(1);
    assert_eq!(world.said(0, SttEvent::TurnStarted), done(&[], &[]));
    assert_eq!(world.said(0, ended("my number is")), done(&["partial my number is"], &[]));
    assert_eq!(world.said(0, partial("four two")), done(&["partial my number is four two"], &[]));
    world.end(1);
    assert_eq!(world.said(0, answer(1, "four two")), done(&["final 1 my number is four two"], &[]));
    world.begin(2);
    assert_eq!(world.said(0, partial("thanks")), done(&["partial thanks"], &[]), "every turn has its own words");
    world.said(0, ended("thanks"));
    world.end(2);
    assert_eq!(world.said(0, answer(2, "")), done(&["final 2 thanks"], &[]));
}

#[test]
fn one_recogniser_alone_is_passed_through() {
    let mut world = World::new(&[FLUX]);
    assert_eq!(world.begin(1), done(&[], &["0: begin 1"]));
    assert_eq!(world.said(0, ended("yes")), done(&["ended yes"], &[]));
    world.begin(2);
    world.end(2);
    let failed = SttEvent::Failed { turn: TurnId(2), error: error() };
    assert_eq!(world.said(0, failed), done(&["failed 2"], &["0 failed"]));
    assert_eq!(world.said(0, dead()), done(&["dead"], &["0 failed", "close 0"]));
    assert_eq!(world.wait(60_000), done(&[], &[]));
}

#[test]
fn one_that_takes_over_cold_hears_the_turn_again() {
    let mut world = World::cold(&[NOVA, NOVA]);
    world.hear(5_000);
    assert_eq!(world.begin(1), done(&[], &["0: begin 1"]), "only one is fed");
    world.hear(2_000);
    world.said(0, partial("i want"));
    assert_eq!(world.told_when_dead(), (3_000, vec!["open 1".to_owned(), "begin 1".to_owned()]));
    assert_eq!(world.said(1, partial("i want to book")), done(&["partial i want to book"], &[]));
    let mut owing = World::cold(&[NOVA, NOVA]);
    owing.begin(1);
    owing.hear(2_000);
    owing.end(1);
    let again = ["open 1", "begin 1", "end 1"].map(str::to_owned).to_vec();
    assert_eq!(owing.told_when_dead(), (2_000, again));
    assert_eq!(owing.said(1, answer(1, "yes")), done(&["final 1 yes"], &[]));
    let mut between = World::cold(&[NOVA, NOVA]);
    between.begin(1);
    between.hear(3_000);
    between.end(1);
    between.said(0, answer(1, "yes"));
    let open = vec!["open 1".to_owned()];
    assert_eq!(between.told_when_dead(), (400, open), "what is answered is over, what comes may have begun");
}

#[test]
fn a_lost_connection_without_a_warm_spare_is_not_waited_for_either() {
    let mut world = World::cold(&[NOVA, NOVA]);
    world.begin(1);
    world.said(0, SttEvent::Interrupted { error: error() });
    let acts = world.wait(1_500);
    assert_eq!(acts, done(&["interrupted"], &["0 failed", "close 0", "open 1", "1: begin 1"]));
    world.said(1, SttEvent::Interrupted { error: error() });
    assert_eq!(world.wait(60_000), done(&[], &[]), "the last one is waited for");
    assert_eq!(world.said(1, dead()), done(&["dead"], &["1 failed", "close 1"]));
    assert_eq!(world.ears.poll_timeout(), None);
}

#[test]
fn nobody_is_left_without_an_answer() {
    let mut world = World::new(&[NOVA, NOVA]);
    world.admitted = vec![true, false];
    let mut alone = World { ears: Ears::new(&[NOVA, NOVA], &world.admitted, true), ..world };
    alone.acts();
    alone.begin(1);
    alone.end(1);
    let acts = alone.said(0, dead());
    assert_eq!(acts.told, ["failed 1"], "who was not there cannot know");
    assert_eq!(acts.done, ["0 failed", "close 0", "open 1"]);
}
