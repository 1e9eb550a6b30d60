//! Speech to text over `/v1/listen` (the Nova models): revised and final spans of audio, no turns.
//!
//! Options of the vendor: `language` (overrules the call's), `endpointing` (milliseconds, default 300), `punctuate`
//! (default true), `smart_format`, `numerals`, `filler_words`, `profanity_filter`, `mip_opt_out`, `tag`, `lag_ms`.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{SpokenWord, endpoint, judge, keyterms, language, pace};
use crate::pii::Pii;
use crate::provider::error::Error;
use crate::provider::socket::{Close, Closing, Endpoint, Message};
use crate::provider::stt::dialect::{Dialect, Heard, Idle, Profile, Unreadable, lag, query_option};
use crate::provider::stt::ledger::Text;
use crate::provider::stt::remote::Recogniser;
use crate::provider::stt::{ListenRequest, Manner};
use crate::provider::vendor::Vendor;

/// The model when none is set.
const MODEL: &str = "nova-3";
/// `Finalize` is not always answered, so nobody waits for longer.
const FLUSH: Duration = Duration::from_millis(300);
/// Deepgram closes after ten seconds without audio.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Results come at least for every few seconds of audio, silence too.
const TALK: Duration = Duration::from_secs(8);

/// A recogniser of Deepgram's `/v1/listen`.
pub type Nova = Recogniser<ListenV1>;

/// The messages of `/v1/listen`.
#[derive(Clone, Debug)]
pub struct ListenV1 {
    vendor: Vendor,
    language: String,
    keyterms: Vec<Pii<String>>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    Results(Results),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Results {
    start: f64,
    duration: f64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    from_finalize: bool,
    channel: Channel,
}

#[derive(Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    transcript: String,
    #[serde(default)]
    words: Vec<SpokenWord>,
}

impl Dialect for ListenV1 {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        let language = language(&vendor, &ListenRequest::default());
        Ok(Self { vendor, language, keyterms: Vec::new() })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: false, replies: true, lag: lag(&self.vendor, 350) },
            pace: pace(20),
            flush: FLUSH,
            idle: Idle::KeepAlive(KEEP_ALIVE),
            talk: Some(TALK),
        }
    }

    fn prepare(&mut self, request: &ListenRequest) {
        self.language = language(&self.vendor, request);
        self.keyterms.clone_from(&request.keyterms);
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let model = self.vendor.model_or(MODEL);
        let or = |option, default: &str| {
            let set = query_option(&self.vendor, option);
            if set.is_empty() { default.to_owned() } else { set }
        };
        let mut query = vec![
            ("model", model.to_owned()),
            ("language", self.language.clone()),
            ("encoding", "mulaw".to_owned()),
            ("sample_rate", "8000".to_owned()),
            ("channels", "1".to_owned()),
            ("interim_results", "true".to_owned()),
            ("endpointing", or("endpointing", "300")),
            ("punctuate", or("punctuate", "true")),
            ("no_delay", or("no_delay", "true")),
        ];
        for option in ["smart_format", "numerals", "filler_words", "profanity_filter", "mip_opt_out", "tag"] {
            query.push((option, query_option(&self.vendor, option)));
        }
        let request = ListenRequest { keyterms: self.keyterms.clone(), ..ListenRequest::default() };
        // The older models know these words under another name.
        query.extend(keyterms(if model.starts_with("nova-3") { "keyterm" } else { "keywords" }, &request));
        endpoint(&self.vendor, "/v1/listen", query)
    }

    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn audio(&self, mulaw: Bytes) -> Message {
        Message::Binary(mulaw)
    }

    fn flush(&mut self) -> Option<Message> {
        Some(text("Finalize"))
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(text("KeepAlive"))
    }

    fn goodbye(&self) -> Option<Message> {
        Some(text("CloseStream"))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        let results = match serde_json::from_str(text).map_err(|_| Unreadable)? {
            Event::Results(results) => results,
            Event::Other => {
                heard.push(Heard::Alive);
                return Ok(());
            }
        };
        let Results { start, duration, is_final, from_finalize, channel } = results;
        let Some(best) = channel.alternatives.into_iter().next() else { return Err(Unreadable) };
        let words = best.words.into_iter().map(Into::into).collect();
        // A span is known by its beginning, in milliseconds.
        let text = Text { unit: (start.max(0.0) * 1_000.0) as u64, text: best.transcript.trim().to_owned(), words };
        if is_final {
            heard.push(Heard::Settled(text));
            heard.push(Heard::Until(start + duration));
        } else {
            heard.push(Heard::Revised(text));
        }
        if from_finalize {
            heard.push(Heard::Flushed);
        }
        Ok(())
    }

    fn judge(&self, close: &Close) -> Closing {
        judge(&self.vendor, close)
    }
}

