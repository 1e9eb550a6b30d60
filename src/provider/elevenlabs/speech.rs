//! ElevenLabs' voices: `/multi-stream-input`, a websocket with many contexts, all in JSON.
//!
//! An utterance is a context. It is opened with the settings of the voice, so that a message to keep it alive cannot
//! take their place, and closed with `close_context`: after a `flush` it speaks to its end first, without one it stops.
//! What still comes for a context that is not the present one is dropped.
//!
//! The times of characters count from the audio in the same message.
//!
//! A voice is the vendor's id of it. Options: `voice`, `stability`, `similarity_boost`, `style` (0 to 1),
//! `use_speaker_boost`, `speed` (0.7 to 1.2), `apply_text_normalization` (`auto`, `on`, `off`), `enable_logging`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::Prompts;
use crate::provider::socket::{Close, Closing, Endpoint, address};
use crate::provider::synthesis::audio;
use crate::provider::synthesis::dialect::{Dialect, Message, Outbox, Spoken, Told, name};
use crate::provider::synthesis::{Adapter, Connection, Synthesiser, language};
use crate::provider::tts::{RATE, UtteranceId, Voice};
use crate::provider::vendor::Vendor;

/// How often a context that waits for text is kept alive.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Most bytes of a word.
const LONGEST_WORD: usize = 64;

/// Where ElevenLabs is.
const PUBLIC: &str = "https://api.elevenlabs.io";

/// Model and voice when none is set.
const MODEL: &str = "eleven_flash_v2_5";
const VOICE: &str = "21m00Tcm4TlvDq8ikWAM";

/// Seconds without a message after which the vendor closes; the most it takes.
const INACTIVITY: u32 = 180;

/// Models that can be told the language.
const TOLD_LANGUAGES: [&str; 2] = ["eleven_flash_v2_5", "eleven_turbo_v2_5"];

/// Speaks through `/multi-stream-input` and keeps fixed prompts in `prompts`. Connects to nobody yet.
///
/// # Errors
/// `Unauthorised` without a key, `Refused` when the address is none.
pub fn synthesiser(vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
    Synthesiser::new(Adapter { name: "elevenlabs-multi", voice: VOICE, connect: connection }, vendor, prompts)
}

fn connection(vendor: &Arc<Vendor>, voice: &Voice) -> Result<Connection, Error> {
    if !voice.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(vendor.error(ErrorKind::Refused, "the voice is no id"));
    }
    let model = vendor.model_or(MODEL);
    let language = Some(language(voice)).filter(|_| TOLD_LANGUAGES.contains(&model)).unwrap_or_default();
    let query = [
        ("model_id", model.to_owned()),
        ("output_format", "ulaw_8000".to_owned()),
        ("auto_mode", "true".to_owned()),
        ("sync_alignment", "true".to_owned()),
        ("inactivity_timeout", INACTIVITY.to_string()),
        ("language_code", language.to_owned()),
        ("apply_text_normalization", vendor.text("apply_text_normalization").unwrap_or_default().to_owned()),
        ("enable_logging", vendor.flag("enable_logging").map(|flag| flag.to_string()).unwrap_or_default()),
    ];
    let path = format!("/v1/text-to-speech/{}/multi-stream-input", voice.name);
    let url = address(vendor, vendor.base_or(PUBLIC), &path, query)?;
    let endpoint = Endpoint::with_header(url, "xi-api-key", vendor.required_key()?.to_owned());
    let names = ["stability", "similarity_boost", "style", "use_speaker_boost", "speed"];
    let settings = names.iter().filter_map(|name| Some(((*name).to_owned(), vendor.options.get(*name)?.clone())));
    let settings: serde_json::Map<String, Value> = settings.collect();
    let settings = if settings.is_empty() { Value::Null } else { settings.into() };
    Ok(Connection::Socket { endpoint, dialect: Box::new(MultiStream::new(Arc::clone(vendor), settings)) })
}

/// The wire of `/multi-stream-input`.
#[derive(Debug)]
pub(crate) struct MultiStream {
    vendor: Arc<Vendor>,
    /// `voice_settings` of each context; null for the voice's own.
    voice_settings: Value,
    speaking: Option<Utterance>,
    /// Contexts opened so far: a name is never used twice on a connection.
    contexts: u64,
}

