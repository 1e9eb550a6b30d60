//! Compiled questions: what is said, what counts as an answer, how it is confirmed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Script, ScriptError, Text};
use crate::agent::assistant::Assistant;
use crate::agent::flow::graph::{AnswerKind, Ask, Lean};
use crate::agent::flow::meaning::Expectation;
use crate::agent::flow::spoken::date;
use crate::agent::flow::wording::{self, Ears, Wording};
use crate::agent::input::PromptId;
use crate::agent::language::{Language, country, date_order};
use crate::agent::record::AnswerValue;
use crate::agent::texts::Texts;
use crate::pii::Pii;

/// A date takes eight keys.
const DATE_KEYS: usize = 8;
/// A phone number takes at most so many keys, `00` and country included.
const PHONE_KEYS: usize = 17;

/// A compiled question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    /// What may be said.
    pub(crate) expected: Arc<Expectation>,
    pub(crate) text: Text,
    pub(crate) not_understood: Text,
    pub(crate) idle: PromptId,
    pub(crate) attempts: u8,
    pub(crate) confirm: Option<Confirm>,
    /// Keys count that were pressed before it was put.
    pub(crate) type_ahead: bool,
    pub(crate) next: usize,
}

/// How an answer is typed, and whether it is recorded only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of these values, by key; by voice whatever is expected.
    Choice { keys: BTreeMap<char, String> },
    /// Digits by key; by voice whatever is expected.
    Number { min: usize, max: usize },
    /// Free speech.
    Open { max: Duration },
}

/// What kind of value an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Choice,
    Number,
    Date,
    Phone,
    Email,
}

/// How an answer is confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Confirm {
    pub(crate) expected: Arc<Expectation>,
    pub(crate) keys: BTreeMap<char, String>,
    /// The text for each value that is known beforehand.
    pub(crate) texts: BTreeMap<String, PromptId>,
    pub(crate) not_understood: PromptId,
    pub(crate) idle: PromptId,
    /// Typed answers are taken without asking back.
    pub(crate) spoken_only: bool,
}

impl Form {
    /// The canonical text of an answer as its value.
    pub(crate) fn value(self, answer: String) -> AnswerValue {
        match self {
            Self::Choice => AnswerValue::Choice(answer),
            Self::Number => AnswerValue::Digits(Pii::new(answer)),
            Self::Date => AnswerValue::Date(Pii::new(answer)),
            Self::Phone => AnswerValue::Phone(Pii::new(answer)),
            Self::Email => AnswerValue::Email(Pii::new(answer)),
        }
    }

    /// The canonical text of an answer as it is read back to the caller.
    pub(crate) fn read_back(self, language: Language, answer: &str) -> String {
        match self {
            Self::Choice => answer.to_owned(),
            Self::Number => wording::digits(answer),
            Self::Date => answer.parse().map_or_else(|_| answer.to_owned(), |date| wording::date(language, date)),
            Self::Phone => wording::phone(language, answer),
            Self::Email => wording::address(language, answer),
        }
    }
}

impl Script {
    /// The words of a question as it is put now, and those after an answer that was not understood.
    pub(crate) fn words_now(&self, question: &Question, texts: &mut Texts) -> (PromptId, PromptId) {
        let hint = self.prompt(&question.not_understood, texts).unwrap_or(question.idle);
        (self.prompt(&question.text, texts).unwrap_or(hint), hint)
    }

