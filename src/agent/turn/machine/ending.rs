//! How a turn ends.

use std::time::{Duration, Instant};

use callwright_media::overlap::Overlap;

use super::super::stop::{self, Asked};
use super::super::words::{Remark, same, tokens};
use super::{Before, OpenTurn, Phase, Turn, TurnMachine, TurnSignal, TurnTimer, join};
use crate::pii::Pii;
use crate::provider::stt::{Transcript, TurnId};

/// A recogniser that is asked afterwards has so long to answer.
const ANSWER: Duration = Duration::from_secs(3);
/// One whose words are there already has so long to say that they are all.
const LAST_WORD: Duration = Duration::from_millis(600);
/// One that heard the caller all along and has no words has so long to find some.
const ANY_WORD: Duration = Duration::from_millis(1_500);

/// An answer that comes so long after its turn was given up still opens the next one; a later one is past.
const LATE: Duration = Duration::from_secs(5);

impl TurnMachine {
    /// The turn is over, by silence or because it is too long.
    pub(super) fn close(&mut self, now: Instant) {
        self.timers.remove(&TurnTimer::End);
        self.timers.remove(&TurnTimer::Longest);
        let Some(turn) = &mut self.open else { return };
        if turn.phase == Phase::Closing {
            return;
        }
        if let Asked::Recording { .. } = self.asked {
            return self.finish(now, now, Transcript::Nothing, false);
        }
        if self.manner.detects_turns && !turn.vendor_open && !turn.held.is_empty() && turn.words.is_empty() {
            // The recogniser has answered already, and the rest has not come.
            return self.finish(now, now, spoken(String::new()), false);
        }
        turn.promised = turn.eager.take();
        turn.phase = Phase::Closing;
        turn.decided = Some(now);
        let limit = match (self.manner.continuous, turn.text().is_empty()) {
            (false, _) => ANSWER,
            (true, true) => ANY_WORD,
            (true, false) => LAST_WORD,
        };
        self.signals.push_back(TurnSignal::Close { turn: turn.id });
        self.timers.insert(TurnTimer::Final, now + limit);
    }

    /// The recogniser's answer to a turn's end.
    pub(super) fn answered(&mut self, now: Instant, id: TurnId, transcript: Transcript) {
        match &mut self.open {
            Some(turn) if turn.id == id && turn.phase == Phase::Closing => {
                if let Transcript::Words { text, .. } = &transcript {
                    text.expose().trim().clone_into(&mut turn.words);
                    if !turn.words.is_empty() {
                        turn.words_at.get_or_insert(now);
                    }
                    if same(&turn.words, &turn.held) {
                        // Said twice: once by the recogniser's own judgement, once on request.
                        turn.words.clear();
                    }
                }
                self.settle(now, transcript);
            }
            Some(_) | None => self.came_late(now, id, transcript),
        }
    }

    pub(super) fn unanswered(&mut self, now: Instant, id: TurnId) {
        let closing = |turn: &&OpenTurn| turn.id == id && turn.phase == Phase::Closing;
        if self.open.as_ref().filter(closing).is_some() {
            self.settle(now, Transcript::OutOfGrammar);
        } else if let Some(before) = self.before.as_mut().filter(|before| before.id == id) {
            before.owed = false;
        }
    }

    /// The recogniser owes an answer for too long: what it has said so far must do.
    pub(super) fn overdue(&mut self, now: Instant) {
        let Some(turn) = &self.open else { return };
        let decided = turn.decided.unwrap_or(now);
        let heard_nothing = turn.text().is_empty();
        let transcript = match (heard_nothing, self.manner.continuous) {
            (false, _) => spoken(String::new()),
            (true, true) => Transcript::Nothing,
            (true, false) => Transcript::OutOfGrammar,
        };
        self.finish(now, decided, transcript, true);
    }

