//! ElevenLabs `/v1/text-to-speech/{voice}/multi-stream-input`: at most five contexts, each opened with its settings,
//! flushed, closed, and forgotten when nothing comes for too long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::mouth::{Item, Mouth, Piece};
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Audio, Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, header, refuse, upgrade};
use crate::vendors::sound::Encoding;
use crate::vendors::stt::listener::Parameters;

const FORMATS: [(&str, Encoding, u32); 6] = [
    ("ulaw_8000", Encoding::Mulaw, 8_000),
    ("alaw_8000", Encoding::Alaw, 8_000),
    ("pcm_8000", Encoding::Linear16, 8_000),
    ("pcm_16000", Encoding::Linear16, 16_000),
    ("pcm_22050", Encoding::Linear16, 22_050),
    ("pcm_24000", Encoding::Linear16, 24_000),
];

const PARAMETERS: [&str; 10] = [
    "model_id",
    "output_format",
    "auto_mode",
    "sync_alignment",
    "inactivity_timeout",
    "language_code",
    "enable_ssml_parsing",
    "enable_logging",
    "apply_text_normalization",
    "seed",
];

/// Contexts at the same time.
const CONTEXTS: usize = 5;

/// Characters that are waited for without `auto_mode`.
const BUFFER: usize = 120;

#[derive(Debug)]
struct Settings {
    encoding: Encoding,
    rate: u32,
    auto: bool,
    alignment: bool,
    patience: Duration,
}

/// The route.
pub(super) async fn speak(
    State(shared): State<Arc<Shared>>,
    Path(voice): Path<String>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let connection = match admit(&shared, Vendor::ElevenlabsSpeak, &target, header(&headers, "xi-api-key")).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    let settings = match Settings::read(&target, &voice) {
        Ok(settings) => settings,
        Err(reason) => return refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    };
    upgrade(shared, connection, socket, move |shared, peer| serve(shared, peer, settings))
}

impl Settings {
    fn read(target: &Uri, voice: &str) -> Result<Self, String> {
        let parameters = Parameters::read(target, &PARAMETERS)?;
        if voice.is_empty() || !voice.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err("no such voice".to_owned());
        }
        if !parameters.text("model_id").is_some_and(|model| model.starts_with("eleven_") && model != "eleven_v3") {
            return Err("no such model for many contexts".to_owned());
        }
        let format = parameters.text("output_format").unwrap_or("mp3_44100_128");
        let known = FORMATS.iter().find(|(name, ..)| *name == format);
        let (_, encoding, rate) = known.ok_or_else(|| format!("{format} is not simulated"))?;
        let patience = parameters.number("inactivity_timeout", 1.0, 180.0)?.unwrap_or(20.0);
        for flag in ["enable_ssml_parsing", "enable_logging"] {
            parameters.flag(flag)?;
        }
        Ok(Self {
            encoding: *encoding,
            rate: *rate,
            auto: parameters.flag("auto_mode")?,
            alignment: parameters.flag("sync_alignment")?,
            patience: Duration::from_secs_f64(patience),
        })
    }
}

#[derive(Debug, Default)]
struct Context {
    number: u64,
    /// Text that is not spoken yet.
    text: String,
    /// It was flushed, and all that was flushed is being spoken.
    flushed: bool,
    closing: bool,
}

/// The context has ended.
#[derive(Debug)]
struct Final(String);

struct Speaker {
    peer: Peer,
    settings: Settings,
    mouth: Mouth<Final>,
    contexts: BTreeMap<String, Context>,
    opened: u64,
}

