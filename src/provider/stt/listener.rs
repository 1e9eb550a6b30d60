//! One call's recogniser over a websocket: turns, words and audio, the same for every vendor.

use std::time::{Duration, Instant};

use super::dialect::{Dialect, Heard, Idle, Profile};
use super::feed::Feed;
use super::ledger::{Ledger, Said};
use super::{Patience, SttEvent, SttInput, Transcript, TurnId};
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, Outbox, Upgrade, Wire};
use crate::provider::vendor::Vendor;

/// An end of a turn is answered within so long, also while the connection is being made again. What is found later
/// belongs to the next turn. Less than the caller's side waits for any word at all, so that it hears why there is none.
const LONGEST: Duration = Duration::from_millis(1_300);
/// After so long without audio from the call, silence takes its place.
const GAP: Duration = Duration::from_millis(200);
/// Pieces of that silence.
const SILENCE: Duration = Duration::from_millis(80);
const SILENT: [i16; 640] = [0; 640];
/// When a vendor that talks all the time has said nothing for so long, it is no news that nobody spoke.
const MUTE: Duration = Duration::from_millis(1_500);
/// Messages in a row that make no sense.
const UNREADABLE: u32 = 5;

/// A recogniser's [`Wire`].
#[derive(Debug)]
pub struct Listener<D> {
    dialect: D,
    profile: Profile,
    feed: Feed,
    ledger: Ledger,
    up: bool,
    /// Why the connection was lost, until there is another.
    trouble: Option<Error>,
    /// The turn that our side has begun and not ended.
    turn: Option<TurnId>,
    ending: Option<Ending>,
    vendor_turn: VendorTurn,
    patience: Patience,
    /// Audio came from the call, or silence took its place.
    fed: Instant,
    /// Anything was sent.
    sent: Instant,
    /// A message came.
    received: Instant,
    /// Anything came.
    alive: Instant,
    /// Seconds of this connection's audio whose words are certain.
    certain: f64,
    unreadable: u32,
    proven: bool,
    heard: Vec<Heard>,
    words: String,
}

/// A turn whose answer is awaited.
#[derive(Debug)]
struct Ending {
    turn: TurnId,
    /// Answered by then at the latest, whatever happens.
    latest: Instant,
    /// Answered by then, as things stand.
    deadline: Instant,
    /// The vendor was asked when so many seconds of audio had been sent.
    asked: Option<f64>,
    /// When.
    asked_at: Option<Instant>,
}

/// The vendor's own turn, for those that have turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VendorTurn {
    None,
    Open,
    MaybeOver,
    /// Our side ended it; the vendor has not yet.
    Overruled,
}

impl<D: Dialect> Listener<D> {
    /// A listener that has heard nothing.
    pub fn new(now: Instant, dialect: D) -> Self {
        let profile = dialect.profile();
        Self {
            feed: Feed::new(now, profile.pace.clone()),
            profile,
            dialect,
            ledger: Ledger::default(),
            up: false,
            trouble: None,
            turn: None,
            ending: None,
            vendor_turn: VendorTurn::None,
            patience: Patience::Talk,
            fed: now,
            sent: now,
            received: now,
            alive: now,
            certain: 0.0,
            unreadable: 0,
            proven: false,
            heard: Vec::new(),
            words: String::new(),
        }
    }

