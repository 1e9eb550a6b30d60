use super::*;
use crate::pii::Pii;
use crate::provider::synthesis::dialect::Spoken;

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);
const THREE: UtteranceId = UtteranceId(3);

/// A vendor that is told what to do in plain words.
#[derive(Default)]
struct Plain {
    utterance: Option<UtteranceId>,
    settling: bool,
    slow: bool,
}

impl Dialect for Plain {
    fn opened(&mut self, _: Instant) {
        self.utterance = None;
    }

    fn text(&mut self, _: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        self.utterance = Some(utterance);
        out.frames.push(Frame::Text(format!("{}:{text}", utterance.0)));
    }

    fn finish(&mut self, _: Instant, utterance: UtteranceId, out: &mut Outbox) {
        out.frames.push(Frame::Text(format!("{}.", utterance.0)));
    }

    fn cancel(&mut self, _: Instant, utterance: UtteranceId, _: Duration, out: &mut Outbox) {
        if self.utterance.take_if(|current| *current == utterance).is_some() {
            self.settling = self.slow;
            out.frames.push(Frame::Text(format!("{}!", utterance.0)));
        }
    }

    fn receive(&mut self, _: Instant, message: Message<'_>, out: &mut Outbox) {
        let vendor = Vendor::named("plain");
        let utterance = self.utterance.unwrap_or(UtteranceId(0));
        match message {
            Message::Binary(bytes) => out.tell(Told::Audio { utterance, pcm: vec![7; bytes.len()] }),
            Message::Text("done") => out.tell(Told::Finished { utterance }),
            Message::Text("failed") => {
                out.tell(Told::Failed { utterance, error: vendor.error(ErrorKind::Refused, "no") });
            }
            Message::Text("broken") => out.tell(Told::Broken(vendor.error(ErrorKind::Broken, "what"))),
            Message::Text("settled") => self.settling = false,
            Message::Text(words) => {
                let spoken = |(n, word): (usize, &str)| Spoken { word: Pii::new(word.to_owned()), end: 100 - n as u64 };
                let words = words.split(' ').enumerate().map(spoken).collect();
                out.tell(Told::Words { utterance, words });
            }
            Message::Answer(_) | Message::End => {}
        }
    }

    fn settling(&self) -> bool {
        self.settling
    }
}

/// A session with its clock.
struct Desk {
    speaker: Speaker,
    now: Instant,
}

impl Desk {
    fn new(dialect: Plain) -> Self {
        let speaker = Speaker::new(Arc::new(Vendor::named("plain")), Box::new(dialect));
        Self { speaker, now: crate::time::now().mono }
    }

    fn up() -> Self {
        let mut desk = Self::new(Plain::default());
        desk.open();
        desk
    }

    fn open(&mut self) {
        self.speaker.opened(self.now);
    }

    fn text(&mut self, utterance: UtteranceId, text: &str) {
        self.speaker.command(self.now, TtsInput::Text { utterance, text: Pii::new(text.to_owned()) });
    }

    fn finish(&mut self, utterance: UtteranceId) {
        self.speaker.command(self.now, TtsInput::Finish { utterance });
    }

    fn cancel(&mut self, utterance: UtteranceId) {
        self.speaker.command(self.now, TtsInput::Cancel { utterance, heard: Duration::ZERO });
    }

    fn audio(&mut self, samples: usize) {
        self.speaker.received(self.now, Message::Binary(&vec![0; samples]));
    }

    fn message(&mut self, text: &str) {
        self.speaker.received(self.now, Message::Text(text));
    }

    fn lose(&mut self, kind: ErrorKind) {
        self.speaker.lost(self.now, &Vendor::named("plain").error(kind, "lost"));
    }

    /// Goes on to the next deadline, which there must be, and says how long that was.
    fn wait(&mut self) -> Duration {
        let at = self.speaker.poll_timeout().expect("it waits for something");
        let waited = at - self.now;
        self.now = at;
        self.speaker.timeout(at);
        waited
    }

    fn sent(&mut self) -> String {
        let frames = std::iter::from_fn(|| self.speaker.poll_frame());
        let text = |frame| if let Frame::Text(text) = frame { text } else { "drop".to_owned() };
        frames.map(text).collect::<Vec<_>>().join("|")
    }

