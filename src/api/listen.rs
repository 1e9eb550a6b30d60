//! Listening to a live call over a websocket, and stepping into it from there.
//!
//! Whoever begins to listen is in the audit log before anything is heard, and when they stop, with how long it was.

mod tickets;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::extract::{State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use utoipa::{IntoParams, ToSchema};

pub use self::tickets::{LIFE, Pass, Subject, Tickets};
use super::Api;
use super::auth::Caller;
use super::body::parse;
use super::error::ApiError;
use super::live_calls::{LiveCallView, end_now, log, note_to, refusal, stands, step_in, view};
use super::paging::{Id, Params};
use super::scopes::Scope;
use crate::agent::record::{Line, Speaker};
use crate::call::listen::{Happening, Listener, Next, POSITION};
use crate::call::registry::{LiveCall, Supervision};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::EndedBy;
use crate::id::CallId;
use crate::pii::Pii;
use crate::store::api_key;
use crate::store::audit::Intervention;

/// Bytes of the longest message that a listener may send: a note of 2,000 characters, escaped.
const HEARD: usize = 32 << 10;
/// Time for a close frame.
const GOODBYE: Duration = Duration::from_millis(250);
/// Codes of RFC 6455's registry: done, the listener broke a rule or may not listen any more, try again later.
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;
const AGAIN: u16 = 1013;

/// Who listens, where no header can say so.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListenParams {
    /// A token of `POST /api/v1/calls/{id}/listen`, in place of the header `Authorization`.
    #[serde(default, rename = "token")]
    #[param(value_type = Option<String>)]
    _token: Option<String>,
}

/// Lets a browser listen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListenToken {
    /// Pass it as `token`. It serves once, for this call, and may do what the key may that made it.
    token: String,
    /// Until when.
    expires_at: Timestamp,
}

/// What a listener asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Note { text: String, id: Option<String> },
    Mute { on: bool, id: Option<String> },
    OffRecord { on: bool, id: Option<String> },
    HangUp { id: Option<String> },
}

/// What a listener is told in text messages.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Start { rate: u32, channels: u8, encoding: &'static str, header_bytes: usize, call: LiveCallView },
    Said(&'a Line),
    Heard(&'a Line),
    Interrupted { at_ms: u64 },
    State { call: LiveCallView },
    Dropped { frames: u64 },
    Done { id: Option<String>, call: LiveCallView },
    Fault { id: Option<String>, problem: Value },
    Ended { reason: DisconnectionReason, ended_by: EndedBy },
}

/// Make a token to listen to a live call with
///
/// A browser cannot send headers with a websocket: it passes the token in the query. The token serves once, within 30
/// seconds, at the node that made it.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/listen", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 201, body = ListenToken),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn ticket(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<(StatusCode, Json<ListenToken>), ApiError> {
    stands(&api, caller, id).await?;
    let now = crate::time::now();
    let token = api.tickets.issue(now.mono, Subject::Listen(id), caller).ok_or_else(|| ApiError::Busy {
        code: "too_many_tokens",
        detail: format!("too many tokens wait to be used: use them, or ask again in {} seconds", LIFE.as_secs()),
    })?;
    let expires_at = now.wall + SignedDuration::try_from(LIFE).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(ListenToken { token, expires_at })))
}

/// Listen to a live call, and step into it: a websocket
///
/// The first message is `start`, with the `rate` in samples a second and the `call`. Binary messages are 20 ms of both
/// sides: eight bytes with the position of the first sample, in samples since the answer, then 160 pairs of 16-bit
/// samples, the caller left, the agent right, all little-endian; where a position jumps, nothing was. Text messages are
/// JSON with a `type`: `said` and `heard` (a line of the transcript), `interrupted`, `state` (the `call` as it is now),
/// `dropped` (so many `frames` that this listener was too slow for), `ended`. A listener may send `note` (`text`), `mute`
/// (`on`), `off_record` (`on`) and `hang_up` with an `id` of its own, if the key has `calls:control` as well; `done` or
/// `fault` answers it.
///
/// Nobody on the call hears a listener. What is off the record is silent here too. The server closes with 1000 after the
/// call's end, 1013 when a listener takes nothing for ten seconds, 1008 when its key was revoked. A call has 64
/// listeners at most, a server 200 unless it is configured otherwise.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/listen", tag = "calls", params(("id" = CallId, Path), ListenParams),
    responses(
        (status = 101, description = "Both sides, as they speak"),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn listen(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    Params(_token): Params<ListenParams>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    stands(&api, caller, id).await?;
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::Malformed(format!("this is a websocket, {rejection}: connect with ws:// or wss:// instead"))
    })?;
    let place = Arc::clone(&api.listeners).try_acquire_owned().map_err(|_| ApiError::Busy {
        code: "too_many_listeners",
        detail: format!("this server has {} listeners: close one", api.config.call_listeners),
    })?;
    let (listener, call) = api.calls.listen(caller.org, id).map_err(refusal)?;
    let upgrade = upgrade.max_message_size(HEARD).max_frame_size(HEARD);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (sender, heard) = socket.split();
        Attendance { api, caller, id, sender, dropped: 0 }.attend(listener, call, heard).await;
        drop(place);
    }))
}

/// One listener's socket.
struct Attendance {
    api: Api,
    caller: Caller,
    id: CallId,
    sender: SplitSink<WebSocket, Message>,
    dropped: u64,
}

/// The code with which a socket is closed.
type Close = u16;

