//! What simulated recognisers hear: words by their tones, other sound by the lines of a script.
//!
//! A *tone* of the vocabulary stands for a word, so that a transcript tells truly which audio arrived, in which order,
//! and what was lost or came twice. Any other sound (a voice, noise) is understood as the next line of the script, a word
//! for every 250 ms of it and the rest when the utterance ends.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicUsize, Ordering};

use callwright_media::level::rms_dbfs;
use serde::{Deserialize, Serialize};

/// Length of the frames that are judged, in milliseconds.
const FRAME_MS: u32 = 10;

/// Frames from this level on are sound.
const LOUD_DBFS: f32 = -40.0;

/// Quiet frames that end a burst.
const GAP: u32 = 3;

/// Shorter bursts are clicks.
const SHORTEST_MS: u64 = 60;

/// The tone of the first word, and from a word to the next, in Hz.
pub(crate) const FIRST_TONE: f64 = 400.0;
pub(crate) const TONE_STEP: f64 = 60.0;

/// Words that tones below 3.4 kHz can stand for.
pub const MOST_WORDS: usize = 48;

/// A word of a line takes so much sound.
const WORD_MS: u64 = 250;

/// What recognisers understand.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Words that are spoken as tones by [`tones`]; at most [`MOST_WORDS`] count.
    pub vocabulary: Vec<String>,
    /// What other sound is understood as: the first utterance as the first line and so on, then nothing.
    pub lines: Vec<String>,
    /// What counts the lines.
    pub order: Order,
}

/// What counts the lines of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Every connection begins with the first line.
    #[default]
    Connection,
    /// All connections share one count, so that a call that connects again goes on with the next line.
    Shared,
}

/// The caller's voice for tests: 160 ms of tone for every word, 80 ms of silence after it, at 8 kHz.
///
/// # Panics
/// When a word is not in the vocabulary.
#[must_use]
pub fn tones(vocabulary: &[String], words: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    for word in words.split_whitespace() {
        let index = vocabulary.iter().take(MOST_WORDS).position(|known| known == word);
        let index = index.unwrap_or_else(|| panic!("{word} is not in the vocabulary"));
        let step = TAU * (FIRST_TONE + TONE_STEP * index as f64) / 8_000.0;
        samples.extend((0..1_280).map(|n| ((step * f64::from(n)).sin() * 8_000.0) as i16));
        samples.resize(samples.len() + 640, 0);
    }
    samples
}

/// A word as it was heard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Samples from the beginning of the connection.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What happened in the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Sound after silence, at this sample.
    Started { at: u64 },
    /// There is one more word at least.
    Words,
}

/// One connection's ear.
#[derive(Debug)]
pub(crate) struct Ear {
    rate: u32,
    /// Samples of the frame that is not complete.
    frame: Vec<i16>,
    /// Samples that were judged.
    position: u64,
    burst: Option<Burst>,
    /// The last sample of sound.
    last_sound: Option<u64>,
    /// Of the current utterance.
    words: Vec<Word>,
    /// Words of the current line that are still to come, where there is a line.
    line: Option<Vec<String>>,
    /// Samples of sound that is no tone, less those that became words.
    unspent: u64,
    lines_begun: usize,
}

#[derive(Debug)]
struct Burst {
    start: u64,
    samples: Vec<i16>,
    quiet: u32,
}

impl Ear {
    pub(crate) const fn new(rate: u32) -> Self {
        Self {
            rate,
            frame: Vec::new(),
            position: 0,
            burst: None,
            last_sound: None,
            words: Vec::new(),
            line: None,
            unspent: 0,
            lines_begun: 0,
        }
    }

