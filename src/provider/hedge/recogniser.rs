//! Several recognisers that look like one. What to do is decided by [`Ears`].

use tokio::sync::mpsc;

use super::ears::{Act, Ears, common};
use super::line::{Talk, Woken, woken};
use super::{Choice, Held};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::{self, Probing};
use crate::provider::stt::{
    Capacity, EVENT_QUEUE, INPUT_QUEUE, ListenRequest, Manner, Session, SpeechToText, SttEvent, SttInput,
};
use crate::time;

/// Inputs that wait for a recogniser that takes none, audio mostly; then the oldest audio goes.
const WAITING: usize = 128;

/// Recognisers in the order of preference. See the [module](super).
#[derive(Clone)]
pub struct HedgedEars {
    recognisers: Vec<Choice<dyn SpeechToText>>,
    manner: Manner,
    /// Whether two of them hear the caller all the time.
    warm: bool,
    /// Kept for as long as this is.
    _held: Option<Held>,
}

impl HedgedEars {
    /// Of at least one recogniser. Those that hear the caller in another way than the first, all the time or turn by turn,
    /// cannot stand in for it and are left out.
    #[must_use]
    pub fn new(mut recognisers: Vec<Choice<dyn SpeechToText>>) -> Self {
        let continuous = recognisers.first().is_some_and(|first| first.provider.manner().continuous);
        recognisers.retain(|choice| choice.provider.manner().continuous == continuous);
        // One that is asked turn by turn forgets; a second beside it would only take places.
        if !continuous {
            recognisers.truncate(1);
        }
        let manners: Vec<Manner> = recognisers.iter().map(|choice| choice.provider.manner()).collect();
        Self { recognisers, manner: common(&manners), warm: true, _held: None }
    }

    /// Without a warm spare: the next one is asked when the first has failed, and hears the turn again. That takes longer
    /// and costs half.
    #[must_use]
    pub fn cold(self) -> Self {
        Self { warm: false, ..self }
    }

    /// Keeps something until it is dropped itself: the call's places.
    #[must_use]
    pub fn holding(self, held: Held) -> Self {
        Self { _held: Some(held), ..self }
    }
}

impl SpeechToText for HedgedEars {
    fn manner(&self) -> Manner {
        self.manner
    }

    fn capacity(&self) -> Capacity {
        let of = |admitted: bool| {
            let all = self.recognisers.iter().filter(move |choice| choice.health.admits() || !admitted);
            all.map(|choice| choice.provider.capacity())
        };
        Capacity {
            total: of(false).map(|capacity| capacity.total).max().unwrap_or(0),
            free: of(true).map(|capacity| capacity.free).max().unwrap_or(0),
        }
    }

    fn open(&self, request: &ListenRequest) -> Result<Session, Error> {
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let manners: Vec<Manner> = self.recognisers.iter().map(|choice| choice.provider.manner()).collect();
        let admitted: Vec<bool> = self.recognisers.iter().map(|choice| choice.health.admits()).collect();
        let mut run = Run {
            core: Ears::new(&manners, &admitted, self.warm),
            sessions: self.recognisers.iter().map(|_| None).collect(),
            recognisers: self.recognisers.clone(),
            request: request.clone(),
            out: sender.clone(),
            unheard: 0,
        };
        run.open_first()?;
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = sender.closed() => {}
                () = run.run(inputs) => {}
            }
        });
        Ok(Session { input, events })
    }

    fn probe(&self) -> Probing<'_> {
        self.recognisers.first().map_or_else(probe::nothing_to_try, |choice| choice.provider.probe())
    }
}

/// One call's recognisers.
struct Run {
    core: Ears,
    recognisers: Vec<Choice<dyn SpeechToText>>,
    sessions: Vec<Option<Talk<SttInput, SttEvent>>>,
    request: ListenRequest,
    out: mpsc::Sender<SttEvent>,
    /// Pieces of audio that a recogniser did not take in time.
    unheard: u64,
}

impl Run {
    /// Opens the first sessions; an error when there is none.
    fn open_first(&mut self) -> Result<(), Error> {
        let mut refused = None;
        while let Some(act) = self.core.poll_act() {
            match act {
                Act::Open(at) => {
                    if let Err(error) = self.open(at) {
                        refused.get_or_insert(error.clone());
                        self.core.not_opened(at, error, &self.admitted());
                    }
                }
                Act::Emit(_) | Act::Tell(..) | Act::Close(_) | Act::Well(_) | Act::Failed(..) => {}
            }
        }
        match refused {
            Some(error) if self.sessions.iter().all(Option::is_none) => Err(error),
            Some(_) | None => Ok(()),
        }
    }

    async fn run(mut self, mut inputs: mpsc::Receiver<SttInput>) {
        loop {
            if self.carry_out().await.is_err() {
                break;
            }
            let wake = self.core.poll_timeout();
            let ended = || SttEvent::Dead { error: Error::new("a recogniser", ErrorKind::Broken, "its session ended") };
            let woken = woken(&mut inputs, &mut self.sessions, wake, ended).await;
            let (now, admitted) = (time::now().mono, self.admitted());
            match woken {
                Woken::Told(Some(input)) => self.core.told(input),
                Woken::Told(None) => break,
                Woken::Said(at, event) => self.core.said(now, at, event, &admitted),
                Woken::Due => self.core.tick(now, &admitted),
            }
        }
        if self.unheard > 0 {
            tracing::warn!(pieces = self.unheard, "a recogniser did not take all of the caller's voice");
        }
    }

    /// Does what the core wants; an error when nobody listens any more.
    async fn carry_out(&mut self) -> Result<(), mpsc::error::SendError<SttEvent>> {
        while let Some(act) = self.core.poll_act() {
            let now = time::now().mono;
            match act {
                Act::Open(at) => {
                    if let Err(error) = self.open(at) {
                        self.core.not_opened(at, error, &self.admitted());
                    }
                }
                Act::Close(at) => self.sessions[at] = None,
                Act::Tell(at, input) => self.tell(at, input),
                Act::Emit(event) => {
                    self.recognisers[self.core.lead()].serves();
                    self.out.send(event).await?;
                }
                Act::Well(at) => self.recognisers[at].health.succeeded(now),
                Act::Failed(at, error) => self.recognisers[at].health.failed(now, &error),
            }
        }
        Ok(())
    }

    fn open(&mut self, at: usize) -> Result<(), Error> {
        let session = self.recognisers[at].provider.open(&self.request)?;
        self.sessions[at] = Some(Talk::new(session.input, session.events));
        Ok(())
    }

    fn tell(&mut self, at: usize, input: SttInput) {
        let Some(Talk { line, .. }) = &mut self.sessions[at] else { return };
        line.tell(input);
        if line.waiting() > WAITING {
            line.let_go(|input| matches!(input, SttInput::Audio(_)));
            self.unheard += 1;
        }
    }

    fn admitted(&self) -> Vec<bool> {
        self.recognisers.iter().map(|choice| choice.health.admits()).collect()
    }
}

#[cfg(test)]
mod tests;
