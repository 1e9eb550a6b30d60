//! From samples played to words heard: one ledger for the transcript, the model's context and what vendors are told.

use crate::provider::tts::WordMark;

/// What is known of how a text lies in its audio, while it is being made and afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    text: String,
    marks: Vec<WordMark>,
    samples: u64,
    complete: bool,
}

/// How fast a voice speaks, learnt from what it has spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    samples: u64,
    units: u64,
}

impl Default for Pace {
    /// Some 150 words a minute.
    fn default() -> Self {
        Self { samples: 470, units: 1 }
    }
}

impl Pace {
    /// Takes a text and the length of its audio into account.
    pub(crate) fn learn(&mut self, ledger: &Ledger) {
        let units = length(&ledger.text);
        if !ledger.complete || units < 20 {
            return;
        }
        let known = if *self == Self::default() { Self { samples: 0, units: 0 } } else { *self };
        *self = Self { samples: known.samples + ledger.samples, units: known.units + units };
    }
}

impl Ledger {
    /// A text that is spoken as a whole. Without `marks` the ends of its words are estimated from their lengths.
    pub(crate) fn whole(text: &str, samples: u64, marks: &[WordMark]) -> Self {
        let mut ledger = Self { text: text.to_owned(), samples, complete: true, ..Self::default() };
        ledger.mark(marks);
        ledger
    }

    /// The text so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The audio so far.
    pub(crate) const fn samples(&self) -> u64 {
        self.samples
    }

    /// More text is given to the synthesiser.
    pub(crate) fn write(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Words that a speech-to-speech model tells late: they belong to audio that was complete already.
    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// There is so much audio.
    pub(crate) fn lengthen(&mut self, samples: u64, complete: bool) {
        self.samples = self.samples.max(samples);
        self.complete |= complete;
    }

    /// Word ends became known. Those out of order, or inside a character, are not believed.
    pub(crate) fn mark(&mut self, marks: &[WordMark]) {
        for mark in marks {
            let last = self.marks.last().copied().unwrap_or(WordMark { text_end: 0, sample_end: 0 });
            let ordered = mark.text_end > last.text_end && mark.sample_end >= last.sample_end;
            if ordered && self.text.is_char_boundary(mark.text_end) {
                self.marks.push(*mark);
            }
        }
    }

    /// How many bytes of the text were heard when `played` samples have left: whole words only.
    ///
    /// Between two marks, and where there are none, the ends of words are interpolated by the length of the words;
    /// beyond the last mark of audio that is not complete by the `pace` of the voice.
    pub(crate) fn heard(&self, played: u64, pace: Pace) -> usize {
        if self.complete && played >= self.samples {
            return self.text.len();
        }
        let passed = self.marks.iter().take_while(|mark| mark.sample_end <= played).count();
        let (from, since) = match passed.checked_sub(1).and_then(|last| self.marks.get(last)) {
            Some(mark) => (mark.text_end, mark.sample_end),
            None => (0, 0),
        };
        let to = match self.marks.get(passed) {
            Some(mark) => Some((mark.text_end, mark.sample_end)),
            None if self.complete => Some((self.text.len(), self.samples)),
            None => None,
        };
        let segment = &self.text[from..to.map_or(self.text.len(), |(end, _)| end)];
        let (samples, units) = match to {
            Some((_, until)) => (until - since, length(segment)),
            None => (pace.samples, pace.units),
        };
        from + words_within(segment, played - since, samples, units)
    }
}

/// How many bytes of a segment are whole words heard, when `units` of it take `samples` and `played` have passed.
fn words_within(segment: &str, played: u64, samples: u64, units: u64) -> usize {
    let (mut so_far, mut heard) = (0, 0);
    for (end, word) in words(segment) {
        so_far += voiced(word);
        if u128::from(so_far) * u128::from(samples) > u128::from(played) * u128::from(units.max(1)) {
            break;
        }
        heard = end;
        so_far += pause(word);
    }
    heard
}

/// How long a text sounds, in letters; the pause after its last word is not part of the audio.
fn length(text: &str) -> u64 {
    let total: u64 = words(text).map(|(_, word)| voiced(word) + pause(word)).sum();
    total - words(text).last().map_or(0, |(_, word)| pause(word))
}

/// Each word with the byte offset of its end.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let trimmed = rest.trim_start();
        let length = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(length);
        rest = after;
        (length > 0).then(|| (text.len() - after.len(), word))
    })
}

