//! The suppression list: numbers that are never dialed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::paging::{Id, Items, Paging, Params};
use crate::campaign::phone::E164;
use crate::id::SuppressionId;
use crate::pii::Pii;
use crate::store::suppression::{self, Suppression, SuppressionSource};

/// A number to suppress.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "phone": "+442079460000", "note": "asked by letter" }))]
pub struct SuppressionInput {
    /// Phone number with `+` and country code.
    #[garde(skip)]
    #[schema(value_type = String)]
    phone: Pii<String>,
    /// Why, for people.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    note: String,
}

/// An entry of the list. Numbers are kept as keyed hashes only, so they are not shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuppressionView {
    /// Id.
    id: SuppressionId,
    /// How the number came on the list.
    #[schema(value_type = String, examples("manual", "dnc_list", "spoken_opt_out"))]
    source: SuppressionSource,
    /// Why, for people.
    note: String,
    /// Since when.
    created_at: Timestamp,
}

/// Suppress a number
///
/// No campaign of the organisation dials it from now on; it is checked once more immediately before each dial.
#[utoipa::path(
    post, path = "/api/v1/suppressions", tag = "suppressions", request_body = SuppressionInput,
    responses(
        (status = 201, body = SuppressionView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<SuppressionInput>,
) -> Result<(StatusCode, Json<SuppressionView>), ApiError> {
    let phone = E164::parse(input.phone.expose(), None)
        .map_err(|error| ApiError::field("/phone", "invalid_phone", error.to_string()))?;
    let hash = api.secrets.phone.hash(&phone);
    let mut tx = api.db.begin_durable().await?;
    let entry = suppression::insert(&mut tx, caller.org, &hash, SuppressionSource::Manual, &input.note).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(entry))))
}

/// List suppressed numbers
#[utoipa::path(
    get, path = "/api/v1/suppressions", tag = "suppressions", params(Paging),
    responses((status = 200, body = Items<SuppressionView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<SuppressionView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = suppression::list(&mut tx, caller.org, paging.page()?).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Take a number off the list
#[utoipa::path(
    delete, path = "/api/v1/suppressions/{id}", tag = "suppressions", params(("id" = SuppressionId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(State(api): State<Api>, caller: Caller, Id(id): Id<SuppressionId>) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    suppression::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(entry: Suppression) -> SuppressionView {
    let Suppression { id, phone_hash: _, source, note, created_at } = entry;
    SuppressionView { id, source, note, created_at }
}
