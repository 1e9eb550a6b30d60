//! Deepgram `/v1/speak`: text that is spoken when it is flushed, twenty times a minute at most, and cleared.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::mouth::{Item, Mouth, Piece};
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Audio, Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, refuse, upgrade};
use crate::vendors::sound::Encoding;
use crate::vendors::stt::listener::{Parameters, encoding};

/// Deepgram's names of encodings.
pub(super) const ENCODINGS: [(&str, Encoding); 3] =
    [("mulaw", Encoding::Mulaw), ("alaw", Encoding::Alaw), ("linear16", Encoding::Linear16)];

const PARAMETERS: [&str; 6] = ["model", "encoding", "sample_rate", "speed", "mip_opt_out", "tag"];

/// Flushes that are taken within [`WINDOW`].
const FLUSHES: usize = 20;

/// See [`FLUSHES`].
const WINDOW: Duration = Duration::from_secs(60);

/// Most characters of one text.
const LONGEST: usize = 2_000;

/// Everything is one stream.
const STREAM: u64 = 0;

/// The route.
pub(super) async fn speak(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let key = authorization(&headers, "Token").or_else(|| authorization(&headers, "Bearer"));
    let connection = match admit(&shared, Vendor::DeepgramSpeak, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    let format = match read(&target) {
        Ok(format) => format,
        Err(reason) => return refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    };
    let request = request_id(connection.number);
    let mut response = upgrade(shared, connection, socket, move |shared, peer| serve(shared, peer, format));
    response.headers_mut().insert("dg-request-id", request);
    response
}

/// Deepgram's number of a connection.
pub(super) fn request_id(number: u64) -> HeaderValue {
    format!("00000000-0000-4000-8000-{number:012}").parse().expect("digits are a header value")
}

fn read(target: &Uri) -> Result<(Encoding, u32), String> {
    let parameters = Parameters::read(target, &PARAMETERS)?;
    if !parameters.text("model").is_some_and(|model| model.starts_with("aura-")) {
        return Err("no such model".to_owned());
    }
    parameters.number("speed", 0.7, 1.5)?;
    parameters.flag("mip_opt_out")?;
    format(&parameters)
}

/// Encoding and rate, as either version takes them.
pub(super) fn format(parameters: &Parameters) -> Result<(Encoding, u32), String> {
    let (encoding, rate) = encoding(parameters, &ENCODINGS, Some(Encoding::Linear16))?;
    match (encoding, rate) {
        (Encoding::Mulaw | Encoding::Alaw, 8_000 | 16_000)
        | (Encoding::Linear16, 8_000 | 16_000 | 24_000 | 32_000 | 44_100 | 48_000) => Ok((encoding, rate)),
        (Encoding::Mulaw | Encoding::Alaw | Encoding::Linear16, _) => Err("no such sample_rate".to_owned()),
    }
}

struct Speaker {
    peer: Peer,
    encoding: Encoding,
    mouth: Mouth<Value>,
    /// Text that is not flushed.
    text: String,
    flushes: VecDeque<Instant>,
    answers: u64,
}

async fn serve(shared: Arc<Shared>, peer: Peer, (encoding, rate): (Encoding, u32)) {
    let mouth = Mouth::new(shared, Arc::clone(&peer.connection), rate);
    let mut speaker = Speaker { peer, encoding, mouth, text: String::new(), flushes: VecDeque::new(), answers: 0 };
    let metadata = json!({
        "type": "Metadata", "request_id": format!("{:012}", speaker.peer.connection.number),
        "model_name": "aura-2-simulated", "model_version": "1", "model_uuid": "m", "additional_model_uuids": [],
    });
    if speaker.peer.send(&metadata).await.is_err() {
        return;
    }
    loop {
        let done = tokio::select! {
            received = speaker.peer.recv() => match received {
                Some(Received::Text(text)) => match speaker.take(&text).await {
                    Ok(None) => Ok(()),
                    Ok(Some((code, reason))) => return speaker.peer.close(code, reason).await,
                    Err(gone) => Err(gone),
                },
                Some(Received::Binary(_)) => return speaker.peer.close(1003, "MESSAGE-0000").await,
                None => return,
            },
            (_, item) = speaker.mouth.next() => match item {
                Item::Piece(piece) => speaker.voice(piece).await,
                Item::Tell(message) => speaker.peer.send(&message).await,
            },
        };
        if done.is_err() {
            return;
        }
    }
}

impl Speaker {
    /// Does what it is told; gives the close frame that ends the connection.
    async fn take(&mut self, text: &str) -> Result<Option<(u16, &'static str)>, Gone> {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return Ok(Some((1008, "DATA-0000"))) };
        match message["type"].as_str() {
            Some("Speak") => {
                let Some(more) = message["text"].as_str().filter(|text| !text.is_empty()) else {
                    return Ok(Some((1008, "DATA-0000")));
                };
                if more.chars().count() > LONGEST {
                    return Ok(Some((1009, "BIG-0001")));
                }
                self.text.push_str(more);
            }
            Some("Flush") => self.flush().await?,
            Some("Clear") => {
                // What is on its way already still comes.
                let last = self.mouth.hurry(STREAM);
                self.mouth.stop(STREAM);
                self.text.clear();
                if let Some(piece) = last {
                    self.voice(piece).await?;
                }
                let cleared = self.answer("Cleared");
                self.peer.send(&cleared).await?;
            }
            Some("Close") => return Ok(Some((1000, ""))),
            Some(_) | None => return Ok(Some((1008, "DATA-0000"))),
        }
        Ok(None)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        self.flushes.retain(|sent| now.duration_since(*sent) < WINDOW);
        if self.flushes.len() >= FLUSHES {
            self.peer.connection.complain("more than twenty flushes within a minute");
            let description = "cannot process any more flush messages until the window has passed";
            return self
                .peer
                .send(&json!({"type": "Warning", "description": description, "code": "EXCESSIVE_FLUSH"}))
                .await;
        }
        self.flushes.push_back(now);
        let text = std::mem::take(&mut self.text);
        self.mouth.say(STREAM, &text, 0);
        let flushed = self.answer("Flushed");
        self.mouth.tell(STREAM, flushed);
        Ok(())
    }

    fn answer(&mut self, kind: &str) -> Value {
        let answer = json!({"type": kind, "sequence_id": self.answers});
        self.answers += 1;
        answer
    }

    async fn voice(&self, piece: Piece) -> Result<(), Gone> {
        let mut bytes = Vec::new();
        self.encoding.encode(&piece.samples, &mut bytes);
        self.peer.send_audio(Audio::Binary(Bytes::from(bytes)), piece.samples, self.mouth.rate).await
    }
}
