//! OpenAI `/v1/realtime`: a model that hears and speaks. What the caller says comes from the hearing script, what the
//! model answers from a script of answers, as the simulated chat completions have it.

mod answer;
mod check;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use self::answer::Step;
use self::check::{Refusal, Session};
use super::connection::Connection;
use super::faults::Vendor;
use super::hearing::{Ear, Heard};
use super::peer::{Audio, Gone, Peer, Received};
use super::server::{Shared, admit, authorization, header, refuse, upgrade};
use super::stt::openai_transcription;

/// The route.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v1/realtime", get(talk))
}

async fn talk(
    State(shared): State<Arc<Shared>>,
    target: Uri,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
    socket: WebSocketUpgrade,
) -> Response {
    if query.get("intent").is_some_and(|intent| intent == "transcription") {
        return openai_transcription::listen(shared, target, headers, query, socket).await;
    }
    let connection = match admit(&shared, Vendor::OpenaiRealtime, &target, authorization(&headers, "Bearer")).await {
        Ok(connection) => connection,
        Err(response) => return response,
    };
    let beta = header(&headers, "openai-beta") == Some("realtime=v1");
    let Some(model) = query.get("model").filter(|_| query.len() == 1).cloned() else {
        return refuse(&connection, StatusCode::BAD_REQUEST, "the query is a model and nothing else");
    };
    upgrade(shared, connection, socket, move |shared, peer| serve(shared, peer, model, beta))
}

async fn serve(shared: Arc<Shared>, peer: Peer, model: String, beta: bool) {
    let models = &shared.script.realtime.models;
    if !models.is_empty() && !models.contains(&model) {
        let refusal = Refusal::of("model_not_found", format!("The model `{model}` does not exist."));
        if peer.send(&refusal.event(None)).await.is_ok() {
            peer.close(4004, "model_not_found").await;
        }
        return;
    }
    let connection = Arc::clone(&peer.connection);
    let session = Session::new(beta);
    let model = Model {
        ear: Ear::new(session.input.1),
        session,
        beta,
        shared,
        connection,
        peer,
        conversation: Vec::new(),
        spoken: BTreeMap::new(),
        calls: Vec::new(),
        turn: None,
        answering: None,
        steps: VecDeque::new(),
        count: 0,
    };
    // The client has gone.
    let _ = model.run().await;
}

/// One session.
struct Model {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    peer: Peer,
    beta: bool,
    session: Session,
    ear: Ear,
    /// What was said, as messages of chat completions.
    conversation: Vec<Value>,
    /// Milliseconds of audio that each item has.
    spoken: BTreeMap<String, u64>,
    /// Calls that were made or told.
    calls: Vec<String>,
    /// The caller's turn: the item it becomes.
    turn: Option<String>,
    answering: Option<Answering>,
    steps: VecDeque<(Instant, Step)>,
    count: u32,
}

/// An answer on its way.
struct Answering {
    response: String,
    /// The item whose audio is under way.
    item: Option<String>,
}

impl Model {
    async fn run(mut self) -> Result<(), Gone> {
        let session =
            json!({"type": "session.created", "session": {"id": "sess_simulated", "object": "realtime.session"}});
        self.peer.send(&session).await?;
        loop {
            let due = self.steps.front().map(|(due, _)| *due);
            let received = tokio::select! {
                received = self.peer.recv() => received.ok_or(Gone)?,
                () = until(due) => {
                    if let Some((_, step)) = self.steps.pop_front() {
                        self.take(step).await?;
                    }
                    continue;
                }
            };
            let message = match &received {
                Received::Text(text) => serde_json::from_str::<Value>(text).ok(),
                Received::Binary(_) => None,
            };
            let (event, outcome) = match message {
                Some(message) => (message["event_id"].as_str().map(str::to_owned), self.told(&message).await?),
                None => (None, Err(Refusal::of("invalid_json", "The message is not JSON."))),
            };
            if let Err(refusal) = outcome {
                self.connection.complain(&refusal.message);
                self.peer.send(&refusal.event(event.as_deref())).await?;
            }
        }
    }

