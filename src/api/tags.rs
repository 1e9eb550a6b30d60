//! Tags of contacts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::contacts::tag_names;
use super::error::ApiError;
use super::paging::{Id, Items, Listed, Ordering};
use crate::id::TagId;
use crate::store::tag::{self, Tag};

/// A tag's name.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "VIP" }))]
pub struct TagInput {
    /// 1 to 60 characters; names that differ in case only are the same.
    #[garde(length(chars, min = 1, max = 60))]
    #[schema(min_length = 1, max_length = 60)]
    name: String,
}

/// A tag.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TagView {
    /// Id.
    id: TagId,
    /// Name.
    name: String,
    /// How many contacts have it, counted up to 10,000.
    contacts: u64,
    /// Whether there are more than `contacts`.
    more: bool,
    /// When it was made.
    created_at: Timestamp,
}

/// Picks tags.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TagFilter {
    /// Part of the name, in any case.
    search: Option<String>,
}

/// Make a tag
#[utoipa::path(
    post, path = "/api/v1/tags", tag = "contacts", request_body = TagInput,
    responses(
        (status = 201, body = TagView),
        (status = 200, body = TagView, description = "There was one of this name"),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<TagInput>,
) -> Result<(StatusCode, Json<TagView>), ApiError> {
    let names = tag_names(Some(&[input.name]))?.unwrap_or_default();
    let mut tx = api.db.begin().await?;
    let before = tx.now().await?;
    let made = tag::ensure(&mut tx, caller.org, &names).await?;
    let made = made.map_err(|error| ApiError::field("/name", "too_many", error.to_string()))?;
    let id = made.first().copied().ok_or(ApiError::NotFound("tag"))?;
    let tag = tag::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    let status = if tag.created_at >= before { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view(tag))))
}

/// List tags
///
/// Ordered by `created_at` or `name`.
#[utoipa::path(
    get, path = "/api/v1/tags", tag = "contacts", params(TagFilter, Ordering),
    responses((status = 200, body = Items<TagView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<TagFilter>,
) -> Result<Json<Items<TagView>>, ApiError> {
    let sheet = listed.sheet(tag::ORDERS)?;
    let mut tx = api.db.read().await?;
    let listing = tag::list(&mut tx, caller.org, listed.filter.search.as_deref(), &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Rename a tag
#[utoipa::path(
    put, path = "/api/v1/tags/{id}", tag = "contacts", params(("id" = TagId, Path)), request_body = TagInput,
    responses(
        (status = 200, body = TagView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn rename(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TagId>,
    Body(input): Body<TagInput>,
) -> Result<Json<TagView>, ApiError> {
    tag_names(Some(std::slice::from_ref(&input.name)))?;
    let mut tx = api.db.begin().await?;
    tag::rename(&mut tx, caller.org, id, &input.name).await?;
    let tag = tag::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Json(view(tag)))
}

/// Delete a tag
///
/// Contacts that have it have it no longer.
#[utoipa::path(
    delete, path = "/api/v1/tags/{id}", tag = "contacts", params(("id" = TagId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(State(api): State<Api>, caller: Caller, Id(id): Id<TagId>) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    tag::delete(&mut tx, caller.org, &caller.actor(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(tag: Tag) -> TagView {
    TagView {
        id: tag.id,
        name: tag.name,
        contacts: tag.contacts.min(tag::COUNTED),
        more: tag.contacts > tag::COUNTED,
        created_at: tag.created_at,
    }
}
