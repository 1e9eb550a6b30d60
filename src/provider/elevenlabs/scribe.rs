//! Speech to text over ElevenLabs' realtime Scribe. Its words are settled when we say so, at the end of a turn.
//!
//! Options of the vendor: `language_code` (overrules the call's language), `no_verbatim`, `lag_ms`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::PUBLIC;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, address, usual};
use crate::provider::stt::dialect::{Dialect, Heard, Idle, Profile, Unreadable, lag, query_option};
use crate::provider::stt::feed::Pace;
use crate::provider::stt::ledger::Text;
use crate::provider::stt::remote::Recogniser;
use crate::provider::stt::{ListenRequest, Manner};
use crate::provider::vendor::Vendor;

/// The model when none is set.
const MODEL: &str = "scribe_v2_realtime";
/// From asking for the words to having them.
const FLUSH: Duration = Duration::from_millis(600);

/// Messages that are errors without saying so at the end of their names.
const FAILURES: [&str; 9] = [
    "commit_throttled",
    "insufficient_audio_activity",
    "session_time_limit_exceeded",
    "quota_exceeded",
    "unaccepted_terms",
    "rate_limited",
    "queue_overflow",
    "resource_exhausted",
    "chunk_size_exceeded",
];

/// A recogniser of ElevenLabs.
pub type Scribe = Recogniser<Realtime>;

/// The messages of realtime Scribe.
#[derive(Clone, Debug)]
pub struct Realtime {
    vendor: Vendor,
    language: String,
    keyterms: Vec<Pii<String>>,
    /// Counts what was committed on this connection.
    unit: u64,
    /// Commits that are not answered.
    asked: u64,
    /// What was committed last.
    last: String,
    /// The last partial of what is not committed.
    partial: String,
}

#[derive(Deserialize)]
struct Event {
    message_type: String,
    #[serde(default)]
    text: String,
}

impl Realtime {
    fn chunk(audio: &[u8], commit: bool) -> Message {
        let chunk = json!({
            "message_type": "input_audio_chunk",
            "audio_base_64": STANDARD.encode(audio),
            "commit": commit,
            "sample_rate": 8_000,
        });
        Message::Text(chunk.to_string())
    }

    fn committed(&mut self, words: &str, heard: &mut Vec<Heard>) {
        let asked = self.asked > 0;
        self.asked = self.asked.saturating_sub(1);
        if !asked && words == self.last {
            heard.push(Heard::Alive);
            return;
        }
        words.clone_into(&mut self.last);
        if !asked {
            self.partial.clear();
        }
        heard.push(Heard::Settled(Text::plain(self.unit, words)));
        self.unit += 1;
        if asked && self.asked == 0 {
            heard.push(Heard::Flushed);
        }
    }

    /// The unit of a partial. After a commit was asked for, the vendor may still write about what is to be committed,
    /// which begins as before, or already about what follows.
    fn unit_of(&mut self, partial: &str) -> u64 {
        let first = |text: &str| text.split_whitespace().next().map(str::to_lowercase);
        let (now, before) = (partial.split_whitespace().count(), self.partial.split_whitespace().count());
        let earlier = self.asked > 0 && before > 0 && now >= before && first(partial) == first(&self.partial);
        if earlier {
            return self.unit + self.asked - 1;
        }
        if self.asked == 0 {
            partial.clone_into(&mut self.partial);
        }
        self.unit + self.asked
    }

    /// What an error means, by its name.
    fn meaning(&self, name: &str) -> Heard {
        let kind = match name {
            // Nothing was said that could be committed, or a commit follows another too closely.
            "commit_throttled" | "insufficient_audio_activity" => return Heard::Flushed,
            "session_time_limit_exceeded" => return Heard::End(Closing::Routine),
            "auth_error" | "quota_exceeded" | "quota_exceeded_error" | "unaccepted_terms" => ErrorKind::Unauthorised,
            "rate_limited" | "queue_overflow" | "resource_exhausted" => ErrorKind::Busy,
            "input_error" | "chunk_size_exceeded" => ErrorKind::Refused,
            _ => ErrorKind::Broken,
        };
        let known = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let name = if known { name } else { "an unknown error" };
        Heard::End(Closing::Failed(self.vendor.error(kind, name)))
    }
}

