//! What simulated voices say: a tone for each word, so that a test can tell from the audio which words it has, in which
//! order, whether one is missing, cut short or comes twice.
//!
//! Every character lasts equally long. Letters, digits and apostrophes sound in the tone of their word; all other
//! characters are silence.

use std::f64::consts::TAU;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::vendors::hearing::{self, FIRST_TONE, TONE_STEP};

/// Tones that words which are in no vocabulary can have.
const TONES: u64 = 40;

/// Amplitude of a tone.
const LOUDNESS: f64 = 8_000.0;

/// Samples from this amplitude on are sound.
const LOUD: u16 = 600;

/// How simulated voices speak.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Milliseconds that a character lasts.
    pub char_ms: u32,
    /// Milliseconds from a text to its first audio.
    pub first_byte_ms: u64,
    /// The multiple of real time at which audio goes out.
    pub pace: f32,
}

impl Default for Script {
    fn default() -> Self {
        Self { char_ms: 60, first_byte_ms: 40, pace: 10.0 }
    }
}

impl Script {
    /// Samples of one character.
    #[must_use]
    pub const fn char_samples(&self, rate: u32) -> usize {
        (self.char_ms * rate / 1_000) as usize
    }

    /// How a text sounds, at `rate` Hz. Words that simulated recognisers have in their vocabulary sound as they hear
    /// them.
    #[must_use]
    pub fn say(&self, hearing: &hearing::Script, text: &str, rate: u32) -> Vec<i16> {
        let length = self.char_samples(rate);
        let mut samples = Vec::new();
        for (word, is_word) in parts(text) {
            let count = word.chars().count() * length;
            if is_word {
                let step = TAU * tone(hearing, word) / f64::from(rate);
                samples.extend(sine(step).take(count));
            } else {
                samples.resize(samples.len() + count, 0);
            }
        }
        samples
    }

    /// Tells the words of 8 kHz audio that was said as above. `candidates` are those that may have been said; of two
    /// with the same tone the one that lasts as long is meant. A word that is cut short ends with `~`, one that is
    /// nobody's is `?`. A word in pieces that make it up is that word: a frame that was late leaves a hole in it.
    #[must_use]
    pub fn recognise(&self, hearing: &hearing::Script, candidates: &str, samples: &[i16]) -> Vec<String> {
        let words: Vec<&str> = parts(candidates).filter(|(_, is_word)| *is_word).map(|(word, _)| word).collect();
        let bursts: Vec<Range<usize>> = bursts(samples).collect();
        let mut heard = Vec::new();
        let mut at = 0;
        while at < bursts.len() {
            let named = self.name(hearing, &words, &samples[bursts[at].clone()]);
            let word = named.strip_suffix('~').unwrap_or(&named);
            let cut = format!("{word}~");
            let like = |next: &usize| {
                // What follows a whole word is a piece of it only where no space lies between them.
                let hole = samples_between(&bursts[next - 1], &bursts[*next]);
                self.name(hearing, &words, &samples[bursts[*next].clone()]) == cut
                    && (named == cut || hole < self.char_samples(8_000))
            };
            let more = (at + 1..bursts.len()).take_while(like).count();
            let pieces = (2..=more + 1).find(|&pieces| self.makes_up(word, &bursts[at..at + pieces]));
            let mended = pieces.map(|pieces| (word.to_owned(), pieces));
            let (word, pieces) = mended.unwrap_or((named, 1));
            heard.push(word);
            at += pieces;
        }
        heard
    }

    /// Whether these stretches of sound are one word: what was silent between them came late, or in place of sound.
    fn makes_up(&self, word: &str, pieces: &[Range<usize>]) -> bool {
        let length = word.chars().count() * self.char_samples(8_000);
        let near = |samples: usize| samples.abs_diff(length) <= self.char_samples(8_000) / 2;
        let sound = pieces.iter().map(Range::len).sum();
        let whole = pieces.first().zip(pieces.last()).map_or(0, |(first, last)| last.end - first.start);
        near(sound) || near(whole)
    }

    fn name(&self, hearing: &hearing::Script, words: &[&str], burst: &[i16]) -> String {
        let length = |word: &str| word.chars().count() * self.char_samples(8_000);
        let off = |word: &str| length(word).abs_diff(burst.len());
        let heard = pitch(burst);
        let nearest = words
            .iter()
            .map(|word| ((tone(hearing, word) - heard).abs(), *word))
            .min_by(|(a, one), (b, two)| a.total_cmp(b).then_with(|| off(one).cmp(&off(two))));
        match nearest {
            Some((_, word)) if off(word) > self.char_samples(8_000) / 2 => format!("{word}~"),
            Some((distance, word)) if distance < TONE_STEP / 2.0 => word.to_owned(),
            Some(_) | None => "?".to_owned(),
        }
    }
}

