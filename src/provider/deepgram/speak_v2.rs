//! Deepgram's Flux voices: `/v2/speak`, a websocket that speaks in turns and tells what was heard of a cut one.
//!
//! An utterance is a turn: `Speak` as its text comes, `Flush` at its end, `SpeechMetadata` when all its audio is out. A
//! barge-in is an `Interrupt` with the position of the playback, which counts from the beginning of the session and has
//! to move on each time. What a completed turn said counts as played; an interrupted one counts up to where it was cut.
//! The reply says how much of the text that was, which becomes the only mark this voice gives.
//!
//! An `Interrupt` that the vendor ignores (there are three reasons for that) would leave the old turn open and mix it
//! with the next one, so the next one waits for the reply.
//!
//! A voice is a model, such as `flux-haley-en`. Options: `voice`, `speed` (0.85 to 1.15), `expressivity` (-2 to 2),
//! `mip_opt_out`, `tag`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::endpoint;
use super::speak_v1::judge;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::Prompts;
use crate::provider::socket::{Close, Closing};
use crate::provider::synthesis::audio;
use crate::provider::synthesis::dialect::{Dialect, Message, Outbox, Told, name};
use crate::provider::synthesis::{Adapter, Connection, Synthesiser};
use crate::provider::tts::{RATE, UtteranceId, Voice, WordMark};
use crate::provider::vendor::Vendor;

/// An `Interrupt` that is not answered by then: the connection is taken for dead.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The voice when none is set.
const VOICE: &str = "flux-haley-en";

/// Speaks through `/v2/speak` and keeps fixed prompts in `prompts`. Connects to nobody yet.
///
/// # Errors
/// `Unauthorised` without a key, `Refused` when the address is none.
pub fn synthesiser(vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
    Synthesiser::new(Adapter { name: "deepgram-speak-2", voice: VOICE, connect: connection }, vendor, prompts)
}

fn connection(vendor: &Arc<Vendor>, voice: &Voice) -> Result<Connection, Error> {
    let number = |option: &str| vendor.number(option).map(|number| number.to_string()).unwrap_or_default();
    let query = [
        ("model", voice.name.clone()),
        ("encoding", "mulaw".to_owned()),
        ("sample_rate", RATE.to_string()),
        ("speed", number("speed")),
        ("expressivity", number("expressivity")),
        ("mip_opt_out", vendor.flag("mip_opt_out").map(|flag| flag.to_string()).unwrap_or_default()),
        ("tag", vendor.text("tag").unwrap_or_default().to_owned()),
    ];
    let endpoint = endpoint(vendor, "/v2/speak", query)?;
    Ok(Connection::Socket { endpoint, dialect: Box::new(SpeakV2::new(Arc::clone(vendor))) })
}

/// The wire of `/v2/speak`.
#[derive(Debug)]
pub(crate) struct SpeakV2 {
    vendor: Arc<Vendor>,
    turn: Option<Turn>,
    cut: Option<Cut>,
    /// Milliseconds played before the turn began.
    played: u64,
    /// The position that the last `Interrupt` established.
    established: Option<u64>,
}

#[derive(Debug)]
struct Turn {
    utterance: UtteranceId,
    text: Pii<String>,
    samples: u64,
    finishing: bool,
}

/// A turn that was interrupted and whose interruption is not answered yet.
#[derive(Debug)]
struct Cut {
    turn: Turn,
    /// Samples of it that were heard.
    heard: u64,
    /// The position told; `None` when it was asked without one.
    offset: Option<u64>,
    by: Instant,
}

#[derive(Deserialize)]
struct Heard {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    text_spoken: Option<String>,
    #[serde(default)]
    audio_played_ms: Option<f64>,
}

impl SpeakV2 {
    pub(crate) const fn new(vendor: Arc<Vendor>) -> Self {
        Self { vendor, turn: None, cut: None, played: 0, established: None }
    }

    fn broken(&self, kind: ErrorKind, detail: impl Into<String>) -> Told {
        Told::Broken(self.vendor.error(kind, detail))
    }

    fn heard(&mut self, now: Instant, heard: &Heard, out: &mut Outbox) {
        match heard.kind.as_str() {
            "SpeechMetadata" => self.completed(out),
            "SpeechInterrupted" => self.interrupted(heard, out),
            "Warning" => self.warned(now, heard.code.as_deref().unwrap_or_default(), out),
            "Error" => {
                let code = heard.code.as_deref().unwrap_or_default();
                // The text itself is refused: it would be again.
                let kind =
                    if matches!(code, "DATA-0002" | "BIG-0000") { ErrorKind::Refused } else { ErrorKind::Broken };
                out.tell(self.broken(kind, name(code)));
            }
            _ => {}
        }
    }

    /// All audio of a turn is out. While an interruption is under way the turn may complete just before it.
    fn completed(&mut self, out: &mut Outbox) {
        if let Some(cut) = &self.cut {
            self.played += milliseconds(cut.turn.samples);
        } else if let Some(turn) = self.turn.take_if(|turn| turn.finishing) {
            self.played += milliseconds(turn.samples);
            out.tell(Told::Finished { utterance: turn.utterance });
        }
    }

