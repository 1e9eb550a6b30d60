//! ElevenLabs `/v1/speech-to-text/realtime`: words that the client commits, or that are committed after silence.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::listener::{Listener, Parameters, text};
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, header, refuse, upgrade};
use crate::vendors::sound::Encoding;

const PARAMETERS: [&str; 12] = [
    "model_id",
    "audio_format",
    "commit_strategy",
    "include_timestamps",
    "vad_silence_threshold_secs",
    "vad_threshold",
    "min_speech_duration_ms",
    "min_silence_duration_ms",
    "keyterms",
    "language_code",
    "no_verbatim",
    "token",
];

/// With less uncommitted audio a commit is refused.
const COMMITTABLE: f64 = 0.3;

/// The route.
pub(super) async fn listen(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let connection = match admit(&shared, Vendor::ElevenlabsScribe, &target, header(&headers, "xi-api-key")).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    match Settings::read(&target) {
        Ok(settings) => upgrade(shared, connection, socket, move |shared, peer| {
            let listener = Listener::new(shared, Arc::clone(&peer.connection), settings.encoding, settings.rate);
            Model { peer, listener, settings, committed: 0.0 }.run()
        }),
        Err(reason) => refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    }
}

#[derive(Clone, Debug)]
struct Settings {
    encoding: Encoding,
    rate: u32,
    timestamps: bool,
    /// Milliseconds of silence that commit; none when the client does.
    silence: Option<u64>,
}

impl Settings {
    fn read(target: &Uri) -> Result<Self, String> {
        let parameters = Parameters::read(target, &PARAMETERS)?;
        if parameters.text("model_id") != Some("scribe_v2_realtime") {
            return Err("no such model_id".to_owned());
        }
        let (encoding, rate) = match parameters.text("audio_format") {
            Some("ulaw_8000") => (Encoding::Mulaw, 8_000),
            Some("pcm_8000") => (Encoding::Linear16, 8_000),
            Some("pcm_16000") | None => (Encoding::Linear16, 16_000),
            Some("pcm_24000") => (Encoding::Linear16, 24_000),
            Some(_) => return Err("no such audio_format".to_owned()),
        };
        let seconds = parameters.number("vad_silence_threshold_secs", 0.3, 3.0)?.unwrap_or(1.5);
        let silence = match parameters.text("commit_strategy") {
            Some("manual") | None => None,
            Some("vad") => Some((seconds * 1_000.0) as u64),
            Some(_) => return Err("no such commit_strategy".to_owned()),
        };
        Ok(Self { encoding, rate, timestamps: parameters.flag("include_timestamps")?, silence })
    }
}

struct Model {
    peer: Peer,
    listener: Listener,
    settings: Settings,
    /// Seconds of audio at the last commit.
    committed: f64,
}

impl Model {
    async fn run(mut self) {
        let session = format!("session-{}", self.peer.connection.number);
        let started = json!({ "message_type": "session_started", "session_id": session, "config": {} });
        if self.peer.send(&started).await.is_err() {
            return;
        }
        while let Some(received) = self.peer.recv().await {
            let done = match received {
                Received::Text(text) => match self.take(&text).await {
                    Ok(None) => Ok(()),
                    Ok(Some((name, reason))) => self.fail(name, reason).await,
                    Err(gone) => Err(gone),
                },
                Received::Binary(_) => self.fail("input_error", "messages are text").await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Takes a chunk; the error's name and reason when it is none.
    async fn take(&mut self, text: &str) -> Result<Option<(&'static str, &'static str)>, Gone> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        if message["message_type"] != "input_audio_chunk" {
            return Ok(Some(("input_error", "no such message_type")));
        }
        if message["sample_rate"].as_u64().is_some_and(|rate| rate != u64::from(self.settings.rate)) {
            return Ok(Some(("input_error", "sample_rate is not that of audio_format")));
        }
        let Some(audio) = message["audio_base_64"].as_str().and_then(|text| STANDARD.decode(text).ok()) else {
            return Ok(Some(("input_error", "audio_base_64 is not base64")));
        };
        let before = self.listener.words().len();
        self.listener.hear(&audio);
        if self.listener.words().len() > before {
            let partial =
                json!({ "message_type": "partial_transcript", "text": super::listener::text(self.listener.words()) });
            self.peer.send(&partial).await?;
        }
        if message["commit"] == true {
            if self.listener.seconds() - self.committed < COMMITTABLE {
                return Ok(Some(("commit_throttled", "less than 0.3 s of uncommitted audio")));
            }
            self.commit().await?;
        } else if let (Some(silence), Some(quiet)) = (self.settings.silence, self.listener.quiet_ms())
            && quiet >= silence
        {
            self.commit().await?;
        }
        Ok(None)
    }

    async fn commit(&mut self) -> Result<(), Gone> {
        self.committed = self.listener.seconds();
        let words = self.listener.finish();
        let slow = self.peer.connection.faults().slow_first_byte();
        let text = text(&words);
        let committed = json!({ "message_type": "committed_transcript", "text": text });
        self.peer.send_final_later(slow, &committed).await?;
        if self.settings.timestamps {
            let word = |word: &crate::vendors::hearing::Word| json!({ "text": word.text, "start": self.listener.at(word.start), "end": self.listener.at(word.end), "type": "word" });
            let timed = json!({
                "message_type": "committed_transcript_with_timestamps", "text": text, "language_code": "en",
                "words": words.iter().map(word).collect::<Vec<_>>(),
            });
            self.peer.send_final_later(slow, &timed).await?;
        }
        Ok(())
    }

    async fn fail(&self, name: &str, reason: &str) -> Result<(), Gone> {
        if name != "commit_throttled" {
            self.peer.connection.complain(reason);
        }
        self.peer.send(&json!({ "message_type": name, "error": reason })).await
    }
}