/// Samples from the end of one stretch to the begin of the next.
const fn samples_between(one: &Range<usize>, next: &Range<usize>) -> usize {
    next.start.saturating_sub(one.end)
}

/// The tone of a word in Hz.
#[must_use]
pub fn tone(hearing: &hearing::Script, word: &str) -> f64 {
    let word = word.to_lowercase();
    let known = hearing.vocabulary.iter().take(hearing::MOST_WORDS).position(|known| *known == word);
    let index = known.map_or_else(
        || word.bytes().fold(7_u64, |hash, byte| hash * 31 % 1_000_003 + u64::from(byte)) % TONES,
        |at| at as u64,
    );
    FIRST_TONE + TONE_STEP * index as f64
}

/// A sine that turns by `step` a sample, each made from the two before.
fn sine(step: f64) -> impl Iterator<Item = i16> {
    let turn = 2.0 * step.cos();
    let (mut now, mut before) = (0.0, -step.sin() * LOUDNESS);
    std::iter::repeat_with(move || {
        let sample = now as i16;
        (now, before) = (turn * now - before, now);
        sample
    })
}

/// A text as words and what is between them.
pub(super) fn parts(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    let mut rest = text;
    std::iter::from_fn(move || {
        let kind = is_word(rest.chars().next()?);
        let end = rest.find(|c| is_word(c) != kind).unwrap_or(rest.len());
        let (part, left) = rest.split_at(end);
        rest = left;
        Some((part, kind))
    })
}

/// The stretches of sound; 20 ms of silence part them.
fn bursts(samples: &[i16]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let loud = |sample: &i16| sample.unsigned_abs() >= LOUD;
        let start = at + samples[at..].iter().position(loud)?;
        let (mut last, mut next) = (start, start);
        while next < samples.len() && next - last < 160 {
            if loud(&samples[next]) {
                last = next;
            }
            next += 1;
        }
        at = next;
        Some(start..last + 1)
    })
}

/// The frequency of a pure tone that begins and ends near zero, in Hz at 8 kHz.
fn pitch(samples: &[i16]) -> f64 {
    let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    (crossings + 1) as f64 * 4_000.0 / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Well, I can't cancel it — shall I book two o'clock tomorrow?";

    fn hear(samples: &[i16]) -> String {
        Script::default().recognise(&hearing::Script::default(), TEXT, samples).join(" ")
    }

    #[test]
    fn words_are_recognised_with_their_length() {
        let script = Script::default();
        let samples = script.say(&hearing::Script::default(), TEXT, 8_000);
        assert_eq!(samples.len(), TEXT.chars().count() * 480);
        assert_eq!(hear(&samples), "Well I can't cancel it shall I book two o'clock tomorrow");
        let cut = 480 * "Well, I can't can".len();
        assert_eq!(hear(&samples[..cut]), "Well I can't cancel~");
        let twice = [&samples[..480 * 6], &samples[..480 * 6]].concat();
        assert_eq!(hear(&twice), "Well Well");
    }

    #[test]
    fn a_word_with_a_hole_is_that_word() {
        let samples = Script::default().say(&hearing::Script::default(), TEXT, 8_000);
        let (before, after) = samples.split_at(480 * "Well, I can't can".len());
        let late = [before, &[0; 160], after].concat();
        assert_eq!(hear(&late), "Well I can't cancel it shall I book two o'clock tomorrow");
        let lost = [before, &[0; 160], &after[160..]].concat();
        assert_eq!(hear(&lost), "Well I can't cancel it shall I book two o'clock tomorrow");
        // A hole that leaves more than half of a short word before it.
        let (before, after) = samples.split_at(480 * "Well, I".len() - 160);
        let short = [before, &[0; 160], after].concat();
        assert_eq!(hear(&short), "Well I can't cancel it shall I book two o'clock tomorrow");
        let (before, _) = samples.split_at(480 * "Well, I can't can".len());
        let again = [before, &[0; 160], &samples[480 * "Well, I ".len()..]].concat();
        assert!(hear(&again).starts_with("Well I can't cancel~ can't cancel it"), "{}", hear(&again));
    }

    #[test]
    fn a_word_of_the_vocabulary_sounds_as_recognisers_hear_it() {
        let hearing = hearing::Script { vocabulary: vec!["no".to_owned(), "yes".to_owned()], ..Default::default() };
        assert_eq!(tone(&hearing, "Yes"), FIRST_TONE + TONE_STEP);
    }
}
