//! What words mean at a question: grammar in, understanding out.

mod grammar;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::graph::Choice;
use super::spoken::{date, email, number, phone};
use super::wording::{self, Wording};
use crate::agent::language::{DateOrder, Language, date_order};
use crate::agent::manners::optout;
use crate::agent::words::words;
use crate::provider::stt::Grammar;

/// What a spoken turn means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An answer, in its canonical form: `yes`, `no`, an option's id, digits, `2026-03-05`, `+4930123456`, an address.
    Answer(String),
    /// Asks for the question again.
    Repeat,
    /// Will not answer this question.
    Refusal,
    /// Wants to end the call.
    Goodbye,
    /// Does not want to be called again.
    OptOut,
    /// None of these.
    Unclear,
}

/// So many words beside the answer may be unknown: "yes, gladly" is a yes, "I am driving just now" is not.
const MAX_STRANGE_WORDS: usize = 2;

/// Digits of a phone number that is spoken.
const PHONE_DIGITS: (usize, usize) = (6, 15);

/// What is listened for, and what each phrase of it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// For the recogniser.
    pub grammar: Arc<Grammar>,
    language: Language,
    sought: Sought,
}

/// What kind of answer is looked for.
#[derive(Clone, Debug, PartialEq)]
enum Sought {
    /// Phrases and the value each stands for; longest first.
    Phrases(Vec<(Vec<String>, String)>),
    /// A number of so many digits, between two values.
    Number {
        digits: (usize, usize),
        range: (Option<u64>, Option<u64>),
    },
    Date(date::Reading),
    /// A date in figures, by key only: which day it is said on is not known.
    TypedDate(DateOrder),
    Phone {
        country: Option<String>,
    },
    Email,
}

impl Expectation {
    /// Yes or no.
    #[must_use]
    pub fn yes_no(tag: &str) -> Self {
        let wording = Wording::of(Language::or_english(tag));
        let values = |phrases: &[&str], value: &str| -> Vec<(String, String)> {
            phrases.iter().map(|phrase| ((*phrase).to_owned(), value.to_owned())).collect()
        };
        let mut phrases = values(wording.yes, wording::YES);
        phrases.extend(values(wording.no, wording::NO));
        Self::phrases(tag, phrases, &[], &[])
    }

    /// One of several options.
    #[must_use]
    pub fn choice(tag: &str, options: &[Choice]) -> Self {
        let wording = Wording::of(Language::or_english(tag));
        let phrases = options
            .iter()
            .flat_map(|option| option.words.iter().map(|words| (words.clone(), option.id.clone())))
            .collect();
        Self::phrases(tag, phrases, wording.choice_leads, wording.choice_tails)
    }

    /// Nothing in particular: goodbyes, opt-outs and requests to repeat are heard at any time.
    #[must_use]
    pub fn nothing(tag: &str) -> Self {
        Self::phrases(tag, Vec::new(), &[], &[])
    }

    /// A number of `digits.0` to `digits.1` digits whose value lies in the range.
    #[must_use]
    pub fn number(tag: &str, digits: (usize, usize), range: (Option<u64>, Option<u64>)) -> Self {
        Self::open_ended(tag, grammar::number(Language::or_english(tag), digits), Sought::Number { digits, range })
    }

    /// A date.
    #[must_use]
    pub fn date(tag: &str, reading: date::Reading) -> Self {
        Self::open_ended(tag, grammar::date(reading.language), Sought::Date(reading))
    }

    /// A date, by key only.
    #[must_use]
    pub fn date_by_key(tag: &str) -> Self {
        Self::open_ended(tag, Vec::new(), Sought::TypedDate(date_order(tag)))
    }

    /// A phone number; national numbers are read as of this country (ISO 3166-1).
    #[must_use]
    pub fn phone(tag: &str, country: Option<String>) -> Self {
        Self::open_ended(tag, grammar::digits(Language::or_english(tag), PHONE_DIGITS), Sought::Phone { country })
    }

    /// An e-mail address.
    #[must_use]
    pub fn email(tag: &str) -> Self {
        Self::open_ended(tag, Vec::new(), Sought::Email)
    }

