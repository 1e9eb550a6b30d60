//! The caller's side: what is heard goes to the turn machine, what the machine says goes to whoever leads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mouth::{AfterCut, ReplyTo};
use super::{Action, Conversation, Heard, Lead, Line, NativeOrder, Speaker, Stage, Timer};
use crate::agent::flow::meaning::Expectation;
use crate::agent::turn::machine::{Turn, TurnInput, TurnSignal};
use crate::agent::turn::mute::{self, Circumstances, Hearing};
use crate::agent::turn::stop::Asked;
use crate::pii::Pii;
use crate::provider::stt::{Manner, Transcript, TurnId};

/// What stands in the transcript for what must not be kept.
pub(super) const OFF_RECORD: &str = "[off the record]";

/// Most keys that are taken together.
const MOST_KEYS: usize = 32;

/// So long a voice is let speak before the agent begins all the same: one that has said words, and one that has not.
const RESPECT: Duration = Duration::from_secs(30);
const WORDLESS: Duration = Duration::from_millis(1_500);

/// What is known of the caller.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Since when the caller's voice is heard, while it is.
    voice: Option<Instant>,
    /// Its last packet, once it has stopped.
    pub(super) last_voice: Option<Instant>,
    /// The turn that is open.
    turn: Option<Listening>,
    /// The turn that the next reply answers.
    pub(super) reply_to: Option<ReplyTo>,
    /// Since when both speak, from the interruption until the agent is silent.
    pub(super) talk_over: Option<Instant>,
    /// For how long both spoke when the open turn began.
    pub(super) talked_over: Option<Duration>,
    /// The last possible digit was typed: a `#` until then belongs to that number and not to what is asked next.
    pub(super) hash_until: Option<Instant>,
}

/// A turn that is being listened to.
#[derive(Debug)]
struct Listening {
    since: Instant,
    /// Words were heard in it.
    words: bool,
    last_voice: Option<Instant>,
    /// What it may mean; `None` for an answer that is recorded.
    expected: Option<Arc<Expectation>>,
}

/// Keys being typed.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) typed: String,
    pub(super) first: Instant,
    pub(super) last: Instant,
}

/// A free answer on the record.
pub(super) struct FreeAnswer {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// It began as the callee's half of the mutual hello.
    pub(super) overlap: bool,
}

impl Caller {
    /// While the caller speaks: until when that is to be respected.
    pub(super) fn speaks_until(&self) -> Option<Instant> {
        let turn = self.turn.as_ref().filter(|turn| self.voice.is_some() || turn.words)?;
        let since = self.voice.map_or(turn.since, |voice| voice.max(turn.since));
        Some(since + if turn.words { RESPECT } else { WORDLESS })
    }

    pub(super) const fn voice_since(&self) -> Option<Instant> {
        self.voice
    }
}

impl Conversation {
    pub(super) fn voice_started(&mut self, now: Instant, since: Instant) {
        if self.stage == Stage::Ringing {
            return;
        }
        self.outcome.caller_reacted = true;
        self.caller.voice = Some(since);
        self.manners_hear_voice(now, true);
        self.turns.handle(now, TurnInput::VoiceStarted { since });
    }

    pub(super) fn voice_stopped(&mut self, now: Instant, last_voice: Instant) {
        let Some(since) = self.caller.voice.take() else { return };
        self.caller.last_voice = Some(last_voice);
        self.manners_hear_voice(now, false);
        if let Some(turn) = &mut self.caller.turn {
            turn.last_voice = Some(last_voice);
        } else if matches!(self.lead, Lead::Flow(_)) {
            self.write_caller(String::new(), since, last_voice);
        }
        self.turns.handle(now, TurnInput::VoiceStopped { last_voice });
        self.picked_up(now);
        if self.stage == Stage::Greeting {
            self.open(now);
        }
    }

