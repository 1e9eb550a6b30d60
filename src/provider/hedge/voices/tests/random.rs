//! Voices that break at random, by seed: as long as one is well every word is spoken, in order, and nobody waits long.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Samples of a character.
const CHARACTER: usize = 480;
const WORDS: usize = 24;
const STEP: u64 = 10;

/// What is wrong with a voice, in each utterance anew.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// It says that it cannot, after so long.
    Fails(u64),
    /// Its session ends after so long.
    Dies(u64),
    /// It falls silent after so many samples, and does not know it.
    Stalls(usize),
    /// It ends without a sound.
    Mute,
}

#[derive(Debug)]
struct Voice {
    fault: Fault,
    first_byte: u64,
    marks: bool,
    open: bool,
    text: String,
    asked: Option<u64>,
    finishing: bool,
    /// Samples that were given.
    given: usize,
    over: bool,
}

impl Voice {
    fn forget(&mut self) {
        (self.text, self.asked, self.finishing, self.given, self.over) = (String::new(), None, false, 0, false);
    }

    /// What it says now: a piece of 200 ms every 50 ms.
    fn says(&mut self, now: u64) -> Vec<TtsEvent> {
        let Some(asked) = self.asked.filter(|_| !self.over) else { return Vec::new() };
        match self.fault {
            Fault::Fails(after) if now >= asked + after => {
                self.over = true;
                return vec![failed(ONE)];
            }
            Fault::Dies(after) if now >= asked + after => {
                self.open = false;
                self.forget();
                return vec![TtsEvent::Dead { error: error() }];
            }
            Fault::None | Fault::Fails(_) | Fault::Dies(_) | Fault::Stalls(_) | Fault::Mute => {}
        }
        if now < asked + self.first_byte || !(now - asked - self.first_byte).is_multiple_of(50) {
            return Vec::new();
        }
        let all = samples(&self.text);
        let limit = match self.fault {
            Fault::Mute => 0,
            Fault::Stalls(at) => at.min(all.len()),
            Fault::None | Fault::Fails(_) | Fault::Dies(_) => all.len(),
        };
        let upto = limit.min(self.given + 1_600);
        let mut events = Vec::new();
        if upto > self.given {
            events.push(TtsEvent::Audio { utterance: ONE, pcm: all[self.given..upto].into() });
            let ends = word_ends(&self.text).filter(|end| (self.given + 1..=upto).contains(&(end * CHARACTER)));
            let marks: Vec<WordMark> =
                ends.map(|end| WordMark { text_end: end, sample_end: (end * CHARACTER) as u64 }).collect();
            if self.marks && !marks.is_empty() {
                events.push(TtsEvent::Marks { utterance: ONE, marks });
            }
            self.given = upto;
        }
        let stalled = matches!(self.fault, Fault::Stalls(_)) && upto == limit && limit < all.len();
        if self.finishing && upto == limit && !stalled {
            self.over = true;
            events.push(finished(ONE));
        }
        events
    }
}

/// A text as its voices say it: every word is a tone of its own, its number.
fn samples(text: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    for piece in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let number = word.trim_start_matches('w').parse().unwrap_or(0);
        samples.resize(samples.len() + word.len() * CHARACTER, number);
        samples.resize(samples.len() + (piece.len() - word.len()) * CHARACTER, 0);
    }
    samples
}

/// Where words end.
fn word_ends(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let is_word = move |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (1..=bytes.len()).filter(move |&at| is_word(at - 1) && !is_word(at))
}

/// The words of what was heard that are there as a whole, give or take 20 ms.
fn whole_words(heard: &[i16]) -> Vec<i16> {
    let runs = heard.chunk_by(|one, next| one == next).filter(|run| run[0] != 0);
    let length = |number: i16| format!("w{number}").len() * CHARACTER;
    runs.filter(|run| run.len() + 160 >= length(run[0])).map(|run| run[0]).collect()
}

struct Call {
    voices: Voices,
    began: Instant,
    now: u64,
    all: Vec<Voice>,
    admitted: Vec<bool>,
    heard: Vec<i16>,
    /// All audio so far is played by then.
    played: u64,
    longest_wait: u64,
    ends: Vec<TtsEvent>,
}