    /// The recogniser's own judgement.
    pub(super) fn vendor_ended(&mut self, now: Instant, words: String) {
        if !self.hearing.hears_voice() {
            return;
        }
        self.heard_words(now, words);
        let Some(turn) = &mut self.open else { return };
        turn.vendor_open = false;
        if turn.phase == Phase::Closing {
            // Both ended it at once; our question is still to be answered.
            turn.held = turn.text();
            turn.words.clear();
            return;
        }
        let text = turn.text();
        if text.is_empty() {
            // It has changed its mind about a noise.
            return self.wait_for_end(now);
        }
        let Some(turn) = &self.open else { return };
        let quiet_since = turn.quiet_since();
        let held = stop::vendor::held_for(&self.rules, &self.stopped(turn, &text));
        if held.is_some_and(|wait| quiet_since + wait > now) {
            self.take_back();
            let Some(turn) = &mut self.open else { return };
            turn.held = text;
            turn.words.clear();
            turn.phase = Phase::Pausing;
            return self.wait_for_end(now);
        }
        self.finish(now, now, spoken(String::new()), false);
    }

    /// The closed turn is answered; whoever has gone on speaking meanwhile has not finished.
    fn settle(&mut self, now: Instant, transcript: Transcript) {
        let Some(turn) = &mut self.open else { return };
        let decided = turn.decided.unwrap_or(now);
        let went_on = self.voice.filter(|since| turn.last_voice.is_some_and(|last| *since > last));
        if self.manner.continuous
            && let Some(since) = went_on
        {
            let was = turn.id;
            turn.id = TurnId(self.turns);
            self.turns += 1;
            turn.held = turn.text();
            turn.words.clear();
            turn.phase = Phase::Speaking;
            turn.decided = None;
            if let Some(last_voice) = turn.last_voice {
                self.pauses.learn(since.saturating_duration_since(last_voice));
            }
            if turn.promised.take().is_some() {
                self.signals.push_back(TurnSignal::Resumed);
            }
            self.signals.push_back(TurnSignal::Reopened { was, turn: turn.id, since });
            self.timers.remove(&TurnTimer::Final);
            let longest = stop::longest(self.manner, self.asked, turn.since).max(now);
            self.timers.insert(TurnTimer::Longest, longest);
            return;
        }
        self.finish(now, decided, transcript, false);
    }

    /// The turn is over and its words are known. `owed`: the recogniser has yet to answer.
    fn finish(&mut self, now: Instant, decided: Instant, transcript: Transcript, owed: bool) {
        self.timers.clear();
        let Some(turn) = self.open.take() else { return };
        let text = turn.text();
        let transcript = match transcript {
            Transcript::Words { confidence, .. } if !text.is_empty() => {
                Transcript::Words { text: Pii::new(text.clone()), confidence }
            }
            Transcript::Words { .. } => Transcript::Nothing,
            Transcript::OutOfGrammar | Transcript::Nothing if !text.is_empty() => {
                Transcript::Words { text: Pii::new(text.clone()), confidence: None }
            }
            other @ (Transcript::OutOfGrammar | Transcript::Nothing) => other,
        };
        let dismissed = self.is_nothing(&turn, &transcript, &text);
        let promise = turn.eager.as_ref().or(turn.promised.as_ref());
        if promise.is_some_and(|promise| dismissed || !same(promise, &text)) {
            self.signals.push_back(TurnSignal::Resumed);
        }
        let late = turn.late.filter(|_| turn.voiced.is_zero() && self.voice.is_none());
        let (since, last_voice) = match (turn.last_voice, late) {
            (_, Some(late)) => (late.since, late.until),
            (None, None) if self.voice.is_some() => (turn.since, decided),
            (Some(_) | None, None) => (turn.since, turn.quiet_since().min(decided).max(turn.since)),
        };
        let silent = text.is_empty() && transcript == Transcript::Nothing;
        // Who always answers has said that there was nothing.
        let unheard = silent && (owed || !self.manner.replies) && self.is_unheard(&turn);
        self.learn_lateness(&turn);
        let ended = Turn {
            turn: turn.id,
            since,
            last_voice,
            decided,
            transcript,
            greeting: turn.greeting,
            interrupted: turn.interrupted,
        };
        self.signals.push_back(if dismissed { TurnSignal::Dismissed(ended) } else { TurnSignal::Ended(ended) });
        let wordless = text.is_empty() && turn.voiced > Duration::ZERO;
        self.before = Some(Before { id: turn.id, words: text, since, last_voice, wordless, unheard, at: now, owed });
        self.tell_patience();
        if let Some(since) = self.voice
            && self.hearing.hears_voice()
            && !self.manner.detects_turns
        {
            // The same voice, cut off at the longest turn, or another one that began while the recogniser worked.
            let since = if since > decided || since > last_voice { since } else { now };
            self.begin(now, since);
            self.watch(now);
        }
    }

