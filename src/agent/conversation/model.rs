//! A model leads: the caller's turns become its context, its answers become speech.
//!
//! A turn that may be over has an answer prepared; the turn's end makes it count, more words throw it away. What the
//! caller says while the agent speaks stops the agent, and is answered once the agent is silent and it is known what was
//! heard of it.

mod context;
mod generating;
mod guiding;
mod phrases;
mod recall;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

pub(super) use self::context::{Context, INTERRUPTED};
pub(super) use self::generating::{Attempt, Generation};
pub(super) use self::phrases::Phrases;
pub(super) use self::recall::Recall;
use super::mouth::{Purpose, ReplyTo, Saying};
use super::{Conversation, Ending, Lead, PromptId, ScriptError, Source, Stage, Texts};
use crate::agent::assistant::Assistant;
use crate::agent::flow::guide::Guide;
use crate::agent::flow::meaning::Expectation;
use crate::agent::flow::template;
use crate::agent::turn::machine::Turn;
use crate::pii::Pii;
use crate::provider::stt::Transcript;

/// What every model is told of telephones, behind the assistant's own prompt.
const ON_THE_PHONE: &str = "You are speaking on the telephone. Everything you write is spoken aloud: use short, plain \
sentences without lists, markup or emoji, and write numbers, dates and abbreviations the way they are spoken. Say one \
thing at a time and let the other side answer. A reply of yours that ends with a dash was interrupted there: the rest \
was not heard.";

/// Stands for the caller where the model has to speak first.
const NOBODY_SPOKE: &str = "(The call was answered. Nobody has said anything yet.)";

/// A hello of so many words is more than a hello: it is answered behind the greeting.
const MORE_THAN_HELLO: usize = 6;

/// Nobody is asked to say something again more often than this less one.
const NOT_CAUGHT: u8 = 4;

/// A model and what it knows.
#[derive(Debug)]
pub(super) struct ModelLead {
    pub(super) context: Context,
    pub(super) language: String,
    pub(super) max_tokens: u32,
    pub(super) temperature: Option<f32>,
    pub(super) greeting: Option<PromptId>,
    /// What may be said: anything.
    pub(super) anything: Arc<Expectation>,
    /// What was looked up for the caller's turn.
    pub(super) recall: Recall,
    /// The answer being made.
    pub(super) generation: Option<Generation>,
    /// What a broken answer was spoken as, which is to be continued.
    pub(super) broken: Option<Source>,
    /// The caller's turn that waits until the agent is silent.
    waiting: Option<Said>,
    /// A hello that wants an answer behind the greeting.
    hello: Option<ReplyTo>,
    /// The turn that the next answer replies to.
    pub(super) reply_to: Option<ReplyTo>,
    /// Since when the caller waits for an answer: the last sound of the turn and its end.
    pub(super) owed: Option<Owed>,
    /// A failed utterance was said again: a second failure ends the call.
    pub(super) respoken: bool,
    /// Idle prompts since the last sign of life.
    pub(super) idle_prompts: u8,
    /// The flow that guides it.
    guide: Option<Guide>,
    /// The flow has marked the call as a success.
    success_marked: bool,
    /// Turns in a row of which nobody knows what was said.
    not_caught: u8,
}

/// What the caller said.
#[derive(Debug)]
struct Said {
    words: String,
    reply_to: ReplyTo,
}

/// An answer that the caller waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) last_voice: Instant,
    pub(super) decided: Instant,
    /// What was said in its place so far.
    pub(super) fillers: usize,
    /// When something was last said, or tried to be, in its place.
    pub(super) filled: Option<Instant>,
}

impl ModelLead {
    /// For a contact with these values.
    pub(super) fn new(
        assistant: &Assistant,
        values: &BTreeMap<String, String>,
        texts: &mut Texts,
    ) -> Result<Self, ScriptError> {
        let greeting = match &assistant.greeting {
            Some(greeting) => Some(texts.add(render("greeting", greeting, values, template::render)?)),
            None => None,
        };
        let mut context = Context::new(Pii::new(instructions(assistant, values)?));
        let guide = Guide::new(assistant, values);
        if let Some(guide) = &guide {
            context.note(Pii::new(guide.goal()));
        }
        Ok(Self {
            context,
            language: assistant.language.clone(),
            max_tokens: assistant.model.max_tokens,
            temperature: assistant.model.temperature,
            greeting,
            anything: Arc::new(Expectation::nothing(&assistant.language)),
            recall: Recall::new(assistant),
            generation: None,
            broken: None,
            waiting: None,
            hello: None,
            reply_to: None,
            owed: None,
            respoken: false,
            idle_prompts: 0,
            guide,
            success_marked: false,
            not_caught: 0,
        })
    }

    /// Whether a turn waits for the agent to be silent.
    pub(super) const fn has_waiting_turn(&self) -> bool {
        self.waiting.is_some()
    }
}