impl Dialect for Realtime {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        let language = vendor.text("language_code").unwrap_or_default().to_owned();
        Ok(Self {
            vendor,
            language,
            keyterms: Vec::new(),
            unit: 0,
            asked: 0,
            last: String::new(),
            partial: String::new(),
        })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: false, replies: true, lag: lag(&self.vendor, 500) },
            pace: Pace { piece: 60..=200, speed: 2.0, keep: Duration::from_secs(6) },
            flush: FLUSH,
            idle: Idle::Nothing,
            talk: None,
        }
    }

    fn prepare(&mut self, request: &ListenRequest) {
        self.keyterms.clone_from(&request.keyterms);
        if self.vendor.text("language_code").is_none() {
            self.language = request.language.split('-').next().unwrap_or_default().to_lowercase();
        }
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let key = self.vendor.required_key()?;
        let mut query = vec![
            ("model_id", self.vendor.model_or(MODEL).to_owned()),
            ("audio_format", "ulaw_8000".to_owned()),
            ("commit_strategy", "manual".to_owned()),
            ("language_code", self.language.clone()),
            ("no_verbatim", query_option(&self.vendor, "no_verbatim")),
        ];
        query.extend(self.keyterms.iter().take(50).map(|term| ("keyterms", term.expose().clone())));
        let url = address(&self.vendor, self.vendor.base_or(PUBLIC), "/v1/speech-to-text/realtime", query)?;
        Ok(Endpoint::with_header(url, "xi-api-key", key.to_owned()))
    }

    fn opened(&mut self) -> Vec<Message> {
        (self.unit, self.asked) = (0, 0);
        self.last.clear();
        self.partial.clear();
        Vec::new()
    }

    fn audio(&self, mulaw: Bytes) -> Message {
        Self::chunk(&mulaw, false)
    }

    fn flush(&mut self) -> Option<Message> {
        self.asked += 1;
        Some(Self::chunk(&[], true))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        let Event { message_type, text } = serde_json::from_str(text).map_err(|_| Unreadable)?;
        match message_type.as_str() {
            "partial_transcript" => heard.push(Heard::Revised(Text::plain(self.unit_of(&text), &text))),
            "committed_transcript" => self.committed(&text, heard),
            // The same words once more, with their times.
            "session_started" | "committed_transcript_with_timestamps" => heard.push(Heard::Alive),
            name if name.ends_with("error") || FAILURES.contains(&name) => {
                let meaning = self.meaning(name);
                if meaning == Heard::Flushed {
                    // What was not committed goes on under its number.
                    self.asked = self.asked.saturating_sub(1);
                }
                heard.push(meaning);
            }
            _ => heard.push(Heard::Alive),
        }
        Ok(())
    }

    fn judge(&self, close: &Close) -> Closing {
        if close.code == 1008 && !close.reason.contains("auth") {
            return Closing::Failed(close.error(&self.vendor, ErrorKind::Refused));
        }
        usual(&self.vendor, close)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::provider::stt::oddity::answers;

    fn scribe() -> Realtime {
        let vendor = Vendor { key: Some("k".into()), ..Vendor::named("elevenlabs") };
        Realtime::new(vendor).expect("a key is set")
    }

    fn read(scribe: &mut Realtime, message: &Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        scribe.read(&message.to_string(), &mut heard).expect("it is a message");
        heard
    }

    #[test]
    fn partials_become_what_was_committed() {
        let mut scribe = scribe();
        let transcript = |kind: &str, text: &str| json!({ "message_type": kind, "text": text });
        let started = json!({ "message_type": "session_started", "session_id": "s", "config": {} });
        assert_eq!(read(&mut scribe, &started), [Heard::Alive]);
        let partial = transcript("partial_transcript", "I need");
        assert_eq!(read(&mut scribe, &partial), [Heard::Revised(Text::plain(0, "I need"))]);
        assert!(scribe.flush().is_some());
        let committed = transcript("committed_transcript", "I need it.");
        assert_eq!(read(&mut scribe, &committed), [Heard::Settled(Text::plain(0, "I need it.")), Heard::Flushed]);
        assert_eq!(read(&mut scribe, &committed), [Heard::Alive], "it came twice");
        let other = transcript("committed_transcript", "And more.");
        assert_eq!(
            read(&mut scribe, &other),
            [Heard::Settled(Text::plain(1, "And more."))],
            "not asked for, and no answer"
        );
        assert!(scribe.flush().is_some());
        let nothing = json!({ "message_type": "insufficient_audio_activity", "error": "…" });
        assert_eq!(read(&mut scribe, &nothing), [Heard::Flushed]);
    }

    #[test]
    fn a_partial_that_crosses_a_commit_is_told_from_one_that_follows() {
        let mut scribe = scribe();
        let transcript = |kind: &str, text: &str| json!({ "message_type": kind, "text": text });
        let revised = |unit, text: &str| [Heard::Revised(Text::plain(unit, text))];
        assert_eq!(read(&mut scribe, &transcript("partial_transcript", "I need")), revised(0, "I need"));
        assert!(scribe.flush().is_some());
        assert_eq!(read(&mut scribe, &transcript("partial_transcript", "i need it")), revised(0, "i need it"));
        assert_eq!(read(&mut scribe, &transcript("partial_transcript", "And")), revised(1, "And"));
        let committed = read(&mut scribe, &transcript("committed_transcript", "I need it."));
        assert_eq!(committed, [Heard::Settled(Text::plain(0, "I need it.")), Heard::Flushed]);
        assert_eq!(read(&mut scribe, &transcript("partial_transcript", "And more")), revised(1, "And more"));
    }

    #[test]
    fn audio_and_commits_are_json() {
        let mut scribe = scribe();
        let json = |message| match message {
            Message::Text(text) => serde_json::from_str::<Value>(&text).expect("it is JSON"),
            Message::Binary(_) => panic!("Scribe takes only text"),
        };
        assert_eq!(
            json(scribe.audio(Bytes::from_static(&[1, 2, 3]))),
            json!({ "message_type": "input_audio_chunk", "audio_base_64": "AQID", "commit": false, "sample_rate": 8000 })
        );
        assert_eq!(
            json(scribe.flush().expect("it can be asked")),
            json!({ "message_type": "input_audio_chunk", "audio_base_64": "", "commit": true, "sample_rate": 8000 })
        );
        let keyterms = vec!["Acme".to_owned().into(), "Bob".to_owned().into()];
        scribe.prepare(&ListenRequest { language: "pt-BR".to_owned(), keyterms });
        assert_eq!(
            scribe.endpoint().expect("a key is set").url.as_str(),
            "wss://api.elevenlabs.io/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000\
             &commit_strategy=manual&language_code=pt&keyterms=Acme&keyterms=Bob"
        );
    }

    #[test]
    fn errors_are_told_apart() {
        let errors = [
            ("auth_error", Some(ErrorKind::Unauthorised)),
            ("quota_exceeded_error", Some(ErrorKind::Unauthorised)),
            ("rate_limited", Some(ErrorKind::Busy)),
            ("queue_overflow", Some(ErrorKind::Busy)),
            ("input_error", Some(ErrorKind::Refused)),
            ("transcriber_error", Some(ErrorKind::Broken)),
            ("some_new_error", Some(ErrorKind::Broken)),
            ("error", Some(ErrorKind::Broken)),
            ("session_time_limit_exceeded", None),
        ];
        for (name, expected) in errors {
            let heard = read(&mut scribe(), &json!({ "message_type": name, "error": "what was said" }));
            let [Heard::End(closing)] = &heard[..] else { panic!("{name}: {heard:?}") };
            match closing {
                Closing::Routine => assert_eq!(expected, None, "{name}"),
                Closing::Failed(error) => {
                    assert_eq!(Some(error.kind), expected, "{name}");
                    assert_eq!(error.detail, name, "and not what it says");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(text in ".{0,200}", kind in any::<String>(), words in any::<String>()) {
            let message = |kind: &str| json!({ "message_type": kind, "text": words }).to_string();
            let messages = [text, message(&kind), message("committed_transcript"), message("partial_transcript")];
            prop_assert_eq!(answers(scribe(), messages), 1);
        }
    }
}
