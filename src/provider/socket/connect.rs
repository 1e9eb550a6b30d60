//! Making a connection, and the connection itself: a queue in front of a websocket, both driven by one future.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as Fault, ProtocolError};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::address::Endpoint;
use super::wire::{Close, Message, Upgrade};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::http::{Refusal, request_id};
use crate::provider::tls;
use crate::provider::vendor::Vendor;

/// Bytes read at once. A message may be larger.
const READ: usize = 4 << 10;
/// Bytes that wait to be written, in our queue and in the library's each. A connection that takes less than what is
/// said in real time is broken long before.
const UNWRITTEN: usize = 512 << 10;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// It could not be made.
    Failed(Error),
    /// The server answered with something else than an upgrade.
    Refused(Refusal),
}

impl NoConnection {
    pub(super) fn into_error(self, vendor: &Vendor) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Refused(refusal) => refusal.error(vendor),
        }
    }
}

/// Connects. The time limit is the caller's.
pub(super) async fn connect(
    vendor: &Vendor,
    endpoint: &Endpoint,
    message: usize,
) -> Result<(Box<Socket>, Upgrade), NoConnection> {
    let request = request(vendor, endpoint).map_err(NoConnection::Failed)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_write_buffer_size(UNWRITTEN)
        .max_message_size(Some(message))
        .max_frame_size(Some(message));
    let connector = Connector::Rustls(tls::config());
    match connect_async_tls_with_config(request, Some(config), true, Some(connector)).await {
        Ok((stream, response)) => {
            let upgrade = Upgrade { request: request_id(response.headers()) };
            Ok((Box::new(Socket { stream, queue: VecDeque::new(), queued: 0 }), upgrade))
        }
        Err(Fault::Http(response)) => {
            let mut refusal = Refusal::new(response.status(), response.headers());
            refusal.take_reason(response.body().as_deref().unwrap_or_default());
            Err(NoConnection::Refused(refusal))
        }
        Err(fault) => Err(NoConnection::Failed(broken(vendor, &fault))),
    }
}

fn request(vendor: &Vendor, endpoint: &Endpoint) -> Result<Request, Error> {
    let refused = |detail: &str| vendor.error(ErrorKind::Refused, detail);
    let mut request =
        endpoint.url.as_str().into_client_request().map_err(|_| refused("the address is none of a websocket"))?;
    for (name, value) in &endpoint.headers {
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| vendor.error(ErrorKind::Unauthorised, format!("what is set cannot stand in {name}")))?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    if !endpoint.protocols.is_empty() {
        let offered: Vec<&str> = endpoint.protocols.iter().map(ExposeSecret::expose_secret).collect();
        let mut value = HeaderValue::from_str(&offered.join(", ")).map_err(|_| refused("no such subprotocol"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    Ok(request)
}

/// What a fault of the connection is to us. Names neither address nor content.
fn broken(vendor: &Vendor, fault: &Fault) -> Error {
    let (kind, detail) = match fault {
        Fault::ConnectionClosed | Fault::AlreadyClosed => (ErrorKind::Broken, "closed without a word".to_owned()),
        Fault::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            (ErrorKind::Broken, "broke off without a close frame".to_owned())
        }
        Fault::Io(error) => (ErrorKind::Unreachable, error.to_string()),
        Fault::Tls(error) => (ErrorKind::Unreachable, error.to_string()),
        Fault::Capacity(error) => (ErrorKind::Broken, error.to_string()),
        Fault::Protocol(error) => (ErrorKind::Broken, error.to_string()),
        Fault::WriteBufferFull(_) => (ErrorKind::Broken, "does not take what it is sent".to_owned()),
        Fault::Utf8(_) | Fault::AttackAttempt => (ErrorKind::Broken, "sent what is no text".to_owned()),
        Fault::Url(error) => (ErrorKind::Refused, error.to_string()),
        Fault::Http(response) => (ErrorKind::Broken, format!("answered {}", response.status())),
        Fault::HttpFormat(error) => (ErrorKind::Refused, error.to_string()),
    };
    vendor.error(kind, detail)
}

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    queue: VecDeque<tungstenite::Message>,
    /// Bytes in the queue.
    queued: usize,
}

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Message),
    Pulse,
    Closed(Close),
}

impl Socket {
    /// Queues a message; it goes out while [`next`](Self::next) is awaited.
    ///
    /// # Errors
    /// When the vendor has not taken what was sent before.
    pub(super) fn send(&mut self, vendor: &Vendor, message: Message) -> Result<(), Error> {
        let message = match message {
            Message::Text(text) => tungstenite::Message::text(text),
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
        };
        let length = message.len();
        if self.queued + length > UNWRITTEN {
            return Err(broken(vendor, &Fault::WriteBufferFull(Box::new(message))));
        }
        self.queued += length;
        self.queue.push_back(message);
        Ok(())
    }

    pub(super) fn ping(&mut self) {
        self.queue.push_back(tungstenite::Message::Ping(Bytes::new()));
    }

    pub(super) fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.queue.push_back(tungstenite::Message::Close(Some(frame)));
    }

    /// Writes what is queued and gives what comes, if it is `reading`. Loses nothing when it is dropped.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn next(&mut self, vendor: &Vendor, reading: bool) -> Result<Incoming, Error> {
        poll_fn(|cx| self.poll(cx, reading)).await.map_err(|fault| broken(vendor, &fault))
    }

    fn poll(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<Result<Incoming, Fault>> {
        while !self.queue.is_empty() && self.stream.poll_ready_unpin(cx)?.is_ready() {
            if let Some(message) = self.queue.pop_front() {
                self.queued -= message.len().min(self.queued);
                self.stream.start_send_unpin(message)?;
            }
        }
        // Whether it is all out does not matter; the waker is set.
        let _written = self.stream.poll_flush_unpin(cx)?.is_ready();
        if !reading {
            return Poll::Pending;
        }
        loop {
            let message = match self.stream.poll_next_unpin(cx)? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Err(Fault::ConnectionClosed)),
                Poll::Ready(Some(message)) => message,
            };
            return Poll::Ready(Ok(match message {
                tungstenite::Message::Text(text) => Incoming::Message(Message::Text(text.as_str().to_owned())),
                tungstenite::Message::Binary(bytes) => Incoming::Message(Message::Binary(bytes)),
                tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_) => Incoming::Pulse,
                tungstenite::Message::Close(frame) => Incoming::Closed(match frame {
                    Some(CloseFrame { code, reason }) => {
                        Close { code: code.into(), reason: reason.as_str().to_owned() }
                    }
                    None => Close { code: 1005, reason: String::new() },
                }),
                // Reading never gives a bare frame.
                tungstenite::Message::Frame(_) => continue,
            }));
        }
    }
}
