//! Cartesia's voices: `/tts/websocket`, contexts in JSON.
//!
//! An utterance is a context, as long as the vendor keeps it: one second after its last audio it expires, and a model
//! may take longer over its next sentence. Text that comes after a pause therefore goes into a new context of the same
//! utterance, whose times begin where the audio of the one before ended.
//!
//! A voice is the vendor's id of it. Options: `voice`, `version` (of the API), `max_buffer_delay_ms` (0 to 5000; 0, for it
//! is given whole sentences), `speed`, `volume`, `emotion`, `pronunciation_dict_id`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::Prompts;
use crate::provider::socket::{Endpoint, address};
use crate::provider::synthesis::audio;
use crate::provider::synthesis::dialect::{Dialect, Message, Outbox, Spoken, Told, name};
use crate::provider::synthesis::{Adapter, Connection, Synthesiser, language};
use crate::provider::tts::{RATE, UtteranceId, Voice};
use crate::provider::vendor::Vendor;

/// A context that has been quiet for so long is not written to any more: it expires at one second.
const QUIET: Duration = Duration::from_millis(700);

/// How long the end of an expired context is waited for; it may never come.
const ENDED_WITHIN: Duration = Duration::from_secs(1);

/// Where Cartesia is.
const PUBLIC: &str = "https://api.cartesia.ai";

/// The version of the API that this is written for.
const VERSION: &str = "2026-03-01";

/// Model and voice when none is set.
const MODEL: &str = "sonic-3.5";
const VOICE: &str = "a0e99841-438c-4a64-b679-ae501e7d6091";

/// Speaks through `/tts/websocket` and keeps fixed prompts in `prompts`. Connects to nobody yet.
///
/// # Errors
/// `Unauthorised` without a key, `Refused` when the address is none.
pub fn synthesiser(vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
    Synthesiser::new(Adapter { name: "cartesia", voice: VOICE, connect: connection }, vendor, prompts)
}

fn connection(vendor: &Arc<Vendor>, voice: &Voice) -> Result<Connection, Error> {
    let url = address(vendor, vendor.base_or(PUBLIC), "/tts/websocket", [])?;
    let mut endpoint = Endpoint::with_header(url, "x-api-key", vendor.required_key()?.to_owned());
    endpoint.headers.push(("cartesia-version", vendor.text("version").unwrap_or(VERSION).into()));
    let dialect = Box::new(Contexts::new(Arc::clone(vendor), fields(vendor, voice)));
    Ok(Connection::Socket { endpoint, dialect })
}

/// The fields that are the same in every message of a context.
fn fields(vendor: &Vendor, voice: &Voice) -> Value {
    let mut fields = json!({
        "model_id": vendor.model_or(MODEL),
        "voice": {"mode": "id", "id": voice.name},
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": RATE},
        "add_timestamps": true,
        "use_normalized_timestamps": false,
        "max_buffer_delay_ms": vendor.number("max_buffer_delay_ms").map_or(0, |ms| ms.clamp(0.0, 5_000.0) as u32),
    });
    let language = language(voice);
    if !language.is_empty() {
        fields["language"] = language.into();
    }
    for name in ["speed", "volume", "emotion"] {
        if let Some(value) = vendor.options.get(name) {
            fields["generation_config"][name] = value.clone();
        }
    }
    if let Some(dictionary) = vendor.text("pronunciation_dict_id") {
        fields["pronunciation_dict_id"] = dictionary.into();
    }
    fields
}

/// The wire of `/tts/websocket`.
#[derive(Debug)]
pub(crate) struct Contexts {
    vendor: Arc<Vendor>,
    /// The fields that are the same in every message of a context.
    fields: Value,
    speaking: Option<Utterance>,
    /// Contexts opened so far: a name is never used twice.
    opened: u64,
}

#[derive(Debug)]
struct Utterance {
    id: UtteranceId,
    /// The present context, while the vendor has not ended it.
    context: Option<Context>,
    /// Samples that came.
    samples: u64,
    finishing: bool,
    /// The end is taken for granted then.
    over_at: Option<Instant>,
}

#[derive(Debug)]
struct Context {
    name: String,
    /// Samples of the utterance before it.
    begins: u64,
    /// When audio of it last came.
    last_audio: Option<Instant>,
    /// When text was last sent to it.
    last_text: Instant,
}

impl Context {
    /// Whether it has said what it was given, and is about to expire or has expired.
    fn is_quiet(&self, now: Instant) -> bool {
        let spoken = self.last_audio.filter(|audio| *audio > self.last_text);
        spoken.is_some_and(|audio| now.saturating_duration_since(audio) >= QUIET)
    }
}

#[derive(Deserialize)]
struct Heard {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "context_id", default)]
    context: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(rename = "word_timestamps", default)]
    words: Option<Words>,
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    end: Vec<f64>,
}

impl Contexts {
    /// `fields` are the constant fields of a request: model, voice, language, output format, options.
    pub(crate) const fn new(vendor: Arc<Vendor>, fields: Value) -> Self {
        Self { vendor, fields, speaking: None, opened: 0 }
    }

