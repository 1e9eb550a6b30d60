//! What happens, to be asked for or to be told of: both go on from the same cursor.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::Params;
use crate::id::{AttemptId, CallId, CampaignId, OrgId, TargetId};
use crate::store::event::{self, Event, EventKind, Events, Forgotten, Position, Wish};
use crate::store::filter::OneOf;

/// Pause between two looks while nothing happens.
const LOOK: Duration = Duration::from_millis(250);
/// Longest that an answer can be waited for, in seconds.
const MAX_WAIT: u32 = 25;
/// Events on a page at most, and that are sent between two looks.
const MAX_LIMIT: u32 = 1000;
/// A stream on which nothing happened tells its cursor this often.
const BEAT: Duration = Duration::from_secs(15);
/// Bytes of the longest message that a reader may send; none is heeded.
const HEARD: usize = 1024;
/// Code of RFC 6455's registry: try again later.
const AGAIN: u16 = 1013;
/// The reader broke a rule, or may not read any more.
const POLICY: u16 = 1008;

/// Which events.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    /// `cursor` of the last event that was seen, or `next` of the answer before: only events after it. `latest`: only those
    /// that happen from now on. Without it, from the oldest on that is kept.
    #[serde(default)]
    after: Option<String>,
    /// Only of these kinds, such as `campaign.state,attempt.state`.
    #[serde(default)]
    #[param(value_type = Option<Vec<EventKind>>, style = Form)]
    kind: OneOf<EventKind>,
    /// Only of this campaign.
    #[serde(default)]
    campaign_id: Option<CampaignId>,
    /// Events in the answer, 1 to 1000. A stream does not heed it.
    #[serde(default = "hundred")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: u32,
    /// Seconds to wait for an event when there is none, 0 to 25. A stream does not heed it.
    #[serde(default)]
    #[param(default = 0, maximum = 25)]
    wait: u32,
}

const fn hundred() -> u32 {
    100
}

/// Something that happened. Which members there are follows from its kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// The place after it: pass it as `after`.
    cursor: String,
    /// What happened.
    kind: EventKind,
    /// When.
    at: Timestamp,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<CampaignId>,
    /// Id of the contact in the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_id: Option<TargetId>,
    /// The attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_id: Option<AttemptId>,
    /// The call, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The state from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The guards that did not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guards: Vec<String>,
    /// A moment that goes with it: the next call, or the callback that was missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    /// How many contacts were added.
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<u64>,
}

/// Some events.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventsView {
    /// In the order in which they happened.
    items: Vec<EventView>,
    /// Pass as `after` to go on, also when there are none.
    next: String,
    /// Whether there are more by now.
    more: bool,
}

/// Read what happened
///
/// To campaigns, to their contacts, to attempts, to recordings of calls. Every change of a state is an event, written by the change itself; a contact
/// whose turn comes near is none, and a request that adds contacts is one, with their number. Events have ids, states and reasons, no names and no numbers. They are kept
/// for seven days, two million of them; a cursor from before that is answered with 409 `events_forgotten`.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventParams),
    responses(
        (status = 200, body = EventsView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn poll(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<EventParams>,
) -> Result<Json<EventsView>, ApiError> {
    if !(1..=MAX_LIMIT).contains(&params.limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 1000"));
    }
    if params.wait > MAX_WAIT {
        return Err(ApiError::field("?wait", "out_of_range", "must be between 0 and 25 seconds"));
    }
    // An answer has to leave before the request is given up.
    let most = u64::from(params.wait).min(api.config.request_timeout_s.saturating_sub(2));
    let until = Instant::now() + Duration::from_secs(most);
    let mut position = begin(&api, params.after.as_deref()).await?;
    let wish = Wish { kinds: params.kind, campaign: params.campaign_id };
    loop {
        let Events { items, next, more } = page(&api, caller.org, position, &wish, params.limit).await?;
        if !items.is_empty() || Instant::now() >= until {
            let items = items.into_iter().map(view).collect();
            return Ok(Json(EventsView { items, next: next.to_string(), more }));
        }
        position = Some(next);
        sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

/// Be told of what happens: a websocket
///
/// One event in a text message, as in `GET /api/v1/events` and from the same cursor on; when nothing happens for 15 seconds, a
/// message with nothing but the `cursor`. Whoever connects again with `after` misses nothing. A reader that takes nothing for
/// ten seconds is let go with the code 1013 and its cursor as the reason, one whose key was revoked with 1008. A server has
/// 200 readers at most unless it is configured otherwise; further ones are answered with 503 `too_many_readers`.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events", params(EventParams),
    responses(
        (status = 101, description = "The events, as they happen"),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn stream(
    State(api): State<Api>,
    caller: Caller,
    Params(params): Params<EventParams>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let wish = Wish { kinds: params.kind, campaign: params.campaign_id };
    let position = begin(&api, params.after.as_deref()).await?;
    // What is wrong with the cursor is said before it is a websocket.
    page(&api, caller.org, position, &wish, 1).await?;
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::Malformed(format!("this is a websocket, {rejection}: ask GET /api/v1/events instead"))
    })?;
    let upgrade = upgrade.max_message_size(HEARD).max_frame_size(HEARD);
    let place = Arc::clone(&api.readers).try_acquire_owned().map_err(|_| ApiError::Busy {
        code: "too_many_readers",
        detail: format!(
            "this server has {} readers of events: close one, ask another server, or poll GET /api/v1/events",
            api.config.event_readers
        ),
    })?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        tell(api, caller, socket, position, wish).await;
        drop(place);
    }))
}

