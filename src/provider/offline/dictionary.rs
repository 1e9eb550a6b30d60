//! The pronouncing dictionary that comes with the recogniser's model (cmudict).

use std::fs;
use std::io;
use std::path::Path;

use crate::agent::flow::check::Lexicon;

/// A pronouncing dictionary in memory: the file itself (some 3 MB) and where its lines begin.
pub struct Dictionary {
    text: String,
    /// Start of each line and length of its word, ordered by word.
    lines: Vec<(u32, u32)>,
}

impl Dictionary {
    /// Reads a dictionary: a word, a space and its phones a line; further pronunciations as `word(2)`.
    ///
    /// # Errors
    /// The file is missing, too large, or not text.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::parse(fs::read_to_string(path)?)
    }

    pub(super) fn parse(text: String) -> io::Result<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut lines = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            if let (Ok(start), Ok(length)) = (u32::try_from(at), u32::try_from(base(word).len()))
                && length > 0
            {
                lines.push((start, length));
            }
            at += line.len();
        }
        // A stable sort keeps the pronunciations of a word in the order of the file, the commonest first.
        let bytes = text.as_bytes();
        let word = |&(start, length): &(u32, u32)| &bytes[start as usize..(start + length) as usize];
        lines.sort_by(|a, b| word(a).cmp(word(b)));
        Ok(Self { text, lines })
    }

    /// The pronunciations of a lower-case word, each as its phones; none when the word is unknown.
    pub fn pronunciations<'a>(&'a self, word: &str) -> impl Iterator<Item = Vec<&'a str>> + use<'a> {
        let first = self.lines.partition_point(|line| self.word(*line) < word);
        let count = self.lines[first..].partition_point(|line| self.word(*line) == word);
        self.lines[first..first + count].iter().map(|(start, _)| {
            let line = self.text[*start as usize..].lines().next().unwrap_or_default();
            line.split_whitespace().skip(1).collect()
        })
    }

    fn word(&self, (start, length): (u32, u32)) -> &str {
        self.text.get(start as usize..(start + length) as usize).unwrap_or_default()
    }
}

impl Lexicon for Dictionary {
    fn knows(&self, word: &str) -> bool {
        self.pronunciations(word).next().is_some()
    }
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dictionary").field("entries", &self.lines.len()).finish_non_exhaustive()
    }
}

/// `word(2)` without its number.
fn base(word: &str) -> &str {
    match word.rsplit_once('(') {
        Some((base, number)) if number.ends_with(')') && !base.is_empty() => base,
        Some(_) | None => word,
    }
}

const VOWELS: [&str; 15] = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"];

/// How a word with this American pronunciation sounds in southern England: no `r` before a consonant or at the end,
/// the vowels of "no", "not", "after" and "thanks" as they are said there. The same phones when nothing changes.
pub(crate) fn british<'a>(phones: &[&'a str]) -> Vec<&'a str> {
    let vowel = |phone: Option<&&str>| phone.is_some_and(|phone| VOWELS.contains(phone));
    let mut said = Vec::with_capacity(phones.len() + 1);
    for (i, phone) in phones.iter().enumerate() {
        let next = phones.get(i + 1);
        match *phone {
            "R" if i > 0 && vowel(phones.get(i - 1)) && !vowel(next) => {}
            "OW" => said.extend(["AH", "UW"]),
            "AA" if next != Some(&"R") => said.push("AO"),
            "AE" if matches!(next, Some(&("F" | "TH" | "S" | "NG"))) => said.push("AA"),
            "UH" if next == Some(&"R") => said.push("AO"),
            "ER" if i > 0 && phones.len() > 3 => said.push("AH"),
            other => said.push(other),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let text = "'s EH S\nno N OW\nnope N OW P\nof AH V\nof(2) AO V\nparty P AA R T IY\n";
        Dictionary::parse(text.to_owned()).expect("small")
    }

    #[test]
    fn words_have_all_their_pronunciations() {
        let all: Vec<_> = dictionary().pronunciations("of").map(|phones| phones.join(" ")).collect();
        assert_eq!(all, ["AH V", "AO V"]);
    }

    #[test]
    fn words_that_only_begin_alike_are_told_apart() {
        let dictionary = dictionary();
        assert!(dictionary.knows("no") && dictionary.knows("nope") && dictionary.knows("'s"));
        for word in ["nop", "n", "", "of(2)", "zebra"] {
            assert!(!dictionary.knows(word), "{word}");
        }
    }

    #[test]
    fn southern_english_drops_its_r_and_rounds_its_vowels() {
        let said = |phones: &str| british(&phones.split(' ').collect::<Vec<_>>()).join(" ");
        assert_eq!(said("N OW"), "N AH UW");
        assert_eq!(said("K AO R S"), "K AO S");
        assert_eq!(said("P AA R T IY"), "P AA T IY");
        assert_eq!(said("S AA R IY"), "S AA R IY");
        assert_eq!(said("AE F T ER N UW N"), "AA F T AH N UW N");
        assert_eq!(said("Y EH S"), "Y EH S");
    }
}
