//! `pocketsphinx_continuous` as a recogniser: one small grammar a turn, two processes a turn.
//!
//! While the caller speaks, the audio streams into a process that knows only the sentences of the question and into one
//! that knows only phones; when the turn is over both inputs are closed and `judge` compares what they made of it. A
//! call holds a place for its whole life, so that a dial is never begun for a call that nobody would listen to.

mod decoder;
mod frontend;
mod judge;
mod model;
mod network;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use self::decoder::Decoder;
use self::frontend::FrontEnd;
use self::model::{Model, NAME};
use super::dictionary::Dictionary;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::stt::{
    Capacity, EVENT_QUEUE, Grammar, INPUT_QUEUE, ListenRequest, Manner, Session, SpeechToText, SttEvent, SttInput,
    Transcript, TurnId,
};

/// How `pocketsphinx_continuous` is run.
#[derive(Clone, Debug)]
pub struct PocketsphinxConfig {
    /// The program. Default `pocketsphinx_continuous`, looked up in `PATH`.
    pub program: PathBuf,
    /// Folder with the acoustic model `en-us/` and the dictionary `cmudict-en-us.dict`. Default: Debian's.
    pub model: PathBuf,
    /// Where grammars are written; small files, made again when they are missing at start.
    pub folder: PathBuf,
    /// Calls that may listen at the same time.
    pub calls: usize,
    /// A result that takes longer, from the end of the turn, has failed. Default 2.5 s; it takes some 20 ms.
    pub time_limit: Duration,
}

impl PocketsphinxConfig {
    /// The defaults with this folder for grammars and so many calls at the same time.
    #[must_use]
    pub fn new(folder: PathBuf, calls: usize) -> Self {
        Self {
            program: PathBuf::from("pocketsphinx_continuous"),
            model: PathBuf::from("/usr/share/pocketsphinx/model/en-us"),
            folder,
            calls,
            time_limit: Duration::from_millis(2_500),
        }
    }
}

/// The offline recogniser.
#[derive(Debug)]
pub struct Pocketsphinx {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    total: usize,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    model: Model,
    time_limit: Duration,
}

impl Pocketsphinx {
    /// Reads the model (3 MB of dictionary, some 50 ms) and writes what it needs to its folder.
    ///
    /// # Errors
    /// The model is not installed or the folder cannot be written.
    pub fn open(config: PocketsphinxConfig) -> Result<Self, Error> {
        let PocketsphinxConfig { program, model, folder, calls, time_limit } = config;
        let model = Model::open(&model, folder)?;
        Ok(Self {
            shared: Arc::new(Shared { program, model, time_limit }),
            places: Arc::new(Semaphore::new(calls)),
            total: calls,
        })
    }

    /// The words it knows, for checking assistants.
    #[must_use]
    pub fn dictionary(&self) -> &Dictionary {
        self.shared.model.dictionary()
    }
}

impl SpeechToText for Pocketsphinx {
    fn manner(&self) -> Manner {
        Manner::TURN_BY_TURN
    }

    fn capacity(&self) -> Capacity {
        Capacity { total: self.total, free: self.places.available_permits() }
    }

    /// Must be called inside a tokio runtime.
    fn open(&self, _: &ListenRequest) -> Result<Session, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::new(NAME, ErrorKind::Busy, "every place is taken"))?;
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (events, session_events) = mpsc::channel(EVENT_QUEUE);
        let listener = Listener { shared: Arc::clone(&self.shared), events, turn: None, result: None };
        tokio::spawn(listener.run(inputs, place));
        Ok(Session { input, events: session_events })
    }
}

type PendingResult = Pin<Box<dyn Future<Output = SttEvent> + Send>>;

/// Serves one call.
struct Listener {
    shared: Arc<Shared>,
    events: mpsc::Sender<SttEvent>,
    turn: Option<Turn>,
    /// The turn that is over and whose result is awaited.
    result: Option<(TurnId, PendingResult)>,
}

