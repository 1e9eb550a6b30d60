//! Deepgram `/v2/listen`: turns that end by the model's own judgement.
//!
//! ```text
//! Ready --StartOfTurn--> Speaking --EagerEndOfTurn--> Awaiting --EndOfTurn--> Ready(turn_index+1)
//! Awaiting --TurnResumed--> Speaking ; Speaking|Awaiting --ForceEndTurn--> EndOfTurn{trigger:manual}
//! Speaking --EndOfTurn--> Ready (no eager needed)
//! ```
//!
//! The model's confidence is the silence: 0.5 after 400 ms, 0.7 after 560 ms.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::deepgram_listen::ENCODINGS;
use super::listener::{Listener, Parameters, encoding, text, words_in_seconds};
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, refuse, upgrade};
use crate::vendors::sound::Encoding;

const PARAMETERS: [&str; 11] = [
    "model",
    "encoding",
    "sample_rate",
    "eot_threshold",
    "eager_eot_threshold",
    "eot_timeout_ms",
    "keyterm",
    "language_hint",
    "numerals",
    "profanity_filter",
    "mip_opt_out",
];

const IDLE: Duration = Duration::from_secs(10);
/// An `Update` comes for so much audio.
const UPDATE: f64 = 0.25;
/// Silence that makes it certain that the turn is over, in milliseconds.
const CERTAIN: f64 = 800.0;
/// How the vendor may be fed at most.
const PACE: f64 = 1.25;

#[derive(Clone, Copy, Debug)]
struct Thresholds {
    end: f64,
    eager: Option<f64>,
    timeout_ms: f64,
}