    /// Takes samples. `shared` counts the lines that all connections of the vendor began.
    pub(crate) fn hear(&mut self, script: &Script, shared: &AtomicUsize, samples: &[i16]) -> Vec<Heard> {
        let mut heard = Vec::new();
        let length = (self.rate * FRAME_MS / 1000) as usize;
        for sample in samples {
            self.frame.push(*sample);
            if self.frame.len() == length {
                let frame = std::mem::take(&mut self.frame);
                self.judge(script, shared, &frame, &mut heard);
                self.frame = frame;
                self.frame.clear();
            }
        }
        heard
    }

    /// The words of the utterance so far.
    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }

    /// Samples that were heard.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Milliseconds of silence since the last sound; none before the first.
    pub(crate) fn quiet_ms(&self) -> Option<u64> {
        self.last_sound.map(|last| (self.position - last) * 1000 / u64::from(self.rate))
    }

    /// Ends the utterance and gives all its words: those that were not spoken long enough too.
    pub(crate) fn finish(&mut self, script: &Script, shared: &AtomicUsize) -> Vec<Word> {
        if let Some(burst) = self.burst.take() {
            self.end_burst(script, shared, burst);
        }
        let end = self.last_sound.unwrap_or(self.position);
        let rest = self.line.take().unwrap_or_default();
        self.words.extend(rest.into_iter().map(|text| Word { text, start: end, end }));
        self.unspent = 0;
        self.last_sound = None;
        std::mem::take(&mut self.words)
    }

    fn judge(&mut self, script: &Script, shared: &AtomicUsize, frame: &[i16], heard: &mut Vec<Heard>) {
        let start = self.position;
        self.position += frame.len() as u64;
        let loud = rms_dbfs(frame) >= LOUD_DBFS;
        if loud {
            if self.last_sound.is_none() {
                heard.push(Heard::Started { at: start });
            }
            self.last_sound = Some(self.position);
        }
        match &mut self.burst {
            Some(burst) => {
                burst.samples.extend_from_slice(frame);
                burst.quiet = if loud { 0 } else { burst.quiet + 1 };
                let long = burst.samples.len() as u64 >= u64::from(self.rate);
                if (burst.quiet == GAP || long)
                    && let Some(burst) = self.burst.take()
                {
                    let before = self.words.len();
                    self.end_burst(script, shared, burst);
                    if self.words.len() > before {
                        heard.push(Heard::Words);
                    }
                }
            }
            None if loud => self.burst = Some(Burst { start, samples: frame.to_vec(), quiet: 0 }),
            None => {}
        }
    }

    fn end_burst(&mut self, script: &Script, shared: &AtomicUsize, mut burst: Burst) {
        let quiet = (burst.quiet * self.rate * FRAME_MS / 1000) as usize;
        burst.samples.truncate(burst.samples.len().saturating_sub(quiet));
        let length = burst.samples.len() as u64;
        if length * 1000 < SHORTEST_MS * u64::from(self.rate) {
            return;
        }
        let end = burst.start + length;
        if let Some(word) = tone(&burst.samples, self.rate).and_then(|index| script.vocabulary.get(index)) {
            self.words.push(Word { text: word.clone(), start: burst.start, end });
            return;
        }
        let begun = &mut self.lines_begun;
        let line = self.line.get_or_insert_with(|| {
            let number = match script.order {
                Order::Connection => *begun,
                Order::Shared => shared.fetch_add(1, Ordering::Relaxed),
            };
            *begun += 1;
            let line = script.lines.get(number).map_or("", String::as_str);
            line.split_whitespace().map(str::to_owned).collect()
        });
        self.unspent += length;
        let word = WORD_MS * u64::from(self.rate) / 1000;
        while self.unspent >= word && !line.is_empty() {
            self.unspent -= word;
            self.words.push(Word { text: line.remove(0), start: burst.start, end });
        }
    }
}