    async fn told(&mut self, message: &Value) -> Result<Result<(), Refusal>, Gone> {
        let refused = match message["type"].as_str() {
            Some("session.update") => match self.session.update(&message["session"], self.beta) {
                Ok(()) => {
                    self.ear = Ear::new(self.session.input.1);
                    self.peer.send(&json!({"type": "session.updated", "session": message["session"]})).await?;
                    return Ok(Ok(()));
                }
                Err(refusal) => refusal,
            },
            Some("input_audio_buffer.append") => match STANDARD.decode(message["audio"].as_str().unwrap_or("?")) {
                Ok(bytes) => return self.hear(&bytes).await.map(Ok),
                Err(_) => Refusal::of("invalid_value", "The audio is not valid base64."),
            },
            Some("conversation.item.create") => return self.create(&message["item"]).await,
            Some("conversation.item.truncate") => return self.truncate(message).await,
            Some("response.create") if self.answering.is_some() => Refusal::of(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress.",
            ),
            Some("response.create") => {
                let instructions = message["response"]["instructions"].as_str().map(str::to_owned);
                self.respond(instructions.as_deref());
                return Ok(Ok(()));
            }
            Some("response.cancel") if self.answering.is_some() => {
                self.cancel("client_cancelled").await?;
                return Ok(Ok(()));
            }
            Some("response.cancel") => {
                Refusal::of("response_cancel_not_active", "Cancellation failed: no active response found.")
            }
            Some(other) => Refusal::of("invalid_value", format!("Invalid value: '{other}'.")),
            None => Refusal::of("missing_required_parameter", "Missing required parameter: 'type'."),
        };
        Ok(Err(refused))
    }

    async fn hear(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let (encoding, rate) = self.session.input;
        let mut samples = Vec::new();
        encoding.decode(bytes, &mut samples);
        self.connection.heard(&samples, rate, bytes.len());
        let heard = self.ear.hear(&self.shared.script.hearing, &self.shared.lines_begun, &samples);
        let Some(silence) = self.session.silence_ms else { return Ok(()) };
        for heard in heard {
            if let Heard::Started { at } = heard
                && self.turn.is_none()
            {
                let item = self.name("item");
                let at = (at * 1000 / u64::from(rate)).saturating_sub(self.session.prefix_ms);
                let started =
                    json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": at, "item_id": item});
                self.turn = Some(item);
                self.peer.send(&started).await?;
                if self.session.interrupt && self.answering.is_some() {
                    self.cancel("turn_detected").await?;
                }
            }
        }
        if self.ear.quiet_ms().is_some_and(|quiet| quiet >= silence)
            && let Some(item) = self.turn.take()
        {
            self.end_turn(item).await?;
        }
        Ok(())
    }

