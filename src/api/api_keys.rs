//! Keys that programs authenticate with.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::idempotency::ShownOnce;
use super::paging::{Id, Items, Paging, Params};
use super::scopes::Scope;
use crate::id::ApiKeyId;
use crate::store::api_key::{self, ApiKey, Revoked};

/// A key to make.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "dashboard", "scopes": ["campaigns:read", "calls:read"] }))]
pub struct ApiKeyInput {
    /// What people call it.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    #[garde(length(min = 1))]
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    scopes: BTreeSet<Scope>,
}

/// A key, without the key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiKeyView {
    /// Id.
    id: ApiKeyId,
    /// What people call it.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<String>,
    /// When it was made.
    created_at: Timestamp,
}

/// A key that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key.
    #[serde(flatten)]
    key: ApiKeyView,
    /// What programs send as the bearer token. It is shown here and never again: only a hash is kept.
    secret: String,
}

/// Make a key
///
/// Its secret is in the answer and nowhere else. The same request with the same `Idempotency-Key` makes no second key, and
/// does not show the secret again.
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "api keys", request_body = ApiKeyInput,
    responses((status = 201, body = NewApiKey), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ApiKeyInput>,
) -> Result<Response, ApiError> {
    let secret = api_key::fresh();
    let scopes: Vec<_> = input.scopes.iter().map(ToString::to_string).collect();
    let mut tx = api.db.begin_durable().await?;
    let key = api_key::insert(&mut tx, caller.org, &input.name, &scopes, secret.expose_secret()).await?;
    api_key::noted(&mut tx, &key, &caller.actor()).await?;
    tx.commit().await?;
    let body = NewApiKey { key: view(key), secret: secret.expose_secret().to_owned() };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    let told =
        "the key was made, and its secret was in the first answer: if that was lost, revoke the key and make another";
    response.extensions_mut().insert(ShownOnce(told));
    Ok(response)
}

/// List keys in force
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "api keys", params(Paging),
    responses((status = 200, body = Items<ApiKeyView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<ApiKeyView>>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(Items::of(api_key::list(&mut tx, caller.org, paging.page()?).await?, view)))
}

/// Revoke a key
///
/// From the answer on, no request with it is served. The last key with the scope `admin` stays.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", tag = "api keys", params(("id" = ApiKeyId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn revoke(State(api): State<Api>, caller: Caller, Id(id): Id<ApiKeyId>) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    match api_key::revoke(&mut tx, caller.org, id, &caller.actor()).await? {
        Revoked::Gone => {}
        Revoked::LastAdmin => {
            return Err(ApiError::Conflict {
                code: "last_admin",
                detail: "no other key has the scope `admin`: make one first".to_owned(),
                faults: Vec::new(),
            });
        }
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(key: ApiKey) -> ApiKeyView {
    let ApiKey { id, org: _, name, scopes, created_at } = key;
    ApiKeyView { id, name, scopes, created_at }
}