    /// Events in short: `1~80` audio, `1@5` a mark, `1.` finished, `1x` failed, `dead`.
    fn told(&mut self) -> String {
        let events = std::iter::from_fn(|| self.speaker.poll_event());
        let short = |event| match event {
            TtsEvent::Audio { utterance, pcm } => format!("{}~{}", utterance.0, pcm.len()),
            TtsEvent::Marks { utterance, marks } => {
                marks.iter().map(|mark| format!("{}@{}", utterance.0, mark.text_end)).collect::<Vec<_>>().join(" ")
            }
            TtsEvent::Finished { utterance } => format!("{}.", utterance.0),
            TtsEvent::Failed { utterance, error } => format!("{}x{:?}", utterance.0, error.kind),
            TtsEvent::Dead { .. } => "dead".to_owned(),
        };
        events.map(short).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn audio_comes_before_the_text_is_complete() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello. ");
    assert_eq!(desk.sent(), "1:Hello. ");
    desk.audio(80);
    assert_eq!(desk.told(), "1~80");
    desk.text(ONE, "Bye.");
    desk.finish(ONE);
    assert_eq!(desk.sent(), "1:Bye.|1.");
    desk.audio(40);
    desk.message("done");
    assert_eq!(desk.told(), "1~40 1.");
    desk.text(ONE, "More.");
    assert_eq!((desk.sent(), desk.told()), (String::new(), String::new()), "it is over");
}

#[test]
fn what_is_said_before_the_connection_is_there_is_kept() {
    let mut desk = Desk::new(Plain::default());
    desk.text(ONE, "Hello. ");
    desk.text(ONE, "Bye.");
    desk.finish(ONE);
    assert_eq!(desk.sent(), "");
    desk.open();
    assert_eq!(desk.sent(), "1:Hello. Bye.|1.");
}

#[test]
fn utterances_follow_each_other() {
    let mut desk = Desk::up();
    desk.text(ONE, "One.");
    desk.finish(ONE);
    desk.text(TWO, "Two.");
    desk.text(THREE, "Three.");
    assert_eq!(desk.sent(), "1:One.|1.", "the next ones wait");
    desk.audio(8);
    desk.message("done");
    assert_eq!(desk.told(), "1~8 1.");
    assert_eq!(desk.sent(), "3:Three.", "the second was not finished when another began: nobody wants it");
    desk.cancel(THREE);
    assert_eq!(desk.sent(), "3!");
}

#[test]
fn nothing_is_told_of_a_cancelled_utterance() {
    let mut desk = Desk::new(Plain { slow: true, ..Plain::default() });
    desk.open();
    desk.text(ONE, "Hello.");
    desk.audio(80);
    desk.cancel(ONE);
    assert_eq!(desk.told(), "", "what waited is dropped too");
    desk.audio(80);
    desk.text(ONE, "More of it.");
    desk.text(TWO, "Yes.");
    assert_eq!(desk.sent(), "1:Hello.|1!", "the vendor is not ready");
    desk.message("settled");
    assert_eq!((desk.sent(), desk.told()), ("2:Yes.".to_owned(), String::new()));
}

#[test]
fn a_lost_connection_costs_nothing_before_the_first_audio() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello. ");
    desk.text(ONE, "Bye.");
    desk.finish(ONE);
    assert_eq!(desk.sent(), "1:Hello. |1:Bye.|1.");
    desk.lose(ErrorKind::Broken);
    assert_eq!(desk.told(), "");
    desk.open();
    assert_eq!(desk.sent(), "1:Hello. Bye.|1.", "all of it is said again");
    desk.lose(ErrorKind::Broken);
    assert_eq!(desk.told(), "1xBroken", "a text that breaks every connection is given up");
}

#[test]
fn no_word_comes_twice() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello. ");
    desk.audio(80);
    desk.lose(ErrorKind::Broken);
    assert_eq!(desk.told(), "1~80 1xBroken");
    desk.text(ONE, "Bye.");
    desk.text(TWO, "Sorry.");
    desk.sent();
    desk.open();
    assert_eq!(desk.sent(), "2:Sorry.", "the session goes on");
}

#[test]
fn a_full_vendor_and_a_wrong_key_are_told_at_once() {
    for kind in [ErrorKind::Busy, ErrorKind::Unauthorised] {
        let mut desk = Desk::new(Plain::default());
        desk.text(ONE, "Hello.");
        desk.lose(kind);
        assert_eq!(desk.told(), format!("1x{kind:?}"));
    }
}

#[test]
fn garbage_makes_the_connection_anew() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    desk.message("broken");
    assert!(desk.speaker.poll_reset().is_some());
    assert!(desk.speaker.poll_reset().is_none(), "once");
    desk.message("done");
    assert_eq!(desk.told(), "", "nothing is believed of it any more");
    desk.lose(ErrorKind::Broken);
    assert_eq!(desk.told(), "", "that was our own doing");
    desk.sent();
    desk.open();
    assert_eq!(desk.sent(), "1:Hello.");
}

