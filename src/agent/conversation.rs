//! The conversation core.
//!
//! After every [`Conversation::handle`] or [`Conversation::handle_timeout`] the owner drains
//! [`Conversation::poll_action`] and then sleeps until [`Conversation::poll_timeout`].
//!
//! ```text
//!            Answered             hello heard, or 1 s            last words played
//!  Ringing ───────────► Greeting ────────────────────► Talking ────────────────────► Ended
//!                                       say → ask → … → end      hang-up, machine, silence
//! ```
//!
//! While talking, the agent has at most one reply open (`mouth`) and the caller at most one turn (`caller`); a question
//! is open from its first word until it has its one status (`asking`).

mod asking;
mod caller;
mod mouth;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use self::asking::Asking;
use self::caller::Caller;
use self::mouth::{Clip, Cut, Mouth, Purpose};
pub use super::action::{Action, Ending, Source};
use super::assistant::Assistant;
pub use super::flow::script::ScriptError;
use super::flow::script::{Node, Script};
pub use super::input::{Heard, Input, Party, PromptId, ReplyId};
pub use super::record::{Answer, AnswerStatus, AnswerValue, Channel, Line, Outcome, Speaker, TurnTiming};
pub use super::turn::Timing;
use super::turn::mute::{self, Hearing};
use crate::pii::Pii;

/// One conversation, from the first ring to its end.
#[derive(Debug)]
pub struct Conversation {
    script: Script,
    timing: Timing,
    stage: Stage,
    mouth: Mouth,
    caller: Caller,
    asking: Option<Asking>,
    /// A text that was interrupted and may be taken up again.
    cut: Option<Cut>,
    /// The time is up: the next words are the last.
    closing: bool,
    clips: BTreeMap<PromptId, Clip>,
    timers: BTreeMap<Timer, Instant>,
    actions: VecDeque<Action>,
    answered: Option<Instant>,
    outcome: Outcome,
    replies: u32,
    turns: u32,
}

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The callee's first word; then the agent speaks first.
    Greeting,
    /// A voice over the agent's that has not lasted long enough to interrupt.
    BargeIn,
    /// More words of the same turn.
    EndOfTurn,
    /// The end of a turn without end.
    LongestTurn,
    /// The recogniser's answer.
    Recogniser,
    /// The next digit.
    Digit,
    /// Any reaction to a question.
    Idle,
    /// A text being synthesised.
    Speech,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The callee has not answered.
    Ringing,
    /// Answered; waiting for a hello.
    Greeting,
    /// The flow runs.
    Talking,
    /// Over.
    Ended,
}