/// How long a word sounds, in letters; a digit is a word of its own.
fn voiced(word: &str) -> u64 {
    word.chars().map(|c| if c.is_ascii_digit() { 5 } else { u64::from(c.is_alphanumeric()) }).sum::<u64>() + 1
}

/// How long the silence after a word is, in letters.
fn pause(word: &str) -> u64 {
    match word.chars().last() {
        Some('.' | '?' | '!') => 6,
        Some(',' | ';' | ':') => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Hello there, this is the clinic. Do you still want your appointment?";

    fn heard<'a>(text: &'a str, samples: u64, marks: &[WordMark], played: u64) -> &'a str {
        &text[..Ledger::whole(text, samples, marks).heard(played, Pace::default())]
    }

    #[test]
    fn nothing_played_is_nothing_heard_and_all_is_all() {
        assert_eq!(heard(TEXT, 32_000, &[], 0), "");
        assert_eq!(heard(TEXT, 32_000, &[], 32_000), TEXT);
        assert_eq!(heard("", 1, &[], 0), "");
    }

    #[test]
    fn what_was_heard_only_grows_and_is_always_a_prefix_of_whole_words() {
        let marks = [WordMark { text_end: 5, sample_end: 4_000 }, WordMark { text_end: 32, sample_end: 19_000 }];
        for marks in [&[], &marks[..1], &marks[..]] {
            for complete in [false, true] {
                let mut ledger = Ledger::default();
                ledger.write(TEXT);
                ledger.mark(marks);
                ledger.lengthen(32_000, complete);
                let mut before = 0;
                for played in (0..=32_000).step_by(160) {
                    let now = ledger.heard(played, Pace::default());
                    assert!(now >= before, "at {played}: {now}");
                    assert!(now == 0 || now == TEXT.len() || TEXT[now..].starts_with(' '), "at {played}: {now}");
                    before = now;
                }
            }
        }
    }

    #[test]
    fn half_of_the_time_is_about_half_of_the_words() {
        let half = heard(TEXT, 32_000, &[], 16_000);
        assert!(half.ends_with("clinic.") || half.ends_with("the"), "{half}");
    }

    #[test]
    fn marks_are_believed_and_what_lies_between_them_is_estimated() {
        let marks = [WordMark { text_end: 5, sample_end: 4_000 }, WordMark { text_end: 32, sample_end: 20_000 }];
        assert_eq!(heard(TEXT, 40_000, &marks, 3_999), "");
        assert_eq!(heard(TEXT, 40_000, &marks, 4_000), "Hello");
        assert_eq!(heard(TEXT, 40_000, &marks, 12_000), "Hello there, this");
        assert_eq!(heard(TEXT, 40_000, &marks, 20_000), "Hello there, this is the clinic.");
        assert_eq!(heard(TEXT, 40_000, &marks, 39_999), "Hello there, this is the clinic. Do you still want your");
    }

    #[test]
    fn marks_out_of_order_or_inside_a_character_are_left_aside() {
        let text = "Schöne Grüße";
        let mut ledger = Ledger::whole(text, 16_000, &[]);
        let mark = |text_end, sample_end| WordMark { text_end, sample_end };
        ledger.mark(&[mark(4, 100), mark(7, 9_000), mark(6, 9_500), mark(9, 8_000), mark(99, 9_900)]);
        assert_eq!(ledger.marks, [mark(7, 9_000)]);
        assert_eq!(&text[..ledger.heard(9_000, Pace::default())], "Schöne");
    }

    #[test]
    fn what_is_still_being_made_is_estimated_by_the_pace_of_the_voice() {
        let mut pace = Pace::default();
        pace.learn(&Ledger::whole(TEXT, 2 * 32_000, &[]));
        let mut ledger = Ledger::default();
        ledger.write(TEXT);
        ledger.lengthen(8_000, false);
        let (quick, slow) = (ledger.heard(16_000, Pace::default()), ledger.heard(16_000, pace));
        assert_eq!(&TEXT[..quick], "Hello there, this is the clinic.");
        assert_eq!(&TEXT[..slow], "Hello there,");
        ledger.lengthen(64_000, true);
        assert_eq!(ledger.heard(16_000, Pace::default()), slow, "its length tells as much as the pace did");
    }

    #[test]
    fn digits_take_their_time() {
        let early = heard("Your code is 123456 okay", 24_000, &[], 12_000);
        assert_eq!(early, "Your code is");
    }
}
