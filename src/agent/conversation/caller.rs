//! The caller's side: voice, turns, and what the recogniser makes of them.

use std::sync::Arc;
use std::time::Instant;

use super::mouth::{Purpose, ReplyTo};
use super::{Action, Conversation, Ending, Line, Speaker, Stage, Timer};
use crate::agent::conversation::AnswerStatus;
use crate::agent::flow::meaning::{Expectation, Meaning};
use crate::agent::turn::mute::Hearing;
use crate::agent::turn::stop;
use crate::pii::Pii;
use crate::provider::stt::{Transcript, TurnId};

/// What is known of the caller.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Since when the caller's voice is heard, while it is.
    voice: Option<Instant>,
    turn: Option<Turn>,
    /// The turn that the next reply answers.
    pub(super) reply_to: Option<ReplyTo>,
    /// The last possible digit was typed: a `#` until then belongs to that number and not to what is asked next.
    pub(super) hash_until: Option<Instant>,
}

/// A turn of the caller's.
#[derive(Debug)]
struct Turn {
    id: TurnId,
    since: Instant,
    last_voice: Option<Instant>,
    kind: TurnKind,
    /// It began as the callee's half of the mutual hello.
    overlap: bool,
    /// When it was declared over; the recogniser owes its answer from then on.
    decided: Option<Instant>,
}

/// What is done with a turn.
#[derive(Clone, Debug)]
enum TurnKind {
    /// A recogniser listens.
    Words(Arc<Expectation>),
    /// It is the answer itself.
    Free(stop::Expected),
}

impl Turn {
    fn expected(&self) -> stop::Expected {
        match &self.kind {
            TurnKind::Words(_) => stop::Expected::Words,
            TurnKind::Free(expected) => *expected,
        }
    }
}

impl Caller {
    pub(super) fn is_speaking(&self) -> bool {
        self.voice.is_some()
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.voice.is_none() && self.turn.is_none()
    }
}

impl Conversation {
    pub(super) fn voice_started(&mut self, now: Instant, since: Instant) {
        if self.stage == Stage::Ringing {
            return;
        }
        self.outcome.caller_reacted = true;
        self.caller.voice = Some(since);
        if self.hearing() == Hearing::Nothing {
            return;
        }
        match &self.caller.turn {
            Some(turn) if turn.decided.is_none() => {
                self.timers.remove(&Timer::EndOfTurn);
            }
            // The recogniser still works on the turn before; what follows is looked at when it has answered.
            Some(_) => {}
            None => self.begin_turn(now, since),
        }
        self.watch_for_barge_in(now, since);
    }

    pub(super) fn voice_stopped(&mut self, now: Instant, last_voice: Instant) {
        let Some(since) = self.caller.voice.take() else { return };
        self.timers.remove(&Timer::BargeIn);
        match &mut self.caller.turn {
            Some(turn) if turn.decided.is_none() => {
                turn.last_voice = Some(last_voice);
                let over = stop::over_at(&self.timing, turn.expected(), last_voice);
                self.timers.insert(Timer::EndOfTurn, over.max(now));
            }
            Some(_) | None => self.write_caller(String::new(), since, last_voice),
        }
        if self.stage == Stage::Greeting {
            self.open(now);
        }
    }

    fn begin_turn(&mut self, now: Instant, since: Instant) {
        let kind = match &self.asking {
            None => TurnKind::Words(Arc::clone(&self.script.no_question)),
            Some(asking) => match asking.free_speech() {
                Some(max) => TurnKind::Free(stop::Expected::Free { max }),
                None => TurnKind::Words(asking.expected()),
            },
        };
        let id = TurnId(self.turns);
        self.turns += 1;
        if let TurnKind::Words(expected) = &kind {
            let grammar = Arc::clone(&expected.grammar);
            self.actions.push_back(Action::Listen { turn: id, grammar, ago: now.saturating_duration_since(since) });
        }
        let overlap = self.overlaps_greeting(since);
        let turn = Turn { id, since, last_voice: None, kind, overlap, decided: None };
        self.timers.insert(Timer::LongestTurn, stop::longest_until(&self.timing, turn.expected(), since));
        self.caller.turn = Some(turn);
    }

