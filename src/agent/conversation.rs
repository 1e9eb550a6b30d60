//! The conversation core.
//!
//! After every [`Conversation::handle`] or [`Conversation::handle_timeout`] the owner drains
//! [`Conversation::poll_action`] and then sleeps until [`Conversation::poll_timeout`].
//!
//! ```text
//!            Answered             hello heard, or 1 s            last words played
//!  Ringing ───────────► Greeting ────────────────────► Talking ────────────────────► Ended
//!                                    whoever leads says      hang-up, machine, silence
//! ```
//!
//! A flow, a model, a speech-to-speech model, or a bot of somebody else's leads: it decides what is said. Whoever leads, the
//! agent has at most one reply open (`mouth`) and the caller at most one turn (`caller`, by the turn machine); what was
//! played is known to the sample and the word (`sources`); everything that is waited for has a clock (`waiting`). What a
//! bot sends is no reply: it passes the conversation by.

mod asking;
mod caller;
mod closing;
mod external;
mod flowing;
mod late;
mod manners;
mod model;
mod mouth;
mod native;
mod sources;
mod supervising;
mod tools;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use self::caller::{Caller, Keys};
use self::external::ExternalLead;
use self::flowing::FlowLead;
use self::late::Bridges;
use self::manners::Manners;
use self::model::{ModelLead, Phrases};
use self::mouth::Mouth;
use self::native::NativeLead;
use self::sources::Sources;
use self::tools::Tools;
pub use super::action::{Action, Ending, NativeOrder, Source, TransferOrder};
use super::assistant::{Assistant, Mode};
pub use super::flow::script::ScriptError;
use super::flow::script::{self, Script};
use super::flow::template;
use super::flow::wording::Wording;
pub use super::input::{GenerationId, Heard, Input, NativeNews, Party, PromptId, ReplyId, ToolRunId, TransferNews};
use super::language::Language;
pub use super::record::{Answer, AnswerStatus, AnswerValue, Channel, Line, LookUp, Outcome, Speaker, TurnTiming};
use super::texts::Texts;
pub use super::turn::Timing;
use super::turn::machine::{TurnInput, TurnMachine, TurnTimer};
use super::turn::mute::Hearing;
use super::turn::settings::Rules;
use super::turn::stop::Asked;
use crate::pii::Pii;
use crate::provider::stt::Manner;

/// One conversation, from the first ring to its end. Its `Debug` tells the state and nothing that was said.
#[expect(clippy::struct_excessive_bools, reason = "each is a circumstance of its own")]
pub struct Conversation {
    lead: Lead,
    texts: Texts,
    timing: Timing,
    stage: Stage,
    mouth: Mouth,
    sources: Sources,
    turns: TurnMachine,
    told_hearing: Hearing,
    told_asked: Asked,
    told_recording: bool,
    caller: Caller,
    /// Keys that nothing has asked for.
    keys: Option<Keys>,
    tools: Tools,
    manners: Manners,
    phrases: Phrases,
    bridges: Bridges,
    /// What is said to a caller who says goodbye.
    farewell: PromptId,
    /// What is said when the time is up.
    time_up: PromptId,
    /// The time is up: the next words are the last.
    closing: bool,
    /// A supervisor has silenced the agent.
    muted: bool,
    /// What is said must not be kept.
    off_record: bool,
    /// The caller is not to be called again.
    opted_out: bool,
    /// Nobody understands the caller any more.
    deaf: bool,
    /// A switch on the way has answered: the callee's phone still rings.
    rings_on: bool,
    timers: BTreeMap<Timer, Instant>,
    actions: VecDeque<Action>,
    answered: Option<Instant>,
    outcome: Outcome,
    generations: u32,
}

/// Who decides what is said.
enum Lead {
    Flow(Box<FlowLead>),
    Model(Box<ModelLead>),
    Native(Box<NativeLead>),
    External(Box<ExternalLead>),
}

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The callee's first word; then the agent speaks first. While it rings on after the answer: whoever takes the call.
    Greeting,
    /// The caller's turn.
    Turn(TurnTimer),
    /// The next digit.
    Digit,
    /// Any reaction of the caller's.
    Idle,
    /// A text being synthesised.
    Speech,
    /// Audio of a streamed reply.
    Voice,
    /// What is looked up for the model.
    LookUp,
    /// The model's next word.
    Model,
    /// The result of a tool.
    Tool,
    /// An answer that the caller should not wait for in silence.
    Filler,
    /// The caller's voice, over which the agent does not begin to speak.
    Hold,
    /// What the manners of the call wait for: a mailbox's beep, a decision, the rest of a number.
    Manners,
    /// The end of what is being said when the time is up.
    LastWords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The callee has not answered.
    Ringing,
    /// Answered; waiting for a hello.
    Greeting,
    /// Both talk.
    Talking,
    /// Over.
    Ended,
}

