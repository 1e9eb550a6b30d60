//! A flow leads: from node to node, and what the caller's words do to it.

use std::sync::Arc;
use std::time::Instant;

use super::asking::Asking;
use super::caller::FreeAnswer;
use super::mouth::{Purpose, ReplyTo};
use super::{AnswerStatus, Conversation, Ending, Lead};
use crate::agent::flow::meaning::{Expectation, Meaning};
use crate::agent::flow::script::{Node, Script};
use crate::agent::turn::machine::Turn;
use crate::agent::turn::stop::Asked;
use crate::provider::stt::{Manner, Transcript};

/// A flow on its way.
#[derive(Debug)]
pub(super) struct FlowLead {
    pub(super) script: Script,
    /// The question that is open.
    pub(super) asking: Option<Asking>,
}

impl FlowLead {
    /// What may be said at present; `None` when it is only recorded.
    pub(super) fn expected(&self) -> Option<Arc<Expectation>> {
        match &self.asking {
            None => Some(Arc::clone(&self.script.no_question)),
            Some(asking) => asking.free_speech().is_none().then(|| asking.expected()),
        }
    }

    pub(super) fn asked(&self, manner: Manner) -> Asked {
        self.asking.as_ref().map_or(Asked::Nothing, |asking| asking.asked(manner))
    }
}

impl Conversation {
    pub(super) fn asking(&self) -> Option<&Asking> {
        match &self.lead {
            Lead::Flow(flow) => flow.asking.as_ref(),
            Lead::Model(_) | Lead::Native(_) => None,
        }
    }

    pub(super) fn asking_mut(&mut self) -> Option<&mut Asking> {
        match &mut self.lead {
            Lead::Flow(flow) => flow.asking.as_mut(),
            Lead::Model(_) | Lead::Native(_) => None,
        }
    }

    /// Goes to a node and on through branches until something is said.
    pub(super) fn enter(&mut self, now: Instant, mut index: usize) {
        let Lead::Flow(flow) = &self.lead else { return };
        loop {
            match flow.script.node(index).clone() {
                Node::Say { prompt, next } => return self.say(prompt, Purpose::Statement { next }),
                Node::Ask(question) => return self.ask(question),
                Node::Branch { on, cases, otherwise } => {
                    let value = flow.script.values.get(&on);
                    let case = cases.iter().find(|(is, _)| Some(is) == value);
                    index = case.map_or(otherwise, |(_, next)| *next);
                }
                Node::End { prompt, reason } => {
                    self.outcome.flow_completed = true;
                    let ending = Ending::Completed { reason };
                    return match prompt {
                        Some(prompt) => self.say(prompt, Purpose::Goodbye(ending)),
                        None => self.end(now, ending),
                    };
                }
            }
        }
    }

    /// Words, or what should have been words.
    pub(super) fn flow_turn_ended(&mut self, now: Instant, turn: Turn, expected: &Expectation, overlap: bool) {
        let (text, meaning, confidence) = match turn.transcript {
            Transcript::Words { text, confidence } => {
                let meaning = expected.meaning(text.expose());
                (text.into_inner(), Some(meaning), confidence)
            }
            Transcript::OutOfGrammar => (String::new(), Some(Meaning::Unclear), None),
            Transcript::Nothing => (String::new(), None, None),
        };
        if meaning.is_some() {
            self.write_caller(text, turn.since, turn.last_voice);
        }
        let mut reply_to = ReplyTo::new(turn.last_voice, turn.decided, now);
        reply_to.talk_over = self.caller.talked_over.take();
        self.caller.reply_to = Some(reply_to);
        self.react(now, meaning, confidence, overlap);
        self.caller.reply_to = None;
    }

    /// Does what a turn asks for.
    fn react(&mut self, now: Instant, meaning: Option<Meaning>, confidence: Option<f32>, overlap: bool) {
        match meaning {
            Some(Meaning::Answer(value)) => self.answered_aloud(now, value, confidence),
            _ if overlap => {
                self.resume(now);
            }
            None => {
                self.resume(now);
            }
            Some(Meaning::Goodbye) => {
                self.close_question(now, AnswerStatus::Declined);
                self.say(self.farewell, Purpose::Goodbye(Ending::CallerGoodbye));
            }
            Some(Meaning::Refusal) => self.refused(now),
            Some(Meaning::Repeat) => self.repeat(now),
            Some(Meaning::Unclear) => self.unclear(now),
        }
    }

    /// Words that mean nothing here: a short remark over the agent's words is let pass, an interruption of a statement
    /// is let pass and the statement goes on, anything else was a try to answer.
    pub(super) fn unclear(&mut self, now: Instant) {
        if self.is_speaking() {
            return;
        }
        if self.asking().is_none() || self.statement_was_cut() {
            self.resume(now);
        } else {
            self.mouth.cut = None;
            self.no_match(now);
        }
    }

    /// A free answer has ended.
    pub(super) fn free_answer_over(&mut self, now: Instant, answer: &FreeAnswer) {
        self.write_caller(String::new(), answer.since, answer.until);
        let length = answer.until.saturating_duration_since(answer.since);
        if length < self.timing.shortest_open_answer || answer.overlap {
            self.resume(now);
        } else {
            self.caller.reply_to = Some(ReplyTo::new(answer.until, now, now));
            self.answer_freely(now, answer.since, answer.until);
            self.caller.reply_to = None;
        }
    }
}
