//! What callers say as words, and patterns that find phrases in them.

/// The words of a text: lower case, without punctuation, English contractions written out ("don't" is "do not"), German
/// umlauts as two letters ("für" is "fuer"), so that recognisers that write differently are understood alike.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '\u{2019}')) {
        let word = word.trim_matches(['\'', '\u{2019}']);
        if !word.is_empty() {
            write_out(fold(&word.replace('\u{2019}', "'")), &mut words);
        }
    }
    words
}

/// Lower case, umlauts as two letters.
#[must_use]
pub fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len() + 2);
    for c in word.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => folded.push_str("ae"),
            'ö' => folded.push_str("oe"),
            'ü' => folded.push_str("ue"),
            'ß' => folded.push_str("ss"),
            other => folded.push(other),
        }
    }
    folded
}

fn write_out(word: String, words: &mut Vec<String>) {
    const NOT: [(&str, &str); 4] = [("can't", "can"), ("cannot", "can"), ("won't", "will"), ("shan't", "shall")];
    const ENDS: [(&str, &str); 5] = [("'m", "am"), ("'re", "are"), ("'ll", "will"), ("'ve", "have"), ("'d", "would")];
    const IS: [&str; 9] = ["that", "what", "it", "who", "there", "here", "he", "she", "where"];
    if let Some((_, verb)) = NOT.iter().find(|(short, _)| *short == word) {
        words.extend([(*verb).to_owned(), "not".to_owned()]);
    } else if let Some(verb) = word.strip_suffix("n't") {
        words.extend([verb.to_owned(), "not".to_owned()]);
    } else if let Some((stem, full)) = ENDS.iter().find_map(|(end, full)| Some((word.strip_suffix(end)?, full))) {
        words.extend([stem.to_owned(), (*full).to_owned()]);
    } else if let Some(stem) = word.strip_suffix("'s").filter(|stem| IS.contains(stem)) {
        words.extend([stem.to_owned(), "is".to_owned()]);
    } else {
        words.push(word);
    }
}

/// Whether a pattern is found in the words.
///
/// A pattern is words with one space between them; `a|b` is one word or the other, `a?` a word that may be missing, `*`
/// up to three words of any kind. It is written as [`words`] writes: folded, contractions written out.
#[must_use]
pub fn said(words: &[String], pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split(' ').collect();
    (0..words.len()).any(|at| matches(&words[at..], &parts))
}

/// Whether the words begin with a pattern.
#[must_use]
pub fn begins(words: &[String], pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split(' ').collect();
    matches(words, &parts)
}

/// Whether one of the patterns is found in the words.
#[must_use]
pub fn any_said(words: &[String], patterns: &[impl AsRef<str>]) -> bool {
    patterns.iter().any(|pattern| said(words, pattern.as_ref()))
}

const MAX_GAP: usize = 3;

fn matches(words: &[String], parts: &[&str]) -> bool {
    let Some((part, parts)) = parts.split_first() else { return true };
    if *part == "*" {
        return (0..=MAX_GAP.min(words.len())).any(|gap| matches(&words[gap..], parts));
    }
    let (alternatives, optional) = part.strip_suffix('?').map_or((*part, false), |part| (part, true));
    let here = words.first().is_some_and(|word| alternatives.split('|').any(|alternative| alternative == word));
    (here && matches(&words[1..], parts)) || (optional && matches(words, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_alike() {
        assert_eq!(words("Don\u{2019}t call, I can't!").join(" "), "do not call i can not");
        assert_eq!(words("That's what I'd say; it's Tom's.").join(" "), "that is what i would say it is tom's");
        assert_eq!(words("Für Größe 'ja'").join(" "), "fuer groesse ja");
        assert_eq!(words(" -- ").len(), 0);
    }

    #[test]
    fn patterns_find_phrases() {
        let heard = words("Please leave your message after the long tone, thanks");
        assert!(said(&heard, "leave * message"));
        assert!(said(&heard, "after the * tone|beep"));
        assert!(said(&heard, "after the very? long tone"));
        assert!(!said(&heard, "leave message"));
        assert!(!said(&heard, "message * thanks"), "a gap is three words at most");
        assert!(!said(&words("after"), "after the"));
        assert!(any_said(&heard, &["nothing", "thanks"]));
        assert!(!said(&[], "a?"), "silence says nothing");
        assert!(begins(&heard, "please leave") && !begins(&heard, "leave"));
    }
}
