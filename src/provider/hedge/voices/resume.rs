//! Where another voice takes a text up.

use crate::provider::tts::{RATE, WordMark};

/// Bytes of text that are spoken in a second, for voices that do not tell: slow rather than fast, so that rather a sentence
/// is said twice than never.
const SPEED: u64 = 13;
/// The same of fast speech: with less audio than that a text is not yet said.
const FASTEST: u64 = 24;
/// Audio that may be missing at the end of a word, in samples: 20 ms.
const SLACK: u64 = RATE as u64 * 20 / 1000;

/// The place in the text from which nothing was said, given where words ended in the audio that came.
///
/// With marks it is the word after the last one that is wholly there, or the sentence it begins. Without them it is the
/// beginning of the sentence that the audio must have come to: rather half a sentence twice than half a sentence never.
pub(super) fn unsaid(text: &str, marks: &[WordMark], samples: u64) -> usize {
    if samples == 0 {
        return 0;
    }
    let last = marks.iter().filter(|mark| mark.sample_end <= samples + SLACK).map(|mark| mark.text_end).max();
    let Some(said) = last else { return sentence_at(text, estimate(text, samples)) };
    let said = floor(text, said);
    let rest = &text[said..];
    // Quotes and full stops that the mark left out belong to what was said.
    let skipped = rest.find(|letter: char| letter.is_alphanumeric()).unwrap_or(rest.len());
    // Some spaces are longer than a byte.
    let mut spaces = rest[..skipped].char_indices().filter(|(_, letter)| letter.is_whitespace());
    let opening = spaces.next_back().map_or(skipped, |(at, space)| at + space.len_utf8());
    said + if skipped == rest.len() { rest.len() } else { opening }
}

/// Whether the audio that came is all of the text. Where nobody tells, `is_over` says whether more text may come: a voice
/// that waits for it is given the benefit of the doubt, one that should have ended is not.
pub(super) fn is_said(text: &str, marks: &[WordMark], samples: u64, is_over: bool) -> bool {
    let words = text.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    match marks.iter().map(|mark| mark.text_end).max() {
        Some(end) if end >= words.len() => marks.iter().all(|mark| mark.sample_end <= samples + SLACK),
        Some(_) => false,
        None => samples * if is_over { SPEED } else { FASTEST } >= words.len() as u64 * u64::from(RATE),
    }
}

fn estimate(text: &str, samples: u64) -> usize {
    floor(text, usize::try_from(samples * SPEED / u64::from(RATE)).unwrap_or(text.len()))
}

/// The beginning of the sentence that a place is in.
fn sentence_at(text: &str, place: usize) -> usize {
    let before = &text[..place];
    let ends = before.char_indices().filter(|(_, letter)| matches!(letter, '.' | '!' | '?' | '…' | '。'));
    let begins = |(at, letter): (usize, char)| {
        let rest = &before[at + letter.len_utf8()..];
        let space = rest.len() - rest.trim_start().len();
        (space > 0).then_some(at + letter.len_utf8() + space)
    };
    ends.filter_map(begins).next_back().unwrap_or(0)
}

fn floor(text: &str, place: usize) -> usize {
    (0..=place.min(text.len())).rev().find(|&place| text.is_char_boundary(place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Yes, I can. Shall I book it for “Tuesday” at three? Good.";

    fn mark(text_end: usize, ms: u64) -> WordMark {
        WordMark { text_end, sample_end: ms * 8 }
    }

    fn rest(marks: &[WordMark], ms: u64) -> &'static str {
        &TEXT[unsaid(TEXT, marks, ms * 8)..]
    }

    #[test]
    fn with_marks_it_goes_on_after_the_last_word_that_is_there() {
        let marks: Vec<WordMark> = ["Yes", "I", "can", "Shall", "I", "book"]
            .iter()
            .scan(0, |at, word| {
                *at += TEXT[*at..].find(word)? + word.len();
                Some(*at)
            })
            .zip(1..)
            .map(|(end, count)| mark(end, count * 300))
            .collect();
        assert_eq!(rest(&marks, 0), TEXT);
        assert_eq!(rest(&marks, 600), "can. Shall I book it for “Tuesday” at three? Good.");
        assert_eq!(rest(&marks, 880), "Shall I book it for “Tuesday” at three? Good.", "a little may be missing");
        assert_eq!(rest(&marks, 1_700), "book it for “Tuesday” at three? Good.");
        assert_eq!(rest(&[mark(TEXT.find("for").expect("there") + 3, 10)], 2_000), "“Tuesday” at three? Good.");
        assert_eq!(rest(&[mark(TEXT.len() - 1, 4_000)], 4_000), "");
    }

    #[test]
    fn without_marks_it_begins_the_sentence_again() {
        assert_eq!(rest(&[], 300), TEXT);
        assert_eq!(rest(&[], 1_500), "Shall I book it for “Tuesday” at three? Good.");
        assert_eq!(rest(&[], 60_000), "Good.");
        assert_eq!(unsaid("ö", &[], 1_000_000), 0);
    }

    #[test]
    fn letters_and_spaces_longer_than_a_byte_are_not_cut() {
        let text = "Zwölf\u{a0}Äpfel\u{202f}…\u{202f}für „Ähre“。Öl?";
        for end in 0..=text.len() + 3 {
            for samples in [0, 100, 4_000, 20_000, 80_000] {
                let at = unsaid(text, &[WordMark { text_end: end, sample_end: 100 }], samples);
                assert!(text.is_char_boundary(at) && text.is_char_boundary(unsaid(text, &[], samples)), "{end}: {at}");
            }
        }
    }

    #[test]
    fn it_is_known_when_all_was_said() {
        assert!(!is_said(TEXT, &[], 8_000, false));
        assert!(is_said(TEXT, &[], 8_000 * 3, false));
        assert!(!is_said(TEXT, &[], 8_000 * 3, true) && is_said(TEXT, &[], 8_000 * 5, true));
        assert!(is_said(TEXT, &[mark(TEXT.len() - 1, 3_000)], 3_000 * 8, true));
        assert!(!is_said(TEXT, &[mark(TEXT.len() - 1, 3_000)], 2_000 * 8, true), "its audio is still to come");
        assert!(!is_said(TEXT, &[mark(10, 500)], 60_000 * 8, true));
        assert!(is_said(" ", &[], 0, true));
    }
}