    /// The caller has finished, or has gone on for too long.
    pub(super) fn turn_over(&mut self, now: Instant) {
        self.timers.remove(&Timer::EndOfTurn);
        self.timers.remove(&Timer::LongestTurn);
        let Some(turn) = &mut self.caller.turn else { return };
        turn.decided = Some(now);
        match turn.kind {
            TurnKind::Words(_) => {
                self.actions.push_back(Action::EndTurn { turn: turn.id });
                self.timers.insert(Timer::Recogniser, now + self.timing.recogniser_limit);
            }
            TurnKind::Free(_) => self.free_answer_over(now),
        }
    }

    /// A free answer has ended.
    pub(super) fn free_answer_over(&mut self, now: Instant) {
        let Some(turn) = self.take_turn() else { return };
        let until = turn.last_voice.unwrap_or(now);
        self.write_caller(String::new(), turn.since, until);
        let noise = until.saturating_duration_since(turn.since) < self.timing.shortest_open_answer;
        if noise || turn.overlap {
            self.resume(now);
        } else {
            self.caller.reply_to = Some(ReplyTo { last_voice: until, decided: now, understood: now });
            self.answer_freely(now, turn.since, until);
            self.caller.reply_to = None;
        }
    }

    /// Whether a free answer is being given.
    pub(super) fn is_answering_freely(&self) -> bool {
        self.caller.turn.as_ref().is_some_and(|turn| matches!(turn.kind, TurnKind::Free(_)))
    }

    pub(super) fn understood(&mut self, now: Instant, id: TurnId, transcript: Transcript) {
        let Some(turn) = self.take_decided(id) else { return };
        let TurnKind::Words(expected) = &turn.kind else { return };
        let until = turn.last_voice.unwrap_or(now);
        let (text, meaning, confidence) = match transcript {
            Transcript::Words { text, confidence } => {
                let meaning = expected.meaning(text.expose());
                (text.into_inner(), Some(meaning), confidence)
            }
            Transcript::OutOfGrammar => (String::new(), Some(Meaning::Unclear), None),
            Transcript::Nothing => (String::new(), None, None),
        };
        if meaning.is_some() {
            self.write_caller(text, turn.since, until);
        }
        self.caller.reply_to =
            Some(ReplyTo { last_voice: until, decided: turn.decided.unwrap_or(now), understood: now });
        self.react(now, meaning, confidence, turn.overlap);
        self.caller.reply_to = None;
        self.listen_again(now, turn.decided);
    }

    pub(super) fn not_understood(&mut self, now: Instant, id: TurnId) {
        self.understood(now, id, Transcript::OutOfGrammar);
    }

    pub(super) fn recogniser_late(&mut self, now: Instant) {
        if let Some(turn) = &self.caller.turn {
            let id = turn.id;
            self.actions.push_back(Action::AbandonTurn { turn: id });
            self.understood(now, id, Transcript::OutOfGrammar);
        }
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
                self.say(now, self.script.goodbye, Purpose::Goodbye(Ending::CallerGoodbye));
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
        if self.asking.is_none() || self.statement_was_cut() {
            self.resume(now);
        } else {
            self.cut = None;
            self.no_match(now);
        }
    }

    /// Begins the next turn when the caller speaks: from where a new voice began, or from now when it is still the same
    /// one, which was cut off at the longest turn.
    fn listen_again(&mut self, now: Instant, decided: Option<Instant>) {
        if let Some(since) = self.caller.voice
            && self.hearing() == Hearing::Everything
            && self.caller.turn.is_none()
        {
            self.begin_turn(now, if Some(since) > decided { since } else { now });
        }
    }

    /// The turn is of no interest any more.
    pub(super) fn abandon_turn(&mut self) {
        if let Some(turn) = self.take_turn()
            && matches!(turn.kind, TurnKind::Words(_))
        {
            self.actions.push_back(Action::AbandonTurn { turn: turn.id });
        }
    }

    fn take_decided(&mut self, id: TurnId) -> Option<Turn> {
        match &self.caller.turn {
            Some(turn) if turn.id == id && turn.decided.is_some() => self.take_turn(),
            Some(_) | None => None,
        }
    }

    fn take_turn(&mut self) -> Option<Turn> {
        for timer in [Timer::EndOfTurn, Timer::LongestTurn, Timer::Recogniser] {
            self.timers.remove(&timer);
        }
        self.caller.turn.take()
    }

    pub(super) fn write_caller(&mut self, text: String, from: Instant, to: Instant) {
        let (from_ms, to_ms) = (self.millis(from), self.millis(to));
        self.write(Line { speaker: Speaker::Caller, text: Pii::new(text), from_ms, to_ms, cut: false, keys: false });
    }
}