impl Attendance {
    /// Serves a listener to the end, and writes down both ends of it.
    async fn attend(mut self, mut listener: Listener, call: LiveCall, heard: SplitStream<WebSocket>) {
        let (api, caller, id) = (self.api.clone(), self.caller, self.id);
        if log(&api, caller, id, Intervention::Listen).await.is_err() {
            return self.close(AGAIN).await;
        }
        let begun = Instant::now();
        let code = self.serve(&mut listener, call, heard).await;
        drop(listener);
        self.close(code).await;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stopped = Intervention::Listened { ms, dropped: self.dropped };
        if log(&api, caller, id, stopped).await.is_err() {
            tracing::error!(call = %id, key = %caller.key, ms, "that somebody stopped listening is not in the audit log");
        }
    }

    async fn serve(&mut self, listener: &mut Listener, call: LiveCall, mut heard: SplitStream<WebSocket>) -> Close {
        let start = Told::Start {
            rate: listener.rate().hertz(),
            channels: 2,
            encoding: "pcm_s16le",
            header_bytes: POSITION,
            call: view(call),
        };
        if let Err(code) = self.say(&start).await {
            return code;
        }
        let mut check = interval(Duration::from_secs(self.api.config.event_reader_check_s.max(1)));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.reset();
        loop {
            let served = tokio::select! {
                message = heard.next() => match message {
                    Some(Ok(Message::Text(text))) => self.ordered(text.as_bytes()).await,
                    Some(Ok(Message::Binary(bytes))) => self.ordered(&bytes).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    None | Some(Err(_) | Ok(Message::Close(_))) => return NORMAL,
                },
                next = listener.next() => match next {
                    Some(next) => self.tell(next).await,
                    None => return NORMAL,
                },
                _ = check.tick() => self.check().await,
            };
            if let Err(code) = served {
                return code;
            }
        }
    }

    /// Passes on what the call has for the listener.
    async fn tell(&mut self, next: Next) -> Result<(), Close> {
        match next {
            Next::Sound(message) => self.send(Message::Binary(message)).await,
            Next::Missed(frames) => {
                self.dropped += frames;
                self.say(&Told::Dropped { frames }).await
            }
            Next::Happened(Happening::Line(line)) => {
                let told = match line.speaker {
                    Speaker::Agent => Told::Said(&line),
                    Speaker::Caller => Told::Heard(&line),
                };
                self.say(&told).await?;
                match line.speaker {
                    Speaker::Agent if line.cut => self.say(&Told::Interrupted { at_ms: line.to_ms }).await,
                    Speaker::Agent | Speaker::Caller => Ok(()),
                }
            }
            Next::Happened(Happening::Changed) => match self.api.calls.get(self.id) {
                Some(call) => self.say(&Told::State { call: view(call) }).await,
                None => Ok(()),
            },
            Next::Happened(Happening::Ended(reason, ended_by)) => self.say(&Told::Ended { reason, ended_by }).await,
        }
    }

    /// Does what the listener asks for, and says what became of it.
    async fn ordered(&mut self, message: &[u8]) -> Result<(), Close> {
        let (id, done) = match parse::<Order>(message) {
            Ok(order) => {
                let (id, what) = order.taken();
                (id, self.carry_out(what).await)
            }
            Err(fault) => (None, Err(fault)),
        };
        match done {
            Ok(call) => self.say(&Told::Done { id, call }).await,
            Err(fault) => {
                let problem = serde_json::from_slice(&fault.document().1).unwrap_or_default();
                self.say(&Told::Fault { id, problem }).await
            }
        }
    }

    /// `None` ends the call.
    async fn carry_out(&self, what: Option<Supervision>) -> Result<LiveCallView, ApiError> {
        if !self.caller.scopes.allow(Scope::CallsControl) {
            return Err(ApiError::Forbidden(Scope::CallsControl));
        }
        match what {
            Some(Supervision::Note(text)) => note_to(&self.api, self.caller, self.id, text.into_inner()).await,
            Some(what @ Supervision::Mute(on)) => {
                step_in(&self.api, self.caller, self.id, what, Intervention::Mute { on }).await
            }
            Some(what @ Supervision::OffRecord(on)) => {
                step_in(&self.api, self.caller, self.id, what, Intervention::OffRecord { on }).await
            }
            None => end_now(&self.api, self.caller, self.id).await,
        }
    }

    /// Whether the key is still in force.
    async fn check(&self) -> Result<(), Close> {
        let Ok(mut tx) = self.api.db.read().await else { return Ok(()) };
        let in_force = api_key::in_force(&mut tx, self.caller.key).await.unwrap_or(true);
        if in_force { Ok(()) } else { Err(POLICY) }
    }

    async fn say(&mut self, told: &Told<'_>) -> Result<(), Close> {
        let text = serde_json::to_string(told).expect("what is told is JSON");
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Close> {
        let slow = Duration::from_secs(self.api.config.event_reader_slow_s);
        match timeout(slow, self.sender.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AGAIN),
        }
    }

    async fn close(&mut self, code: Close) {
        let frame = CloseFrame { code, reason: "".into() };
        // A listener that takes nothing does not take this either.
        let _ = timeout(GOODBYE, self.sender.send(Message::Close(Some(frame)))).await;
    }
}

impl Order {
    /// The listener's name of it, and what is to be done; nothing for the end of the call.
    fn taken(self) -> (Option<String>, Option<Supervision>) {
        match self {
            Self::Note { text, id } => (id, Some(Supervision::Note(Pii::new(text)))),
            Self::Mute { on, id } => (id, Some(Supervision::Mute(on))),
            Self::OffRecord { on, id } => (id, Some(Supervision::OffRecord(on))),
            Self::HangUp { id } => (id, None),
        }
    }
}
