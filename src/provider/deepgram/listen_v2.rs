//! Speech to text over `/v2/listen` (the Flux models), whose model ends the turns.
//!
//! Options of the vendor: `eot_threshold`, `eot_timeout_ms`, `eager_eot_threshold` (default 0.5; `false` switches early
//! ends off), `language_hint`, `numerals`, `profanity_filter`, `mip_opt_out`, `tag`, `lag_ms`.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SpokenWord, endpoint, judge, keyterms, pace};
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message};
use crate::provider::stt::dialect::{Dialect, Heard, Idle, Profile, Unreadable, lag, query_option};
use crate::provider::stt::ledger::Text;
use crate::provider::stt::remote::Recogniser;
use crate::provider::stt::{ListenRequest, Manner, Patience};
use crate::provider::vendor::Vendor;

/// The model when none is set.
const MODEL: &str = "flux-general-en";
/// How sure Flux is that the turn may be over when a reply is prepared.
const EAGER: f64 = 0.5;
/// How sure it is that the turn is over.
const SURE: f64 = 0.7;
/// After so much silence it is over in any case.
const TIMEOUT_MS: f64 = 5_000.0;
/// While something is spelt out, only the silence ends a turn, and a shorter one.
const DICTATION: f64 = 1.0;
const DICTATION_MS: f64 = 2_500.0;
/// `ForceEndTurn` is not answered when no turn is open.
const FLUSH: Duration = Duration::from_millis(300);
/// While a turn is open something comes every quarter of a second.
const TALK: Duration = Duration::from_secs(4);

/// A recogniser of Deepgram's `/v2/listen`.
pub type Flux = Recogniser<ListenV2>;