    pub(super) fn heard(&mut self, now: Instant, heard: Heard) {
        if let Heard::Partial { words } | Heard::EagerEnd { words } | Heard::TurnEnded { words } = &heard
            && self.stage != Stage::Ringing
        {
            self.words_so_far(now, words.expose());
        }
        self.turns.handle(
            now,
            match heard {
                Heard::TurnStarted => TurnInput::TurnStarted,
                Heard::Partial { words } => TurnInput::Partial { words },
                Heard::EagerEnd { words } => TurnInput::EagerEnd { words },
                Heard::Resumed => TurnInput::Resumed,
                Heard::TurnEnded { words } => TurnInput::TurnEnded { words },
            },
        );
    }

    pub(super) fn understood(&mut self, now: Instant, turn: TurnId, transcript: Transcript) {
        self.turns.handle(now, TurnInput::Final { turn, transcript });
    }

    pub(super) fn not_understood(&mut self, now: Instant, turn: TurnId) {
        self.turns.handle(now, TurnInput::Failed { turn });
    }

    /// Nobody understands the caller any more.
    pub(super) fn recogniser_dead(&mut self, now: Instant) {
        // Turns are still noticed by their sound; each comes to nothing understood.
        self.turns.handle(now, TurnInput::Manner(Manner::TURN_BY_TURN));
        self.deaf = true;
        match &self.lead {
            // Keys answer as well, and every hint says so.
            Lead::Flow(_) => {}
            Lead::Model(_) => self.say_cannot_hear(now),
            Lead::Native(_) | Lead::External(_) => {}
        }
    }

    /// The voice is there, a turn is open, or keys are being typed: nobody speaks over that without need.
    pub(super) fn caller_has_word(&self) -> bool {
        self.turns.has_turn() || self.timers.contains_key(&Timer::Digit)
    }

    pub(super) fn caller_is_quiet(&self) -> bool {
        self.caller.voice.is_none() && !self.caller_has_word()
    }

    /// Does what the turn machine says; true when it has said something.
    pub(super) fn follow_turns(&mut self, now: Instant) -> bool {
        let mut followed = false;
        while let Some(signal) = self.turns.poll_signal() {
            followed = true;
            match signal {
                TurnSignal::Started { turn, since } => self.turn_started(now, turn, since),
                TurnSignal::Reopened { turn, since, .. } => self.listen(now, turn, since),
                TurnSignal::Updated { .. } => {
                    self.outcome.caller_reacted = true;
                    if let Some(turn) = &mut self.caller.turn {
                        turn.words = true;
                    }
                }
                TurnSignal::EagerEnd { words } => self.prepare_reply(now, &words),
                TurnSignal::Resumed => self.unprepare_reply(),
                TurnSignal::Close { turn } => self.actions.push_back(Action::EndTurn { turn }),
                TurnSignal::Ended(turn) => self.turn_ended(now, turn),
                TurnSignal::Dismissed(turn) => self.turn_dismissed(now, &turn),
                TurnSignal::Abandoned { turn } => {
                    let listened = self.caller.turn.take().is_some_and(|open| open.expected.is_some());
                    if listened {
                        self.actions.push_back(Action::AbandonTurn { turn });
                    }
                }
                TurnSignal::Late { words, .. } => self.came_late(now, words),
                TurnSignal::Interrupt { since } => self.interrupt(since),
                TurnSignal::Patience(patience) => self.actions.push_back(Action::Patience(patience)),
            }
        }
        followed
    }

    /// Tells the turn machine what counts and what is asked, when that has changed.
    pub(super) fn tell_turns(&mut self, now: Instant) {
        let hearing = self.hearing();
        if std::mem::replace(&mut self.told_hearing, hearing) != hearing {
            self.turns.handle(now, TurnInput::Hearing(hearing));
        }
        let asked = self.asked();
        if std::mem::replace(&mut self.told_asked, asked) != asked {
            self.expect_number(matches!(asked, Asked::Number { .. }));
            self.turns.handle(now, TurnInput::Asked(asked));
        }
    }

