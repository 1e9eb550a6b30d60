//! What people set in the console for themselves.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::auth::SignedIn;
use super::body::Unchecked;
use super::error::ApiError;
use crate::store::preference;

/// Longest value, in bytes of JSON.
const LONGEST: usize = 8 << 10;
/// Longest key.
const KEY: usize = 100;

/// A preference.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "value": { "columns": ["name", "state"], "density": "compact" } }))]
pub struct PreferenceInput {
    /// Any JSON of at most 8 KiB.
    value: Value,
}

/// Read one's preferences
#[utoipa::path(
    get, path = "/api/v1/preferences", tag = "session",
    responses((status = 200, body = BTreeMap<String, Value>, description = "Values by key"))
)]
pub async fn read(State(api): State<Api>, signed_in: SignedIn) -> Result<Json<BTreeMap<String, Value>>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(preference::all(&mut tx, signed_in.user).await?))
}

/// Set a preference
///
/// A key has 1 to 100 letters, digits, hyphens, underscores, dots and colons. There are 100 at most: 409 `too_many_preferences`.
#[utoipa::path(
    put, path = "/api/v1/preferences/{key}", tag = "session", params(("key" = String, Path)),
    request_body = PreferenceInput,
    responses((status = 204), (status = 409, body = super::Problem), (status = 422, body = super::Problem))
)]
pub async fn set(
    State(api): State<Api>,
    signed_in: SignedIn,
    Path(key): Path<String>,
    Unchecked(input): Unchecked<PreferenceInput>,
) -> Result<StatusCode, ApiError> {
    let signs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if !(1..=KEY).contains(&key.len()) || !key.bytes().all(signs) {
        let reason = "must have 1 to 100 letters, digits, hyphens, underscores, dots and colons";
        return Err(ApiError::field("key", "invalid_key", reason));
    }
    if input.value.to_string().len() > LONGEST {
        return Err(ApiError::field("/value", "too_large", "must have 8192 bytes of JSON or less"));
    }
    let mut tx = api.db.begin().await?;
    if !preference::set(&mut tx, signed_in.user, &key, &input.value).await? {
        return Err(ApiError::Conflict {
            code: "too_many_preferences",
            detail: format!("there are {} already: delete one first", preference::MOST),
            faults: Vec::new(),
        });
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget a preference
#[utoipa::path(
    delete, path = "/api/v1/preferences/{key}", tag = "session", params(("key" = String, Path)),
    responses((status = 204, description = "It is not set"))
)]
pub async fn remove(
    State(api): State<Api>,
    signed_in: SignedIn,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    preference::remove(&mut tx, signed_in.user, &key).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
