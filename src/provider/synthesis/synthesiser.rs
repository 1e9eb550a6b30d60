//! What a vendor of speech is to the rest of the program.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::dialect::Dialect;
use super::request::{self, Line, Request};
use super::speaker::Speaker;
use super::wire::SpeechWire;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http;
use crate::provider::probe::{Failure, Probing};
use crate::provider::prompts::{Key, Prompts};
use crate::provider::socket::{self, Endpoint, Limits};
use crate::provider::tts::{
    EVENT_QUEUE, INPUT_QUEUE, RATE, Session, Speaking, Speech, SpeechRequest, TextToSpeech, TtsEvent, TtsInput,
    UtteranceId, Voice,
};
use crate::provider::vendor::Vendor;

/// Prompts that are made at the same time; further ones wait.
const PROMPTS: usize = 4;

/// A prompt that takes longer has failed.
const PROMPT_TIME: Duration = Duration::from_secs(30);

/// Samples of the longest prompt: five minutes.
const LONGEST_PROMPT: usize = 5 * 60 * RATE as usize;

/// What a probe says.
const TRIAL: &str = "Hello.";

const FIRST: UtteranceId = UtteranceId(0);

/// What a vendor's file gives: who it is and how it is connected to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adapter {
    /// Names the protocol; goes into the names of prompts.
    pub(crate) name: &'static str,
    /// The voice when neither the call nor the operator names one.
    pub(crate) voice: &'static str,
    pub(crate) connect: fn(&Arc<Vendor>, &Voice) -> Result<Connection, Error>,
}

/// A way to a vendor.
pub(crate) enum Connection {
    /// One websocket for a session.
    Socket { endpoint: Endpoint, dialect: Box<dyn Dialect> },
    /// A request for each text.
    Requests { request: Request, dialect: Box<dyn Dialect> },
}

/// Speech of one vendor.
#[derive(Debug)]
pub struct Synthesiser {
    adapter: Adapter,
    vendor: Arc<Vendor>,
    prompts: Arc<Prompts>,
    /// Sessions that may be opened.
    places: Arc<Semaphore>,
    making: Semaphore,
    /// For those that are sent requests: its connections are shared by all sessions.
    client: Option<Client>,
}

impl Synthesiser {
    pub(crate) fn new(adapter: Adapter, vendor: Vendor, prompts: Arc<Prompts>) -> Result<Self, Error> {
        let places = Arc::new(Semaphore::new(vendor.capacity.clamp(1, Semaphore::MAX_PERMITS)));
        let making = Semaphore::new(PROMPTS);
        let mut made = Self { adapter, vendor: Arc::new(vendor), prompts, places, making, client: None };
        // What is wrong with the settings is known at once.
        if let Connection::Requests { .. } = made.connection(&Voice::default())? {
            made.client = Some(http::client(&made.vendor)?);
        }
        Ok(made)
    }

    /// The voice with its name filled in.
    fn voice(&self, voice: &Voice) -> Voice {
        let default = || self.vendor.text("voice").unwrap_or(self.adapter.voice).to_owned();
        let name = if voice.name.is_empty() { default() } else { voice.name.clone() };
        Voice { name, language: voice.language.clone() }
    }

    fn connection(&self, voice: &Voice) -> Result<Connection, Error> {
        (self.adapter.connect)(&self.vendor, &self.voice(voice))
    }

    /// A session that counts as none.
    fn session(&self, voice: &Voice) -> Result<(Session, impl Future<Output = ()> + Send + use<>), Error> {
        let connection = self.connection(voice)?;
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (told, events) = mpsc::channel(EVENT_QUEUE);
        let vendor = Arc::clone(&self.vendor);
        let run: Pin<Box<dyn Future<Output = ()> + Send>> = match connection {
            Connection::Socket { endpoint, dialect } => {
                let wire = SpeechWire::new(Speaker::new(vendor, dialect), endpoint);
                Box::pin(socket::run(wire, Limits::default(), rand::random(), inputs, told))
            }
            Connection::Requests { request, dialect } => {
                let line = Line::new(self.client()?, request, &self.vendor);
                Box::pin(request::run(Speaker::new(vendor, dialect), line, inputs, told))
            }
        };
        Ok((Session { input, events }, run))
    }

    fn client(&self) -> Result<Client, Error> {
        self.client.clone().ok_or_else(|| self.vendor.error(ErrorKind::Local, "there is no HTTP client"))
    }

