//! Speech to text over the Realtime API's transcription sessions. The vendor's voice detection cuts the audio into items;
//! the end of a turn cuts what is left.
//!
//! Options of the vendor: `turn_detection` (as in the session, or null: then only the ends of turns cut), `noise_reduction`,
//! `prompt`, `delay`, `model_in_query` (for gateways that want it), `lag_ms`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, address, usual};
use crate::provider::stt::dialect::{Dialect, Heard, Idle, Profile, Unreadable, lag, query_option};
use crate::provider::stt::feed::Pace;
use crate::provider::stt::ledger::Text;
use crate::provider::stt::remote::Recogniser;
use crate::provider::stt::{ListenRequest, Manner};
use crate::provider::vendor::Vendor;

/// Where OpenAI is.
const PUBLIC: &str = "https://api.openai.com/v1";
/// The model when none is set.
const MODEL: &str = "gpt-4o-transcribe";
/// An item is transcribed after it was cut, so its words come late.
const FLUSH: Duration = Duration::from_millis(1_500);
/// Items that are not transcribed yet; of more the oldest are given up.
const ITEMS: usize = 64;
/// Between the numbers of two items, so that one can be put between them.
const STEP: u64 = 1 << 20;

/// A recogniser of OpenAI, or of a gateway that speaks like it.
pub type Transcriber = Recogniser<Transcription>;

/// The messages of a transcription session.
#[derive(Clone, Debug)]
pub struct Transcription {
    vendor: Vendor,
    language: String,
    keyterms: Vec<Pii<String>>,
    items: BTreeMap<String, Item>,
    last: u64,
    /// A commit was asked for and is not answered.
    asked: bool,
}

#[derive(Clone, Debug, Default)]
struct Item {
    number: u64,
    text: String,
    /// Where it ends, in seconds of this connection's audio.
    end: Option<f64>,
    committed: bool,
    completed: bool,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    item_id: String,
    #[serde(default)]
    previous_item_id: Option<String>,
    #[serde(default)]
    delta: String,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    audio_end_ms: Option<f64>,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

impl Transcription {
    /// An item, numbered after the one it follows.
    fn item(&mut self, id: &str, previous: Option<&str>) -> &mut Item {
        if self.items.len() >= ITEMS
            && !self.items.contains_key(id)
            && let Some(oldest) = self.items.iter().min_by_key(|(_, item)| item.number).map(|(id, _)| id.clone())
        {
            self.items.remove(&oldest);
        }
        let number = match previous.and_then(|previous| self.items.get(previous)) {
            Some(previous) if previous.number < self.last => previous.number + 1,
            Some(_) | None => self.last + STEP,
        };
        let last = &mut self.last;
        self.items.entry(id.to_owned()).or_insert_with(|| {
            *last = number.max(*last);
            Item { number, ..Item::default() }
        })
    }

    /// The words of an item are complete, or there will be no others.
    fn complete(&mut self, id: &str, transcript: Option<String>, heard: &mut Vec<Heard>) {
        let item = self.item(id, None);
        if item.completed {
            heard.push(Heard::Alive);
            return;
        }
        item.completed = true;
        let text = transcript.unwrap_or_else(|| std::mem::take(&mut item.text));
        let (number, end) = (item.number, item.end);
        item.text = String::new();
        heard.push(Heard::Settled(Text::plain(number, &text)));
        // Earlier items may still be on their way.
        let waiting = self.items.values().any(|item| !item.completed && item.number < number);
        heard.extend(end.filter(|_| !waiting).map(Heard::Until));
        self.flushed(heard);
    }

    /// Answers a commit once nothing that was cut is waited for.
    fn flushed(&mut self, heard: &mut Vec<Heard>) {
        if self.asked && !self.items.values().any(|item| item.committed && !item.completed) {
            self.asked = false;
            heard.push(Heard::Flushed);
        }
    }

