//! One call's session with a vendor of speech, without a socket or a clock.
//!
//! The rules are the same for all vendors; what differs is the [`Dialect`]:
//!
//! * Utterances follow each other. One that begins while the one before is still being spoken waits for it.
//! * A connection that is lost is made again by whoever drives this. What it had to say is said again when none of it
//!   was heard yet; otherwise the utterance has failed, for no word may come twice.
//! * Audio that is owed and does not come in time fails the utterance, and the connection is made anew.
//! * After a cancellation nothing of the utterance is given out, and the next one begins when the vendor has taken
//!   the old one back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dialect::{Dialect, Frame, Message, Outbox, Told};
use super::utterance::{Step, Utterance};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing};
use crate::provider::tts::{TtsEvent, TtsInput, UtteranceId};
use crate::provider::vendor::Vendor;

/// Audio that is owed has to come within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Connections that may be lost under an utterance before it fails.
const LOSSES: u32 = 2;

/// Utterances that may wait for the one that is being spoken.
const WAITING: usize = 8;

/// Utterances that are over and remembered, so that more of their text does not begin them again.
const REMEMBERED: usize = 16;

/// The session. After each call, drain [`Speaker::poll_frame`], [`Speaker::poll_event`] and [`Speaker::poll_reset`].
pub(crate) struct Speaker {
    vendor: Arc<Vendor>,
    dialect: Box<dyn Dialect>,
    up: bool,
    current: Option<Utterance>,
    waiting: VecDeque<Utterance>,
    over: VecDeque<UtteranceId>,
    frames: VecDeque<Frame>,
    events: VecDeque<TtsEvent>,
    reset: Option<Error>,
    /// The connection is being dropped because we want that: its loss was accounted for already.
    dropped: bool,
}

impl Speaker {
    pub(crate) fn new(vendor: Arc<Vendor>, dialect: Box<dyn Dialect>) -> Self {
        Self {
            vendor,
            dialect,
            up: false,
            current: None,
            waiting: VecDeque::new(),
            over: VecDeque::new(),
            frames: VecDeque::new(),
            events: VecDeque::new(),
            reset: None,
            dropped: false,
        }
    }

    /// Does what the call wants.
    pub(crate) fn command(&mut self, now: Instant, input: TtsInput) {
        match input {
            TtsInput::Text { utterance, text } => {
                if let Some(entry) = self.entry(now, utterance)
                    && !entry.push(text.expose(), now)
                {
                    self.give_up(now, utterance, "more text than an utterance may have");
                }
            }
            TtsInput::Finish { utterance } => {
                if let Some(entry) = self.entry(now, utterance) {
                    entry.finish();
                }
            }
            TtsInput::Cancel { utterance, heard } => self.cancel(now, utterance, heard),
        }
        self.go_on(now);
    }

