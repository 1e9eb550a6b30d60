//! Bots that speak the messages of Twilio Media Streams over a websocket: they are the server, we connect.
//!
//! The address is `base_url`, `wss://`; `ws://` on this machine, or with the option `unencrypted`. With a key each
//! connection is signed: `X-Twilio-Signature`, HMAC-SHA1 of the address, or with the option `auth` = `bearer` the key
//! itself as a bearer token. The option `encoding` = `l16_16000` is an extension of ours: linear samples at 16 kHz in
//! place of mu-law at 8 kHz.

mod message;
mod settings;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use self::settings::Settings;
use self::wire::StreamWire;
use crate::provider::bot::{Bot, BotEvent, BotRequest, EVENT_QUEUE, INPUT_QUEUE, Session};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::Probing;
use crate::provider::socket::{self, Limits};
use crate::provider::vendor::Vendor;

/// Bytes of a message: half a minute of linear samples at 16 kHz, in base64.
const MESSAGE: usize = 2 << 20;
/// One more try when the first connection fails: somebody waits at the telephone.
const TRIES: u32 = 1;
/// Time for a connection to stand.
const CONNECT: Duration = Duration::from_secs(3);

/// A bot behind a websocket.
#[derive(Debug)]
pub struct MediaStreams {
    vendor: Vendor,
    settings: Settings,
    places: Arc<Semaphore>,
}

impl MediaStreams {
    /// The bot of one vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when a setting cannot work; the error says which.
    pub fn new(vendor: Vendor) -> Result<Self, Error> {
        let settings = Settings::new(&vendor)?;
        let places = Arc::new(Semaphore::new(vendor.capacity.min(Semaphore::MAX_PERMITS)));
        Ok(Self { vendor, settings, places })
    }

    fn wire(&self, request: BotRequest) -> StreamWire {
        StreamWire::new(self.vendor.clone(), self.settings.clone(), request)
    }
}

impl Bot for MediaStreams {
    fn open(&self, request: BotRequest) -> Result<Session, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| self.vendor.error(ErrorKind::Busy, "all places are taken"))?;
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let wire = self.wire(request);
        let limits = Limits { connect: CONNECT, tries: TRIES, message: MESSAGE, ..Limits::default() };
        tokio::spawn(async move {
            socket::run(wire, limits, rand::random(), inputs, sender).await;
            drop(place);
        });
        Ok(Session { input, events })
    }

    fn probe(&self) -> Probing<'_> {
        let request = BotRequest {
            call: crate::id::CallId::generate(),
            org: crate::id::OrgId::from_u128(0),
            parameters: std::collections::BTreeMap::new(),
        };
        // A bot that takes the connection is there; what it would say is its own business.
        Box::pin(socket::probe(self.wire(request), vec![], |_, events| events.contains(&BotEvent::Ready)))
    }
}
