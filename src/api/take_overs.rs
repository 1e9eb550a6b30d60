//! Taking a live call over from a browser, and handing it back to the agent.

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use tokio::time::Instant;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::listen::{Pass, Subject};
use super::live_calls::{LiveCallView, log, named, reach, refusal, stands};
use super::paging::Id;
use super::talks::{SessionToken, session_token};
use super::webrtc::{Fragment, Offered, SessionPath, accept, created, ended, trickled};
use crate::id::{CallId, WebRtcSessionId};
use crate::net::webrtc::description::Purpose;
use crate::net::webrtc::sessions::Session;
use crate::store::audit::Intervention;

/// Make a token to take a live call over with
///
/// For a page, which must not know a key. A session is begun with it once, within 30 seconds, at the node that made it.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/take_over/token", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 201, body = SessionToken),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn token(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<(StatusCode, Json<SessionToken>), ApiError> {
    stands(&api, caller, id).await?;
    session_token(&api, Subject::TakeOver(id), caller)
}

/// Take a live call over from a browser
///
/// WebRTC as by RFC 9725 (WHIP), but that both sides send: the body is the offer of a browser with one audio transceiver
/// `sendrecv`, the answer is the description to be set. As soon as the browser has connected, the caller talks with the
/// supervisor. The agent is silent meanwhile and hears both: a model has in its context what either said. The longest duration of
/// the call waits, too. The call goes back to the agent with `POST /api/v1/calls/{id}/hand_back`, with DELETE of the session, or
/// when the browser goes. A call that ends before has the reason `call_transfer`.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/take_over", tag = "calls", params(("id" = CallId, Path)),
    request_body(content = String, content_type = "application/sdp", description = "The browser's offer"),
    responses(
        (status = 201, body = String, content_type = "application/sdp", description = "The answer", headers(
            ("Location" = String, description = "The session"),
            ("ETag" = String, description = "The tag of its ICE session"),
            ("Link" = String, description = "STUN and TURN servers")
        )),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 415, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn begin(
    State(api): State<Api>,
    caller: Caller,
    pass: Option<Extension<Pass>>,
    Id(id): Id<CallId>,
    OriginalUri(uri): OriginalUri,
    offer: Offered,
) -> Result<Response, ApiError> {
    reach(&api, caller, id).await?.allows_take_over().map_err(refusal)?;
    let pass = pass.map(|Extension(pass)| pass);
    let session = accept(&api, caller, pass, with(id), (&offer, Purpose::Talk))?;
    let response = created(&api, &session, uri.path(), id);
    tokio::spawn(take_over(api, caller, id, session));
    Ok(response)
}

/// Gives a supervisor the call once their browser is connected, and writes down both ends of it.
async fn take_over(api: Api, caller: Caller, id: CallId, mut session: Session) {
    let Ok(negotiated) = session.connect().await else { return };
    // Somebody else may have been faster, and the call may be over.
    let Ok(reached) = api.calls.reach(caller.org, id) else { return session.driver().close() };
    if reached.allows_take_over().is_err() || log(&api, caller, id, Intervention::TakeOver).await.is_err() {
        return session.driver().close();
    }
    let begun = Instant::now();
    let over = session.over();
    reached.take_over(session.into_leg(negotiated));
    over.cancelled().await;
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if log(&api, caller, id, Intervention::HandedBack { ms }).await.is_err() {
        tracing::error!(call = %id, by = %caller.actor(), ms, "that a call was handed back is not in the audit log");
    }
}

/// Tell more of the browser's candidates
///
/// A fragment as by RFC 8840. This server checks no candidates itself, so it needs none; an end of candidates is as welcome. ICE is
/// not begun anew: 422 with the code `ice_restart`.
#[utoipa::path(
    patch, path = "/api/v1/calls/{id}/take_over/{session_id}", tag = "calls",
    params(("id" = CallId, Path), ("session_id" = WebRtcSessionId, Path)),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "The fragment"),
    responses(
        (status = 204, description = "Taken"),
        (status = 404, body = super::Problem),
        (status = 412, body = super::Problem),
        (status = 415, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn trickle(
    State(api): State<Api>,
    caller: Caller,
    SessionPath(id, session): SessionPath<CallId>,
    fragment: Fragment,
) -> Result<StatusCode, ApiError> {
    trickled(&api, caller, with(id), session, &fragment)
}

/// End the session: the agent has the word again
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}/take_over/{session_id}", tag = "calls",
    params(("id" = CallId, Path), ("session_id" = WebRtcSessionId, Path)),
    responses((status = 200, description = "It ends"), (status = 404, body = super::Problem))
)]
pub async fn end(
    State(api): State<Api>,
    caller: Caller,
    SessionPath(id, session): SessionPath<CallId>,
) -> Result<StatusCode, ApiError> {
    ended(&api, caller, with(id), session)
}

/// Hand a call that was taken over back to the agent
///
/// Whoever took it over: their session ends.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/hand_back", tag = "calls", params(("id" = CallId, Path)),
    responses(
        (status = 200, body = LiveCallView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn hand_back(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<Json<LiveCallView>, ApiError> {
    let reached = reach(&api, caller, id).await?;
    let call = reached.hand_back().map_err(refusal)?;
    Ok(Json(named(&api, call).await))
}

fn with(id: CallId) -> u128 {
    u128::from_be_bytes(*id.as_bytes())
}
