//! Deepgram's Aura voices: `/v1/speak`, a websocket with raw audio in binary messages.
//!
//! Audio carries no name of what it belongs to, so one utterance is spoken at a time and a cancelled one is over when
//! `Cleared` comes. Audio is sure to come only after a `Flush`, of which the vendor takes twenty a minute: the first
//! sentence is flushed at once, later ones when the vendor has nothing left to say and enough flushes are left, and
//! the last text always. There are no times of words.
//!
//! A voice is a model, such as `aura-2-thalia-en`. Options: `voice`, `speed` (0.7 to 1.5), `mip_opt_out`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::endpoint;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::Prompts;
use crate::provider::socket::{Close, Closing};
use crate::provider::synthesis::audio;
use crate::provider::synthesis::dialect::{Dialect, Message, Outbox, Told, name, pieces};
use crate::provider::synthesis::{Adapter, Connection, Synthesiser};
use crate::provider::tts::{RATE, UtteranceId, Voice};
use crate::provider::vendor::Vendor;

/// Flushes that the vendor takes within [`WINDOW`].
const FLUSHES: usize = 20;

/// See [`FLUSHES`].
const WINDOW: Duration = Duration::from_secs(60);

/// Flushes kept back for first sentences and for ends when a sentence in the middle asks for one.
const KEPT_FOR_BEGINNINGS: usize = 8;

/// Flushes kept back for ends when a first sentence asks for one.
const KEPT_FOR_ENDS: usize = 4;

/// Most bytes of text in one message; the vendor takes 2000 characters.
const LONGEST: usize = 1_500;

/// A `Clear` that is not answered by then: the connection is taken for dead.
const CLEARED_WITHIN: Duration = Duration::from_secs(2);

/// The voice when none is set.
const VOICE: &str = "aura-2-thalia-en";

/// Speaks through `/v1/speak` and keeps fixed prompts in `prompts`. Connects to nobody yet.
///
/// # Errors
/// `Unauthorised` without a key, `Refused` when the address is none.
pub fn synthesiser(vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
    Synthesiser::new(Adapter { name: "deepgram-speak-1", voice: VOICE, connect: connection }, vendor, prompts)
}

fn connection(vendor: &Arc<Vendor>, voice: &Voice) -> Result<Connection, Error> {
    let number = |option: &str| vendor.number(option).map(|number| number.to_string()).unwrap_or_default();
    let query = [
        ("model", voice.name.clone()),
        ("encoding", "mulaw".to_owned()),
        ("sample_rate", RATE.to_string()),
        ("speed", number("speed")),
        ("mip_opt_out", vendor.flag("mip_opt_out").map(|flag| flag.to_string()).unwrap_or_default()),
    ];
    Ok(Connection::Socket {
        endpoint: endpoint(vendor, "/v1/speak", query)?,
        dialect: Box::new(SpeakV1::new(Arc::clone(vendor))),
    })
}

/// The wire of `/v1/speak`.
#[derive(Debug)]
pub(crate) struct SpeakV1 {
    vendor: Arc<Vendor>,
    turn: Option<Turn>,
    /// `Clear`s without an answer, and when the patience with them ends.
    clearing: u32,
    cleared_by: Option<Instant>,
    /// When flushes were sent, within the window.
    flushes: VecDeque<Instant>,
}

#[derive(Debug)]
struct Turn {
    utterance: UtteranceId,
    /// Some text is not flushed yet.
    unflushed: bool,
    /// Flushes sent and not answered.
    flushing: u32,
    flushed_once: bool,
    finishing: bool,
}

#[derive(Deserialize)]
struct Heard {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    code: Option<String>,
}

impl SpeakV1 {
    pub(crate) const fn new(vendor: Arc<Vendor>) -> Self {
        Self { vendor, turn: None, clearing: 0, cleared_by: None, flushes: VecDeque::new() }
    }

    /// Flushes when there is reason to and the vendor will take it.
    fn flush(&mut self, now: Instant, out: &mut Outbox) {
        while self.flushes.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= WINDOW) {
            self.flushes.pop_front();
        }
        let left = FLUSHES - self.flushes.len().min(FLUSHES);
        let Some(turn) = &mut self.turn else { return };
        let enough = if turn.finishing {
            left > 0
        } else if turn.flushed_once {
            left > KEPT_FOR_BEGINNINGS && turn.flushing == 0
        } else {
            left > KEPT_FOR_ENDS
        };
        if turn.unflushed && enough {
            turn.unflushed = false;
            turn.flushed_once = true;
            turn.flushing += 1;
            self.flushes.push_back(now);
            out.send(&json!({"type": "Flush"}));
        }
    }

    /// The last flush was answered and no text is left.
    fn end(&mut self, out: &mut Outbox) {
        let over = |turn: &mut Turn| turn.finishing && !turn.unflushed && turn.flushing == 0;
        if let Some(turn) = self.turn.take_if(over) {
            out.tell(Told::Finished { utterance: turn.utterance });
        }
    }

    fn broken(&self, detail: impl Into<String>) -> Told {
        Told::Broken(self.vendor.error(ErrorKind::Broken, detail))
    }
}