    fn phrases(tag: &str, phrases: Vec<(String, String)>, leads: &[&str], tails: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|phrase| (*phrase).to_owned()).collect::<Vec<_>>();
        let language = Language::or_english(tag);
        let taken: BTreeSet<&str> = phrases.iter().map(|(phrase, _)| phrase.as_str()).collect();
        let grammar = Arc::new(Grammar {
            language: tag.to_owned(),
            phrases: phrases.iter().map(|(phrase, _)| phrase.clone()).collect(),
            leads: owned(leads),
            tails: owned(tails),
            decoys: grammar::decoys(language, &taken),
            sequences: Vec::new(),
        });
        let mut values: Vec<_> = phrases.into_iter().map(|(phrase, value)| (words(&phrase), value)).collect();
        values.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        Self { grammar, language, sought: Sought::Phrases(values) }
    }

    fn open_ended(tag: &str, sequences: Vec<crate::provider::stt::Sequence>, sought: Sought) -> Self {
        let language = Language::or_english(tag);
        let decoys = grammar::decoys(language, &BTreeSet::new());
        let grammar = Arc::new(Grammar { language: tag.to_owned(), decoys, sequences, ..Grammar::default() });
        Self { grammar, language, sought }
    }

    /// What these words mean here. Words of a recogniser without grammar are understood as well: the longest phrases
    /// are found first, and two different answers in one sentence are none.
    #[must_use]
    pub fn meaning(&self, text: &str) -> Meaning {
        let heard = words(text);
        let wording = Wording::of(self.language);
        let is_phrase = match &self.sought {
            Sought::Phrases(values) => values.iter().any(|(phrase, _)| *phrase == heard),
            Sought::Number { .. } | Sought::Date(_) | Sought::TypedDate(_) | Sought::Phone { .. } | Sought::Email => {
                false
            }
        };
        if !is_phrase && wording.decoys.iter().any(|decoy| words(decoy) == heard) {
            return Meaning::Unclear;
        }
        if optout::asked(self.language, text) {
            return Meaning::OptOut;
        }
        for (list, meaning) in [
            (wording.goodbyes, Meaning::Goodbye),
            (wording.repeats, Meaning::Repeat),
            (wording.refusals, Meaning::Refusal),
        ] {
            if list.iter().any(|phrase| position(&heard, &words(phrase)).is_some()) {
                return meaning;
            }
        }
        let answer = match &self.sought {
            Sought::Phrases(values) => self.phrase(values, heard),
            Sought::Number { digits, range } => self.number_said(text, *digits, *range),
            Sought::Date(reading) => date::date(reading, text).map(|date| date.to_string()),
            Sought::Phone { country } => {
                phone::phone(self.language, country.as_deref(), text).map(|number| number.as_str().to_owned())
            }
            Sought::Email => email::email(self.language, text),
            Sought::TypedDate(_) => None,
        };
        answer.map_or(Meaning::Unclear, Meaning::Answer)
    }

    /// What these typed digits mean here; `None` when they are no answer.
    #[must_use]
    pub fn typed(&self, digits: &str) -> Option<String> {
        match &self.sought {
            Sought::Phrases(_) | Sought::Email => None,
            Sought::Number { digits: length, range } => fits(digits, *length, *range).then(|| digits.to_owned()),
            Sought::Date(reading) => date::typed(reading.order, digits).map(|date| date.to_string()),
            Sought::TypedDate(order) => date::typed(*order, digits).map(|date| date.to_string()),
            Sought::Phone { country } => {
                phone::typed(country.as_deref(), digits).map(|number| number.as_str().to_owned())
            }
        }
    }

    /// An answer that somebody else understood, in its canonical form; `None` when it is none here.
    #[must_use]
    pub fn accepts(&self, answer: &str) -> Option<String> {
        let answer = answer.trim();
        match &self.sought {
            Sought::Phrases(values) => values.iter().find(|(_, value)| value == answer).map(|(_, value)| value.clone()),
            Sought::Number { digits, range } => fits(answer, *digits, *range).then(|| answer.to_owned()),
            Sought::Date(_) | Sought::TypedDate(_) => {
                answer.parse().ok().map(|date: jiff::civil::Date| date.to_string())
            }
            Sought::Phone { country } => {
                phone::typed(country.as_deref(), answer).map(|number| number.as_str().to_owned())
            }
            Sought::Email => Some(answer.to_lowercase()).filter(|address| email::is_address(address)),
        }
    }

    /// What an answer is, for a model: its form, and its values where there are only some.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.sought {
            Sought::Phrases(values) => {
                let mut seen = BTreeSet::new();
                let options = values.iter().rev().filter(|(_, value)| seen.insert(value));
                let options: Vec<String> =
                    options.map(|(phrase, value)| format!("`{value}` ({})", phrase.join(" "))).collect();
                match options.len() {
                    0 => "anything".to_owned(),
                    _ => format!("one of {}", options.join(", ")),
                }
            }
            Sought::Number { digits: (fewest, most), range: (min, max) } => {
                let mut text = format!("a number of {fewest} to {most} digits, digits only");
                if let Some(min) = min {
                    text.push_str(&format!(", at least {min}"));
                }
                if let Some(max) = max {
                    text.push_str(&format!(", at most {max}"));
                }
                text
            }
            Sought::Date(_) | Sought::TypedDate(_) => "a date as YYYY-MM-DD".to_owned(),
            Sought::Phone { country } => {
                let country = country.as_deref().unwrap_or("any country");
                format!("a phone number in E.164 form, such as +4930123456; national numbers are of {country}")
            }
            Sought::Email => "an e-mail address".to_owned(),
        }
    }

    fn number_said(&self, text: &str, digits: (usize, usize), range: (Option<u64>, Option<u64>)) -> Option<String> {
        number::digits(self.language, text).filter(|said| fits(said, digits, range))
    }

    fn phrase(&self, values: &[(Vec<String>, String)], heard: Vec<String>) -> Option<String> {
        let mut rest = heard;
        let mut found = BTreeSet::new();
        for (phrase, value) in values {
            while let Some(at) = position(&rest, phrase) {
                rest.splice(at..at + phrase.len(), [String::new()]);
                found.insert(value);
            }
        }
        let fillers: BTreeSet<String> =
            [&self.grammar.leads, &self.grammar.tails].into_iter().flatten().flat_map(|fill| words(fill)).collect();
        let strange = rest.iter().filter(|word| !word.is_empty() && !fillers.contains(*word)).count();
        (found.len() == 1 && strange <= MAX_STRANGE_WORDS).then(|| found.pop_first().cloned())?
    }
}

fn fits(digits: &str, (fewest, most): (usize, usize), (min, max): (Option<u64>, Option<u64>)) -> bool {
    let value = || digits.parse::<u64>().ok();
    (fewest..=most).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && min.is_none_or(|min| value().is_some_and(|value| value >= min))
        && max.is_none_or(|max| value().is_some_and(|value| value <= max))
}

fn position(heard: &[String], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() { None } else { heard.windows(phrase.len()).position(|window| window == phrase) }
}

#[cfg(test)]
mod tests;