fn text(kind: &str) -> Message {
    Message::Text(json!({ "type": kind }).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::provider::error::ErrorKind;
    use crate::provider::stt::ledger::Word;
    use crate::provider::stt::oddity::answers;

    fn nova(options: serde_json::Value) -> ListenV1 {
        let options = options.as_object().expect("an object").clone();
        let vendor = Vendor { key: Some("k".into()), options, ..Vendor::named("deepgram") };
        ListenV1::new(vendor).expect("a key is set")
    }

    fn read(message: serde_json::Value) -> Result<Vec<Heard>, Unreadable> {
        let mut heard = Vec::new();
        nova(json!({})).read(&message.to_string(), &mut heard).map(|()| heard)
    }

    fn results(transcript: &str, words: serde_json::Value, is_final: bool) -> serde_json::Value {
        json!({
            "type": "Results", "channel_index": [0, 1], "duration": 1.03, "start": 2.5, "is_final": is_final,
            "speech_final": false, "from_finalize": false,
            "channel": { "alternatives": [{ "transcript": transcript, "confidence": 0.96, "languages": ["en"], "words": words }] },
            "metadata": { "request_id": "uuid", "model_info": { "name": "…", "version": "…", "arch": "nova-3" }, "model_uuid": "uuid" },
        })
    }

    #[test]
    fn spans_are_revised_and_settled() {
        let words = json!([
            { "word": "another", "start": 2.79, "end": 3.29, "confidence": 0.95, "punctuated_word": "Another", "speaker": 0 },
            { "word": "big", "start": 3.3, "end": 3.5, "confidence": 0.5 },
        ]);
        let word = |text: &str, middle, confidence| Word {
            text: text.to_owned(),
            middle: Some(middle),
            confidence: Some(confidence),
        };
        let expected = Text {
            unit: 2_500,
            text: "Another big".to_owned(),
            words: vec![word("Another", f64::midpoint(2.79, 3.29), 0.95), word("big", f64::midpoint(3.3, 3.5), 0.5)],
        };
        assert_eq!(read(results("Another big", words.clone(), false)), Ok(vec![Heard::Revised(expected.clone())]));
        let settled = vec![Heard::Settled(expected), Heard::Until(2.5 + 1.03)];
        assert_eq!(read(results("Another big", words.clone(), true)), Ok(settled.clone()));
        let mut flushed = results("Another big", words, true);
        flushed["from_finalize"] = true.into();
        assert_eq!(read(flushed), Ok([settled, vec![Heard::Flushed]].concat()));
    }

    #[test]
    fn what_has_no_words_in_it_is_a_sign_of_life() {
        for message in [
            json!({ "type": "SpeechStarted", "channel": [0, 1], "timestamp": 9.54 }),
            json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1 }),
            json!({ "type": "Metadata", "transaction_key": "deprecated", "request_id": "…", "duration": 0.0, "channels": 1 }),
            json!({ "type": "SomethingNew", "of": { "any": "shape" } }),
        ] {
            assert_eq!(read(message), Ok(vec![Heard::Alive]));
        }
        for broken in [json!({}), json!([]), json!({ "type": "Results" }), json!({ "type": 3 })] {
            assert_eq!(read(broken), Err(Unreadable));
        }
    }

    #[test]
    fn the_address_says_what_is_wanted() {
        let mut nova = nova(json!({ "numerals": true, "endpointing": 25, "tag": "a b" }));
        let keyterms = vec!["Acme & Sons".to_owned().into()];
        nova.prepare(&ListenRequest { language: "de-AT".to_owned(), keyterms });
        let endpoint = nova.endpoint().expect("a key is set");
        assert_eq!(
            endpoint.url.as_str(),
            "wss://api.deepgram.com/v1/listen?model=nova-3&language=de&encoding=mulaw&sample_rate=8000&channels=1\
             &interim_results=true&endpointing=25&punctuate=true&no_delay=true&numerals=true&tag=a+b\
             &keyterm=Acme+%26+Sons"
        );
        assert_eq!(format!("{endpoint:?}"), "wss://api.deepgram.com/v1/listen", "likely words do not print");
        nova.prepare(&ListenRequest { language: "en-gb".to_owned(), keyterms: Vec::new() });
        let url = nova.endpoint().expect("a key is set").url;
        assert!(url.as_str().contains("language=en-GB") && !url.as_str().contains("keyterm"), "{url}");
        let keyless = ListenV1::new(Vendor::named("deepgram")).expect("it is looked for later");
        assert_eq!(keyless.endpoint().map_err(|error| error.kind).err(), Some(ErrorKind::Unauthorised));
    }

    #[test]
    fn close_frames_are_told_apart() {
        let judge = |code, reason: &str| match nova(json!({})).judge(&Close { code, reason: reason.to_owned() }) {
            Closing::Routine => None,
            Closing::Failed(error) => Some(error.kind),
        };
        assert_eq!(judge(1011, "NET-0001"), None, "no audio for ten seconds");
        assert_eq!(judge(1011, "NET-0000"), Some(ErrorKind::Broken));
        assert_eq!(judge(1008, "DATA-0000"), Some(ErrorKind::Refused));
        assert_eq!(judge(1000, ""), None);
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(text in ".{0,200}", start in any::<f64>(), transcript in any::<String>()) {
            let odd = json!({ "type": "Results", "start": start, "duration": -start, "is_final": true,
                "channel": { "alternatives": [{ "transcript": transcript }] } });
            prop_assert_eq!(answers(nova(json!({})), [text, odd.to_string(), odd.to_string()]), 1);
        }
    }
}
