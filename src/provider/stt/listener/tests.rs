//! Turns, words and audio in virtual time, with a vendor whose messages are their own meaning.

use std::sync::Arc;

use super::*;
use crate::provider::stt::dialect::Unreadable;
use crate::provider::stt::feed::Pace;
use crate::provider::stt::ledger::Text;
use crate::provider::stt::{Grammar, ListenRequest, Manner};

const MS: Duration = Duration::from_millis(1);

/// A vendor that says what it heard.
#[derive(Clone, Debug)]
struct Plain {
    vendor: Vendor,
    idle: Idle,
}

impl Dialect for Plain {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        Ok(Self { vendor, idle: Idle::Nothing })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: true, replies: false, lag: 300 * MS },
            pace: Pace { piece: 20..=100, speed: 1.25, keep: Duration::from_secs(6) },
            flush: 300 * MS,
            idle: self.idle,
            talk: Some(Duration::from_secs(5)),
        }
    }

    fn prepare(&mut self, _: &ListenRequest) {}

    fn endpoint(&self) -> Result<Endpoint, Error> {
        Err(self.vendor.error(ErrorKind::Refused, "nowhere"))
    }

    fn opened(&mut self) -> Vec<Message> {
        vec![Message::Text("hello".to_owned())]
    }

    fn audio(&self, mulaw: bytes::Bytes) -> Message {
        Message::Binary(mulaw)
    }

    fn flush(&mut self) -> Option<Message> {
        Some(Message::Text("flush".to_owned()))
    }

    fn patience(&mut self, patience: Patience) -> Option<Message> {
        Some(Message::Text(format!("{patience:?}")))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(Message::Text("still here".to_owned()))
    }

    fn goodbye(&self) -> Option<Message> {
        Some(Message::Text("bye".to_owned()))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let unit = |rest: &str| {
            let (unit, words) = rest.split_once(' ').unwrap_or((rest, ""));
            unit.parse().map(|unit| Text::plain(unit, words)).map_err(|_| Unreadable)
        };
        heard.push(match kind {
            "revised" => Heard::Revised(unit(rest)?),
            "settled" => Heard::Settled(unit(rest)?),
            "until" => Heard::Until(rest.parse().map_err(|_| Unreadable)?),
            "flushed" => Heard::Flushed,
            "start" => Heard::TurnStarted,
            "eager" => Heard::TurnEndedEarly,
            "resume" => Heard::TurnResumed,
            "end" => Heard::TurnEnded,
            "alive" => Heard::Alive,
            _ => return Err(Unreadable),
        });
        Ok(())
    }
}

/// A listener in its own time.
struct World {
    now: Instant,
    listener: Listener<Plain>,
    out: Outbox<SttEvent>,
    sent: Vec<Message>,
    /// Whether the vendor answers pings.
    alive: bool,
}

impl World {
    fn new(idle: Idle) -> Self {
        let now = crate::time::now().mono;
        let dialect = Plain { idle, ..Plain::new(Vendor::named("plain")).expect("it needs no key") };
        Self { now, listener: Listener::new(now, dialect), out: Outbox::default(), sent: Vec::new(), alive: true }
    }

    fn up() -> Self {
        let mut world = Self::new(Idle::Nothing);
        world.open();
        world
    }

    fn open(&mut self) {
        self.listener.opened(self.now, &Upgrade::default(), &mut self.out);
    }

    fn lose(&mut self) {
        let error = self.listener.vendor().error(ErrorKind::Unreachable, "gone");
        self.listener.lost(self.now, Some(&error), &mut self.out);
        self.take();
    }

    fn tell(&mut self, input: SttInput) {
        self.listener.told(self.now, input, &mut self.out);
    }

    fn begin(&mut self, turn: u32) {
        self.tell(SttInput::Begin { turn: TurnId(turn), grammar: Arc::new(Grammar::default()) });
    }

    fn end(&mut self, turn: u32) -> Vec<String> {
        self.tell(SttInput::End { turn: TurnId(turn) });
        self.take()
    }