/// The assistant's prompt, and what every assistant must know.
pub(super) fn instructions(assistant: &Assistant, values: &BTreeMap<String, String>) -> Result<String, ScriptError> {
    let prompt = match &assistant.prompt {
        Some(prompt) => render("prompt", prompt, values, template::render_prompt)?,
        None => String::new(),
    };
    let plan = Guide::new(assistant, values).map(|guide| guide.instructions()).unwrap_or_default();
    Ok(format!("{prompt}\n\n{plan}\n{ON_THE_PHONE}"))
}

/// A text of the assistant's head.
pub(super) fn render(
    field: &str,
    source: &Pii<String>,
    values: &BTreeMap<String, String>,
    render: impl Fn(&str, &BTreeMap<String, String>) -> Result<String, template::TemplateError>,
) -> Result<String, ScriptError> {
    render(source.expose(), values)
        .map_err(|error| ScriptError::Text { node: field.to_owned(), problem: error.to_string() })
}

impl Conversation {
    /// The agent takes the word for the first time.
    pub(super) fn model_open(&mut self, now: Instant) {
        let Lead::Model(model) = &self.lead else { return };
        match model.greeting {
            Some(greeting) => self.say_aside(greeting, Purpose::Talk),
            None => self.owe_answer(now, ReplyTo::new(now, now, now)),
        }
    }

    /// A turn of the caller's is over.
    pub(super) fn model_turn_ended(&mut self, now: Instant, turn: Turn, hello: bool) {
        // Without a greeting the model answers the hello itself.
        let hello = hello && matches!(&self.lead, Lead::Model(model) if model.greeting.is_some());
        let words = match turn.transcript {
            Transcript::Words { text, .. } => text.into_inner(),
            Transcript::OutOfGrammar | Transcript::Nothing => String::new(),
        };
        self.write_caller(words.clone(), turn.since, turn.last_voice);
        let mut reply_to = ReplyTo::new(turn.last_voice, turn.decided, now);
        reply_to.talk_over = self.caller.talked_over.take();
        if words.is_empty() {
            return self.not_caught(now, hello);
        }
        if let Lead::Model(model) = &mut self.lead {
            model.not_caught = 0;
        }
        if hello {
            self.take_hello(now, &words, reply_to);
        } else {
            self.caller_said(now, words, reply_to);
        }
    }

    /// There was speech, and nobody knows what it was.
    pub(super) fn not_caught(&mut self, now: Instant, hello: bool) {
        self.drop_prepared();
        if self.resume(now) || hello || self.is_speaking() || self.deaf {
            return;
        }
        if let Lead::Model(model) = &mut self.lead {
            model.not_caught += 1;
            if model.not_caught == NOT_CAUGHT {
                return self.say_cannot_hear(now);
            }
        }
        let pardon = self.phrases.pardon;
        self.say_aside(pardon, Purpose::Talk);
    }

    /// Words said into the beginning of the call: they are known to the model, and answered only when they are more than
    /// a hello.
    fn take_hello(&mut self, now: Instant, words: &str, reply_to: ReplyTo) {
        self.drop_prepared();
        let Lead::Model(model) = &mut self.lead else { return };
        model.context.caller_first(words);
        if words.split_whitespace().count() >= MORE_THAN_HELLO {
            model.hello = Some(reply_to);
        }
        self.resume(now);
    }

    /// The caller has said something that wants an answer.
    pub(super) fn caller_said(&mut self, now: Instant, words: String, reply_to: ReplyTo) {
        if self.tools.ends_call_behind(&words) && self.is_mouth_free() {
            // "Bye" to a goodbye.
            if let Lead::Model(model) = &mut self.lead {
                model.context.caller(&words);
            }
            return;
        }
        self.interrupt_tools(now);
        let Lead::Model(model) = &mut self.lead else { return };
        model.idle_prompts = 0;
        model.hello = None;
        let words = match model.waiting.take() {
            Some(before) => format!("{} {words}", before.words),
            None => words,
        };
        let prepared = model.generation.as_ref().is_some_and(|generation| generation.eager);
        model.waiting = Some(Said { words, reply_to });
        if !prepared {
            self.cancel_generation();
        }
        if !self.is_bridging() {
            self.hush();
        }
    }

    /// Answers the caller's turn once the agent is silent.
    pub(super) fn answer_waiting(&mut self, now: Instant) {
        if self.is_silenced() || (self.mouth.open.is_some() && !self.is_bridging()) {
            return;
        }
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(said) = model.waiting.take() else { return };
        model.context.caller(&said.words);
        self.owe_answer(now, said.reply_to);
    }

