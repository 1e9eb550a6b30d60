//! An open question: from its first word to its one status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mouth::{Purpose, ReplyTo};
use super::{Action, Answer, AnswerStatus, AnswerValue, Channel, Conversation, Ending, Lead, PromptId, Timer, Timing};
use crate::agent::flow::meaning::Expectation;
use crate::agent::flow::script::{Confirm, Form, Kind, Question};
use crate::agent::flow::wording::{self, Wording};
use crate::agent::turn::stop::Asked;
use crate::pii::Pii;
use crate::provider::stt::Manner;

/// Who types a number ends it with `#` as told, also when the last possible digit has ended it already.
const LATE_HASH: Duration = Duration::from_secs(2);

/// A question that has no status yet.
#[derive(Debug)]
pub(super) struct Asking {
    question: Arc<Question>,
    /// Its words, filled in with what has become known.
    text: PromptId,
    /// The words after an answer that was not understood.
    hint: PromptId,
    /// What was put last: the question, or "is that right?".
    put: PromptId,
    /// How often it was put.
    attempts: u8,
    /// How often it was repeated because the caller asked for it.
    repeats: u8,
    /// Idle prompts since the last sign of life.
    idle_prompts: u8,
    /// When it was last put completely: silence counts from here.
    quiet_since: Option<Instant>,
    /// Digits typed so far, and when the first of them was.
    digits: String,
    first_digit: Option<Instant>,
    last_digit: Option<Instant>,
    /// The answer to be confirmed.
    candidate: Option<Candidate>,
}

/// An answer as it was understood.
#[derive(Clone, Debug)]
struct Candidate {
    value: AnswerValue,
    channel: Channel,
    confidence: Option<f32>,
}

impl Asking {
    /// How long a free answer may be, when one is asked for.
    pub(super) fn free_speech(&self) -> Option<Duration> {
        match self.question.kind {
            Kind::Open { max } => Some(max),
            Kind::Choice { .. } | Kind::Number { .. } => None,
        }
    }

    /// What was asked last, in words.
    pub(super) const fn put(&self) -> PromptId {
        self.put
    }

    /// What is listened for.
    pub(super) fn expected(&self) -> Arc<Expectation> {
        Arc::clone(self.confirming().map_or(&self.question.expected, |confirm| &confirm.expected))
    }

    /// When the silence has lasted too long.
    pub(super) fn idle_at(&self, now: Instant, timing: &Timing) -> Instant {
        (self.quiet_since.unwrap_or(now) + timing.idle).max(now)
    }

    /// What kind of answer is waited for.
    pub(super) fn asked(&self, manner: Manner) -> Asked {
        match &self.question.kind {
            _ if self.confirming().is_some() => Asked::YesNo,
            Kind::Choice { .. } if self.question.form == Form::Email => Asked::Email,
            Kind::Choice { .. } => Asked::Choice,
            // How many digits a number has when it is spoken is known when it can only have so many.
            Kind::Number { min, max } if self.question.form == Form::Number => {
                Asked::Number { digits: u8::try_from(*max).ok().filter(|_| min == max) }
            }
            Kind::Number { .. } => Asked::Number { digits: None },
            Kind::Open { .. } if manner.continuous => Asked::Open,
            Kind::Open { max } => Asked::Recording { max: *max },
        }
    }

    fn confirming(&self) -> Option<&Confirm> {
        self.candidate.as_ref().and(self.question.confirm.as_ref())
    }
}

impl Conversation {
    pub(super) fn ask(&mut self, question: Arc<Question>) {
        let Lead::Flow(flow) = &self.lead else { return };
        let (text, hint) = flow.script.words_now(&question, &mut self.texts);
        for prompt in [hint, question.idle] {
            self.prepare(prompt);
        }
        if let Some(confirm) = &question.confirm {
            for prompt in confirm.texts.values().chain([&confirm.not_understood, &confirm.idle]) {
                self.prepare(*prompt);
            }
        }
        let asking = Asking {
            question,
            text,
            hint,
            put: text,
            attempts: 1,
            repeats: 0,
            idle_prompts: 0,
            quiet_since: None,
            digits: String::new(),
            first_digit: None,
            last_digit: None,
            candidate: None,
        };
        if let Lead::Flow(flow) = &mut self.lead {
            flow.asking = Some(asking);
        }
        self.tell(text, Purpose::Question);
    }

    /// The question was put; the caller has the word.
    pub(super) fn wait_for_answer(&mut self, at: Instant) {
        if let Some(asking) = self.asking_mut() {
            asking.quiet_since = Some(at);
        }
    }

