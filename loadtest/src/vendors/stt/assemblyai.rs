//! AssemblyAI `/v3/ws`: turns that end after silence, sent twice when they are formatted.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::listener::{Listener, Parameters, encoding, text};
use crate::vendors::faults::Vendor;
use crate::vendors::hearing::{Heard, Word};
use crate::vendors::peer::{Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, refuse, upgrade};
use crate::vendors::sound::Encoding;

const PARAMETERS: [&str; 18] = [
    "speech_model",
    "sample_rate",
    "encoding",
    "format_turns",
    "end_of_turn_confidence_threshold",
    "min_turn_silence",
    "max_turn_silence",
    "vad_threshold",
    "keyterms_prompt",
    "prompt",
    "agent_context",
    "interruption_delay",
    "language_codes",
    "inactivity_timeout",
    "session_heartbeat",
    "mode",
    "domain",
    "token",
];

const MODELS: [&str; 5] =
    ["universal-streaming-english", "universal-streaming-multilingual", "u3-rt-pro", "universal-3-5-pro", "whisper-rt"];

/// The route.
pub(super) async fn listen(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let connection = match admit(&shared, Vendor::Assemblyai, &target, authorization(&headers, "")).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    match Settings::read(&target) {
        Ok(settings) => upgrade(shared, connection, socket, move |shared, peer| {
            let listener = Listener::new(shared, Arc::clone(&peer.connection), settings.encoding, settings.rate);
            Model { peer, listener, settings, turn: 0 }.run()
        }),
        Err(reason) => refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    }
}

#[derive(Clone, Debug)]
struct Settings {
    encoding: Encoding,
    rate: u32,
    format: bool,
    /// Milliseconds of silence that end a turn whose last word sounds like an end.
    least: u64,
    /// Milliseconds of silence that end any turn.
    most: u64,
}

impl Settings {
    fn read(target: &Uri) -> Result<Self, String> {
        let parameters = Parameters::read(target, &PARAMETERS)?;
        let names = [("pcm_s16le", Encoding::Linear16), ("pcm_mulaw", Encoding::Mulaw)];
        let (encoding, rate) = encoding(&parameters, &names, Some(Encoding::Linear16))?;
        if !parameters.text("speech_model").is_some_and(|model| MODELS.contains(&model)) {
            return Err("no such speech_model".to_owned());
        }
        if let Some(terms) = parameters.text("keyterms_prompt") {
            serde_json::from_str::<Vec<String>>(terms).map_err(|_| "keyterms_prompt is no list of texts")?;
        }
        let silence = |name, usual| parameters.number(name, 0.0, 60_000.0).map(|ms| ms.map_or(usual, |ms| ms as u64));
        Ok(Self {
            encoding,
            rate,
            format: parameters.flag("format_turns")?,
            least: silence("min_turn_silence", 100)?,
            most: silence("max_turn_silence", 1_000)?,
        })
    }
}

struct Model {
    peer: Peer,
    listener: Listener,
    settings: Settings,
    turn: u32,
}

impl Model {
    async fn run(mut self) {
        let begin = json!({
            "type": "Begin", "id": format!("00000000-0000-4000-8000-{:012}", self.peer.connection.number),
            "expires_at": "2027-01-01T00:00:00Z", "configuration": { "model": "simulated" },
        });
        if self.peer.send(&begin).await.is_err() {
            return;
        }
        while let Some(received) = self.peer.recv().await {
            let done = match received {
                Received::Binary(bytes) => {
                    let width = if self.settings.encoding == Encoding::Linear16 { 2 } else { 1 };
                    let ms = bytes.len() as u64 * 1_000 / u64::from(self.settings.rate) / width;
                    if !(50..=1_000).contains(&ms) {
                        return self.fail(3007, "Input duration violation").await;
                    }
                    self.hear(&bytes).await
                }
                Received::Text(text) => match self.told(&text).await {
                    Ok(None) => Ok(()),
                    Ok(Some(reason)) => return self.fail(3006, &reason).await,
                    Err(Gone) => return,
                },
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Takes a text message; the reason when it is not one of AssemblyAI's.
    async fn told(&mut self, text: &str) -> Result<Option<String>, Gone> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("KeepAlive") => {}
            Some("ForceEndpoint") => {
                if !self.listener.words().is_empty() || self.listener.quiet_ms().is_some() {
                    self.end().await?;
                }
            }
            Some("UpdateConfiguration") => {
                let silence = |name: &str, now: u64| {
                    message.get(name).map_or(Ok(now), |value| {
                        value.as_u64().ok_or_else(|| format!("{name} is no number of milliseconds"))
                    })
                };
                match (
                    silence("min_turn_silence", self.settings.least),
                    silence("max_turn_silence", self.settings.most),
                ) {
                    (Ok(least), Ok(most)) => (self.settings.least, self.settings.most) = (least, most),
                    (Err(reason), _) | (_, Err(reason)) => return Ok(Some(reason)),
                }
            }
            Some("Terminate") => {
                let seconds = self.listener.seconds();
                let end = json!({ "type": "Termination", "audio_duration_seconds": seconds, "session_duration_seconds": seconds });
                self.peer.send(&end).await?;
                return Err(Gone);
            }
            Some(_) | None => return Ok(Some("no such message".to_owned())),
        }
        Ok(None)
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        for heard in self.listener.hear(bytes) {
            match heard {
                Heard::Started { at } => {
                    let at = (self.listener.at(at) * 1_000.0) as u64;
                    self.peer.send(&json!({ "type": "SpeechStarted", "timestamp": at })).await?;
                }
                Heard::Words => {
                    let message = self.message(self.listener.words(), false, false);
                    self.peer.send(&message).await?;
                }
            }
        }
        let Some(quiet) = self.listener.quiet_ms() else { return Ok(()) };
        let ends = self.listener.words().last().is_some_and(|word| word.text.ends_with(['.', '?', '!']));
        if quiet >= self.settings.most || (ends && quiet >= self.settings.least) {
            self.end().await?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Gone> {
        let words = self.listener.finish();
        if words.is_empty() {
            return Ok(());
        }
        let slow = self.peer.connection.faults().slow_first_byte();
        self.peer.send_final_later(slow, &self.message(&words, true, false)).await?;
        if self.settings.format {
            self.peer.send_final_later(slow, &self.message(&words, true, true)).await?;
        }
        self.turn += 1;
        Ok(())
    }

    fn message(&self, words: &[Word], end: bool, formatted: bool) -> Value {
        let ms = |sample| (self.listener.at(sample) * 1_000.0) as u64;
        let mut transcript = text(words);
        if formatted {
            transcript = format!("{}.", transcript.trim_end_matches('.'));
        }
        let word = |word: &Word| {
            json!({
                "text": word.text, "start": ms(word.start), "end": ms(word.end), "confidence": 0.97,
                "word_is_final": end, "speaker": null,
            })
        };
        json!({
            "type": "Turn", "turn_order": self.turn, "turn_is_formatted": formatted, "end_of_turn": end,
            "transcript": if end { transcript } else { String::new() },
            "end_of_turn_confidence": if end { 0.9 } else { 0.1 },
            "words": words.iter().map(word).collect::<Vec<_>>(), "language_code": "en",
        })
    }

    async fn fail(self, code: u16, reason: &str) {
        self.peer.connection.complain(reason);
        let error = json!({ "type": "Error", "error_code": code, "error": reason });
        if self.peer.send(&error).await.is_ok() {
            self.peer.close(code, reason).await;
        }
    }
}
