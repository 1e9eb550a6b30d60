//! OpenAI `/v1/audio/speech`: one text, one answer of samples, in pieces that are cut without regard to samples.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::mouth::{Item, Mouth};
use crate::vendors::connection::Connection;
use crate::vendors::faults::Vendor;
use crate::vendors::log::{Event, Side};
use crate::vendors::reply::Reply;
use crate::vendors::server::{Shared, admit, authorization};
use crate::vendors::sound::Encoding;

const RATE: u32 = 24_000;

/// Most characters of a text.
const LONGEST: usize = 4_096;

const FIELDS: [&str; 7] = ["model", "voice", "input", "response_format", "instructions", "speed", "stream_format"];

/// The route.
pub(super) async fn speak(State(shared): State<Arc<Shared>>, target: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = authorization(&headers, "Bearer");
    let connection = match admit(&shared, Vendor::OpenaiSpeech, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    connection.received(&String::from_utf8_lossy(&body));
    let is_json = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let (text, wav) = match read(&body) {
        Ok(read) if is_json => read,
        Ok(_) => return refuse(&connection, 400, "invalid_request_error", "the body is not application/json"),
        Err((status, code, reason)) => return refuse(&connection, status, code, reason),
    };
    let kind = if wav { "audio/wav" } else { "audio/pcm" };
    let (reply, mut response) = Reply::begin(Arc::clone(&connection), kind);
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_simulated"));
    tokio::spawn(write(shared, connection, reply, text, wav));
    response
}

async fn write(shared: Arc<Shared>, connection: Arc<Connection>, mut reply: Reply, text: String, wav: bool) {
    let mut mouth: Mouth<()> = Mouth::of_reply(shared, connection, RATE);
    mouth.say(0, &text, 0);
    mouth.tell(0, ());
    let mut carry = if wav { header() } else { Vec::new() };
    while let (_, Item::Piece(piece)) = mouth.next().await {
        Encoding::Linear16.encode(&piece.samples, &mut carry);
        // A byte of the last sample stays behind.
        let last = carry.pop();
        let bytes = Bytes::from(std::mem::take(&mut carry));
        carry.extend(last);
        if reply.audio(bytes, &piece.samples, RATE).await.is_err() {
            return;
        }
    }
    if reply.audio(Bytes::from(carry), &[], RATE).await.is_ok() {
        reply.finish();
    }
}

/// A WAV file of unknown length.
fn header() -> Vec<u8> {
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    header.extend(RATE.to_le_bytes());
    header.extend((RATE * 2).to_le_bytes());
    header.extend(b"\x02\0\x10\0data\xff\xff\xff\xff");
    header
}

type Fault = (u16, &'static str, &'static str);

/// The text, and whether a WAV file is wanted.
fn read(body: &[u8]) -> Result<(String, bool), Fault> {
    let invalid = |reason| (400, "invalid_request_error", reason);
    let Ok(Value::Object(request)) = serde_json::from_slice::<Value>(body) else {
        return Err(invalid("the body is no JSON object"));
    };
    if request.keys().any(|field| !FIELDS.contains(&field.as_str())) {
        return Err(invalid("an unknown field"));
    }
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    match text("model") {
        Some(model) if model.contains("tts") => {}
        Some(_) => return Err((404, "model_not_found", "no such model")),
        None => return Err(invalid("model is missing")),
    }
    if text("voice").is_none_or(str::is_empty) {
        return Err(invalid("voice is missing"));
    }
    let input = text("input").filter(|input| (1..=LONGEST).contains(&input.chars().count()));
    let input = input.ok_or_else(|| invalid("input has 1 to 4096 characters"))?;
    if request.get("speed").is_some_and(|speed| !speed.as_f64().is_some_and(|speed| (0.25..=4.0).contains(&speed))) {
        return Err(invalid("speed is from 0.25 to 4"));
    }
    match text("response_format") {
        Some("pcm") => Ok((input.to_owned(), false)),
        Some("wav") => Ok((input.to_owned(), true)),
        Some(_) | None => Err(invalid("only pcm and wav are simulated")),
    }
}

fn refuse(connection: &Connection, status: u16, code: &str, reason: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    connection.write(Event::Refused { status: status.as_u16(), reason: reason.to_owned() });
    connection.closed(Side::Vendor, None, "refused");
    let error = json!({"error": {"message": reason, "type": "invalid_request_error", "param": null, "code": code}});
    (status, axum::Json(error)).into_response()
}
