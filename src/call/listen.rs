//! Whoever listens to a call while it goes on: hears both sides, is told what is said and what becomes of the call, and
//! is not heard.
//!
//! However many listen, both sides are put together once; nothing is done while nobody does. Each listener has a second
//! of sound and [`EVENTS`] events before it: one that is slower loses its own, and is told how many. The call never
//! waits for a listener.

mod encoded;
mod feed;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use callwright_media::frame::Rate;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use self::encoded::Encoders;
pub use self::encoded::{Encoded, Encoding, Heard, Hearing};
pub use self::feed::POSITION;
pub(super) use self::feed::to_listeners;
use crate::agent::record::Line;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::EndedBy;

/// Listeners that one call takes.
pub const MOST: usize = 64;
/// Frames of 20 ms that wait for one listener: a second.
const SOUND: usize = 50;
/// Events that wait for one listener.
const EVENTS: usize = 128;

/// What a listener is told beside the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A line of the transcript is final.
    Line(Line),
    /// The call has come further, or somebody has stepped into it: how it is now, the registry tells.
    Changed,
    /// It is over; nothing follows.
    Ended(DisconnectionReason, EndedBy),
}

/// What comes next for a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Something happened.
    Happened(Happening),
    /// 20 ms of both sides: the position of their first sample ([`POSITION`] bytes), then the samples, the caller's and
    /// the agent's in turn, 16 bits each; all of it little-endian. Positions are samples since the answer, at
    /// [`Listener::rate`].
    Sound(Bytes),
    /// So many frames went by unheard because this listener was too slow.
    Missed(u64),
}

/// Everybody who listens to one call.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Made for the first listener.
    channels: Option<Channels>,
    /// Of the leg; from the first listener on that of all of them, whatever the leg does.
    rate: Option<Rate>,
    /// The leg hands over its sound.
    fed: bool,
    over: bool,
}

#[derive(Debug)]
struct Channels {
    sound: broadcast::Sender<Bytes>,
    events: broadcast::Sender<Happening>,
    encoders: Encoders,
}

/// Why somebody cannot listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard {
    /// The call is over.
    Over,
    /// [`MOST`] listen already.
    Full,
}

/// One who listens. Gone when dropped.
#[derive(Debug)]
pub struct Listener {
    rate: Rate,
    sound: broadcast::Receiver<Bytes>,
    events: broadcast::Receiver<Happening>,
    over: bool,
}

impl Listeners {
    /// One more; whether the leg has to be told to hand over its sound.
    pub(super) fn join(&self) -> Result<(Listener, bool), Unheard> {
        let mut state = self.lock();
        if state.over {
            return Err(Unheard::Over);
        }
        let channels = state.channels.get_or_insert_with(|| Channels {
            sound: broadcast::channel(SOUND).0,
            events: broadcast::channel(EVENTS).0,
            encoders: Encoders::default(),
        });
        if channels.events.receiver_count() >= MOST {
            return Err(Unheard::Full);
        }
        let (sound, events) = (channels.sound.subscribe(), channels.events.subscribe());
        let rate = *state.rate.get_or_insert(Rate::Hz8000);
        let listener = Listener { rate, sound, events, over: false };
        Ok((listener, !state.fed))
    }

    /// How many listen.
    pub(super) fn count(&self) -> usize {
        self.lock().count()
    }

    /// The leg has begun and works at this rate, at which whoever comes first hears it. Those who came before the leg hear
    /// it at 8 kHz.
    pub(super) fn works_at(&self, rate: Rate) {
        self.lock().rate.get_or_insert(rate);
    }

    /// Where the leg's sound shall go from now on, and at which rate; nothing when nobody listens, or it goes there already.
    pub(super) fn wants_sound(&self) -> Option<(broadcast::Sender<Bytes>, Rate)> {
        let mut state = self.lock();
        if state.fed || state.count() == 0 {
            return None;
        }
        state.fed = true;
        let rate = state.rate.unwrap_or(Rate::Hz8000);
        state.channels.as_ref().map(|channels| (channels.sound.clone(), rate))
    }

    /// The leg hands over no more. True when somebody listens after all, so that it shall go on.
    fn leave_off(&self) -> bool {
        let mut state = self.lock();
        state.fed = state.count() > 0 && !state.over;
        state.fed
    }

    /// The leg that handed over its sound is gone.
    fn lost_leg(&self) {
        self.lock().fed = false;
    }

    /// Tells everybody, if there is anybody.
    pub(super) fn tell(&self, what: impl FnOnce() -> Happening) {
        let state = self.lock();
        if let Some(channels) = state.channels.as_ref().filter(|channels| channels.events.receiver_count() > 0) {
            let _ = channels.events.send(what());
        }
    }

    /// The call is over: everybody is told, and nobody can join any more. Only the first end counts.
    pub(super) fn end(&self, reason: DisconnectionReason, by: EndedBy) {
        let mut state = self.lock();
        state.over = true;
        if let Some(channels) = state.channels.take() {
            let _ = channels.events.send(Happening::Ended(reason, by));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self) -> usize {
        self.channels.as_ref().map_or(0, |channels| channels.events.receiver_count())
    }
}

impl Listener {
    /// Samples a second of each side.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// What comes next; `None` after the end of the call. Events go before sound. Giving up the wait loses nothing.
    pub async fn next(&mut self) -> Option<Next> {
        loop {
            if self.over {
                return None;
            }
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Ok(happening) => {
                        self.over = matches!(happening, Happening::Ended(..));
                        return Some(Next::Happened(happening));
                    }
                    // Lines went by: the record has them. How the call is now, is told.
                    Err(RecvError::Lagged(_)) => return Some(Next::Happened(Happening::Changed)),
                    Err(RecvError::Closed) => return None,
                },
                sound = self.sound.recv() => match sound {
                    Ok(frame) => return Some(Next::Sound(frame)),
                    Err(RecvError::Lagged(missed)) => return Some(Next::Missed(missed)),
                    // The end is among the events.
                    Err(RecvError::Closed) => match self.events.recv().await {
                        Ok(happening) => {
                            self.over = matches!(happening, Happening::Ended(..));
                            return Some(Next::Happened(happening));
                        }
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    },
                },
            }
        }
    }
}

impl Listener {
    /// What happens next, without the sound; `None` after the end of the call.
    async fn happens(&mut self) -> Option<Next> {
        if self.over {
            return None;
        }
        match self.events.recv().await {
            Ok(happening) => {
                self.over = matches!(happening, Happening::Ended(..));
                Some(Next::Happened(happening))
            }
            Err(RecvError::Lagged(_)) => Some(Next::Happened(Happening::Changed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests;