    /// Whether the vendor has accepted us.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.proven
    }

    /// Sends the audio that is due, and asks for the words of a turn that is over once it has all of it.
    fn pump(&mut self, now: Instant, out: &mut Outbox<SttEvent>) {
        if !self.up {
            return;
        }
        while let Some(audio) = self.feed.next(now) {
            self.sent = now;
            let message = self.dialect.audio(audio);
            if self.dialect.is_talking() { out.feed(message) } else { out.send(message) }
        }
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.asked.is_none())
            && self.feed.is_live()
        {
            (ending.asked, ending.asked_at) = (Some(self.feed.position()), Some(now));
            out.ping();
            // Without a word there is nothing to be said in time: the vendor may take longer over it.
            let any = !self.profile.manner.replies || self.ledger.is_open() || !self.ledger.text().is_empty();
            ending.deadline = if any { ending.latest.min(now + self.profile.flush) } else { ending.latest };
            if let Some(message) = self.dialect.flush() {
                self.sent = now;
                out.send(message);
            }
        }
        if !self.ledger.is_open() {
            self.feed.forget_silence();
        }
    }

    fn begin(&mut self, turn: TurnId) {
        if self.turn.is_some_and(|open| open != turn) {
            self.ledger.forget();
        }
        self.turn = Some(turn);
    }

    fn end(&mut self, now: Instant, turn: TurnId, out: &mut Outbox<SttEvent>) {
        if let Some(earlier) = self.ending.take() {
            self.answer(now, earlier, false, out);
        }
        self.turn = None;
        let ending = Ending { turn, latest: now + LONGEST, deadline: now + LONGEST, asked: None, asked_at: None };
        if self.is_certain() {
            self.answer(now, ending, true, out);
            return;
        }
        self.feed.complete();
        self.ending = Some(ending);
    }

    /// Whether every word is there: what was said is, and since then there was silence.
    fn is_certain(&self) -> bool {
        let since = self.feed.position() - self.certain;
        let silent = self.feed.is_live() && since <= self.feed.quiet() && since < self.feed.position();
        self.up && silent && !self.ledger.is_open() && !self.ledger.text().is_empty()
    }

    fn abandon(&mut self, turn: TurnId) {
        let ending = self.ending.take_if(|ending| ending.turn == turn).is_some();
        let open = self.turn.take_if(|open| *open == turn).is_some();
        if ending || open {
            self.ledger.forget();
            self.words.clear();
        }
    }

    /// Answers the end of a turn; `replied` when the vendor has said that this is all.
    fn answer(&mut self, now: Instant, ending: Ending, replied: bool, out: &mut Outbox<SttEvent>) {
        let Ending { turn, asked_at, .. } = ending;
        if self.vendor_turn != VendorTurn::None {
            self.vendor_turn = VendorTurn::Overruled;
        }
        let mute = self.profile.talk.is_some() && self.dialect.is_talking() && now > self.received + MUTE;
        // No news is no news only from somebody who is there.
        let there = asked_at.is_some_and(|asked| self.alive >= asked) && !mute && !self.profile.manner.replies;
        self.words.clear();
        let event = match self.ledger.answer() {
            Some(Said { text, confidence }) => {
                let transcript = Transcript::Words { text: Pii::new(text), confidence };
                SttEvent::Final { turn, transcript }
            }
            None if replied || there => SttEvent::Final { turn, transcript: Transcript::Nothing },
            None => {
                let late = || self.dialect.vendor().error(ErrorKind::TimedOut, "it did not hear the turn");
                SttEvent::Failed { turn, error: self.trouble.clone().unwrap_or_else(late) }
            }
        };
        out.event(event);
    }

    fn take(&mut self, now: Instant, heard: Heard, out: &mut Outbox<SttEvent>) {
        self.proven |= !matches!(heard, Heard::End(_));
        match heard {
            Heard::Alive => {}
            Heard::Revised(text) => {
                if self.ledger.revise(text) {
                    self.tell_words(out);
                }
            }
            Heard::Settled(text) => {
                if self.ledger.settle(text) {
                    self.tell_words(out);
                }
            }
            Heard::Until(seconds) => {
                self.certain = self.certain.max(seconds);
                self.feed.settled(seconds);
            }
            Heard::Flushed => {
                if let Some(ending) = self.ending.take_if(|ending| ending.asked.is_some()) {
                    if let Some(position) = ending.asked {
                        self.certain = self.certain.max(position);
                        self.feed.settled(position);
                    }
                    self.answer(now, ending, true, out);
                }
            }
            Heard::TurnStarted => {
                self.start(out);
            }
            Heard::TurnEndedEarly => self.ended_early(out),
            Heard::TurnResumed => self.resumed(out),
            Heard::TurnEnded => self.ended(now, out),
            Heard::End(closing) => out.hang_up(closing),
        }
    }

    fn tell_words(&mut self, out: &mut Outbox<SttEvent>) {
        let words = self.ledger.text();
        if words != self.words && !words.is_empty() {
            out.event(SttEvent::Partial { words: Pii::new(words.clone()) });
        }
        self.words = words;
    }

    fn ended_early(&mut self, out: &mut Outbox<SttEvent>) {
        let words = self.ledger.text();
        if self.ending.is_some() || (self.vendor_turn == VendorTurn::Overruled && words.is_empty()) {
            return;
        }
        self.start(out);
        self.vendor_turn = VendorTurn::MaybeOver;
        out.event(SttEvent::EagerEnd { words: Pii::new(words) });
    }

    fn resumed(&mut self, out: &mut Outbox<SttEvent>) {
        if self.vendor_turn == VendorTurn::MaybeOver {
            self.vendor_turn = VendorTurn::Open;
            out.event(SttEvent::Resumed);
        }
    }

    /// The vendor ended the turn: by itself, or because it was asked to, which is the answer to that.
    fn ended(&mut self, now: Instant, out: &mut Outbox<SttEvent>) {
        if let Some(ending) = self.ending.take() {
            self.answer(now, ending, true, out);
            self.vendor_turn = VendorTurn::None;
            return;
        }
        let words = self.ledger.text();
        if self.vendor_turn == VendorTurn::Overruled && words.is_empty() {
            self.vendor_turn = VendorTurn::None;
            return;
        }
        self.start(out);
        self.vendor_turn = VendorTurn::None;
        self.ledger.forget();
        self.words.clear();
        self.turn = None;
        out.event(SttEvent::TurnEnded { words: Pii::new(words) });
    }

    /// The vendor's turn has begun, at the latest now.
    fn start(&mut self, out: &mut Outbox<SttEvent>) {
        match self.vendor_turn {
            VendorTurn::None | VendorTurn::Overruled => {
                self.vendor_turn = VendorTurn::Open;
                out.event(SttEvent::TurnStarted);
            }
            VendorTurn::Open | VendorTurn::MaybeOver => {}
        }
    }

    /// Silence in place of audio that does not come, or a message that keeps the connection.
    fn keep_up(&mut self, now: Instant, out: &mut Outbox<SttEvent>) {
        match self.profile.idle {
            Idle::Nothing => {}
            Idle::KeepAlive(after) => {
                if self.up
                    && now >= self.sent + after
                    && let Some(message) = self.dialect.keep_alive()
                {
                    self.sent = now;
                    out.send(message);
                }
            }
            Idle::Silence => {
                if self.up && now >= self.fed + GAP {
                    self.fed += SILENCE;
                    self.feed.push(&SILENT);
                }
            }
        }
    }

    fn idle_at(&self) -> Option<(Instant, &'static str)> {
        match self.profile.idle {
            Idle::KeepAlive(after) if self.up => Some((self.sent + after, "nothing was sent for long")),
            Idle::Silence if self.up => Some((self.fed + GAP, "no audio comes")),
            Idle::Nothing | Idle::KeepAlive(_) | Idle::Silence => None,
        }
    }
}

