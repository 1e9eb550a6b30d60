//! OpenAI Realtime: a model that hears and speaks. The caller's G.711 goes up and the model's comes down as it is.
//!
//! Options of the vendor: `beta` (the session and the header of before general availability), `transcription_model`,
//! `noise_reduction` (`near_field`, `far_field` or `none`), `turn_detection` (an object that replaces ours), `speed`,
//! `max_output_tokens`, `voice`.

mod context;
mod event;
mod session;
mod wire;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use self::wire::RealtimeWire;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::Probing;
use crate::provider::s2s::{EVENT_QUEUE, INPUT_QUEUE, S2sEvent, S2sRequest, Session, SpeechToSpeech};
use crate::provider::socket::{self, Limits};
use crate::provider::vendor::Vendor;

/// Where OpenAI is.
const PUBLIC: &str = "https://api.openai.com/v1";
/// The model when none is set.
const MODEL: &str = "gpt-realtime";

/// A model behind the Realtime API.
#[derive(Debug)]
pub struct Realtime {
    vendor: Vendor,
    places: Arc<Semaphore>,
}

impl Realtime {
    /// The model of one vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorised`] when OpenAI itself is meant and no key is set, `Refused` when the address is none.
    pub fn new(vendor: Vendor) -> Result<Self, Error> {
        if vendor.base_url.is_empty() {
            vendor.required_key()?;
        }
        session::endpoint(&vendor)?;
        let places = Arc::new(Semaphore::new(vendor.capacity.min(Semaphore::MAX_PERMITS)));
        Ok(Self { vendor, places })
    }
}

impl SpeechToSpeech for Realtime {
    fn open(&self, request: S2sRequest) -> Result<Session, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| self.vendor.error(ErrorKind::Busy, "all places are taken"))?;
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let wire = RealtimeWire::new(self.vendor.clone(), request);
        tokio::spawn(async move {
            socket::run(wire, Limits::default(), rand::random(), inputs, sender).await;
            drop(place);
        });
        Ok(Session { input, events })
    }

    fn probe(&self) -> Probing<'_> {
        let request = S2sRequest {
            instructions: Pii::new("Say: yes".to_owned()),
            voice: String::new(),
            language: String::new(),
            tools: [].into(),
        };
        let wire = RealtimeWire::new(self.vendor.clone(), request);
        // A session that the vendor has taken proves key, model and settings, and costs nothing.
        Box::pin(socket::probe(wire, vec![], |_, events| events.contains(&S2sEvent::Ready)))
    }
}

#[cfg(test)]
mod tests;
