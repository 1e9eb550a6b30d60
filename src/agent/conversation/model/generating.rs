//! One answer of the model, from the request to its last sentence.

use std::time::Instant;

use super::super::mouth::{AfterCut, Mouth, Purpose, Saying, SayingId};
use super::super::sources::Sources;
use super::super::{Action, Conversation, Ending, Lead, Source, Texts, Timer};
use crate::agent::input::GenerationId;
use crate::agent::sentence::Sentences;
use crate::pii::Pii;
use crate::provider::llm::{FinishReason, LlmRequest, Message, ToolCall};

/// What the model is told when its last answer broke off.
const GO_ON: &str = "Your last reply was cut off by a fault. The caller hears it up to where it ends above. \
                     Go on from there without repeating anything.";

/// An answer in the making.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Generation {
    id: GenerationId,
    /// The request, until what is looked up for it is there.
    held: Option<LlmRequest>,
    /// Prepared for a turn that is not over: nothing of it is said or done.
    pub(in crate::agent::conversation) eager: bool,
    sentences: Sentences,
    /// Sentences that wait for the turn to be over.
    ready: Vec<String>,
    calls: Vec<ToolCall>,
    finished: Option<FinishReason>,
    /// What it is spoken as, from its first words on; `None` again when that failed before the next words.
    source: Option<Source>,
    /// Something of it was given to the voice.
    spoke: bool,
    attempt: Attempt,
    first_token: Option<Instant>,
}

/// How often it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent::conversation) enum Attempt {
    First,
    /// The first one came to nothing.
    Second,
    /// The first one broke off in the middle.
    Continued,
}

impl Generation {
    /// Whether it is this one, and the model has not been asked yet.
    pub(super) fn waits_as(&self, id: GenerationId) -> bool {
        self.id == id && self.held.is_some()
    }

    /// The request that was held.
    pub(super) fn release(&mut self) -> Option<(GenerationId, LlmRequest)> {
        Some((self.id, self.held.take()?))
    }
}

impl Conversation {
    /// Asks the model, once what the assistant knows of it has been looked up; `eager` are words of a turn that is not
    /// over.
    pub(in crate::agent::conversation) fn generate(&mut self, now: Instant, attempt: Attempt, eager: Option<&str>) {
        self.cancel_generation();
        let id = GenerationId(self.generations);
        self.generations += 1;
        let tools = self.tools.offered();
        let Lead::Model(model) = &mut self.lead else { return };
        let planned = |saying| planned(&self.mouth, &self.sources, &self.texts, saying);
        let mut messages = model.context.messages(planned, eager);
        let question = model.recall.wanted(&messages);
        if attempt == Attempt::Continued {
            messages.push(Message::System { text: Pii::new(GO_ON.to_owned()) });
        }
        if messages.len() == 1 {
            messages.push(Message::User { text: Pii::new(super::NOBODY_SPOKE.to_owned()) });
        }
        let source = (attempt == Attempt::Continued).then(|| model.broken.take()).flatten();
        if eager.is_none() && source.is_none() {
            model.context.agent();
        }
        let request = LlmRequest {
            messages: messages.into(),
            tools,
            max_tokens: model.max_tokens,
            temperature: model.temperature,
            schema: None,
        };
        model.generation = Some(Generation {
            id,
            held: Some(request),
            eager: eager.is_some(),
            sentences: if source.is_some() {
                Sentences::continued(&model.language)
            } else {
                Sentences::new(&model.language)
            },
            ready: Vec::new(),
            calls: Vec::new(),
            finished: None,
            spoke: source.is_some(),
            source,
            attempt,
            first_token: None,
        });
        match question {
            Some(question) => self.look_up(now, id, question),
            None => self.send_request(now),
        }
    }

    /// Nobody wants the present answer. What of it was given to the voice is not followed by more.
    pub(in crate::agent::conversation) fn cancel_generation(&mut self) {
        self.timers.remove(&Timer::Model);
        self.timers.remove(&Timer::LookUp);
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(generation) = model.generation.take() else { return };
        if generation.finished.is_none() && generation.held.is_none() {
            self.actions.push_back(Action::CancelGeneration { generation: generation.id });
        }
        if let Some(source) = generation.source {
            self.say_no_more(&source);
        }
    }

    /// The turn that an answer was prepared for is over: what is ready is said and done.
    pub(in crate::agent::conversation) fn commit_generation(&mut self, now: Instant) {
        let Lead::Model(model) = &mut self.lead else { return };
        model.context.agent();
        let Some(generation) = &mut model.generation else { return };
        generation.eager = false;
        let (ready, finished) = (std::mem::take(&mut generation.ready), generation.finished);
        for piece in ready {
            self.say_piece(now, &piece);
        }
        if let Some(reason) = finished {
            self.complete(now, reason);
        }
    }

