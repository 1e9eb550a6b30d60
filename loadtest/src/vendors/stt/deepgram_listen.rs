//! Deepgram `/v1/listen`: interim results, finals at the end of speech, `Finalize`, `CloseStream`, `NET-0001`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::listener::{Listener, Parameters, encoding, text, words_in_seconds};
use crate::vendors::faults::Vendor;
use crate::vendors::hearing::Heard;
use crate::vendors::peer::{Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, refuse, upgrade};
use crate::vendors::sound::Encoding;

/// Deepgram's names of encodings.
pub(super) const ENCODINGS: [(&str, Encoding); 3] =
    [("mulaw", Encoding::Mulaw), ("alaw", Encoding::Alaw), ("linear16", Encoding::Linear16)];

const PARAMETERS: [&str; 22] = [
    "model",
    "language",
    "encoding",
    "sample_rate",
    "channels",
    "interim_results",
    "endpointing",
    "utterance_end_ms",
    "vad_events",
    "punctuate",
    "smart_format",
    "no_delay",
    "numerals",
    "filler_words",
    "profanity_filter",
    "redact",
    "keyterm",
    "keywords",
    "diarize",
    "tag",
    "mip_opt_out",
    "version",
];

/// Without audio and `KeepAlive` for so long the connection is closed.
const IDLE: Duration = Duration::from_secs(10);

/// Interim results come once for so much audio.
const INTERIM: f64 = 1.0;

/// A span of audio becomes final after so much of it, also while the caller speaks.
const SPAN: f64 = 3.0;

/// With less unsettled audio `Finalize` is not answered.
const FINALIZABLE: f64 = 0.1;

/// How the vendor may be fed at most.
const PACE: f64 = 1.25;

#[derive(Debug)]
struct Settings {
    encoding: Encoding,
    rate: u32,
    interim: bool,
    /// Milliseconds; none when it is switched off.
    endpointing: Option<u64>,
    utterance_end: Option<u64>,
    vad_events: bool,
}

