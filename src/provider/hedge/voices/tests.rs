//! In virtual time: voices are what the test has them say.

use super::*;
use crate::time;

mod random;

const PATIENCE: Duration = Duration::from_millis(900);
const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

struct World {
    voices: Voices,
    now: Instant,
    admitted: Vec<bool>,
}

impl World {
    fn new(admitted: &[bool]) -> Self {
        let mut world =
            Self { voices: Voices::new(PATIENCE, admitted), now: time::now().mono, admitted: admitted.to_vec() };
        world.acts();
        world
    }

    fn acts(&mut self) -> Vec<Act> {
        std::iter::from_fn(|| self.voices.poll_act()).collect()
    }

    fn say(&mut self, utterance: UtteranceId, text: &str) -> Vec<Act> {
        let text = Pii::new(text.to_owned());
        self.voices.told(self.now, TtsInput::Text { utterance, text }, &self.admitted);
        self.acts()
    }

    fn finish(&mut self, utterance: UtteranceId) -> Vec<Act> {
        self.voices.told(self.now, TtsInput::Finish { utterance }, &self.admitted);
        self.acts()
    }

    fn cancel(&mut self, utterance: UtteranceId, heard_ms: u64) -> Vec<Act> {
        let heard = Duration::from_millis(heard_ms);
        self.voices.told(self.now, TtsInput::Cancel { utterance, heard }, &self.admitted);
        self.acts()
    }

    fn said(&mut self, voice: usize, event: TtsEvent) -> Vec<Act> {
        self.voices.said(self.now, voice, event, &self.admitted);
        self.acts()
    }

    /// Milliseconds pass; what is due happens.
    fn wait(&mut self, ms: u64) -> Vec<Act> {
        self.now += Duration::from_millis(ms);
        self.voices.tick(self.now, &self.admitted);
        self.acts()
    }
}

fn audio(utterance: UtteranceId, ms: usize) -> TtsEvent {
    TtsEvent::Audio { utterance, pcm: vec![1; ms * 8].into() }
}

fn marks(utterance: UtteranceId, at: &[(usize, u64)]) -> TtsEvent {
    let marks = at.iter().map(|&(text_end, ms)| WordMark { text_end, sample_end: ms * 8 }).collect();
    TtsEvent::Marks { utterance, marks }
}

fn finished(utterance: UtteranceId) -> TtsEvent {
    TtsEvent::Finished { utterance }
}

fn error() -> Error {
    Error::new("vendor", ErrorKind::Broken, "no")
}

fn failed(utterance: UtteranceId) -> TtsEvent {
    TtsEvent::Failed { utterance, error: error() }
}

fn text(voice: usize, utterance: UtteranceId, text: &str) -> Act {
    Act::Tell(voice, Told::Text(utterance, Pii::new(text.to_owned())))
}

fn told_finish(voice: usize, utterance: UtteranceId) -> Act {
    Act::Tell(voice, Told::Finish(utterance))
}

fn told_cancel(voice: usize, utterance: UtteranceId, ms: u64) -> Act {
    Act::Tell(voice, Told::Cancel(utterance, Duration::from_millis(ms)))
}

