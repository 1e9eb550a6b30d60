//! OpenAI `/v1/realtime?intent=transcription`: audio cut into items by voice detection or by the client, each of them
//! transcribed after it was cut.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::listener::{Listener, text};
use crate::vendors::faults::Vendor;
use crate::vendors::hearing::Heard;
use crate::vendors::peer::{Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, upgrade};
use crate::vendors::sound::Encoding;

const MODELS: [&str; 6] = [
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
    "whisper-1",
    "simulated",
];

/// A shorter item cannot be cut.
const SHORTEST: f64 = 0.1;
/// From the cut to the first and to the last word.
const FIRST_WORD: Duration = Duration::from_millis(80);
const LAST_WORD: Duration = Duration::from_millis(150);

/// The session, once the route has seen that it is one of transcription.
pub(in crate::vendors) async fn listen(
    shared: Arc<Shared>,
    target: Uri,
    headers: HeaderMap,
    query: BTreeMap<String, String>,
    socket: WebSocketUpgrade,
) -> Response {
    let key = authorization(&headers, "Bearer");
    let connection = match admit(&shared, Vendor::OpenaiTranscription, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    upgrade(shared, connection, socket, move |shared, peer| async move {
        let listener = Listener::new(Arc::clone(&shared), Arc::clone(&peer.connection), Encoding::Linear16, 24_000);
        let conversation = query.contains_key("model");
        let session =
            Session { peer, shared, listener, conversation, silence: Some(500), items: 0, item: None, cut: 0.0 };
        session.run().await;
    })
}

struct Session {
    peer: Peer,
    shared: Arc<Shared>,
    listener: Listener,
    /// A model in the query makes it a conversation, which takes no transcription settings.
    conversation: bool,
    /// Milliseconds of silence that end an item; none when only the client cuts.
    silence: Option<u64>,
    items: u32,
    /// The item that the caller speaks into.
    item: Option<String>,
    /// Seconds of audio at the last cut.
    cut: f64,
}

/// Why a message is not taken: the code and the words.
type Refused = (&'static str, String);

impl Session {
    async fn run(mut self) {
        let created = json!({ "type": "session.created", "session": { "type": "transcription", "object": "realtime.transcription_session" } });
        if self.peer.send(&created).await.is_err() {
            return;
        }
        while let Some(received) = self.peer.recv().await {
            let message: Value = match &received {
                Received::Text(text) => serde_json::from_str(text).unwrap_or_default(),
                Received::Binary(_) => Value::Null,
            };
            let done = match self.take(&message).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err((code, reason))) => {
                    if code != "input_audio_buffer_commit_empty" {
                        self.peer.connection.complain(&reason);
                    }
                    let error =
                        json!({ "type": "invalid_request_error", "code": code, "message": reason, "param": null });
                    self.peer.send(&json!({ "type": "error", "event_id": "event_0", "error": error })).await
                }
                Err(gone) => Err(gone),
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, message: &Value) -> Result<Result<(), Refused>, Gone> {
        match message["type"].as_str() {
            Some("session.update") => match self.update(&message["session"]) {
                Ok(()) => self.peer.send(&json!({ "type": "session.updated", "session": message["session"] })).await?,
                Err(refused) => return Ok(Err(refused)),
            },
            Some("input_audio_buffer.append") => {
                let Some(audio) = message["audio"].as_str().and_then(|text| STANDARD.decode(text).ok()) else {
                    return Ok(Err(("invalid_value", "audio is not base64".to_owned())));
                };
                self.hear(&audio).await?;
            }
            Some("input_audio_buffer.commit") => {
                let speaking = self.item.is_some() || self.silence.is_none();
                if !speaking || self.listener.seconds() - self.cut < SHORTEST {
                    return Ok(Err(("input_audio_buffer_commit_empty", "the buffer is empty".to_owned())));
                }
                self.commit().await?;
            }
            Some("input_audio_buffer.clear") => {
                self.listener.finish();
                self.item = None;
                self.cut = self.listener.seconds();
                self.peer.send(&json!({ "type": "input_audio_buffer.cleared" })).await?;
            }
            Some(_) | None => return Ok(Err(("invalid_value", "no such event".to_owned()))),
        }
        Ok(Ok(()))
    }

    /// Takes settings; nothing in them may be unknown.
    fn update(&mut self, session: &Value) -> Result<(), Refused> {
        let refused = |reason: &str| Err(("invalid_value", reason.to_owned()));
        if self.conversation {
            return Err(("invalid_model", "a conversation takes no transcription session".to_owned()));
        }
        if session["type"] != "transcription" {
            return refused("session.type is not transcription");
        }
        known(session, &["type", "audio", "include"])?;
        known(&session["audio"], &["input"])?;
        let input = &session["audio"]["input"];
        known(input, &["format", "transcription", "turn_detection", "noise_reduction"])?;
        let (encoding, rate) = match (input["format"]["type"].as_str(), input["format"]["rate"].as_u64()) {
            (Some("audio/pcmu"), None) => (Encoding::Mulaw, 8_000),
            (Some("audio/pcma"), None) => (Encoding::Alaw, 8_000),
            (Some("audio/pcm"), Some(24_000)) | (None, None) => (Encoding::Linear16, 24_000),
            (Some(_) | None, _) => return refused("no such format"),
        };
        let transcription = &input["transcription"];
        known(transcription, &["model", "language", "prompt", "keywords", "delay"])?;
        let Some(model) = transcription["model"].as_str().filter(|model| MODELS.contains(model)) else {
            return Err(("invalid_model", "no such model".to_owned()));
        };
        let detection = &input["turn_detection"];
        self.silence = match detection["type"].as_str() {
            None if detection.is_null() => None,
            Some(_) if model == "gpt-realtime-whisper" => return refused("this model needs turn_detection null"),
            Some("server_vad") => {
                known(detection, &["type", "threshold", "prefix_padding_ms", "silence_duration_ms"])?;
                Some(detection["silence_duration_ms"].as_u64().unwrap_or(500))
            }
            Some("semantic_vad") => Some(800),
            Some(_) | None => return refused("no such turn_detection"),
        };
        let connection = Arc::clone(&self.peer.connection);
        self.listener = Listener::new(Arc::clone(&self.shared), connection, encoding, rate);
        Ok(())
    }

    async fn hear(&mut self, audio: &[u8]) -> Result<(), Gone> {
        for heard in self.listener.hear(audio) {
            if let (Heard::Started { at }, Some(_)) = (heard, self.silence) {
                let item = self.name();
                let at = (self.listener.at(at) * 1_000.0) as u64;
                self.peer
                    .send(
                        &json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": at, "item_id": item }),
                    )
                    .await?;
            }
        }
        if let (Some(silence), Some(quiet)) = (self.silence, self.listener.quiet_ms())
            && quiet >= silence
        {
            let item = self.name();
            let at = (self.listener.seconds() * 1_000.0) as u64;
            self.peer
                .send(&json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": at, "item_id": item }))
                .await?;
            self.commit().await?;
        }
        Ok(())
    }

    /// Cuts an item and transcribes it.
    async fn commit(&mut self) -> Result<(), Gone> {
        let item = self.name();
        let previous = self.items.checked_sub(1).filter(|number| *number > 0).map(|number| format!("item_{number}"));
        self.item = None;
        self.cut = self.listener.seconds();
        let committed =
            json!({ "type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": previous });
        self.peer.send(&committed).await?;
        let words = self.listener.finish();
        let slow = self.peer.connection.faults().slow_first_byte();
        if let Some(first) = words.first() {
            let kind = "conversation.item.input_audio_transcription.delta";
            let delta = json!({ "type": kind, "item_id": item, "content_index": 0, "delta": first.text });
            self.peer.send_later(FIRST_WORD + slow, &delta).await?;
        }
        let kind = "conversation.item.input_audio_transcription.completed";
        let usage = json!({ "type": "duration", "seconds": self.listener.seconds() });
        let completed =
            json!({ "type": kind, "item_id": item, "content_index": 0, "transcript": text(&words), "usage": usage });
        self.peer.send_final_later(LAST_WORD + slow, &completed).await
    }

    /// The name of the item that is spoken into.
    fn name(&mut self) -> String {
        if self.item.is_none() {
            self.items += 1;
        }
        self.item.get_or_insert_with(|| format!("item_{}", self.items)).clone()
    }
}

fn known(object: &Value, names: &[&str]) -> Result<(), Refused> {
    let Some(fields) = object.as_object() else { return Err(("invalid_value", "not an object".to_owned())) };
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(("unknown_parameter", format!("unknown parameter {name}"))),
        None => Ok(()),
    }
}
