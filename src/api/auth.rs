//! Who asks: an API key as a bearer token.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::error::ApiError;
use super::scopes::{Scope, Scopes, needed};
use crate::id::{ApiKeyId, OrgId};
use crate::store::{StoreError, api_key};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The organisation whose things are seen and changed.
    pub org: OrgId,
    /// The key, for the audit log.
    pub key: ApiKeyId,
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
    let secret = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|secret| secret.len() <= 256)
        .ok_or(ApiError::Unauthorized)?
        .to_owned();
    let mut tx = api.db.read().await?;
    let key = match api_key::authenticate(&mut tx, &secret).await {
        Ok(key) => key,
        Err(StoreError::NotFound) => return Err(ApiError::Unauthorized),
        Err(error) => return Err(error.into()),
    };
    drop(tx);
    let scope = scope(&request);
    if !Scopes::of(&key.scopes).allow(scope) {
        return Err(ApiError::Forbidden(scope));
    }
    request.extensions_mut().insert(Caller { org: key.org, key: key.id });
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().copied().ok_or(ApiError::Unauthorized)
    }
}
