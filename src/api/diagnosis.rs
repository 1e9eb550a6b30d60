//! Why nothing is being dialed: what holds each contact of a campaign, and when something happens next.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::calling_law::{RuleView, rule_view};
use super::error::ApiError;
use super::paging::Id;
use crate::campaign::law::law;
use crate::campaign::states::CampaignState;
use crate::dialer::diagnosis::{Activity, Diagnosis, Hold, WaitsFor};
use crate::id::CampaignId;
use crate::store::campaign;

/// What holds a campaign, from the nearest to the furthest.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "state": "in_progress", "activity": "waiting_window", "next_at": "2027-03-02T07:00:00Z",
    "holds": [{ "code": "outside_hours", "contacts": 120, "next_at": "2027-03-02T07:00:00Z", "waits_for": "time",
                "reason": "outside their calling hours", "remedy": null },
              { "code": "blocked_no_consent", "contacts": 3, "next_at": null, "waits_for": "person",
                "reason": "their consent is not on record", "remedy": "record it" }]
}))]
pub struct DiagnosisView {
    /// Where the campaign stands.
    state: CampaignState,
    /// What it does; absent when it does nothing.
    activity: Option<Activity>,
    /// When something happens next by itself.
    next_at: Option<Timestamp>,
    /// What holds its contacts; of a draft or a paused campaign also what keeps it from dialing.
    holds: Vec<HoldView>,
}

/// One thing that holds contacts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// Stable name: a start guard, a pause reason, a limit, a reason to defer, `blocked_` with the reason, or
    /// `not_started`, `over`, `retry`, `callback`, `not_due`, `preselection`, `suspended`, `later_run`.
    code: String,
    /// How many contacts.
    contacts: u64,
    /// When the first of them is looked at again, where a time is known.
    next_at: Option<Timestamp>,
    /// What ends it: a moment (`next_at`), a call that ends (`next_at` is when one has ended at the latest), another
    /// campaign that ends, a person. Null when nothing does.
    waits_for: Option<WaitsFor>,
    /// In words.
    reason: String,
    /// What a person can do about it.
    remedy: Option<&'static str>,
    /// The legal rule that holds them, with its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<RuleView>,
    /// Version of the legal data that the rule is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_version: Option<String>,
}

/// Why nothing is being dialed
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/diagnosis", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = DiagnosisView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Json<DiagnosisView>, ApiError> {
    let held = api.dialer.of(id);
    let mut tx = api.db.read().await?;
    let (seen, diagnosis) = campaign::diagnosed(&mut tx, caller.org, id, held.as_ref()).await?;
    drop(tx);
    let Diagnosis { activity, next_at, holds } = diagnosis;
    let holds = holds.into_iter().map(view).collect();
    Ok(Json(DiagnosisView { state: seen.state, activity, next_at, holds }))
}

fn view(hold: Hold) -> HoldView {
    let Hold { code, contacts, next_at, waits_for, reason, remedy, rule } = hold;
    let data_version = rule.map(|_| law().version().to_owned());
    HoldView { code, contacts, next_at, waits_for, reason, remedy, rule: rule.map(rule_view), data_version }
}