/// Which word of the vocabulary a burst is, if it is a tone at all: the crossings of zero come at equal intervals.
fn tone(samples: &[i16], rate: u32) -> Option<usize> {
    let edge = (rate / 100) as usize;
    let middle = samples.get(edge..samples.len().checked_sub(edge)?)?;
    let mut crossings = Vec::new();
    for (index, pair) in middle.windows(2).enumerate() {
        if pair[0] < 0 && pair[1] >= 0 {
            let (below, above) = (f64::from(pair[0]), f64::from(pair[1]));
            crossings.push(index as f64 + below / (below - above));
        }
    }
    let (first, last) = (crossings.first()?, crossings.last()?);
    let count = (crossings.len() - 1) as f64;
    if count < 8.0 {
        return None;
    }
    let period = (last - first) / count;
    let uneven = crossings.windows(2).filter(|pair| (pair[1] - pair[0] - period).abs() > 0.2 * period).count();
    let index = (f64::from(rate) / period - FIRST_TONE) / TONE_STEP;
    let pure = uneven * 20 <= crossings.len() && (index - index.round()).abs() < 0.3 && index > -0.5;
    (pure && index.round() < MOST_WORDS as f64).then(|| index.round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::sound::Encoding;

    fn script() -> Script {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Script {
            vocabulary: words("yes no one two three four please"),
            lines: vec!["good morning".to_owned(), "a refund".to_owned()],
            order: Order::Connection,
        }
    }

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    /// A voice as far as the ear can tell: a low tone whose pitch wanders.
    fn mumble(ms: u32) -> Vec<i16> {
        let samples = ms * 8;
        (0..samples).map(|n| ((f64::from(n) * (0.1 + f64::from(n % 90) / 900.0)).sin() * 6_000.0) as i16).collect()
    }

    #[test]
    fn tones_are_words_through_every_encoding() {
        let script = script();
        let spoken = tones(&script.vocabulary, "one two please yes no four three");
        for encoding in [Encoding::Mulaw, Encoding::Alaw, Encoding::Linear16] {
            let (mut bytes, mut samples) = (Vec::new(), Vec::new());
            encoding.encode(&spoken, &mut bytes);
            encoding.decode(&bytes, &mut samples);
            let (mut ear, shared) = (Ear::new(8_000), AtomicUsize::new(0));
            for piece in samples.chunks(333) {
                ear.hear(&script, &shared, piece);
            }
            assert_eq!(texts(ear.words()), ["one", "two", "please", "yes", "no", "four", "three"], "{encoding:?}");
            let word = &ear.words()[1];
            assert!(word.start.abs_diff(1_920) <= 80 && word.end.abs_diff(3_200) <= 80, "{word:?}");
        }
    }

    #[test]
    fn other_sound_is_the_next_line_of_the_script() {
        let (script, shared) = (script(), AtomicUsize::new(0));
        let mut ear = Ear::new(8_000);
        let heard = ear.hear(&script, &shared, &mumble(300));
        assert_eq!(heard, [Heard::Started { at: 0 }]);
        assert_eq!(ear.hear(&script, &shared, &[0; 800]), [Heard::Words]);
        assert_eq!(texts(ear.words()), ["good"]);
        assert_eq!(ear.quiet_ms(), Some(100));
        assert_eq!(texts(&ear.finish(&script, &shared)), ["good", "morning"]);
        assert_eq!(ear.quiet_ms(), None);
        ear.hear(&script, &shared, &mumble(100));
        assert_eq!(texts(&ear.finish(&script, &shared)), ["a", "refund"]);
        ear.hear(&script, &shared, &mumble(100));
        assert_eq!(texts(&ear.finish(&script, &shared)), [""; 0], "the script is over");
    }

    #[test]
    fn a_shared_order_goes_on_over_connections() {
        let script = Script { order: Order::Shared, ..script() };
        let shared = AtomicUsize::new(0);
        let lines: Vec<String> = (0..2)
            .map(|_| {
                let mut ear = Ear::new(8_000);
                ear.hear(&script, &shared, &mumble(200));
                texts(&ear.finish(&script, &shared)).join(" ")
            })
            .collect();
        assert_eq!(lines, ["good morning", "a refund"]);
    }
}
