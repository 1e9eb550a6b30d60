//! What may be said at questions that are answered with more than a phrase, for the offline recogniser.
//!
//! There is a dictionary for English only; in other languages such questions are answered by key, or in front of a
//! recogniser of free speech, which needs no grammar.

use std::collections::BTreeSet;

use crate::agent::flow::spoken::english::{TEENS, TENS, UNITS, ordinals};
use crate::agent::flow::wording::Wording;
use crate::agent::language::Language;
use crate::agent::manners::optout;
use crate::provider::stt::{Sequence, Slot};

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Sentences that are no answer, except those that are one here.
pub(super) fn decoys(language: Language, taken: &BTreeSet<&str>) -> Vec<String> {
    let wording = Wording::of(language);
    [wording.goodbyes, optout::sentences(language), wording.repeats, wording.refusals, wording.decoys]
        .concat()
        .into_iter()
        .filter(|decoy| !taken.contains(decoy))
        .map(str::to_owned)
        .collect()
}

/// Digits one after the other, at least and at most so many. A place for each digit: in a loop the recogniser hears an
/// "oh" in every breath.
pub(super) fn digits(language: Language, (fewest, most): (usize, usize)) -> Vec<Sequence> {
    match language {
        Language::English => {
            let digits = [&["oh"], UNITS.as_slice()].concat();
            let digit = |optional| Slot { phrases: owned(&digits), optional };
            let mut sequence = vec![optional(&["the number is", "my number is"])];
            sequence.extend((0..most).map(|place| digit(place >= fewest)));
            sequence.push(optional(&["please"]));
            vec![sequence]
        }
        Language::German => Vec::new(),
    }
}

/// A number: digit by digit, or as a whole below a hundred where so short a number is an answer.
pub(super) fn number(language: Language, (fewest, most): (usize, usize)) -> Vec<Sequence> {
    match language {
        Language::English => {
            let mut sequences = digits(language, (fewest, most));
            if fewest <= 2 {
                let small = [&UNITS[1..], &TEENS, &TENS].concat();
                sequences.push(vec![optional(&["um"]), one(&small), optional(&["please"])]);
                sequences.push(vec![optional(&["um"]), one(&TENS), one(&UNITS[1..]), optional(&["please"])]);
            }
            sequences
        }
        Language::German => Vec::new(),
    }
}

/// A date without a year, and dates counted from today.
pub(super) fn date(language: Language) -> Vec<Sequence> {
    match language {
        Language::English => vec![
            vec![optional(&["on", "this", "next", "um"]), one(&WEEKDAYS), optional(&["please", "next week"])],
            vec![
                one(&["today", "tomorrow", "the day after tomorrow", "day after tomorrow", "yesterday"]),
                optional(&["please"]),
            ],
            vec![optional(&["on the", "the", "um the"]), day(), optional(&["please"])],
            vec![optional(&["on the", "the"]), day(), optional(&["of"]), one(&MONTHS), optional(&["please"])],
            vec![optional(&["on"]), one(&MONTHS), optional(&["the"]), day(), optional(&["please"])],
            vec![
                one(&["in"]),
                one(&["a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]),
                one(&["day", "days", "week", "weeks", "month", "months"]),
            ],
        ],
        Language::German => Vec::new(),
    }
}

/// The day of a month.
fn day() -> Slot {
    Slot { phrases: ordinals(), optional: false }
}

fn one(phrases: &[&str]) -> Slot {
    Slot { phrases: owned(phrases), optional: false }
}

fn optional(phrases: &[&str]) -> Slot {
    Slot { phrases: owned(phrases), optional: true }
}

fn owned(phrases: &[&str]) -> Vec<String> {
    phrases.iter().map(|phrase| (*phrase).to_owned()).collect()
}