impl Conversation {
    /// A conversation with a contact, about to ring. `values` are the contact's values for the assistant's variables.
    ///
    /// Asks at once for every text of the flow, so that they are spoken and ready when the callee answers.
    ///
    /// # Errors
    /// The assistant is faulty or a text cannot be made for this contact: no call should be placed.
    pub fn new(
        assistant: &Assistant,
        values: &BTreeMap<String, Pii<String>>,
        timing: Timing,
    ) -> Result<Self, ScriptError> {
        let script = Script::compile(assistant, values)?;
        let mut conversation = Self {
            stage: Stage::Ringing,
            mouth: Mouth::Quiet,
            caller: Caller::default(),
            asking: None,
            cut: None,
            closing: false,
            clips: BTreeMap::new(),
            timers: BTreeMap::new(),
            actions: VecDeque::new(),
            answered: None,
            outcome: Outcome {
                ending: None,
                flow_completed: false,
                caller_reacted: false,
                first_speech: None,
                answers: Vec::new(),
                transcript: Vec::new(),
                turns: Vec::new(),
            },
            replies: 0,
            turns: 0,
            script,
            timing,
        };
        for prompt in conversation.script.texts_in_order() {
            conversation.prepare(prompt);
        }
        Ok(conversation)
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if self.stage == Stage::Ended {
            return;
        }
        match input {
            Input::Prepared { prompt, samples, marks } => self.prepared(now, prompt, Clip::Ready { samples, marks }),
            Input::PrepareFailed { prompt } => self.prepared(now, prompt, Clip::Failed),
            Input::Answered => self.callee_answered(now),
            Input::VoiceStarted { ago } => self.voice_started(now, before(now, ago)),
            Input::VoiceStopped { ago } => self.voice_stopped(now, before(now, ago)),
            Input::Dtmf { digit, ago } => self.key_pressed(now, digit, before(now, ago)),
            Input::SpeechStarted { reply, ago } => self.speech_started(reply, before(now, ago)),
            Input::SpeechFinished { reply, ago } => self.speech_finished(now, reply, before(now, ago)),
            Input::SpeechCut { reply, heard, ago } => self.speech_cut(now, reply, heard, before(now, ago)),
            Input::Understood { turn, transcript } => self.understood(now, turn, transcript),
            Input::NotUnderstood { turn } => self.not_understood(now, turn),
            Input::Detected(Party::Machine | Party::Beep) => self.machine_detected(now),
            Input::TimeNearlyUp => self.time_nearly_up(now),
            Input::HungUp { by_callee } => self.hung_up(now, by_callee),
            // A flow without a model asks for nothing that these could answer.
            Input::Detected(Party::Human | Party::Ringback | Party::Fax)
            | Input::DtmfSent
            | Input::SpeechStarved { .. }
            | Input::SpeechFed { .. }
            | Input::Synthesised { .. }
            | Input::Marks { .. }
            | Input::SpeechFailed { .. }
            | Input::Recogniser(_)
            | Input::Heard(_)
            | Input::RecogniserDead
            | Input::Token { .. }
            | Input::ToolCalled { .. }
            | Input::Generated { .. }
            | Input::GenerationFailed { .. }
            | Input::ToolResult { .. }
            | Input::Tools(_)
            | Input::Transfer(_)
            | Input::Native(_)
            | Input::Note(_)
            | Input::Muted(_)
            | Input::OffRecord(_) => {}
        }
        self.settle_down(now);
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at) {
            let timer = *timer.0;
            self.timers.remove(&timer);
            match timer {
                Timer::Greeting => self.open(now),
                Timer::BargeIn => self.interrupt(),
                Timer::EndOfTurn | Timer::LongestTurn => self.turn_over(now),
                Timer::Recogniser => self.recogniser_late(now),
                Timer::Digit => self.digits_complete(now),
                Timer::Idle => self.idle(now),
                Timer::Speech => self.fail(now),
            }
            self.settle_down(now);
        }
    }

    /// When to call [`Self::handle_timeout`], and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.iter().map(|(timer, at)| (*at, *timer)).min()
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
        }
    }

    /// The agent takes the word for the first time.
    fn open(&mut self, now: Instant) {
        if self.stage == Stage::Greeting {
            self.timers.remove(&Timer::Greeting);
            self.stage = Stage::Talking;
            self.enter(now, self.script.start);
        }
    }

    /// Goes to a node and on through branches until something is said.
    fn enter(&mut self, now: Instant, mut index: usize) {
        loop {
            match self.script.node(index).clone() {
                Node::Say { prompt, next } => return self.say(now, prompt, Purpose::Statement { next }),
                Node::Ask(question) => return self.ask(now, question),
                Node::Branch { on, cases, otherwise } => {
                    let value = self.script.values.get(&on);
                    let case = cases.iter().find(|(is, _)| Some(is) == value);
                    index = case.map_or(otherwise, |(_, next)| *next);
                }
                Node::End { prompt, reason } => {
                    self.outcome.flow_completed = true;
                    let ending = Ending::Completed { reason };
                    return match prompt {
                        Some(prompt) => self.say(now, prompt, Purpose::Goodbye(ending)),
                        None => self.end(now, ending),
                    };
                }
            }
        }
    }

    fn machine_detected(&mut self, now: Instant) {
        if self.stage != Stage::Ringing {
            self.end(now, Ending::VoicemailReached);
        }
    }

    fn time_nearly_up(&mut self, now: Instant) {
        if self.stage == Stage::Ringing || self.is_saying_goodbye() {
            return;
        }
        self.timers.remove(&Timer::Greeting);
        self.stage = Stage::Talking;
        self.closing = true;
        self.close_question(now, AnswerStatus::NoInput);
        self.abandon_turn();
        self.cut = None;
        if !matches!(self.mouth, Mouth::Open(_)) {
            self.say(now, self.script.time_up, Purpose::Goodbye(Ending::TimeUp));
        }
    }

    fn hung_up(&mut self, now: Instant, by_callee: bool) {
        let status = if by_callee { AnswerStatus::Declined } else { AnswerStatus::NoInput };
        self.close_question(now, status);
        self.end(now, Ending::HungUp);
    }

    /// A text could not be spoken.
    fn fail(&mut self, now: Instant) {
        self.end(now, Ending::SpeechFailed);
    }

    /// Nothing follows.
    fn end(&mut self, now: Instant, ending: Ending) {
        self.close_question(now, AnswerStatus::NoInput);
        self.abandon_turn();
        self.break_off(now);
        self.stage = Stage::Ended;
        self.timers.clear();
        self.outcome.ending = Some(ending.clone());
        self.actions.push_back(Action::End(ending));
    }

    /// What follows from the state alone, after every change of it.
    fn settle_down(&mut self, now: Instant) {
        if self.is_listening() {
            let at = self.asking.as_ref().map_or(now, |asking| asking.idle_at(now, &self.timing));
            self.timers.insert(Timer::Idle, at);
        } else {
            self.timers.remove(&Timer::Idle);
        }
        self.check_invariants();
    }

    /// A question was put, and nothing happens.
    fn is_listening(&self) -> bool {
        self.stage == Stage::Talking
            && matches!(self.mouth, Mouth::Quiet)
            && self.caller.is_quiet()
            && !self.timers.contains_key(&Timer::Digit)
            && self.asking.is_some()
    }

    fn hearing(&self) -> Hearing {
        mute::hearing(self.stage == Stage::Talking, self.closing || self.is_saying_goodbye())
    }

    fn write(&mut self, line: Line) {
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
            self.stage != Stage::Ended || (self.timers.is_empty() && self.asking.is_none()),
            "nothing goes on after the end: {self:?}"
        );
        debug_assert!(
            self.stage != Stage::Talking
                || matches!(self.mouth, Mouth::Open(_))
                || !self.timers.is_empty()
                || self.caller.is_speaking(),
            "something ends every wait: {self:?}"
        );
    }
}

/// The instant of an event that is reported later.
fn before(now: Instant, ago: Duration) -> Instant {
    now.checked_sub(ago).unwrap_or(now)
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests pick the few actions they look at")]
mod tests;
