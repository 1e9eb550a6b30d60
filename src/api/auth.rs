//! Who asks: an API key as a bearer token, or a token that a key made for one websocket.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::error::ApiError;
use super::listen::{Pass, Subject};
use super::scopes::{Scope, Scopes, needed};
use crate::id::{ApiKeyId, CallId, OrgId, WebRtcSessionId};
use crate::store::{StoreError, api_key};
use crate::time;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The organisation whose things are seen and changed.
    pub org: OrgId,
    /// The key, for the audit log.
    pub key: ApiKeyId,
    /// What the key may do.
    pub scopes: Scopes,
}

/// The scope that a request needs; the route tells.
fn scope(request: &Request) -> Scope {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    needed(request.method(), route)
}

/// Lets a request through when it carries a key in force that may do what the route does, and notes the [`Caller`].
pub(super) async fn require_key(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = match token(&request) {
        Some((token, call)) => by_token(&api, token, call).await?,
        None => match by_pass(&api, &mut request).await? {
            Some(caller) => caller,
            None => by_key(&api, bearer(&request)).await?,
        },
    };
    let scope = scope(&request);
    if !caller.scopes.allow(scope) {
        return Err(ApiError::Forbidden(scope));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The key in the header.
fn bearer(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").filter(|secret| secret.len() <= 256).map(str::to_owned)
}

async fn by_key(api: &Api, secret: Option<String>) -> Result<Caller, ApiError> {
    let secret = secret.ok_or(ApiError::Unauthorized)?;
    let mut tx = api.db.read().await?;
    match api_key::authenticate(&mut tx, &secret).await {
        Ok(key) => Ok(Caller { org: key.org, key: key.id, scopes: Scopes::of(&key.scopes) }),
        Err(StoreError::NotFound) => Err(ApiError::Unauthorized),
        Err(error) => Err(error.into()),
    }
}

/// The token in the query of whoever listens to a call without a header, and the call.
fn token(request: &Request) -> Option<(String, CallId)> {
    if request.method() != Method::GET || request.headers().contains_key(header::AUTHORIZATION) {
        return None;
    }
    let path = request.uri().path().strip_prefix("/api/v1/calls/")?.strip_suffix("/listen")?;
    let Query(query) = Query::<BTreeMap<String, String>>::try_from_uri(request.uri()).ok()?;
    Some((query.get("token")?.clone(), path.parse().ok()?))
}

async fn by_token(api: &Api, token: String, call: CallId) -> Result<Caller, ApiError> {
    let caller = api.tickets.redeem(time::now().mono, &token, Subject::Listen(call)).ok_or(ApiError::Unauthorized)?;
    let mut tx = api.db.read().await?;
    if api_key::in_force(&mut tx, caller.key).await? { Ok(caller) } else { Err(ApiError::Unauthorized) }
}

/// Who asks with a token in place of a key: to begin a session with a browser, or for the session that it began.
async fn by_pass(api: &Api, request: &mut Request) -> Result<Option<Caller>, ApiError> {
    let (Some(secret), path) = (bearer(request), request.uri().path()) else { return Ok(None) };
    let caller = if *request.method() == Method::POST {
        begun(path).and_then(|subject| api.tickets.redeem(time::now().mono, &secret, subject))
    } else {
        let session = path.rsplit('/').next().and_then(|name| name.parse::<WebRtcSessionId>().ok());
        session.and_then(|session| api.tickets.holder(&secret, session))
    };
    let Some(caller) = caller else { return Ok(None) };
    let mut tx = api.db.read().await?;
    if !api_key::in_force(&mut tx, caller.key).await? {
        return Err(ApiError::Unauthorized);
    }
    request.extensions_mut().insert(Pass::of(&secret));
    Ok(Some(caller))
}

/// What a POST to this path begins, if it is a session with a browser.
fn begun(path: &str) -> Option<Subject> {
    if let Some(assistant) = path.strip_prefix("/api/v1/assistants/").and_then(|rest| rest.strip_suffix("/talk")) {
        return assistant.parse().ok().map(Subject::Talk);
    }
    let (call, what) = path.strip_prefix("/api/v1/calls/")?.split_once('/')?;
    let call = call.parse().ok()?;
    match what {
        "whep" => Some(Subject::Listen(call)),
        "take_over" => Some(Subject::TakeOver(call)),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().copied().ok_or(ApiError::Unauthorized)
    }
}