    /// So much of the caller's voice, in real time.
    fn speak(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.tell(SttInput::Audio(Arc::new([4_000; 160])));
            self.pass(20);
        }
    }

    /// So much silence, in real time.
    fn hush(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.tell(SttInput::Audio(Arc::new([0; 160])));
            self.pass(20);
        }
    }

    /// What the vendor says makes these events.
    fn say(&mut self, text: &str) -> Vec<String> {
        self.listener.received(self.now, Message::Text(text.to_owned()), &mut self.out);
        self.take()
    }

    fn pass(&mut self, ms: u64) -> Vec<String> {
        let end = self.now + Duration::from_millis(ms);
        while let Some((due, _)) = self.listener.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.listener.timeout(self.now, &mut self.out);
        }
        self.now = end;
        self.take()
    }

    fn take(&mut self) -> Vec<String> {
        if self.out.take_ping() && self.alive {
            self.listener.pulse(self.now);
        }
        let (messages, events) = self.out.take();
        self.sent.extend(messages);
        events.iter().map(print).collect()
    }

    /// The texts that were sent since the last time.
    fn texts(&mut self) -> Vec<String> {
        self.take();
        let text = |message| if let Message::Text(text) = message { Some(text) } else { None };
        std::mem::take(&mut self.sent).into_iter().filter_map(text).collect()
    }

    /// Milliseconds of audio that were sent since the last time.
    fn audio(&mut self) -> usize {
        self.take();
        let length = |message: Message| if let Message::Binary(bytes) = message { bytes.len() / 8 } else { 0 };
        std::mem::take(&mut self.sent).into_iter().map(length).sum()
    }
}

fn print(event: &SttEvent) -> String {
    match event {
        SttEvent::TurnStarted => "started".to_owned(),
        SttEvent::Partial { words } => format!("partial {}", words.expose()),
        SttEvent::EagerEnd { words } => format!("eager {}", words.expose()),
        SttEvent::Resumed => "resumed".to_owned(),
        SttEvent::TurnEnded { words } => format!("ended {}", words.expose()),
        SttEvent::Final { turn, transcript: Transcript::Words { text, .. } } => {
            format!("final {} {}", turn.0, text.expose())
        }
        SttEvent::Final { turn, .. } => format!("final {} -", turn.0),
        SttEvent::Failed { turn, error } => format!("failed {} {:?}", turn.0, error.kind),
        SttEvent::Interrupted { error } => format!("interrupted {:?}", error.kind),
        SttEvent::Dead { error } => format!("dead {:?}", error.kind),
    }
}

#[test]
fn a_turn_from_its_first_words_to_its_answer() {
    let mut world = World::up();
    world.begin(1);
    world.speak(400);
    assert_eq!(world.say("revised 0 I need"), ["partial I need"]);
    assert_eq!(world.say("revised 0 I need a"), ["partial I need a"]);
    assert_eq!(world.say("revised 0 I need a"), [""; 0]);
    assert_eq!(world.end(1), [""; 0]);
    assert_eq!(world.texts(), ["hello", "flush"]);
    world.pass(80);
    assert_eq!(world.say("settled 0 I need a refund."), ["partial I need a refund."]);
    assert_eq!(world.say("flushed"), ["final 1 I need a refund."]);
    assert_eq!(world.pass(5_000), [""; 0], "exactly one answer");
}

#[test]
fn a_turn_that_is_settled_needs_no_question() {
    let mut world = World::up();
    world.begin(1);
    world.speak(400);
    world.hush(300);
    world.say("settled 0 yes");
    world.say("until 0.5");
    assert_eq!(world.end(1), ["final 1 yes"]);
    assert_eq!(world.texts(), ["hello"]);
    world.begin(2);
    world.speak(200);
    world.hush(300);
    world.say("settled 500 no");
    world.say("until 0.8");
    assert_eq!(world.end(2), [""; 0], "a word may be in what came after that");
    assert_eq!(world.texts(), ["flush"]);
}

#[test]
fn a_vendor_that_does_not_answer_a_flush_is_waited_for_a_moment() {
    let mut world = World::up();
    world.begin(1);
    world.speak(200);
    world.say("revised 0 yes");
    world.end(1);
    assert_eq!(world.pass(299), [""; 0]);
    assert_eq!(world.pass(2), ["final 1 yes"]);
    assert_eq!(world.say("settled 0 Yes, please."), ["partial please."], "late words are the next turn's");
    world.begin(2);
    world.speak(100);
    world.say("settled 900 do");
    world.end(2);
    assert_eq!(world.pass(300), ["final 2 please. do"]);
}

