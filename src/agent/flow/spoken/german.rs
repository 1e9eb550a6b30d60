//! German number words, which are written together: `zweihundertfünfunddreißig`.

use super::number::Atom;

const UNITS: [(&str, u64); 15] = [
    ("ein", 1),
    ("eins", 1),
    ("eine", 1),
    ("einen", 1),
    ("einem", 1),
    ("einer", 1),
    ("zwei", 2),
    ("zwo", 2),
    ("drei", 3),
    ("vier", 4),
    ("fuenf", 5),
    ("sechs", 6),
    ("sieben", 7),
    ("acht", 8),
    ("neun", 9),
];
const TEENS: [(&str, u64); 10] = [
    ("zehn", 10),
    ("elf", 11),
    ("zwoelf", 12),
    ("dreizehn", 13),
    ("vierzehn", 14),
    ("fuenfzehn", 15),
    ("sechzehn", 16),
    ("siebzehn", 17),
    ("achtzehn", 18),
    ("neunzehn", 19),
];
const TENS: [(&str, u64); 8] = [
    ("zwanzig", 20),
    ("dreissig", 30),
    ("vierzig", 40),
    ("fuenfzig", 50),
    ("sechzig", 60),
    ("siebzig", 70),
    ("achtzig", 80),
    ("neunzig", 90),
];
const FILLERS: [&str; 22] = [
    "aeh",
    "aehm",
    "hm",
    "dann",
    "also",
    "strich",
    "bindestrich",
    "komma",
    "ja",
    "okay",
    "vorwahl",
    "nummer",
    "durchwahl",
    "ist",
    "die",
    "der",
    "das",
    "gefolgt",
    "von",
    "bitte",
    "lautet",
    "es",
];
const CORRECTIONS: [&str; 6] = ["nein", "nee", "moment", "entschuldigung", "quatsch", "korrektur"];

/// What a folded word is among numbers.
pub(super) fn atom(word: &str) -> Atom {
    match word {
        "null" => Atom::Zero,
        "und" => Atom::And,
        "hundert" => Atom::Scale(100),
        "tausend" => Atom::Scale(1_000),
        "million" | "millionen" => Atom::Scale(1_000_000),
        "doppel" | "zweimal" => Atom::Times(2),
        "dreimal" => Atom::Times(3),
        "plus" => Atom::Plus,
        _ if FILLERS.contains(&word) => Atom::Filler,
        _ if CORRECTIONS.contains(&word) => Atom::Correction,
        _ => match cardinal(word) {
            Some(value @ 1..=9) => Atom::Unit(value),
            Some(value @ 10..=19) => Atom::Teen(value),
            Some(value) if value < 100 && value.is_multiple_of(10) => Atom::Ten(value),
            Some(value) => Atom::Whole(value),
            None => doubled(word),
        },
    }
}

/// "doppelvier".
fn doubled(word: &str) -> Atom {
    match word.strip_prefix("doppel").and_then(|digit| find(&UNITS, digit)) {
        Some(digit) => Atom::Whole(11 * digit),
        None if word == "doppelnull" => Atom::DoubleZero,
        None => Atom::Strange,
    }
}

/// The value of a cardinal below a million, folded and written together.
pub(super) fn cardinal(word: &str) -> Option<u64> {
    if let Some((thousands, rest)) = word.split_once("tausend") {
        let thousands = if thousands.is_empty() { 1 } else { below_thousand(thousands)? };
        return Some(1_000 * thousands + part(rest, below_thousand)?);
    }
    below_thousand(word)
}

fn below_thousand(word: &str) -> Option<u64> {
    match word.split_once("hundert") {
        Some((hundreds, rest)) => {
            // "neunzehnhundertachtzig" is a year.
            let hundreds = if hundreds.is_empty() { 1 } else { below_hundred(hundreds)? };
            Some(100 * hundreds + part(rest, below_hundred)?)
        }
        None => below_hundred(word),
    }
}

/// What follows the hundreds or thousands: nothing, or a number after an optional "und".
fn part(rest: &str, number: fn(&str) -> Option<u64>) -> Option<u64> {
    if rest.is_empty() {
        return Some(0);
    }
    number(rest).or_else(|| number(rest.strip_prefix("und")?))
}

fn below_hundred(word: &str) -> Option<u64> {
    if let Some(value) = find(&UNITS, word).or_else(|| find(&TEENS, word)).or_else(|| find(&TENS, word)) {
        return Some(value);
    }
    let (ten_word, ten) = TENS.iter().find(|(ten, _)| word.ends_with(ten))?;
    let unit = word.strip_suffix(ten_word)?.strip_suffix("und")?;
    Some(ten + find(&UNITS, unit)?)
}

/// 1 to 31 of "erste" to "einunddreißigsten".
pub(super) fn ordinal(word: &str) -> Option<i8> {
    const IRREGULAR: [(&str, i8); 5] = [("erst", 1), ("dritt", 3), ("siebt", 7), ("siebent", 7), ("acht", 8)];
    let stem = ["en", "er", "es", "em", "e"].iter().find_map(|end| word.strip_suffix(end))?;
    if let Some((_, value)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == stem) {
        return Some(*value);
    }
    let value = match stem.strip_suffix("st") {
        Some(cardinal) => below_hundred(cardinal).filter(|value| *value >= 20)?,
        None => below_hundred(stem.strip_suffix('t')?).filter(|value| *value < 20)?,
    };
    i8::try_from(value).ok().filter(|value| (1..=31).contains(value))
}

fn find(list: &[(&str, u64)], word: &str) -> Option<u64> {
    list.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_written_together_are_taken_apart() {
        let cases = [
            ("einundzwanzig", 21),
            ("fuenfunddreissig", 35),
            ("hundert", 100),
            ("hunderteins", 101),
            ("zweihundertfuenfunddreissig", 235),
            ("neunzehnhundertachtzig", 1980),
            ("zweitausendsechsundzwanzig", 2026),
            ("zweitausendundeins", 2001),
            ("zwoelftausendfuenfhundert", 12_500),
        ];
        for (word, value) in cases {
            assert_eq!(cardinal(word), Some(value), "{word}");
        }
        for word in ["einundelf", "zwanzigeins", "hundertundert", "und", "", "tausendtausend"] {
            assert_eq!(cardinal(word), None, "{word}");
        }
    }

    #[test]
    fn ordinals_of_a_month() {
        for (word, value) in
            [("ersten", 1), ("dritter", 3), ("siebten", 7), ("achte", 8), ("zwoelften", 12), ("einunddreissigsten", 31)]
        {
            assert_eq!(ordinal(word), Some(value), "{word}");
        }
        for word in ["zwoelfsten", "zwanzigten", "zweiunddreissigsten", "acht", "besten"] {
            assert_eq!(ordinal(word), None, "{word}");
        }
    }
}