/// The route.
pub(super) async fn listen(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let key = authorization(&headers, "Token").or_else(|| authorization(&headers, "Bearer"));
    let connection = match admit(&shared, Vendor::DeepgramFlux, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    match settings(&target) {
        Ok((encoding, rate, thresholds)) => upgrade(shared, connection, socket, move |shared, peer| {
            let listener = Listener::new(shared, Arc::clone(&peer.connection), encoding, rate);
            let model = Model {
                peer,
                listener,
                thresholds,
                state: Phase::Ready,
                turn: 0,
                sequence: 0,
                told: 0.0,
                eager: String::new(),
            };
            model.run()
        }),
        Err(reason) => refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    }
}

fn settings(target: &Uri) -> Result<(Encoding, u32, Thresholds), String> {
    let parameters = Parameters::read(target, &PARAMETERS)?;
    let (encoding, rate) = encoding(&parameters, &ENCODINGS, None)?;
    let model = parameters.text("model").ok_or("model is missing")?;
    if !matches!(model, "flux-general-en" | "flux-general-multi") {
        return Err("no such model".to_owned());
    }
    if parameters.text("language_hint").is_some() && model != "flux-general-multi" {
        return Err("language_hint is for flux-general-multi".to_owned());
    }
    let thresholds = Thresholds {
        end: parameters.number("eot_threshold", 0.5, 1.0)?.unwrap_or(0.7),
        eager: parameters.number("eager_eot_threshold", 0.3, 0.9)?,
        timeout_ms: parameters.number("eot_timeout_ms", 500.0, 60_000.0)?.unwrap_or(5_000.0),
    };
    thresholds.check()?;
    Ok((encoding, rate, thresholds))
}

impl Thresholds {
    fn check(self) -> Result<(), String> {
        match self.eager {
            Some(eager) if eager > self.end => Err("eager_eot_threshold is above eot_threshold".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    /// These with the changes of a `Configure`.
    fn configured(mut self, thresholds: &Value) -> Result<Self, String> {
        let Some(fields) = thresholds.as_object() else { return Err("thresholds is no object".to_owned()) };
        for (name, value) in fields {
            let number = value.as_f64().ok_or_else(|| format!("{name} is no number"))?;
            let range = match name.as_str() {
                "eot_threshold" => 0.5..=1.0,
                "eager_eot_threshold" => 0.3..=0.9,
                "eot_timeout_ms" => 500.0..=60_000.0,
                _ => return Err(format!("unknown field {name}")),
            };
            if !range.contains(&number) {
                return Err(format!("{name} is outside its range"));
            }
            match name.as_str() {
                "eot_threshold" => self.end = number,
                "eager_eot_threshold" => self.eager = Some(number),
                _ => self.timeout_ms = number,
            }
        }
        self.check().map(|()| self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ready,
    Speaking,
    Awaiting,
}

struct Model {
    peer: Peer,
    listener: Listener,
    thresholds: Thresholds,
    state: Phase,
    turn: u32,
    sequence: u32,
    /// Seconds of audio at the last message.
    told: f64,
    /// What the last `EagerEndOfTurn` said.
    eager: String,
}

impl Model {
    async fn run(mut self) {
        let connected = json!({ "type": "Connected" });
        if self.tell(connected).await.is_err() {
            return;
        }
        let mut idle = Instant::now() + IDLE;
        loop {
            let received = tokio::select! {
                received = self.peer.recv() => received,
                () = sleep_until(idle) => return self.peer.close(1011, "NET-0001").await,
            };
            let done = match received {
                Some(Received::Binary(bytes)) => {
                    idle = Instant::now() + IDLE;
                    self.hear(&bytes).await
                }
                Some(Received::Text(text)) => match self.told(&text).await {
                    Ok(true) => Ok(()),
                    Ok(false) => return self.peer.close(1000, "").await,
                    Err(gone) => Err(gone),
                },
                None => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Takes a text message; false when the connection is to be closed.
    async fn told(&mut self, text: &str) -> Result<bool, Gone> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("Configure") => match self.thresholds.configured(&message["thresholds"]) {
                Ok(thresholds) => {
                    self.thresholds = thresholds;
                    self.tell(json!({ "type": "ConfigureSuccess", "thresholds": message["thresholds"] })).await?;
                }
                Err(reason) => {
                    self.peer.connection.complain(&reason);
                    let failure =
                        json!({ "type": "ConfigureFailure", "code": "INVALID_THRESHOLDS", "description": reason });
                    self.tell(failure).await?;
                }
            },
            Some("ForceEndTurn") => {
                if self.state != Phase::Ready {
                    self.end("manual", 1.0).await?;
                }
            }
            Some("CloseStream") => return Ok(false),
            Some(_) | None => {
                self.peer.connection.complain("no such message");
                self.tell(
                    json!({ "type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "no such message" }),
                )
                .await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let before = self.listener.words().len();
        self.listener.hear(bytes);
        self.listener.mind_pace(PACE);
        let more = self.listener.words().len() > before;
        let quiet = self.listener.quiet_ms().unwrap_or(0) as f64;
        let confidence = (quiet / CERTAIN).min(0.99);
        match self.state {
            Phase::Ready if more => {
                self.state = Phase::Speaking;
                return self.turn_info("StartOfTurn", confidence).await;
            }
            Phase::Ready => return Ok(()),
            Phase::Awaiting if more || quiet < 50.0 => {
                self.state = Phase::Speaking;
                return self.turn_info("TurnResumed", confidence).await;
            }
            Phase::Speaking | Phase::Awaiting => {}
        }
        if quiet >= self.thresholds.timeout_ms {
            return self.end("timeout", confidence).await;
        }
        if confidence >= self.thresholds.end {
            return self.end("model", confidence).await;
        }
        if self.state == Phase::Speaking && self.thresholds.eager.is_some_and(|eager| confidence >= eager) {
            self.state = Phase::Awaiting;
            self.eager = text(self.listener.words());
            return self.turn_info("EagerEndOfTurn", confidence).await;
        }
        if self.listener.seconds() - self.told >= UPDATE {
            return self.turn_info("Update", confidence).await;
        }
        Ok(())
    }

    async fn end(&mut self, trigger: &str, confidence: f64) -> Result<(), Gone> {
        let words = self.listener.finish();
        let transcript = if self.state == Phase::Awaiting { std::mem::take(&mut self.eager) } else { text(&words) };
        let listed = words_in_seconds(&self.listener, &words);
        let mut info = self.info("EndOfTurn", confidence, &transcript, listed);
        info["trigger"] = trigger.into();
        self.state = Phase::Ready;
        self.turn += 1;
        self.stamp(&mut info);
        let slow = self.peer.connection.faults().slow_first_byte();
        self.peer.send_final_later(slow, &info).await
    }

    async fn turn_info(&mut self, event: &str, confidence: f64) -> Result<(), Gone> {
        let words = self.listener.words();
        let info = self.info(event, confidence, &text(words), words_in_seconds(&self.listener, words));
        self.tell(info).await
    }

    fn info(&self, event: &str, confidence: f64, transcript: &str, words: Value) -> Value {
        json!({
            "type": "TurnInfo", "event": event, "turn_index": self.turn, "audio_window_start": 0.0,
            "audio_window_end": self.listener.seconds(), "transcript": transcript,
            "end_of_turn_confidence": confidence, "words": words, "languages": ["en"], "languages_hinted": [],
        })
    }

    async fn tell(&mut self, mut message: Value) -> Result<(), Gone> {
        self.stamp(&mut message);
        self.peer.send(&message).await
    }

    fn stamp(&mut self, message: &mut Value) {
        message["request_id"] = format!("00000000-0000-4000-8000-{:012}", self.peer.connection.number).into();
        message["sequence_id"] = self.sequence.into();
        self.sequence += 1;
        self.told = self.listener.seconds();
    }
}