/// The route.
pub(super) async fn listen(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let key = authorization(&headers, "Token").or_else(|| authorization(&headers, "Bearer"));
    let connection = match admit(&shared, Vendor::DeepgramListen, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    let settings = match Settings::read(&target) {
        Ok(settings) => settings,
        Err(reason) => return refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    };
    let number = connection.number;
    let mut response = upgrade(shared, connection, socket, |shared, peer| serve(shared, peer, settings));
    let request = format!("00000000-0000-4000-8000-{number:012}");
    response.headers_mut().insert("dg-request-id", request.parse().expect("digits are a header value"));
    response
}

impl Settings {
    fn read(target: &Uri) -> Result<Self, String> {
        let parameters = Parameters::read(target, &PARAMETERS)?;
        let (encoding, rate) = encoding(&parameters, &ENCODINGS, None)?;
        let interim = parameters.flag("interim_results")?;
        let endpointing = match parameters.text("endpointing") {
            Some("false") => None,
            Some(_) => parameters.number("endpointing", 10.0, 10_000.0)?.map(|ms| ms as u64),
            None => Some(10),
        };
        let utterance_end = parameters.number("utterance_end_ms", 1_000.0, 5_000.0)?.map(|ms| ms as u64);
        if utterance_end.is_some() && !interim {
            return Err("utterance_end_ms needs interim_results".to_owned());
        }
        parameters.number("channels", 1.0, 1.0)?;
        for flag in ["punctuate", "smart_format", "no_delay", "numerals", "filler_words"] {
            parameters.flag(flag)?;
        }
        if !parameters.text("model").is_none_or(|model| model.starts_with("nova-")) {
            return Err("no such model".to_owned());
        }
        Ok(Self { encoding, rate, interim, endpointing, utterance_end, vad_events: parameters.flag("vad_events")? })
    }
}

/// A recogniser at work.
struct Recogniser {
    peer: Peer,
    settings: Settings,
    listener: Listener,
    /// Seconds of audio that are final.
    settled: f64,
    /// Words of the utterance that are final.
    settled_words: usize,
    /// Seconds of audio at the last interim result.
    interim: f64,
    /// When the last word ended, in seconds, from its being final until `UtteranceEnd` was told.
    utterance: Option<f64>,
}

async fn serve(shared: Arc<Shared>, peer: Peer, settings: Settings) {
    let connection = Arc::clone(&peer.connection);
    let listener = Listener::new(shared, connection, settings.encoding, settings.rate);
    let recogniser =
        Recogniser { peer, settings, listener, settled: 0.0, settled_words: 0, interim: 0.0, utterance: None };
    recogniser.run().await;
}

impl Recogniser {
    async fn run(mut self) {
        let mut idle = Instant::now() + IDLE;
        loop {
            let received = tokio::select! {
                received = self.peer.recv() => received,
                () = sleep_until(idle) => return self.peer.close(1011, "NET-0001").await,
            };
            idle = Instant::now() + IDLE;
            let done = match received {
                Some(Received::Binary(bytes)) if bytes.is_empty() => return self.end().await,
                Some(Received::Binary(bytes)) => self.hear(&bytes).await,
                Some(Received::Text(text)) => match kind(&text).as_deref() {
                    Some("KeepAlive") => Ok(()),
                    Some("Finalize") => self.finalize().await,
                    Some("CloseStream") => return self.end().await,
                    Some(_) | None => return self.peer.close(1008, "DATA-0000").await,
                },
                None => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let heard = self.listener.hear(bytes);
        self.listener.mind_pace(PACE);
        for event in heard {
            if let Heard::Started { at } = event
                && self.settings.vad_events
            {
                let timestamp = self.listener.at(at);
                self.peer.send(&json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": timestamp })).await?;
            }
        }
        let now = self.listener.seconds();
        let quiet = self.listener.quiet_ms();
        if let (Some(quiet), Some(endpointing)) = (quiet, self.settings.endpointing)
            && quiet >= endpointing
        {
            return self.settle(true, false).await;
        }
        if let (Some(last), Some(ms)) = (self.utterance, self.settings.utterance_end)
            && quiet.is_none()
            && (now - last) * 1_000.0 >= ms as f64
        {
            self.utterance = None;
            self.peer.send(&json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last })).await?;
        }
        if now - self.settled >= SPAN {
            return self.settle(false, false).await;
        }
        if self.settings.interim && now - self.interim >= INTERIM {
            self.interim = now;
            let words = self.listener.words().get(self.settled_words..).unwrap_or_default();
            let result = self.result(text(words), words_in_seconds(&self.listener, words), [false, false, false]);
            self.peer.send(&result).await?;
        }
        Ok(())
    }

    /// Makes what was heard so far final.
    async fn settle(&mut self, speech_final: bool, from_finalize: bool) -> Result<(), Gone> {
        let all = if speech_final { self.listener.finish() } else { self.listener.words().to_vec() };
        let words = all.get(self.settled_words..).unwrap_or_default();
        self.settled_words = if speech_final { 0 } else { all.len() };
        let flags = [true, speech_final, from_finalize];
        let result = self.result(text(words), words_in_seconds(&self.listener, words), flags);
        if let Some(last) = words.last() {
            self.utterance = Some(self.listener.at(last.end));
        }
        self.settled = self.listener.seconds();
        self.interim = self.settled;
        let slow = self.peer.connection.faults().slow_first_byte();
        self.peer.send_final_later(slow, &result).await
    }

    async fn finalize(&mut self) -> Result<(), Gone> {
        if self.listener.seconds() - self.settled < FINALIZABLE {
            return Ok(());
        }
        self.settle(true, true).await
    }

    /// Answers `CloseStream`.
    async fn end(mut self) {
        if self.settle(true, false).await.is_err() {
            return;
        }
        let duration = self.listener.seconds();
        let metadata = json!({
            "type": "Metadata", "transaction_key": "deprecated", "request_id": self.request(), "sha256": "",
            "created": "2026-01-01T00:00:00.000Z", "duration": duration, "channels": 1,
        });
        if self.peer.send(&metadata).await.is_ok() {
            self.peer.close(1000, "").await;
        }
    }

    /// A `Results` message; the flags are `is_final`, `speech_final` and `from_finalize`.
    fn result(&self, transcript: String, words: Value, [is_final, speech_final, from_finalize]: [bool; 3]) -> Value {
        let duration = ((self.listener.seconds() - self.settled) * 1_000.0).round() / 1_000.0;
        json!({
            "type": "Results", "channel_index": [0, 1], "start": self.settled, "duration": duration,
            "is_final": is_final, "speech_final": speech_final, "from_finalize": from_finalize,
            "channel": { "alternatives": [{ "transcript": transcript, "confidence": 0.97, "words": words }] },
            "metadata": { "request_id": self.request(), "model_info": { "name": "simulated", "arch": "nova-3" } },
        })
    }

    fn request(&self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.peer.connection.number)
    }
}

/// The type of a message.
pub(super) fn kind(text: &str) -> Option<String> {
    let message: Value = serde_json::from_str(text).ok()?;
    message.get("type")?.as_str().map(str::to_owned)
}