impl<D: Dialect> Wire for Listener<D> {
    type Input = SttInput;
    type Event = SttEvent;

    fn vendor(&self) -> &Vendor {
        self.dialect.vendor()
    }

    fn endpoint(&mut self) -> Result<Endpoint, Error> {
        self.dialect.endpoint()
    }

    fn opened(&mut self, now: Instant, _: &Upgrade, out: &mut Outbox<SttEvent>) {
        self.up = true;
        self.trouble = None;
        self.unreadable = 0;
        self.certain = 0.0;
        (self.fed, self.sent, self.received, self.alive) = (now, now, now, now);
        for message in self.dialect.opened() {
            out.send(message);
        }
        if self.patience != Patience::Talk
            && let Some(message) = self.dialect.patience(self.patience)
        {
            out.send(message);
        }
        self.feed.again(now);
        self.pump(now, out);
    }

    fn told(&mut self, now: Instant, input: SttInput, out: &mut Outbox<SttEvent>) {
        match input {
            SttInput::Begin { turn, .. } => self.begin(turn),
            SttInput::Audio(samples) => {
                self.fed = now;
                self.feed.push(&samples);
            }
            SttInput::End { turn } => self.end(now, turn, out),
            SttInput::Abandon { turn } => self.abandon(turn),
            SttInput::Patience(patience) => {
                if patience != self.patience {
                    self.patience = patience;
                    if let Some(message) = self.dialect.patience(patience) {
                        out.send(message);
                    }
                }
            }
        }
        self.pump(now, out);
    }

    fn received(&mut self, now: Instant, message: Message, out: &mut Outbox<SttEvent>) {
        let Message::Text(text) = message else { return };
        (self.received, self.alive) = (now, now);
        let mut heard = std::mem::take(&mut self.heard);
        match self.dialect.read(&text, &mut heard) {
            Ok(()) => self.unreadable = 0,
            Err(_) => {
                self.unreadable += 1;
                tracing::debug!(vendor = %self.vendor().name, bytes = text.len(), "a message makes no sense");
                if self.unreadable == UNREADABLE {
                    let error = self.vendor().error(ErrorKind::Broken, "its messages make no sense");
                    out.hang_up(Closing::Failed(error));
                }
            }
        }
        for heard in heard.drain(..) {
            self.take(now, heard, out);
        }
        self.heard = heard;
        self.pump(now, out);
    }

    fn pulse(&mut self, now: Instant) {
        self.alive = now;
    }

    fn lost(&mut self, _: Instant, error: Option<&Error>, out: &mut Outbox<SttEvent>) {
        self.up = false;
        self.trouble = error.cloned();
        self.ledger.lost();
        self.words = self.ledger.text();
        // The vendor's next connection hears the rest of the turn and ends it anew.
        self.resumed(out);
        if let Some(ending) = &mut self.ending {
            (ending.asked, ending.asked_at) = (None, None);
            ending.deadline = ending.latest;
        }
        if let Some(error) = error {
            out.event(SttEvent::Interrupted { error: error.clone() });
        }
    }

    fn dead(&mut self, error: Error, out: &mut Outbox<SttEvent>) {
        if let Some(Ending { turn, .. }) = self.ending.take() {
            out.event(SttEvent::Failed { turn, error: error.clone() });
        }
        out.event(SttEvent::Dead { error });
    }

    fn judge(&self, close: &Close) -> Closing {
        self.dialect.judge(close)
    }

    fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let audio = self.feed.next_at().filter(|_| self.up).map(|at| (at, "audio is due"));
        let answer = self.ending.as_ref().map(|ending| (ending.deadline, "a turn's answer is due"));
        audio.into_iter().chain(answer).chain(self.idle_at()).min_by_key(|(at, _)| *at)
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<SttEvent>) {
        if let Some(ending) = self.ending.take_if(|ending| ending.deadline <= now) {
            self.answer(now, ending, false, out);
        }
        self.keep_up(now, out);
        self.pump(now, out);
    }

    fn goodbye(&mut self, out: &mut Outbox<SttEvent>) {
        if let Some(message) = self.dialect.goodbye() {
            out.send(message);
        }
    }
}

#[cfg(test)]
mod tests;