#[test]
fn silence_is_an_answer_unless_the_vendor_is_mute() {
    let mut world = World::up();
    world.begin(1);
    world.speak(200);
    world.say("alive");
    world.end(1);
    assert_eq!(world.pass(400), ["final 1 -"]);
    world.begin(2);
    world.speak(1_600);
    world.end(2);
    assert_eq!(world.pass(400), ["failed 2 TimedOut"], "not a word for two seconds, of a vendor that talks");
}

#[test]
fn an_abandoned_turn_has_no_answer_and_its_words_are_gone() {
    let mut world = World::up();
    world.begin(1);
    world.speak(200);
    world.say("revised 0 never mind");
    world.end(1);
    world.tell(SttInput::Abandon { turn: TurnId(1) });
    assert_eq!(world.pass(3_000), [""; 0]);
    assert_eq!(world.say("settled 0 Never mind."), [""; 0]);
    world.begin(2);
    world.begin(3);
    world.say("settled 7 no");
    world.end(3);
    assert_eq!(world.pass(3_000), ["final 3 no"], "the second was abandoned by the third");
}

#[test]
fn two_ends_have_two_answers() {
    let mut world = World::up();
    world.begin(1);
    world.say("revised 0 one");
    world.end(1);
    world.begin(2);
    assert_eq!(world.end(2), ["final 1 one"]);
    assert_eq!(world.pass(300), ["final 2 -"]);
}

#[test]
fn the_vendors_own_turns_are_passed_on() {
    let mut world = World::up();
    world.begin(1);
    assert_eq!(world.say("start"), ["started"]);
    assert_eq!(world.say("start"), [""; 0]);
    world.say("revised 0 I need");
    assert_eq!(world.say("eager"), ["eager I need"]);
    assert_eq!(world.say("resume"), ["resumed"]);
    world.say("revised 0 I need a refund");
    assert_eq!(world.say("eager"), ["eager I need a refund"]);
    world.say("settled 0 I need a refund");
    assert_eq!(world.say("end"), ["ended I need a refund"]);
    assert_eq!(world.end(1), [""; 0]);
    assert_eq!(world.pass(300), ["final 1 -"], "an end that crossed it is answered, and nothing comes twice");
    assert_eq!(world.say("end"), ["started", "ended "], "every turn begins");
}

#[test]
fn an_end_of_ours_overrules_the_vendors_turn() {
    let mut world = World::up();
    world.begin(1);
    world.say("start");
    world.say("revised 0 four four");
    assert_eq!(world.end(1), [""; 0]);
    world.say("settled 0 four four two");
    assert_eq!(world.say("end"), ["final 1 four four two"]);
}

#[test]
fn a_vendors_end_that_comes_after_ours_ends_nothing() {
    let mut world = World::up();
    world.begin(1);
    world.say("start");
    world.say("revised 0 four");
    world.end(1);
    assert_eq!(world.pass(300), ["final 1 four"]);
    world.begin(2);
    assert_eq!(world.say("eager"), [""; 0]);
    world.say("settled 0 four");
    assert_eq!(world.say("end"), [""; 0], "what it ends was answered");
    assert_eq!(world.say("start"), ["started"]);
    world.say("revised 1 two");
    world.end(2);
    assert_eq!(world.pass(300), ["final 2 two"]);
    world.say("settled 1 two three");
    assert_eq!(world.say("end"), ["started", "ended three"], "unless it has other words");
}

#[test]
fn patience_is_told_and_told_again() {
    let mut world = World::up();
    world.tell(SttInput::Patience(Patience::Dictation));
    world.tell(SttInput::Patience(Patience::Dictation));
    assert_eq!(world.texts(), ["hello", "Dictation"]);
    world.lose();
    world.open();
    assert_eq!(world.texts(), ["hello", "Dictation"]);
    world.tell(SttInput::Patience(Patience::Talk));
    assert_eq!(world.texts(), ["Talk"]);
}