    pub(in crate::agent::conversation) fn token(&mut self, now: Instant, id: GenerationId, text: &str) {
        let limit = now + self.timing.model_limit;
        let Some(generation) = self.generation(id) else { return };
        generation.first_token.get_or_insert(now);
        let pieces = generation.sentences.push(text);
        self.timers.insert(Timer::Model, limit);
        self.take_pieces(now, pieces);
    }

    pub(in crate::agent::conversation) fn tool_called(&mut self, now: Instant, id: GenerationId, call: ToolCall) {
        let limit = now + self.timing.model_limit;
        let Some(generation) = self.generation(id) else { return };
        generation.first_token.get_or_insert(now);
        generation.calls.push(call);
        self.timers.insert(Timer::Model, limit);
    }

    pub(in crate::agent::conversation) fn generated(&mut self, now: Instant, id: GenerationId, reason: FinishReason) {
        let Some(generation) = self.generation(id) else { return };
        generation.finished = Some(reason);
        let last = generation.sentences.finish();
        let eager = generation.eager;
        self.timers.remove(&Timer::Model);
        self.take_pieces(now, last.into_iter().collect());
        if !eager {
            self.complete(now, reason);
        }
    }

    pub(in crate::agent::conversation) fn generation_failed(&mut self, now: Instant, id: GenerationId) {
        if self.generation(id).is_some() {
            self.answer_failed(now);
        }
    }

    /// The model has been silent for too long.
    pub(in crate::agent::conversation) fn model_late(&mut self, now: Instant) {
        let Lead::Model(model) = &self.lead else { return };
        if let Some(generation) = &model.generation {
            self.actions.push_back(Action::CancelGeneration { generation: generation.id });
            self.answer_failed(now);
        }
    }

    fn answer_failed(&mut self, now: Instant) {
        self.timers.remove(&Timer::Model);
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(mut generation) = model.generation.take() else { return };
        if generation.eager {
            // Asked anew when the turn is over.
            return;
        }
        generation.sentences.drop_rest();
        match (generation.spoke, generation.attempt) {
            (false, Attempt::First) => self.generate(now, Attempt::Second, None),
            (false, Attempt::Second | Attempt::Continued) => self.give_up(now, Ending::ModelFailed),
            (true, Attempt::First | Attempt::Second) => {
                model.broken = generation.source;
                self.generate(now, Attempt::Continued, None);
            }
            (true, Attempt::Continued) => {
                if let Some(source) = &generation.source {
                    self.say_no_more(source);
                }
                let lost = self.phrases.lost;
                self.say_aside(lost, Purpose::Talk);
            }
        }
    }

