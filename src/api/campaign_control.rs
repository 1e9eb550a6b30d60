//! Running a campaign: start, pause, resume, cancel, and how far it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::campaigns::{CampaignView, view};
use super::error::{ApiError, FieldFault};
use super::paging::Id;
use crate::campaign::states::{CampaignState, PauseReason, TargetState};
use crate::campaign::transition::CampaignEvent;
use crate::dialer::pacing::Scope;
use crate::dialer::start::{StartFacts, StartGuard, failed_start_guards};
use crate::dialer::status::Held;
use crate::id::CampaignId;
use crate::store::audit::Actor;
use crate::store::campaign::{self, Campaign, Move};
use crate::store::{Tx, trunk};

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
    /// What keeps the node that answers from dialing the next contact; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<HeldView>,
}

/// What keeps a campaign from dialing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldView {
    /// What the limit belongs to.
    scope: Scope,
    /// In words.
    reason: String,
    /// When it is looked at again, where a time is known.
    until: Option<Timestamp>,
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
pub async fn start(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Json<CampaignView>, ApiError> {
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
pub async fn pause(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Json<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Pause).await
}

/// Go on after a pause
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/resume", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn resume(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Json<CampaignView>, ApiError> {
    advance(api, caller, id, CampaignEvent::Resume).await
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
pub async fn cancel(api: State<Api>, caller: Caller, id: Id<CampaignId>) -> Result<Json<CampaignView>, ApiError> {
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
    let ended = progress.completed + progress.failed;
    let percent_complete = if progress.total == 0 { 100.0 } else { ended as f64 * 100.0 / progress.total as f64 };
    Ok(Json(ProgressView {
        state: campaign.state,
        total: progress.total,
        pending: progress.pending,
        in_progress: progress.in_progress,
        completed: progress.completed,
        failed: progress.failed,
        percent_complete,
        by_state: progress.by_state,
        held_by: held.map(|Held { scope, reason, until }| HeldView { scope, reason, until }),
    }))
}

async fn advance(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    event: CampaignEvent,
) -> Result<Json<CampaignView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let to = event.apply(seen.state).map_err(|error| ApiError::Conflict {
        code: "not_allowed_in_state",
        detail: error.to_string(),
        faults: Vec::new(),
    })?;
    if to == CampaignState::InProgress {
        check_guards(&mut tx, &seen).await?;
    }
    let pause_reason = (to == CampaignState::Paused).then_some(PauseReason::User);
    campaign::advance(&mut tx, &seen, &Actor::key(caller.key), Move { to, pause_reason }).await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Json(view(campaign)))
}

async fn check_guards(tx: &mut Tx, campaign: &Campaign) -> Result<(), ApiError> {
    let trunk = trunk::get(tx, campaign.org, campaign.data.trunk).await?;
    let progress = campaign::progress(tx, campaign.id).await?;
    let now = tx.now().await?;
    let failed = failed_start_guards(
        now,
        &StartFacts {
            name: &campaign.data.name,
            has_assistant: true,
            has_caller_id: trunk.data.caller_ids.contains(&campaign.data.caller_id),
            trunk_usable: trunk.data.enabled,
            has_eligible_contact: progress.pending > 0,
            schedule: &campaign.data.schedule,
            settings: &campaign.data.settings,
        },
    );
    if failed.is_empty() {
        return Ok(());
    }
    let faults = failed.into_iter().map(|guard| {
        let (pointer, reason) = remedy(guard);
        FieldFault { pointer: pointer.to_owned(), code: guard.to_string(), reason: reason.to_owned() }
    });
    Err(ApiError::Conflict {
        code: "start_guards",
        detail: "the campaign cannot run yet; every reason is listed".to_owned(),
        faults: faults.collect(),
    })
}

/// The field that a guard is about, and what to do.
const fn remedy(guard: StartGuard) -> (&'static str, &'static str) {
    match guard {
        StartGuard::NameMissing => ("/name", "give the campaign a name"),
        StartGuard::AssistantMissing => ("/assistant_id", "choose an assistant"),
        StartGuard::CallerIdMissing => ("/caller_id", "the trunk no longer has this number: choose another one"),
        StartGuard::TrunkUnusable => ("/trunk_id", "the trunk is switched off: enable it or choose another one"),
        StartGuard::NoEligibleContact => ("", "no contact is left to call: add contacts first"),
        StartGuard::SettingsInvalid => ("/settings", "some settings are out of range"),
        StartGuard::ScheduleInvalid => ("/schedule", "the schedule has no valid run"),
        StartGuard::PeriodOver => ("/schedule/period_end", "the period has ended: extend it"),
        StartGuard::NoWindow => ("/schedule", "no calling window opens before the period ends: add days or hours"),
    }
}