    /// A spoken answer: to the question, or to "is that right?".
    pub(super) fn answered_aloud(&mut self, now: Instant, value: String, confidence: Option<f32>) {
        self.chosen(now, value, Channel::Voice, confidence);
    }

    /// A free answer was recorded.
    pub(super) fn answer_freely(&mut self, now: Instant, from: Instant, to: Instant, text: Option<String>) {
        let (from_ms, to_ms) = (self.millis(from), self.millis(to));
        let value = AnswerValue::Recorded { from_ms, to_ms, text: text.map(Pii::new) };
        self.accept(now, Candidate { value, channel: Channel::Voice, confidence: None });
    }

    /// A key while a flow leads.
    pub(super) fn flow_key(&mut self, now: Instant, digit: char, at: Instant) {
        let late_hash = self.caller.hash_until.take().is_some_and(|until| digit == '#' && now <= until);
        if late_hash {
            return;
        }
        self.stop_understanding();
        let Some(asking) = self.asking_mut() else { return };
        asking.idle_prompts = 0;
        if asking.question.form == Form::Email && asking.candidate.is_none() && digit == '#' {
            self.write_keys(digit.to_string(), at, at);
            return self.refused(now);
        }
        let keys = match (&asking.candidate, &asking.question.confirm, &asking.question.kind) {
            (Some(_), Some(confirm), _) => Some(&confirm.keys),
            (_, _, Kind::Choice { keys }) => Some(keys),
            (_, _, Kind::Number { .. } | Kind::Open { .. }) => None,
        };
        if let Some(keys) = keys {
            let value = keys.get(&digit).cloned();
            self.write_keys(digit.to_string(), at, at);
            self.abandon_turn(now);
            self.caller.reply_to = Some(ReplyTo::new(at, now, now));
            match value {
                Some(value) => self.chosen(now, value, Channel::Dtmf, None),
                None => self.no_match(now),
            }
            self.caller.reply_to = None;
        } else if self.free_speech_asked() {
            self.key_in_free_answer(now, digit, at);
        } else {
            self.digit_typed(now, digit, at);
        }
    }

    fn free_speech_asked(&self) -> bool {
        self.asking().is_some_and(|asking| asking.free_speech().is_some())
    }

    /// `#` ends a free answer, or goes on without one.
    fn key_in_free_answer(&mut self, now: Instant, digit: char, at: Instant) {
        if digit != '#' {
            return;
        }
        self.write_keys(digit.to_string(), at, at);
        match self.take_free_answer(now) {
            Some(answer) => self.free_answer_over(now, &answer),
            None => self.refused(now),
        }
    }

    fn digit_typed(&mut self, now: Instant, digit: char, at: Instant) {
        let Some(Asking { question, digits, first_digit, last_digit, .. }) = self.asking_mut() else { return };
        let Kind::Number { max, .. } = question.kind else { return };
        match digit {
            '0'..='9' => {
                digits.push(digit);
                first_digit.get_or_insert(at);
                *last_digit = Some(at);
            }
            '*' => digits.clear(),
            _ => {}
        }
        let complete = digit == '#' || digits.len() >= max;
        self.abandon_turn(now);
        if complete {
            self.caller.hash_until = (digit != '#').then(|| now + LATE_HASH);
            self.digits_complete(now);
        } else {
            self.hush();
            self.timers.insert(Timer::Digit, now + self.timing.digit_pause);
        }
    }

    /// No more digits come.
    pub(super) fn digits_complete(&mut self, now: Instant) {
        self.timers.remove(&Timer::Digit);
        let Some(Asking { question, digits, first_digit, last_digit, .. }) = self.asking_mut() else { return };
        let typed = std::mem::take(digits);
        let answer = question.expected.typed(&typed).map(|answer| question.form.value(answer));
        let (first, last) = (first_digit.take().unwrap_or(now), last_digit.take().unwrap_or(now));
        if !typed.is_empty() {
            self.write_keys(typed.clone(), first, last);
        }
        self.caller.reply_to = Some(ReplyTo::new(last, now, now));
        match answer {
            Some(value) => self.propose(now, Candidate { value, channel: Channel::Dtmf, confidence: None }),
            None => self.no_match(now),
        }
        self.caller.reply_to = None;
    }

    fn chosen(&mut self, now: Instant, value: String, channel: Channel, confidence: Option<f32>) {
        let Some(asking) = self.asking_mut() else { return };
        asking.idle_prompts = 0;
        match asking.candidate.take() {
            None => {
                let value = asking.question.form.value(value);
                self.propose(now, Candidate { value, channel, confidence });
            }
            Some(candidate) if value == wording::YES => self.accept(now, candidate),
            Some(_) => self.put_again(now, asking_text),
        }
    }

