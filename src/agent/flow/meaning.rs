//! What words mean at a question: grammar in, understanding out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::graph::Choice;
use super::wording;
use crate::provider::stt::Grammar;

/// What a spoken turn means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An answer: `yes`, `no` or an option's id.
    Answer(String),
    /// Asks for the question again.
    Repeat,
    /// Will not answer this question.
    Refusal,
    /// Wants to end the call.
    Goodbye,
    /// None of these.
    Unclear,
}

/// So many words beside the answer may be unknown: "yes, gladly" is a yes, "I am driving just now" is not.
const MAX_STRANGE_WORDS: usize = 2;

/// What is listened for, and what each phrase of it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// For the recogniser.
    pub grammar: Arc<Grammar>,
    /// Phrases and the value each stands for.
    values: Vec<(Vec<String>, String)>,
}

impl Expectation {
    /// Yes or no.
    #[must_use]
    pub fn yes_no(language: &str) -> Self {
        let values = |phrases: &[&str], value: &str| -> Vec<(String, String)> {
            phrases.iter().map(|phrase| ((*phrase).to_owned(), value.to_owned())).collect()
        };
        let mut phrases = values(wording::YES_PHRASES, wording::YES);
        phrases.extend(values(wording::NO_PHRASES, wording::NO));
        Self::new(language, phrases, &[], &[])
    }

    /// One of several options.
    #[must_use]
    pub fn choice(language: &str, options: &[Choice]) -> Self {
        let phrases = options
            .iter()
            .flat_map(|option| option.words.iter().map(|words| (words.clone(), option.id.clone())))
            .collect();
        Self::new(language, phrases, wording::CHOICE_LEADS, wording::CHOICE_TAILS)
    }

    /// Nothing in particular: goodbyes and requests to repeat are heard at any time.
    #[must_use]
    pub fn nothing(language: &str) -> Self {
        Self::new(language, Vec::new(), &[], &[])
    }

    fn new(language: &str, phrases: Vec<(String, String)>, leads: &[&str], tails: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|phrase| (*phrase).to_owned()).collect::<Vec<_>>();
        let taken: BTreeSet<&str> = phrases.iter().map(|(phrase, _)| phrase.as_str()).collect();
        let decoys = [wording::GOODBYES, wording::REPEATS, wording::REFUSALS, wording::DECOYS]
            .concat()
            .into_iter()
            .filter(|decoy| !taken.contains(decoy))
            .map(str::to_owned)
            .collect();
        let grammar = Arc::new(Grammar {
            language: language.to_owned(),
            phrases: phrases.iter().map(|(phrase, _)| phrase.clone()).collect(),
            leads: owned(leads),
            tails: owned(tails),
            decoys,
        });
        let mut values: Vec<_> = phrases.into_iter().map(|(phrase, value)| (words(&phrase), value)).collect();
        values.sort_by_key(|(phrase, _)| std::cmp::Reverse(phrase.len()));
        Self { grammar, values }
    }

    /// What these words mean here. Words of a recogniser without grammar are understood as well: the longest phrases
    /// are found first, and two different answers in one sentence are none.
    #[must_use]
    pub fn meaning(&self, text: &str) -> Meaning {
        let heard = words(text);
        let whole = heard.join(" ");
        if wording::DECOYS.contains(&whole.as_str()) && !self.values.iter().any(|(phrase, _)| *phrase == heard) {
            return Meaning::Unclear;
        }
        for (list, meaning) in [
            (wording::GOODBYES, Meaning::Goodbye),
            (wording::REPEATS, Meaning::Repeat),
            (wording::REFUSALS, Meaning::Refusal),
        ] {
            if list.iter().any(|phrase| contains(&heard, &words(phrase))) {
                return meaning;
            }
        }
        let mut rest = heard;
        let mut found = BTreeSet::new();
        for (phrase, value) in &self.values {
            while let Some(at) = position(&rest, phrase) {
                rest.splice(at..at + phrase.len(), [String::new()]);
                found.insert(value);
            }
        }
        let known = |word: &String| {
            word.is_empty()
                || [&self.grammar.leads, &self.grammar.tails]
                    .iter()
                    .any(|list| list.iter().any(|fill| fill.split(' ').any(|part| part == word)))
        };
        let strange = rest.iter().filter(|word| !known(word)).count();
        match found.len() {
            1 if strange <= MAX_STRANGE_WORDS => {
                found.pop_first().map_or(Meaning::Unclear, |value| Meaning::Answer(value.clone()))
            }
            _ => Meaning::Unclear,
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn contains(heard: &[String], phrase: &[String]) -> bool {
    position(heard, phrase).is_some()
}

fn position(heard: &[String], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() { None } else { heard.windows(phrase.len()).position(|window| window == phrase) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &str) -> Meaning {
        Meaning::Answer(value.to_owned())
    }

    #[test]
    fn yes_and_no_in_many_words() {
        let expected = Expectation::yes_no("en");
        for text in ["yes", "Yeah, sure!", "yes please", "oh yes", "um yes i do", "that is right"] {
            assert_eq!(expected.meaning(text), answer("yes"), "{text}");
        }
        for text in ["no", "No, thanks.", "nope", "not really", "no i do not", "definitely not", "I don't think so"] {
            assert_eq!(expected.meaning(text), answer("no"), "{text}");
        }
    }

    #[test]
    fn two_answers_in_one_sentence_are_none() {
        assert_eq!(Expectation::yes_no("en").meaning("yes no"), Meaning::Unclear);
    }

    #[test]
    fn other_talk_is_unclear() {
        let expected = Expectation::yes_no("en");
        for text in ["what is this about", "I am driving right now", "I know the weather", "", "i do not know", "noon"]
        {
            assert_eq!(expected.meaning(text), Meaning::Unclear, "{text}");
        }
    }

    #[test]
    fn commands_are_heard_at_every_question() {
        for expected in [Expectation::yes_no("en"), Expectation::nothing("en")] {
            assert_eq!(expected.meaning("ok goodbye"), Meaning::Goodbye);
            assert_eq!(expected.meaning("Pardon?"), Meaning::Repeat);
            assert_eq!(expected.meaning("none of your business"), Meaning::Refusal);
        }
    }

    #[test]
    fn options_are_found_by_their_words() {
        let options = [("am", vec!["morning", "before noon"]), ("pm", vec!["afternoon"])].map(|(id, words)| Choice {
            id: id.to_owned(),
            words: words.into_iter().map(str::to_owned).collect(),
            dtmf: None,
        });
        let expected = Expectation::choice("en", &options);
        assert_eq!(expected.meaning("before noon please"), answer("am"));
        assert_eq!(expected.meaning("in the afternoon"), answer("pm"));
        assert_eq!(expected.meaning("in the morning or the afternoon"), Meaning::Unclear);
    }
}
