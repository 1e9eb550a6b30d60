//! Deepgram `/v2/speak`: turns that begin with their first text and end with `Flush` or `Interrupt`, and the account of
//! what was played.
//!
//! Played time is counted as a client that plays everything it gets would count it: what completed turns said in full, of
//! interrupted ones up to the offset.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::deepgram_speak::{format, request_id};
use super::mouth::{Item, Mouth, Piece};
use super::speaking::parts;
use crate::vendors::faults::Vendor;
use crate::vendors::peer::{Audio, Gone, Peer, Received};
use crate::vendors::server::{Shared, admit, authorization, refuse, upgrade};
use crate::vendors::sound::Encoding;
use crate::vendors::stt::listener::Parameters;

const PARAMETERS: [&str; 7] = ["model", "encoding", "sample_rate", "speed", "expressivity", "mip_opt_out", "tag"];

/// The route.
pub(super) async fn speak(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let key = authorization(&headers, "Token").or_else(|| authorization(&headers, "Bearer"));
    let connection = match admit(&shared, Vendor::DeepgramFluxSpeak, &target, key).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    let format = match read(&target) {
        Ok(format) => format,
        Err(reason) => return refuse(&connection, StatusCode::BAD_REQUEST, &reason),
    };
    let request = request_id(connection.number);
    let mut response = upgrade(shared, connection, socket, move |shared, peer| serve(shared, peer, format));
    response.headers_mut().insert("dg-request-id", request);
    response
}

fn read(target: &Uri) -> Result<(Encoding, u32), String> {
    let parameters = Parameters::read(target, &PARAMETERS)?;
    if !parameters.text("model").is_some_and(|model| model.starts_with("flux-")) {
        return Err("no such model".to_owned());
    }
    parameters.number("speed", 0.85, 1.15)?;
    parameters.number("expressivity", -2.0, 2.0)?;
    parameters.flag("mip_opt_out")?;
    format(&parameters)
}

/// A turn of the agent.
#[derive(Debug, Default)]
struct Turn {
    id: u64,
    text: String,
    /// Bytes of the text that are being synthesised.
    begun: usize,
    flushed: bool,
    /// Samples that went out.
    samples: u64,
}

/// What is told between pieces of audio.
#[derive(Debug)]
enum Tell {
    Flushed,
    Complete,
}

struct Speaker {
    peer: Peer,
    encoding: Encoding,
    mouth: Mouth<Tell>,
    /// The active turn first.
    turns: VecDeque<Turn>,
    opened: u64,
    /// Milliseconds played when the active turn began, by the account of the vendor.
    played: u64,
    /// Where the last interruption was.
    established: Option<u64>,
    /// Samples of the session.
    generated: u64,
    characters: usize,
}

async fn serve(shared: Arc<Shared>, peer: Peer, (encoding, rate): (Encoding, u32)) {
    let mouth = Mouth::new(shared, Arc::clone(&peer.connection), rate);
    let mut speaker = Speaker {
        peer,
        encoding,
        mouth,
        turns: VecDeque::new(),
        opened: 0,
        played: 0,
        established: None,
        generated: 0,
        characters: 0,
    };
    let connected = json!({
        "type": "Connected", "request_id": format!("{:012}", speaker.peer.connection.number),
        "model_name": "flux-simulated", "model_version": "2026.06.01", "model_uuids": ["m"],
    });
    if speaker.peer.send(&connected).await.is_err() {
        return;
    }
    loop {
        let done = tokio::select! {
            received = speaker.peer.recv() => match received {
                Some(Received::Text(text)) => match speaker.take(&text).await {
                    Ok(true) => Ok(()),
                    Ok(false) => return speaker.end().await,
                    Err(gone) => Err(gone),
                },
                Some(Received::Binary(_)) => speaker.error("MESSAGE-0000").await,
                None => return,
            },
            (turn, item) = speaker.mouth.next() => match item {
                Item::Piece(piece) => speaker.voice(piece).await,
                Item::Tell(Tell::Flushed) => {
                    speaker.peer.send(&json!({"type": "Flushed", "speech_id": speech(turn)})).await
                }
                Item::Tell(Tell::Complete) => speaker.complete().await,
            },
        };
        if done.is_err() {
            return;
        }
    }
}

