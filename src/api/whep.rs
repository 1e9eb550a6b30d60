//! Listening to a live call from a browser.
//!
//! Whoever begins to listen is in the audit log before anything is sent, and when they stop, with how long it was.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use callwright_media::negotiated::Negotiated;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::listen::Pass;
use super::live_calls::{log, refusal, stands};
use super::paging::{Id, Params};
use super::webrtc::{Fragment, Offered, SessionPath, accept, created, ended, trickled};
use crate::call::listen::{Encoding, Heard, Hearing};
use crate::id::{CallId, WebRtcSessionId};
use crate::net::webrtc::description::Purpose;
use crate::net::webrtc::link::LinkEvent;
use crate::net::webrtc::sender::Sender;
use crate::net::webrtc::sessions::Session;
use crate::store::audit::Intervention;

/// What a browser wants to hear.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HearParams {
    /// `stereo`: the caller left, the agent right, for which the browser has to offer Opus. `mixed`: both in one channel.
    channels: Channels,
}

/// Which channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// The caller left, the agent right.
    #[default]
    Stereo,
    /// Both in one.
    Mixed,
}

/// Listen to a live call from a browser
///
/// WebRTC in the way of WHEP: the body is the offer of a browser with one audio transceiver `recvonly`, the answer is the
/// description to be set. `Location` names the session: PATCH it with more candidates, DELETE it to stop. `Link` names STUN and
/// TURN servers. A token of `POST /api/v1/calls/{id}/listen` serves as well as a key.
///
/// However many listen, a call is encoded once for each codec. Nobody on the call hears a listener, and what is off the record is
/// silent here too. Who listened and for how long is in the audit log. Listeners by websocket and from browsers count together:
/// a call has 64 at most, a server 200 unless it is configured otherwise.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/whep", tag = "calls", params(("id" = CallId, Path), HearParams),
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
    Params(HearParams { channels }): Params<HearParams>,
    OriginalUri(uri): OriginalUri,
    offer: Offered,
) -> Result<Response, ApiError> {
    stands(&api, caller, id).await?;
    let place = Arc::clone(&api.listeners).try_acquire_owned().map_err(|_| ApiError::Busy {
        code: "too_many_listeners",
        detail: format!("this server has {} listeners: close one", api.config.call_listeners),
    })?;
    let stereo = channels == Channels::Stereo;
    let pass = pass.map(|Extension(pass)| pass);
    let session = accept(&api, caller, pass, with(id), (&offer, Purpose::Listen { stereo }))?;
    let encoding = Encoding::of(session.negotiated().codec, stereo).ok_or_else(|| {
        ApiError::field("", "offer", "it has no codec that listeners are sent: offer Opus, PCMU or PCMA")
    })?;
    let hearing = api.calls.hear(caller.org, id, encoding).map_err(refusal)?;
    let response = created(&api, &session, uri.path(), id);
    tokio::spawn(Attendance { api, caller, id, _place: place, dropped: 0 }.attend(session, hearing));
    Ok(response)
}

/// Tell more of the browser's candidates
///
/// A fragment as by RFC 8840. This server checks no candidates itself, so it needs none; an end of candidates is as welcome. ICE is
/// not begun anew: 422 with the code `ice_restart`.
#[utoipa::path(
    patch, path = "/api/v1/calls/{id}/whep/{session_id}", tag = "calls",
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

/// Stop listening
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}/whep/{session_id}", tag = "calls",
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

/// Sessions of listeners are told from those that take the same call over.
fn with(id: CallId) -> u128 {
    !u128::from_be_bytes(*id.as_bytes())
}

/// One listener.
struct Attendance {
    api: Api,
    caller: Caller,
    id: CallId,
    _place: OwnedSemaphorePermit,
    dropped: u64,
}

impl Attendance {
    /// Serves a listener to the end, and writes down both ends of it.
    async fn attend(mut self, mut session: Session, mut hearing: Hearing) {
        let negotiated = tokio::select! {
            connected = session.connect() => match connected {
                Ok(negotiated) => negotiated,
                Err(_) => return,
            },
            () = over(&mut hearing) => return session.driver().close(),
        };
        let (api, caller, id) = (self.api.clone(), self.caller, self.id);
        if log(&api, caller, id, Intervention::Listen).await.is_err() {
            return session.driver().close();
        }
        let begun = Instant::now();
        self.serve(&mut session, &mut hearing, &negotiated).await;
        drop(hearing);
        session.driver().close();
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stopped = Intervention::Listened { ms, dropped: self.dropped };
        if log(&api, caller, id, stopped).await.is_err() {
            tracing::error!(call = %id, by = %caller.actor(), ms, "that somebody stopped listening is not in the audit log");
        }
    }

    async fn serve(&mut self, session: &mut Session, hearing: &mut Hearing, negotiated: &Negotiated) {
        let Some(mut sender) = Sender::new(negotiated, rand::random()) else { return };
        let driver = session.driver();
        let mut check = interval(Duration::from_secs(self.api.config.event_reader_check_s.max(1)));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.reset();
        loop {
            tokio::select! {
                event = driver.next() => match event {
                    LinkEvent::Moved { remote } => sender.send_to(remote),
                    LinkEvent::Up { .. } => {}
                    LinkEvent::Over(_) => return,
                },
                heard = hearing.next() => match heard {
                    Heard::Sound(encoded) => {
                        if let Some((to, packet)) = sender.packet(encoded.position, &encoded.payload) {
                            driver.send(to, packet);
                        }
                    }
                    Heard::Missed(frames) => self.dropped += frames,
                    Heard::Ended => return,
                },
                _ = check.tick() => {
                    if !self.may().await {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the key is still in force.
    async fn may(&self) -> bool {
        let Ok(mut tx) = self.api.db.read().await else { return true };
        self.caller.in_force(&mut tx).await.unwrap_or(true)
    }
}

/// Waits until the call is over. What is said meanwhile nobody hears.
async fn over(hearing: &mut Hearing) {
    while hearing.next().await != Heard::Ended {}
}