    fn fault(&mut self, fault: &Fault, heard: &mut Vec<Heard>) {
        let code = fault.code.as_deref().unwrap_or_default();
        let kind = match code {
            // There was nothing left to cut.
            "input_audio_buffer_commit_empty" => {
                self.flushed(heard);
                heard.push(Heard::Alive);
                return;
            }
            "session_expired" => {
                heard.push(Heard::End(Closing::Routine));
                return;
            }
            "invalid_api_key" | "insufficient_quota" | "account_deactivated" => ErrorKind::Unauthorised,
            "rate_limit_exceeded" => ErrorKind::Busy,
            _ => match fault.kind.as_deref() {
                Some("invalid_request_error") => ErrorKind::Refused,
                Some("authentication_error" | "insufficient_quota") => ErrorKind::Unauthorised,
                Some("rate_limit_error" | "rate_limit_exceeded") => ErrorKind::Busy,
                Some(_) | None => ErrorKind::Broken,
            },
        };
        let close = Close { code: 1011, reason: code.to_owned() };
        heard.push(Heard::End(Closing::Failed(close.error(&self.vendor, kind))));
    }

    fn session(&self) -> Value {
        let model = self.vendor.model_or(MODEL);
        let mut transcription = json!({ "model": model });
        if !self.language.is_empty() {
            transcription["language"] = self.language.as_str().into();
        }
        let mut prompt = self.vendor.text("prompt").unwrap_or_default().to_owned();
        if !self.keyterms.is_empty() {
            let terms: Vec<&str> = self.keyterms.iter().take(50).map(|term| term.expose().as_str()).collect();
            prompt = format!("{prompt} {}", terms.join(", "));
        }
        if !prompt.is_empty() {
            transcription["prompt"] = prompt.trim().into();
        }
        if let Some(delay) = self.vendor.text("delay") {
            transcription["delay"] = delay.into();
        }
        let detection = match self.vendor.options.get("turn_detection") {
            Some(set) => set.clone(),
            // This model does not cut by itself.
            None if model.starts_with("gpt-realtime-whisper") => Value::Null,
            None => {
                json!({ "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 300 })
            }
        };
        let reduction = self.vendor.options.get("noise_reduction").cloned().unwrap_or_default();
        json!({
            "type": "session.update",
            "session": {
                "type": "transcription",
                "audio": { "input": {
                    "format": { "type": "audio/pcmu" },
                    "transcription": transcription,
                    "turn_detection": detection,
                    "noise_reduction": reduction,
                } },
            },
        })
    }
}

impl Dialect for Transcription {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        let (language, keyterms) = (String::new(), Vec::new());
        Ok(Self { vendor, language, keyterms, items: BTreeMap::new(), last: 0, asked: false })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: false, replies: true, lag: lag(&self.vendor, 900) },
            pace: Pace { piece: 60..=200, speed: 4.0, keep: Duration::from_secs(6) },
            flush: FLUSH,
            idle: Idle::Nothing,
            talk: None,
        }
    }

    fn prepare(&mut self, request: &ListenRequest) {
        self.keyterms.clone_from(&request.keyterms);
        self.language = request.language.split('-').next().unwrap_or_default().to_lowercase();
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let key = if self.vendor.base_url.is_empty() {
            self.vendor.required_key()?
        } else {
            self.vendor.required_key().unwrap_or_default()
        };
        let in_query = self.vendor.flag("model_in_query").unwrap_or(false);
        let query = [
            ("intent", "transcription".to_owned()),
            // At OpenAI itself a model makes it a conversation.
            ("model", if in_query { self.vendor.model_or(MODEL).to_owned() } else { String::new() }),
            ("api-version", query_option(&self.vendor, "api_version")),
        ];
        let url = address(&self.vendor, self.vendor.base_or(PUBLIC), "/realtime", query)?;
        Ok(Endpoint::with_header(url, "authorization", format!("Bearer {key}")))
    }

    fn opened(&mut self) -> Vec<Message> {
        self.items.clear();
        (self.last, self.asked) = (0, false);
        vec![Message::Text(self.session().to_string())]
    }