/// Where to begin; nothing for the oldest that is kept.
async fn begin(api: &Api, after: Option<&str>) -> Result<Option<Position>, ApiError> {
    match after {
        None => Ok(None),
        Some("latest") => Ok(Some(event::latest(&mut api.db.read().await?).await?)),
        Some(text) => {
            let wrong = |error: event::NoPosition| ApiError::field("?after", "not_a_cursor", error.to_string());
            Ok(Some(text.parse().map_err(wrong)?))
        }
    }
}

async fn page(api: &Api, org: OrgId, position: Option<Position>, wish: &Wish, limit: u32) -> Result<Events, ApiError> {
    let mut tx = api.db.read().await?;
    event::after(&mut tx, org, position, wish, limit).await?.map_err(|Forgotten { oldest }| ApiError::Conflict {
        code: "events_forgotten",
        detail: format!(
            "events after this cursor have been forgotten: read the campaigns again, and go on from {oldest} or `latest`"
        ),
        faults: Vec::new(),
    })
}

/// Tells a reader of events until it goes, is too slow, or may not read any more.
async fn tell(api: Api, caller: Caller, mut socket: WebSocket, mut position: Option<Position>, wish: Wish) {
    let (mut spoke, mut looked) = (Instant::now(), Instant::now());
    let slow = Duration::from_secs(api.config.event_reader_slow_s);
    let check = Duration::from_secs(api.config.event_reader_check_s);
    loop {
        let Ok(Events { items, next, more }) = page(&api, caller.org, position, &wish, MAX_LIMIT).await else {
            // Its events were forgotten while it read, or the database is away.
            return close(&mut socket, AGAIN, position).await;
        };
        for event in items {
            let after = event.position;
            if !say(&mut socket, &view(event), slow).await {
                return close(&mut socket, AGAIN, position).await;
            }
            position = Some(after);
            spoke = Instant::now();
        }
        position = Some(next);
        if looked.elapsed() >= check {
            if !in_force(&api, &caller).await {
                return close(&mut socket, POLICY, position).await;
            }
            looked = Instant::now();
        }
        if spoke.elapsed() >= BEAT {
            if !say(&mut socket, &serde_json::json!({ "cursor": next.to_string() }), slow).await {
                return close(&mut socket, AGAIN, position).await;
            }
            spoke = Instant::now();
        }
        if !more && !stays(&mut socket).await {
            return;
        }
    }
}

/// Waits for the next look; whether the reader is still there then. What it says is not heeded, and does not bring the look
/// forward.
async fn stays(socket: &mut WebSocket) -> bool {
    let until = Instant::now() + LOOK;
    while Instant::now() < until {
        match timeout_at(until, socket.recv()).await {
            Err(_) => return true,
            Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return false,
            Ok(Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_)))) => {}
        }
    }
    true
}

/// Whether it was taken in time.
async fn say<T: Serialize>(socket: &mut WebSocket, what: &T, slow: Duration) -> bool {
    let text = serde_json::to_string(what).expect("what is answered is JSON");
    matches!(timeout(slow, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}

async fn close(socket: &mut WebSocket, code: u16, position: Option<Position>) {
    let reason = position.map(|position| position.to_string()).unwrap_or_default();
    let frame = CloseFrame { code, reason: reason.into() };
    // A reader that takes nothing does not take this either.
    let _ = timeout(LOOK, socket.send(Message::Close(Some(frame)))).await;
}

async fn in_force(api: &Api, caller: &Caller) -> bool {
    match api.db.read().await {
        Ok(mut tx) => caller.in_force(&mut tx).await.unwrap_or(true),
        Err(_) => true,
    }
}

fn view(event: Event) -> EventView {
    let guards = match event.kind {
        EventKind::CampaignStartFailed => guards(event.reason.as_deref()),
        EventKind::CampaignState
        | EventKind::CampaignRound
        | EventKind::CampaignContacts
        | EventKind::TargetState
        | EventKind::TargetCallbackMissed
        | EventKind::TargetHold
        | EventKind::TargetHeld
        | EventKind::AttemptState
        | EventKind::CallRecordingFault => Vec::new(),
    };
    EventView {
        cursor: event.position.to_string(),
        kind: event.kind,
        at: event.at,
        campaign_id: event.campaign,
        target_id: event.target,
        attempt_id: event.attempt,
        call_id: event.call,
        from: event.before,
        to: event.after,
        reason: event.reason.filter(|_| guards.is_empty()),
        guards,
        due_at: event.due_at,
        contacts: event.contacts,
    }
}

/// The names of the guards in what a scheduled start ran into.
fn guards(kept: Option<&str>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Failed {
        guards: Vec<crate::dialer::start::StartGuard>,
    }
    let failed = kept.and_then(|kept| serde_json::from_str::<Failed>(kept).ok());
    failed.map(|failed| failed.guards.iter().map(ToString::to_string).collect()).unwrap_or_default()
}
