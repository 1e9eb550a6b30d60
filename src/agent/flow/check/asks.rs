//! Whether each question can be understood and answered.

use std::collections::BTreeSet;

use super::{Check, MAX_TEXT, Problem};
use crate::agent::flow::graph::{AnswerKind, Ask, Choice, Flow};
use crate::agent::flow::wording;
use crate::agent::language::Language;

const MAX_WORDS: usize = 10;
const MAX_PHRASE: usize = 60;
/// Words that the phrases of one question may have in all for the offline recogniser: more are told apart badly.
const MAX_GRAMMAR: usize = 200;

impl Check<'_> {
    pub(super) fn ask(&mut self, flow: &Flow, at: &str, ask: &Ask, id: &str) {
        self.late_text(&format!("{at}/text"), ask.text.expose(), MAX_TEXT);
        let name = ask.name.as_deref().unwrap_or(id);
        if ask.name.is_some() {
            self.name(&format!("{at}/name"), name);
        }
        if self.assistant.variables.contains_key(name) {
            self.fault(format!("{at}/name"), Problem::IsVariable(name.to_owned()));
        }
        self.range(&format!("{at}/attempts"), ask.attempts.into(), 1, 5);
        if let Some(hint) = &ask.hint {
            self.late_text(&format!("{at}/hint"), hint.expose(), MAX_TEXT);
        }
        self.answer(&format!("{at}/answer"), &ask.answer);
        self.target(flow, &format!("{at}/next"), &ask.next);
    }

    fn answer(&mut self, at: &str, answer: &AnswerKind) {
        match answer {
            AnswerKind::YesNo {} | AnswerKind::Date { .. } => {}
            AnswerKind::Choice { options } => self.options(&format!("{at}/options"), options),
            AnswerKind::Number { min_digits, max_digits, min, max } => {
                self.range(&format!("{at}/min_digits"), u32::from(*min_digits), 1, 32);
                let most = format!("{at}/max_digits");
                self.range(&most, u32::from(*max_digits), u32::from(*min_digits).clamp(1, 32), 32);
                if let (Some(min), Some(max)) = (min, max)
                    && min > max
                {
                    self.fault(format!("{at}/max"), Problem::AtLeast(*min));
                }
            }
            AnswerKind::Phone { country } => {
                let known = |code: &String| {
                    code.len() == 2 && code.to_ascii_uppercase().parse::<phonenumber::country::Id>().is_ok()
                };
                if country.as_ref().is_some_and(|code| !known(code)) {
                    self.fault(format!("{at}/country"), Problem::NotACountry);
                }
            }
            AnswerKind::Email {} => {
                if self.assistant.providers.stt.is_empty() {
                    self.fault(format!("{at}/kind"), Problem::NeedsRecogniser);
                }
            }
            AnswerKind::Open { max_seconds } => {
                self.range(&format!("{at}/max_seconds"), u32::from(*max_seconds), 1, 120);
            }
        }
    }

    fn options(&mut self, at: &str, options: &[Choice]) {
        self.length(at, options.len(), 2, 9, "options");
        let (mut ids, mut keys, mut phrases) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (index, option) in options.iter().enumerate() {
            let at = format!("{at}/{index}");
            self.name(&format!("{at}/id"), &option.id);
            if !ids.insert(&option.id) {
                self.fault(format!("{at}/id"), Problem::Duplicate(option.id.clone()));
            }
            let key = option.key(index);
            if key.is_none() {
                self.fault(format!("{at}/dtmf"), Problem::NotAKey);
            } else if !keys.insert(key) {
                self.fault(format!("{at}/dtmf"), Problem::Duplicate(key.unwrap_or_default().to_string()));
            }
            self.length(&format!("{at}/words"), option.words.len(), 1, MAX_WORDS, "phrases");
            for (index, phrase) in option.words.iter().enumerate() {
                let at = format!("{at}/words/{index}");
                self.phrase(&at, phrase);
                if !phrases.insert(phrase) {
                    self.fault(at, Problem::Duplicate(phrase.clone()));
                }
            }
        }
        let words = phrases.iter().map(|phrase| phrase.split(' ').count()).sum();
        if words > MAX_GRAMMAR && self.hears_offline() {
            self.fault(at, Problem::GrammarTooLarge { words, max: MAX_GRAMMAR });
        }
    }

    fn phrase(&mut self, at: &str, phrase: &str) {
        let well_formed = !phrase.is_empty()
            && phrase.chars().count() <= MAX_PHRASE
            && phrase
                .split(' ')
                .all(|word| word.starts_with(is_small) && word.chars().all(|c| is_small(c) || matches!(c, '\'' | '-')));
        if !well_formed {
            return self.fault(at, Problem::NotAPhrase(phrase.chars().take(MAX_PHRASE).collect()));
        }
        if wording::is_reserved(Language::or_english(&self.assistant.language), phrase) {
            self.fault(at, Problem::Reserved(phrase.to_owned()));
        }
        if let Some(lexicon) = self.lexicon
            && self.hears_offline()
        {
            for word in phrase.split(' ').filter(|word| !lexicon.knows(word)) {
                self.fault(at, Problem::UnknownWord(word.to_owned()));
            }
        }
    }

    /// Whether the offline recogniser hears the caller's words.
    fn hears_offline(&self) -> bool {
        self.assistant.providers.stt.is_empty() && Language::of(&self.assistant.language) == Some(Language::English)
    }
}

/// A letter, not a capital.
fn is_small(c: char) -> bool {
    c.is_alphabetic() && !c.is_uppercase()
}
