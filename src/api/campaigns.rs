//! Campaigns: whom to call, with which assistant, when and how fast.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaign_control::faults;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Listed, Ordering};
use crate::agent::assistant::Disclosure;
use crate::campaign::disclosure;
use crate::campaign::phone::E164;
use crate::campaign::run::Schedule;
use crate::campaign::settings::Settings;
use crate::campaign::states::{CampaignState, PauseReason};
use crate::campaign::zone::{UnknownZone, zone_named};
use crate::dialer::calling_hours::instant;
use crate::dialer::diagnosis::Activity;
use crate::id::{AssistantId, CampaignId, RunId, TrunkId};
use crate::store::campaign::{self, Campaign, CampaignData, Overview, StartFailed};
use crate::store::filter::CampaignFilter;
use crate::store::lock::Lock;
use crate::store::{StoreError, Tx, assistant, quota, trunk};

/// What can be set of a campaign.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Spring", "description": "Guests of last spring", "goal": "A visit", "assistant_id": "0190f3c4-7b1a-7000-8000-000000000001", "trunk_id": "0190f3c4-7b1a-7000-8000-000000000001",
    "schedule": { "time_zone": "Europe/London", "runs": [{ "days": { "weekdays": ["mon", "tue"] }, "slots": [{ "start_min": 540, "end_min": 1020 }] }] },
    "settings": { "calls_per_minute": 30, "max_concurrent_calls": 10, "max_retries": 2 }
}))]
pub struct CampaignInput {
    /// Name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it is about, for people; the list of campaigns shows and searches it.
    #[serde(default)]
    #[garde(length(chars, max = 2000))]
    #[schema(max_length = 2000)]
    description: String,
    /// What the calls are for, in words.
    #[serde(default)]
    #[garde(length(chars, max = 2000))]
    goal: Option<String>,
    /// The assistant that talks.
    #[garde(skip)]
    assistant_id: AssistantId,
    /// The trunk that calls go through.
    #[garde(skip)]
    trunk_id: TrunkId,
    /// The number that calls come from, one of the trunk's. The trunk's first one when it is left out.
    #[serde(default)]
    #[garde(skip)]
    caller_id: Option<String>,
    /// When to call. Every day from 08:00 to 21:00 on the contact's clock when it is left out.
    #[serde(default)]
    #[garde(skip)]
    schedule: Schedule,
    /// How fast, how often, how long.
    #[serde(default)]
    #[garde(skip)]
    settings: Settings,
    /// What everybody is told first, whatever the assistant does by itself: the stricter of the two wins, and the
    /// campaign's words go before the assistant's. Plain words of at most 500 characters, without variables.
    #[serde(default)]
    #[garde(skip)]
    #[schema(example = json!({ "ai": true, "recording": true }))]
    disclosure: Disclosure,
    /// When a draft starts by itself. A time that the clocks skip stands for the next one there is, one they show twice
    /// for the first. What does not hold at that moment leaves it a draft and is told in `start_failed`.
    #[serde(default)]
    #[garde(skip)]
    scheduled_start: Option<ScheduledStart>,
}

/// A moment on a clock on the wall.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "at": "2027-03-01T09:00:00", "time_zone": "Europe/Berlin" }))]
pub struct ScheduledStart {
    /// Date and time, without an offset.
    #[schema(value_type = String)]
    at: DateTime,
    /// Whose clock, an IANA name; the schedule's zone when it is left out.
    #[serde(default)]
    time_zone: Option<String>,
}

/// A scheduled start that could not take place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StartFailedView {
    /// When it should have been.
    at: Timestamp,
    /// What did not hold, and what to do.
    guards: Vec<FieldFault>,
}

/// A campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignView {
    /// Id.
    id: CampaignId,
    /// Counts its changes.
    version: i64,
    /// Where it stands.
    state: CampaignState,
    /// Why it is paused.
    pause_reason: Option<PauseReason>,
    /// Why it paused itself, in words.
    pause_detail: Option<String>,
    /// Name.
    name: String,
    /// What it is about, for people.
    description: String,
    /// What the calls are for.
    goal: Option<String>,
    /// The assistant that talks.
    assistant_id: AssistantId,
    /// The trunk that calls go through.
    trunk_id: TrunkId,
    /// The number that calls come from.
    #[schema(value_type = String)]
    caller_id: E164,
    /// When to call.
    schedule: Schedule,
    /// How fast, how often, how long.
    settings: Settings,
    /// What everybody is told first, whatever the assistant does by itself.
    disclosure: Disclosure,
    /// When a draft starts by itself.
    scheduled_start_at: Option<Timestamp>,
    /// Why it did not start by itself.
    start_failed: Option<StartFailedView>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it was started first.
    started_at: Option<Timestamp>,
    /// When it last began to dial: at its start, after a pause, when it was opened again.
    resumed_at: Option<Timestamp>,
    /// When it was completed or cancelled.
    ended_at: Option<Timestamp>,
}

/// A campaign in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignRow {
    /// The campaign.
    #[serde(flatten)]
    campaign: CampaignView,
    /// The name of its assistant.
    assistant_name: String,
    /// How far it is.
    progress: RowProgress,
    /// What it does; null when it does nothing. `…/diagnosis` tells why.
    activity: Option<Activity>,
}

