//! Who listens when one of them is gone: the spare becomes the lead and another one the spare.

use std::sync::Arc;
use std::time::Instant;

use super::words::count;
use super::{Act, Ears, Short};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::stt::{Patience, SttEvent, SttInput};

impl Ears {
    pub(super) fn died(&mut self, source: usize, error: Error, admitted: &[bool]) {
        if !self.sources[source].open {
            return;
        }
        self.acts.push_back(Act::Failed(source, error.clone()));
        self.acts.push_back(Act::Close(source));
        self.gone(source, error, admitted);
    }

    /// A recogniser is not there any more, or never was.
    pub(super) fn gone(&mut self, source: usize, error: Error, admitted: &[bool]) {
        self.sources[source].open = false;
        self.sources[source].spent = true;
        if source == self.lead {
            self.replace_lead(error, admitted);
        } else if Some(source) == self.spare {
            self.spare = None;
            self.find_spare(admitted);
        }
    }

    pub(super) fn lost(&mut self, now: Instant, source: usize, error: Error) {
        self.sources[source].lost.get_or_insert(now);
        if source == self.lead {
            self.emit(SttEvent::Interrupted { error });
        }
    }

    /// The lead is let go, though it is not dead.
    pub(super) fn take_over(&mut self, why: &str, admitted: &[bool]) {
        let lead = self.lead;
        if self.spare.is_none() && self.candidate(admitted, true).is_none() {
            // It is better than nobody.
            self.sources[lead].lost = None;
            return;
        }
        let error = Error::new("a recogniser", ErrorKind::TimedOut, why);
        self.emit(SttEvent::Interrupted { error: error.clone() });
        self.died(lead, error, admitted);
    }

    fn replace_lead(&mut self, error: Error, admitted: &[bool]) {
        let Some(next) = self.spare.take().or_else(|| self.candidate(admitted, false)) else {
            self.over = true;
            return self.emit(SttEvent::Dead { error });
        };
        self.lead = next;
        (self.missed, self.ahead) = (0, None);
        if !self.sources[next].open {
            self.open(next);
            self.hear_again(next);
        }
        self.catch_up();
        self.find_spare(admitted);
    }

    /// Keeps the caller's audio for one that takes over cold.
    pub(super) fn remember(&mut self, samples: &Arc<[i16]>) {
        if self.spare.is_none() && self.someone_is_left() {
            self.past.push(samples, self.turn.is_some() || self.owed.is_some());
        } else {
            self.past.forget();
        }
    }

    /// Has one that was not there hear what is left of the turn, and answer it where an answer is owed.
    fn hear_again(&mut self, at: usize) {
        let (past, whole) = self.past.take();
        if past.is_empty() {
            return;
        }
        self.sources[at].since_begin |= whole;
        let owed = self.owed;
        let tell = |input| Act::Tell(at, input);
        self.acts.extend(owed.map(|turn| tell(SttInput::Begin { turn, grammar: Arc::default() })));
        self.acts.extend(past.into_iter().map(|samples| tell(SttInput::Audio(samples))));
        self.acts.extend(owed.map(|turn| tell(SttInput::End { turn })));
    }

    /// What the new lead has understood and the call does not know.
    fn catch_up(&mut self) {
        let lead = self.lead;
        let known = self.sources[lead].recall();
        if std::mem::take(&mut self.eager) {
            self.emit(SttEvent::Resumed);
        }
        if let Some(words) = known.ended {
            self.turn = None;
            self.emit(SttEvent::TurnEnded { words });
        }
        self.words = known.words.as_ref().map_or(0, count);
        if let Some(words) = known.words {
            self.emit(SttEvent::Partial { words });
        }
        let Some(turn) = self.owed else { return };
        let short = self.short.take();
        match known.answer.filter(|(of, _)| *of == turn) {
            Some((_, transcript)) => {
                self.owed = None;
                self.emit(SttEvent::Final { turn, transcript });
            }
            None if self.sources[lead].since_begin => {}
            // It was not there when the turn was spoken.
            None => {
                self.owed = None;
                let late = || Short::Failed(Error::new("a recogniser", ErrorKind::TimedOut, "nobody heard the turn"));
                let short = short.map_or_else(late, |(_, short)| short);
                self.sources[lead].drop_answer(turn);
                self.emit(short.answer(turn));
            }
        }
    }

    pub(super) fn find_spare(&mut self, admitted: &[bool]) {
        if self.warm
            && self.spare.is_none()
            && let Some(spare) = self.candidate(admitted, true)
        {
            self.spare = Some(spare);
            self.open(spare);
        }
    }

    fn is_fresh(&self, at: usize) -> bool {
        at != self.lead && !self.sources[at].open && !self.sources[at].spent
    }

    pub(super) fn someone_is_left(&self) -> bool {
        (0..self.sources.len()).any(|at| self.is_fresh(at))
    }

    /// The best that is not used yet; as a lead also one that failed elsewhere, for somebody has to listen.
    fn candidate(&self, admitted: &[bool], only_admitted: bool) -> Option<usize> {
        let fresh = |&at: &usize| self.is_fresh(at);
        let best = (0..self.sources.len()).filter(fresh).find(|&at| admitted[at]);
        best.or_else(|| (0..self.sources.len()).filter(fresh).find(|_| !only_admitted))
    }

    pub(super) fn open(&mut self, at: usize) {
        self.sources[at].open = true;
        self.acts.push_back(Act::Open(at));
        if self.patience != Patience::Talk {
            self.acts.push_back(Act::Tell(at, SttInput::Patience(self.patience)));
        }
        if let Some((turn, grammar)) = &self.turn {
            let begin = SttInput::Begin { turn: *turn, grammar: Arc::clone(grammar) };
            self.acts.push_back(Act::Tell(at, begin));
        }
        self.sources[at].since_begin = self.turn.is_none() && self.owed.is_none();
    }
}