    /// The answer is complete and its turn is over.
    fn complete(&mut self, now: Instant, reason: FinishReason) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(generation) = model.generation.take() else { return };
        let spoke = generation.spoke;
        if let Some(source) = &generation.source {
            self.say_no_more(source);
        }
        let empty = !spoke && generation.calls.is_empty();
        if !generation.calls.is_empty() {
            self.run_calls(now, generation.calls, spoke);
        } else if empty && !(reason == FinishReason::Stop && self.tools.was_busy()) {
            // Nothing at all to say is an answer only behind what tools have done.
            match generation.attempt {
                Attempt::First => self.generate(now, Attempt::Second, None),
                Attempt::Second | Attempt::Continued => {
                    let pardon = self.phrases.pardon;
                    self.say_aside(pardon, Purpose::Talk);
                }
            }
        }
    }

    fn take_pieces(&mut self, now: Instant, pieces: Vec<String>) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(generation) = &mut model.generation else { return };
        if generation.eager {
            generation.ready.extend(pieces);
            return;
        }
        for piece in pieces {
            self.say_piece(now, &piece);
        }
    }

    /// Gives the next piece of the present answer to the voice.
    fn say_piece(&mut self, now: Instant, piece: &str) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(generation) = &mut model.generation else { return };
        let first_token = generation.first_token;
        let source = match &generation.source {
            Some(source) => source.clone(),
            None => {
                let source = Source::Utterance(self.sources.begin_utterance());
                (generation.source, generation.spoke) = (Some(source.clone()), true);
                let (mut reply_to, looked_up) = (model.reply_to.take(), model.recall.settled());
                if let Some(turn) = &mut reply_to {
                    turn.first_token = first_token;
                    turn.first_sentence = Some(now);
                    turn.looked_up = looked_up;
                }
                let saying = self.say_after(source.clone(), Purpose::Talk, reply_to);
                if let Lead::Model(model) = &mut self.lead {
                    model.context.say(saying);
                }
                source
            }
        };
        self.write_speech(now, &source, piece);
    }

    /// Gives text to the voice.
    pub(in crate::agent::conversation) fn write_speech(&mut self, now: Instant, source: &Source, text: &str) {
        if let Source::Utterance(utterance) = *source {
            self.sources.write(now, source, text);
            self.actions.push_back(Action::Say { utterance, text: Pii::new(text.to_owned()) });
        }
    }

    pub(in crate::agent::conversation) fn say_no_more(&mut self, source: &Source) {
        if let Source::Utterance(utterance) = *source
            && self.sources.stream(source).is_some_and(|stream| !stream.written)
        {
            self.sources.written(source);
            self.actions.push_back(Action::SayNoMore { utterance });
        }
    }

    fn generation(&mut self, id: GenerationId) -> Option<&mut Generation> {
        match &mut self.lead {
            Lead::Model(model) => {
                model.generation.as_mut().filter(|generation| generation.id == id && generation.finished.is_none())
            }
            Lead::Flow(_) | Lead::Native(_) | Lead::External(_) => None,
        }
    }

    /// A synthesiser has given an utterance up.
    pub(in crate::agent::conversation) fn speech_failed(&mut self, now: Instant, source: &Source) {
        let Source::Utterance(utterance) = *source else { return };
        if self.sources.stream(source).is_none_or(|stream| stream.failed) {
            return;
        }
        self.sources.set_failed(utterance);
        let unheard = |saying: &Saying| saying.source == *source;
        if self.mouth.open.as_ref().is_some_and(|reply| unheard(&reply.saying) && reply.started.is_none()) {
            self.stop_speaking(AfterCut::Again);
        } else if self.mouth.queue.front().is_some_and(unheard) && self.mouth.open.is_none() {
            self.say_otherwise(now, source);
        }
    }

    /// Says the rest of an utterance that failed in another one; once.
    pub(in crate::agent::conversation) fn say_otherwise(&mut self, now: Instant, source: &Source) {
        let Some(saying) = self.mouth.queue.iter().position(|saying| saying.source == *source) else { return };
        let Some(saying) = self.mouth.queue.remove(saying) else { return };
        self.go_on_otherwise(now, &saying, saying.from);
    }

    /// The rest of a failed utterance, from what was heard of it on.
    pub(in crate::agent::conversation) fn go_on_otherwise(&mut self, now: Instant, saying: &Saying, heard: u64) {
        let known = self.sources.heard(&saying.source, heard).len();
        let text = self.sources.ledger(&saying.source).map_or("", |ledger| ledger.text());
        let rest = text.get(known..).unwrap_or("").trim().to_owned();
        let written = self.sources.stream(&saying.source).is_none_or(|stream| stream.written);
        self.forget(saying, heard);
        let Lead::Model(model) = &mut self.lead else { return };
        if std::mem::replace(&mut model.respoken, true) {
            return self.give_up(now, Ending::SpeechFailed);
        }
        let still_written = !written && model.generation.is_some();
        let source = (!rest.is_empty()).then(|| Source::Utterance(self.sources.begin_utterance()));
        if let Lead::Model(model) = &mut self.lead
            && let Some(generation) = &mut model.generation
            && generation.source.as_ref() == Some(&saying.source)
        {
            // Without a rest the next words begin another one.
            generation.source.clone_from(&source);
        }
        let Some(source) = source else { return };
        let new = self.say_first(source.clone(), Purpose::Talk);
        if let Lead::Model(model) = &mut self.lead {
            model.context.say(new);
        }
        self.write_speech(now, &source, &rest);
        if !still_written {
            self.say_no_more(&source);
        }
    }
}

/// The text of a saying that is said or about to be; nothing of one that is held.
fn planned(mouth: &Mouth, sources: &Sources, texts: &Texts, id: SayingId) -> Option<String> {
    let open = mouth.open.as_ref().map(|reply| &reply.saying);
    let saying = open.into_iter().chain(&mouth.queue).find(|saying| saying.id == id)?;
    Some(match &saying.source {
        Source::Prompt(prompt) => texts.get(*prompt).expose().clone(),
        Source::Utterance(_) | Source::Item(_) => sources.ledger(&saying.source)?.text().to_owned(),
    })
}