    /// Takes an answer, after having it confirmed where the question wants that.
    fn propose(&mut self, now: Instant, candidate: Candidate) {
        let Lead::Flow(flow) = &mut self.lead else { return };
        let Some(asking) = &mut flow.asking else { return };
        let wanted = |confirm: &&Confirm| !confirm.spoken_only || candidate.channel == Channel::Voice;
        let (Some(confirm), Some(value)) =
            (asking.question.confirm.as_ref().filter(wanted), candidate.value.text().map(str::to_owned))
        else {
            return self.accept(now, candidate);
        };
        let text = confirm.texts.get(&value).copied().unwrap_or_else(|| {
            let language = flow.script.language;
            let saying = asking.question.form.read_back(language, &value);
            self.texts.add(Wording::of(language).confirmation(&saying))
        });
        asking.candidate = Some(candidate);
        asking.put = text;
        self.say(text, Purpose::Question);
    }

    fn accept(&mut self, now: Instant, candidate: Candidate) {
        let Some(asking) = self.asking() else { return };
        let next = asking.question.next;
        self.close(now, AnswerStatus::Answered, Some(candidate));
        self.enter(now, next);
    }

    /// The caller will not answer.
    pub(super) fn refused(&mut self, now: Instant) {
        match self.asking() {
            Some(asking) => {
                let next = asking.question.next;
                self.close(now, AnswerStatus::Declined, None);
                self.enter(now, next);
            }
            None => {
                self.resume(now);
            }
        }
    }

    /// The caller wants to hear it again.
    pub(super) fn repeat(&mut self, now: Instant) {
        let repeats = self.timing.repeats;
        match self.asking_mut() {
            Some(asking) if asking.repeats < repeats => {
                asking.repeats += 1;
                asking.idle_prompts = 0;
                let text = asking_text(asking);
                self.say(text, Purpose::Question);
            }
            Some(_) | None => self.unclear(now),
        }
    }

    /// What came back was no answer.
    pub(super) fn no_match(&mut self, now: Instant) {
        self.put_again(now, |asking| asking.confirming().map_or(asking.hint, |confirm| confirm.not_understood));
    }

    /// Puts the question once more, in these words; or goes on without an answer when it was put often enough.
    fn put_again(&mut self, now: Instant, words: impl FnOnce(&Asking) -> super::PromptId) {
        let Some(asking) = self.asking_mut() else { return };
        asking.idle_prompts = 0;
        if asking.attempts < asking.question.attempts {
            asking.attempts += 1;
            let text = words(asking);
            self.say(text, Purpose::Question);
        } else {
            let next = asking.question.next;
            self.close(now, AnswerStatus::NoMatch, None);
            self.enter(now, next);
        }
    }

    /// Nothing came back.
    pub(super) fn flow_idle(&mut self, now: Instant) {
        let most = self.timing.idle_prompts;
        let Some(asking) = self.asking_mut() else { return };
        if asking.idle_prompts < most {
            asking.idle_prompts += 1;
            let text = asking.confirming().map_or(asking.question.idle, |confirm| confirm.idle);
            self.say(text, Purpose::Question);
        } else {
            self.close_question(now, AnswerStatus::NoInput);
            self.end(now, Ending::Inactivity);
        }
    }

    /// Gives the open question, if there is one, its status without an answer.
    pub(super) fn close_question(&mut self, now: Instant, status: AnswerStatus) {
        if self.asking().is_some() {
            self.close(now, status, None);
        }
    }

    fn close(&mut self, now: Instant, status: AnswerStatus, candidate: Option<Candidate>) {
        let Lead::Flow(flow) = &mut self.lead else { return };
        let Some(asking) = flow.asking.take() else { return };
        self.timers.remove(&Timer::Digit);
        let name = asking.question.name.clone();
        match candidate.as_ref().and_then(|candidate| candidate.value.text()) {
            Some(value) => flow.script.values.insert(name.clone(), value.to_owned()),
            // An earlier answer to a question of this name does not stand for this one.
            None => flow.script.values.remove(&name),
        };
        let answer = Answer {
            name,
            status,
            channel: candidate.as_ref().map(|candidate| candidate.channel),
            confidence: candidate.as_ref().and_then(|candidate| candidate.confidence),
            value: candidate.map(|candidate| self.manners.masked_answer(candidate.value)),
            attempts: asking.attempts,
            at_ms: self.millis(now),
        };
        self.outcome.answers.push(answer.clone());
        self.actions.push_back(Action::Answered(answer));
    }
}

/// The question's own words.
pub(super) fn asking_text(asking: &Asking) -> super::PromptId {
    asking.text
}
