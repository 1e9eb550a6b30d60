//! A recogniser behind a websocket, whatever its vendor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::dialect::Dialect;
use super::listener::Listener;
use super::{
    Capacity, EVENT_QUEUE, Grammar, INPUT_QUEUE, ListenRequest, Manner, Session, SpeechToText, SttInput, TurnId,
};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::Probing;
use crate::provider::socket::{Limits, probe, run};
use crate::provider::vendor::Vendor;
use crate::time;

/// Silence that a trial sends, and in pieces of what length.
const TRIAL: Duration = Duration::from_secs(1);
const TRIAL_PIECE: Duration = Duration::from_millis(100);

/// A vendor's recogniser.
#[derive(Debug)]
pub struct Recogniser<D> {
    dialect: D,
    places: Arc<Semaphore>,
    total: usize,
}

impl<D: Dialect> Recogniser<D> {
    /// The recogniser of one vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// `Unauthorised` without a key, `Refused` when the address is none.
    pub fn new(vendor: Vendor) -> Result<Self, Error> {
        let total = vendor.capacity;
        let dialect = D::new(vendor)?;
        dialect.endpoint()?;
        Ok(Self { dialect, places: Arc::new(Semaphore::new(total)), total })
    }

    fn dialect(&self, request: &ListenRequest) -> D {
        let mut dialect = self.dialect.clone();
        dialect.prepare(request);
        dialect
    }
}

impl<D: Dialect> SpeechToText for Recogniser<D> {
    fn manner(&self) -> Manner {
        self.dialect.profile().manner
    }

    fn capacity(&self) -> Capacity {
        Capacity { total: self.total, free: self.places.available_permits() }
    }

    /// Must be called inside a tokio runtime.
    fn open(&self, request: &ListenRequest) -> Result<Session, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| self.dialect.vendor().error(ErrorKind::Busy, "every place is taken"))?;
        let dialect = self.dialect(request);
        let limits = Limits { talk: dialect.profile().talk, ..Limits::default() };
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (events, session_events) = mpsc::channel(EVENT_QUEUE);
        let listener = Listener::new(time::now().mono, dialect);
        tokio::spawn(async move {
            run(listener, limits, rand::random(), inputs, events).await;
            drop(place);
        });
        Ok(Session { input, events: session_events })
    }

    /// Connects, sends a second of silence and asks for its words: none, of course.
    fn probe(&self) -> Probing<'_> {
        let listener = Listener::new(time::now().mono, self.dialect(&ListenRequest::default()));
        let turn = TurnId(1);
        let silence: Arc<[i16]> = vec![0; TRIAL_PIECE.as_millis() as usize * 8].into();
        let pieces = (TRIAL.as_millis() / TRIAL_PIECE.as_millis()) as usize;
        let mut inputs = vec![SttInput::Begin { turn, grammar: Arc::new(Grammar::default()) }];
        inputs.resize(inputs.len() + pieces, SttInput::Audio(silence));
        inputs.push(SttInput::End { turn });
        Box::pin(probe(listener, inputs, |listener, _| listener.is_proven()))
    }
}
