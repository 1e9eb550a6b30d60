//! Keys while a flow leads: those that answer the question that is open, and those that were pressed before it was put.
//!
//! ```text
//!  key ── a question is open ─────────────► counts as its answer, in the middle of its words too
//!      └─ none is: the agent says something ─► kept ── the next question takes them, or they are dropped
//! ```

use std::time::{Duration, Instant};

use super::{Asking, Candidate, Kind};
use crate::agent::conversation::caller::OFF_RECORD;
use crate::agent::conversation::mouth::ReplyTo;
use crate::agent::conversation::{AnswerValue, Channel, Conversation, Lead, Timer};
use crate::agent::flow::script::Form;
use crate::agent::manners::card;
use crate::pii::Pii;

/// Who types a number ends it with `#` as told, also when the last possible digit has ended it already.
const LATE_HASH: Duration = Duration::from_secs(2);
/// Most keys that are kept for questions to come; further ones are passed over.
const MOST_KEPT: usize = 32;

/// A key of the caller's.
#[derive(Clone, Copy, Debug)]
pub(in crate::agent::conversation) struct Key {
    digit: char,
    at: Instant,
    /// It was pressed before the question was put.
    kept: bool,
    secrecy: Secrecy,
}

/// How far a key, or an answer, may be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// As it is, but for what looks like a card's number.
    #[default]
    None,
    /// It was pressed with the number of a card, and is perhaps only a part of it.
    Card,
    /// It was given off the record.
    OffRecord,
}

/// Digits being typed.
#[derive(Debug, Default)]
pub(super) struct Typed {
    digits: String,
    first: Option<Key>,
    last: Option<Key>,
    secrecy: Secrecy,
}

impl Typed {
    fn push(&mut self, key: Key) {
        self.digits.push(key.digit);
        self.first.get_or_insert(key);
        self.last = Some(key);
        self.secrecy = self.secrecy.max(key.secrecy);
    }
}

impl Asking {
    /// Whether a key that was pressed before this question was put may answer it. Keys that mean nothing here were
    /// pressed for something else: they are no wrong answer. Nobody answers "is that right?" without having heard it.
    fn takes_kept(&self, digit: char) -> bool {
        if !self.question.type_ahead || self.candidate.is_some() {
            return false;
        }
        match &self.question.kind {
            Kind::Choice { keys } => self.question.form != Form::Email && keys.contains_key(&digit),
            Kind::Number { .. } => digit.is_ascii_digit() || !self.typed.digits.is_empty(),
            Kind::Open { .. } => false,
        }
    }
}

impl Conversation {
    /// A key while a flow leads.
    pub(in crate::agent::conversation) fn flow_key(&mut self, now: Instant, digit: char, at: Instant) {
        let key = Key { digit, at, kept: false, secrecy: self.secrecy() };
        if self.is_late_hash(now, digit) {
            return;
        }
        self.stop_understanding();
        if self.asking().is_some() {
            self.take_key(now, key);
        } else if !self.tools.is_transferring() {
            self.keep_key(key);
        }
    }

    /// A question has been put: what was pressed before is looked at.
    pub(super) fn use_kept_keys(&mut self, now: Instant) {
        let Lead::Flow(flow) = &mut self.lead else { return };
        let kept = std::mem::take(&mut flow.kept);
        let number = flow.asking.as_ref().is_some_and(|asking| matches!(asking.question.kind, Kind::Number { .. }));
        if number && !kept.is_empty() {
            self.expect_number(true);
        }
        for key in kept {
            if self.is_late_hash(now, key.digit) {
                continue;
            }
            match self.asking() {
                Some(asking) if asking.takes_kept(key.digit) => self.take_key(now, key),
                Some(_) => self.write_key(key),
                None => self.keep_key(key),
            }
        }
    }

    /// Keys that no question has taken are written down and forgotten.
    pub(in crate::agent::conversation) fn drop_kept_keys(&mut self) {
        let Lead::Flow(flow) = &mut self.lead else { return };
        let kept = std::mem::take(&mut flow.kept);
        if let (Some(first), Some(last)) = (kept.first(), kept.last()) {
            let digits = kept.iter().map(|key| key.digit).collect();
            let secrecy = kept.iter().map(|key| key.secrecy).max().unwrap_or_default();
            self.write_typed(digits, secrecy, first.at, last.at);
        }
    }

    fn keep_key(&mut self, key: Key) {
        let card = self.manners.has_card();
        let Lead::Flow(flow) = &mut self.lead else { return };
        if flow.kept.len() >= MOST_KEPT {
            return;
        }
        flow.kept.push(Key { kept: true, ..key });
        if card {
            // The keys before this one were the beginning of its number.
            flow.kept.iter_mut().for_each(|key| key.secrecy = key.secrecy.max(Secrecy::Card));
        }
    }

