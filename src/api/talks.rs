//! Talking to an assistant from a browser.

use std::collections::BTreeMap;

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::listen::{LIFE, Pass, Subject};
use super::paging::Id;
use super::webrtc::{Fragment, Offered, SessionPath, accept, created, ended, trickled};
use crate::call::registry::{NotTaken, Talk};
use crate::id::{AssistantId, CallId, WebRtcSessionId};
use crate::net::webrtc::description::Purpose;
use crate::store::assistant;

/// An offer as browsers make them, shortened to what matters.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlcA\r\n\
    a=fingerprint:sha-256 75:74:5A:A6:A4:E5:52:F4:A7:67:4C:01:C7:EE:91:3F:21:3D:A2:E3:53:7B:6F:30:86:F2:30:AA:65:FB:04:24\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

/// Lets a browser begin one session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionToken {
    /// Pass it as `Authorization: Bearer`. It begins one session, which may then be told more and ended with it, and may do
    /// what the key may that made it.
    token: String,
    /// Until when a session may be begun.
    expires_at: Timestamp,
}

/// Make a token to talk to an assistant with
///
/// For a page, which must not know a key. A session is begun with it once, within 30 seconds, at the node that made it.
#[utoipa::path(
    post, path = "/api/v1/assistants/{id}/talk/token", tag = "assistants", params(("id" = AssistantId, Path)),
    responses(
        (status = 201, body = SessionToken),
        (status = 404, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn token(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AssistantId>,
) -> Result<(StatusCode, Json<SessionToken>), ApiError> {
    let mut tx = api.db.read().await?;
    assistant::get(&mut tx, caller.org, id).await?;
    session_token(&api, Subject::Talk(id), caller)
}

pub(super) fn session_token(
    api: &Api,
    subject: Subject,
    caller: Caller,
) -> Result<(StatusCode, Json<SessionToken>), ApiError> {
    let now = crate::time::now();
    let token = api.tickets.issue(now.mono, subject, caller).ok_or_else(|| ApiError::Busy {
        code: "too_many_tokens",
        detail: format!("too many tokens wait to be used: use them, or ask again in {} seconds", LIFE.as_secs()),
    })?;
    let expires_at = now.wall + SignedDuration::try_from(LIFE).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(SessionToken { token, expires_at })))
}

/// Talk to an assistant from a browser
///
/// WebRTC as by RFC 9725 (WHIP), but that both sides send: the body is the offer of a browser with one audio transceiver
/// `sendrecv`, the answer is the description to be set. `Location` names the session: PATCH it with more candidates, DELETE it to
/// hang up. `Link` names STUN and TURN servers. The header `Callwright-Call` has the id of the call, which is live as soon as the
/// browser has connected, with the assistant's current version, and leaves a record with the direction `browser`. It has no trunk,
/// and counts for no limit of trunks, campaigns or the plan.
#[utoipa::path(
    post, path = "/api/v1/assistants/{id}/talk", tag = "assistants", params(("id" = AssistantId, Path)),
    request_body(
        content = String, content_type = "application/sdp", description = "The browser's offer", example = json!(OFFER)
    ),
    responses(
        (status = 201, body = String, content_type = "application/sdp", description = "The answer", headers(
            ("Location" = String, description = "The session"),
            ("ETag" = String, description = "The tag of its ICE session"),
            ("Link" = String, description = "STUN and TURN servers"),
            ("Callwright-Call" = String, description = "The id of the call")
        )),
        (status = 404, body = super::Problem),
        (status = 415, body = super::Problem),
        (status = 422, body = super::Problem),
        (status = 503, body = super::Problem)
    )
)]
pub async fn begin(
    State(api): State<Api>,
    caller: Caller,
    pass: Option<Extension<Pass>>,
    Id(id): Id<AssistantId>,
    OriginalUri(uri): OriginalUri,
    offer: Offered,
) -> Result<Response, ApiError> {
    let mut tx = api.db.read().await?;
    let assistant = assistant::get(&mut tx, caller.org, id).await?.current;
    drop(tx);
    let call = CallId::generate();
    let talk = Talk { call, org: caller.org, assistant: assistant.into(), variables: BTreeMap::new() };
    api.calls.may_talk(&talk).map_err(refusal)?;
    let pass = pass.map(|Extension(pass)| pass);
    let mut session = accept(&api, caller, pass, with(id), (&offer, Purpose::Talk))?;
    let response = created(&api, &session, uri.path(), call);
    let calls = api.calls.clone();
    tokio::spawn(async move {
        let negotiated = match session.connect().await {
            Ok(negotiated) => negotiated,
            Err(end) => return tracing::info!(%call, ?end, "a browser that wanted to talk did not connect"),
        };
        if let Err(why) = calls.talk(talk, session.into_leg(negotiated)) {
            tracing::warn!(%call, %why, "a browser cannot talk to an assistant after all");
        }
    });
    Ok(response)
}

/// Tell more of the browser's candidates
///
/// A fragment as by RFC 8840. This server checks no candidates itself, so it needs none; an end of candidates is as welcome. ICE is
/// not begun anew: 422 with the code `ice_restart`.
#[utoipa::path(
    patch, path = "/api/v1/assistants/{id}/talk/{session_id}", tag = "assistants",
    params(("id" = AssistantId, Path), ("session_id" = WebRtcSessionId, Path)),
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
    SessionPath(id, session): SessionPath<AssistantId>,
    fragment: Fragment,
) -> Result<StatusCode, ApiError> {
    trickled(&api, caller, with(id), session, &fragment)
}

/// Hang up
#[utoipa::path(
    delete, path = "/api/v1/assistants/{id}/talk/{session_id}", tag = "assistants",
    params(("id" = AssistantId, Path), ("session_id" = WebRtcSessionId, Path)),
    responses((status = 200, description = "It ends"), (status = 404, body = super::Problem))
)]
pub async fn end(
    State(api): State<Api>,
    caller: Caller,
    SessionPath(id, session): SessionPath<AssistantId>,
) -> Result<StatusCode, ApiError> {
    ended(&api, caller, with(id), session)
}

fn with(id: AssistantId) -> u128 {
    u128::from_be_bytes(*id.as_bytes())
}

/// Why nobody can talk to an assistant, and what to do.
fn refusal(why: NotTaken) -> ApiError {
    match why {
        NotTaken::Full => {
            ApiError::Busy { code: "too_many_calls", detail: format!("{why}: end one, or ask again later") }
        }
        NotTaken::NoRoom(_) => ApiError::Busy { code: "no_room", detail: format!("{why}: ask again later") },
        NotTaken::Provider(_) => {
            let detail = format!("{why}: make the provider at /api/v1/providers, or name another one in the assistant");
            ApiError::Conflict { code: "no_provider", detail, faults: Vec::new() }
        }
        NotTaken::Script(_) => {
            let detail = format!("{why}: talks have no contact, so give the variable a default in the assistant");
            ApiError::Conflict { code: "script", detail, faults: Vec::new() }
        }
    }
}
