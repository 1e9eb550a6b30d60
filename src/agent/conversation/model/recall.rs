//! The assistant's knowledge in the caller's turn: what fits the caller's words is looked up before the model is asked,
//! and put before it for this turn only.
//!
//! A turn is looked up once. What was found for an answer that is prepared serves the answer that counts, what was found
//! for a turn serves every round of its tools and a second attempt; other words are looked up anew. The model waits for
//! it as long as the assistant says and no longer.

use std::time::Instant;

use super::super::{Action, Conversation, Lead, Timer};
use crate::agent::assistant::{Assistant, Lookup};
use crate::agent::input::GenerationId;
use crate::agent::knowledge::{Passage, brief};
use crate::agent::record::LookUp;
use crate::pii::Pii;
use crate::provider::llm::{LlmRequest, Message};

/// What was looked up last.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Recall {
    /// None: nothing is looked up without being asked to.
    lookup: Option<Lookup>,
    question: Pii<String>,
    passages: Vec<Passage>,
    /// When it was over, and how it went.
    settled: Option<(Instant, LookUp)>,
}

impl Recall {
    pub(super) fn new(assistant: &Assistant) -> Self {
        let lookup = Some(assistant.lookup).filter(|lookup| lookup.automatic && !assistant.knowledge.is_empty());
        Self { lookup, question: Pii::default(), passages: Vec::new(), settled: None }
    }

    /// What must be looked up before these messages go out.
    pub(super) fn wanted(&self, messages: &[Message]) -> Option<Pii<String>> {
        self.lookup?;
        let mut turns = messages.iter().rev().filter_map(|message| match message {
            Message::User { text } => Some(text.expose().as_str()),
            Message::System { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
        });
        let question = Pii::new(brief::question(turns.next()?, turns.next()));
        (self.settled.is_none() || question != self.question).then_some(question)
    }

    /// How the last look-up went.
    pub(super) const fn settled(&self) -> Option<(Instant, LookUp)> {
        self.settled
    }

    /// Puts the passages before the caller's last words: what is before them stays as it was from request to request.
    fn complete(&self, request: &mut LlmRequest) {
        if self.passages.is_empty() {
            return;
        }
        let at = request.messages.iter().rposition(|message| matches!(message, Message::User { .. }));
        let at = at.unwrap_or(request.messages.len());
        let (before, behind) = request.messages.split_at(at);
        let found = Message::System { text: brief::brief(&self.passages) };
        request.messages = before.iter().cloned().chain([found]).chain(behind.iter().cloned()).collect();
    }
}

impl Conversation {
    /// Looks something up for the generation that is about to be asked for.
    pub(super) fn look_up(&mut self, now: Instant, generation: GenerationId, question: Pii<String>) {
        self.sources.cite(Vec::new());
        let Lead::Model(model) = &mut self.lead else { return };
        let recall = &mut model.recall;
        let Some(lookup) = recall.lookup else { return };
        (recall.question, recall.settled) = (question.clone(), None);
        recall.passages.clear();
        self.timers.insert(Timer::LookUp, now + lookup.limit());
        self.actions.push_back(Action::LookUp { generation, question, passages: lookup.passages });
    }

    /// Something was found, or could not be looked for.
    pub(in crate::agent::conversation) fn looked_up(
        &mut self,
        now: Instant,
        id: GenerationId,
        passages: Option<Vec<Passage>>,
    ) {
        let Lead::Model(model) = &self.lead else { return };
        let Some(lookup) = model.recall.lookup else { return };
        // What nobody waits for any more is left out.
        if !model.generation.as_ref().is_some_and(|generation| generation.waits_as(id)) {
            return;
        }
        match passages {
            None => self.settle_look_up(now, LookUp::Failed, Vec::new()),
            Some(passages) if passages.is_empty() => self.settle_look_up(now, LookUp::Nothing, passages),
            Some(passages) => {
                self.settle_look_up(now, LookUp::Found, brief::fitting(passages, lookup.passages));
            }
        }
    }

    /// It has taken as long as it may.
    pub(in crate::agent::conversation) fn look_up_late(&mut self, now: Instant) {
        self.settle_look_up(now, LookUp::Late, Vec::new());
    }

    fn settle_look_up(&mut self, now: Instant, how: LookUp, passages: Vec<Passage>) {
        self.timers.remove(&Timer::LookUp);
        let Lead::Model(model) = &mut self.lead else { return };
        model.recall.settled = Some((now, how));
        model.recall.passages = passages;
        self.cite_looked_up();
        self.send_request(now);
    }

    /// What is said from here on is drawn from what was looked up last.
    pub(super) fn cite_looked_up(&mut self) {
        if let Lead::Model(model) = &self.lead {
            self.sources.cite(brief::names(&model.recall.passages));
        }
    }

    /// Sends the request that was held until the look-up is over.
    pub(super) fn send_request(&mut self, now: Instant) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some((generation, mut request)) = model.generation.as_mut().and_then(|generation| generation.release())
        else {
            return;
        };
        model.recall.complete(&mut request);
        self.actions.push_back(Action::Generate { generation, request });
        self.timers.insert(Timer::Model, now + self.timing.model_limit);
    }

    /// The model has looked something up by itself: what of it is new to it.
    pub(in crate::agent::conversation) fn found_by_tool(&mut self, result: Pii<String>) -> Pii<String> {
        let given: &[Passage] = match &self.lead {
            Lead::Model(model) => &model.recall.passages,
            Lead::Flow(_) | Lead::Native(_) | Lead::External(_) => &[],
        };
        let (rest, names) = brief::beyond(result, given);
        self.sources.cite_also(names);
        rest
    }
}