    fn is_late_hash(&mut self, now: Instant, digit: char) -> bool {
        self.caller.hash_until.take().is_some_and(|until| digit == '#' && now <= until)
    }

    /// A key for the question that is open.
    fn take_key(&mut self, now: Instant, key: Key) {
        let Some(asking) = self.asking_mut() else { return };
        asking.idle_prompts = 0;
        if asking.question.form == Form::Email && asking.candidate.is_none() && key.digit == '#' {
            self.write_key(key);
            return self.refused(now);
        }
        let keys = match (&asking.candidate, &asking.question.confirm, &asking.question.kind) {
            (Some(_), Some(confirm), _) => Some(&confirm.keys),
            (_, _, Kind::Choice { keys }) => Some(keys),
            (_, _, Kind::Number { .. } | Kind::Open { .. }) => None,
        };
        if let Some(keys) = keys {
            let value = keys.get(&key.digit).cloned();
            self.write_key(key);
            self.abandon_turn(now);
            self.caller.reply_to = reply_to(now, Some(key));
            match value {
                Some(value) => self.chosen(now, value, Channel::Dtmf, None),
                None => self.no_match(now),
            }
            self.caller.reply_to = None;
        } else if asking.free_speech().is_some() {
            self.key_in_free_answer(now, key);
        } else {
            self.digit_typed(now, key);
        }
    }

    /// `#` ends a free answer, or goes on without one.
    fn key_in_free_answer(&mut self, now: Instant, key: Key) {
        if key.digit != '#' {
            return;
        }
        self.write_key(key);
        match self.take_free_answer(now) {
            Some(answer) => self.free_answer_over(now, &answer),
            None => self.refused(now),
        }
    }

    fn digit_typed(&mut self, now: Instant, key: Key) {
        let Some(Asking { question, typed, .. }) = self.asking_mut() else { return };
        let Kind::Number { max, .. } = question.kind else { return };
        match key.digit {
            '0'..='9' => typed.push(key),
            '*' => typed.digits.clear(),
            _ => {}
        }
        let complete = key.digit == '#' || typed.digits.len() >= max;
        self.abandon_turn(now);
        if complete {
            self.caller.hash_until = (key.digit != '#').then(|| now + LATE_HASH);
            self.digits_complete(now);
        } else {
            self.hush();
            self.timers.insert(Timer::Digit, now + self.timing.digit_pause);
        }
    }

    /// No more digits come.
    pub(in crate::agent::conversation) fn digits_complete(&mut self, now: Instant) {
        self.timers.remove(&Timer::Digit);
        let Some(Asking { question, typed, .. }) = self.asking_mut() else { return };
        let Typed { digits, first, last, secrecy } = std::mem::take(typed);
        let answer = question.expected.typed(&digits).map(|answer| question.form.value(answer));
        if let (Some(first), Some(last), false) = (first, last, digits.is_empty()) {
            self.write_typed(digits, secrecy, first.at, last.at);
        }
        self.caller.reply_to = reply_to(now, last);
        match answer {
            Some(value) => self.propose(now, Candidate { value, channel: Channel::Dtmf, confidence: None, secrecy }),
            None => self.no_match(now),
        }
        self.caller.reply_to = None;
    }

    /// Whether what is given now may be written down.
    pub(super) fn secrecy(&self) -> Secrecy {
        if self.is_off_record() { Secrecy::OffRecord } else { Secrecy::None }
    }

    /// An answer as it may be kept.
    pub(super) fn guarded(&self, value: AnswerValue, secrecy: Secrecy) -> AnswerValue {
        match (secrecy.max(self.secrecy()), value) {
            (Secrecy::OffRecord, value) => value.replaced(OFF_RECORD),
            (Secrecy::Card, AnswerValue::Digits(digits)) => {
                AnswerValue::Digits(Pii::new(card::hidden(digits.expose()).to_owned()))
            }
            (Secrecy::None | Secrecy::Card, value) => self.manners.masked_answer(value),
        }
    }

    fn write_key(&mut self, key: Key) {
        self.write_typed(key.digit.to_string(), key.secrecy, key.at, key.at);
    }

    fn write_typed(&mut self, digits: String, secrecy: Secrecy, from: Instant, to: Instant) {
        let text = match secrecy {
            Secrecy::None => digits,
            Secrecy::Card => card::hidden(&digits).to_owned(),
            Secrecy::OffRecord => OFF_RECORD.to_owned(),
        };
        self.write_keys(text, from, to);
    }
}

/// The turn of a key. One that was pressed before the question says nothing of how fast it was answered.
fn reply_to(now: Instant, key: Option<Key>) -> Option<ReplyTo> {
    match key {
        Some(key) if key.kept => None,
        Some(key) => Some(ReplyTo::new(key.at, now, now)),
        None => Some(ReplyTo::new(now, now, now)),
    }
}
