//! Speech to text over AssemblyAI's streaming v3, whose model ends the turns.
//!
//! Options of the vendor: `format_turns`, `min_turn_silence`, `max_turn_silence` (milliseconds),
//! `end_of_turn_confidence_threshold`, `vad_threshold`, `language_codes`, `mode`, `domain`, `prompt`, `lag_ms`. The base URL
//! is `https://streaming.eu.assemblyai.com` for data that stays in the European Union.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, address, usual};
use crate::provider::stt::dialect::{Dialect, Heard, Idle, Profile, Unreadable, lag, query_option};
use crate::provider::stt::feed::Pace;
use crate::provider::stt::ledger::{Text, Word};
use crate::provider::stt::remote::Recogniser;
use crate::provider::stt::{ListenRequest, Manner, Patience};
use crate::provider::vendor::Vendor;

/// Where AssemblyAI is.
const PUBLIC: &str = "https://streaming.assemblyai.com";
/// The model when none is set.
const MODEL: &str = "universal-3-5-pro";
/// Silence after which an end is looked for, and after which there is one in any case, in milliseconds: AssemblyAI's
/// own, and while something is spelt out.
const TALK: (u64, u64) = (100, 1_000);
const DICTATION: (u64, u64) = (1_200, 2_500);
/// From asking for the end of a turn to its words.
const FLUSH: Duration = Duration::from_millis(400);
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A recogniser of AssemblyAI.
pub type AssemblyAi = Recogniser<Streaming>;