    /// The caller waits for an answer to what the context holds.
    fn owe_answer(&mut self, now: Instant, reply_to: ReplyTo) {
        self.tools.new_turn();
        self.cite_looked_up();
        let silenced = self.is_silenced();
        let fillers = usize::from(self.is_bridged(reply_to.last_voice));
        let Lead::Model(model) = &mut self.lead else { return };
        model.owed = Some(Owed { last_voice: reply_to.last_voice, decided: now, fillers, filled: None });
        model.reply_to = Some(reply_to);
        if silenced {
            return;
        }
        match &model.generation {
            Some(generation) if generation.eager => self.commit_generation(now),
            Some(_) | None => self.generate(now, Attempt::First, None),
        }
    }

    /// The turn may be over: an answer is prepared.
    pub(super) fn prepare_reply(&mut self, now: Instant, words: &Pii<String>) {
        let silent = self.is_bridging() || (self.mouth.open.is_none() && self.mouth.queue.is_empty());
        let Lead::Model(model) = &self.lead else { return };
        let busy =
            model.generation.is_some() || model.waiting.is_some() || self.tools.is_busy() || self.tools.is_followed();
        if silent && !busy && !self.is_silenced() && self.stage == Stage::Talking && self.outcome.first_speech.is_some()
        {
            self.generate(now, Attempt::First, Some(words.expose()));
        }
    }

    /// It was not over.
    pub(super) fn unprepare_reply(&mut self) {
        self.drop_prepared();
    }

    fn drop_prepared(&mut self) {
        if let Lead::Model(model) = &self.lead
            && model.generation.as_ref().is_some_and(|generation| generation.eager)
        {
            self.cancel_generation();
        }
    }

    /// The context has changed otherwise than by the turn an answer is prepared for.
    pub(super) fn context_changed(&mut self) {
        self.drop_prepared();
    }

    /// Something of the agent's was said to its end.
    pub(super) fn spoken(&mut self, now: Instant, saying: &Saying) {
        let failed = self.sources.stream(&saying.source).is_some_and(|stream| stream.failed);
        if failed {
            let end = self.sources.ledger(&saying.source).map_or(0, |ledger| ledger.samples());
            return self.go_on_otherwise(now, saying, end);
        }
        self.close_saying(saying, false);
        self.sources.drop_stream(&saying.source);
        let Lead::Model(model) = &mut self.lead else { return };
        if saying.purpose == Purpose::Talk {
            model.respoken = false;
        }
    }

    /// What is next when the agent has fallen silent and the caller is quiet.
    pub(super) fn model_move_on(&mut self, now: Instant) {
        self.answer_waiting(now);
        let Lead::Model(model) = &mut self.lead else { return };
        if model.hello.is_some() && model.generation.is_none() && self.is_mouth_free() && self.caller_is_quiet() {
            let Lead::Model(model) = &mut self.lead else { return };
            if let Some(reply_to) = model.hello.take() {
                self.owe_answer(now, reply_to);
            }
        }
    }

    /// Says a prepared text behind what is being said, and lets the model know.
    pub(super) fn say_aside(&mut self, prompt: PromptId, purpose: Purpose) {
        let filler = purpose == Purpose::Filler;
        let saying = self.say_after(Source::Prompt(prompt), purpose, None);
        if let Lead::Model(model) = &mut self.lead {
            model.context.say_beside(saying, filler);
        }
    }

    /// A saying is over, heard to its end or cut.
    pub(super) fn close_saying(&mut self, saying: &Saying, cut: bool) {
        if let Lead::Model(model) = &mut self.lead {
            model.context.close(saying.id, cut);
        }
    }

    /// Nothing works any more: says so if that works, and ends the call.
    pub(super) fn give_up(&mut self, now: Instant, ending: Ending) {
        self.cancel_generation();
        self.drop_tools(now);
        self.owe_nothing();
        let trouble = self.phrases.trouble;
        self.say_goodbye(trouble, ending);
    }

    /// The caller is not understood any more: says so and ends the call.
    pub(super) fn say_cannot_hear(&mut self, now: Instant) {
        if self.stage == Stage::Ended || self.is_saying_goodbye() || self.tools.is_transferring() {
            return;
        }
        self.cancel_generation();
        self.drop_tools(now);
        self.owe_nothing();
        let sorry = self.phrases.cannot_hear;
        self.say_goodbye(sorry, Ending::RecogniserFailed);
    }

    /// Nothing that the caller has said is answered any more.
    pub(super) fn owe_nothing(&mut self) {
        if let Lead::Model(model) = &mut self.lead {
            (model.waiting, model.hello, model.owed) = (None, None, None);
        }
    }

    /// What the caller waits for is waited for from now on.
    pub(super) fn owe_from(&mut self, now: Instant) {
        if let Lead::Model(model) = &mut self.lead {
            let fillers = model.owed.map_or(0, |owed| owed.fillers);
            model.owed = Some(Owed { last_voice: now, decided: now, fillers, filled: None });
        }
    }
}
