//! A websocket as a simulated vendor sees it: messages in and out, with the faults of the connection between.
//!
//! A task of its own writes, so that what is late does not hold up what is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

use super::connection::Connection;
use super::faults::{Fault, Strikes};
use super::log::Side;
use super::server::Shared;

/// Messages that wait to be written; a simulator that is further ahead waits.
const QUEUE: usize = 256;

/// How long a client may take to answer a close frame.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is no message of any vendor.
pub(crate) const GARBAGE: &str = "{\"type\":\"\u{0}\u{fffd}]]";

/// The client is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// A message that came.
#[derive(Debug)]
pub(crate) enum Received {
    Text(String),
    Binary(Bytes),
}

/// Audio on its way out.
#[derive(Debug)]
pub(crate) enum Audio {
    /// As it is.
    Binary(Bytes),
    /// In base64, in this field of a message.
    Field(Value, &'static str),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) connection: Arc<Connection>,
    reader: Option<SplitStream<WebSocket>>,
    out: mpsc::Sender<Outgoing>,
    line: watch::Receiver<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Up,
    /// Half-open.
    Mute,
    /// A close frame went out.
    Closing,
    Down,
}

#[derive(Debug)]
struct Outgoing {
    due: Instant,
    message: Message,
    sound: Option<(Vec<i16>, u32)>,
}

impl Peer {
    /// Takes over a websocket. Must be called inside a tokio runtime.
    pub(crate) fn new(shared: Arc<Shared>, connection: Arc<Connection>, socket: WebSocket) -> Self {
        let (sink, reader) = socket.split();
        let (out, inbox) = mpsc::channel(QUEUE);
        let (line, state) = watch::channel(Line::Up);
        let writer = Writer::new(shared, Arc::clone(&connection), sink, line);
        tokio::spawn(writer.run(inbox));
        Self { connection, reader: Some(reader), out, line: state }
    }

    /// The next message; none when the connection is over.
    pub(crate) async fn recv(&mut self) -> Option<Received> {
        loop {
            let line = *self.line.borrow_and_update();
            let reader = match line {
                Line::Up | Line::Closing => self.reader.as_mut()?,
                Line::Mute => {
                    self.line.changed().await.ok()?;
                    continue;
                }
                Line::Down => {
                    self.reader = None;
                    return None;
                }
            };
            let message = tokio::select! {
                biased;
                changed = self.line.changed() => {
                    changed.ok()?;
                    continue;
                }
                message = reader.next() => message,
            };
            match message {
                Some(Ok(Message::Text(_) | Message::Binary(_))) if line == Line::Closing => {}
                Some(Ok(Message::Text(text))) => {
                    self.connection.received(&text);
                    return Some(Received::Text(text.as_str().to_owned()));
                }
                Some(Ok(Message::Binary(bytes))) => return Some(Received::Binary(bytes)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame
                        .map_or((None, String::new()), |frame| (Some(frame.code), frame.reason.as_str().to_owned()));
                    self.connection.closed(Side::Client, code, &reason);
                    return None;
                }
                Some(Err(_)) | None => {
                    self.connection.closed(Side::Client, None, "");
                    self.reader = None;
                    return None;
                }
            }
        }
    }

    /// Sends a message.
    pub(crate) async fn send(&self, message: &Value) -> Result<(), Gone> {
        self.post(Duration::ZERO, Message::text(message.to_string()), None).await
    }

    /// Sends a message so much later, whatever is sent after it.
    pub(crate) async fn send_later(&self, after: Duration, message: &Value) -> Result<(), Gone> {
        self.post(after, Message::text(message.to_string()), None).await
    }

    /// Sends the final words of a stretch of speech: twice or late when a fault wants that.
    pub(crate) async fn send_final(&self, message: &Value) -> Result<(), Gone> {
        self.send_final_later(Duration::ZERO, message).await
    }

    /// The same, so much later in any case.
    pub(crate) async fn send_final_later(&self, after: Duration, message: &Value) -> Result<(), Gone> {
        let faults = self.connection.faults();
        for _ in 0..if faults.duplicate_finals() { 2 } else { 1 } {
            self.send_later(after + faults.late_final(), message).await?;
        }
        Ok(())
    }

    /// Sends audio that sounds like `samples`; damaged when a fault wants that.
    pub(crate) async fn send_audio(&self, audio: Audio, samples: Vec<i16>, rate: u32) -> Result<(), Gone> {
        let faults = self.connection.faults();
        let empty = faults.empty_audio();
        let message = match audio {
            Audio::Binary(_) if empty => return Ok(()),
            Audio::Binary(bytes) => Message::Binary(bytes),
            Audio::Field(mut message, field) => {
                if let Some(Value::String(text)) = message.get_mut(field) {
                    if empty {
                        text.clear();
                    } else if faults.truncated_base64() {
                        text.truncate((text.len() / 2) | 1);
                    }
                }
                Message::text(message.to_string())
            }
        };
        self.post(Duration::ZERO, message, Some((samples, rate))).await
    }

    /// Closes the connection after what was sent, and waits until the client has gone.
    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: reason.to_owned().into() };
        if self.post(Duration::ZERO, Message::Close(Some(frame)), None).await.is_ok() {
            while self.recv().await.is_some() {}
        }
    }

    async fn post(&self, after: Duration, message: Message, sound: Option<(Vec<i16>, u32)>) -> Result<(), Gone> {
        let due = Instant::now() + self.connection.faults().delay() + after;
        self.out.send(Outgoing { due, message, sound }).await.map_err(|_| Gone)
    }
}

