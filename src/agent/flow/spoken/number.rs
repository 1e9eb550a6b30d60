//! Digits and numbers: "double five", "twenty three", "zwo null vier".

use std::ops::Range;

use super::{english, german};
use crate::agent::language::Language;
use crate::agent::words::words;

/// So many words that are no numbers may stand around one.
const MAX_STRANGE: usize = 6;
/// More digits than this are no answer to anything.
const MAX_DIGITS: usize = 40;

/// What a word is among numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Atom {
    /// Figures as written.
    Figures(String),
    Zero,
    DoubleZero,
    /// 1 to 9.
    Unit(u64),
    /// 10 to 19.
    Teen(u64),
    /// 20, 30, … 90.
    Ten(u64),
    /// A whole number in one word.
    Whole(u64),
    /// 100, 1000, 1000000: multiplies what stands before it.
    Scale(u64),
    /// The next digit comes so many times.
    Times(usize),
    /// A word that is a digit between digits.
    SoundsLike(u64),
    /// "a", a one before "hundred".
    Article,
    And,
    Plus,
    /// Says nothing.
    Filler,
    /// What came before was wrong.
    Correction,
    Strange,
}

/// Digits said one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The digits, after a `+` where one was said.
    pub(crate) digits: String,
    /// The words they were said in, as indices of what [`words`] makes of the text.
    pub(crate) words: Range<usize>,
}

/// The one number that is said, as its digits; `None` when there is none, or several that differ.
///
/// Digit by digit and as a number are understood alike: "one two three" and "a hundred and twenty three" are `123`.
/// What comes after "no, sorry" replaces what came before.
#[must_use]
pub fn digits(language: Language, text: &str) -> Option<String> {
    let words = words(text);
    let atoms = atoms(language, &words);
    let runs = runs(language, &atoms);
    let strange = atoms.iter().filter(|atom| matches!(atom, Atom::Strange)).count();
    if strange > MAX_STRANGE {
        return None;
    }
    let last = runs.last()?;
    let agree = runs
        .windows(2)
        .all(|pair| pair[0].digits == pair[1].digits || corrected(&atoms[pair[0].words.end..pair[1].words.start]));
    (agree && last.digits.trim_start_matches('+').len() <= MAX_DIGITS).then(|| last.digits.clone())
}

/// Every run of digits in these words.
pub(crate) fn digit_runs(language: Language, words: &[String]) -> Vec<Run> {
    runs(language, &atoms(language, words))
}

fn corrected(between: &[Atom]) -> bool {
    between.contains(&Atom::Correction)
}

fn atoms(language: Language, words: &[String]) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = words
        .iter()
        .map(|word| {
            if word.bytes().all(|b| b.is_ascii_digit()) {
                return Atom::Figures(word.clone());
            }
            match language {
                Language::English => english::atom(word),
                Language::German => german::atom(word),
            }
        })
        .collect();
    for at in 0..atoms.len() {
        if let Atom::SoundsLike(value) = atoms[at] {
            let digit = |atom: Option<&Atom>| {
                atom.is_some_and(|atom| matches!(atom, Atom::Zero | Atom::Unit(_) | Atom::Figures(_) | Atom::Times(_)))
            };
            let between = at > 0 && digit(atoms.get(at - 1)) && digit(atoms.get(at + 1));
            atoms[at] = if between { Atom::Unit(value) } else { Atom::Strange };
        }
    }
    atoms
}

fn runs(language: Language, atoms: &[Atom]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut at, mut open) = (0, false);
    while at < atoms.len() {
        let Some((digits, length)) = group(language, &atoms[at..]) else {
            // A filler or "and" inside a run does not end it.
            open &= matches!(atoms[at], Atom::Filler | Atom::And);
            at += 1;
            continue;
        };
        match runs.last_mut() {
            Some(run) if open => {
                run.digits.push_str(&digits);
                run.words.end = at + length;
            }
            _ => runs.push(Run { digits, words: at..at + length }),
        }
        open = true;
        at += length;
    }
    runs
}

/// The digits that begin here, and how many words they take.
fn group(language: Language, atoms: &[Atom]) -> Option<(String, usize)> {
    match atoms {
        [Atom::Plus, rest @ ..] => {
            let (digits, length) = group(language, rest)?;
            Some((format!("+{digits}"), length + 1))
        }
        [Atom::Figures(figures), Atom::Scale(scale), ..] => {
            let value = figures.parse::<u64>().ok()?.checked_mul(*scale)?;
            Some((value.to_string(), 2))
        }
        [Atom::Figures(figures), ..] => Some((figures.clone(), 1)),
        [Atom::Zero, ..] => Some(("0".to_owned(), 1)),
        [Atom::DoubleZero, ..] => Some(("00".to_owned(), 1)),
        [Atom::Times(times), rest @ ..] => {
            let skip = rest.iter().take_while(|atom| matches!(atom, Atom::Filler)).count();
            let (digits, length) = group(language, &rest[skip..])?;
            (digits.len() == 1).then(|| (digits.repeat(*times), length + skip + 1))
        }
        _ => cardinal(language, atoms).map(|(value, length)| (value.to_string(), length)),
    }
}

