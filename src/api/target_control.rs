//! What people do to single contacts of a campaign.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::campaign_control::{Dialing, after};
use super::error::ApiError;
use super::paging::{Id, Params};
use super::targets::{TargetView, view};
use crate::campaign::states::CampaignState;
use crate::id::{CampaignId, TargetId};
use crate::store::audit::Actor;
use crate::store::target::{self, Act};
use crate::store::{Tx, campaign};

/// A contact that was started over, and what it means for its campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Restarted {
    /// The contact.
    target: TargetView,
    /// Its campaign.
    campaign: Dialing,
}

/// What follows a restart.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RestartParams {
    /// A completed campaign is opened again at once. Without it, it stays completed until somebody resumes it.
    #[serde(default)]
    #[param(default = false, example = true)]
    start: bool,
}

/// Read a contact of a campaign
#[utoipa::path(
    get, path = "/api/v1/targets/{id}", tag = "campaigns", params(("id" = TargetId, Path)),
    responses((status = 200, body = TargetView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(view(target::get(&mut tx, caller.org, id).await?)))
}

/// Take a contact in that is new or was rejected: it waits for its call
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/approve", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn approve(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    act(api, caller, id, Act::Approve).await
}

/// Reject a contact that is new or waits: it is not called
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/reject", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn reject(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    act(api, caller, id, Act::Reject).await
}

/// Hold a contact: nothing is dialed until it is resumed
///
/// A live call goes on; the contact is suspended when it has ended and would have been called again.
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/suspend", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn suspend(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    act(api, caller, id, Act::Suspend).await
}

/// Let a suspended contact go on
///
/// A callback whose time is still to come is kept.
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/resume", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn resume(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    act(api, caller, id, Act::Resume).await
}

/// Take a contact out of its campaign; what was said with it stays
///
/// A live call goes on; the contact is removed when it has ended.
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/remove", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn remove(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Json<TargetView>, ApiError> {
    act(api, caller, id, Act::Remove).await
}

/// Start a contact over that is done, failed or blocked
///
/// Its retries are counted anew, in a new round; earlier calls stay, and so do values that were set for it.
#[utoipa::path(
    post, path = "/api/v1/targets/{id}/restart", tag = "campaigns", params(("id" = TargetId, Path), RestartParams),
    responses(
        (status = 200, body = Restarted),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn restart(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    Params(params): Params<RestartParams>,
) -> Result<Json<Restarted>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let campaign = carry_out(&mut tx, caller, id, Act::Restart).await?;
    let campaign = after(&mut tx, caller, campaign, params.start).await?;
    let target = view(target::get(&mut tx, caller.org, id).await?);
    tx.commit().await?;
    Ok(Json(Restarted { target, campaign }))
}

async fn act(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    act: Act,
) -> Result<Json<TargetView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    carry_out(&mut tx, caller, id, act).await?;
    let target = target::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Json(view(target)))
}

async fn carry_out(tx: &mut Tx, caller: Caller, id: TargetId, act: Act) -> Result<CampaignId, ApiError> {
    let not_allowed = |detail| ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() };
    let of = target::get(tx, caller.org, id).await?.campaign;
    match campaign::get(tx, caller.org, of).await?.state {
        CampaignState::Draft | CampaignState::InProgress | CampaignState::Paused | CampaignState::Completed => {}
        over @ (CampaignState::Cancelled | CampaignState::Deleting) => {
            return Err(not_allowed(format!("the campaign is {over}: its contacts stay as they are")));
        }
    }
    let done = target::act(tx, caller.org, &Actor::key(caller.key), id, act).await?;
    done.map(|(campaign, _)| campaign).map_err(|refused| not_allowed(refused.to_string()))
}