impl Drop for Peer {
    /// Reads on for a while: a socket that is closed over unread bytes takes back what it wrote last.
    fn drop(&mut self) {
        if let Some(mut reader) = self.reader.take()
            && *self.line.borrow() != Line::Down
        {
            tokio::spawn(async move { timeout(LAST_WORDS, async { while reader.next().await.is_some() {} }).await });
        }
    }
}

/// Writes what is due and lets the faults strike.
struct Writer {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    sink: SplitSink<WebSocket, Message>,
    line: watch::Sender<Line>,
    queue: BTreeMap<(Instant, u64), Outgoing>,
    queued: u64,
    sent: u32,
    strikes: Strikes,
}

impl Writer {
    fn new(
        shared: Arc<Shared>,
        connection: Arc<Connection>,
        sink: SplitSink<WebSocket, Message>,
        line: watch::Sender<Line>,
    ) -> Self {
        let mut strikes = Strikes::default();
        strikes.add(&connection.faults(), connection.began, 0);
        Self { shared, connection, sink, line, queue: BTreeMap::new(), queued: 0, sent: 0, strikes }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Outgoing>) {
        self.write_all(&mut inbox).await;
        self.line.send_replace(Line::Down);
    }

    async fn write_all(&mut self, inbox: &mut mpsc::Receiver<Outgoing>) {
        let mut changes = self.shared.plan.changes();
        let mut open = true;
        loop {
            while let Some(fault) = self.strikes.take(Instant::now(), self.sent) {
                self.connection.struck(&fault);
                if self.strike(fault).await.is_err() {
                    return;
                }
            }
            if !open && self.queue.is_empty() {
                return self.close(1000, "").await;
            }
            let due = self.queue.keys().next().map(|(due, _)| *due);
            let next = due.into_iter().chain(self.strikes.next(self.sent)).min();
            tokio::select! {
                biased;
                changed = changes.changed() => {
                    if changed.is_err() || changes.borrow_and_update().is_none() {
                        return;
                    }
                    let faults = self.shared.plan.strike_live(self.connection.vendor);
                    self.strikes.add(&faults, Instant::now(), self.sent);
                    self.connection.strike(faults);
                }
                outgoing = inbox.recv(), if open && self.queue.len() < QUEUE => match outgoing {
                    Some(outgoing) => {
                        self.queue.insert((outgoing.due, self.queued), outgoing);
                        self.queued += 1;
                    }
                    None => open = false,
                },
                () = until(next) => {
                    if self.write_due().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Writes the first message of the queue, if its time has come.
    async fn write_due(&mut self) -> Result<(), Gone> {
        let Some(entry) = self.queue.first_entry() else { return Ok(()) };
        if entry.key().0 > Instant::now() {
            return Ok(());
        }
        let Outgoing { message, sound, .. } = entry.remove();
        if let Message::Close(frame) = message {
            let (code, reason) = frame.map_or((1000, String::new()), |frame| (frame.code, frame.reason.to_string()));
            self.close(code, &reason).await;
            return Err(Gone);
        }
        let text = if let Message::Text(text) = &message { Some(text.as_str().to_owned()) } else { None };
        let bytes = if let Message::Binary(bytes) = &message { bytes.len() } else { 0 };
        if *self.line.borrow() != Line::Mute {
            self.sink.send(message).await.map_err(|_| Gone)?;
            self.sent += 1;
            if let Some(text) = text {
                self.connection.sent(&text);
            }
            if let Some((samples, rate)) = sound {
                self.connection.said(&samples, rate, bytes);
            }
        }
        Ok(())
    }

    async fn strike(&mut self, fault: Fault) -> Result<(), Gone> {
        if let Fault::Close { code, reason, .. } = fault {
            self.close(code, &reason).await;
            return Err(Gone);
        }
        match fault {
            Fault::Cut { .. } => {
                self.connection.closed(Side::Vendor, None, "cut");
                return Err(Gone);
            }
            Fault::HalfOpen { .. } => {
                self.line.send_replace(Line::Mute);
            }
            Fault::Garbage { .. } => {
                self.sink.send(Message::text(GARBAGE)).await.map_err(|_| Gone)?;
                self.connection.sent(GARBAGE);
            }
            // These have no moment: whoever sends or accepts looks at them.
            Fault::Close { .. }
            | Fault::Delay { .. }
            | Fault::Unauthorised
            | Fault::TooMany { .. }
            | Fault::Refuse { .. }
            | Fault::Hang
            | Fault::SlowFirstByte { .. }
            | Fault::DuplicateFinals
            | Fault::LateFinal { .. }
            | Fault::Pace { .. }
            | Fault::EmptyAudio
            | Fault::TruncatedBase64 => {}
        }
        Ok(())
    }

    /// Sends a close frame and gives the client time to answer it.
    async fn close(&mut self, code: u16, reason: &str) {
        if *self.line.borrow() == Line::Mute {
            return;
        }
        self.connection.closed(Side::Vendor, Some(code), reason);
        let frame = CloseFrame { code, reason: reason.to_owned().into() };
        if self.sink.send(Message::Close(Some(frame))).await.is_ok() {
            self.line.send_replace(Line::Closing);
            // The reading side goes away as soon as the client has closed.
            let _ = timeout(LAST_WORDS, self.line.closed()).await;
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
