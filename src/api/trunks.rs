//! Trunks: the carriers that calls go through.

mod faults;
mod input;
mod presets;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use self::faults::parse;
pub use self::input::TrunkInput;
pub use self::presets::{__path_list_presets, TrunkPresets, list_presets};
use self::view::view;
pub use self::view::{BreakerView, RegistrationView, TrunkView};
use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use super::trunk_inbound;
use crate::id::{AssistantId, TrunkId};
use crate::store::dialing::breaker;
use crate::store::lock::Lock;
use crate::store::trunk_inbound as stored;
use crate::store::{Listing, StoreError, Tx, assistant, trunk};

/// Create a trunk
#[utoipa::path(
    post, path = "/api/v1/trunks", tag = "trunks", request_body = TrunkInput,
    responses(
        (status = 201, body = TrunkView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<TrunkInput>,
) -> Result<(StatusCode, Tagged<TrunkView>), ApiError> {
    let (data, inbound) = parse(input, None, None)?;
    let mut tx = api.db.begin().await?;
    check_assistant(&mut tx, caller, data.inbound_assistant).await?;
    trunk_inbound::check(&mut tx, caller, &inbound).await?;
    let trunk = trunk::insert(&mut tx, caller.org, data).await?;
    stored::set(&mut tx, trunk.id, &inbound).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view)))
}

/// List trunks
#[utoipa::path(
    get, path = "/api/v1/trunks", tag = "trunks", params(Paging),
    responses((status = 200, body = Items<TrunkView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<TrunkView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let listing = trunk::list(&mut tx, Some(caller.org), paging.page()?).await?;
    let mut items = Vec::with_capacity(listing.items.len());
    for trunk in listing.items {
        items.push(view(&api, &mut tx, trunk).await?);
    }
    Ok(Json(Items::of(Listing { items, next: listing.next }, |view| view)))
}

/// Read a trunk
#[utoipa::path(
    get, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<TrunkId>) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.read().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    Ok(Tagged(view(&api, &mut tx, trunk).await?))
}

/// Let calls over a trunk again
///
/// For a trunk that was stopped because its carrier refused our calls, or is left alone for a while: what was wrong is
/// mended. Its breaker closes at once. Replacing a trunk does the same.
#[utoipa::path(
    post, path = "/api/v1/trunks/{id}/resume", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkView), (status = 404, body = super::Problem))
)]
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.begin().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    breaker::reset(&mut tx, id).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok(Tagged(view))
}

/// Replace a trunk
///
/// Calls under way keep the settings they began with.
#[utoipa::path(
    put, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)), request_body = TrunkInput,
    responses(
        (status = 200, body = TrunkView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    wanted: IfMatch,
    Body(input): Body<TrunkInput>,
) -> Result<Tagged<TrunkView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Trunk(id)).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(&api, &mut tx, trunk.clone()).await?)?;
    let before = stored::get(&mut tx, id).await?.auth;
    let (data, inbound) = parse(input, trunk.data.password, before)?;
    check_assistant(&mut tx, caller, data.inbound_assistant).await?;
    trunk_inbound::check(&mut tx, caller, &inbound).await?;
    trunk::update(&mut tx, caller.org, id, trunk.version, &data).await?;
    stored::set(&mut tx, id, &inbound).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    let view = view(&api, &mut tx, trunk).await?;
    tx.commit().await?;
    Ok(Tagged(view))
}

/// Delete a trunk that no campaign, no group and no route uses
#[utoipa::path(
    delete, path = "/api/v1/trunks/{id}", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TrunkId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Trunk(id)).await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(&api, &mut tx, trunk).await?)?;
    trunk::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn check_assistant(tx: &mut Tx, caller: Caller, id: Option<AssistantId>) -> Result<(), ApiError> {
    let Some(id) = id else { return Ok(()) };
    match assistant::get(tx, caller.org, id).await {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound) => {
            Err(ApiError::field("/inbound_assistant_id", "not_found", "there is no such assistant"))
        }
        Err(error) => Err(error.into()),
    }
}