/// The messages of streaming v3.
#[derive(Clone, Debug)]
pub struct Streaming {
    vendor: Vendor,
    keyterms: Vec<Pii<String>>,
    /// The last turn that ended: its formatted version may follow and is the same turn.
    ended: Option<u64>,
    /// The turn that was begun.
    begun: Option<u64>,
    /// `SpeechStarted` came and no turn yet.
    speaking: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    Turn(Turn),
    SpeechStarted,
    Error {
        #[serde(default)]
        error_code: Option<u16>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Turn {
    turn_order: u64,
    #[serde(default)]
    end_of_turn: bool,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    words: Vec<SpokenWord>,
}

#[derive(Deserialize)]
struct SpokenWord {
    text: String,
    /// Milliseconds.
    start: f64,
    end: f64,
    #[serde(default)]
    confidence: Option<f32>,
}

impl Streaming {
    fn silence(&self, patience: Patience) -> (u64, u64) {
        let set = |option, usual| self.vendor.number(option).map_or(usual, |millis| millis.max(0.0) as u64);
        match patience {
            Patience::Talk => (set("min_turn_silence", TALK.0), set("max_turn_silence", TALK.1)),
            Patience::Dictation => DICTATION,
        }
    }

    fn turn(&mut self, turn: Turn, heard: &mut Vec<Heard>) {
        let Turn { turn_order, end_of_turn, transcript, words } = turn;
        // A turn that comes formatted again, or late, ends nothing; its words are known by their number.
        let stale = self.ended.is_some_and(|ended| turn_order <= ended);
        let stale = stale || self.begun.is_some_and(|begun| turn_order < begun);
        let end = words.last().map(|word| word.end / 1_000.0);
        let words: Vec<Word> = words.into_iter().map(Into::into).collect();
        // The transcript of a turn that goes on lacks its last words, which may still change.
        let spoken: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let text = if end_of_turn && !transcript.is_empty() { transcript.trim().to_owned() } else { spoken.join(" ") };
        let same_words = text.split_whitespace().count() == words.len();
        let empty = text.is_empty();
        let text = Text { unit: turn_order, text, words: if same_words { words } else { Vec::new() } };
        if stale {
            heard.push(if end_of_turn { Heard::Settled(text) } else { Heard::Alive });
            return;
        }
        if self.begun != Some(turn_order) && !empty {
            self.begun = Some(turn_order);
            if !std::mem::take(&mut self.speaking) {
                heard.push(Heard::TurnStarted);
            }
        }
        if !end_of_turn {
            heard.push(Heard::Revised(text));
            return;
        }
        self.ended = Some(turn_order);
        self.speaking = false;
        heard.push(Heard::Settled(text));
        heard.extend(end.map(Heard::Until));
        heard.push(Heard::TurnEnded);
    }

    /// What a code of AssemblyAI's means, in a close frame or an error.
    fn meaning(&self, close: &Close) -> Closing {
        let kind = match close.code {
            3008 | 4008 => return Closing::Routine,
            4001..=4003 => ErrorKind::Unauthorised,
            3006 => ErrorKind::Refused,
            3009 | 4029 => ErrorKind::Busy,
            3005 | 3007 => ErrorKind::Broken,
            _ => return usual(&self.vendor, close),
        };
        Closing::Failed(close.error(&self.vendor, kind))
    }
}

impl From<SpokenWord> for Word {
    fn from(spoken: SpokenWord) -> Self {
        let SpokenWord { text, start, end, confidence } = spoken;
        Self { text, middle: Some(f64::midpoint(start, end) / 1_000.0), confidence }
    }
}

impl Dialect for Streaming {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        Ok(Self { vendor, keyterms: Vec::new(), ended: None, begun: None, speaking: false })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: true, replies: false, lag: lag(&self.vendor, 500) },
            // Less than 50 ms and more than a second are refused.
            pace: Pace { piece: 60..=200, speed: 2.0, keep: Duration::from_secs(6) },
            flush: FLUSH,
            idle: Idle::KeepAlive(KEEP_ALIVE),
            talk: None,
        }
    }

    fn prepare(&mut self, request: &ListenRequest) {
        self.keyterms.clone_from(&request.keyterms);
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let key = self.vendor.required_key()?;
        let (least, most) = self.silence(Patience::Talk);
        let keyterms: Vec<&str> = self.keyterms.iter().take(50).map(|term| term.expose().as_str()).collect();
        let mut query = vec![
            ("speech_model", self.vendor.model_or(MODEL).to_owned()),
            ("sample_rate", "8000".to_owned()),
            ("encoding", "pcm_mulaw".to_owned()),
            ("min_turn_silence", least.to_string()),
            ("max_turn_silence", most.to_string()),
            ("keyterms_prompt", if keyterms.is_empty() { String::new() } else { json!(keyterms).to_string() }),
        ];
        for option in [
            "format_turns",
            "end_of_turn_confidence_threshold",
            "vad_threshold",
            "language_codes",
            "mode",
            "domain",
            "prompt",
        ] {
            query.push((option, query_option(&self.vendor, option)));
        }
        let url = address(&self.vendor, self.vendor.base_or(PUBLIC), "/v3/ws", query)?;
        Ok(Endpoint::with_header(url, "authorization", key.to_owned()))
    }

    fn opened(&mut self) -> Vec<Message> {
        (self.ended, self.begun, self.speaking) = (None, None, false);
        Vec::new()
    }

    fn audio(&self, mulaw: Bytes) -> Message {
        Message::Binary(mulaw)
    }

    fn flush(&mut self) -> Option<Message> {
        Some(text(&json!({ "type": "ForceEndpoint" })))
    }

    fn patience(&mut self, patience: Patience) -> Option<Message> {
        let (least, most) = self.silence(patience);
        Some(text(&json!({ "type": "UpdateConfiguration", "min_turn_silence": least, "max_turn_silence": most })))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(text(&json!({ "type": "KeepAlive" })))
    }

    fn goodbye(&self) -> Option<Message> {
        Some(text(&json!({ "type": "Terminate" })))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        match serde_json::from_str(text).map_err(|_| Unreadable)? {
            Event::Turn(turn) => self.turn(turn, heard),
            Event::SpeechStarted => {
                self.speaking = true;
                heard.push(Heard::TurnStarted);
            }
            Event::Error { error_code } => {
                let close = Close { code: error_code.unwrap_or(3005), reason: String::new() };
                heard.push(Heard::End(self.meaning(&close)));
            }
            Event::Other => heard.push(Heard::Alive),
        }
        Ok(())
    }

    fn judge(&self, close: &Close) -> Closing {
        self.meaning(close)
    }
}