/// A turn that is being listened to, or why it cannot be.
struct Turn {
    id: TurnId,
    decoders: Result<Decoders, Error>,
}

/// The two processes of a turn.
struct Decoders {
    words: Decoder,
    phones: Decoder,
    front: FrontEnd,
    bytes: Vec<u8>,
    /// Whether words may be put together freely.
    sequences: bool,
}

impl Listener {
    /// Ends, and kills what it started, when the call drops its session.
    async fn run(mut self, mut inputs: mpsc::Receiver<SttInput>, _place: OwnedSemaphorePermit) {
        loop {
            tokio::select! {
                biased;
                event = next(&mut self.result) => {
                    self.result = None;
                    if self.events.send(event).await.is_err() {
                        return;
                    }
                }
                input = inputs.recv() => match input {
                    Some(input) => self.take(input).await,
                    None => return,
                },
                () = self.events.closed() => return,
            }
        }
    }

    async fn take(&mut self, input: SttInput) {
        match input {
            SttInput::Begin { turn, grammar } => {
                let decoders = Decoders::start(&self.shared, &grammar);
                self.turn = Some(Turn { id: turn, decoders });
            }
            SttInput::Audio(samples) => {
                if let Some(Turn { decoders, .. }) = &mut self.turn
                    && let Ok(running) = decoders
                {
                    let fed = tokio::time::timeout(self.shared.time_limit, running.feed(&samples)).await;
                    if fed.is_err() {
                        *decoders = Err(Error::new(NAME, ErrorKind::TimedOut, "it does not take audio"));
                    }
                }
            }
            SttInput::End { turn: id } => {
                if let Some(turn) = self.turn.take_if(|turn| turn.id == id) {
                    let result = turn.result(self.shared.time_limit);
                    self.result = Some((id, Box::pin(result)));
                }
            }
            SttInput::Abandon { turn: id } => {
                self.turn.take_if(|turn| turn.id == id);
                self.result.take_if(|(turn, _)| *turn == id);
            }
            // The conversation's own clock ends the turns of a recogniser that is asked turn by turn.
            SttInput::Patience(_) => {}
        }
    }
}

/// The result that is awaited; waits for ever when there is none.
async fn next(result: &mut Option<(TurnId, PendingResult)>) -> SttEvent {
    match result {
        Some((_, result)) => result.await,
        None => std::future::pending().await,
    }
}

impl Turn {
    async fn result(self, time_limit: Duration) -> SttEvent {
        let Self { id: turn, decoders } = self;
        let judged = match decoders {
            Ok(decoders) => tokio::time::timeout(time_limit, decoders.finish()).await.unwrap_or_else(|_| {
                Err(Error::new(NAME, ErrorKind::TimedOut, format!("no result within {time_limit:?}")))
            }),
            Err(error) => Err(error),
        };
        match judged {
            Ok(transcript) => SttEvent::Final { turn, transcript },
            Err(error) => SttEvent::Failed { turn, error },
        }
    }
}

impl Decoders {
    fn start(shared: &Shared, grammar: &Grammar) -> Result<Self, Error> {
        let files = shared.model.compile(grammar)?;
        Ok(Self {
            words: Decoder::start(&shared.program, &shared.model, &files)?,
            phones: Decoder::start(&shared.program, &shared.model, &shared.model.phones)?,
            front: FrontEnd::new(),
            bytes: Vec::new(),
            sequences: !grammar.sequences.is_empty(),
        })
    }

    async fn feed(&mut self, samples: &[i16]) {
        self.bytes.clear();
        self.front.process(samples, &mut self.bytes);
        self.words.feed(&self.bytes).await;
        self.phones.feed(&self.bytes).await;
    }

    async fn finish(self) -> Result<Transcript, Error> {
        let (words, phones) = tokio::join!(self.words.finish(), self.phones.finish());
        Ok(judge::judge(&words?, &phones?, self.sequences))
    }
}

#[cfg(test)]
mod tests;
