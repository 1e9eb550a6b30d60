//! Routes: over which trunks calls go by the number called.

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
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use crate::id::{OrgId, RouteId, TrunkGroupId, TrunkId};
use crate::store::lock::Lock;
use crate::store::prefix_route::{self, MAX_ROUTES, Over, PrefixRoute, RouteData};
use crate::store::{StoreError, Tx, trunk, trunk_group};

/// Where calls to numbers that begin alike go: to a trunk or to a group.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "prefix": "+4420", "trunk_id": "0190f3c4-7b1a-7000-8000-000000000001" }))]
pub struct RouteInput {
    /// What numbers in E.164 begin with: `+` and 1 to 15 digits. Of several routes the longest prefix counts.
    #[garde(custom(is_prefix))]
    #[schema(pattern = "^\\+[1-9][0-9]{0,14}$")]
    prefix: String,
    /// The trunk; in its place `trunk_group_id`.
    #[serde(default)]
    #[garde(skip)]
    trunk_id: Option<TrunkId>,
    /// The group; in its place `trunk_id`.
    #[serde(default)]
    #[garde(skip)]
    trunk_group_id: Option<TrunkGroupId>,
}

/// A route.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RouteView {
    /// Id.
    id: RouteId,
    /// Counts its changes.
    version: i64,
    /// What numbers in E.164 begin with.
    prefix: String,
    /// The trunk; absent when it leads to a group.
    trunk_id: Option<TrunkId>,
    /// The group; absent when it leads to a trunk.
    trunk_group_id: Option<TrunkGroupId>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Create a route
///
/// Of the trunks that a campaign has, a number goes over those that its route leads to; where it leads to none of them the
/// campaign's own order stands. A caller who is handed over to a number, for which nobody named a trunk, goes over those of
/// the route. At most 1000 of them.
#[utoipa::path(
    post, path = "/api/v1/routes", tag = "trunks", request_body = RouteInput,
    responses(
        (status = 201, body = RouteView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<RouteInput>,
) -> Result<(StatusCode, Tagged<RouteView>), ApiError> {
    let mut tx = api.db.begin().await?;
    let data = data(&mut tx, caller.org, input).await?;
    if prefix_route::count(&mut tx, caller.org).await? >= MAX_ROUTES {
        return Err(ApiError::Conflict {
            code: "too_many_routes",
            detail: format!(
                "an organisation has at most {MAX_ROUTES} routes: delete one, or join some under a shorter prefix"
            ),
            faults: Vec::new(),
        });
    }
    let route = prefix_route::insert(&mut tx, caller.org, &data).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(route))))
}

/// List routes
#[utoipa::path(
    get, path = "/api/v1/routes", tag = "trunks", params(Paging),
    responses((status = 200, body = Items<RouteView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<RouteView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = prefix_route::list(&mut tx, caller.org, paging.page()?).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a route
#[utoipa::path(
    get, path = "/api/v1/routes/{id}", tag = "trunks", params(("id" = RouteId, Path)),
    responses((status = 200, body = RouteView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<RouteId>) -> Result<Tagged<RouteView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(prefix_route::get(&mut tx, caller.org, id).await?)))
}

/// Replace a route
///
/// The next claim goes by it. Dials under way keep their trunks.
#[utoipa::path(
    put, path = "/api/v1/routes/{id}", tag = "trunks", params(("id" = RouteId, Path)), request_body = RouteInput,
    responses(
        (status = 200, body = RouteView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RouteId>,
    wanted: IfMatch,
    Body(input): Body<RouteInput>,
) -> Result<Tagged<RouteView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Route(id)).await?;
    let route = prefix_route::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(route.clone()))?;
    let data = data(&mut tx, caller.org, input).await?;
    prefix_route::update(&mut tx, caller.org, id, route.version, &data).await?;
    let route = prefix_route::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(route)))
}

/// Delete a route
#[utoipa::path(
    delete, path = "/api/v1/routes/{id}", tag = "trunks", params(("id" = RouteId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<RouteId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Route(id)).await?;
    let route = prefix_route::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(route))?;
    prefix_route::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn data(tx: &mut Tx, org: OrgId, input: RouteInput) -> Result<RouteData, ApiError> {
    let over = match (input.trunk_id, input.trunk_group_id) {
        (Some(trunk), None) => {
            found(trunk::get(tx, org, trunk).await, "/trunk_id", "there is no such trunk: create it first")?;
            Over::Trunk(trunk)
        }
        (None, Some(group)) => {
            let wrong = "there is no such trunk group: create it first";
            found(trunk_group::get(tx, org, group).await, "/trunk_group_id", wrong)?;
            Over::Group(group)
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::field("/trunk_group_id", "exclusive", "give either trunk_id or trunk_group_id"));
        }
        (None, None) => return Err(ApiError::field("/trunk_id", "required", "give trunk_id or trunk_group_id")),
    };
    Ok(RouteData { prefix: input.prefix.trim_start_matches('+').to_owned(), over })
}

fn found<T>(read: Result<T, StoreError>, pointer: &str, wrong: &str) -> Result<(), ApiError> {
    match read {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound) => Err(ApiError::field(pointer, "not_found", wrong)),
        Err(error) => Err(error.into()),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn is_prefix(text: &str, (): &()) -> garde::Result {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = (1..=15).contains(&digits.len()) && !digits.starts_with('0');
    if fits && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(garde::Error::new("write + and 1 to 15 digits with the country code first, such as +4420"))
}

fn view(route: PrefixRoute) -> RouteView {
    let PrefixRoute { id, org: _, version, data: RouteData { prefix, over }, created_at, updated_at } = route;
    let (trunk_id, trunk_group_id) = match over {
        Over::Trunk(trunk) => (Some(trunk), None),
        Over::Group(group) => (None, Some(group)),
    };
    RouteView { id, version, prefix: format!("+{prefix}"), trunk_id, trunk_group_id, created_at, updated_at }
}