/// The messages of `/v2/listen`.
#[derive(Clone, Debug)]
pub struct ListenV2 {
    vendor: Vendor,
    keyterms: Vec<Pii<String>>,
    hint: String,
    /// A turn is open.
    open: bool,
    /// The last turn that was begun or ended, and whether it ended.
    latest: Option<(u64, bool)>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    TurnInfo(TurnInfo),
    ConfigureFailure {
        #[serde(default)]
        code: String,
    },
    Error {
        #[serde(default)]
        code: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct TurnInfo {
    event: Change,
    turn_index: u64,
    #[serde(default)]
    audio_window_end: f64,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    words: Vec<SpokenWord>,
}

#[derive(Deserialize)]
enum Change {
    Update,
    StartOfTurn,
    EagerEndOfTurn,
    TurnResumed,
    EndOfTurn,
    #[serde(other)]
    Other,
}

impl ListenV2 {
    fn eager(&self) -> Option<f64> {
        match self.vendor.options.get("eager_eot_threshold") {
            Some(Value::Bool(false)) => None,
            Some(_) | None => Some(self.vendor.number("eager_eot_threshold").unwrap_or(EAGER)),
        }
    }

    fn thresholds(&self, patience: Patience) -> (f64, f64) {
        match patience {
            Patience::Talk => (
                self.vendor.number("eot_threshold").unwrap_or(SURE),
                self.vendor.number("eot_timeout_ms").unwrap_or(TIMEOUT_MS),
            ),
            Patience::Dictation => (DICTATION, DICTATION_MS),
        }
    }

    fn is_multilingual(&self) -> bool {
        self.vendor.model_or(MODEL).contains("multi")
    }
}

impl Dialect for ListenV2 {
    fn new(vendor: Vendor) -> Result<Self, Error> {
        Ok(Self { vendor, keyterms: Vec::new(), hint: String::new(), open: false, latest: None })
    }

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn profile(&self) -> Profile {
        Profile {
            manner: Manner { continuous: true, detects_turns: true, replies: false, lag: lag(&self.vendor, 400) },
            // Flux works in steps of 80 ms.
            pace: pace(80),
            flush: FLUSH,
            idle: Idle::Silence,
            talk: Some(TALK),
        }
    }

    fn prepare(&mut self, request: &ListenRequest) {
        self.keyterms.clone_from(&request.keyterms);
        self.hint = request.language.split('-').next().unwrap_or_default().to_lowercase();
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let (sure, timeout) = self.thresholds(Patience::Talk);
        let mut query = vec![
            ("model", self.vendor.model_or(MODEL).to_owned()),
            ("encoding", "mulaw".to_owned()),
            ("sample_rate", "8000".to_owned()),
            ("eot_threshold", sure.to_string()),
            ("eot_timeout_ms", timeout.to_string()),
            ("eager_eot_threshold", self.eager().map(|eager| eager.to_string()).unwrap_or_default()),
        ];
        if self.is_multilingual() {
            let hint = query_option(&self.vendor, "language_hint");
            query.push(("language_hint", if hint.is_empty() { self.hint.clone() } else { hint }));
        }
        for option in ["numerals", "profanity_filter", "mip_opt_out", "tag"] {
            query.push((option, query_option(&self.vendor, option)));
        }
        let request = ListenRequest { keyterms: self.keyterms.clone(), ..ListenRequest::default() };
        query.extend(keyterms("keyterm", &request));
        endpoint(&self.vendor, "/v2/listen", query)
    }

    fn opened(&mut self) -> Vec<Message> {
        (self.open, self.latest) = (false, None);
        Vec::new()
    }

    fn audio(&self, mulaw: Bytes) -> Message {
        Message::Binary(mulaw)
    }

    fn flush(&mut self) -> Option<Message> {
        Some(text(&json!({ "type": "ForceEndTurn" })))
    }

    fn patience(&mut self, patience: Patience) -> Option<Message> {
        let (sure, timeout) = self.thresholds(patience);
        Some(text(&json!({
            "type": "Configure",
            "thresholds": { "eot_threshold": sure, "eot_timeout_ms": timeout as u64 },
        })))
    }

    fn goodbye(&self) -> Option<Message> {
        Some(text(&json!({ "type": "CloseStream" })))
    }

    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable> {
        let info = match serde_json::from_str(text).map_err(|_| Unreadable)? {
            Event::TurnInfo(info) => info,
            Event::ConfigureFailure { code } => {
                tracing::warn!(vendor = %self.vendor.name, code, "the thresholds of turns cannot be set");
                heard.push(Heard::Alive);
                return Ok(());
            }
            Event::Error { code } => {
                let close = Close { code: 1011, reason: code };
                heard.push(Heard::End(Closing::Failed(close.error(&self.vendor, ErrorKind::Broken))));
                return Ok(());
            }
            Event::Other => {
                heard.push(Heard::Alive);
                return Ok(());
            }
        };
        let TurnInfo { event, turn_index, audio_window_end, transcript, words } = info;
        let words = words.into_iter().map(Into::into).collect();
        let text = Text { unit: turn_index, text: transcript.trim().to_owned(), words };
        // An end that comes twice, or after the next turn has begun, ends nothing.
        let stale = self.latest.is_some_and(|(latest, ended)| turn_index < latest || (turn_index == latest && ended));
        if stale {
            heard.push(if matches!(event, Change::EndOfTurn) { Heard::Settled(text) } else { Heard::Alive });
            return Ok(());
        }
        let ended = matches!(event, Change::EndOfTurn);
        self.latest = Some((turn_index, ended));
        self.open = match event {
            Change::StartOfTurn | Change::EagerEndOfTurn | Change::TurnResumed => true,
            Change::Update | Change::Other => self.open,
            Change::EndOfTurn => false,
        };
        match event {
            Change::Update => heard.push(Heard::Revised(text)),
            Change::StartOfTurn => heard.extend([Heard::TurnStarted, Heard::Revised(text)]),
            Change::EagerEndOfTurn => heard.extend([Heard::Revised(text), Heard::TurnEndedEarly]),
            Change::TurnResumed => heard.extend([Heard::TurnResumed, Heard::Revised(text)]),
            Change::EndOfTurn => {
                heard.extend([Heard::Settled(text), Heard::Until(audio_window_end), Heard::TurnEnded]);
            }
            Change::Other => heard.push(Heard::Alive),
        }
        Ok(())
    }

    fn is_talking(&self) -> bool {
        self.open
    }

    fn judge(&self, close: &Close) -> Closing {
        judge(&self.vendor, close)
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

    fn flux(options: Value) -> ListenV2 {
        let options = options.as_object().expect("an object").clone();
        let vendor = Vendor { key: Some("k".into()), options, ..Vendor::named("deepgram") };
        ListenV2::new(vendor).expect("a key is set")
    }

    fn turn(event: &str, transcript: &str) -> Value {
        json!({
            "type": "TurnInfo", "request_id": "uuid", "sequence_id": 7, "event": event, "turn_index": 3,
            "audio_window_start": 0.0, "audio_window_end": 2.08, "transcript": transcript,
            "end_of_turn_confidence": 0.83, "words": [], "trigger": "model", "languages": ["en"], "languages_hinted": ["en"],
        })
    }

    fn read(flux: &mut ListenV2, message: Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        flux.read(&message.to_string(), &mut heard).expect("it is a message");
        heard
    }

    #[test]
    fn every_event_of_a_turn_is_read() {
        let mut flux = flux(json!({}));
        let text = |text| Text::plain(3, text);
        assert_eq!(
            read(&mut flux, json!({ "type": "Connected", "request_id": "u", "sequence_id": 0 })),
            [Heard::Alive]
        );
        assert!(!flux.is_talking());
        assert_eq!(read(&mut flux, turn("StartOfTurn", "I")), [Heard::TurnStarted, Heard::Revised(text("I"))]);
        assert!(flux.is_talking());
        assert_eq!(read(&mut flux, turn("Update", "I need")), [Heard::Revised(text("I need"))]);
        assert_eq!(
            read(&mut flux, turn("EagerEndOfTurn", "I need it")),
            [Heard::Revised(text("I need it")), Heard::TurnEndedEarly]
        );
        assert_eq!(
            read(&mut flux, turn("TurnResumed", "I need it now")),
            [Heard::TurnResumed, Heard::Revised(text("I need it now"))]
        );
        assert_eq!(
            read(&mut flux, turn("EndOfTurn", "I need it now")),
            [Heard::Settled(text("I need it now")), Heard::Until(2.08), Heard::TurnEnded]
        );
        assert!(!flux.is_talking());
        assert_eq!(
            read(&mut flux, turn("EndOfTurn", "I need it now")),
            [Heard::Settled(text("I need it now"))],
            "twice"
        );
        assert_eq!(read(&mut flux, turn("SomethingNew", "")), [Heard::Alive]);
        let error = read(
            &mut flux,
            json!({ "type": "Error", "sequence_id": 1, "code": "INTERNAL_SERVER_ERROR", "description": "…" }),
        );
        assert!(
            matches!(&error[..], [Heard::End(Closing::Failed(error))] if error.kind == ErrorKind::Broken),
            "{error:?}"
        );
    }

    #[test]
    fn the_address_and_the_thresholds_follow_the_options() {
        let url = |flux: &ListenV2| flux.endpoint().expect("a key is set").url.to_string();
        let mut plain = flux(json!({}));
        assert_eq!(
            url(&plain),
            "wss://api.deepgram.com/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.7\
             &eot_timeout_ms=5000&eager_eot_threshold=0.5"
        );
        let sent = |message: Option<Message>| match message {
            Some(Message::Text(text)) => serde_json::from_str::<Value>(&text).expect("it is JSON"),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            sent(plain.patience(Patience::Dictation)),
            json!({ "type": "Configure", "thresholds": { "eot_threshold": 1.0, "eot_timeout_ms": 2500 } })
        );
        let mut set = flux(json!({ "eager_eot_threshold": false, "eot_threshold": 0.8, "eot_timeout_ms": 3000 }));
        set.vendor.model = "flux-general-multi".to_owned();
        set.prepare(&ListenRequest { language: "es-MX".to_owned(), keyterms: vec!["Acme".to_owned().into()] });
        assert_eq!(
            url(&set),
            "wss://api.deepgram.com/v2/listen?model=flux-general-multi&encoding=mulaw&sample_rate=8000&eot_threshold=0.8\
             &eot_timeout_ms=3000&language_hint=es&keyterm=Acme"
        );
        assert_eq!(
            sent(set.patience(Patience::Talk)),
            json!({ "type": "Configure", "thresholds": { "eot_threshold": 0.8, "eot_timeout_ms": 3000 } })
        );
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(text in ".{0,200}", index in any::<u64>(), end in any::<f64>(), transcript in any::<String>()) {
            let mut odd = turn("EndOfTurn", &transcript);
            odd["turn_index"] = index.into();
            odd["audio_window_end"] = end.into();
            prop_assert_eq!(answers(flux(json!({})), [text, odd.to_string(), odd.to_string()]), 1);
        }
    }
}
