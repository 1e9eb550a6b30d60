//! SIP over websockets (RFC 7118): who may open one, and messages in its frames.
//!
//! One task serves a connection in both directions. Others open websockets to us; we open none.

use std::io;
use std::time::Duration;

use callwright_sip::endpoint::Transmit;
use callwright_sip::message::MAX_MESSAGE;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes as Payload, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::sip_stream::{Bytes, Life, StreamEvent, WRITE, Wire, give_back};
use crate::config::WebsocketConfig;

/// The subprotocol of RFC 7118 section 4.1.
const SUBPROTOCOL: &str = "sip";
/// Bytes read at once.
const READ: usize = 4 * 1024;
/// How long it may take over our goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection on which messages come and go in frames.
pub(super) type Websocket = WebSocketStream<Box<dyn Bytes>>;

/// How long a far end may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// Before its first message.
    first: Duration,
    /// Until it is pinged. A browser answers without its page knowing (RFC 6455 section 5.5.2).
    quiet: Duration,
    /// After a ping. Whatever comes counts as its answer.
    asked: Duration,
}

impl Silence {
    pub(super) fn after(first: Duration) -> Self {
        Self { first, quiet: Duration::from_secs(25), asked: Duration::from_secs(10) }
    }
}

/// Lets whoever asks as `wanted` says open a websocket. Others are told why not.
///
/// # Errors
/// There is no websocket, and the connection is over.
pub(super) async fn accept(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    wanted: &WebsocketConfig,
) -> io::Result<Wire> {
    let mut stream: Box<dyn Bytes> = Box::new(stream);
    #[allow(clippy::result_large_err, reason = "the library wants it by value, once a connection")]
    let judged = |request: &Request, response: Response| judge(wanted, request, response);
    // Nothing that was read is lost with what this returns: bytes behind the request are an error of the handshake.
    let agreed = accept_hdr_async_with_config(&mut stream, judged, Some(limits())).await.map(drop);
    let Err(error) = agreed else {
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits())).await;
        return Ok(Wire::Frames(Box::new(socket)));
    };
    if let Some(answer) = unanswered(&error) {
        stream.write_all(answer.as_bytes()).await?;
    }
    stream.shutdown().await?;
    Err(io::Error::other(error))
}

/// Carries messages both ways until the connection ends.
pub(super) async fn converse(
    life: &Life,
    mut socket: Websocket,
    mut outgoing: mpsc::Receiver<Transmit>,
    silence: Silence,
) {
    let mut pulse = Pulse { stage: Stage::First, due: Instant::now() + silence.first, silence };
    let why = loop {
        let frame = tokio::select! {
            biased;
            transmit = outgoing.recv() => {
                let Some(Transmit { id, bytes, .. }) = transmit else { break CloseCode::Away };
                if !send(&mut socket, framed(bytes)).await {
                    let _ = life.events.send(StreamEvent::NotSent { id, written: true }).await;
                    break CloseCode::Away;
                }
                continue;
            }
            () = life.closer.cancelled() => break CloseCode::Away,
            frame = socket.next() => frame,
            () = sleep_until(pulse.due) => {
                if pulse.stage != Stage::Quiet || !send(&mut socket, Message::Ping(Payload::new())).await {
                    break CloseCode::Policy;
                }
                pulse.asked();
                continue;
            }
        };
        let bytes = match frame {
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            // Pings and goodbyes are answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {
                pulse.lives();
                continue;
            }
            Some(Err(error)) => break code(&error),
            None => break CloseCode::Normal,
        };
        pulse.spoke();
        let event = StreamEvent::Bytes { flow: life.flow, connection: life.id, bytes };
        if life.events.send(event).await.is_err() {
            break CloseCode::Away;
        }
    };
    give_back(&mut outgoing, &life.events).await;
    let leave = async {
        let _ = socket.close(Some(CloseFrame { code: why, reason: "".into() })).await;
        let _ = socket.get_mut().shutdown().await;
    };
    // A far end that is gone does not take it.
    let _ = timeout(GOODBYE, leave).await;
}

/// When something has to have come from the far end.
struct Pulse {
    stage: Stage,
    due: Instant,
    silence: Silence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has not said anything: pings do not count, and it gets none.
    First,
    /// It is pinged when time is up.
    Quiet,
    /// It was pinged, and is gone when time is up.
    Asked,
}

impl Pulse {
    fn spoke(&mut self) {
        (self.stage, self.due) = (Stage::Quiet, Instant::now() + self.silence.quiet);
    }

    fn lives(&mut self) {
        if self.stage != Stage::First {
            self.spoke();
        }
    }

    fn asked(&mut self) {
        (self.stage, self.due) = (Stage::Asked, Instant::now() + self.silence.asked);
    }
}

async fn send(socket: &mut Websocket, message: Message) -> bool {
    matches!(timeout(WRITE, socket.send(message)).await, Ok(Ok(())))
}

/// A message in a frame: of text where it is text, as browsers want it (RFC 7118 section 4.2).
fn framed(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(other) => Message::binary(other.into_bytes()),
    }
}

/// What the far end is told of its fault (RFC 6455 section 7.4.1).
fn code(error: &Error) -> CloseCode {
    if matches!(error, Error::Capacity(_)) {
        CloseCode::Size
    } else if matches!(error, Error::Utf8(_)) {
        CloseCode::Invalid
    } else {
        CloseCode::Protocol
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

#[allow(clippy::result_large_err, reason = "the library wants it by value, once a connection")]
fn judge(wanted: &WebsocketConfig, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() != wanted.path {
        return Err(refuse(StatusCode::NOT_FOUND, "there is no SIP at this path"));
    }
    // Browsers alone say where a page comes from, and they do not lie about it (RFC 6455 section 10.2).
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !wanted.lets_in(origin.as_bytes())) {
        return Err(refuse(StatusCode::FORBIDDEN, "pages of this origin may not call here"));
    }
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    if !offered.any(|name| name.trim().eq_ignore_ascii_case(SUBPROTOCOL)) {
        return Err(refuse(StatusCode::BAD_REQUEST, "ask for the subprotocol sip in Sec-WebSocket-Protocol"));
    }
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}

fn refuse(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.to_owned()));
    *refusal.status_mut() = status;
    let headers = refusal.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(why.len()));
    refusal
}

/// What is answered to a request that [`judge`] never saw, because it asks for no websocket.
fn unanswered(error: &Error) -> Option<String> {
    let Error::Protocol(fault) = error else { return None };
    let no_upgrade = matches!(
        fault,
        ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::MissingSecWebSocketVersionHeader
    );
    let (status, more) = if no_upgrade {
        (StatusCode::UPGRADE_REQUIRED, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
    } else if matches!(fault, ProtocolError::WrongHttpMethod) {
        (StatusCode::METHOD_NOT_ALLOWED, "Allow: GET\r\n")
    } else {
        (StatusCode::BAD_REQUEST, "")
    };
    let connection = if status == StatusCode::UPGRADE_REQUIRED { "Upgrade, close" } else { "close" };
    Some(format!("HTTP/1.1 {status}\r\n{more}Connection: {connection}\r\nContent-Length: 0\r\n\r\n"))
}

#[cfg(test)]
mod tests;