#[test]
fn audio_that_does_not_come_fails_the_utterance_and_the_connection() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    assert_eq!(desk.wait(), PATIENCE);
    assert_eq!(desk.told(), "1xTimedOut");
    assert!(desk.speaker.poll_reset().is_some());

    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    desk.audio(80);
    assert_eq!(desk.speaker.poll_timeout(), None, "the next sentence may take its time");
    desk.finish(ONE);
    desk.now += Duration::from_secs(2);
    desk.audio(80);
    assert_eq!(desk.wait(), PATIENCE, "from the last audio");
    assert_eq!(desk.told(), "1~80 1~80 1xTimedOut");

    let mut desk = Desk::new(Plain::default());
    desk.text(ONE, " — ");
    assert_eq!(desk.speaker.poll_timeout(), None, "there is nothing to say");
    desk.now += Duration::from_secs(9);
    desk.text(ONE, "Hello.");
    assert_eq!(desk.wait(), PATIENCE);
    assert_eq!(desk.told(), "1xTimedOut", "no connection either");
    assert!(desk.speaker.poll_reset().is_none(), "there is none to give up");
}

#[test]
fn an_end_without_audio_is_a_failure() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    desk.finish(ONE);
    desk.message("done");
    assert_eq!(desk.told(), "", "another connection may do better");
    assert!(desk.speaker.poll_reset().is_some());
    desk.lose(ErrorKind::Broken);
    desk.open();
    desk.message("done");
    assert_eq!(desk.told(), "1xBroken");
}

#[test]
fn what_has_no_sound_is_not_sent() {
    let mut desk = Desk::up();
    desk.text(ONE, " … ");
    desk.finish(ONE);
    desk.finish(TWO);
    assert_eq!((desk.sent(), desk.told()), (String::new(), "1. 2.".to_owned()));
    desk.text(THREE, "“");
    desk.text(THREE, "Hi");
    desk.text(THREE, "”");
    assert_eq!(desk.sent(), "3:“Hi");
    desk.finish(THREE);
    assert_eq!(desk.sent(), "3.");
}

#[test]
fn marks_move_forward_and_stay_in_the_text() {
    let mut desk = Desk::up();
    desk.text(ONE, "One two three.");
    desk.message("One two three. four One");
    desk.audio(8);
    let marks: Vec<_> = std::iter::from_fn(|| desk.speaker.poll_event())
        .filter_map(|event| if let TtsEvent::Marks { marks, .. } = event { Some(marks) } else { None })
        .flatten()
        .collect();
    assert_eq!(marks.iter().map(|mark| mark.text_end).collect::<Vec<_>>(), [3, 7, 14]);
    assert!(marks.is_sorted_by_key(|mark| mark.sample_end), "the vendor's times went backwards: {marks:?}");
}

#[test]
fn marks_are_not_told_again_after_a_lost_connection() {
    let mut desk = Desk::up();
    desk.text(ONE, "One two.");
    desk.message("One");
    desk.lose(ErrorKind::Broken);
    desk.open();
    desk.message("One two.");
    assert_eq!(desk.told(), "1@3 1@8");
}

#[test]
fn what_a_vendor_refuses_fails_and_the_next_goes_on() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    desk.finish(ONE);
    desk.text(TWO, "Sorry.");
    desk.message("failed");
    assert_eq!(desk.told(), "1xRefused");
    assert_eq!(desk.sent(), "1:Hello.|1.|2:Sorry.");
}

#[test]
fn nothing_is_hoarded() {
    let mut desk = Desk::up();
    desk.text(ONE, &"word ".repeat(13_000));
    assert_eq!(desk.told(), "");
    desk.text(ONE, &"word ".repeat(13_000));
    assert_eq!(desk.told(), "1xRefused");
    assert!(desk.sent().ends_with("1!"), "the vendor is told");
    for n in 10..40 {
        desk.text(UtteranceId(n), "Hi.");
        desk.finish(UtteranceId(n));
    }
    assert_eq!(desk.told().matches("xRefused").count(), 30 - 1 - WAITING);
}

#[test]
fn the_end_of_the_session_fails_all_that_waits() {
    let mut desk = Desk::up();
    desk.text(ONE, "Hello.");
    desk.finish(ONE);
    desk.text(TWO, "Bye.");
    desk.speaker.dead(desk.now, Vendor::named("plain").error(ErrorKind::Unauthorised, "no"));
    assert_eq!(desk.told(), "1xUnauthorised 2xUnauthorised dead");
}
