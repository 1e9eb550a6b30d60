//! The words of the caller as they become certain: what belongs to the turn, what was answered already, what came twice.
//!
//! Vendors write in *units*: a span of audio, a turn, an item. The text of a unit is replaced again and again until it is
//! settled. Turns of ours begin and end where they like, also in the middle of a unit. So every unit remembers how many of
//! its words were answered; what a later version adds belongs to the next turn.

use std::collections::{BTreeMap, VecDeque};

/// Words of one version of a unit that are looked at; a vendor that writes more is out of its mind.
const UNIT_WORDS: usize = 2_000;
/// Units that are not answered; with more, the oldest is let go.
const UNITS: usize = 256;
/// Answered units that are remembered, so that one that comes twice is known.
const REMEMBERED: usize = 64;

/// One version of a unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The unit's number; units of one connection are in the order of their numbers.
    pub unit: u64,
    /// As the vendor wrote it.
    pub text: String,
    /// Its words, where the vendor tells them apart.
    pub words: Vec<Word>,
}

/// A word of a unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    /// As it stands in the text.
    pub text: String,
    /// Where its middle lies, in seconds of the connection's audio.
    pub middle: Option<f64>,
    /// How sure the vendor is, 0 to 1.
    pub confidence: Option<f32>,
}

impl Text {
    /// A version of which only the text is known.
    #[must_use]
    pub fn plain(unit: u64, text: &str) -> Self {
        Self { unit, text: text.trim().to_owned(), words: Vec::new() }
    }
}

/// The words since the last answer.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Counts connections: units of an older one come first.
    connection: u32,
    units: BTreeMap<(u32, u64), Unit>,
    /// Units of this connection that are settled and answered.
    done: VecDeque<u64>,
    /// Words that were answered and not settled when the connection was lost: they come again.
    again: Vec<String>,
}

#[derive(Debug, Default)]
struct Unit {
    text: String,
    words: Vec<Word>,
    settled: bool,
    /// Words at its beginning that are answered.
    answered: usize,
    /// The words that were answered, for finding them in a later version.
    given: Vec<Word>,
}

/// What was said in a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The words.
    pub text: String,
    /// The mean over those words whose confidence is known.
    pub confidence: Option<f32>,
}

impl Ledger {
    /// A unit reads like this now. Says whether that changed anything.
    pub fn revise(&mut self, text: Text) -> bool {
        self.write(text, false)
    }

    /// A unit reads like this for good. Says whether that changed anything: it does not when it comes twice.
    pub fn settle(&mut self, text: Text) -> bool {
        self.write(text, true)
    }

    /// All words since the last answer.
    #[must_use]
    pub fn text(&self) -> String {
        let mut whole = String::new();
        for unit in self.units.values() {
            let rest = unit.rest();
            if !whole.is_empty() && !rest.is_empty() {
                whole.push(' ');
            }
            whole.push_str(&rest);
        }
        whole
    }

    /// Whether there are words that may still change.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.units.values().any(|unit| !unit.settled && !unit.words.is_empty())
    }

    /// Answers with all words since the last answer; none when there are none.
    pub fn answer(&mut self) -> Option<Said> {
        let text = self.text();
        let known: Vec<f32> = self.units.values().flat_map(Unit::confidences).collect();
        self.forget();
        let confidence = (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32);
        (!text.is_empty()).then_some(Said { text, confidence })
    }

    /// Counts all words so far as answered.
    pub fn forget(&mut self) {
        let connection = self.connection;
        let done = &mut self.done;
        self.units.retain(|(of, number), unit| {
            if unit.settled {
                if *of == connection {
                    done.push_back(*number);
                }
            } else {
                unit.answered = unit.words.len();
                unit.given.clone_from(&unit.words);
            }
            !unit.settled
        });
        self.done.drain(..self.done.len().saturating_sub(REMEMBERED));
    }

    /// The connection is lost: what is not settled will be heard again on the next one.
    pub fn lost(&mut self) {
        for unit in self.units.values().filter(|unit| !unit.settled) {
            self.again.extend(unit.given.iter().map(|word| plain(&word.text)));
        }
        self.again.drain(..self.again.len().saturating_sub(UNIT_WORDS));
        self.units.retain(|_, unit| unit.settled);
        self.done.clear();
        self.connection = self.connection.wrapping_add(1);
    }

    fn write(&mut self, text: Text, settled: bool) -> bool {
        let Text { unit: number, text, mut words } = text;
        if words.is_empty() {
            words = text.split_whitespace().map(|word| Word { text: word.to_owned(), ..Word::default() }).collect();
        }
        words.truncate(UNIT_WORDS);
        let key = (self.connection, number);
        if self.done.contains(&number) || self.units.get(&key).is_some_and(|unit| unit.settled) {
            return false;
        }
        let before = self.text();
        let unit = self.units.entry(key).or_default();
        unit.answered = if !unit.given.is_empty() {
            answered(&unit.given, &words)
        } else if !self.again.is_empty() {
            let answered = overlap(&self.again, &words);
            if settled {
                self.again.clear();
            }
            answered
        } else {
            0
        };
        (unit.text, unit.words, unit.settled) = (text, words, settled);
        let (empty, count) = (unit.rest().is_empty(), self.units.len());
        if settled && empty {
            self.units.remove(&key);
            self.done.push_back(number);
            self.done.drain(..self.done.len().saturating_sub(REMEMBERED));
        } else if count > UNITS {
            self.units.pop_first();
        }
        before != self.text()
    }
}