/// How far a campaign is: `total = pending + in_progress + completed + failed`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RowProgress {
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
}

/// A page of campaigns.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignPage {
    /// The campaigns.
    items: Vec<CampaignRow>,
    /// Pass as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How many of the organisation's campaigns dial.
    running: RunningView,
}

/// Campaigns in progress, beside what the plan allows.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RunningView {
    /// In progress now.
    active: u32,
    /// Most of them; null without a limit.
    max: Option<u32>,
}

/// Create a campaign as a draft
#[utoipa::path(
    post, path = "/api/v1/campaigns", tag = "campaigns", request_body = CampaignInput,
    responses((status = 201, body = CampaignView), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<CampaignInput>,
) -> Result<(StatusCode, Tagged<CampaignView>), ApiError> {
    let mut tx = api.db.begin().await?;
    let data = parse(&mut tx, caller, input).await?;
    let campaign = campaign::insert(&mut tx, caller.org, &caller.actor(), data).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(campaign))))
}

/// List campaigns
///
/// Ordered by `created_at`, `updated_at`, `started_at` or `name`. Each comes with its progress and what it does: a page
/// needs no further requests.
#[utoipa::path(
    get, path = "/api/v1/campaigns", tag = "campaigns", params(CampaignFilter, Ordering),
    responses((status = 200, body = CampaignPage))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<CampaignFilter>,
) -> Result<Json<CampaignPage>, ApiError> {
    let sheet = listed.sheet(campaign::ORDERS)?;
    let mut tx = api.db.read().await?;
    let listing = campaign::search(&mut tx, caller.org, &listed.filter, &sheet).await?;
    let overviews = campaign::overviews(&mut tx, &listing.items, |id| api.dialer.of(id).is_some()).await?;
    let usage = quota::show(&mut tx, caller.org).await?;
    let items = listing.items.into_iter().zip(overviews).map(|(campaign, overview)| row(campaign, overview));
    Ok(Json(CampaignPage {
        items: items.collect(),
        next: listing.next.map(|next| next.to_string()),
        running: RunningView { active: usage.active, max: usage.max_active },
    }))
}

/// Read a campaign
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = CampaignView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Tagged<CampaignView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(campaign::get(&mut tx, caller.org, id).await?)))
}

/// Replace a campaign
///
/// A draft can be changed in everything; later, trunk and caller ID stay. A new assistant is used by new attempts only.
#[utoipa::path(
    put, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = CampaignInput,
    responses(
        (status = 200, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    wanted: IfMatch,
    Body(input): Body<CampaignInput>,
) -> Result<Tagged<CampaignView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Campaign(id)).await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(seen.clone()))?;
    let mut data = parse(&mut tx, caller, input).await?;
    let now = tx.now().await?;
    may_change(&seen, &mut data, now)?;
    campaign::update(&mut tx, &seen, &caller.actor(), &data).await?;
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(campaign)))
}

/// Delete a campaign with its calls
///
/// One in progress is cancelled first. Live calls finish; then contacts-in-campaign, attempts, calls, transcripts and
/// recordings are taken away. The contacts themselves stay. Until then it is `deleting`.
#[utoipa::path(
    delete, path = "/api/v1/campaigns/{id}", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses(
        (status = 202, body = CampaignView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    wanted: IfMatch,
) -> Result<(StatusCode, Tagged<CampaignView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Campaign(id)).await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    wanted.check(&view(seen.clone()))?;
    if seen.state != CampaignState::Deleting {
        campaign::delete(&mut tx, &seen, &caller.actor()).await?;
    }
    let campaign = campaign::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Tagged(view(campaign))))
}

/// Whether the fields that differ may differ in the campaign's state.
fn may_change(seen: &Campaign, data: &mut CampaignData, now: Timestamp) -> Result<(), ApiError> {
    let conflict =
        |detail: &str, faults| Err(ApiError::Conflict { code: "not_editable", detail: detail.to_owned(), faults });
    match seen.state {
        CampaignState::Draft => Ok(()),
        CampaignState::InProgress | CampaignState::Paused | CampaignState::Completed => {
            let mut faults = Vec::new();
            let mut fixed = |pointer: &str, same: bool| {
                if !same {
                    faults.push(FieldFault {
                        pointer: pointer.to_owned(),
                        code: "fixed".to_owned(),
                        reason: "cannot change once the campaign has been started; days that have passed belong to \
                                 their runs"
                            .to_owned(),
                    });
                }
            };
            fixed("/trunk_id", data.trunk == seen.data.trunk);
            fixed("/caller_id", data.caller_id == seen.data.caller_id);
            fixed("/scheduled_start", data.scheduled_start_at.is_none());
            data.schedule.name_runs(Some(&seen.data.schedule), RunId::generate);
            let today = zone_named(&seen.data.schedule.time_zone).map(|zone| zone.to_datetime(now).date());
            let rewritten = today.map(|today| seen.data.schedule.rewritten_days(&data.schedule, today));
            fixed("/schedule/runs", rewritten.is_ok_and(|days| days.is_empty()));
            if faults.is_empty() { Ok(()) } else { conflict("some fields are fixed by now", faults) }
        }
        CampaignState::Cancelled | CampaignState::Deleting => {
            conflict("the campaign is over and cannot be changed", Vec::new())
        }
    }
}

