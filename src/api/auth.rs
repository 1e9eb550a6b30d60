//! Who asks: an API key as a bearer token, a user by the cookie of a session, or a token that either made for one websocket
//! or one session with a browser.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::cookie;
use super::error::ApiError;
use super::listen::{Pass, Subject};
use super::peer;
use super::scopes::{Scope, Scopes, is_personal, needed};
use crate::access::{Role, Token};
use crate::id::{ApiKeyId, CallId, OrgId, UserId, UserSessionId, WebRtcSessionId};
use crate::store::audit::Actor;
use crate::store::{StoreError, Tx, api_key, user_session};
use crate::time;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The organisation whose things are seen and changed.
    pub org: OrgId,
    /// The key or the user.
    pub who: Who,
    /// What they may do.
    pub scopes: Scopes,
}

/// A program or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A program with a key.
    Key(ApiKeyId),
    /// A person who is signed in.
    User {
        /// Who it is.
        user: UserId,
        /// By which sign-in.
        session: UserSessionId,
        /// What they were when they asked.
        role: Role,
    },
}

/// A person who is signed in. Programs are refused.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn {
    /// The organisation.
    pub org: OrgId,
    /// Who it is.
    pub user: UserId,
    /// By which sign-in.
    pub session: UserSessionId,
    /// What they may do.
    pub scopes: Scopes,
}

impl Caller {
    /// Who acts, for the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self.who {
            Who::Key(key) => Actor::key(key),
            Who::User { user, .. } => Actor::user(user),
        }
    }

    /// Whether the key has not been revoked; whether the user is still signed in, and what they were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn in_force(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        match self.who {
            Who::Key(key) => api_key::in_force(tx, key).await,
            Who::User { session, role, .. } => user_session::in_force(tx, session, role).await,
        }
    }
}

/// The scope that a request needs; the route tells. None for what is about whoever is signed in.
fn scope(request: &Request) -> Option<Scope> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    (!is_personal(request.method(), route)).then(|| needed(request.method(), route))
}

/// Lets a request through when it carries a key or a session in force that may do what the route does, and notes the
/// [`Caller`].
pub(super) async fn require_key(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = match (token(&request), bearer(&request)) {
        (Some((token, call)), _) => by_token(&api, token, call).await?,
        (None, None) => by_session(&api, shown(&api, &request)).await?,
        (None, Some(secret)) => match by_pass(&api, &mut request, &secret).await? {
            Some(caller) => caller,
            None => by_key(&api, &secret).await?,
        },
    };
    if let Some(scope) = scope(&request)
        && !caller.scopes.allow(scope)
    {
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

async fn by_key(api: &Api, secret: &str) -> Result<Caller, ApiError> {
    let mut tx = api.db.read().await?;
    match api_key::authenticate(&mut tx, secret).await {
        Ok(key) => Ok(Caller { org: key.org, who: Who::Key(key.id), scopes: Scopes::of(&key.scopes) }),
        Err(StoreError::NotFound) => Err(ApiError::Unauthorized),
        Err(error) => Err(error.into()),
    }
}

/// The cookie of a request, and whether somebody else's page may have sent it.
struct Shown {
    token: Token,
    is_own: Result<(), ApiError>,
}

/// What changes something has to prove that it comes from a page that could read the token of the session; a websocket,
/// which cannot send it, that it comes from a page of this server.
fn shown(api: &Api, request: &Request) -> Option<Shown> {
    let token = cookie::sent(request.headers())?;
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_own = if !harmless && !proves(request, &token) {
        Err(ApiError::Csrf("send the header `X-CSRF-Token` with the `csrf` of GET /api/v1/session"))
    } else if request.headers().contains_key(header::UPGRADE) && !peer::is_own_page(&api.config, request) {
        Err(ApiError::Csrf(
            "a websocket is for pages of this server: its `Origin` has to name the host that it connects to, which a proxy \
             passes on in `Host` or `X-Forwarded-Host`",
        ))
    } else {
        Ok(())
    };
    Some(Shown { token, is_own })
}

async fn by_session(api: &Api, shown: Option<Shown>) -> Result<Caller, ApiError> {
    let Shown { token, is_own } = shown.ok_or(ApiError::Unauthorized)?;
    let mut tx = api.db.read().await?;
    let session = match user_session::authenticate(&mut tx, &token).await {
        Ok(session) => session,
        Err(StoreError::NotFound) => return Err(ApiError::Unauthorized),
        Err(error) => return Err(error.into()),
    };
    drop(tx);
    is_own?;
    if session.stale {
        let mut tx = api.db.begin().await?;
        user_session::touch(&mut tx, session.id).await?;
        tx.commit().await?;
    }
    let who = Who::User { user: session.user, session: session.id, role: session.role };
    Ok(Caller { org: session.org, who, scopes: Scopes::of_role(session.role) })
}

/// Whether the request has the token against forged requests.
fn proves(request: &Request, token: &Token) -> bool {
    let sent = request.headers().get(cookie::CSRF);
    sent.is_some_and(|sent| {
        aws_lc_rs::constant_time::verify_slices_are_equal(sent.as_bytes(), token.csrf().as_bytes()).is_ok()
    })
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
    if caller.in_force(&mut tx).await? { Ok(caller) } else { Err(ApiError::Unauthorized) }
}

/// Who asks with a token in place of a key: to begin a session with a browser, or for the session that it began.
async fn by_pass(api: &Api, request: &mut Request, secret: &str) -> Result<Option<Caller>, ApiError> {
    let path = request.uri().path();
    let caller = if *request.method() == Method::POST {
        begun(path).and_then(|subject| api.tickets.redeem(time::now().mono, secret, subject))
    } else {
        let session = path.rsplit('/').next().and_then(|name| name.parse::<WebRtcSessionId>().ok());
        session.and_then(|session| api.tickets.holder(secret, session))
    };
    let Some(caller) = caller else { return Ok(None) };
    let mut tx = api.db.read().await?;
    if !caller.in_force(&mut tx).await? {
        return Err(ApiError::Unauthorized);
    }
    request.extensions_mut().insert(Pass::of(secret));
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

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Caller { org, who, scopes } = Caller::from_request_parts(parts, state).await?;
        match who {
            Who::User { user, session, .. } => Ok(Self { org, user, session, scopes }),
            Who::Key(_) => Err(ApiError::NoUser),
        }
    }
}