/// The silence between two voices.
fn seam() -> Act {
    Act::Emit(TtsEvent::Audio { utterance: ONE, pcm: vec![0; SEAM].into() })
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_voice_in_time_speaks_alone() {
    let mut world = World::new(&[true, true]);
    assert_eq!(world.say(ONE, "Hello. "), [text(0, ONE, "Hello. ")]);
    assert_eq!(world.say(ONE, "Bye."), [text(0, ONE, "Bye.")]);
    assert_eq!(world.finish(ONE), [told_finish(0, ONE)]);
    assert_eq!(world.wait(300), []);
    assert_eq!(world.said(0, marks(ONE, &[(6, 200)])), [], "not before it is certain who speaks");
    let both = [Act::Began(0, 300 * MS), Act::Emit(marks(ONE, &[(6, 200)])), Act::Emit(audio(ONE, 500))];
    assert_eq!(world.said(0, audio(ONE, 500)), both);
    assert_eq!(world.said(0, finished(ONE)), [Act::Emit(finished(ONE))]);
    assert_eq!(world.wait(60_000), []);
    assert_eq!(world.voices.poll_timeout(), None);
}

#[test]
fn a_late_voice_meets_a_second_which_keeps_the_call() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Hello. ");
    assert_eq!(world.wait(899), []);
    assert_eq!(world.wait(1), [Act::Open(1), text(1, ONE, "Hello. ")], "with all that was said so far");
    assert_eq!(world.say(ONE, "Bye."), [text(0, ONE, "Bye."), text(1, ONE, "Bye.")]);
    assert_eq!(world.finish(ONE), [told_finish(0, ONE), told_finish(1, ONE)]);
    world.wait(200);
    let won =
        [Act::Began(1, 200 * MS), Act::PassedOver(0, 1_100 * MS), told_cancel(0, ONE, 0), Act::Emit(audio(ONE, 400))];
    assert_eq!(world.said(1, audio(ONE, 400)), won);
    assert_eq!(world.said(0, audio(ONE, 400)), [], "the loser is not heard");
    assert_eq!(world.said(1, finished(ONE)), [Act::Emit(finished(ONE))]);
    assert_eq!(world.say(TWO, "More."), [text(1, TWO, "More.")], "a caller hears one voice");
}

#[test]
fn a_failure_before_audio_is_not_heard() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Hello. ");
    world.finish(ONE);
    let again = [Act::Failed(0, error()), Act::Open(1), text(1, ONE, "Hello. "), told_finish(1, ONE)];
    assert_eq!(world.said(0, failed(ONE)), again);
    let nobody = [Act::Failed(1, error()), Act::Emit(failed(ONE))];
    assert_eq!(world.said(1, failed(ONE)), nobody);
    assert_eq!(world.said(1, audio(ONE, 20)), [], "it is over");
    let opened_again = [Act::Open(0), text(0, TWO, "Yes.")];
    let mut dead = World::new(&[true]);
    dead.said(0, TtsEvent::Dead { error: error() });
    assert_eq!(dead.say(TWO, "Yes."), opened_again, "a dead session is opened again for the next utterance");
}

#[test]
fn one_without_audio_has_failed_unless_there_was_nothing_to_say() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Hello.");
    world.finish(ONE);
    let acts = world.said(0, finished(ONE));
    assert!(acts.contains(&text(1, ONE, "Hello.")), "{acts:?}");
    let mut silent = World::new(&[true, true]);
    silent.say(ONE, " … ");
    silent.finish(ONE);
    assert_eq!(silent.said(0, finished(ONE)), [Act::Emit(finished(ONE))]);
}

#[test]
fn another_voice_goes_on_after_the_last_word_that_is_there() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "I can book you for Tuesday. ");
    world.said(0, audio(ONE, 1_000));
    world.said(0, marks(ONE, &[(1, 100), (5, 300), (10, 600), (14, 900), (18, 1_200)]));
    world.say(ONE, "Is that fine?");
    let acts = world.said(0, failed(ONE));
    let rest = text(1, ONE, "for Tuesday. Is that fine?");
    assert_eq!(acts, [Act::Failed(0, error()), seam(), Act::Open(1), rest]);
    world.finish(ONE);
    world.said(1, marks(ONE, &[(3, 200), (11, 700)]));
    let goes_on =
        [Act::Began(1, Duration::ZERO), Act::Emit(marks(ONE, &[(18, 1_260), (26, 1_760)])), Act::Emit(audio(ONE, 800))];
    assert_eq!(world.said(1, audio(ONE, 800)), goes_on, "counted from the utterance's beginning");
    assert_eq!(world.cancel(ONE, 1_560), [told_cancel(1, ONE, 500)], "it said only the second part");
}

#[test]
fn a_voice_that_dies_at_the_end_has_said_all() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Good.");
    world.finish(ONE);
    world.said(0, audio(ONE, 400));
    world.said(0, marks(ONE, &[(5, 400)]));
    let end = [Act::Failed(0, error()), Act::Close(0), Act::Emit(finished(ONE))];
    assert_eq!(world.said(0, TtsEvent::Dead { error: error() }), end);
}

