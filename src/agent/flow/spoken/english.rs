//! English number words.

use super::number::Atom;

/// Zero to nine.
pub(in crate::agent::flow) const UNITS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// Ten to nineteen.
pub(in crate::agent::flow) const TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
/// Twenty to ninety.
pub(in crate::agent::flow) const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 19] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const FILLERS: [&str; 22] = [
    "um",
    "uh",
    "er",
    "and",
    "then",
    "so",
    "dash",
    "hyphen",
    "comma",
    "okay",
    "space",
    "area",
    "code",
    "number",
    "extension",
    "is",
    "the",
    "followed",
    "by",
    "please",
    "well",
    "it",
];
const CORRECTIONS: [&str; 6] = ["no", "sorry", "wait", "correction", "rather", "actually"];

/// "First" to "thirty first", in words parted by spaces.
pub(in crate::agent::flow) fn ordinals() -> Vec<String> {
    let small = ORDINALS.iter().map(|ordinal| (*ordinal).to_owned());
    let twenties = ORDINALS[..9].iter().map(|unit| format!("twenty {unit}"));
    let round = |ordinal: &str| std::iter::once(ordinal.to_owned());
    small.chain(round("twentieth")).chain(twenties).chain(round("thirtieth")).chain(round("thirty first")).collect()
}

/// What a word is among numbers.
pub(super) fn atom(word: &str) -> Atom {
    if let Some(value) = UNITS.iter().position(|unit| *unit == word) {
        return if value == 0 { Atom::Zero } else { Atom::Unit(value as u64) };
    }
    if let Some(value) = TEENS.iter().position(|teen| *teen == word) {
        return Atom::Teen(10 + value as u64);
    }
    if let Some(value) = TENS.iter().position(|ten| *ten == word) {
        return Atom::Ten(10 * (value as u64 + 2));
    }
    match word {
        "oh" | "o" | "nought" | "nil" => Atom::Zero,
        "fourty" => Atom::Ten(40),
        "a" => Atom::Article,
        "hundred" => Atom::Scale(100),
        "thousand" => Atom::Scale(1_000),
        "million" => Atom::Scale(1_000_000),
        "double" => Atom::Times(2),
        "triple" | "treble" => Atom::Times(3),
        "to" | "too" => Atom::SoundsLike(2),
        "for" => Atom::SoundsLike(4),
        "plus" => Atom::Plus,
        "and" => Atom::And,
        _ if FILLERS.contains(&word) => Atom::Filler,
        _ if CORRECTIONS.contains(&word) => Atom::Correction,
        _ => Atom::Strange,
    }
}

/// 1 to 31 of "first" to "thirty-first", given as one word or as the two words around a hyphen.
pub(super) fn ordinal(first: &str, second: Option<&str>) -> Option<(i8, usize)> {
    let small = |word: &str| ORDINALS.iter().position(|ordinal| *ordinal == word).map(|at| at as i8 + 1);
    let tens = match first {
        "twenty" => 20,
        "thirty" => 30,
        "twentieth" => return Some((20, 1)),
        "thirtieth" => return Some((30, 1)),
        other => return small(other).map(|value| (value, 1)),
    };
    let unit = small(second?).filter(|unit| *unit < 10)?;
    (tens + unit <= 31).then_some((tens + unit, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_days_of_a_month_are_read_back() {
        let ordinals = ordinals();
        assert_eq!(ordinals.len(), 31);
        for (day, written) in (1..).zip(&ordinals) {
            let mut words = written.split(' ');
            let first = words.next().expect("a word");
            assert_eq!(ordinal(first, words.next()).map(|(value, _)| value), Some(day), "{written}");
        }
    }
}
