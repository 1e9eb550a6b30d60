//! A flow leads: from node to node, and what the caller's words do to it.

mod steps;
mod understanding;

use std::sync::Arc;
use std::time::Instant;

pub(super) use self::steps::Step;
pub(super) use self::understanding::Understanding;
use super::asking::{Asking, Key};
use super::caller::FreeAnswer;
use super::mouth::{Purpose, ReplyTo};
use super::{AnswerStatus, Conversation, Ending, Lead};
use crate::agent::flow::meaning::{Expectation, Meaning};
use crate::agent::flow::script::Script;
use crate::agent::input::ToolRunId;
use crate::agent::manners::optout;
use crate::agent::turn::machine::Turn;
use crate::agent::turn::stop::Asked;
use crate::provider::stt::{Manner, Transcript};

/// A flow on its way.
#[derive(Debug)]
pub(super) struct FlowLead {
    pub(super) script: Script,
    /// The question that is open.
    pub(super) asking: Option<Asking>,
    /// Keys pressed while none was.
    pub(super) kept: Vec<Key>,
    /// A tool or a transfer that is waited for.
    pub(super) doing: Option<(ToolRunId, Step)>,
    /// A model is there that understands free words.
    pub(super) understands: bool,
    /// It is at work.
    pub(super) understanding: Option<Understanding>,
    /// How often the caller was asked to wait for the present tool.
    pub(super) fillers: usize,
}

impl FlowLead {
    /// Before its first node.
    pub(super) const fn new(script: Script, understands: bool) -> Self {
        Self { script, asking: None, kept: Vec::new(), doing: None, understands, understanding: None, fillers: 0 }
    }

    /// What may be said at present; `None` when it is only recorded.
    pub(super) fn expected(&self, manner: Manner) -> Option<Arc<Expectation>> {
        match &self.asking {
            None => Some(Arc::clone(&self.script.no_question)),
            // A recogniser of free speech writes a free answer down as well.
            Some(asking) => (asking.free_speech().is_none() || manner.continuous).then(|| asking.expected()),
        }
    }

    /// Whether a tool is waited for.
    pub(super) const fn waits_for_tool(&self) -> bool {
        matches!(self.doing, Some((_, Step::Tool(_))))
    }

    pub(super) fn asked(&self, manner: Manner) -> Asked {
        self.asking.as_ref().map_or(Asked::Nothing, |asking| asking.asked(manner))
    }
}

impl Conversation {
    pub(super) fn asking(&self) -> Option<&Asking> {
        match &self.lead {
            Lead::Flow(flow) => flow.asking.as_ref(),
            Lead::Model(_) | Lead::Native(_) | Lead::External(_) => None,
        }
    }

    pub(super) fn asking_mut(&mut self) -> Option<&mut Asking> {
        match &mut self.lead {
            Lead::Flow(flow) => flow.asking.as_mut(),
            Lead::Model(_) | Lead::Native(_) | Lead::External(_) => None,
        }
    }

    /// Words, or what should have been words.
    pub(super) fn flow_turn_ended(&mut self, now: Instant, turn: Turn, expected: &Arc<Expectation>, overlap: bool) {
        let before = self.stop_understanding();
        let (text, meaning, confidence) = match turn.transcript {
            Transcript::Words { text, confidence } => {
                let meaning = expected.meaning(text.expose());
                (text.into_inner(), Some(meaning), confidence)
            }
            Transcript::OutOfGrammar => (String::new(), Some(Meaning::Unclear), None),
            Transcript::Nothing => (String::new(), None, None),
        };
        if meaning.is_some() {
            self.write_caller(text.clone(), turn.since, turn.last_voice);
        }
        let mut reply_to = ReplyTo::new(turn.last_voice, turn.decided, now);
        reply_to.talk_over = self.caller.talked_over.take();
        let free = self.asking().is_some_and(|asking| asking.free_speech().is_some());
        if meaning == Some(Meaning::Unclear) && !overlap && !self.is_speaking() {
            if free && !text.trim().is_empty() {
                self.caller.reply_to = Some(reply_to);
                self.answer_freely(now, turn.since, turn.last_voice, Some(text));
                self.caller.reply_to = None;
                return;
            }
            let heard = before.map_or(text.clone(), |before| format!("{before} {text}"));
            if !free && self.ask_model(now, expected, &heard, reply_to) {
                return;
            }
        }
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
                self.drop_tools(now);
                self.say(self.farewell, Purpose::Goodbye(Ending::CallerGoodbye));
            }
            Some(Meaning::OptOut) => {
                self.close_question(now, AnswerStatus::Declined);
                self.drop_tools(now);
                self.opt_out();
                if let Lead::Flow(flow) = &self.lead {
                    let text = self.texts.add(optout::confirmation(flow.script.language).to_owned());
                    self.say(text, Purpose::Goodbye(Ending::OptedOut));
                }
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
            self.answer_freely(now, answer.since, answer.until, None);
            self.caller.reply_to = None;
        }
    }
}
