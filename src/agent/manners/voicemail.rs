//! What is done when a machine answers: hang up without a word, or leave a message where it is recorded.
//!
//! ```text
//!            machine heard                    beep, or greeting over            said
//!  Person ─────────────────► Waiting ─────────────────────────────► Leaving ─────────► (hang up)
//!    ▲                        │  │ person heard      ▲                  │
//!    └────────────────────────┘  └─ deadline ► hang up └── it speaks on ┘
//! ```
//!
//! People come first: a person who is taken for a machine is hung up on, a machine that is taken for a person costs a
//! sentence. So sound alone only silences us; hanging up takes a beep, a mailbox's words, or a second of nothing
//! human. Who has answered a question of ours is a person from then on.

use std::time::{Duration, Instant};

use callwright_media::detect::phrases::PhraseBook;

use super::{Speaks, speaks};
use crate::agent::input::Party;
use crate::agent::language::Language;
use crate::agent::words::any_said;

/// How long we wait for the sign of a person after sound alone spoke for a machine.
const DOUBT: Duration = Duration::from_millis(1_500);
/// Silence after which a greeting is over although no beep came.
const GREETING_OVER: Duration = Duration::from_millis(2_000);
/// Pause between the beep and our first word, so that it is recorded.
const AFTER_BEEP: Duration = Duration::from_millis(300);
/// The longest greeting that is waited for.
const LONGEST_GREETING: Duration = Duration::from_secs(45);
/// A voice of this length over the message is the machine, which speaks on: nothing was recorded so far.
const SPEAKS_ON: Duration = Duration::from_millis(1_500);
/// So often the message is begun anew.
const MAX_RESTARTS: u8 = 2;
/// So many words at most are a person's reaction to our silence.
const FEW_WORDS: usize = 8;

/// What the conversation shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: go on with whatever is being done.
    Nothing,
    /// Fall silent at once; no reply, no idle prompt, until told otherwise.
    BeSilent,
    /// It is a person after all: greet, or go on where we fell silent.
    GoOn,
    /// Say the message from its beginning, not to be interrupted; report its end with [`Answering::message_said`].
    LeaveMessage,
    /// Hang up without a word: a machine answered.
    HangUp,
    /// Hang up: the message was left.
    Left,
}

/// Watches who answered, and deals with a machine.
#[derive(Clone, Debug)]
pub struct Answering {
    language: Language,
    /// Whether a message shall be left.
    leaves_message: bool,
    state: State,
    /// Since when the callee's voice is heard, while it is.
    voice: Option<Instant>,
    restarts: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A person, as far as is known.
    Person,
    /// Surely a person: they answered us.
    Certain,
    /// Silent; a machine is likely, by sound alone.
    Doubting { until: Instant },
    /// Silent; a machine is greeting.
    Waiting { until: Instant, quiet_since: Option<Instant> },
    /// About to leave the message.
    Ready { at: Instant },
    /// Leaving it. Whether a beep came before.
    Leaving { after_beep: bool },
    /// Over.
    Over,
}

impl Answering {
    /// From the answer of a call on. `leaves_message` is whether there is a message to leave.
    #[must_use]
    pub const fn new(language: Language, leaves_message: bool) -> Self {
        Self { language, leaves_message, state: State::Person, voice: None, restarts: 0 }
    }

    /// Whether we keep silent or speak to a machine: no turn of the callee's is answered, no idle prompt is said.
    #[must_use]
    pub const fn is_with_machine(&self) -> bool {
        match self.state {
            State::Person | State::Certain | State::Over => false,
            State::Doubting { .. } | State::Waiting { .. } | State::Ready { .. } | State::Leaving { .. } => true,
        }
    }

    /// Something was noticed by sound.
    pub fn detected(&mut self, now: Instant, party: Party) -> Step {
        match (party, self.state) {
            (_, State::Certain | State::Over) | (Party::Ringback | Party::Fax | Party::Screening | Party::Menu, _) => {
                Step::Nothing
            }
            (Party::Human, State::Doubting { .. } | State::Waiting { .. }) => self.person(),
            (Party::Human, State::Person | State::Ready { .. } | State::Leaving { .. }) => Step::Nothing,
            (Party::Machine, State::Person) => {
                self.state = State::Doubting { until: now + DOUBT };
                Step::BeSilent
            }
            (
                Party::Machine,
                State::Doubting { .. } | State::Waiting { .. } | State::Ready { .. } | State::Leaving { .. },
            ) => Step::Nothing,
            (Party::Beep, State::Leaving { after_beep: true }) => Step::Nothing,
            (Party::Beep, state) => {
                if !self.leaves_message {
                    return self.over(Step::HangUp);
                }
                // What was said of the message before the beep was not recorded.
                self.state = State::Ready { at: now + AFTER_BEEP };
                if matches!(state, State::Person | State::Leaving { .. }) { Step::BeSilent } else { Step::Nothing }
            }
        }
    }