impl Call {
    fn at(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    fn act(&mut self) {
        while let Some(act) = self.voices.poll_act() {
            match act {
                Act::Open(at) => self.all[at].open = true,
                Act::Close(at) => {
                    self.all[at].open = false;
                    self.all[at].forget();
                }
                Act::Tell(at, told) => self.tell(at, told),
                Act::Emit(TtsEvent::Audio { pcm, .. }) => {
                    assert!(self.ends.is_empty(), "nothing comes after the end");
                    self.longest_wait = self.longest_wait.max(self.now.saturating_sub(self.played));
                    self.played = self.played.max(self.now) + pcm.len() as u64 / 8;
                    self.heard.extend_from_slice(&pcm);
                }
                Act::Emit(TtsEvent::Marks { .. }) => {}
                Act::Emit(end) => self.ends.push(end),
                Act::Began(..) | Act::PassedOver(..) | Act::Failed(..) => {}
            }
        }
    }

    fn tell(&mut self, at: usize, told: Told) {
        let voice = &mut self.all[at];
        if !voice.open {
            return;
        }
        match told {
            Told::Text(_, text) => {
                voice.text.push_str(text.expose());
                voice.asked.get_or_insert(self.now);
            }
            Told::Finish(_) => voice.finishing = true,
            Told::Cancel(..) => voice.forget(),
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        for at in 0..self.all.len() {
            for event in self.all[at].says(self.now) {
                self.voices.said(self.at(), at, event, &self.admitted);
                self.act();
            }
        }
        self.voices.tick(self.at(), &self.admitted);
        self.act();
        assert!(self.voices.poll_timeout().is_none_or(|at| at > self.at()), "it would be woken again at once");
    }
}

fn run(seed: u64, last_resort: bool) {
    let mut dice = StdRng::seed_from_u64(seed);
    let count = dice.random_range(2..=3);
    let well = if last_resort { count - 1 } else { dice.random_range(0..count) };
    let voice = |at: usize| {
        let fault = match dice.random_range(0..6) {
            _ if at == well => Fault::None,
            0 => Fault::None,
            1 => Fault::Fails(dice.random_range(0..3_000)),
            2 => Fault::Dies(dice.random_range(0..3_000)),
            3 => Fault::Stalls(dice.random_range(0..40_000)),
            4 => Fault::Stalls(0),
            _ => Fault::Mute,
        };
        let first_byte = if at == well { 100 } else { dice.random_range(4..300) * 10 };
        let (marks, text) = (dice.random_bool(0.7), String::new());
        Voice { fault, first_byte, marks, open: false, text, asked: None, finishing: false, given: 0, over: false }
    };
    let all: Vec<Voice> = (0..count).map(voice).collect();
    let admitted: Vec<bool> =
        (0..count).map(|at| !(last_resort && at == well) && (at == well || dice.random_bool(0.8))).collect();
    let voices = Voices::new(PATIENCE, &admitted);
    let mut call = Call {
        voices: if last_resort { voices.with_last_resort() } else { voices },
        began: time::now().mono,
        now: 0,
        all,
        admitted,
        heard: Vec::new(),
        played: 0,
        longest_wait: 0,
        ends: Vec::new(),
    };
    call.act();
    for word in 1..=WORDS {
        let end = if word % 6 == 0 { ". " } else { " " };
        let text = Pii::new(format!("w{word}{end}"));
        call.voices.told(call.at(), TtsInput::Text { utterance: ONE, text }, &call.admitted);
        call.act();
        for _ in 0..dice.random_range(0..3) {
            call.step();
        }
    }
    call.voices.told(call.at(), TtsInput::Finish { utterance: ONE }, &call.admitted);
    call.act();
    while call.ends.is_empty() && call.now < 120_000 {
        call.step();
    }
    assert_eq!(call.ends, [finished(ONE)], "{:?}", call.all);
    let whole = whole_words(&call.heard);
    let mut next = 1;
    for &word in &whole {
        assert!(word <= next, "{next} is missing: {whole:?} of {:?}", call.all);
        assert!(word + 12 > next, "more than two sentences come twice: {whole:?} of {:?}", call.all);
        next = next.max(word + 1);
    }
    assert_eq!(usize::from(next.unsigned_abs()), WORDS + 1, "the end is missing: {whole:?} of {:?}", call.all);
    if last_resort {
        assert!(call.longest_wait <= 4_000, "{} ms of silence: {:?}", call.longest_wait, call.all);
    }
}

fn all(last_resort: bool) {
    for seed in 0..400 {
        let result = std::panic::catch_unwind(|| run(seed, last_resort));
        assert!(result.is_ok(), "seed {seed}, last resort: {last_resort}");
    }
}

#[test]
fn four_hundred_utterances_are_spoken_whole_while_one_voice_is_well() {
    all(false);
}

#[test]
fn nobody_waits_four_seconds_where_there_is_a_voice_of_last_resort() {
    all(true);
}
