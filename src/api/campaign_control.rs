//! Running a campaign: start, pause, resume, cancel, and how far it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaigns::{CampaignView, view};
use super::error::{ApiError, FieldFault};
use super::etag::Tagged;
use super::paging::Id;
use crate::campaign::states::{CampaignState, PauseReason, TargetState};
use crate::campaign::transition::CampaignEvent;
use crate::dialer::pacing::Scope;
use crate::dialer::start::StartGuard;
use crate::dialer::status::{Held, LimitCode};
use crate::id::CampaignId;
use crate::outlook;
use crate::store::campaign::{self, Campaign, Move, Reopened};
use crate::store::{StoreError, Tx, quota};

/// How far a campaign is: `total = pending + in_progress + completed + failed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProgressView {
    /// Where the campaign stands.
    state: CampaignState,
    /// Contacts that count: all but rejected and removed ones.
    total: u64,
    /// Not called to an end yet.
    pending: u64,
    /// In a call.
    in_progress: u64,
    /// Finished.
    completed: u64,
    /// Given up: retries exhausted, blocked or expired.
    failed: u64,
    /// (completed + failed) / total in percent; 100 without contacts.
    percent_complete: f64,
    /// Contacts in each state that has any.
    #[schema(value_type = BTreeMap<String, u64>)]
    by_state: BTreeMap<TargetState, u64>,
    /// Calls that were answered and heard nothing from us for two seconds. Some laws count them as abandoned: it should
    /// stay 0.
    silent_starts: u64,
    /// What keeps the node that answers from dialing the next contact; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<HeldView>,
}

/// What keeps a campaign from dialing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldView {
    /// Which limit, as the diagnosis names it.
    code: LimitCode,
    /// What the limit belongs to.
    scope: Scope,
    /// In words.
    reason: String,
    /// When it is looked at again, where a time is known.
    until: Option<Timestamp>,
}

/// Where a campaign stands after its contacts were changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Dialing {
    /// The campaign.
    id: CampaignId,
    /// Where it stands. A completed one with contacts to call waits for somebody to resume it.
    state: CampaignState,
    /// Why it is paused.
    pause_reason: Option<PauseReason>,
    /// What kept it from being opened again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guards: Vec<FieldFault>,
}

/// Start a draft
///
/// Everything that stands in the way is answered at once.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/start", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn start(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Tagged<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Start).await
}

/// Pause: nothing new is dialed, live calls go on
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/pause", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn pause(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Tagged<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Pause).await
}

/// Go on after a pause, or open a completed campaign again
///
/// A completed campaign that has contacts to call dials again while its period lasts; where its trunk or its number is
/// missing it is paused for that reason.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/resume", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn resume(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Tagged<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Resume).await
}

/// What an emergency stop does beside stopping.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "end_calls": false }))]
pub struct StopInput {
    /// Ends live calls as well. To be sent in a second request, once the first has said how many there are.
    #[serde(default)]
    #[garde(skip)]
    end_calls: bool,
}

/// What was stopped.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Stopped {
    /// Campaigns that dialed until now; they are paused.
    campaigns: Vec<CampaignId>,
    /// Live calls of the campaigns that are stopped. They go on, unless they were to be ended.
    live_calls: u64,
}

/// Emergency stop of a campaign
///
/// No INVITE leaves later than 100 ms after the answer, also none that was about to. Live calls finish; a second request
/// with `end_calls` ends them.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/stop", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = StopInput,
    responses(
        (status = 200, body = Stopped),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn stop(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<StopInput>,
) -> Result<Json<Stopped>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    if matches!(seen.state, CampaignState::Draft | CampaignState::Completed) {
        let detail = format!("a campaign that is {} does not dial", seen.state);
        return Err(ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() });
    }
    let stopped = campaign::stop(&mut tx, caller.org, &caller.actor(), Some(id), input.end_calls).await?;
    tx.commit().await?;
    Ok(Json(Stopped { campaigns: stopped.campaigns, live_calls: stopped.live_calls }))
}

/// Emergency stop of the whole organisation
///
/// As for one campaign, for all of them: whatever dials is paused, with the reason `admin`; each is resumed by itself.
#[utoipa::path(
    post, path = "/api/v1/emergency-stop", tag = "campaigns", request_body = StopInput,
    responses((status = 200, body = Stopped))
)]
pub async fn stop_all(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<StopInput>,
) -> Result<Json<Stopped>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let stopped = campaign::stop(&mut tx, caller.org, &caller.actor(), None, input.end_calls).await?;
    tx.commit().await?;
    Ok(Json(Stopped { campaigns: stopped.campaigns, live_calls: stopped.live_calls }))
}

