//! Speech as OpenAI and many local servers make it: `/audio/speech`, a request for each text, samples as its answer.
//!
//! The answer is bare samples or a WAV file, whichever comes; a bare one has 24 kHz unless the vendor says otherwise.
//! There are no times of words.
//!
//! Options: `voice`, `response_format` (`pcm`, `wav`), `sample_rate` (of bare samples), `instructions`, `speed`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::Prompts;
use crate::provider::synthesis::audio::{NoAudio, PcmStream};
use crate::provider::synthesis::dialect::{Dialect, Frame, Message, Outbox, Told, pieces};
use crate::provider::synthesis::{Adapter, Connection, Request, Synthesiser};
use crate::provider::tts::{UtteranceId, Voice};
use crate::provider::vendor::Vendor;

/// Where OpenAI is.
const PUBLIC: &str = "https://api.openai.com/v1";

/// Model and voice when none is set.
const MODEL: &str = "gpt-4o-mini-tts";
const VOICE: &str = "marin";

/// The rate of bare samples in Hz when nobody says otherwise.
const SAMPLE_RATE: u32 = 24_000;

/// Most bytes of text in one request; the vendor takes 4096 characters.
const LONGEST: usize = 4_000;

/// Speaks through `/audio/speech` and keeps fixed prompts in `prompts`. Connects to nobody yet.
///
/// # Errors
/// `Unauthorised` when OpenAI itself is meant and no key is set, `Refused` when the address is none.
pub fn synthesiser(vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
    Synthesiser::new(Adapter { name: "openai-speech", voice: VOICE, connect: connection }, vendor, prompts)
}

fn connection(vendor: &Arc<Vendor>, voice: &Voice) -> Result<Connection, Error> {
    let refused = |detail: String| vendor.error(ErrorKind::Refused, detail);
    let url = Url::parse(&format!("{}/audio/speech", vendor.base_or(PUBLIC)))
        .map_err(|error| refused(format!("the address is none: {error}")))?;
    let mut headers = HeaderMap::new();
    if vendor.base_url.is_empty() {
        vendor.required_key()?;
    }
    if let Some(key) = &vendor.key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
            .map_err(|_| vendor.error(ErrorKind::Unauthorised, "what is set is no key"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let rate = vendor.number("sample_rate").map_or(SAMPLE_RATE, |rate| rate as u32);
    let dialect = Box::new(Requests::new(Arc::clone(vendor), fields(vendor, voice), rate));
    Ok(Connection::Requests { request: Request { url, headers }, dialect })
}

/// The fields that are the same in every request.
fn fields(vendor: &Vendor, voice: &Voice) -> Value {
    let mut fields = json!({
        "model": vendor.model_or(MODEL),
        "voice": voice.name,
        "response_format": vendor.text("response_format").unwrap_or("pcm"),
    });
    for name in ["instructions", "speed"] {
        if let Some(value) = vendor.options.get(name) {
            fields[name] = value.clone();
        }
    }
    fields
}

/// The wire of `/audio/speech`.
#[derive(Debug)]
pub(crate) struct Requests {
    vendor: Arc<Vendor>,
    fields: Value,
    rate: u32,
    speaking: Option<Utterance>,
}

#[derive(Debug)]
struct Utterance {
    id: UtteranceId,
    /// Requests without a complete answer.
    asked: u32,
    finishing: bool,
    /// The answer that is coming.
    answer: Option<PcmStream>,
}

impl Requests {
    pub(crate) const fn new(vendor: Arc<Vendor>, fields: Value, rate: u32) -> Self {
        Self { vendor, fields, rate, speaking: None }
    }

    fn end(&mut self, out: &mut Outbox) {
        if let Some(over) = self.speaking.take_if(|speaking| speaking.finishing && speaking.asked == 0) {
            out.tell(Told::Finished { utterance: over.id });
        }
    }

    fn no_audio(&mut self, error: NoAudio, out: &mut Outbox) {
        let Some(over) = self.speaking.take() else { return };
        out.frames.push(Frame::Drop);
        let error = self.vendor.error(ErrorKind::Refused, format!("the answer is {error}"));
        out.tell(Told::Failed { utterance: over.id, error });
    }
}

impl Dialect for Requests {
    fn opened(&mut self, _: Instant) {
        self.speaking = None;
    }

    fn text(&mut self, _: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        let new = Utterance { id: utterance, asked: 0, finishing: false, answer: None };
        let speaking = self.speaking.get_or_insert(new);
        for piece in pieces(text, LONGEST) {
            let mut request = self.fields.clone();
            request["input"] = piece.into();
            out.send(&request);
            speaking.asked += 1;
        }
    }

    fn finish(&mut self, _: Instant, utterance: UtteranceId, out: &mut Outbox) {
        if let Some(speaking) = self.speaking.as_mut().filter(|speaking| speaking.id == utterance) {
            speaking.finishing = true;
        }
        self.end(out);
    }

    fn cancel(&mut self, _: Instant, utterance: UtteranceId, _: Duration, out: &mut Outbox) {
        if self.speaking.take_if(|speaking| speaking.id == utterance).is_some() {
            out.frames.push(Frame::Drop);
        }
    }

    fn receive(&mut self, _: Instant, message: Message<'_>, out: &mut Outbox) {
        let Some(speaking) = &mut self.speaking else { return };
        match message {
            Message::Answer(kind) => match rate(kind, self.rate) {
                Ok(rate) => speaking.answer = Some(PcmStream::new(rate)),
                Err(error) => self.no_audio(error, out),
            },
            Message::Binary(bytes) => match speaking.answer.as_mut().map(|answer| answer.push(bytes)) {
                Some(Ok(pcm)) if !pcm.is_empty() => out.tell(Told::Audio { utterance: speaking.id, pcm }),
                Some(Err(error)) => self.no_audio(error, out),
                Some(Ok(_)) | None => {}
            },
            Message::End => {
                speaking.answer = None;
                speaking.asked = speaking.asked.saturating_sub(1);
                self.end(out);
            }
            Message::Text(_) => {}
        }
    }
}

/// The rate of bare samples by the content type of an answer, which has to be audio that we can read.
fn rate(kind: &str, default: u32) -> Result<u32, NoAudio> {
    let mut parts = kind.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    match name.as_str() {
        ""
        | "application/octet-stream"
        | "audio/pcm"
        | "audio/x-pcm"
        | "audio/raw"
        | "audio/wav"
        | "audio/x-wav"
        | "audio/wave"
        | "audio/vnd.wave" => {}
        _ => return Err(NoAudio::UNREADABLE),
    }
    let told = parts.find_map(|part| part.strip_prefix("rate=")?.parse().ok());
    Ok(told.unwrap_or(default))
}

#[cfg(test)]
mod tests;