    fn audio(&self, mulaw: Bytes) -> Message {
        let append = json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(mulaw) });
        Message::Text(append.to_string())
    }

    fn flush(&mut self) -> Option<Message> {
        self.asked = true;
        Some(Message::Text(json!({ "type": "input_audio_buffer.commit" }).to_string()))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        let event: Event = serde_json::from_str(text).map_err(|_| Unreadable)?;
        let id = event.item_id;
        match event.kind.as_str() {
            // Whether the settings are taken shows only afterwards.
            "session.created" | "transcription_session.created" => {}
            "input_audio_buffer.speech_started" => {
                self.item(&id, None);
                heard.push(Heard::Alive);
            }
            "input_audio_buffer.speech_stopped" => {
                self.item(&id, None).end = event.audio_end_ms.map(|millis| millis / 1_000.0);
                heard.push(Heard::Alive);
            }
            "input_audio_buffer.committed" => {
                self.item(&id, event.previous_item_id.as_deref()).committed = true;
                heard.push(Heard::Alive);
            }
            "conversation.item.input_audio_transcription.delta" => {
                let item = self.item(&id, None);
                if item.completed || item.text.len() > 1 << 16 {
                    heard.push(Heard::Alive);
                } else {
                    item.text.push_str(&event.delta);
                    heard.push(Heard::Revised(Text::plain(item.number, &item.text)));
                }
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.complete(&id, Some(event.transcript), heard);
            }
            "conversation.item.input_audio_transcription.failed" => self.complete(&id, None, heard),
            "error" => {
                let fault = event.error.ok_or(Unreadable)?;
                self.fault(&fault, heard);
            }
            _ => heard.push(Heard::Alive),
        }
        Ok(())
    }

    fn judge(&self, close: &Close) -> Closing {
        if close.reason.contains("session_expired") {
            return Closing::Routine;
        }
        usual(&self.vendor, close)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::stt::oddity::answers;

    fn transcription(options: Value) -> Transcription {
        let options = options.as_object().expect("an object").clone();
        let vendor = Vendor { key: Some("k".into()), options, ..Vendor::named("openai") };
        Transcription::new(vendor).expect("a key is set")
    }

    fn read(transcription: &mut Transcription, message: Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        transcription.read(&message.to_string(), &mut heard).expect("it is a message");
        heard
    }

    fn committed(id: &str, previous: Option<&str>) -> Value {
        json!({ "type": "input_audio_buffer.committed", "event_id": "e", "item_id": id, "previous_item_id": previous })
    }

    fn words(kind: &str, id: &str, text: &str) -> Value {
        let field = if kind == "delta" { "delta" } else { "transcript" };
        let kind = format!("conversation.item.input_audio_transcription.{kind}");
        json!({ "type": kind, "event_id": "e", "item_id": id, "content_index": 0, field: text })
    }

    fn numbers(heard: &[Heard]) -> Vec<(u64, &str)> {
        heard
            .iter()
            .filter_map(|heard| match heard {
                Heard::Revised(text) | Heard::Settled(text) => Some((text.unit, text.text.as_str())),
                Heard::Alive
                | Heard::Until(_)
                | Heard::Flushed
                | Heard::TurnStarted
                | Heard::TurnEndedEarly
                | Heard::TurnResumed
                | Heard::TurnEnded
                | Heard::End(_) => None,
            })
            .collect()
    }

    #[test]
    fn items_are_words_in_the_order_of_their_audio() {
        let mut session = transcription(json!({}));
        assert_eq!(read(&mut session, json!({ "type": "session.created", "session": {} })), []);
        assert_eq!(read(&mut session, json!({ "type": "session.updated", "session": {} })), [Heard::Alive]);
        let started = json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": "a" });
        read(&mut session, started);
        read(&mut session, json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": "a" }));
        read(&mut session, committed("a", None));
        read(&mut session, committed("b", Some("a")));
        let later = read(&mut session, words("completed", "b", "two"));
        assert_eq!(numbers(&read(&mut session, words("delta", "a", "on"))), [(STEP, "on")]);
        assert_eq!(numbers(&read(&mut session, words("delta", "a", "e"))), [(STEP, "one")]);
        let earlier = read(&mut session, words("completed", "a", "One."));
        assert_eq!(earlier, [Heard::Settled(Text::plain(STEP, "One.")), Heard::Until(0.9)]);
        assert_eq!(numbers(&later), [(2 * STEP, "two")], "completed first, and second");
        assert_eq!(read(&mut session, words("completed", "a", "One.")), [Heard::Alive], "it came twice");
        read(&mut session, committed("c", Some("b")));
        read(&mut session, committed("between", Some("a")));
        assert_eq!(numbers(&read(&mut session, words("completed", "between", "x"))), [(STEP + 1, "x")]);
    }

    #[test]
    fn a_commit_is_answered_when_all_that_was_cut_is_there() {
        let mut session = transcription(json!({}));
        read(&mut session, committed("a", None));
        assert!(session.flush().is_some());
        let empty = json!({ "type": "error", "error": { "type": "invalid_request_error", "code": "input_audio_buffer_commit_empty" } });
        assert_eq!(read(&mut session, empty.clone()), [Heard::Alive], "a is on its way");
        assert_eq!(read(&mut session, words("completed", "a", "yes")).last(), Some(&Heard::Flushed));
        assert!(session.flush().is_some());
        assert_eq!(read(&mut session, empty), [Heard::Flushed, Heard::Alive]);
        assert!(session.flush().is_some());
        read(&mut session, committed("b", Some("a")));
        read(&mut session, words("delta", "b", "no"));
        let failed =
            json!({ "type": "conversation.item.input_audio_transcription.failed", "item_id": "b", "error": {} });
        assert_eq!(read(&mut session, failed), [Heard::Settled(Text::plain(2 * STEP, "no")), Heard::Flushed]);
    }

    #[test]
    fn the_session_asks_for_telephone_audio() {
        let mut session = transcription(json!({ "prompt": "A clinic." }));
        session.prepare(&ListenRequest { language: "en-GB".to_owned(), keyterms: vec!["Acme".to_owned().into()] });
        let endpoint = session.endpoint().expect("a key is set");
        assert_eq!(endpoint.url.as_str(), "wss://api.openai.com/v1/realtime?intent=transcription");
        let expected = json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": {
            "format": { "type": "audio/pcmu" },
            "transcription": { "model": "gpt-4o-transcribe", "language": "en", "prompt": "A clinic. Acme" },
            "turn_detection": { "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 300 },
            "noise_reduction": null,
        } } } });
        let [Message::Text(first)] = &session.opened()[..] else { panic!("one text") };
        assert_eq!(serde_json::from_str::<Value>(first).expect("it is JSON"), expected);
        let mut whisper = transcription(json!({ "model_in_query": true }));
        whisper.vendor.model = "gpt-realtime-whisper".to_owned();
        assert_eq!(whisper.session()["session"]["audio"]["input"]["turn_detection"], Value::Null);
        assert!(whisper.endpoint().expect("a key is set").url.as_str().ends_with("&model=gpt-realtime-whisper"));
    }

    #[test]
    fn errors_are_told_apart() {
        let faults = [
            ("invalid_request_error", "invalid_api_key", Some(ErrorKind::Unauthorised)),
            ("invalid_request_error", "invalid_model", Some(ErrorKind::Refused)),
            ("insufficient_quota", "insufficient_quota", Some(ErrorKind::Unauthorised)),
            ("rate_limit_error", "rate_limit_exceeded", Some(ErrorKind::Busy)),
            ("server_error", "", Some(ErrorKind::Broken)),
            ("invalid_request_error", "session_expired", None),
        ];
        for (kind, code, expected) in faults {
            let message =
                json!({ "type": "error", "error": { "type": kind, "code": code, "message": "what was said" } });
            let heard = read(&mut transcription(json!({})), message);
            let [Heard::End(closing)] = &heard[..] else { panic!("{code}: {heard:?}") };
            let found = if let Closing::Failed(error) = closing { Some(error.kind) } else { None };
            assert_eq!(found, expected, "{code}");
        }
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(messages in prop::collection::vec((0..8_usize, "[a-c]", any::<String>()), 0..40)) {
            let message = |(kind, id, text): &(usize, String, String)| match kind {
                0 => committed(id, Some(text)),
                1 => committed(id, Some("a")),
                2 => words("delta", id, text),
                3 => words("completed", id, text),
                4 => words("failed", id, text),
                5 => json!({ "type": "error", "error": { "code": text } }),
                6 => json!({ "type": "input_audio_buffer.speech_stopped", "item_id": id, "audio_end_ms": -1e300 }),
                _ => Value::String(text.clone()),
            };
            let messages: Vec<String> = messages.iter().map(|of| message(of).to_string()).collect();
            prop_assert_eq!(answers(transcription(json!({})), messages.clone()), 1);
            let mut session = transcription(json!({}));
            for message in messages {
                session.read(&message, &mut Vec::new()).ok();
            }
            prop_assert!(session.items.len() <= ITEMS);
        }
    }
}
