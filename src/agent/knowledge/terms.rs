//! Words as they are searched for.
//!
//! Both databases get the same terms and only match them, so that a search finds the same on either. A term is a word
//! in lower case, without accents, cut to its stem where the language has a stemmer; words that say nothing by
//! themselves ("the", "und") are left out.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A question is searched by this many different terms at most, the first ones.
pub const MAX_QUERY_TERMS: usize = 24;

/// Longer words are cut: nobody says them, and they would swell the index.
const MAX_TERM: usize = 40;

/// Reduces the words of one language.
pub struct Terms {
    stemmer: Option<Stemmer>,
    stop_words: &'static [&'static str],
}

impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms").field("stems", &self.stemmer.is_some()).finish_non_exhaustive()
    }
}

impl Terms {
    /// For a BCP 47 language; one without a stemmer is searched by whole words.
    #[must_use]
    pub fn of(language: &str) -> Self {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        let (algorithm, stop_words) = match primary {
            "en" => (Some(Algorithm::English), ENGLISH),
            "de" => (Some(Algorithm::German), GERMAN),
            "fr" => (Some(Algorithm::French), FRENCH),
            "es" => (Some(Algorithm::Spanish), SPANISH),
            "it" => (Some(Algorithm::Italian), ITALIAN),
            "nl" => (Some(Algorithm::Dutch), &[][..]),
            "pt" => (Some(Algorithm::Portuguese), &[][..]),
            "sv" => (Some(Algorithm::Swedish), &[][..]),
            "da" => (Some(Algorithm::Danish), &[][..]),
            "no" | "nb" | "nn" => (Some(Algorithm::Norwegian), &[][..]),
            "fi" => (Some(Algorithm::Finnish), &[][..]),
            _ => (None, &[][..]),
        };
        Self { stemmer: algorithm.map(Stemmer::create), stop_words }
    }

    /// The terms of a text, in order, repeated as often as they occur, separated by spaces.
    #[must_use]
    pub fn index(&self, text: &str) -> String {
        self.each(text).collect::<Vec<_>>().join(" ")
    }

    /// The different terms of a question; at most [`MAX_QUERY_TERMS`]. Only letters and digits.
    #[must_use]
    pub fn query(&self, text: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for term in self.each(text) {
            if found.len() == MAX_QUERY_TERMS {
                break;
            }
            if !found.contains(&term) {
                found.push(term);
            }
        }
        found
    }

    fn each<'a>(&'a self, text: &'a str) -> impl Iterator<Item = String> + 'a {
        // An apostrophe inside a word belongs to it: "don't" is one word and becomes "dont".
        let words = text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c) && c != '\'' && c != '’');
        words.filter_map(|word| self.term(word))
    }

    fn term(&self, word: &str) -> Option<String> {
        let lower: String = word.nfc().flat_map(char::to_lowercase).filter(|c| *c != '\'' && *c != '’').collect();
        if lower.is_empty() || self.stop_words.contains(&lower.as_str()) {
            return None;
        }
        let stem = match &self.stemmer {
            Some(stemmer) => stemmer.stem(&lower).into_owned(),
            None => lower,
        };
        let folded = stem.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        let term: String = folded.take(MAX_TERM).collect();
        (!term.is_empty()).then_some(term)
    }
}

const ENGLISH: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for", "from",
    "get", "had", "has", "have", "hello", "hi", "how", "i", "if", "im", "in", "is", "it", "its", "ive", "just", "know",
    "like", "me", "my", "of", "oh", "ok", "okay", "on", "or", "please", "so", "tell", "thanks", "that", "thats", "the",
    "their", "them", "then", "there", "they", "this", "to", "uh", "um", "us", "want", "was", "we", "well", "were",
    "what", "whats", "when", "where", "which", "who", "will", "with", "would", "yes", "you", "your",
];

const GERMAN: &[&str] = &[
    "aber", "als", "am", "an", "auch", "auf", "aus", "bei", "bin", "bitte", "da", "das", "dass", "dem", "den", "der",
    "des", "die", "doch", "ein", "eine", "einem", "einen", "einer", "eines", "er", "es", "für", "hab", "habe", "haben",
    "hallo", "hat", "ich", "ihr", "ihre", "im", "in", "ist", "ja", "kann", "können", "mal", "man", "mein", "meine",
    "mich", "mir", "mit", "nein", "noch", "nur", "oder", "sie", "sind", "so", "und", "uns", "vom", "von", "war", "was",
    "wenn", "wer", "wie", "wir", "wo", "zu", "zum", "zur",
];

const FRENCH: &[&str] = &[
    "au", "aux", "avec", "bonjour", "ce", "ces", "dans", "de", "des", "du", "elle", "en", "est", "et", "eux", "il",
    "ils", "je", "la", "le", "les", "leur", "lui", "ma", "mais", "me", "mes", "moi", "mon", "ne", "non", "nos",
    "notre", "nous", "on", "ou", "oui", "par", "pas", "pour", "qu", "que", "qui", "sa", "se", "ses", "si", "son",
    "sont", "sur", "ta", "te", "tes", "toi", "ton", "tu", "un", "une", "vos", "votre", "vous",
];

const SPANISH: &[&str] = &[
    "a", "al", "algo", "como", "con", "cuando", "de", "del", "el", "ella", "ellos", "en", "es", "eso", "esta", "este",
    "está", "ha", "hay", "hola", "la", "las", "le", "lo", "los", "me", "mi", "muy", "más", "no", "nos", "o", "para",
    "pero", "por", "que", "qué", "se", "si", "sin", "son", "su", "sus", "sí", "te", "tiene", "tu", "un", "una", "y",
    "ya", "yo",
];

const ITALIAN: &[&str] = &[
    "a", "ai", "al", "alla", "anche", "c", "che", "chi", "ci", "ciao", "come", "con", "da", "dal", "dei", "del",
    "della", "di", "e", "gli", "ha", "ho", "i", "il", "in", "io", "la", "le", "lei", "lo", "ma", "mi", "mio", "ne",
    "nel", "no", "non", "o", "per", "più", "quando", "se", "si", "sono", "su", "sì", "ti", "tu", "un", "una", "è",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet_in_one_term() {
        let english = Terms::of("en-GB");
        assert_eq!(english.query("When are you opening on Sundays?"), ["open", "sunday"]);
        assert_eq!(english.index("Open: every Sunday, opened early. It’s open!"), "open everi sunday open earli open");
        let german = Terms::of("de");
        assert_eq!(german.query("Wie sind die Öffnungszeiten?"), german.query("öffnungszeit"));
    }

    #[test]
    fn accents_and_case_do_not_matter_without_a_stemmer_either() {
        let other = Terms::of("cs");
        assert_eq!(other.query("Příliš ŽLUTÝ"), ["prilis", "zluty"]);
        assert_eq!(other.query("pr\u{30c}i\u{301}lis\u{30c}"), ["prilis"]);
    }

    #[test]
    fn nothing_but_letters_and_digits_comes_out() {
        let terms = Terms::of("en");
        let nasty = "\"); DROP TABLE x; -- foo* NEAR(bar) col:baz ' & | ! <-> \u{0} 🦀 a'b";
        for term in terms.query(nasty) {
            assert!(!term.is_empty() && term.chars().all(char::is_alphanumeric), "{term:?}");
        }
        assert_eq!(terms.query(&"x".repeat(500)), ["x".repeat(40)]);
        assert_eq!(terms.query(&(0..100).map(|n| format!("w{n} ")).collect::<String>()).len(), MAX_QUERY_TERMS);
        assert_eq!(terms.query("what is the"), Vec::<String>::new());
    }
}