impl Conversation {
    /// A conversation with a contact, about to ring. `values` are the contact's values for the assistant's variables.
    ///
    /// Asks at once for every text that may be needed, so that they are spoken and ready when the callee answers.
    ///
    /// # Errors
    /// The assistant is faulty or a text cannot be made for this contact: no call should be placed.
    pub fn new(
        assistant: &Assistant,
        values: &BTreeMap<String, Pii<String>>,
        timing: Timing,
    ) -> Result<Self, ScriptError> {
        let mut first = Vec::new();
        let (lead, mut texts, values, farewell, time_up) = match assistant.mode {
            Mode::Flow => {
                let mut script = Script::compile(assistant, values)?;
                first.extend(script.texts_in_order());
                let texts = std::mem::take(&mut script.texts);
                let (farewell, time_up, values) = (script.goodbye, script.time_up, script.values.clone());
                let lead = FlowLead::new(script, !assistant.providers.llm.is_empty());
                (Lead::Flow(Box::new(lead)), texts, values, farewell, time_up)
            }
            Mode::Llm | Mode::SpeechToSpeech | Mode::External => {
                let values = script::values(assistant, values)?;
                let wording = Wording::of(Language::or_english(&assistant.language));
                let mut texts = Texts::default();
                let lead = if assistant.mode == Mode::Llm {
                    let model = ModelLead::new(assistant, &values, &mut texts)?;
                    first.extend(model.greeting);
                    Lead::Model(Box::new(model))
                } else if assistant.mode == Mode::External {
                    Lead::External(Box::new(ExternalLead::new(assistant, &values)?))
                } else {
                    let greeting = match &assistant.greeting {
                        Some(greeting) => Some(model::render("greeting", greeting, &values, template::render)?),
                        None => None,
                    };
                    Lead::Native(Box::new(NativeLead::new(greeting)))
                };
                let farewell = match &assistant.closing {
                    Some(closing) => model::render("closing", closing, &values, template::render)?,
                    None => wording.goodbye.to_owned(),
                };
                let (farewell, time_up) = (texts.add(farewell), texts.add(wording.time_up.to_owned()));
                (lead, texts, values, farewell, time_up)
            }
        };
        let tools = Tools::new(assistant, &values, &mut texts)?;
        let phrases = Phrases::new(&assistant.language, &mut texts);
        match &lead {
            Lead::Flow(flow) => first.extend(phrases.fillers.iter().filter(|_| flow.script.uses_tools())),
            Lead::External(_) => first.extend([phrases.trouble, farewell, time_up]),
            Lead::Model(_) | Lead::Native(_) => {
                first.extend(phrases.all().chain([farewell, time_up]).chain(tools.fillers()));
            }
        }
        let manners = Manners::new(assistant, &values, &mut texts)?;
        first.splice(0..0, manners.first_texts(&assistant.disclosure));
        first.extend(manners.machine_texts());
        let rules = Rules::new(&assistant.language, &assistant.turn.turns(&assistant.language));
        let mut conversation = Self {
            lead,
            texts,
            timing,
            stage: Stage::Ringing,
            mouth: Mouth::default(),
            sources: Sources::default(),
            turns: TurnMachine::new(rules, Manner::TURN_BY_TURN),
            told_hearing: Hearing::Everything,
            told_asked: Asked::default(),
            told_recording: true,
            caller: Caller::default(),
            keys: None,
            tools,
            manners,
            phrases,
            bridges: Bridges::default(),
            farewell,
            time_up,
            closing: false,
            muted: false,
            off_record: false,
            opted_out: false,
            deaf: false,
            rings_on: false,
            timers: BTreeMap::new(),
            actions: VecDeque::new(),
            answered: None,
            outcome: Outcome::default(),
            generations: 0,
        };
        if let Lead::Native(_) = conversation.lead {
            let instructions = Pii::new(model::instructions(assistant, &values)?);
            let tools = conversation.tools.offered();
            conversation.actions.push_back(Action::Native(NativeOrder::Open { instructions, tools }));
        }
        for prompt in first {
            conversation.prepare(prompt);
        }
        Ok(conversation)
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.stage == Stage::Ended {
            // A caller who was handed over talks on, and is still recorded.
            if let Input::OffRecord(off) = input {
                self.set_off_record(off);
                self.tell_recorder();
            }
            return;
        }
        let before = |ago: Duration| now.checked_sub(ago).unwrap_or(now);
        match input {
            Input::Prepared { prompt, samples, marks } => self.prepared(prompt, samples, &marks),
            Input::PrepareFailed { prompt } => self.prepare_failed(prompt),
            Input::Answered => self.callee_answered(now),
            Input::VoiceStarted { ago } => self.voice_started(now, before(ago)),
            Input::VoiceStopped { ago } => self.voice_stopped(now, before(ago)),
            Input::Overlap(verdict) => self.turns.handle(now, TurnInput::Overlap(verdict)),
            Input::Dtmf { digit, ago } => self.key_pressed(now, digit, before(ago)),
            Input::DtmfSent => self.dtmf_sent(now),
            Input::SpeechStarted { reply, ago } => self.speech_started(now, reply, before(ago)),
            Input::SpeechFinished { reply, ago } => self.speech_finished(now, reply, before(ago)),
            Input::SpeechCut { reply, heard, ago } => self.speech_cut(now, reply, heard, before(ago)),
            Input::SpeechStarved { reply, ago } => self.speech_starved(reply, Some(before(ago))),
            Input::SpeechFed { reply, .. } => self.speech_starved(reply, None),
            Input::Synthesised { utterance, samples, complete } => {
                self.sources.lengthen(now, &Source::Utterance(utterance), samples, complete);
            }
            Input::Marks { utterance, marks } => self.sources.mark(utterance, &marks),
            Input::SpeechFailed { utterance } => self.speech_failed(now, &Source::Utterance(utterance)),
            Input::Recogniser(manner) => self.recogniser_is(now, manner),
            Input::Heard(heard) => self.heard(now, heard),
            Input::Understood { turn, transcript } => self.understood(now, turn, transcript),
            Input::NotUnderstood { turn } => self.not_understood(now, turn),
            Input::RecogniserDead => self.recogniser_dead(now),
            Input::Token { generation, text } if self.is_flow() => self.understanding_token(generation, text.expose()),
            Input::Token { generation, text } => self.token(now, generation, text.expose()),
            Input::ToolCalled { generation, call } => self.tool_called(now, generation, call),
            Input::Generated { generation, .. } if self.is_flow() => self.understanding_over(now, generation, false),
            Input::Generated { generation, reason } => self.generated(now, generation, reason),
            Input::GenerationFailed { generation, .. } if self.is_flow() => {
                self.understanding_over(now, generation, true);
            }
            Input::GenerationFailed { generation, .. } => self.generation_failed(now, generation),
            Input::LookedUp { generation, passages } => self.looked_up(now, generation, passages),
            Input::ToolResult { run, result } => self.tool_result(now, run, result),
            Input::Tools(specs) => self.set_outside_tools(specs),
            Input::Transfer(news) => self.transfer_news(now, &news),
            Input::Native(news) => self.native_news(now, news),
            Input::External(news) => self.external_news(now, news),
            Input::Detected(party) => self.party_detected(now, party),
            Input::Note(text) => self.whispered(text.expose()),
            Input::Colleague(text) => self.overheard(text.expose()),
            Input::Muted(muted) => self.mute(now, muted),
            Input::OffRecord(off) => self.set_off_record(off),
            Input::TimeNearlyUp => self.time_nearly_up(now),
            Input::HungUp { by_callee } => self.hung_up(now, by_callee),
        }
        self.settle_down(now);
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, timer)) = self.poll_timeout()
            && at <= now
        {
            self.timers.remove(&timer);
            match timer {
                Timer::Turn(_) => self.turns.handle_timeout(now),
                Timer::Greeting if self.rings_on => self.end(now, Ending::NotAnswered),
                Timer::Greeting => self.open(now),
                Timer::Digit => self.digits_over(now),
                Timer::Idle => self.idle(now),
                Timer::Speech => self.fail(now),
                Timer::Voice => self.voice_late(now),
                Timer::Model if matches!(self.lead, Lead::Native(_)) => self.native_late(now),
                Timer::Model if self.is_flow() => self.understanding_late(now),
                Timer::Model => self.model_late(now),
                Timer::LookUp => self.look_up_late(now),
                Timer::Tool => self.tools_late(now),
                Timer::Filler => self.fill(now),
                Timer::Hold => {}
                Timer::Manners => self.manners_due(now),
                Timer::LastWords => self.last_words_over(now),
            }
            self.settle_down(now);
        }
    }

    /// When to call [`Self::handle_timeout`], and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        let own = self.timers.iter().map(|(timer, at)| (*at, *timer)).min();
        let turn = self.turns.poll_timeout().map(|(at, timer)| (at, Timer::Turn(timer)));
        own.into_iter().chain(turn.filter(|_| self.stage != Stage::Ended)).min()
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What the conversation has left behind so far.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    fn callee_answered(&mut self, now: Instant) {
        if self.stage == Stage::Ringing {
            self.stage = Stage::Greeting;
            self.answered = Some(now);
            self.timers.insert(Timer::Greeting, now + self.timing.greeting_wait);
            if let Lead::External(_) = self.lead {
                // A bot hears the callee's hello itself.
                self.open(now);
            }
        }
    }

    /// The agent takes the word for the first time.
    fn open(&mut self, now: Instant) {
        if self.stage != Stage::Greeting {
            return;
        }
        self.timers.remove(&Timer::Greeting);
        self.stage = Stage::Talking;
        self.take_the_floor(now);
    }

    /// Whoever leads has the word.
    fn lead_open(&mut self, now: Instant) {
        match &self.lead {
            Lead::Flow(flow) => {
                let start = flow.script.start;
                self.enter(now, start);
            }
            Lead::Model(_) => self.model_open(now),
            Lead::Native(_) => self.native_open(now),
            Lead::External(_) => self.external_open(),
        }
    }

    fn key_pressed(&mut self, now: Instant, digit: char, at: Instant) {
        if self.stage != Stage::Talking || self.closing || self.is_saying_goodbye() {
            return;
        }
        self.outcome.caller_reacted = true;
        self.watch_key(now, digit);
        match &self.lead {
            Lead::Flow(_) => self.flow_key(now, digit, at),
            Lead::Model(_) | Lead::Native(_) => self.free_key(now, digit, at),
            Lead::External(_) => self.external_key(now, digit, at),
        }
    }

    fn digits_over(&mut self, now: Instant) {
        match &self.lead {
            Lead::Flow(_) => self.digits_complete(now),
            Lead::Model(_) | Lead::Native(_) | Lead::External(_) => {
                if !self.collecting_complete(now) {
                    self.keys_complete(now);
                }
            }
        }
    }

    const fn is_flow(&self) -> bool {
        matches!(self.lead, Lead::Flow(_))
    }

    /// What follows from the state alone, after every change of it.
    fn settle_down(&mut self, now: Instant) {
        let mut moved = true;
        while moved && self.stage != Stage::Ended {
            self.follow_turns(now);
            self.tell_turns(now);
            match &self.lead {
                Lead::Model(_) => {
                    self.model_move_on(now);
                    self.do_next(now);
                }
                Lead::Flow(_) | Lead::Native(_) => self.do_next(now),
                Lead::External(_) => self.external_move_on(now),
            }
            self.speak_next(now);
            moved = self.follow_turns(now);
        }
        if self.stage != Stage::Ended {
            self.tell_recorder();
            self.set_clocks(now);
        }
        self.check_invariants();
    }

    fn write(&mut self, mut line: Line) {
        let text = line.text.expose();
        line.text = Pii::new(match self.is_off_record() {
            true => caller::OFF_RECORD.to_owned(),
            false => self.manners.masked(text, line.keys),
        });
        self.outcome.transcript.push(line.clone());
        self.actions.push_back(Action::Transcribed(line));
    }

    /// How long the call was up at `at`.
    fn since_answer(&self, at: Instant) -> Duration {
        self.answered.map_or(Duration::ZERO, |answered| at.saturating_duration_since(answered))
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(self.since_answer(at).as_millis()).unwrap_or(u64::MAX)
    }

    /// What must hold between inputs.
    fn check_invariants(&self) {
        debug_assert!(
            self.stage != Stage::Ended || (self.poll_timeout().is_none() && self.asking().is_none()),
            "nothing goes on after the end: {self:?}"
        );
        let clocked = self.poll_timeout().is_some();
        debug_assert!(
            self.stage != Stage::Talking
                || self.mouth.open.is_some()
                || clocked
                || self.is_silenced()
                || !self.caller_is_quiet()
                || matches!(self.lead, Lead::Native(_) | Lead::External(_)),
            "something ends every wait: {self:?}"
        );
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lead = match &self.lead {
            Lead::Flow(_) => "flow",
            Lead::Model(_) => "model",
            Lead::Native(_) => "native",
            Lead::External(_) => "external",
        };
        f.debug_struct("Conversation")
            .field("lead", &lead)
            .field("stage", &self.stage)
            .field("mouth", &self.mouth)
            .field("timers", &self.timers)
            .field("has_turn", &self.turns.has_turn())
            .field("owes", &self.owes_something())
            .field("closing", &self.closing)
            .field("muted", &self.muted)
            .field("ending", &self.outcome.ending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests pick the few actions they look at")]
mod tests;