    /// The callee's voice began.
    pub fn voice_started(&mut self, now: Instant) -> Step {
        self.voice = Some(now);
        match &mut self.state {
            State::Waiting { quiet_since, .. } => *quiet_since = None,
            State::Ready { .. } => self.state = State::Waiting { until: now + LONGEST_GREETING, quiet_since: None },
            State::Person | State::Certain | State::Doubting { .. } | State::Leaving { .. } | State::Over => {}
        }
        Step::Nothing
    }

    /// The callee's voice stopped.
    pub fn voice_stopped(&mut self, now: Instant) -> Step {
        self.voice = None;
        if let State::Waiting { quiet_since, .. } = &mut self.state {
            *quiet_since = Some(now);
        }
        Step::Nothing
    }

    /// Words of the callee's, as far as they are known; may be told again and again as they grow.
    pub fn heard(&mut self, now: Instant, text: &str) -> Step {
        let machine = speaks(self.language, text) == Speaks::Voicemail;
        match self.state {
            State::Person | State::Doubting { .. } if machine => self.machine(now),
            State::Doubting { .. } | State::Waiting { .. } if is_call_for_us(self.language, text) => self.person(),
            State::Person
            | State::Certain
            | State::Doubting { .. }
            | State::Waiting { .. }
            | State::Ready { .. }
            | State::Leaving { .. }
            | State::Over => Step::Nothing,
        }
    }

    /// The callee did what only a person does: answered a question, pressed a key, was talked with.
    pub fn is_person(&mut self) -> Step {
        match self.state {
            State::Doubting { .. } | State::Waiting { .. } | State::Ready { .. } | State::Leaving { .. } => {
                self.state = State::Certain;
                Step::GoOn
            }
            State::Person => {
                self.state = State::Certain;
                Step::Nothing
            }
            State::Certain | State::Over => Step::Nothing,
        }
    }

    /// The message was said to its end.
    pub fn message_said(&mut self) -> Step {
        match self.state {
            State::Leaving { .. } => self.over(Step::Left),
            State::Person
            | State::Certain
            | State::Doubting { .. }
            | State::Waiting { .. }
            | State::Ready { .. }
            | State::Over => Step::Nothing,
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Person | State::Certain | State::Over => None,
            State::Doubting { until } => Some(until),
            State::Waiting { until, quiet_since } => {
                Some(quiet_since.map_or(until, |since| until.min(since + GREETING_OVER)))
            }
            State::Ready { at } => Some(at),
            State::Leaving { after_beep } => self.voice.filter(|_| !after_beep).map(|since| since + SPEAKS_ON),
        }
    }

    /// Lets what is due happen.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return Step::Nothing;
        }
        match self.state {
            State::Person | State::Certain | State::Over => Step::Nothing,
            State::Doubting { .. } => self.machine(now),
            State::Waiting { until, quiet_since } => match quiet_since {
                Some(since) if since + GREETING_OVER <= now => self.leave(false),
                Some(_) | None if until <= now => self.over(Step::HangUp),
                Some(_) | None => Step::Nothing,
            },
            State::Ready { .. } => self.leave(true),
            State::Leaving { .. } => self.speaks_on(now),
        }
    }

    /// It is a machine.
    fn machine(&mut self, now: Instant) -> Step {
        if !self.leaves_message {
            return self.over(Step::HangUp);
        }
        let silent = self.is_with_machine();
        let quiet_since = if self.voice.is_none() { Some(now) } else { None };
        self.state = State::Waiting { until: now + LONGEST_GREETING, quiet_since };
        if silent { Step::Nothing } else { Step::BeSilent }
    }

    fn person(&mut self) -> Step {
        self.state = State::Person;
        Step::GoOn
    }

    fn leave(&mut self, after_beep: bool) -> Step {
        self.state = State::Leaving { after_beep };
        Step::LeaveMessage
    }

    /// The greeting was not over: the message is begun anew after it.
    fn speaks_on(&mut self, now: Instant) -> Step {
        if self.restarts >= MAX_RESTARTS {
            // Left as well as can be.
            self.voice = None;
            return Step::Nothing;
        }
        self.restarts += 1;
        self.state = State::Waiting { until: now + LONGEST_GREETING, quiet_since: None };
        Step::BeSilent
    }

    fn over(&mut self, step: Step) -> Step {
        self.state = State::Over;
        step
    }
}

/// Whether a mailbox greets with such words.
pub(super) fn greets(language: Language, heard: &[String]) -> bool {
    PhraseBook::of(language.tag()).greets(heard)
}

/// Whether somebody who hears nothing calls for us: "hello? who is there?".
fn is_call_for_us(language: Language, text: &str) -> bool {
    let heard = crate::agent::words::words(text);
    let patterns: &[&str] = match language {
        Language::English => {
            &["hello", "who is there|this|calling|that", "anybody|anyone|somebody there", "are you there", "yes"]
        }
        Language::German => &["hallo", "wer ist da|dran|dort", "ist da jemand", "sind sie|noch da|dran", "ja bitte"],
    };
    heard.len() <= FEW_WORDS && any_said(&heard, patterns)
}

#[cfg(test)]
mod tests;