#[derive(Debug)]
struct Utterance {
    id: UtteranceId,
    /// The present context; none when the vendor has closed it before the utterance was over.
    context: Option<String>,
    keep_alive_at: Instant,
    /// Samples that came.
    samples: u64,
    /// A word whose end has not come, and where it ends so far.
    word: (String, u64),
    finishing: bool,
}

#[derive(Deserialize)]
struct Heard {
    #[serde(rename = "contextId", alias = "context_id", default)]
    context: Option<String>,
    #[serde(default)]
    audio: Option<String>,
    #[serde(default)]
    alignment: Option<Alignment>,
    #[serde(rename = "normalizedAlignment", default)]
    normalized: Option<Alignment>,
    #[serde(rename = "isFinal", alias = "is_final", default)]
    is_final: Option<bool>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Alignment {
    #[serde(default)]
    chars: Vec<String>,
    #[serde(rename = "charStartTimesMs", default)]
    starts: Vec<f64>,
    #[serde(rename = "charDurationsMs", default)]
    durations: Vec<f64>,
}

impl MultiStream {
    pub(crate) const fn new(vendor: Arc<Vendor>, voice_settings: Value) -> Self {
        Self { vendor, voice_settings, speaking: None, contexts: 0 }
    }

    fn heard(&mut self, heard: &Heard, out: &mut Outbox) {
        if let Some(code) = heard.error.as_deref() {
            return self.refused(heard, code, out);
        }
        let present = |utterance: &Utterance| utterance.context.as_deref() == heard.context.as_deref();
        let Some(speaking) = self.speaking.as_mut().filter(|utterance| present(utterance)) else { return };
        let begins = speaking.samples;
        if let Some(audio) = heard.audio.as_deref().filter(|audio| !audio.is_empty()) {
            match audio::ulaw_base64(audio) {
                Ok(pcm) if pcm.is_empty() => {}
                Ok(pcm) => {
                    speaking.samples += pcm.len() as u64;
                    out.tell(Told::Audio { utterance: speaking.id, pcm });
                }
                Err(error) => {
                    let error = self.vendor.error(ErrorKind::Broken, error.to_string());
                    return out.tell(Told::Broken(error));
                }
            }
        }
        if let Some(alignment) = heard.alignment.as_ref().or(heard.normalized.as_ref()) {
            speaking.align(begins, alignment, out);
        }
        if heard.is_final == Some(true) {
            speaking.end_word(out);
            speaking.context = None;
            if let Some(over) = self.speaking.take_if(|speaking| speaking.finishing) {
                out.tell(Told::Finished { utterance: over.id });
            }
        }
    }

    fn refused(&mut self, heard: &Heard, code: &str, out: &mut Outbox) {
        let error = self.vendor.error(kind(code), name(code));
        let Some(context) = heard.context.as_deref() else { return out.tell(Told::Broken(error)) };
        let present = |utterance: &mut Utterance| utterance.context.as_deref() == Some(context);
        if let Some(over) = self.speaking.take_if(present) {
            out.tell(Told::Failed { utterance: over.id, error });
        }
    }
}

impl Utterance {
    /// Splits the characters into words and tells those that are whole. `begins` is where the audio of the message
    /// begins in the utterance.
    fn align(&mut self, begins: u64, alignment: &Alignment, out: &mut Outbox) {
        let times = alignment.starts.iter().zip(&alignment.durations);
        for (text, (start, duration)) in alignment.chars.iter().zip(times) {
            let blank = text.chars().all(char::is_whitespace);
            if blank || self.word.0.len() + text.len() > LONGEST_WORD {
                self.end_word(out);
            }
            if !blank && text.len() <= LONGEST_WORD {
                self.word.0.push_str(text);
                let samples = (start + duration).max(0.0) * f64::from(RATE) / 1000.0;
                self.word.1 = begins.saturating_add(samples.round() as u64);
                if text.chars().any(is_unspaced) {
                    self.end_word(out);
                }
            }
        }
    }

    fn end_word(&mut self, out: &mut Outbox) {
        let (word, end) = std::mem::take(&mut self.word);
        if word.is_empty() {
            return;
        }
        let word = Spoken { word: Pii::new(word), end };
        match out.told.last_mut() {
            Some(Told::Words { utterance, words }) if *utterance == self.id => words.push(word),
            Some(_) | None => out.tell(Told::Words { utterance: self.id, words: vec![word] }),
        }
    }
}

impl Dialect for MultiStream {
    fn opened(&mut self, _: Instant) {
        self.speaking = None;
    }