impl Unit {
    /// What is not answered.
    fn rest(&self) -> String {
        if self.answered == 0 {
            return self.text.clone();
        }
        let words: Vec<&str> = self.words.iter().skip(self.answered).map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    fn confidences(&self) -> impl Iterator<Item = f32> {
        self.words.iter().skip(self.answered).filter_map(|word| word.confidence)
    }
}

/// How many of the `words` a version has that were given as `given` in an earlier one: those that lie before the end of
/// what was given, or, without times, as many as were given.
fn answered(given: &[Word], words: &[Word]) -> usize {
    let until = given.last().and_then(|word| word.middle);
    match until {
        // A word that moved by less than a syllable is the same.
        Some(until) if words.iter().all(|word| word.middle.is_some()) => {
            words.iter().take_while(|word| word.middle.is_some_and(|middle| middle <= until + 0.1)).count()
        }
        Some(_) | None => given.len().min(words.len()),
    }
}

/// How many `words` were answered before, when the audio after some settled point is heard a second time: the longest end
/// of what was answered that the words begin with.
fn overlap(again: &[String], words: &[Word]) -> usize {
    let begins = |count: &usize| {
        let end = &again[again.len() - count..];
        end.iter().zip(words).all(|(again, word)| *again == plain(&word.text))
    };
    (0..=again.len().min(words.len())).rev().find(begins).unwrap_or(0)
}

/// A word as it is compared: without capitals and punctuation.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(unit: u64, text: &str) -> Text {
        Text::plain(unit, text)
    }

    /// A version whose words lie half a second apart from `start` on.
    fn timed(unit: u64, start: f64, words: &str) -> Text {
        let word = |(index, word): (usize, &str)| Word {
            text: word.to_owned(),
            middle: Some(start + index as f64 * 0.5),
            confidence: Some(0.5),
        };
        Text { unit, text: words.to_owned(), words: words.split(' ').enumerate().map(word).collect() }
    }

    fn answer(ledger: &mut Ledger) -> Option<String> {
        ledger.answer().map(|said| said.text)
    }

    #[test]
    fn settled_units_and_the_open_one_are_one_text() {
        let mut ledger = Ledger::default();
        assert!(ledger.revise(text(0, "I need")));
        assert!(ledger.revise(text(0, "I need a")));
        assert!(!ledger.revise(text(0, "I need a")), "nothing new");
        assert!(ledger.settle(text(0, "I need a refund.")));
        assert!(ledger.revise(text(1_000, "For two")));
        assert_eq!(ledger.text(), "I need a refund. For two");
        assert!(ledger.is_open());
        ledger.settle(text(1_000, "For forty-two."));
        assert!(!ledger.is_open());
        assert_eq!(answer(&mut ledger).as_deref(), Some("I need a refund. For forty-two."));
        assert_eq!(answer(&mut ledger), None);
    }

    #[test]
    fn a_final_that_comes_twice_counts_once() {
        let mut ledger = Ledger::default();
        assert!(ledger.settle(text(0, "yes")));
        assert!(!ledger.settle(text(0, "yes")));
        assert_eq!(answer(&mut ledger).as_deref(), Some("yes"));
        assert!(!ledger.settle(text(0, "yes")), "also after the answer");
        assert!(!ledger.revise(text(0, "yes")));
        assert_eq!(ledger.text(), "");
    }

    #[test]
    fn what_a_late_final_adds_belongs_to_the_next_turn() {
        let mut ledger = Ledger::default();
        ledger.revise(text(0, "my number is"));
        assert_eq!(answer(&mut ledger).as_deref(), Some("my number is"));
        ledger.revise(text(500, "hello"));
        assert!(ledger.settle(text(0, "My number is five five")));
        assert_eq!(answer(&mut ledger).as_deref(), Some("five five hello"), "in the order of speech");
    }

    #[test]
    fn times_tell_which_words_were_answered_when_the_version_has_others() {
        let mut ledger = Ledger::default();
        ledger.revise(timed(0, 1.0, "for tea two"));
        assert_eq!(answer(&mut ledger).as_deref(), Some("for tea two"));
        ledger.settle(Text {
            unit: 0,
            text: "42 please".to_owned(),
            words: vec![
                Word { text: "42".to_owned(), middle: Some(1.4), confidence: None },
                Word { text: "please".to_owned(), middle: Some(2.6), confidence: None },
            ],
        });
        assert_eq!(answer(&mut ledger).as_deref(), Some("please"));
    }

    #[test]
    fn confidence_is_that_of_the_words_given() {
        let mut ledger = Ledger::default();
        ledger.settle(timed(0, 0.0, "yes please"));
        assert_eq!(ledger.answer(), Some(Said { text: "yes please".to_owned(), confidence: Some(0.5) }));
        ledger.settle(text(9, "no"));
        assert_eq!(ledger.answer(), Some(Said { text: "no".to_owned(), confidence: None }));
    }

    #[test]
    fn a_lost_connection_keeps_what_was_settled_and_hears_the_rest_again() {
        let mut ledger = Ledger::default();
        ledger.settle(text(0, "one two"));
        ledger.revise(text(1_000, "three"));
        ledger.lost();
        assert_eq!(ledger.text(), "one two");
        assert!(ledger.settle(text(0, "three four")), "numbers begin anew");
        assert_eq!(answer(&mut ledger).as_deref(), Some("one two three four"));
    }

    #[test]
    fn what_was_answered_before_the_loss_is_not_said_again() {
        let mut ledger = Ledger::default();
        ledger.revise(text(0, "one two"));
        assert_eq!(answer(&mut ledger).as_deref(), Some("one two"));
        ledger.lost();
        ledger.revise(text(0, "One"));
        assert_eq!(ledger.text(), "One", "not enough to tell");
        ledger.revise(text(0, "One, two"));
        assert_eq!(ledger.text(), "");
        ledger.settle(text(0, "One, two, three."));
        assert_eq!(answer(&mut ledger).as_deref(), Some("three."));
        ledger.settle(text(900, "one two"));
        assert_eq!(answer(&mut ledger).as_deref(), Some("one two"), "said a second time");
    }

    #[derive(Clone, Debug)]
    enum Act {
        Revise(u64, String),
        Settle(u64, String),
        Answer,
        Lost,
    }

    fn act() -> impl Strategy<Value = Act> {
        let words = prop::collection::vec("[a-c]", 0..5).prop_map(|words| words.join(" "));
        let unit = 0..4_u64;
        prop_oneof![
            (unit.clone(), words.clone()).prop_map(|(unit, words)| Act::Revise(unit, words)),
            (unit, words).prop_map(|(unit, words)| Act::Settle(unit, words)),
            Just(Act::Answer),
            Just(Act::Lost),
        ]
    }

    proptest! {
        /// Whatever the vendor does, no settled unit gives more words than it has, and an answer leaves nothing.
        #[test]
        fn no_word_is_given_twice(acts in prop::collection::vec(act(), 0..40)) {
            let mut ledger = Ledger::default();
            let (mut settled, mut given) = (0, 0);
            let count = |text: &str| text.split_whitespace().count();
            let mut longest = 0;
            for act in acts {
                match act {
                    Act::Revise(unit, words) => {
                        longest += count(&words);
                        ledger.revise(text(unit, &words));
                    }
                    Act::Settle(unit, words) => {
                        settled += count(&words);
                        ledger.settle(text(unit, &words));
                    }
                    Act::Answer => {
                        given += ledger.answer().map_or(0, |said| count(&said.text));
                        prop_assert_eq!(ledger.text(), "");
                    }
                    Act::Lost => ledger.lost(),
                }
            }
            prop_assert!(given <= settled + longest);
        }
    }
}
