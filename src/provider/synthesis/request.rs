//! A session over requests: one for each text, answered in the order of the texts.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep_until, timeout};

use super::dialect::{Frame, Message};
use super::speaker::Speaker;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http::{Refusal, interrupted};
use crate::provider::probe::{Failure, reach};
use crate::provider::tts::{TtsEvent, TtsInput};
use crate::provider::vendor::Vendor;
use crate::time;

/// Requests under way: while the audio of one is read, the next is being made.
const AHEAD: usize = 2;

/// Pieces of an answer that wait to be read.
const PIECES: usize = 16;

/// Events that are held for a call that does not take them; with more nothing is read.
const HELD: usize = 16;

/// Time in which a trial has to be answered.
const TRIAL: Duration = Duration::from_secs(8);

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) url: Url,
    /// Marked as sensitive where they are.
    pub(crate) headers: HeaderMap,
}

/// The requests of one session.
#[derive(Debug)]
pub(crate) struct Line {
    client: Client,
    request: Request,
    vendor: Arc<Vendor>,
    waiting: VecDeque<String>,
    under_way: VecDeque<UnderWay>,
}

/// A request that was sent. It ends when this is dropped.
#[derive(Debug)]
struct UnderWay {
    pieces: mpsc::Receiver<Piece>,
    task: AbortHandle,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
enum Piece {
    /// The answer begins; its content type.
    Head(String),
    Body(Bytes),
    End,
    Refused(Refusal),
    Failed(Error),
}

impl Line {
    pub(crate) fn new(client: Client, request: Request, vendor: &Arc<Vendor>) -> Self {
        let vendor = Arc::clone(vendor);
        Self { client, request, vendor, waiting: VecDeque::new(), under_way: VecDeque::new() }
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Text(body) => self.waiting.push_back(body),
            Frame::Drop => self.drop_all(),
        }
    }

    fn drop_all(&mut self) {
        self.waiting.clear();
        self.under_way.clear();
    }

    /// Sends what may be sent.
    fn send(&mut self) {
        while self.under_way.len() < AHEAD {
            let Some(body) = self.waiting.pop_front() else { return };
            let (told, pieces) = mpsc::channel(PIECES);
            let request = self.client.post(self.request.url.clone()).headers(self.request.headers.clone());
            let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
            let vendor = Arc::clone(&self.vendor);
            let task = tokio::spawn(async move {
                match request.send().await {
                    Ok(response) if response.status().is_success() => read(&vendor, response, &told).await,
                    Ok(response) => drop(told.send(Piece::Refused(Refusal::read(response).await)).await),
                    Err(error) => drop(told.send(Piece::Failed(interrupted(&vendor, &error))).await),
                }
            });
            self.under_way.push_back(UnderWay { pieces, task: task.abort_handle() });
        }
    }

    /// The next piece of the first answer; waits for ever when none is under way.
    async fn next(&mut self) -> Piece {
        let Some(first) = self.under_way.front_mut() else { return pending().await };
        let piece = first.pieces.recv().await;
        let piece = piece.unwrap_or_else(|| Piece::Failed(self.vendor.error(ErrorKind::Local, "a request was lost")));
        if let Piece::End = piece {
            self.under_way.pop_front();
        }
        piece
    }
}

async fn read(vendor: &Vendor, mut response: Response, told: &mpsc::Sender<Piece>) {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut piece = Piece::Head(kind.to_owned());
    while told.send(piece).await.is_ok() {
        piece = match response.chunk().await {
            Ok(Some(bytes)) => Piece::Body(bytes),
            Ok(None) => return drop(told.send(Piece::End).await),
            Err(error) => return drop(told.send(Piece::Failed(interrupted(vendor, &error))).await),
        };
    }
}