#[test]
fn what_was_not_certain_is_heard_again_by_the_next_connection() {
    let mut world = World::up();
    world.begin(1);
    world.speak(2_000);
    assert_eq!(world.audio(), 2_000);
    world.say("settled 0 one two");
    world.say("until 1.2");
    world.say("revised 1200 three");
    world.lose();
    world.speak(1_000);
    assert_eq!(world.audio(), 0);
    world.open();
    world.pass(3_000);
    assert_eq!(world.audio(), 1_800, "from 1.2 s on");
    world.say("settled 0 three four");
    world.end(1);
    assert_eq!(world.pass(300), ["final 1 one two three four"]);
}

#[test]
fn a_turn_that_ends_while_the_vendor_is_away_is_answered_when_it_has_heard_it() {
    let mut world = World::up();
    world.begin(1);
    world.speak(400);
    world.lose();
    world.speak(400);
    assert_eq!(world.end(1), [""; 0]);
    assert_eq!(world.pass(500), [""; 0]);
    world.open();
    assert_eq!(world.texts(), ["hello", "hello"], "not before it has heard all");
    world.pass(400);
    assert_eq!(world.texts(), ["flush"]);
    world.say("settled 0 yes please");
    assert_eq!(world.say("flushed"), ["final 1 yes please"]);
}

#[test]
fn silence_of_a_vendor_that_gives_no_sign_of_life_is_no_answer() {
    let mut world = World::up();
    world.alive = false;
    world.begin(1);
    world.speak(400);
    world.end(1);
    assert_eq!(world.pass(400), ["failed 1 TimedOut"]);
    world.alive = true;
    world.begin(2);
    world.speak(400);
    world.end(2);
    assert_eq!(world.pass(400), ["final 2 -"]);
}

#[test]
fn a_vendor_that_stays_away_fails_the_turn() {
    let mut world = World::up();
    world.begin(1);
    world.speak(400);
    world.lose();
    world.end(1);
    assert_eq!(world.pass(1_299), [""; 0]);
    assert_eq!(world.pass(2), ["failed 1 Unreachable"]);
    world.begin(2);
    world.end(2);
    let error = world.listener.vendor().error(ErrorKind::Unauthorised, "no");
    world.listener.dead(error, &mut world.out);
    assert_eq!(world.take(), ["failed 2 Unauthorised", "dead Unauthorised"]);
}

#[test]
fn an_early_end_is_taken_back_when_the_connection_is_lost() {
    let mut world = World::up();
    world.say("start");
    world.say("revised 0 yes");
    world.say("eager");
    let error = world.listener.vendor().error(ErrorKind::Broken, "gone");
    world.listener.lost(world.now, Some(&error), &mut world.out);
    assert_eq!(world.take(), ["resumed", "interrupted Broken"]);
    world.open();
    assert_eq!(world.say("start"), [""; 0], "the same turn for the call");
    world.say("settled 0 yes please");
    assert_eq!(world.say("end"), ["ended yes please"]);
}

#[test]
fn a_routine_end_is_not_told() {
    let mut world = World::up();
    world.listener.lost(world.now, None, &mut world.out);
    assert_eq!(world.take(), [""; 0]);
}

#[test]
fn silence_takes_the_place_of_audio_that_does_not_come() {
    let mut world = World::new(Idle::Silence);
    world.open();
    world.pass(1_000);
    assert_eq!(world.audio(), 880, "from 200 ms on, 80 ms at a time");
    world.speak(1_000);
    assert_eq!(world.audio(), 1_000);
}

#[test]
fn a_connection_without_audio_is_kept_alive() {
    let mut world = World::new(Idle::KeepAlive(4_000 * MS));
    assert_eq!(world.listener.poll_timeout(), None, "nothing to do before it stands");
    world.open();
    world.pass(9_000);
    assert_eq!(world.texts(), ["hello", "still here", "still here"]);
}

#[test]
fn what_makes_no_sense_is_passed_over_a_few_times() {
    let mut world = World::up();
    for _ in 0..4 {
        world.say("{]");
    }
    world.say("alive");
    for _ in 0..4 {
        world.say("{]");
    }
    assert_eq!(world.out.take_closing(), None);
    world.say("{]");
    assert!(matches!(world.out.take_closing(), Some(Closing::Failed(error)) if error.kind == ErrorKind::Broken));
}