fn text(message: &Value) -> Message {
    Message::Text(message.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::stt::oddity::answers;

    fn streaming() -> Streaming {
        let vendor = Vendor { key: Some("k".into()), ..Vendor::named("assemblyai") };
        Streaming::new(vendor).expect("a key is set")
    }

    fn turn(order: u64, transcript: &str, words: &[&str], end_of_turn: bool, formatted: bool) -> Value {
        let word = |(index, text): (usize, &&str)| {
            let start = 1_200 + 400 * index;
            json!({ "text": text, "start": start, "end": start + 200, "confidence": 0.5, "word_is_final": true, "speaker": null })
        };
        json!({
            "type": "Turn", "turn_order": order, "turn_is_formatted": formatted, "end_of_turn": end_of_turn,
            "transcript": transcript, "end_of_turn_confidence": 0.12, "language_code": "en",
            "words": words.iter().enumerate().map(word).collect::<Vec<_>>(),
        })
    }

    fn read(streaming: &mut Streaming, message: &Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        streaming.read(&message.to_string(), &mut heard).expect("it is a message");
        heard
    }

    fn text(order: u64, words: &[&str]) -> Text {
        let word = |(index, text): (usize, &&str)| Word {
            text: (*text).to_owned(),
            middle: Some((1_300.0 + 400.0 * index as f64) / 1_000.0),
            confidence: Some(0.5),
        };
        Text { unit: order, text: words.join(" "), words: words.iter().enumerate().map(word).collect() }
    }

    #[test]
    fn a_turn_is_read_once_also_when_it_comes_formatted_again() {
        let mut streaming = streaming();
        let begin = json!({ "type": "Begin", "id": "uuid", "expires_at": "2026-…", "configuration": { "model": "…" } });
        assert_eq!(read(&mut streaming, &begin), [Heard::Alive]);
        assert_eq!(
            read(&mut streaming, &turn(0, "i", &["i", "need"], false, false)),
            [Heard::TurnStarted, Heard::Revised(text(0, &["i", "need"]))]
        );
        assert_eq!(
            read(&mut streaming, &turn(0, "i need it", &["i", "need", "it"], true, false)),
            [Heard::Settled(text(0, &["i", "need", "it"])), Heard::Until(2.2), Heard::TurnEnded]
        );
        let formatted = turn(0, "I need it.", &["I", "need", "it."], true, true);
        assert_eq!(read(&mut streaming, &formatted), [Heard::Settled(text(0, &["I", "need", "it."]))], "and no end");
        assert_eq!(read(&mut streaming, &json!({ "type": "SpeechStarted", "timestamp": 1234 })), [Heard::TurnStarted]);
        assert_eq!(read(&mut streaming, &turn(1, "", &["yes"], false, false)), [Heard::Revised(text(1, &["yes"]))]);
        streaming.opened();
        assert_eq!(read(&mut streaming, &turn(0, "", &["yes"], false, false)).len(), 2, "a new connection counts anew");
    }

    #[test]
    fn the_address_and_the_silence_follow_the_options() {
        let mut streaming = streaming();
        streaming.prepare(&ListenRequest { keyterms: vec!["Acme".to_owned().into()], ..ListenRequest::default() });
        assert_eq!(
            streaming.endpoint().expect("a key is set").url.as_str(),
            "wss://streaming.assemblyai.com/v3/ws?speech_model=universal-3-5-pro&sample_rate=8000&encoding=pcm_mulaw\
             &min_turn_silence=100&max_turn_silence=1000&keyterms_prompt=%5B%22Acme%22%5D"
        );
        assert_eq!(
            streaming.patience(Patience::Dictation),
            Some(super::text(
                &json!({ "type": "UpdateConfiguration", "min_turn_silence": 1200, "max_turn_silence": 2500 })
            ))
        );
    }

    #[test]
    fn codes_are_told_apart() {
        let streaming = streaming();
        let kind = |code| match streaming.judge(&Close { code, reason: "whatever it says".to_owned() }) {
            Closing::Routine => None,
            Closing::Failed(error) => Some(error.kind),
        };
        let codes = [
            (3005, Some(ErrorKind::Broken)),
            (3006, Some(ErrorKind::Refused)),
            (3007, Some(ErrorKind::Broken)),
            (3008, None),
            (3009, Some(ErrorKind::Busy)),
            (4001, Some(ErrorKind::Unauthorised)),
            (4002, Some(ErrorKind::Unauthorised)),
            (4008, None),
            (1000, None),
            (1011, Some(ErrorKind::Broken)),
        ];
        for (code, expected) in codes {
            assert_eq!(kind(code), expected, "{code}");
        }
        let error = json!({ "type": "Error", "error_code": 3007, "error": "…" });
        let heard = read(&mut streaming.clone(), &error);
        assert!(
            matches!(&heard[..], [Heard::End(Closing::Failed(error))] if error.kind == ErrorKind::Broken),
            "{heard:?}"
        );
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(text in ".{0,200}", order in any::<u64>(), transcript in any::<String>(), end in any::<bool>()) {
            let odd = turn(order, &transcript, &["a"], end, false).to_string();
            prop_assert_eq!(answers(streaming(), [text, odd.clone(), odd]), 1);
        }
    }
}