    /// A connection is there.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.up = true;
        self.reset = None;
        self.dropped = false;
        self.frames.clear();
        self.dialect.opened(now);
        if let Some(current) = &mut self.current {
            current.again();
        }
        self.go_on(now);
    }

    /// The vendor has sent something.
    pub(crate) fn received(&mut self, now: Instant, message: Message<'_>) {
        if !self.up {
            return;
        }
        let mut out = Outbox::default();
        self.dialect.receive(now, message, &mut out);
        self.take(now, out);
        self.go_on(now);
    }

    /// The connection was lost, or could not be made. Another one is on its way.
    pub(crate) fn lost(&mut self, now: Instant, error: &Error) {
        if !std::mem::take(&mut self.dropped) {
            self.lose(now, error);
        }
    }

    /// The connection is of no use any more.
    fn give_up_line(&mut self, now: Instant, error: Error) {
        self.lose(now, &error);
        self.reset = Some(error);
        self.dropped = true;
    }

    fn lose(&mut self, now: Instant, error: &Error) {
        self.up = false;
        self.frames.clear();
        let Some(current) = &mut self.current else { return };
        current.losses += 1;
        // A vendor that is full is not asked again for this one: somebody else may have room.
        let hopeless = !error.kind.is_retryable() || error.kind == ErrorKind::Busy;
        if current.was_heard() || current.losses >= LOSSES || hopeless {
            self.fail(now, error.clone());
        } else {
            current.again();
        }
    }

    /// There will be no other connection: all that waits has failed.
    pub(crate) fn dead(&mut self, now: Instant, error: Error) {
        self.up = false;
        self.frames.clear();
        while self.current.is_some() || !self.waiting.is_empty() {
            self.current = self.current.take().or_else(|| self.waiting.pop_front());
            self.fail(now, error.clone());
        }
        self.events.push_back(TtsEvent::Dead { error });
    }

    /// When to call [`Speaker::timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let dialect = self.dialect.deadline().filter(|_| self.up);
        [dialect, self.patience_ends()].into_iter().flatten().min()
    }

    /// A deadline has come.
    pub(crate) fn timeout(&mut self, now: Instant) {
        if self.up && self.dialect.deadline().is_some_and(|at| at <= now) {
            let mut out = Outbox::default();
            self.dialect.wake(now, &mut out);
            self.take(now, out);
        }
        if self.patience_ends().is_some_and(|at| at <= now) {
            let detail = format!("no audio within {PATIENCE:?}");
            let error = self.vendor.error(ErrorKind::TimedOut, detail);
            self.fail(now, error.clone());
            if self.up {
                self.give_up_line(now, error);
            }
        }
        self.go_on(now);
    }

    /// What the vendor is sent next.
    pub(crate) fn poll_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// What the call is told next.
    pub(crate) fn poll_event(&mut self) -> Option<TtsEvent> {
        self.events.pop_front()
    }

    /// How much waits to be told.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// Why the connection is of no use any more, when another one is wanted. Told once.
    pub(crate) fn poll_reset(&mut self) -> Option<Error> {
        self.reset.take()
    }

    /// Whom it speaks through.
    pub(crate) fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// What a close frame means, where the vendor means something of its own by it.
    pub(crate) fn judge(&self, close: &Close) -> Option<Closing> {
        self.dialect.judge(close)
    }

    /// The call is over: last messages.
    pub(crate) fn goodbye(&mut self) {
        let mut out = Outbox::default();
        self.dialect.goodbye(&mut out);
        self.frames.extend(out.frames);
    }

    /// The utterance of this number; begun when it is new, none when it is over.
    fn entry(&mut self, now: Instant, id: UtteranceId) -> Option<&mut Utterance> {
        if self.over.contains(&id) {
            return None;
        }
        if self.current.as_ref().is_some_and(|current| current.id == id) {
            return self.current.as_mut();
        }
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.id == id) {
            return self.waiting.get_mut(at);
        }
        // Whoever begins another one without a word about the one before does not want that any more.
        let last = self.waiting.back().or(self.current.as_ref());
        if let Some(dropped) = last.filter(|last| !last.is_finishing()).map(|last| last.id) {
            self.cancel(now, dropped, Duration::ZERO);
        }
        if self.waiting.len() >= WAITING {
            let error = self.vendor.error(ErrorKind::Refused, "too many utterances wait");
            self.forget(id);
            self.events.push_back(TtsEvent::Failed { utterance: id, error });
            return None;
        }
        self.waiting.push_back(Utterance::new(id, now));
        self.waiting.back_mut()
    }

    fn cancel(&mut self, now: Instant, id: UtteranceId, heard: Duration) {
        self.withdraw(now, id, heard);
        self.forget(id);
        self.events.retain(|event| utterance(event) != Some(id));
    }

    /// Takes an utterance out, at the vendor too.
    fn withdraw(&mut self, now: Instant, id: UtteranceId, heard: Duration) {
        self.waiting.retain(|waiting| waiting.id != id);
        self.current.take_if(|current| current.id == id);
        if self.up {
            let mut out = Outbox::default();
            self.dialect.cancel(now, id, heard, &mut out);
            self.take(now, out);
        }
    }

    /// Fails an utterance for our own reasons.
    fn give_up(&mut self, now: Instant, id: UtteranceId, detail: &str) {
        self.withdraw(now, id, Duration::ZERO);
        self.forget(id);
        let error = self.vendor.error(ErrorKind::Refused, detail);
        self.events.push_back(TtsEvent::Failed { utterance: id, error });
    }

    /// Fails the current utterance.
    fn fail(&mut self, now: Instant, error: Error) {
        let Some(current) = self.current.take() else { return };
        self.forget(current.id);
        self.events.push_back(TtsEvent::Failed { utterance: current.id, error });
        if let Some(next) = self.waiting.front_mut() {
            next.stirred = now;
        }
    }

    fn forget(&mut self, id: UtteranceId) {
        if self.over.len() >= REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back(id);
    }

    /// Brings what can be brought to the vendor.
    fn go_on(&mut self, now: Instant) {
        loop {
            if self.current.is_none() {
                self.current = self.waiting.pop_front();
                if let Some(current) = &mut self.current {
                    current.stirred = now;
                }
            }
            let Some(current) = &mut self.current else { return };
            if !self.up || self.dialect.settling() {
                return;
            }
            let (id, step) = (current.id, current.step(now));
            let mut out = Outbox::default();
            match step {
                Some(Step::Text(text)) => self.dialect.text(now, id, text.expose(), &mut out),
                Some(Step::Finish) => self.dialect.finish(now, id, &mut out),
                Some(Step::Over) => {
                    self.current = None;
                    self.forget(id);
                    self.events.push_back(TtsEvent::Finished { utterance: id });
                }
                None => return,
            }
            self.take(now, out);
        }
    }

    fn take(&mut self, now: Instant, out: Outbox) {
        self.frames.extend(out.frames);
        for told in out.told {
            match told {
                Told::Audio { utterance, pcm } => {
                    if let Some(current) = self.current.as_mut().filter(|current| current.id == utterance) {
                        current.hear(pcm.len(), now);
                        self.events.push_back(TtsEvent::Audio { utterance, pcm: pcm.into() });
                    }
                }
                Told::Words { utterance, words } => {
                    let current = self.current.as_mut().filter(|current| current.id == utterance);
                    let marks = current.map(|current| current.mark(&words)).unwrap_or_default();
                    if !marks.is_empty() {
                        self.events.push_back(TtsEvent::Marks { utterance, marks });
                    }
                }
                Told::Kept { utterance, mark } => {
                    self.events.push_back(TtsEvent::Marks { utterance, marks: vec![mark] });
                }
                Told::Finished { utterance } => self.finished(now, utterance),
                Told::Failed { utterance, error } => {
                    if self.current.as_ref().is_some_and(|current| current.id == utterance) {
                        self.fail(now, error);
                    }
                }
                Told::Broken(error) => return self.give_up_line(now, error),
                Told::Warning(code) => tracing::debug!(vendor = %self.vendor.name, code, "the vendor warns"),
            }
        }
    }

    fn finished(&mut self, now: Instant, utterance: UtteranceId) {
        let Some(current) = self.current.take_if(|current| current.id == utterance) else { return };
        if current.was_heard() {
            self.forget(utterance);
            self.events.push_back(TtsEvent::Finished { utterance });
        } else {
            // Another connection may do better.
            self.current = Some(current);
            self.give_up_line(now, self.vendor.error(ErrorKind::Broken, "no audio came"));
        }
    }

    /// When the wait for audio, or for a connection to say something through, has been long enough.
    fn patience_ends(&self) -> Option<Instant> {
        let current = self.current.as_ref()?;
        let held_up = (!self.up || self.dialect.settling()) && current.waits();
        (held_up || current.is_owed_audio()).then(|| current.stirred + PATIENCE)
    }
}

const fn utterance(event: &TtsEvent) -> Option<UtteranceId> {
    match event {
        TtsEvent::Audio { utterance, .. }
        | TtsEvent::Marks { utterance, .. }
        | TtsEvent::Finished { utterance }
        | TtsEvent::Failed { utterance, .. } => Some(*utterance),
        TtsEvent::Dead { .. } => None,
    }
}

#[cfg(test)]
mod tests;