    async fn end_turn(&mut self, item: String) -> Result<(), Gone> {
        let words = self.ear.finish(&self.shared.script.hearing, &self.shared.lines_begun);
        let said = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let end = self.ear.position() * 1000 / u64::from(self.session.input.1);
        self.peer
            .send(&json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end, "item_id": item}))
            .await?;
        let committed = json!({"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": null});
        self.peer.send(&committed).await?;
        self.added(json!({"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": null}]}))
            .await?;
        self.conversation.push(json!({"role": "user", "content": said}));
        if self.session.create_response && self.answering.is_none() {
            self.respond(None);
        }
        if self.session.transcribe {
            let completed = json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item,
                                   "content_index": 0, "transcript": said});
            self.peer.send_final(&completed).await?;
        }
        Ok(())
    }

    async fn create(&mut self, item: &Value) -> Result<Result<(), Refusal>, Gone> {
        let message = match check::item(item, self.beta, &self.calls) {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(call) = item["call_id"].as_str().filter(|_| item["type"] == "function_call") {
            self.calls.push(call.to_owned());
        }
        self.conversation.push(message);
        let mut item = item.clone();
        item["id"] = json!(self.name("item"));
        self.added(item).await.map(Ok)
    }

    async fn truncate(&mut self, message: &Value) -> Result<Result<(), Refusal>, Gone> {
        let item = message["item_id"].as_str().unwrap_or_default();
        let Some(made) = self.spoken.get(item).copied() else {
            let what = format!("Item with item_id '{item}' not found.");
            return Ok(Err(Refusal::of("item_truncate_invalid_item_id", what)));
        };
        let Some(end) = message["audio_end_ms"].as_u64().filter(|_| message["content_index"] == 0) else {
            return Ok(Err(Refusal::of("invalid_value", "Invalid 'audio_end_ms' or 'content_index'.")));
        };
        if end > made {
            let what = format!("Audio content of {made}ms is already shorter than {end}ms");
            return Ok(Err(Refusal::of("invalid_value", what)));
        }
        self.spoken.insert(item.to_owned(), end);
        let done =
            json!({"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": end});
        self.peer.send(&done).await.map(Ok)
    }

    /// Begins an answer.
    fn respond(&mut self, instructions: Option<&str>) {
        let response = self.name("resp");
        let mut said = self.conversation.clone();
        said.extend(instructions.map(|text| json!({"role": "user", "content": text})));
        let answer = self.shared.script.realtime.answer(&said, None);
        let faults = self.connection.faults();
        let first = Duration::from_millis(answer.ttft_ms.unwrap_or(self.shared.script.realtime.ttft_ms));
        let plan = answer::Plan {
            response: response.clone(),
            connection: self.connection.number,
            first: Instant::now() + first + faults.slow_first_byte(),
            pace: f64::from(faults.pace().unwrap_or(answer::PACE)).max(0.01),
            rate: self.session.output.1,
            vocabulary: &self.shared.script.hearing.vocabulary,
        };
        self.steps = plan.steps(&answer, &mut self.count);
        self.answering = Some(Answering { response, item: None });
    }

    /// Carries out one step of the answer.
    async fn take(&mut self, step: Step) -> Result<(), Gone> {
        match step {
            Step::Tell(message) => self.tell(message).await,
            Step::Begin(item) => {
                self.spoken.insert(item.clone(), 0);
                if let Some(answering) = &mut self.answering {
                    answering.item = Some(item);
                }
                Ok(())
            }
            Step::Audio { item, response, samples } => {
                let (encoding, rate) = self.session.output;
                let mut bytes = Vec::new();
                encoding.encode(&samples, &mut bytes);
                let delta = self.named(json!({
                    "type": "response.output_audio.delta", "response_id": response, "item_id": item,
                    "output_index": 0, "content_index": 0, "delta": STANDARD.encode(bytes),
                }));
                *self.spoken.entry(item).or_default() += samples.len() as u64 * 1000 / u64::from(rate);
                self.peer.send_audio(Audio::Field(delta, "delta"), samples, rate).await
            }
            Step::Said(message) => {
                let calls = message["tool_calls"].as_array();
                self.calls
                    .extend(calls.into_iter().flatten().filter_map(|call| call["id"].as_str().map(str::to_owned)));
                self.conversation.push(message);
                Ok(())
            }
            Step::End(message) => {
                self.answering = None;
                self.tell(message).await
            }
        }
    }

    /// Ends the answer where it is.
    async fn cancel(&mut self, reason: &str) -> Result<(), Gone> {
        self.steps.clear();
        let Some(Answering { response, item }) = self.answering.take() else { return Ok(()) };
        if let Some(item) = item {
            let done = json!({"type": "response.output_audio.done", "response_id": response, "item_id": item,
                              "output_index": 0, "content_index": 0});
            self.tell(done).await?;
            self.conversation.push(json!({"role": "assistant", "content": "(cancelled)"}));
        }
        let status = json!({"type": "cancelled", "reason": reason});
        self.tell(json!({"type": "response.done", "response": {"id": response, "status": "cancelled",
                         "status_details": status, "output": [], "usage": null}}))
            .await
    }

    async fn added(&self, item: Value) -> Result<(), Gone> {
        if self.beta {
            return self.peer.send(&json!({"type": "conversation.item.created", "item": item})).await;
        }
        self.peer.send(&json!({"type": "conversation.item.added", "item": item})).await?;
        self.peer.send(&json!({"type": "conversation.item.done", "item": item})).await
    }

    async fn tell(&self, message: Value) -> Result<(), Gone> {
        self.peer.send(&self.named(message)).await
    }

    /// The message under the name that it had before general availability.
    fn named(&self, mut message: Value) -> Value {
        if self.beta {
            let name = message["type"].as_str().unwrap_or_default().replace("response.output_audio", "response.audio");
            message["type"] = json!(name.replace("response.output_text", "response.text"));
        }
        message
    }

    fn name(&mut self, of: &str) -> String {
        self.count += 1;
        format!("{of}_{}_{}", self.connection.number, self.count)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
