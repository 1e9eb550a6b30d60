//! What the calls of a campaign came to.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::Id;
use crate::campaign::statistics::{Badge, Rate};
use crate::id::CampaignId;
use crate::store::campaign;

/// What the calls of a campaign came to. What a mailbox or another machine answered is counted as a call, and in no rate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatisticsView {
    /// Contacts that count: all but rejected and removed ones.
    contacts: u64,
    /// Its calls.
    calls: CallsView,
    /// How long a call with a person lasted on average, milliseconds from its answer; null without one.
    average_call_ms: Option<u64>,
    /// Calls with a person that were marked as a success, by a node of the flow or the tool `mark_success`.
    call_success: ShareView,
    /// Calls with a person in which the contact hung up or said goodbye before the script was complete. Without a flow, one
    /// that was marked as a success is none.
    interrupted: ShareView,
}

/// Calls that were sent and are over.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CallsView {
    /// All of them.
    placed: u64,
    /// Those that a person answered.
    answered: u64,
    /// Those that a mailbox answered.
    voicemail: u64,
}

/// So many of the calls that a person answered.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ShareView {
    /// That many.
    count: u64,
    /// Calls that a person answered.
    of: u64,
    /// In percent; null of nothing.
    percent: Option<f64>,
    /// How that is to be seen: success green from 70 %, yellow from 40 %; interruptions green up to 10 %, yellow up to 30 %.
    badge: Option<Badge>,
}

/// What the calls of a campaign came to
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/statistics", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = StatisticsView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Json<StatisticsView>, ApiError> {
    let mut tx = api.db.read().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    let found = campaign::statistics(&mut tx, id).await?;
    Ok(Json(StatisticsView {
        contacts: found.contacts,
        calls: CallsView { placed: found.calls, answered: found.answered, voicemail: found.voicemail },
        average_call_ms: found.average.map(|average| u64::try_from(average.as_millis()).unwrap_or(u64::MAX)),
        call_success: view(found.success, Rate::as_success),
        interrupted: view(found.interrupted, Rate::as_interruption),
    }))
}

fn view(rate: Rate, badge: impl Fn(Rate) -> Option<Badge>) -> ShareView {
    ShareView { count: rate.count, of: rate.of, percent: rate.percent(), badge: badge(rate) }
}