    fn text(&mut self, now: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        let speaking = self.speaking.get_or_insert_with(|| Utterance {
            id: utterance,
            context: None,
            keep_alive_at: now,
            samples: 0,
            word: Default::default(),
            finishing: false,
        });
        let contexts = &mut self.contexts;
        let voice_settings = &self.voice_settings;
        let context = speaking.context.get_or_insert_with(|| {
            *contexts += 1;
            let context = format!("u{}-{contexts}", utterance.0);
            let mut opening = json!({"text": " ", "context_id": context});
            if !voice_settings.is_null() {
                opening["voice_settings"] = voice_settings.clone();
            }
            out.send(&opening);
            context
        });
        speaking.keep_alive_at = now + KEEP_ALIVE;
        // The vendor asks for a space at the end of each text.
        let space = if text.ends_with(char::is_whitespace) { "" } else { " " };
        out.send(&json!({"text": format!("{text}{space}"), "context_id": context}));
    }

    fn finish(&mut self, _: Instant, utterance: UtteranceId, out: &mut Outbox) {
        let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.id == utterance) else { return };
        speaking.finishing = true;
        match &speaking.context {
            Some(context) => {
                out.send(&json!({"context_id": context, "flush": true}));
                out.send(&json!({"context_id": context, "close_context": true}));
            }
            None => {
                self.speaking = None;
                out.tell(Told::Finished { utterance });
            }
        }
    }

    fn cancel(&mut self, _: Instant, utterance: UtteranceId, _: Duration, out: &mut Outbox) {
        let Some(speaking) = self.speaking.take_if(|speaking| speaking.id == utterance) else { return };
        // One that was flushed is closed already and speaks on; there is no way to stop it.
        if let Some(context) = speaking.context.filter(|_| !speaking.finishing) {
            out.send(&json!({"context_id": context, "close_context": true}));
        }
    }

    fn receive(&mut self, _: Instant, message: Message<'_>, out: &mut Outbox) {
        let Message::Text(text) = message else { return };
        match serde_json::from_str::<Heard>(text) {
            Ok(heard) => self.heard(&heard, out),
            Err(_) => {
                let detail = "a message that is not JSON of a known shape";
                out.tell(Told::Broken(self.vendor.error(ErrorKind::Broken, detail)));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let waiting = self.speaking.as_ref().filter(|speaking| !speaking.finishing && speaking.context.is_some());
        waiting.map(|speaking| speaking.keep_alive_at)
    }

    /// 1008 is more than the key here; what it is stands in the reason.
    fn judge(&self, close: &Close) -> Option<Closing> {
        let code = close.reason.split_whitespace().next().unwrap_or_default();
        match (close.code, code, kind(code)) {
            (_, "input_timeout_exceeded" | "inactivity_timeout", _) => Some(Closing::Routine),
            (1008, _, kind) => Some(Closing::Failed(close.error(&self.vendor, kind))),
            _ => None,
        }
    }

    fn goodbye(&mut self, out: &mut Outbox) {
        out.send(&json!({"close_socket": true}));
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        if let Some(speaking) = &mut self.speaking {
            speaking.keep_alive_at = now + KEEP_ALIVE;
            out.send(&json!({"text": "", "context_id": speaking.context}));
        }
    }
}

/// A letter of a script that writes no spaces: Thai, Japanese, Chinese.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// What kind of failure a code of the vendor is.
fn kind(code: &str) -> ErrorKind {
    match code {
        "invalid_api_key" | "missing_permissions" | "quota_exceeded" | "payment_required" | "auth_error" => {
            ErrorKind::Unauthorised
        }
        "system_busy" | "too_many_concurrent_requests" | "rate_limited" | "concurrent_limit_exceeded" => {
            ErrorKind::Busy
        }
        "voice_not_found" | "model_not_found" | "invalid_request" | "input_error" | "text_too_long" => {
            ErrorKind::Refused
        }
        _ => ErrorKind::Broken,
    }
}

#[cfg(test)]
mod tests;