    async fn find_or_make(&self, request: SpeechRequest) -> Result<Speech, Error> {
        let request = SpeechRequest { voice: self.voice(&request.voice), ..request };
        let key = Key::new(&self.sound(), &request);
        let make = timeout(PROMPT_TIME, self.make(&request));
        let late = || self.vendor.error(ErrorKind::TimedOut, format!("no prompt within {PROMPT_TIME:?}"));
        let make = async { make.await.unwrap_or_else(|_| Err(late())) };
        self.prompts.find_or_make(&self.vendor.name, &key, make).await
    }

    /// All that decides how a text sounds, the voice apart.
    fn sound(&self) -> String {
        let Vendor { base_url, model, options, .. } = &*self.vendor;
        let options = serde_json::to_string(options).unwrap_or_default();
        [self.adapter.name, base_url, model, &options].join("\n")
    }

    async fn make(&self, request: &SpeechRequest) -> Result<Speech, Error> {
        let gone = || self.vendor.error(ErrorKind::Local, "shutting down");
        let _place = self.making.acquire().await.map_err(|_| gone())?;
        let (session, run) = self.session(&request.voice)?;
        // Driven by this future: nothing goes on behind a caller that has given up.
        let (collecting, mut run) = (collect(session, request), pin!(run));
        let (mut collecting, mut running) = (pin!(collecting), true);
        let speech = loop {
            tokio::select! {
                biased;
                speech = &mut collecting => break speech?.ok_or_else(gone)?,
                () = &mut run, if running => running = false,
            }
        };
        if speech.pcm.is_empty() {
            return Err(self.vendor.error(ErrorKind::Refused, "the text has no sound"));
        }
        Ok(speech)
    }

    async fn try_out(&self) -> Result<(), Failure> {
        let inputs = vec![
            TtsInput::Text { utterance: FIRST, text: TRIAL.to_owned().into() },
            TtsInput::Finish { utterance: FIRST },
        ];
        match self.connection(&Voice::default())? {
            Connection::Socket { endpoint, dialect } => {
                let wire = SpeechWire::new(Speaker::new(Arc::clone(&self.vendor), dialect), endpoint);
                let mut outcome = Ok(());
                socket::probe(wire, inputs, |_, events| {
                    events.iter().any(|event| match event {
                        TtsEvent::Failed { error, .. } | TtsEvent::Dead { error } => {
                            outcome = Err(error.clone());
                            true
                        }
                        TtsEvent::Finished { .. } => true,
                        TtsEvent::Audio { .. } | TtsEvent::Marks { .. } => false,
                    })
                })
                .await?;
                Ok(outcome?)
            }
            Connection::Requests { request, dialect } => {
                let line = Line::new(self.client()?, request, &self.vendor);
                request::probe(Speaker::new(Arc::clone(&self.vendor), dialect), line, inputs).await
            }
        }
    }
}

impl TextToSpeech for Synthesiser {
    fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
        Box::pin(self.find_or_make(request))
    }

    fn open(self: Arc<Self>, voice: &Voice) -> Result<Session, Error> {
        let busy = || self.vendor.error(ErrorKind::Busy, format!("all {} places are taken", self.vendor.capacity));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let (session, run) = self.session(voice)?;
        tokio::spawn(async move {
            run.await;
            drop(place);
        });
        Ok(session)
    }

    fn probe(&self) -> Probing<'_> {
        Box::pin(self.try_out())
    }
}

/// Has one text said; none when the session ended without a word.
async fn collect(mut session: Session, request: &SpeechRequest) -> Result<Option<Speech>, Error> {
    let text = TtsInput::Text { utterance: FIRST, text: request.text.clone() };
    for input in [text, TtsInput::Finish { utterance: FIRST }] {
        if session.input.send(input).await.is_err() {
            break;
        }
    }
    let (mut pcm, mut marks) = (Vec::new(), Vec::new());
    while let Some(event) = session.events.recv().await {
        match event {
            TtsEvent::Audio { pcm: more, .. } if pcm.len() < LONGEST_PROMPT => pcm.extend_from_slice(&more),
            TtsEvent::Audio { .. } => {}
            TtsEvent::Marks { marks: more, .. } => marks.extend(more),
            TtsEvent::Finished { .. } => return Ok(Some(Speech { pcm: pcm.into(), marks: marks.into() })),
            TtsEvent::Failed { error, .. } | TtsEvent::Dead { error } => return Err(error),
        }
    }
    Ok(None)
}

/// The language of a voice without its region, as vendors want it; empty when it is not told.
pub(crate) fn language(voice: &Voice) -> &str {
    voice.language.split('-').next().unwrap_or_default()
}