    /// What counts at present.
    pub(super) fn hearing(&self) -> Hearing {
        let closing = self.closing || self.is_saying_goodbye();
        let disclosing = self.stage == Stage::Talking && self.manners.is_disclosing();
        match &self.lead {
            Lead::Flow(_) | Lead::Model(_) if self.manners.keeps_quiet() && !closing => Hearing::Uninterrupted,
            Lead::Flow(_) => mute::rule(Circumstances {
                unopened: self.stage != Stage::Talking,
                closing: closing || self.tools.is_transferring(),
                disclosing,
                ..Circumstances::default()
            }),
            // The callee's hello is listened to as well: it may say who it is.
            Lead::Model(_) if self.stage == Stage::Greeting => Hearing::Uninterrupted,
            Lead::Model(_) => mute::rule(Circumstances {
                unopened: self.stage != Stage::Talking,
                closing: closing || self.tools.is_transferring(),
                disclosing,
                secret: self.tools.collects_secret(),
            }),
            // What the caller says is written down; the bot hears by itself.
            Lead::External(bot) if bot.listens && self.stage == Stage::Talking && !closing => Hearing::Uninterrupted,
            // The model hears by itself.
            Lead::Native(_) | Lead::External(_) => Hearing::Nothing,
        }
    }

    fn asked(&self) -> Asked {
        match &self.lead {
            Lead::Flow(flow) => flow.asked(self.turns.manner()),
            Lead::Model(_) => self.tools.asked(),
            Lead::Native(_) | Lead::External(_) => Asked::Open,
        }
    }

    fn turn_started(&mut self, now: Instant, turn: TurnId, since: Instant) {
        self.outcome.caller_reacted = true;
        self.caller.talked_over = None;
        self.caller.turn = Some(Listening { since, words: false, last_voice: None, expected: None });
        self.listen(now, turn, since);
    }

    /// Has the recogniser listen, unless the answer is only recorded.
    fn listen(&mut self, now: Instant, turn: TurnId, since: Instant) {
        let expected = match &self.lead {
            Lead::Flow(flow) => flow.expected(self.turns.manner()),
            Lead::Model(model) => Some(Arc::clone(&model.anything)),
            Lead::External(bot) => Some(Arc::clone(&bot.anything)),
            Lead::Native(_) => None,
        };
        if let Some(open) = &mut self.caller.turn {
            open.expected.clone_from(&expected);
        }
        if let Some(expected) = expected {
            let grammar = Arc::clone(&expected.grammar);
            let ago = now.saturating_duration_since(since);
            self.actions.push_back(Action::Listen { turn, grammar, ago });
        }
    }

    fn turn_ended(&mut self, now: Instant, turn: Turn) {
        let expected = self.caller.turn.take().and_then(|open| open.expected);
        if self.mind_turn(now, &turn) {
            return self.unprepare_reply();
        }
        let overlap = self.belongs_to_hello(&turn);
        match (&self.lead, expected) {
            (Lead::Flow(_), Some(expected)) => self.flow_turn_ended(now, turn, &expected, overlap),
            (Lead::Flow(_), None) => {
                let answer = FreeAnswer { since: turn.since, until: turn.last_voice, overlap };
                self.free_answer_over(now, &answer);
            }
            (Lead::Model(_), _) => self.model_turn_ended(now, turn, overlap),
            (Lead::Native(_), _) => {}
            (Lead::External(_), _) => self.external_heard(turn),
        }
    }

    /// It was a noise, or a remark beside what the agent says.
    fn turn_dismissed(&mut self, now: Instant, turn: &Turn) {
        self.caller.turn = None;
        if matches!(turn.transcript, Transcript::Words { .. }) && self.mind_turn(now, turn) {
            return self.unprepare_reply();
        }
        let hello = self.belongs_to_hello(turn);
        if let Transcript::Words { text, .. } = &turn.transcript {
            if let Lead::Model(model) = &mut self.lead {
                model.idle_prompts = 0;
                if hello {
                    model.context.caller_first(text.expose());
                }
            }
            self.write_caller(text.expose().clone(), turn.since, turn.last_voice);
        }
        self.resume(now);
    }

