//! An open question: from its first word to its one status.

mod keys;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use self::keys::Key;
use self::keys::{Secrecy, Typed};
use super::mouth::Purpose;
use super::{Action, Answer, AnswerStatus, AnswerValue, Channel, Conversation, Ending, Lead, PromptId, Timer, Timing};
use crate::agent::flow::meaning::Expectation;
use crate::agent::flow::script::{Confirm, Form, Kind, Question};
use crate::agent::flow::wording::{self, Wording};
use crate::agent::turn::stop::Asked;
use crate::pii::Pii;
use crate::provider::stt::Manner;

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
    /// Digits typed so far.
    typed: Typed,
    /// The answer to be confirmed.
    candidate: Option<Candidate>,
}

/// An answer as it was understood.
#[derive(Clone, Debug)]
struct Candidate {
    value: AnswerValue,
    channel: Channel,
    confidence: Option<f32>,
    secrecy: Secrecy,
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
    pub(super) fn ask(&mut self, now: Instant, question: Arc<Question>) {
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
            typed: Typed::default(),
            candidate: None,
        };
        if let Lead::Flow(flow) = &mut self.lead {
            flow.asking = Some(asking);
        }
        self.tell(text, Purpose::Question);
        self.use_kept_keys(now);
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
        let secrecy = self.secrecy();
        self.accept(now, Candidate { value, channel: Channel::Voice, confidence: None, secrecy });
    }

    fn chosen(&mut self, now: Instant, value: String, channel: Channel, confidence: Option<f32>) {
        let secrecy = self.secrecy();
        let Some(asking) = self.asking_mut() else { return };
        asking.idle_prompts = 0;
        match asking.candidate.take() {
            None => {
                let value = asking.question.form.value(value);
                self.propose(now, Candidate { value, channel, confidence, secrecy });
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
            value: candidate.map(|candidate| self.guarded(candidate.value, candidate.secrecy)),
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
