//! The organisation: its limits, and how much of them it has used.

use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use crate::id::OrgId;
use crate::store::lock::Lock;
use crate::store::org::{self, Plan};
use crate::store::{StoreError, Tx, quota};

/// Limits over all campaigns of the organisation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "calls_per_minute": 600, "max_concurrent_calls": 200, "max_active_campaigns": 5, "minutes_per_month": 20000
}))]
pub struct OrganisationLimits {
    /// Dials a minute.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    calls_per_minute: u32,
    /// Calls at the same moment, those that come in included.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_concurrent_calls: u32,
    /// Campaigns in progress at the same time. Of more than that those are paused (`plan_active_limit`) that began to dial
    /// last, and go on when there is room. No limit when it is left out.
    #[serde(default)]
    #[garde(range(max = 1_000_000))]
    #[schema(maximum = 1_000_000)]
    max_active_campaigns: Option<u32>,
    /// Minutes of calls in a calendar month, UTC, from their answers. When they are used up campaigns are paused
    /// (`quota_minutes`), and go on in the next month or when there are more. No limit when it is left out.
    #[serde(default)]
    #[garde(range(max = 1_000_000_000))]
    #[schema(maximum = 1_000_000_000)]
    minutes_per_month: Option<u32>,
}

/// How much the organisation has used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct OrganisationUsage {
    /// Minutes of calls in this calendar month, UTC, those that go on included.
    minutes_this_month: f64,
    /// Minutes that are left; absent without a limit.
    minutes_left: Option<f64>,
    /// Campaigns in progress.
    active_campaigns: u32,
}

/// Read the limits of the organisation
#[utoipa::path(
    get, path = "/api/v1/organisation/limits", tag = "organisation",
    responses((status = 200, body = OrganisationLimits))
)]
pub async fn read(State(api): State<Api>, caller: Caller) -> Result<Tagged<OrganisationLimits>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(limits(&mut tx, caller.org).await?))
}

/// Replace the limits of the organisation
///
/// They hold from the next dial on. What the plan no longer allows is paused within a minute, what it allows again goes on.
#[utoipa::path(
    put, path = "/api/v1/organisation/limits", tag = "organisation", request_body = OrganisationLimits,
    responses((status = 200, body = OrganisationLimits), (status = 422, body = super::Problem))
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    wanted: IfMatch,
    Body(input): Body<OrganisationLimits>,
) -> Result<Tagged<OrganisationLimits>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Organisation(caller.org)).await?;
    wanted.check(&limits(&mut tx, caller.org).await?)?;
    org::set_limits(&mut tx, caller.org, input.calls_per_minute, input.max_concurrent_calls).await?;
    let plan = Plan { max_active_campaigns: input.max_active_campaigns, minutes_per_month: input.minutes_per_month };
    org::set_plan(&mut tx, caller.org, plan).await?;
    let limits = limits(&mut tx, caller.org).await?;
    tx.commit().await?;
    Ok(Tagged(limits))
}

/// How much of its limits the organisation has used
#[utoipa::path(
    get, path = "/api/v1/organisation/usage", tag = "organisation",
    responses((status = 200, body = OrganisationUsage))
)]
pub async fn usage(State(api): State<Api>, caller: Caller) -> Result<Json<OrganisationUsage>, ApiError> {
    let mut tx = api.db.read().await?;
    let usage = quota::show(&mut tx, caller.org).await?;
    Ok(Json(OrganisationUsage {
        minutes_this_month: usage.talked.as_secs_f64() / 60.0,
        minutes_left: usage.minutes_left(),
        active_campaigns: usage.active,
    }))
}

async fn limits(tx: &mut Tx, id: OrgId) -> Result<OrganisationLimits, StoreError> {
    let org = org::get(tx, id).await?;
    Ok(OrganisationLimits {
        calls_per_minute: org.calls_per_minute,
        max_concurrent_calls: org.max_concurrent_calls,
        max_active_campaigns: org.plan.max_active_campaigns,
        minutes_per_month: org.plan.minutes_per_month,
    })
}