/// The longest number that begins here.
fn cardinal(language: Language, atoms: &[Atom]) -> Option<(u64, usize)> {
    let (mut total, mut at) = (0_u64, 0);
    let mut limit = u64::MAX;
    loop {
        let skip = usize::from(total > 0 && matches!(atoms.get(at), Some(Atom::And)));
        let Some((value, length, scale)) = scaled(language, &atoms[at + skip..]) else { break };
        // Each part is smaller than the scale before it: "two thousand three hundred", but "two hundred" "three hundred".
        if value >= limit {
            break;
        }
        total = total.checked_add(value)?;
        at += skip + length;
        limit = scale;
        if scale <= 1 {
            break;
        }
    }
    (at > 0).then_some((total, at))
}

/// One part of a number: `(value, words, scale)`, such as "two hundred".
fn scaled(language: Language, atoms: &[Atom]) -> Option<(u64, usize, u64)> {
    let (mut value, mut length) = match atoms {
        [Atom::Article, Atom::Scale(_), ..] => (1, 1),
        [Atom::Scale(_), ..] if language == Language::German => (1, 0),
        _ => below_hundred(language, atoms)?,
    };
    let mut scale = 1;
    while let Some(Atom::Scale(factor)) = atoms.get(length) {
        value = value.checked_mul(*factor)?;
        scale = *factor;
        length += 1;
    }
    Some((value, length, scale))
}

fn below_hundred(language: Language, atoms: &[Atom]) -> Option<(u64, usize)> {
    match (language, atoms) {
        (Language::German, [Atom::Unit(unit), Atom::And, Atom::Ten(ten), ..]) => Some((ten + unit, 3)),
        (Language::English, [Atom::Ten(ten), Atom::Unit(unit), ..]) => Some((ten + unit, 2)),
        (_, [Atom::Unit(value) | Atom::Teen(value) | Atom::Ten(value) | Atom::Whole(value), ..]) => Some((*value, 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn english(text: &str) -> Option<String> {
        digits(Language::English, text)
    }

    fn german(text: &str) -> Option<String> {
        digits(Language::German, text)
    }

    #[test]
    fn digits_and_numbers_in_english() {
        let cases = [
            ("one two three", "123"),
            ("oh five double seven", "0577"),
            ("triple nine", "999"),
            ("twenty three", "23"),
            ("Twenty-three.", "23"),
            ("a hundred and twenty three", "123"),
            ("two hundred five", "205"),
            ("nineteen eighty four", "1984"),
            ("two thousand and twenty six", "2026"),
            ("twenty oh five", "2005"),
            ("five thousand two hundred", "5200"),
            ("three million", "3000000"),
            ("It's, um, 42, please", "42"),
            ("my number is 0171 234 56", "017123456"),
            ("four for two to one", "44221"),
            ("there will be four of us", "4"),
            ("one two three no sorry one two four", "124"),
            ("5 thousand", "5000"),
        ];
        for (text, expected) in cases {
            assert_eq!(english(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn digits_and_numbers_in_german() {
        let cases = [
            ("eins zwei drei", "123"),
            ("null eins sieben eins", "0171"),
            ("zwo doppel vier", "244"),
            ("doppelnull vier neun", "0049"),
            ("dreimal die fünf", "555"),
            ("einundzwanzig", "21"),
            ("ein und zwanzig", "21"),
            ("zweihundertfünfunddreißig", "235"),
            ("zwei tausend fünf hundert", "2500"),
            ("tausend", "1000"),
            ("wir kommen zu viert, also 4 Personen", "4"),
            ("drei, nein, vier", "4"),
        ];
        for (text, expected) in cases {
            assert_eq!(german(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_talk_is_no_number() {
        for text in
            ["", "i do not know", "i have two kids and one dog", "what do you want it for", "give it to me", "hundred"]
        {
            assert_eq!(english(text), None, "{text}");
        }
        let long = "well you see my mother said that she had one of these a long time ago";
        assert_eq!(english(long), None);
        assert_eq!(english(&"nine ".repeat(60)), None);
        assert_eq!(german("ich habe keine Ahnung"), None);
    }

    #[test]
    fn numbers_too_large_are_none() {
        assert_eq!(english("99999999999999999999 million"), None);
        assert_eq!(english("nine million million million million million"), None);
    }

    #[test]
    fn runs_know_their_words() {
        let words = words("my card is four one one one and my cat is two");
        let runs = digit_runs(Language::English, &words);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].digits.as_str(), runs[0].words.clone()), ("4111", 3..7));
        assert_eq!((runs[1].digits.as_str(), runs[1].words.clone()), ("2", 11..12));
    }

    proptest::proptest! {
        #[test]
        fn nothing_said_breaks_it(text in "\\PC{0,80}") {
            let _ = (english(&text), german(&text));
        }

        #[test]
        fn figures_come_back_as_they_are(number in "[0-9]{1,20}") {
            proptest::prop_assert_eq!(english(&number), Some(number.clone()));
            proptest::prop_assert_eq!(german(&number), Some(number));
        }
    }
}