#[test]
fn a_voice_that_falls_silent_in_the_middle_is_replaced_and_one_that_forgets_its_end_is_ended() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "One two three four five six seven. ");
    world.finish(ONE);
    world.said(0, audio(ONE, 500));
    world.said(0, marks(ONE, &[(3, 200), (7, 480)]));
    assert_eq!(world.wait(1_399), []);
    let acts = world.wait(1);
    assert!(matches!(&acts[0], Act::Failed(0, error) if error.kind == ErrorKind::TimedOut), "{acts:?}");
    assert_eq!(
        acts[1..],
        [
            told_cancel(0, ONE, 0),
            seam(),
            Act::Open(1),
            text(1, ONE, "three four five six seven. "),
            told_finish(1, ONE)
        ]
    );
    world.said(1, audio(ONE, 2_000));
    world.said(1, marks(ONE, &[(26, 2_000)]));
    assert_eq!(world.wait(2_899), []);
    assert_eq!(world.wait(1), [told_cancel(1, ONE, 0), Act::Emit(finished(ONE))]);
}

#[test]
fn a_voice_that_waits_for_more_text_is_not_hurried() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Let me see. ");
    world.said(0, audio(ONE, 700));
    world.said(0, marks(ONE, &[(10, 700)]));
    assert_eq!(world.wait(60_000), []);
    world.say(ONE, "It is on its way.");
    assert_eq!(world.wait(2_499), []);
    assert_eq!(world.wait(1).len(), 5, "but what there is to say has to be said");
}

#[test]
fn open_circuits_are_passed_by() {
    let mut world = World::new(&[false, true, false]);
    assert_eq!(world.say(ONE, "Hello."), [text(1, ONE, "Hello.")]);
    assert_eq!(world.wait(2_000), [], "one that fails anyway is no help against one that is late");
    let acts = world.said(1, failed(ONE));
    assert_eq!(acts, [Act::Failed(1, error()), Act::Open(0), text(0, ONE, "Hello.")], "until nobody else is left");
}

#[test]
fn a_cancelled_utterance_is_over_for_every_voice() {
    let mut world = World::new(&[true, true]);
    world.say(ONE, "Hello.");
    world.wait(900);
    assert_eq!(world.cancel(ONE, 0), [told_cancel(0, ONE, 0), told_cancel(1, ONE, 0)]);
    assert_eq!(world.said(0, audio(ONE, 20)), []);
    assert_eq!(world.wait(10_000), []);
    assert_eq!(world.say(TWO, "Yes."), [text(0, TWO, "Yes.")]);
}

#[test]
fn the_voice_of_last_resort_speaks_when_nobody_else_does() {
    let last = || {
        let mut world = World::new(&[true, false]);
        world.voices = Voices::new(PATIENCE, &world.admitted).with_last_resort();
        world.acts();
        world
    };
    let mut broken = last();
    broken.say(ONE, "Hello.");
    assert_eq!(broken.said(0, failed(ONE)), [Act::Failed(0, error()), Act::Open(1), text(1, ONE, "Hello.")]);
    let mut late = last();
    late.say(ONE, "Hello.");
    assert_eq!(late.wait(900), [], "it is no help against one that is only slow");
    assert_eq!(late.wait(900), []);
    assert_eq!(late.wait(699), []);
    assert_eq!(late.wait(1), [Act::Open(1), text(1, ONE, "Hello.")], "but nobody waits for ever");
    let mut known = last();
    known.admitted = vec![false, false];
    assert_eq!(known.say(ONE, "Hello."), [Act::Open(1), text(1, ONE, "Hello.")], "nobody is tried in vain");
    known.finish(ONE);
    known.said(1, audio(ONE, 100));
    known.said(1, finished(ONE));
    known.admitted = vec![true, false];
    assert_eq!(known.say(TWO, "Bye."), [text(0, TWO, "Bye.")], "nor longer than it is needed");
}