    pub(super) fn question(
        &mut self,
        node: &str,
        ask: &Ask,
        assistant: &Assistant,
        next: usize,
    ) -> Result<Question, ScriptError> {
        let tag = assistant.language.as_str();
        let wording = Wording::of(self.language);
        let grammars = assistant.providers.stt.is_empty();
        let ears = if grammars && self.language != Language::English { Ears::Keys } else { Ears::Words };
        let text = self.text(node, &ask.text)?;
        let hint = wording.hint(ask, tag, ears);
        let not_understood = match &ask.hint {
            Some(hint) => self.text(node, hint)?,
            None => Text::Ready(self.texts.add(wording.not_understood(&hint))),
        };
        let idle = self.texts.add(wording.still_there(&hint));
        let (kind, form, expected) = self.answer(&ask.answer, tag);
        let known: Vec<(String, String)> = match &ask.answer {
            AnswerKind::YesNo {} => [(wording::YES, wording.yes[0]), (wording::NO, wording.no[0])]
                .map(|(value, saying)| (value.to_owned(), saying.to_owned()))
                .to_vec(),
            AnswerKind::Choice { options } => {
                options.iter().map(|option| (option.id.clone(), wording::label(option))).collect()
            }
            AnswerKind::Number { .. }
            | AnswerKind::Date { .. }
            | AnswerKind::Phone { .. }
            | AnswerKind::Email {}
            | AnswerKind::Open { .. } => Vec::new(),
        };
        // What a grammar has made of many words is asked back even when the question does not want it.
        let unsure = grammars && matches!(form, Form::Number | Form::Date | Form::Phone);
        let open = matches!(kind, Kind::Open { .. });
        let confirm = (!open && (ask.confirm || unsure)).then(|| self.confirm(tag, known, !ask.confirm));
        Ok(Question {
            name: ask.name.clone().unwrap_or_else(|| node.to_owned()),
            kind,
            form,
            expected: Arc::new(expected),
            text,
            not_understood,
            idle,
            attempts: ask.attempts,
            confirm,
            type_ahead: ask.type_ahead,
            next,
        })
    }

    fn confirm(&mut self, tag: &str, known: Vec<(String, String)>, spoken_only: bool) -> Confirm {
        let wording = Wording::of(self.language);
        Confirm {
            expected: Arc::new(Expectation::yes_no(tag)),
            keys: yes_no_keys(),
            texts: known
                .into_iter()
                .map(|(value, saying)| (value, self.texts.add(wording.confirmation(&saying))))
                .collect(),
            not_understood: self.texts.add(wording.not_understood(wording.yes_no_hint)),
            idle: self.texts.add(wording.still_there(wording.yes_no_hint)),
            spoken_only,
        }
    }

    fn answer(&self, answer: &AnswerKind, tag: &str) -> (Kind, Form, Expectation) {
        match answer {
            AnswerKind::YesNo {} => (Kind::Choice { keys: yes_no_keys() }, Form::Choice, Expectation::yes_no(tag)),
            AnswerKind::Choice { options } => {
                let keys = options.iter().enumerate().filter_map(|(i, o)| Some((o.key(i)?, o.id.clone()))).collect();
                (Kind::Choice { keys }, Form::Choice, Expectation::choice(tag, options))
            }
            AnswerKind::Number { min_digits, max_digits, min, max } => {
                let digits = (usize::from(*min_digits), usize::from(*max_digits));
                let kind = Kind::Number { min: digits.0, max: digits.1 };
                (kind, Form::Number, Expectation::number(tag, digits, (*min, *max)))
            }
            AnswerKind::Date { lean } => {
                let kind = Kind::Number { min: DATE_KEYS, max: DATE_KEYS };
                let lean = match lean {
                    Lean::Future => date::Lean::Future,
                    Lean::Past => date::Lean::Past,
                };
                // Without a day to count from only whole dates can be meant.
                let expected = match self.today {
                    Some(today) => {
                        let reading = date::Reading { language: self.language, order: date_order(tag), today, lean };
                        Expectation::date(tag, reading)
                    }
                    None => Expectation::date_by_key(tag),
                };
                (kind, Form::Date, expected)
            }
            AnswerKind::Phone { country: wanted } => {
                let home = match self.language {
                    Language::English => "US",
                    Language::German => "DE",
                };
                let country = wanted.clone().or_else(|| country(tag)).unwrap_or_else(|| home.to_owned());
                let kind = Kind::Number { min: 3, max: PHONE_KEYS };
                (kind, Form::Phone, Expectation::phone(tag, Some(country)))
            }
            AnswerKind::Email {} => (Kind::Choice { keys: BTreeMap::new() }, Form::Email, Expectation::email(tag)),
            AnswerKind::Open { max_seconds } => {
                let kind = Kind::Open { max: Duration::from_secs((*max_seconds).into()) };
                (kind, Form::Choice, Expectation::nothing(tag))
            }
        }
    }
}

fn yes_no_keys() -> BTreeMap<char, String> {
    BTreeMap::from([('1', wording::YES.to_owned()), ('2', wording::NO.to_owned())])
}
