//! From samples played to words heard.

use crate::provider::tts::WordMark;

/// The beginning of `text` that was heard when `played` of its `samples` have left: whole words only, always a prefix.
///
/// Word ends come from the synthesiser's `marks`; without them they are estimated from the lengths of the words.
pub(crate) fn heard<'a>(text: &'a str, samples: u64, marks: &[WordMark], played: u64) -> &'a str {
    if played >= samples {
        return text;
    }
    if marks.is_empty() { estimated(text, samples, played) } else { marked(text, marks, played) }
}

fn marked<'a>(text: &'a str, marks: &[WordMark], played: u64) -> &'a str {
    let end = marks.iter().take_while(|mark| mark.sample_end <= played).last().map_or(0, |mark| mark.text_end);
    text.get(..end).unwrap_or("")
}

fn estimated(text: &str, samples: u64, played: u64) -> &str {
    let total: u64 = words(text).map(|(_, word)| voiced(word) + pause(word)).sum();
    // The pause after the last word is not part of the audio.
    let total = total - words(text).last().map_or(0, |(_, word)| pause(word));
    let (mut so_far, mut heard) = (0, 0);
    for (end, word) in words(text) {
        so_far += voiced(word);
        if u128::from(so_far) * u128::from(samples) > u128::from(played) * u128::from(total.max(1)) {
            break;
        }
        heard = end;
        so_far += pause(word);
    }
    &text[..heard]
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

    #[test]
    fn nothing_played_is_nothing_heard_and_all_is_all() {
        assert_eq!(heard(TEXT, 32_000, &[], 0), "");
        assert_eq!(heard(TEXT, 32_000, &[], 32_000), TEXT);
        assert_eq!(heard("", 1, &[], 0), "");
    }

    #[test]
    fn what_was_heard_only_grows_and_is_always_a_prefix_of_whole_words() {
        let mut before = 0;
        for played in (0..=32_000).step_by(160) {
            let now = heard(TEXT, 32_000, &[], played);
            assert!(TEXT.starts_with(now) && now.len() >= before, "at {played}: {now:?}");
            assert!(now.is_empty() || TEXT[now.len()..].is_empty() || TEXT[now.len()..].starts_with(' '));
            before = now.len();
        }
    }

    #[test]
    fn half_of_the_time_is_about_half_of_the_words() {
        let half = heard(TEXT, 32_000, &[], 16_000);
        assert!(half.ends_with("clinic.") || half.ends_with("the"), "{half}");
    }

    #[test]
    fn marks_are_believed() {
        let marks = [WordMark { text_end: 5, sample_end: 4_000 }, WordMark { text_end: 12, sample_end: 9_000 }];
        assert_eq!(heard(TEXT, 32_000, &marks, 3_999), "");
        assert_eq!(heard(TEXT, 32_000, &marks, 4_000), "Hello");
        assert_eq!(heard(TEXT, 32_000, &marks, 20_000), "Hello there,");
    }

    #[test]
    fn digits_take_their_time() {
        let early = heard("Your code is 123456 okay", 24_000, &[], 12_000);
        assert_eq!(early, "Your code is");
    }
}
