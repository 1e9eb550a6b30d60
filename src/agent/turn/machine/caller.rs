//! What comes from the caller, by ear and by the recogniser.

use std::time::{Duration, Instant};

use callwright_media::overlap::Overlap;

use super::super::mute::Hearing;
use super::super::stop::{self, Asked};
use super::super::words::{same, tokens};
use super::{Before, Lateness, OpenTurn, Phase, TurnMachine, TurnSignal, TurnTimer};
use crate::pii::Pii;
use crate::provider::stt::{Manner, Patience};

/// Voice that comes back so soon after a turn was over belonged to it: the agent was too quick.
const CUT_IN: Duration = Duration::from_millis(1_500);

/// So often a reply is prepared for one turn before it is over; beyond that the caller is thinking aloud.
const TRIES: u8 = 3;

/// The same words again so soon, without a voice, are the recogniser's and not the caller's.
const ECHOED: Duration = Duration::from_secs(2);

/// Words may be so much later than a recogniser's usual.
const LATE: Duration = Duration::from_millis(100);

/// While the recogniser still changes its words, the turn is not over.
const SETTLE: Duration = Duration::from_millis(150);

impl TurnMachine {
    pub(super) fn voice_started(&mut self, now: Instant, since: Instant) {
        self.voice = Some(since);
        self.verdict = None;
        if !self.hearing.hears_voice() {
            return;
        }
        match &mut self.open {
            None => {
                if let Some(before) = self.before.as_ref().filter(|before| since < before.at + CUT_IN)
                    && self.agent.is_none()
                {
                    self.pauses.learn(since.saturating_duration_since(before.last_voice));
                }
                self.begin(now, since);
            }
            Some(turn) => match turn.phase {
                Phase::Speaking => {
                    self.timers.remove(&TurnTimer::End);
                }
                Phase::Pausing => self.goes_on(since),
                // A recogniser that detects turns says itself whether this one goes on.
                Phase::Eager if self.manner.detects_turns => {}
                Phase::Eager => self.goes_on(since),
                // What was said so far is known when the recogniser has answered.
                Phase::Closing => {}
            },
        }
        self.watch_soon(now);
    }

    pub(super) fn voice_stopped(&mut self, now: Instant, last_voice: Instant) {
        let Some(since) = self.voice.take() else { return };
        self.timers.remove(&TurnTimer::Interrupt);
        let Some(turn) = &mut self.open else { return };
        turn.last_voice = Some(last_voice);
        turn.voiced += last_voice.saturating_duration_since(since.max(turn.since));
        match turn.phase {
            Phase::Speaking => {
                turn.phase = Phase::Pausing;
                self.try_eager();
                self.wait_for_end(now);
            }
            Phase::Pausing | Phase::Eager => self.wait_for_end(now),
            Phase::Closing => {}
        }
    }

    pub(super) fn judged(&mut self, now: Instant, verdict: Overlap) {
        self.verdict = Some(verdict);
        if verdict == Overlap::Echo {
            self.echo_until = Some(now + self.manner.lag + LATE);
            self.disown_words(now);
        }
        self.watch(now);
    }

    /// Words that a recogniser wrote of an echo are not the caller's.
    fn disown_words(&mut self, now: Instant) {
        if self.echo_until.is_some_and(|until| now <= until)
            && let Some(turn) = self.open.as_mut().filter(|turn| turn.over_agent)
        {
            turn.echoed = tokens(&turn.text()).len();
        }
    }

    /// The recogniser's words.
    pub(super) fn heard_words(&mut self, now: Instant, words: String) {
        let words = words.trim();
        if words.is_empty() || !self.hearing.hears_voice() {
            return;
        }
        self.punctuates |= words.ends_with(['.', '?', '!']);
        if self.open.is_none() {
            if self.said_before(now, words) {
                return;
            }
            self.begin(now, self.voice.unwrap_or(now));
        }
        let Some(turn) = &mut self.open else { return };
        turn.vendor_open = self.manner.detects_turns;
        if turn.words == words {
            return;
        }
        let others = !same(&turn.words, words);
        words.clone_into(&mut turn.words);
        if !others {
            return;
        }
        turn.words_at = Some(now);
        let text = turn.text();
        self.disown_words(now);
        let Some(turn) = &mut self.open else { return };
        if turn.phase == Phase::Closing {
            return;
        }
        self.take_back();
        self.signals.push_back(TurnSignal::Updated { words: Pii::new(text) });
        if let Some(turn) = &mut self.open
            && self.voice.is_none()
            && turn.phase == Phase::Speaking
        {
            // Words without a voice, or behind it: there is nothing else to wait for.
            turn.phase = Phase::Pausing;
        }
        self.try_eager();
        self.wait_for_end(now);
        self.tell_patience();
        self.watch(now);
    }

    pub(super) fn vendor_started(&mut self, now: Instant) {
        if !self.hearing.hears_voice() {
            return;
        }
        if self.open.is_none() {
            self.begin(now, self.voice.unwrap_or(now));
        }
        let Some(turn) = &mut self.open else { return };
        turn.vendor_open = true;
        if turn.phase == Phase::Pausing && !turn.held.is_empty() {
            turn.phase = Phase::Speaking;
            self.timers.remove(&TurnTimer::End);
        }
        if self.voice.is_none() {
            // Its words or its end follow; should neither come, the turn must end all the same.
            self.wait_for_end(now);
        }
        self.watch(now);
    }