/// Cancel for good: nothing new is dialed, live calls finish, the data stays
///
/// This cannot be taken back; to stop for a while, pause.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/cancel", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn cancel(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Tagged<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Cancel).await
}

/// How far a campaign is
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/progress", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = ProgressView), (status = 404, body = super::Problem))
)]
pub async fn progress(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Json<ProgressView>, ApiError> {
    let mut tx = api.db.read().await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    let progress = campaign::progress(&mut tx, id).await?;
    let in_progress = campaign.state == CampaignState::InProgress;
    let held = api.dialer.of(id).filter(|_| in_progress);
    Ok(Json(ProgressView {
        state: campaign.state,
        total: progress.total,
        pending: progress.pending,
        in_progress: progress.in_progress,
        completed: progress.completed,
        failed: progress.failed,
        percent_complete: progress.percent_complete(),
        by_state: progress.by_state,
        silent_starts: progress.silent_starts,
        held_by: held.map(|Held { code, scope, reason, until }| HeldView { code, scope, reason, until }),
    }))
}

async fn advance(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    event: CampaignEvent,
) -> Result<Tagged<CampaignView>, ApiError> {
    // Before the transaction: dials do not wait for it.
    let need = if event == CampaignEvent::Start { outlook::need(&api.db, caller.org, id).await? } else { None };
    let mut tx = api.db.begin_durable().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let actor = caller.actor();
    if event == CampaignEvent::Resume && seen.state == CampaignState::Completed {
        if let Reopened::Refused(failed) = campaign::reopen(&mut tx, &seen, &actor).await? {
            return Err(guarded(&mut tx, &seen, failed, None).await?);
        }
        let campaign = campaign::get(&mut tx, caller.org, id).await?;
        tx.commit().await?;
        return Ok(Tagged(view(campaign)));
    }
    let to = event.apply(seen.state).map_err(|error| ApiError::Conflict {
        code: "not_allowed_in_state",
        detail: error.to_string(),
        faults: Vec::new(),
    })?;
    if to == CampaignState::InProgress {
        let failed = campaign::failed_guards(&mut tx, &seen, need).await?;
        if !failed.is_empty() {
            return Err(guarded(&mut tx, &seen, failed, need).await?);
        }
    }
    let pause_reason = (to == CampaignState::Paused).then_some(PauseReason::User);
    campaign::advance(&mut tx, &seen, &actor, Move { to, pause_reason }).await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(campaign)))
}

/// Where a campaign stands after its contacts were changed, or the failure to open it again.
pub(super) async fn after(tx: &mut Tx, caller: Caller, id: CampaignId, start: bool) -> Result<Dialing, ApiError> {
    let seen = campaign::get(tx, caller.org, id).await?;
    let mut guards = Vec::new();
    if start && seen.state == CampaignState::Completed {
        match campaign::reopen(tx, &seen, &caller.actor()).await? {
            Reopened::Dials => {}
            Reopened::Paused(_, failed) | Reopened::Refused(failed) => guards = failed,
        }
    }
    let now = campaign::get(tx, caller.org, id).await?;
    Ok(Dialing { id, state: now.state, pause_reason: now.pause_reason, guards: faults(guards, None) })
}

async fn guarded(
    tx: &mut Tx,
    seen: &Campaign,
    failed: Vec<StartGuard>,
    need: Option<f64>,
) -> Result<ApiError, StoreError> {
    let minutes = if failed.contains(&StartGuard::QuotaMinutes) {
        Some(quota::show(tx, seen.org).await?.lack_in_words(need))
    } else {
        None
    };
    Ok(ApiError::Conflict {
        code: "start_guards",
        detail: "the campaign cannot run yet; every reason is listed".to_owned(),
        faults: faults(failed, minutes.as_deref()),
    })
}

/// What does not hold, each with the field it is about and what to do; `minutes` says how many are missing.
pub(super) fn faults(failed: Vec<StartGuard>, minutes: Option<&str>) -> Vec<FieldFault> {
    let fault = |guard: StartGuard| {
        let (pointer, reason) = guard.remedy();
        let reason = minutes.filter(|_| guard == StartGuard::QuotaMinutes).unwrap_or(reason);
        FieldFault { pointer: pointer.to_owned(), code: guard.to_string(), reason: reason.to_owned() }
    };
    failed.into_iter().map(fault).collect()
}