impl Dialect for SpeakV1 {
    fn opened(&mut self, _: Instant) {
        // The limit on flushes is that of a connection.
        *self = Self::new(Arc::clone(&self.vendor));
    }

    fn text(&mut self, now: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox) {
        for piece in pieces(text, LONGEST) {
            out.send(&json!({"type": "Speak", "text": piece}));
        }
        let turn = self.turn.get_or_insert(Turn {
            utterance,
            unflushed: false,
            flushing: 0,
            flushed_once: false,
            finishing: false,
        });
        turn.unflushed = true;
        self.flush(now, out);
    }

    fn finish(&mut self, now: Instant, utterance: UtteranceId, out: &mut Outbox) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.utterance == utterance) {
            turn.finishing = true;
        }
        self.flush(now, out);
        self.end(out);
    }

    fn cancel(&mut self, now: Instant, utterance: UtteranceId, _: Duration, out: &mut Outbox) {
        let Some(turn) = self.turn.take_if(|turn| turn.utterance == utterance) else { return };
        if turn.unflushed || turn.flushing > 0 {
            out.send(&json!({"type": "Clear"}));
            self.clearing += 1;
            self.cleared_by = Some(now + CLEARED_WITHIN);
        }
    }

    fn receive(&mut self, now: Instant, message: Message<'_>, out: &mut Outbox) {
        match message {
            Message::Binary(bytes) => {
                if let Some(turn) = self.turn.as_ref().filter(|_| self.clearing == 0 && !bytes.is_empty()) {
                    out.tell(Told::Audio { utterance: turn.utterance, pcm: audio::ulaw(bytes) });
                }
            }
            Message::Text(text) => match serde_json::from_str::<Heard>(text) {
                Ok(heard) => self.heard(now, &heard, out),
                Err(_) => out.tell(self.broken("a message that is not JSON of a known shape")),
            },
            Message::Answer(_) | Message::End => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let waits = self.turn.as_ref().is_some_and(|turn| turn.unflushed && turn.finishing);
        let flush = self.flushes.front().filter(|_| waits).map(|sent| *sent + WINDOW);
        [flush, self.cleared_by].into_iter().flatten().min()
    }

    fn judge(&self, close: &Close) -> Option<Closing> {
        judge(&self.vendor, close)
    }

    fn goodbye(&mut self, out: &mut Outbox) {
        out.send(&json!({"type": "Close"}));
    }

    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        if self.cleared_by.is_some_and(|by| by <= now) {
            self.cleared_by = None;
            let detail = format!("Clear was not answered within {CLEARED_WITHIN:?}");
            out.tell(Told::Broken(self.vendor.error(ErrorKind::TimedOut, detail)));
        }
        self.flush(now, out);
    }
}

/// What a close frame of either version means: 1008 is no matter of the key here, and the longest session and an idle
/// one end as a routine.
pub(super) fn judge(vendor: &Vendor, close: &Close) -> Option<Closing> {
    let code = close.reason.split_whitespace().next().unwrap_or_default();
    match (close.code, code) {
        (_, "NET-0001" | "NET-0003") => Some(Closing::Routine),
        (1003 | 1008 | 1009, _) => Some(Closing::Failed(close.error(vendor, ErrorKind::Broken))),
        _ => None,
    }
}

impl SpeakV1 {
    fn heard(&mut self, now: Instant, heard: &Heard, out: &mut Outbox) {
        match heard.kind.as_str() {
            // What is answered while a Clear is under way belongs to what was cleared.
            "Flushed" if self.clearing == 0 => {
                if let Some(turn) = &mut self.turn {
                    turn.flushing = turn.flushing.saturating_sub(1);
                }
                self.flush(now, out);
                self.end(out);
            }
            "Cleared" => {
                self.clearing = self.clearing.saturating_sub(1);
                if self.clearing == 0 {
                    self.cleared_by = None;
                }
            }
            "Warning" => out.tell(Told::Warning(name(heard.code.as_deref().unwrap_or_default()).to_owned())),
            "Error" => out.tell(self.broken(name(heard.code.as_deref().unwrap_or_default()))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