    /// Whether nobody wants a reply to this.
    fn is_nothing(&self, turn: &OpenTurn, transcript: &Transcript, text: &str) -> bool {
        if self.is_echo(turn) {
            return true;
        }
        match transcript {
            Transcript::Nothing => !matches!(self.asked, Asked::Recording { .. }),
            Transcript::OutOfGrammar => false,
            Transcript::Words { .. } => self.is_remark(turn, text),
        }
    }

    /// Whether the recogniser has listened to the agent.
    pub(super) fn is_echo(&self, turn: &OpenTurn) -> bool {
        let nothing_else = turn.echoed > 0 && turn.own_words().is_empty();
        turn.over_agent && self.agent.is_some() && (self.verdict == Some(Overlap::Echo) || nothing_else)
    }

    /// Whether these words are said beside what the agent says and not to it. A remark that the agent did not stay
    /// for, because it had finished, is an answer.
    pub(super) fn is_remark(&self, turn: &OpenTurn, text: &str) -> bool {
        let beside = turn.over_agent && (self.agent.is_some() || turn.interrupted);
        beside
            && match self.rules.lexicon.remark(text) {
                Remark::Nothing | Remark::BackChannel => true,
                Remark::Affirmation => match self.asked {
                    Asked::YesNo | Asked::Choice => false,
                    Asked::Nothing
                    | Asked::Open
                    | Asked::Number { .. }
                    | Asked::Spelling
                    | Asked::Address
                    | Asked::Email
                    | Asked::Recording { .. } => true,
                },
                Remark::Greeting => turn.greeting,
                Remark::Speech { .. } => false,
            }
    }

    /// An answer that nobody waits for any more.
    fn came_late(&mut self, now: Instant, id: TurnId, transcript: Transcript) {
        let Some(before) = self.before.as_mut().filter(|before| before.id == id && before.owed) else { return };
        before.owed = false;
        let Transcript::Words { text, .. } = transcript else { return };
        let missing = behind(text.expose(), &before.words);
        if missing.is_empty() {
            return;
        }
        let words = Pii::new(missing);
        if now.saturating_duration_since(before.at) > LATE || !self.hearing.hears_voice() {
            self.signals.push_back(TurnSignal::Late { turn: id, words });
            return;
        }
        match &mut self.open {
            Some(turn) => turn.held = join(words.expose(), &turn.held),
            None => {
                self.begin(now, now);
                if let Some(turn) = &mut self.open {
                    turn.held = words.into_inner();
                    turn.words_at = Some(now);
                    turn.phase = Phase::Pausing;
                }
            }
        }
        if self.open.as_ref().is_some_and(|turn| turn.phase == Phase::Closing) {
            return;
        }
        self.take_back();
        let text = self.open.as_ref().map(OpenTurn::text).unwrap_or_default();
        self.signals.push_back(TurnSignal::Updated { words: Pii::new(text) });
        self.wait_for_end(now);
        self.watch(now);
    }

    pub(super) fn drop_turn(&mut self) {
        self.timers.clear();
        let Some(turn) = self.open.take() else { return };
        if turn.eager.is_some() || turn.promised.is_some() {
            self.signals.push_back(TurnSignal::Resumed);
        }
        self.signals.push_back(TurnSignal::Abandoned { turn: turn.id });
    }
}

fn spoken(text: String) -> Transcript {
    Transcript::Words { text: Pii::new(text), confidence: None }
}

/// What `full` has behind as many words as `known` has. By number and not by likeness: a last answer may spell the
/// first words otherwise, and what follows them must not be lost for it.
fn behind(full: &str, known: &str) -> String {
    let known = tokens(known).len();
    let mut passed = 0;
    let rest = full.split_whitespace().skip_while(|word| {
        let skip = passed < known;
        passed += tokens(word).len();
        skip
    });
    rest.collect::<Vec<_>>().join(" ")
}