    pub(super) fn vendor_nearly_done(&mut self, now: Instant, words: String) {
        self.heard_words(now, words);
        let Some(turn) = &mut self.open else { return };
        match turn.phase {
            Phase::Speaking | Phase::Pausing => turn.phase = Phase::Pausing,
            Phase::Eager | Phase::Closing => return,
        }
        turn.last_voice.get_or_insert(now);
        self.say_eager();
        self.wait_for_end(now);
    }

    pub(super) fn vendor_resumed(&mut self, now: Instant) {
        self.take_back();
        let Some(turn) = &mut self.open else { return };
        if turn.phase == Phase::Pausing && self.manner.detects_turns {
            turn.phase = Phase::Speaking;
            self.timers.remove(&TurnTimer::End);
        }
        if self.voice.is_none() {
            self.wait_for_end(now);
        }
    }

    pub(super) fn set_hearing(&mut self, now: Instant, hearing: Hearing) {
        let before = std::mem::replace(&mut self.hearing, hearing);
        if !hearing.hears_voice() {
            self.drop_turn();
        } else if !before.hears_voice() && self.voice.is_some() && self.open.is_none() {
            self.begin(now, now);
        }
        self.watch(now);
    }

    pub(super) fn set_manner(&mut self, now: Instant, manner: Manner) {
        self.manner = manner;
        self.lateness = Lateness::default();
        self.punctuates = false;
        self.patience = Patience::Talk;
        if let Some(turn) = &mut self.open {
            // What the other recogniser understood is kept; this one begins with nothing.
            turn.held = turn.text();
            turn.words.clear();
            turn.vendor_open = false;
        }
        self.tell_patience();
        self.wait_for_end(now);
    }

    /// The voice has come back in the middle of the turn.
    fn goes_on(&mut self, since: Instant) {
        self.take_back();
        let Some(turn) = &mut self.open else { return };
        if let Some(last_voice) = turn.last_voice.take() {
            self.pauses.learn(since.saturating_duration_since(last_voice));
        }
        turn.phase = Phase::Speaking;
        self.timers.remove(&TurnTimer::End);
    }

    /// Whether a recogniser only repeats itself: the words of the turn before, and no voice that could have said them.
    fn said_before(&self, now: Instant, words: &str) -> bool {
        let repeats = |before: &Before| now < before.at + ECHOED && same(words, &before.words);
        self.voice.is_none() && self.before.as_ref().is_some_and(repeats)
    }

    /// What was prepared for the words so far is of no use.
    pub(super) fn take_back(&mut self) {
        if let Some(turn) = &mut self.open
            && turn.eager.take().is_some()
        {
            if turn.phase == Phase::Eager {
                turn.phase = Phase::Pausing;
            }
            self.signals.push_back(TurnSignal::Resumed);
        }
    }

    /// Has a reply prepared when our own ears end the turn and nothing speaks for more.
    fn try_eager(&mut self) {
        if self.manner.continuous && !self.manner.detects_turns && self.voice.is_none() {
            self.say_eager();
        }
    }

    fn say_eager(&mut self) {
        let Some(turn) = &self.open else { return };
        let text = turn.text();
        let wanted = self.rules.eager
            && turn.phase == Phase::Pausing
            && turn.tries < TRIES
            && !text.is_empty()
            && turn.last_voice.is_some()
            && !self.is_remark(turn, &text)
            && !self.is_echo(turn)
            && !matches!(self.asked, Asked::Recording { .. })
            && stop::may_be_over(&self.rules, &self.stopped(turn, &text));
        let Some(turn) = self.open.as_mut().filter(|_| wanted) else { return };
        turn.phase = Phase::Eager;
        turn.tries += 1;
        turn.eager = Some(text.clone());
        self.signals.push_back(TurnSignal::EagerEnd { words: Pii::new(text) });
    }

    /// Sets the clock that ends the turn.
    pub(super) fn wait_for_end(&mut self, now: Instant) {
        let Some(turn) = &self.open else { return };
        let waits = match turn.phase {
            Phase::Pausing | Phase::Eager => true,
            // A turn that no voice carries.
            Phase::Speaking => self.voice.is_none(),
            Phase::Closing => false,
        };
        if waits {
            let at = self.over_at(turn);
            self.timers.insert(TurnTimer::End, at.max(now));
        }
    }

    /// When the turn is over if nothing more comes.
    fn over_at(&self, turn: &OpenTurn) -> Instant {
        let text = turn.text();
        let stopped = self.stopped(turn, &text);
        let wait = if self.manner.detects_turns && (turn.vendor_open || text.is_empty()) {
            stop::vendor::overruled_after(&self.rules, &stopped)
        } else {
            stop::patience(&self.rules, &stopped)
        };
        let settled = turn.words_at.map(|at| at + SETTLE);
        (turn.quiet_since() + wait).max(settled.unwrap_or(turn.since))
    }

    /// Tells a recogniser that detects turns how patient to be, when that has changed.
    pub(super) fn tell_patience(&mut self) {
        let words = self.open.as_ref().map(OpenTurn::text).unwrap_or_default();
        let patience = stop::patience_of_vendor(&self.rules, self.asked, &words);
        if self.manner.detects_turns && patience != self.patience {
            self.patience = patience;
            self.signals.push_back(TurnSignal::Patience(patience));
        }
    }
}