    fn request(&self, context: &str, transcript: &str, goes_on: bool) -> Value {
        let mut request = self.fields.clone();
        request["context_id"] = context.into();
        request["transcript"] = transcript.into();
        request["continue"] = goes_on.into();
        request
    }

    fn heard(&mut self, now: Instant, heard: &Heard, out: &mut Outbox) {
        let Some(name) = heard.context.as_deref() else {
            if heard.kind == "error" {
                out.tell(Told::Broken(self.error(heard)));
            }
            return;
        };
        let Some(speaking) = &mut self.speaking else { return };
        let Some(context) = speaking.context.as_mut().filter(|context| context.name == name) else { return };
        match heard.kind.as_str() {
            "chunk" => match audio::ulaw_base64(heard.data.as_deref().unwrap_or_default()) {
                Ok(pcm) if pcm.is_empty() => {}
                Ok(pcm) => {
                    context.last_audio = Some(now);
                    speaking.samples += pcm.len() as u64;
                    out.tell(Told::Audio { utterance: speaking.id, pcm });
                }
                Err(error) => {
                    let error = self.vendor.error(ErrorKind::Broken, error.to_string());
                    out.tell(Told::Broken(error));
                }
            },
            "timestamps" => {
                let words = heard.words.as_ref().map(|words| words.after(context.begins)).unwrap_or_default();
                if !words.is_empty() {
                    out.tell(Told::Words { utterance: speaking.id, words });
                }
            }
            "done" => {
                speaking.context = None;
                self.end(out);
            }
            "error" => {
                // To be told that an expired context cannot be ended is its end.
                let expired = speaking.finishing && speaking.over_at.is_some();
                speaking.context = None;
                if expired {
                    self.end(out);
                } else if let Some(over) = self.speaking.take() {
                    out.tell(Told::Failed { utterance: over.id, error: self.error(heard) });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Outbox) {
        if let Some(over) = self.speaking.take_if(|speaking| speaking.finishing) {
            out.tell(Told::Finished { utterance: over.id });
        }
    }

    fn error(&self, heard: &Heard) -> Error {
        let kind = match heard.status_code.unwrap_or_default() {
            401..=403 => ErrorKind::Unauthorised,
            429 => ErrorKind::Busy,
            400..=499 => ErrorKind::Refused,
            _ => ErrorKind::Broken,
        };
        let status = heard.status_code.unwrap_or_default();
        let detail = format!("{status} {}", name(heard.error_code.as_deref().unwrap_or_default()));
        let mut error = self.vendor.error(kind, detail);
        error.request = heard.request_id.clone();
        error
    }
}

impl Words {
    fn after(&self, begins: u64) -> Vec<Spoken> {
        let end = |seconds: &f64| begins.saturating_add((seconds.max(0.0) * f64::from(RATE)).round() as u64);
        let spoken = |(word, seconds): (&String, &f64)| Spoken { word: Pii::new(word.clone()), end: end(seconds) };
        self.words.iter().zip(&self.end).map(spoken).collect()
    }
}

impl Dialect for Contexts {
    fn opened(&mut self, _: Instant) {
        self.speaking = None;
    }

    fn text(&mut self, now: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        let mut speaking = self.speaking.take().unwrap_or(Utterance {
            id: utterance,
            context: None,
            samples: 0,
            finishing: false,
            over_at: None,
        });
        let usable = speaking.context.take().filter(|context| !context.is_quiet(now));
        let mut context = usable.unwrap_or_else(|| {
            self.opened += 1;
            let name = format!("u{}-{}", utterance.0, self.opened);
            Context { name, begins: speaking.samples, last_audio: None, last_text: now }
        });
        context.last_text = now;
        out.send(&self.request(&context.name, text, true));
        speaking.context = Some(context);
        self.speaking = Some(speaking);
    }

    fn finish(&mut self, now: Instant, utterance: UtteranceId, out: &mut Outbox) {
        let Some(mut speaking) = self.speaking.take_if(|speaking| speaking.id == utterance) else { return };
        speaking.finishing = true;
        if let Some(context) = &speaking.context {
            out.send(&self.request(&context.name, "", false));
            if context.is_quiet(now) {
                speaking.over_at = Some(now + ENDED_WITHIN);
            }
        }
        let over = speaking.context.is_none();
        self.speaking = Some(speaking);
        if over {
            self.end(out);
        }
    }

    fn cancel(&mut self, _: Instant, utterance: UtteranceId, _: Duration, out: &mut Outbox) {
        let Some(speaking) = self.speaking.take_if(|speaking| speaking.id == utterance) else { return };
        if let Some(context) = speaking.context {
            out.send(&json!({"context_id": context.name, "cancel": true}));
        }
    }

    fn receive(&mut self, now: Instant, message: Message<'_>, out: &mut Outbox) {
        let Message::Text(text) = message else { return };
        match serde_json::from_str::<Heard>(text) {
            Ok(heard) => self.heard(now, &heard, out),
            Err(_) => {
                let detail = "a message that is not JSON of a known shape";
                out.tell(Told::Broken(self.vendor.error(ErrorKind::Broken, detail)));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.speaking.as_ref().and_then(|speaking| speaking.over_at)
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.end(out);
        }
    }
}

#[cfg(test)]
mod tests;
