//! What people do to single contacts of a campaign.

use std::collections::BTreeMap;

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
use super::campaign_control::{Dialing, after};
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Params};
use super::targets::{TargetView, declared, view};
use crate::campaign::states::CampaignState;
use crate::id::{CampaignId, ContactId, TargetId};
use crate::pii::Pii;
use crate::store::dialing::callback::{self, Set};
use crate::store::dialing::now::{CallNow, call_now};
use crate::store::lock::Lock;
use crate::store::target::{self, Act, Entry};
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
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
) -> Result<Tagged<TargetView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(target::get(&mut tx, caller.org, id).await?)))
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
pub async fn approve(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Tagged<TargetView>, ApiError> {
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
pub async fn reject(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Tagged<TargetView>, ApiError> {
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
pub async fn suspend(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Tagged<TargetView>, ApiError> {
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
pub async fn resume(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Tagged<TargetView>, ApiError> {
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
pub async fn remove(api: State<Api>, caller: Caller, id: Id<TargetId>) -> Result<Tagged<TargetView>, ApiError> {
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

/// When a contact is to be called back.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "at": "2099-03-02T14:00:00Z" }))]
pub struct CallbackInput {
    /// The moment. Outside the contact's hours it is moved to their next opening.
    #[garde(skip)]
    at: Timestamp,
}

/// Arrange a callback, or move it
///
/// Callbacks are dialed ahead of retries and of contacts that were not called yet, and have a budget of their own. Whoever
/// was done or failed begins a new round.
#[utoipa::path(
    put, path = "/api/v1/targets/{id}/callback", tag = "campaigns", params(("id" = TargetId, Path)),
    request_body = CallbackInput,
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn set_callback(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    wanted: IfMatch,
    Body(input): Body<CallbackInput>,
) -> Result<Tagged<TargetView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Target(id)).await?;
    wanted.check(&view(target::get(&mut tx, caller.org, id).await?))?;
    may_change(&mut tx, caller, id).await?;
    match callback::set(&mut tx, caller.org, &caller.actor(), id, input.at).await? {
        Set::At(_) => {}
        Set::Past => return Err(ApiError::field("/at", "in_past", "must lie in the future")),
        Set::NoTime => {
            let reason = "no allowed time is left after it in the campaign: extend its period or its days";
            return Err(ApiError::field("/at", "no_window", reason));
        }
        Set::NotPossible(refused) => return Err(not_allowed(refused.to_string())),
    }
    let target = target::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(target)))
}

/// Call a callback off: the contact waits as it did before
#[utoipa::path(
    delete, path = "/api/v1/targets/{id}/callback", tag = "campaigns", params(("id" = TargetId, Path)),
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn drop_callback(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    wanted: IfMatch,
) -> Result<Tagged<TargetView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Target(id)).await?;
    wanted.check(&view(target::get(&mut tx, caller.org, id).await?))?;
    may_change(&mut tx, caller, id).await?;
    let dropped = callback::drop_it(&mut tx, caller.org, &caller.actor(), id).await?;
    dropped.map_err(|refused| not_allowed(refused.to_string()))?;
    let target = target::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(target)))
}

/// Values for one contact.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "overwrites": { "offer": "B" } }))]
pub struct OverwritesInput {
    /// Values for variables of the campaign's assistant, which outrank the contact's own and the assistant's. A blank one
    /// keeps what there is. At most 500 characters each.
    #[garde(skip)]
    #[schema(value_type = BTreeMap<String, String>)]
    overwrites: Pii<BTreeMap<String, String>>,
}

/// Set what stands in the place of a contact's variables in this campaign
///
/// All of them: what is left out is gone. The next call uses them.
#[utoipa::path(
    put, path = "/api/v1/targets/{id}/overwrites", tag = "campaigns", params(("id" = TargetId, Path)),
    request_body = OverwritesInput,
    responses(
        (status = 200, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn overwrite(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    wanted: IfMatch,
    Body(input): Body<OverwritesInput>,
) -> Result<Tagged<TargetView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Target(id)).await?;
    let seen = target::get(&mut tx, caller.org, id).await?;
    let of = campaign::get(&mut tx, caller.org, seen.campaign).await?;
    wanted.check(&view(seen))?;
    may_change(&mut tx, caller, id).await?;
    let values = declared(&mut tx, caller, &of, input.overwrites).await?;
    target::overwrite(&mut tx, caller.org, &caller.actor(), id, &values).await?;
    let target = target::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(target)))
}

/// Whom to call at once.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact_id": "0190f3c4-7b1a-7000-8000-000000000001" }))]
pub struct CallNowInput {
    /// The contact. One that is not in the campaign is added to it.
    #[garde(skip)]
    contact_id: ContactId,
}

/// Call one contact now
///
/// It goes before everybody else in the campaign, through the same gate and under the same limits: when it may not be
/// called now, the answer says why and from when on it may. A campaign that is not in progress places no call.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/call", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = CallNowInput,
    responses(
        (status = 202, body = TargetView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn call(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<CallNowInput>,
) -> Result<(StatusCode, Tagged<TargetView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    target::add(&mut tx, caller.org, id, &[input.contact_id], Entry::default()).await?;
    let actor = caller.actor();
    let refused = |code, detail: String| ApiError::Conflict { code, detail, faults: Vec::new() };
    let target = match call_now(&mut tx, caller.org, &actor, id, input.contact_id).await? {
        CallNow::Next(target) => target,
        CallNow::Refused(reason) => return Err(refused("blocked", format!("the contact may not be called: {reason}"))),
        CallNow::NotBefore(at, why) => {
            return Err(refused("not_now", format!("not now ({why}), but from {at} on")));
        }
        CallNow::Expired => return Err(refused("expired", "no allowed time is left in the campaign".to_owned())),
        CallNow::NotInProgress(state) => return Err(not_allowed(format!("a campaign that is {state} places no call"))),
        CallNow::NotPossible(why) => return Err(not_allowed(why.to_string())),
    };
    let target = target::get(&mut tx, caller.org, target).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Tagged(view(target))))
}

async fn act(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<TargetId>,
    act: Act,
) -> Result<Tagged<TargetView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    carry_out(&mut tx, caller, id, act).await?;
    let target = target::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(target)))
}

async fn carry_out(tx: &mut Tx, caller: Caller, id: TargetId, act: Act) -> Result<CampaignId, ApiError> {
    may_change(tx, caller, id).await?;
    let done = target::act(tx, caller.org, &caller.actor(), id, act).await?;
    done.map(|(campaign, _)| campaign).map_err(|refused| not_allowed(refused.to_string()))
}

/// Contacts of a campaign that is over for good stay as they are.
async fn may_change(tx: &mut Tx, caller: Caller, id: TargetId) -> Result<(), ApiError> {
    let of = target::get(tx, caller.org, id).await?.campaign;
    match campaign::get(tx, caller.org, of).await?.state {
        CampaignState::Draft | CampaignState::InProgress | CampaignState::Paused | CampaignState::Completed => Ok(()),
        over @ (CampaignState::Cancelled | CampaignState::Deleting) => {
            Err(not_allowed(format!("the campaign is {over}: its contacts stay as they are")))
        }
    }
}

const fn not_allowed(detail: String) -> ApiError {
    ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() }
}