    fn came_late(&mut self, now: Instant, words: Pii<String>) {
        self.watch_card(now, words.expose());
        if let Lead::Model(model) = &mut self.lead {
            model.context.caller_late(words.expose());
        }
        self.write_caller(words.into_inner(), now, now);
    }

    /// Whether a turn is the callee's half of the mutual hello.
    fn belongs_to_hello(&self, turn: &Turn) -> bool {
        let before_us = match (self.answered, self.outcome.first_speech) {
            (Some(answered), Some(first)) => turn.since < answered + first,
            (Some(_), None) => self.mouth.open.is_some(),
            (None, _) => false,
        };
        turn.greeting || before_us
    }

    /// Ends an answer that is being recorded, if one is.
    pub(super) fn take_free_answer(&mut self, now: Instant) -> Option<FreeAnswer> {
        let open = self.caller.turn.take_if(|open| open.expected.is_none())?;
        self.turns.handle(now, TurnInput::Abandon);
        let until = if self.caller.voice.is_some() { now } else { open.last_voice.unwrap_or(now) };
        Some(FreeAnswer { since: open.since, until, overlap: false })
    }

    /// The turn is of no interest any more.
    pub(super) fn abandon_turn(&mut self, now: Instant) {
        if self.turns.has_turn() {
            self.turns.handle(now, TurnInput::Abandon);
        }
    }

    /// A key that no question has asked for: what is typed is told to the model as a turn.
    pub(super) fn free_key(&mut self, now: Instant, digit: char, at: Instant) {
        if self.tools.is_transferring() || self.collect_key(now, digit, at) {
            return;
        }
        let keys = self.keys.get_or_insert(Keys { typed: String::new(), first: at, last: at });
        keys.typed.push(digit);
        keys.last = at;
        let over = digit == '#' || keys.typed.len() >= MOST_KEYS;
        self.unprepare_reply();
        if !self.manners.is_disclosing() {
            self.stop_speaking(AfterCut::Hear);
        }
        self.timers.insert(Timer::Digit, if over { now } else { now + self.timing.key_pause });
    }

    /// No more keys come.
    pub(super) fn keys_complete(&mut self, now: Instant) {
        let Some(keys) = self.keys.take() else { return };
        self.write_keys(keys.typed.clone(), keys.first, keys.last);
        if !self.manners.gives_word() {
            return;
        }
        let words = format!("(pressed the keys {})", keys.typed);
        match &self.lead {
            Lead::Flow(_) | Lead::External(_) => {}
            Lead::Model(_) => self.caller_said(now, words, ReplyTo::new(keys.last, now, now)),
            Lead::Native(_) => {
                self.hush();
                self.actions.push_back(Action::Native(NativeOrder::Note(Pii::new(words))));
                self.ask_native(now, None);
            }
        }
    }

    /// Keys that were being typed, or kept, are written down and not told any more.
    pub(super) fn drop_keys(&mut self) {
        self.drop_kept_keys();
        if let Some(keys) = self.keys.take() {
            self.timers.remove(&Timer::Digit);
            self.write_keys(keys.typed, keys.first, keys.last);
        }
    }

    /// What the caller said last, by the transcript.
    pub(super) fn last_caller_words(&self) -> String {
        let last = self.outcome.transcript.iter().rev().find(|line| line.speaker == Speaker::Caller && !line.keys);
        last.map(|line| line.text.expose().clone()).unwrap_or_default()
    }

    pub(super) fn write_caller(&mut self, text: String, from: Instant, to: Instant) {
        self.write_caller_line(text, (from, to), false);
    }

    pub(super) fn write_keys(&mut self, keys: String, from: Instant, to: Instant) {
        self.write_caller_line(keys, (from, to), true);
    }

    fn write_caller_line(&mut self, text: String, (from, to): (Instant, Instant), keys: bool) {
        let (from_ms, to_ms, text) = (self.millis(from), self.millis(to), Pii::new(text));
        self.write(Line { speaker: Speaker::Caller, text, from_ms, to_ms, cut: false, keys, passages: Vec::new() });
    }
}