impl Speaker {
    /// Does what it is told; false when that is to close.
    async fn take(&mut self, text: &str) -> Result<bool, Gone> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            self.error("DATA-0000").await?;
            return Ok(true);
        };
        match message["type"].as_str() {
            Some("Speak") => match message["text"].as_str() {
                Some(text) => self.hear(text).await?,
                None => self.error("DATA-0000").await?,
            },
            Some("Flush") => self.flush().await?,
            Some("Interrupt") => self.interrupt(&message["playback_offset"]).await?,
            Some("Configure") => self.configure(&message["speed"]).await?,
            Some("Close") => return Ok(false),
            Some(_) | None => self.error("DATA-0000").await?,
        }
        Ok(true)
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        self.characters += text.chars().count();
        if self.turns.back().is_none_or(|turn| turn.flushed) {
            self.opened += 1;
            self.turns.push_back(Turn { id: self.opened, ..Turn::default() });
            if self.turns.len() == 1 {
                self.peer.send(&json!({"type": "SpeechStarted", "speech_id": speech(self.opened)})).await?;
            }
        }
        if let Some(turn) = self.turns.back_mut() {
            turn.text.push_str(text);
        }
        self.synthesise();
        Ok(())
    }

    /// Speaks what can be spoken of the active turn: up to the last end of a clause, or all when it is flushed.
    fn synthesise(&mut self) {
        let Some(turn) = self.turns.front_mut() else { return };
        let rest = &turn.text[turn.begun..];
        let clause = rest.rfind(['.', ',', '!', '?', ';', ':']).map_or(0, |at| at + 1);
        let length = if turn.flushed { rest.len() } else { clause };
        let ready = rest[..length].to_owned();
        turn.begun += length;
        if !ready.is_empty() {
            self.mouth.say(turn.id, &ready, 0);
        }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let Some(turn) = self.turns.back_mut().filter(|turn| !turn.flushed) else {
            return self.warn("NO_ACTIVE_SPEECH").await;
        };
        turn.flushed = true;
        if self.turns.len() == 1 {
            self.finalise();
        }
        Ok(())
    }

    /// All text of the active turn is there.
    fn finalise(&mut self) {
        let Some(id) = self.turns.front().map(|turn| turn.id) else { return };
        self.synthesise();
        self.mouth.tell(id, Tell::Flushed);
        self.mouth.tell(id, Tell::Complete);
    }

    async fn complete(&mut self) -> Result<(), Gone> {
        let Some(turn) = self.turns.pop_front() else { return Ok(()) };
        if !parts(&turn.text).any(|(_, is_word)| is_word) {
            self.warn("NO_SYNTHESIZABLE_TEXT").await?;
        }
        let mut metadata = self.metadata(&turn);
        metadata["type"] = "SpeechMetadata".into();
        self.peer.send(&metadata).await?;
        self.played += self.milliseconds(turn.samples);
        self.next_turn().await
    }

    /// The turn that was waiting becomes the active one.
    async fn next_turn(&mut self) -> Result<(), Gone> {
        let Some((id, flushed)) = self.turns.front().map(|turn| (turn.id, turn.flushed)) else { return Ok(()) };
        self.peer.send(&json!({"type": "SpeechStarted", "speech_id": speech(id)})).await?;
        if flushed {
            self.finalise()
        } else {
            self.synthesise()
        }
        Ok(())
    }

    async fn interrupt(&mut self, offset: &Value) -> Result<(), Gone> {
        if !offset.is_null() && (offset["type"] != "time_ms" || !offset["value"].is_u64()) {
            return self.error("DATA-0000").await;
        }
        if self.turns.is_empty() {
            return self.warn("NO_ACTIVE_SPEECH").await;
        }
        if self.generated == 0 {
            return self.warn("NO_AUDIO_GENERATED").await;
        }
        let offset = offset["value"].as_u64();
        if offset.zip(self.established).is_some_and(|(offset, before)| offset <= before) {
            return self.warn("INVALID_INTERRUPT_OFFSET").await;
        }
        let Some(mut turn) = self.turns.pop_front() else { return Ok(()) };
        // What is on its way already still comes.
        if let Some(piece) = self.mouth.hurry(turn.id) {
            turn.samples += self.send(piece).await?;
        }
        self.mouth.stop(turn.id);
        let position = offset.unwrap_or_else(|| self.played + self.milliseconds(turn.samples));
        let mut reply = json!({
            "type": "SpeechInterrupted", "audio_played_ms": position, "metadata": self.metadata(&turn),
        });
        if let Some(offset) = offset {
            let heard = offset.saturating_sub(self.played);
            if heard > self.milliseconds(turn.samples) + 1 {
                self.peer.connection.complain("more is said to have been played than there was");
            }
            let (spoken, remaining) = self.split(&turn.text, heard);
            reply["text_spoken"] = spoken.into();
            reply["text_remaining"] = remaining.into();
        }
        self.played = position;
        self.established = Some(position);
        self.peer.send(&reply).await?;
        self.next_turn().await
    }

    /// A text cut behind the last word that was heard to its end.
    fn split<'a>(&self, text: &'a str, heard_ms: u64) -> (&'a str, &'a str) {
        let mut at = 0;
        let mut words = 0;
        for word in text.split_inclusive(char::is_whitespace) {
            let end = words + word.trim_end().len();
            let lasts = self.milliseconds(self.mouth.length(&text[..end]));
            if lasts > heard_ms {
                break;
            }
            words += word.len();
            at = end;
        }
        text.split_at(at)
    }

    async fn configure(&self, speed: &Value) -> Result<(), Gone> {
        let reply = match speed.as_f64() {
            Some(speed) if (0.85..=1.15).contains(&speed) => {
                json!({"type": "ConfigureSuccess", "applied": {"speed": speed}})
            }
            Some(_) | None => json!({
                "type": "ConfigureFailure", "code": "SPEED_OUT_OF_RANGE", "field": "speed", "value": speed,
                "description": "from 0.85 to 1.15",
            }),
        };
        self.peer.send(&reply).await
    }

    async fn end(self) {
        let metadata = json!({
            "type": "SessionMetadata", "total_audio_duration_ms": self.milliseconds(self.generated),
            "total_input_character_count": self.characters, "total_billable_character_count": self.characters,
        });
        if self.peer.send(&metadata).await.is_ok() {
            self.peer.close(1000, "").await;
        }
    }

    async fn voice(&mut self, piece: Piece) -> Result<(), Gone> {
        let count = self.send(piece).await?;
        if let Some(turn) = self.turns.front_mut() {
            turn.samples += count;
        }
        Ok(())
    }

    async fn send(&mut self, piece: Piece) -> Result<u64, Gone> {
        let mut bytes = Vec::new();
        self.encoding.encode(&piece.samples, &mut bytes);
        let count = piece.samples.len() as u64;
        self.generated += count;
        self.peer.send_audio(Audio::Binary(Bytes::from(bytes)), piece.samples, self.mouth.rate).await?;
        Ok(count)
    }

    fn metadata(&self, turn: &Turn) -> Value {
        let count = turn.text.chars().count();
        json!({
            "speech_id": speech(turn.id), "audio_duration_ms": self.milliseconds(turn.samples),
            "input_character_count": count, "billable_character_count": count,
            "controls_applied": {"pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0},
        })
    }

    const fn milliseconds(&self, samples: u64) -> u64 {
        samples * 1_000 / self.mouth.rate as u64
    }

    async fn warn(&self, code: &str) -> Result<(), Gone> {
        self.peer.send(&json!({"type": "Warning", "code": code, "description": "simulated"})).await
    }

    async fn error(&self, code: &str) -> Result<(), Gone> {
        self.peer.send(&json!({"type": "Error", "code": code, "description": "simulated"})).await
    }
}

fn speech(turn: u64) -> String {
    format!("dg_sp_{turn:012x}")
}
