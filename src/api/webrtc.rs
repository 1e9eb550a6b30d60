//! What sessions with browsers have in common: offers in, answers out (RFC 9725).
//!
//! A session is begun by a POST with an offer, whose answer names it; PATCH tells more of the browser's candidates, DELETE ends it.
//! All three take the same key, or the same token.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::listen::Pass;
use crate::config::IceServer;
use crate::id::{CallId, WebRtcSessionId};
use crate::net::webrtc::description::{MAX_BYTES, Purpose};
use crate::net::webrtc::sessions::{NoSession, Session, Trickle};
use crate::time;

/// The content type of offers and answers.
pub const SDP: &str = "application/sdp";
/// That of fragments.
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Names the call that a session is of.
pub const CALL: HeaderName = HeaderName::from_static("callwright-call");

/// An offer.
#[derive(Clone, Debug)]
pub struct Offered(pub(super) Bytes);

/// A thing and one of its sessions, in a path.
#[derive(Clone, Copy, Debug)]
pub struct SessionPath<T>(pub T, pub WebRtcSessionId);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for SessionPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, session)) = path.map_err(|_| ApiError::NotFound("path"))?;
        let (id, session) = (id.parse().map_err(|_| ApiError::NotFound("id"))?, session.parse());
        Ok(Self(id, session.map_err(|_| ApiError::NotFound("session"))?))
    }
}

/// A fragment, and the state in which it is meant.
#[derive(Clone, Debug)]
pub struct Fragment {
    text: Bytes,
    tag: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Offered {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        text_of(SDP, request, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Fragment {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let tag = request.headers().get(header::IF_MATCH).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Self { text: text_of(FRAGMENT, request, state).await?, tag })
    }
}

async fn text_of<S: Send + Sync>(kind: &'static str, request: Request, state: &S) -> Result<Bytes, ApiError> {
    let sent = request.headers().get(header::CONTENT_TYPE).and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    if sent.split(';').next().map(str::trim) != Some(kind) {
        return Err(ApiError::UnsupportedType(kind));
    }
    let text = Bytes::from_request(request, state).await.map_err(|_| ApiError::TooLarge)?;
    if text.len() > MAX_BYTES { Err(ApiError::TooLarge) } else { Ok(text) }
}

/// Takes an offer for a session with this.
pub(super) fn accept(
    api: &Api,
    caller: Caller,
    pass: Option<Pass>,
    with: u128,
    (offer, purpose): (&Offered, Purpose),
) -> Result<Session, ApiError> {
    let accepted = api.webrtc.accept(time::now().mono, (caller.org, with), &offer.0, purpose);
    let session = accepted.map_err(|why| match why {
        NoSession::Offer(fault) => ApiError::field("", "offer", fault.to_string()),
        NoSession::Full(_) => {
            ApiError::Busy { code: "too_many_sessions", detail: format!("{why}: end one, or ask again later") }
        }
        NoSession::Port(_) => ApiError::Busy {
            code: "no_port",
            detail: format!("{why}: ask again later, or widen webrtc.port_min to webrtc.port_max"),
        },
        NoSession::Fault(_) => ApiError::Internal(why.into()),
    })?;
    if let Some(pass) = pass {
        api.tickets.hold(pass, session.id(), caller, |session| api.webrtc.is_live(session));
    }
    Ok(session)
}

/// 201 with the answer. `path` is that of the POST.
pub(super) fn created(api: &Api, session: &Session, path: &str, call: CallId) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    set(header::CONTENT_TYPE, SDP.to_owned());
    set(header::LOCATION, format!("{path}/{}", session.id()));
    set(header::ETAG, session.tag().to_owned());
    set(CALL, call.to_string());
    for server in api.webrtc.ice_servers() {
        set(header::LINK, link(server));
    }
    (StatusCode::CREATED, headers, session.answer().to_owned()).into_response()
}

/// RFC 9725 section 4.6.
fn link(server: &IceServer) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut link = format!("<{}>; rel=\"ice-server\"", server.url);
    if let Some(username) = &server.username {
        link.push_str(&format!("; username=\"{}\"", quoted(username)));
    }
    if let Some(credential) = &server.credential {
        let credential = quoted(credential.expose_secret());
        link.push_str(&format!("; credential=\"{credential}\"; credential-type=\"password\""));
    }
    link
}

/// Takes more of the browser's candidates.
pub(super) fn trickled(
    api: &Api,
    caller: Caller,
    with: u128,
    session: WebRtcSessionId,
    fragment: &Fragment,
) -> Result<StatusCode, ApiError> {
    let taken = api.webrtc.trickle((caller.org, with), session, &fragment.text, fragment.tag.as_deref());
    match taken.map_err(|fault| ApiError::field("", "fragment", fault.to_string()))? {
        Trickle::Noted => Ok(StatusCode::NO_CONTENT),
        Trickle::Unknown => Err(ApiError::NotFound("session")),
        Trickle::Changed(tag) => Err(ApiError::Changed { tag }),
        Trickle::Restart => {
            let remedy = "ICE cannot be begun anew: end the session and begin another one";
            Err(ApiError::field("", "ice_restart", remedy))
        }
    }
}

/// Ends a session.
pub(super) fn ended(api: &Api, caller: Caller, with: u128, session: WebRtcSessionId) -> Result<StatusCode, ApiError> {
    if api.webrtc.end((caller.org, with), session) { Ok(StatusCode::OK) } else { Err(ApiError::NotFound("session")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_of_in_the_way_of_the_rfc() {
        let stun = IceServer { url: "stun:stun.example.net".to_owned(), username: None, credential: None };
        assert_eq!(link(&stun), r#"<stun:stun.example.net>; rel="ice-server""#);
        let turn = IceServer {
            url: "turn:turn.example.net?transport=udp".to_owned(),
            username: Some("user".to_owned()),
            credential: Some(r#"pass"word"#.into()),
        };
        let told = r#"<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="pass\"word"; credential-type="password""#;
        assert_eq!(link(&turn), told);
    }
}
