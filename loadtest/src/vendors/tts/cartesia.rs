//! Cartesia `/tts/websocket`: contexts whose fields may not change, that expire a second after their last audio, and
//! tell where their words end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use super::mouth::{Item, Mouth, Piece};
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Audio, Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, header, refuse, upgrade};
use crate::vendors::sound::Encoding;
use crate::vendors::stt::listener::Parameters;

/// A context without audio for so long is forgotten.
const EXPIRY: Duration = Duration::from_secs(1);

/// A connection on which nothing happens for so long is closed.
const IDLE: Duration = Duration::from_secs(300);

const ENCODINGS: [(&str, Encoding); 3] =
    [("pcm_mulaw", Encoding::Mulaw), ("pcm_alaw", Encoding::Alaw), ("pcm_s16le", Encoding::Linear16)];

const RATES: [u64; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// Fields that a request may have. The first three may differ from request to request of a context.
const FIELDS: [&str; 14] = [
    "transcript",
    "continue",
    "flush",
    "context_id",
    "model_id",
    "voice",
    "language",
    "output_format",
    "add_timestamps",
    "use_normalized_timestamps",
    "max_buffer_delay_ms",
    "generation_config",
    "pronunciation_dict_id",
    "duration",
];

/// The route.
pub(super) async fn speak(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let parameters = Parameters::read(&target, &["api_key", "cartesia_version"]);
    let in_query = |name| parameters.as_ref().ok().and_then(|parameters| parameters.text(name));
    let key = header(&headers, "x-api-key").or_else(|| in_query("api_key"));
    let connection = match admit(&shared, Vendor::Cartesia, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    if let Err(reason) = &parameters {
        return refuse(&connection, StatusCode::BAD_REQUEST, reason);
    }
    let version = header(&headers, "cartesia-version").or_else(|| in_query("cartesia_version"));
    if !version.is_some_and(|version| version.len() == 10 && version.starts_with("20")) {
        return refuse(&connection, StatusCode::BAD_REQUEST, "Cartesia-Version is missing or no date");
    }
    upgrade(shared, connection, socket, serve)
}

#[derive(Debug)]
struct Context {
    number: u64,
    /// The fields that may not change.
    fields: Map<String, Value>,
    encoding: Encoding,
    rate: u32,
    timestamps: bool,
    /// How long text may be held back for more of it.
    delay: Duration,
    text: String,
    speak_at: Option<Instant>,
    /// Samples that were made.
    made: u64,
    flushes: u64,
    expires: Option<Instant>,
}

/// What is told between pieces of audio.
#[derive(Debug)]
enum Tell {
    FlushDone(String, u64),
    Done(String),
}

struct Speaker {
    shared: Arc<Shared>,
    peer: Peer,
    contexts: BTreeMap<String, Context>,
    /// One for each context: they are spoken at the same time.
    mouths: BTreeMap<u64, Mouth<Tell>>,
    opened: u64,
    /// Names of all contexts there were.
    used: BTreeSet<String>,
}

async fn serve(shared: Arc<Shared>, peer: Peer) {
    let mut speaker =
        Speaker { shared, peer, contexts: BTreeMap::new(), mouths: BTreeMap::new(), opened: 0, used: BTreeSet::new() };
    let mut idle = Instant::now() + IDLE;
    loop {
        let due = speaker.contexts.values().flat_map(|context| [context.speak_at, context.expires]).flatten().min();
        let done = tokio::select! {
            received = speaker.peer.recv() => {
                idle = Instant::now() + IDLE;
                match received {
                    Some(Received::Text(text)) => speaker.take(&text).await,
                    Some(Received::Binary(_)) => return speaker.peer.close(1003, "text only").await,
                    None => return,
                }
            }
            () = sleep_until(idle) => return speaker.peer.close(1001, "Idle timeout").await,
            () = until(due) => {
                speaker.wake();
                Ok(())
            }
            (of, item) = next(&mut speaker.mouths) => speaker.utter(of, item).await,
        };
        if done.is_err() {
            return;
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The next item of any context.
async fn next(mouths: &mut BTreeMap<u64, Mouth<Tell>>) -> (u64, Item<Tell>) {
    if mouths.is_empty() {
        return std::future::pending().await;
    }
    let waiting = mouths.values_mut().map(|mouth| Box::pin(mouth.next()));
    futures_util::future::select_all(waiting).await.0
}

impl Speaker {
    async fn take(&mut self, text: &str) -> Result<(), Gone> {
        let Ok(Value::Object(request)) = serde_json::from_str::<Value>(text) else {
            return self.error(None, 400, "invalid_json").await;
        };
        let Some(name) = request.get("context_id").and_then(Value::as_str).map(str::to_owned) else {
            return self.error(None, 400, "context_id_missing").await;
        };
        if request.get("cancel") == Some(&Value::Bool(true)) {
            return self.cancel(&name).await;
        }
        match self.check(&name, &request) {
            Ok(()) => {}
            Err((status, code)) => return self.error(Some(&name), status, code).await,
        }
        self.hear(&name, &request);
        Ok(())
    }

    /// Opens the context if it is new.
    fn check(&mut self, name: &str, request: &Map<String, Value>) -> Result<(), (u16, &'static str)> {
        if request.keys().any(|field| !FIELDS.contains(&field.as_str())) {
            return Err((400, "unknown_field"));
        }
        let fits = |field: &str, of: fn(&Value) -> bool| request.get(field).is_none_or(of);
        if !request.get("transcript").is_some_and(Value::is_string)
            || !fits("continue", Value::is_boolean)
            || !fits("flush", Value::is_boolean)
            || !fits("add_timestamps", Value::is_boolean)
            || !fits("language", Value::is_string)
        {
            return Err((400, "invalid_field"));
        }
        let mut fields = request.clone();
        fields.retain(|field, _| !matches!(field.as_str(), "transcript" | "continue" | "flush" | "duration"));
        if let Some(context) = self.contexts.get(name) {
            return if context.fields == fields { Ok(()) } else { Err((400, "context_fields_changed")) };
        }
        if request["transcript"] == "" || !self.used.insert(name.to_owned()) {
            return Err((400, "context_expired"));
        }
        let context = Context::open(self.opened + 1, fields)?;
        self.opened += 1;
        let mouth = Mouth::new(Arc::clone(&self.shared), Arc::clone(&self.peer.connection), context.rate);
        self.mouths.insert(context.number, mouth);
        self.contexts.insert(name.to_owned(), context);
        Ok(())
    }

    fn hear(&mut self, name: &str, request: &Map<String, Value>) {
        let is = |field: &str| request.get(field) == Some(&Value::Bool(true));
        let Some(context) = self.contexts.get_mut(name) else { return };
        context.text.push_str(request["transcript"].as_str().unwrap_or_default());
        let ends = context.text.trim_end().ends_with(['.', '!', '?']);
        let waits = !ends && !context.delay.is_zero() && is("continue") && !is("flush");
        if waits {
            context.speak_at.get_or_insert(Instant::now() + context.delay);
        } else {
            say(context, &mut self.mouths);
        }
        let Some(mouth) = self.mouths.get_mut(&context.number) else { return };
        if is("flush") {
            context.flushes += 1;
            mouth.tell(context.number, Tell::FlushDone(name.to_owned(), context.flushes));
        }
        if !is("continue") {
            mouth.tell(context.number, Tell::Done(name.to_owned()));
        }
    }

    async fn cancel(&mut self, name: &str) -> Result<(), Gone> {
        let Some(context) = self.contexts.get(name) else { return Ok(()) };
        let number = context.number;
        // Only what is not made yet is cancelled.
        let last = self.mouths.get_mut(&number).and_then(|mouth| mouth.hurry(number));
        if let Some(piece) = last {
            self.voice(number, piece).await?;
        }
        self.contexts.remove(name);
        self.mouths.remove(&number);
        Ok(())
    }

    fn wake(&mut self) {
        let now = Instant::now();
        for context in self.contexts.values_mut() {
            if context.speak_at.is_some_and(|at| at <= now) {
                say(context, &mut self.mouths);
            }
        }
        let mouths = &mut self.mouths;
        self.contexts.retain(|_, context| {
            let busy = mouths.get(&context.number).is_some_and(|mouth| mouth.is_busy(context.number));
            let expired = !busy && context.expires.is_some_and(|at| at <= now);
            if expired {
                mouths.remove(&context.number);
            } else if busy {
                context.expires = None;
            }
            !expired
        });
    }

    async fn utter(&mut self, of: u64, item: Item<Tell>) -> Result<(), Gone> {
        match item {
            Item::Piece(piece) => self.voice(of, piece).await,
            Item::Tell(Tell::FlushDone(name, flush)) => {
                let message = json!({
                    "type": "flush_done", "context_id": name, "done": false, "flush_done": true, "flush_id": flush,
                    "status_code": 206,
                });
                self.peer.send(&message).await
            }
            Item::Tell(Tell::Done(name)) => {
                self.contexts.remove(&name);
                self.mouths.remove(&of);
                self.peer.send(&json!({"type": "done", "context_id": name, "done": true, "status_code": 200})).await
            }
        }
    }

    async fn voice(&mut self, of: u64, piece: Piece) -> Result<(), Gone> {
        let found = self.contexts.iter_mut().find(|(_, context)| context.number == of);
        let Some((name, context)) = found else { return Ok(()) };
        context.expires = Some(Instant::now() + EXPIRY);
        if context.timestamps && !piece.words.is_empty() {
            let seconds = |sample: u64| sample as f64 / f64::from(context.rate);
            let words: Vec<&str> = piece.words.iter().map(|(word, _)| word.as_str()).collect();
            let end: Vec<f64> = piece.words.iter().map(|(_, end)| seconds(*end)).collect();
            let start: Vec<f64> = end.iter().map(|end| (end - 0.06).max(0.0)).collect();
            let message = json!({
                "type": "timestamps", "context_id": name, "done": false, "status_code": 206,
                "word_timestamps": {"words": words, "start": start, "end": end}, "flush_id": context.flushes + 1,
            });
            self.peer.send(&message).await?;
        }
        let mut bytes = Vec::new();
        context.encoding.encode(&piece.samples, &mut bytes);
        let message = json!({
            "type": "chunk", "context_id": name, "data": STANDARD.encode(&bytes), "done": false, "status_code": 206,
            "step_time": 1.0, "flush_id": context.flushes + 1,
        });
        self.peer.send_audio(Audio::Field(message, "data"), piece.samples, context.rate).await
    }

    async fn error(&self, name: Option<&str>, status: u16, code: &str) -> Result<(), Gone> {
        self.peer.connection.complain(code);
        let message = json!({
            "type": "error", "context_id": name, "done": true, "status_code": status, "title": "Simulated",
            "message": code, "error_code": code, "request_id": format!("{:012}", self.peer.connection.number),
            "doc_url": "https://docs.example",
        });
        self.peer.send(&message).await
    }
}

/// Speaks what was held back.
fn say(context: &mut Context, mouths: &mut BTreeMap<u64, Mouth<Tell>>) {
    context.speak_at = None;
    let text = std::mem::take(&mut context.text);
    let Some(mouth) = mouths.get_mut(&context.number).filter(|_| !text.is_empty()) else { return };
    mouth.say(context.number, &text, context.made);
    context.made += mouth.length(&text);
    context.expires = None;
}

impl Context {
    fn open(number: u64, fields: Map<String, Value>) -> Result<Self, (u16, &'static str)> {
        let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        if !field("model_id").as_str().is_some_and(|model| model.starts_with("sonic")) {
            return Err((404, "model_not_found"));
        }
        let voice = field("voice");
        if voice["mode"] != "id" || voice["id"].as_str().is_none_or(|id| id.len() != 36) {
            return Err((404, "voice_not_found"));
        }
        let format = field("output_format");
        let encoding = ENCODINGS.iter().find(|(name, _)| format["encoding"] == *name);
        let rate = format["sample_rate"].as_u64().filter(|rate| RATES.contains(rate));
        let (Some((_, encoding)), Some(rate), true) = (encoding, rate, format["container"] == "raw") else {
            return Err((400, "output_format_invalid"));
        };
        let delay = field("max_buffer_delay_ms");
        let delay = if delay.is_null() { Some(3_000) } else { delay.as_u64().filter(|ms| *ms <= 5_000) };
        let delay = Duration::from_millis(delay.ok_or((400, "max_buffer_delay_ms_invalid"))?);
        let timestamps = field("add_timestamps") == &Value::Bool(true);
        Ok(Self {
            number,
            encoding: *encoding,
            rate: rate as u32,
            timestamps,
            delay,
            fields,
            text: String::new(),
            speak_at: None,
            made: 0,
            flushes: 0,
            expires: None,
        })
    }
}