/// The campaign that an input describes: its references exist, its values are in range.
async fn parse(tx: &mut Tx, caller: Caller, input: CampaignInput) -> Result<CampaignData, ApiError> {
    let mut faults = Vec::new();
    let mut fault = |pointer: String, code: &str, reason: String| {
        faults.push(FieldFault { pointer, code: code.to_owned(), reason });
    };
    match assistant::get(tx, caller.org, input.assistant_id).await {
        Ok(_) => {}
        Err(StoreError::NotFound) => {
            fault("/assistant_id".to_owned(), "not_found", "there is no such assistant".to_owned());
        }
        Err(error) => return Err(error.into()),
    }
    let caller_ids = match trunk::get(tx, caller.org, input.trunk_id).await {
        Ok(trunk) => trunk.data.caller_ids,
        Err(StoreError::NotFound) => {
            fault("/trunk_id".to_owned(), "not_found", "there is no such trunk".to_owned());
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let caller_id = match &input.caller_id {
        None => caller_ids.first().cloned(),
        Some(text) => match E164::parse(text, None) {
            Ok(number) if caller_ids.contains(&number) || caller_ids.is_empty() => Some(number),
            Ok(_) => {
                let reason = "the trunk does not have this number: add it to its caller_ids first".to_owned();
                fault("/caller_id".to_owned(), "not_of_trunk", reason);
                None
            }
            Err(error) => {
                fault("/caller_id".to_owned(), "invalid_phone", error.to_string());
                None
            }
        },
    };
    for wrong in input.settings.validate().err().into_iter().flatten() {
        fault(format!("/settings/{}", wrong.field.replace('.', "/")), "out_of_range", wrong.fault);
    }
    for wrong in disclosure::validate(&input.disclosure).err().into_iter().flatten() {
        fault(format!("/disclosure/{}", wrong.field), "invalid", wrong.fault);
    }
    for wrong in input.schedule.validate().err().into_iter().flatten() {
        fault(format!("/schedule/{}", wrong.field.replace('.', "/")), "invalid", wrong.fault);
    }
    let scheduled_start_at = match input.scheduled_start.as_ref().map(|wish| moment(wish, &input.schedule)) {
        None => None,
        Some(Ok(at)) if at > tx.now().await? => Some(at),
        Some(Ok(_)) => {
            fault("/scheduled_start/at".to_owned(), "in_past", "must lie in the future".to_owned());
            None
        }
        Some(Err(error)) => {
            fault("/scheduled_start/time_zone".to_owned(), "unknown_zone", error.to_string());
            None
        }
    };
    match caller_id {
        Some(caller_id) if faults.is_empty() => Ok(CampaignData {
            name: input.name,
            description: input.description,
            goal: input.goal,
            assistant: input.assistant_id,
            trunk: input.trunk_id,
            caller_id,
            schedule: input.schedule,
            settings: input.settings,
            disclosure: input.disclosure,
            scheduled_start_at,
        }),
        Some(_) | None => Err(ApiError::Invalid(faults)),
    }
}

/// The instant of a wish.
fn moment(wish: &ScheduledStart, schedule: &Schedule) -> Result<Timestamp, UnknownZone> {
    let zone = zone_named(wish.time_zone.as_ref().unwrap_or(&schedule.time_zone))?;
    instant(&zone, wish.at).ok_or(UnknownZone)
}

fn row(campaign: Campaign, overview: Overview) -> CampaignRow {
    let Overview { progress, assistant_name, activity } = overview;
    let progress = RowProgress {
        total: progress.total,
        pending: progress.pending,
        in_progress: progress.in_progress,
        completed: progress.completed,
        failed: progress.failed,
        percent_complete: progress.percent_complete(),
    };
    CampaignRow { campaign: view(campaign), assistant_name, progress, activity }
}

/// A campaign in the words of the API.
pub(super) fn view(campaign: Campaign) -> CampaignView {
    let Campaign { id, state, pause_reason, version, data, created_at, updated_at, .. } = campaign;
    let start_failed = campaign.start_failed.map(|failed| {
        let StartFailed { at, guards, minutes } = failed;
        StartFailedView { at, guards: faults(guards, minutes.as_deref()) }
    });
    CampaignView {
        id,
        version,
        state,
        pause_reason,
        pause_detail: campaign.pause_detail,
        name: data.name,
        description: data.description,
        goal: data.goal,
        assistant_id: data.assistant,
        trunk_id: data.trunk,
        caller_id: data.caller_id,
        schedule: data.schedule,
        settings: data.settings,
        disclosure: data.disclosure,
        scheduled_start_at: data.scheduled_start_at,
        start_failed,
        created_at,
        updated_at,
        started_at: campaign.started_at,
        resumed_at: campaign.resumed_at,
        ended_at: campaign.ended_at,
    }
}
