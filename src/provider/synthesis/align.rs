//! Where in a text the words stand that a vendor says it has spoken.

/// How far ahead a word is looked for, in bytes. Vendors leave out what they do not pronounce.
const REACH: usize = 96;

/// A place in a text that only moves forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Bytes of the text that were passed.
    at: usize,
}

impl Cursor {
    /// Moves behind the next place where `word` stands, and behind the punctuation that belongs to it. Gives the bytes
    /// passed in all; `None`, without a move, when the word is not found nearby.
    pub(crate) fn pass(&mut self, text: &str, word: &str) -> Option<usize> {
        let word = word.trim();
        let rest = text.get(self.at..)?;
        if word.is_empty() || rest.is_empty() {
            return None;
        }
        let end = self.at + verbatim(rest, word).or_else(|| alike(rest, word))?;
        let tail = &text[end..];
        let own = tail.find(|c: char| c.is_whitespace() || c.is_alphanumeric()).unwrap_or(tail.len());
        self.at = end + own;
        Some(self.at)
    }
}

/// The end of `word` as it is written, at the start of a word of the text.
fn verbatim(rest: &str, word: &str) -> Option<usize> {
    let mut before = ' ';
    let mut first = true;
    for (at, c) in rest.char_indices().take_while(|(at, _)| *at < REACH) {
        let starts_word = first || !before.is_alphanumeric();
        if starts_word && rest[at..].starts_with(word) {
            let end = at + word.len();
            let goes_on = rest[end..].starts_with(char::is_alphanumeric) && word.ends_with(is_spaced);
            if !goes_on {
                return Some(end);
            }
        }
        first &= c.is_whitespace();
        before = c;
    }
    None
}

/// The end of a word of the text that has the same letters and digits.
fn alike(rest: &str, word: &str) -> Option<usize> {
    let wanted = bare(word);
    if wanted.is_empty() {
        return None;
    }
    let mut at = 0;
    for part in rest.split_inclusive(char::is_whitespace) {
        if at >= REACH {
            return None;
        }
        if bare(part) == wanted {
            return Some(at + part.trim_end().len());
        }
        at += part.len();
    }
    None
}

/// A letter or digit of a script that parts its words by spaces. Others are told character by character. (Thai is the
/// first of them in the order of Unicode.)
fn is_spaced(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{e00}'
}

fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(text: &str, words: &[&str]) -> Vec<Option<usize>> {
        let mut cursor = Cursor::default();
        words.iter().map(|word| cursor.pass(text, word)).collect()
    }

    #[test]
    fn words_are_found_with_their_punctuation() {
        let text = "Hello, Mr. Smith! A later hour?";
        let words = ["Hello,", "Mr.", "Smith", "A", "later", "hour?"];
        assert_eq!(passed(text, &words), [Some(6), Some(10), Some(17), Some(19), Some(25), Some(31)]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(passed("later a day", &["a", "day"]), [Some(7), Some(11)]);
        assert_eq!(passed("Item I", &["I"]), [Some(6)]);
        assert_eq!(passed("the other", &["he"]), [None]);
    }

    #[test]
    fn what_is_left_out_or_written_otherwise_is_passed_over() {
        assert_eq!(passed("It costs — say — five.", &["It", "costs", "say", "five"]).last(), Some(&Some(26)));
        assert_eq!(passed("Don’t SHOUT now", &["Dont", "shout", "now"]), [Some(7), Some(13), Some(17)]);
        assert_eq!(passed("one two", &["three", "two"]), [None, Some(7)]);
    }

    #[test]
    fn scripts_without_spaces_go_by_character() {
        assert_eq!(passed("你好，世界", &["你", "好", "世", "界"]), [Some(3), Some(9), Some(12), Some(15)]);
    }

    #[test]
    fn garbage_moves_nothing() {
        let far = format!("{} end", "x ".repeat(200));
        assert_eq!(passed(&far, &["end", "", "  ", "…", "\u{0}"]), [None; 5]);
        assert_eq!(passed("", &["x"]), [None]);
        assert_eq!(passed("end", &["end", "end"]), [Some(3), None]);
    }
}
