//! A model helps to understand: words that the flow cannot make out are given to it, and what it makes of them counts
//! like words that were made out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::mouth::ReplyTo;
use super::super::{Action, Conversation, Lead, Timer};
use crate::agent::flow::meaning::{Expectation, Meaning};
use crate::agent::flow::understand;
use crate::agent::input::GenerationId;

/// A model that takes longer has not understood: the question is put again.
const LIMIT: Duration = Duration::from_millis(2_500);
/// An answer longer than this is none.
const MOST: usize = 4_000;

/// A model at work.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Understanding {
    generation: GenerationId,
    /// What it has said so far.
    answer: String,
    /// What the caller said.
    heard: String,
    expected: Arc<Expectation>,
    reply_to: ReplyTo,
}

impl Conversation {
    /// Asks the model what the caller's words mean. False when there is none to ask, or nothing to ask about.
    pub(super) fn ask_model(
        &mut self,
        now: Instant,
        expected: &Arc<Expectation>,
        heard: &str,
        reply_to: ReplyTo,
    ) -> bool {
        let Lead::Flow(flow) = &self.lead else { return false };
        let Some(asking) = flow.asking.as_ref().filter(|_| flow.understands && !heard.trim().is_empty()) else {
            return false;
        };
        let question = self.texts.get(asking.put()).expose();
        let request = understand::request(question, expected, flow.script.today(), heard);
        let generation = GenerationId(self.generations);
        self.generations += 1;
        self.actions.push_back(Action::Generate { generation, request });
        self.timers.insert(Timer::Model, now + LIMIT);
        if let Lead::Flow(flow) = &mut self.lead {
            flow.understanding = Some(Understanding {
                generation,
                answer: String::new(),
                heard: heard.to_owned(),
                expected: Arc::clone(expected),
                reply_to,
            });
        }
        true
    }

    /// More of the model's answer.
    pub(in crate::agent::conversation) fn understanding_token(&mut self, id: GenerationId, text: &str) {
        if let Some(understanding) = self.understanding(id)
            && understanding.answer.len() + text.len() <= MOST
        {
            understanding.answer.push_str(text);
        }
    }

    /// The model's answer is complete, or will not be.
    pub(in crate::agent::conversation) fn understanding_over(&mut self, now: Instant, id: GenerationId, failed: bool) {
        if self.understanding(id).is_none() {
            return;
        }
        let Lead::Flow(flow) = &mut self.lead else { return };
        let Some(Understanding { answer, expected, reply_to, .. }) = flow.understanding.take() else { return };
        self.timers.remove(&Timer::Model);
        let meaning = if failed { Meaning::Unclear } else { understand::meaning(&expected, &answer) };
        self.caller.reply_to = Some(reply_to);
        self.react(now, Some(meaning), None, false);
        self.caller.reply_to = None;
    }

    /// The model is too slow.
    pub(in crate::agent::conversation) fn understanding_late(&mut self, now: Instant) {
        let Lead::Flow(flow) = &self.lead else { return };
        if let Some(understanding) = &flow.understanding {
            let id = understanding.generation;
            self.actions.push_back(Action::CancelGeneration { generation: id });
            self.understanding_over(now, id, true);
        }
    }

    /// Nobody wants to know any more; what the caller had said comes back.
    pub(in crate::agent::conversation) fn stop_understanding(&mut self) -> Option<String> {
        let Lead::Flow(flow) = &mut self.lead else { return None };
        let understanding = flow.understanding.take()?;
        self.timers.remove(&Timer::Model);
        self.actions.push_back(Action::CancelGeneration { generation: understanding.generation });
        Some(understanding.heard)
    }

    fn understanding(&mut self, id: GenerationId) -> Option<&mut Understanding> {
        match &mut self.lead {
            Lead::Flow(flow) => flow.understanding.as_mut().filter(|understanding| understanding.generation == id),
            Lead::Model(_) | Lead::Native(_) | Lead::External(_) => None,
        }
    }
}