/// Serves one session until the call drops it or the key is refused.
pub(crate) async fn run(
    speaker: Speaker,
    line: Line,
    mut inputs: mpsc::Receiver<TtsInput>,
    events: mpsc::Sender<TtsEvent>,
) {
    let mut desk = Desk { speaker, line };
    desk.speaker.opened(time::now().mono);
    loop {
        desk.settle(time::now().mono);
        let held = desk.speaker.events();
        let wake = desk.speaker.poll_timeout();
        tokio::select! {
            biased;
            place = events.reserve(), if held > 0 => {
                let (Ok(place), Some(event)) = (place, desk.speaker.poll_event()) else { return };
                place.send(event);
            }
            input = inputs.recv() => match input {
                Some(input) => desk.speaker.command(time::now().mono, input),
                None => return,
            },
            piece = desk.line.next(), if held < HELD => {
                let now = time::now().mono;
                if let Err(trouble) = desk.take(now, piece)
                    && let Some(error) = desk.trouble(now, &trouble)
                {
                    desk.speaker.dead(now, error);
                    return desk.tell_all(&events).await;
                }
            }
            () = until(wake) => desk.speaker.timeout(time::now().mono),
        }
    }
}

/// Has the `inputs` said, and waits for the end of the first utterance.
///
/// # Errors
/// [`Failure`] with the step that failed.
pub(crate) async fn probe(speaker: Speaker, line: Line, inputs: Vec<TtsInput>) -> Result<(), Failure> {
    let vendor = Arc::clone(&line.vendor);
    reach(&vendor, line.request.url.as_str()).await?;
    let mut desk = Desk { speaker, line };
    desk.speaker.opened(time::now().mono);
    for input in inputs {
        desk.speaker.command(time::now().mono, input);
    }
    let trial = async {
        loop {
            desk.settle(time::now().mono);
            while let Some(event) = desk.speaker.poll_event() {
                match event {
                    TtsEvent::Finished { .. } => return Ok(()),
                    TtsEvent::Failed { error, .. } | TtsEvent::Dead { error } => return Err(error.into()),
                    TtsEvent::Audio { .. } | TtsEvent::Marks { .. } => {}
                }
            }
            let wake = desk.speaker.poll_timeout();
            tokio::select! {
                biased;
                piece = desk.line.next() => match desk.take(time::now().mono, piece) {
                    Ok(()) => {}
                    Err(Trouble::Refused(refusal)) => return Err(refusal.failure(&vendor)),
                    Err(Trouble::Failed(error)) => return Err(error.into()),
                },
                () = until(wake) => desk.speaker.timeout(time::now().mono),
            }
        }
    };
    match timeout(TRIAL, trial).await {
        Ok(outcome) => outcome,
        Err(_) => Err(vendor.error(ErrorKind::TimedOut, "it connects and does not answer").into()),
    }
}

struct Desk {
    speaker: Speaker,
    line: Line,
}

/// What went wrong with a request.
enum Trouble {
    Refused(Refusal),
    Failed(Error),
}

impl Desk {
    /// Sends what the speaker wants sent.
    fn settle(&mut self, now: Instant) {
        if self.speaker.poll_reset().is_some() {
            self.line.drop_all();
            self.speaker.opened(now);
        }
        while let Some(frame) = self.speaker.poll_frame() {
            self.line.take(frame);
        }
        self.line.send();
    }

    fn take(&mut self, now: Instant, piece: Piece) -> Result<(), Trouble> {
        match piece {
            Piece::Head(kind) => self.speaker.received(now, Message::Answer(&kind)),
            Piece::Body(bytes) => self.speaker.received(now, Message::Binary(&bytes)),
            Piece::End => self.speaker.received(now, Message::End),
            Piece::Refused(refusal) => return Err(Trouble::Refused(refusal)),
            Piece::Failed(error) => return Err(Trouble::Failed(error)),
        }
        Ok(())
    }

    /// A request has failed, and with it those behind it. Gives the error that ends the session.
    fn trouble(&mut self, now: Instant, trouble: &Trouble) -> Option<Error> {
        let error = match trouble {
            Trouble::Refused(refusal) => refusal.error(&self.line.vendor),
            Trouble::Failed(error) => error.clone(),
        };
        self.line.drop_all();
        if error.kind == ErrorKind::Unauthorised {
            return Some(error);
        }
        self.speaker.lost(now, &error);
        self.speaker.opened(now);
        None
    }

    async fn tell_all(&mut self, events: &mpsc::Sender<TtsEvent>) {
        while let Some(event) = self.speaker.poll_event() {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake.into()).await,
        None => pending().await,
    }
}