    fn interrupted(&mut self, heard: &Heard, out: &mut Outbox) {
        let Some(cut) = self.cut.take() else { return };
        // Without an offset the vendor counts what it made, and the next position has to lie behind that.
        let told = heard.audio_played_ms.filter(|ms| ms.is_finite() && *ms >= 0.0).map(|ms| ms as u64);
        let position = cut.offset.or(told).unwrap_or(self.played);
        self.played = position;
        self.established = Some(position);
        let spoken = heard.text_spoken.as_deref().filter(|spoken| cut.turn.text.expose().starts_with(spoken));
        if let Some(spoken) = spoken.filter(|_| cut.offset.is_some()) {
            let mark = WordMark { text_end: spoken.trim_end().len(), sample_end: cut.heard };
            out.tell(Told::Kept { utterance: cut.turn.utterance, mark });
        }
    }

    fn warned(&mut self, now: Instant, code: &str, out: &mut Outbox) {
        out.tell(Told::Warning(name(code).to_owned()));
        match code {
            // The turn was over already.
            "NO_ACTIVE_SPEECH" => self.cut = None,
            // The turn goes on, and there is no other way to end it.
            "NO_AUDIO_GENERATED" if self.cut.is_some() => {
                out.tell(self.broken(ErrorKind::Broken, "an interruption before the first audio is ignored"));
            }
            "INVALID_INTERRUPT_OFFSET" => {
                if let Some(cut) = &mut self.cut {
                    cut.offset = None;
                    cut.by = now + ANSWERED_WITHIN;
                    out.send(&json!({"type": "Interrupt"}));
                }
            }
            _ => {}
        }
    }
}

impl Dialect for SpeakV2 {
    fn opened(&mut self, _: Instant) {
        *self = Self::new(Arc::clone(&self.vendor));
    }

    fn text(&mut self, _: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        let turn = self.turn.get_or_insert_with(|| Turn {
            utterance,
            text: Pii::new(String::new()),
            samples: 0,
            finishing: false,
        });
        let mut whole = std::mem::take(&mut turn.text).into_inner();
        whole.push_str(text);
        turn.text = Pii::new(whole);
        out.send(&json!({"type": "Speak", "text": text}));
    }

    fn finish(&mut self, _: Instant, utterance: UtteranceId, out: &mut Outbox) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.utterance == utterance && !turn.finishing) {
            turn.finishing = true;
            out.send(&json!({"type": "Flush"}));
        }
    }

    fn cancel(&mut self, now: Instant, utterance: UtteranceId, heard: Duration, out: &mut Outbox) {
        let Some(turn) = self.turn.take_if(|turn| turn.utterance == utterance) else { return };
        let heard = (heard.as_millis() * u128::from(RATE) / 1000).min(u128::from(turn.samples)) as u64;
        let behind = self.established.map_or(0, |position| position + 1);
        let offset = (self.played + milliseconds(heard)).max(behind);
        out.send(&json!({"type": "Interrupt", "playback_offset": {"type": "time_ms", "value": offset}}));
        self.cut = Some(Cut { turn, heard, offset: Some(offset), by: now + ANSWERED_WITHIN });
    }

    fn receive(&mut self, now: Instant, message: Message<'_>, out: &mut Outbox) {
        match message {
            Message::Binary(bytes) => {
                let pcm = audio::ulaw(bytes);
                if let Some(cut) = &mut self.cut {
                    cut.turn.samples += pcm.len() as u64;
                } else if let Some(turn) = self.turn.as_mut().filter(|_| !pcm.is_empty()) {
                    turn.samples += pcm.len() as u64;
                    out.tell(Told::Audio { utterance: turn.utterance, pcm });
                }
            }
            Message::Text(text) => match serde_json::from_str::<Heard>(text) {
                Ok(heard) => self.heard(now, &heard, out),
                Err(_) => out.tell(self.broken(ErrorKind::Broken, "a message that is not JSON of a known shape")),
            },
            Message::Answer(_) | Message::End => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.cut.as_ref().map(|cut| cut.by)
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.cut.as_ref().is_some_and(|cut| cut.by <= now) {
            self.cut = None;
            out.tell(
                self.broken(ErrorKind::TimedOut, format!("Interrupt was not answered within {ANSWERED_WITHIN:?}")),
            );
        }
    }

    fn settling(&self) -> bool {
        self.cut.is_some()
    }

    fn judge(&self, close: &Close) -> Option<Closing> {
        judge(&self.vendor, close)
    }

    fn goodbye(&mut self, out: &mut Outbox) {
        out.send(&json!({"type": "Close"}));
    }
}

const fn milliseconds(samples: u64) -> u64 {
    samples * 1000 / RATE as u64
}

#[cfg(test)]
mod tests;