async fn serve(shared: Arc<Shared>, peer: Peer, settings: Settings) {
    let mouth = Mouth::new(shared, Arc::clone(&peer.connection), settings.rate);
    let patience = settings.patience;
    let mut speaker = Speaker { peer, settings, mouth, contexts: BTreeMap::new(), opened: 0 };
    let mut idle = Instant::now() + patience;
    loop {
        let done = tokio::select! {
            received = speaker.peer.recv() => {
                idle = Instant::now() + patience;
                match received {
                    Some(Received::Text(text)) => match speaker.take(&text).await {
                        Ok(None) => Ok(()),
                        Ok(Some((code, reason))) => return speaker.peer.close(code, reason).await,
                        Err(gone) => Err(gone),
                    },
                    Some(Received::Binary(_)) => return speaker.peer.close(1003, "invalid_message").await,
                    None => return,
                }
            }
            () = sleep_until(idle) => return speaker.peer.close(1008, "input_timeout_exceeded").await,
            (of, item) = speaker.mouth.next() => match item {
                Item::Piece(piece) => speaker.voice(of, piece).await,
                Item::Tell(Final(name)) => {
                    speaker.contexts.remove(&name);
                    speaker.peer.send(&json!({"isFinal": true, "contextId": name})).await
                }
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
        let Ok(message) = serde_json::from_str::<Value>(text) else { return Ok(Some((1008, "invalid_message"))) };
        if message["close_socket"] == true {
            return Ok(Some((1000, "")));
        }
        let Some(name) = message["context_id"].as_str() else {
            self.peer.connection.complain("a message without a context");
            return Ok(None);
        };
        let name = name.to_owned();
        let has_text = message["text"].is_string();
        if !self.contexts.contains_key(&name) {
            if !has_text {
                self.peer.connection.complain("a message for a context that is not open");
                return Ok(None);
            }
            if self.contexts.len() >= CONTEXTS {
                return Ok(Some((1008, "too_many_contexts")));
            }
            self.opened += 1;
            self.contexts.insert(name.clone(), Context { number: self.opened, ..Context::default() });
        } else if !message["voice_settings"].is_null() {
            return Ok(Some((1008, "voice_settings_after_first_message")));
        }
        if let Some(more) = message["text"].as_str() {
            self.hear(&name, more);
        }
        if message["flush"] == true {
            self.flush(&name);
        }
        if message["close_context"] == true {
            self.close(&name).await?;
        }
        Ok(None)
    }

    fn hear(&mut self, name: &str, more: &str) {
        let Some(context) = self.contexts.get_mut(name) else { return };
        if context.closing {
            return self.peer.connection.complain("text for a context that was closed");
        }
        if more.trim().is_empty() {
            return;
        }
        if !more.ends_with(' ') {
            self.peer.connection.complain("a text without a space at its end");
        }
        context.text.push_str(more);
        if self.settings.auto || context.text.chars().count() >= BUFFER {
            self.speak(name);
        }
    }

    fn flush(&mut self, name: &str) {
        self.speak(name);
        if let Some(context) = self.contexts.get_mut(name) {
            context.flushed = true;
        }
    }

    fn speak(&mut self, name: &str) {
        let Some(context) = self.contexts.get_mut(name) else { return };
        let text = std::mem::take(&mut context.text);
        if !text.is_empty() {
            context.flushed = false;
            self.mouth.say(context.number, &text, 0);
        }
    }

    /// Ends a context: after a flush when it has said everything, without one at once.
    async fn close(&mut self, name: &str) -> Result<(), Gone> {
        let Some(context) = self.contexts.get_mut(name).filter(|context| !context.closing) else { return Ok(()) };
        context.closing = true;
        let number = context.number;
        if !context.flushed {
            // What is on its way already still comes.
            let last = self.mouth.hurry(number);
            self.mouth.stop(number);
            if let Some(piece) = last {
                self.voice(number, piece).await?;
            }
        }
        self.mouth.tell(number, Final(name.to_owned()));
        Ok(())
    }

    async fn voice(&self, of: u64, piece: Piece) -> Result<(), Gone> {
        let Some((name, _)) = self.contexts.iter().find(|(_, context)| context.number == of) else { return Ok(()) };
        let mut bytes = Vec::new();
        self.settings.encoding.encode(&piece.samples, &mut bytes);
        let mut message = json!({
            "audio": STANDARD.encode(&bytes), "contextId": name, "alignment": null, "normalizedAlignment": null,
        });
        if self.settings.alignment {
            let chars: Vec<String> = piece.text.chars().map(String::from).collect();
            let each = self.mouth.length("x") * 1_000 / u64::from(self.settings.rate);
            let starts: Vec<u64> = (0..chars.len() as u64).map(|n| n * each).collect();
            let durations = vec![each; chars.len()];
            message["alignment"] = json!({"chars": chars, "charStartTimesMs": starts, "charDurationsMs": durations});
            message["normalizedAlignment"] = message["alignment"].clone();
        }
        self.peer.send_audio(Audio::Field(message, "audio"), piece.samples, self.settings.rate).await
    }
}
