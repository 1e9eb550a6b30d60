//! What will happen in a campaign: the dialer's own core, run ahead on a copy.

use axum::Json;
use axum::extract::State;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::paging::Id;
use crate::dialer::forecast::experience::Assumptions;
use crate::dialer::forecast::{Forecast, Holding};
use crate::id::{CampaignId, OrgId};
use crate::outlook::{self, NoForecast};
use crate::store::forecast::Question;

/// What would be if.
#[derive(Clone, Copy, Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "calls_per_minute": 60, "assumptions": { "answered_percent": 40, "voicemail_percent": 10, "talk_s": 90 } }))]
pub struct ForecastInput {
    /// Calls per minute instead of the campaign's own, 1 to 6000.
    #[garde(inner(range(min = 1, max = 6000)))]
    calls_per_minute: Option<u32>,
    /// Simultaneous calls instead of the campaign's own, 1 to 10,000.
    #[garde(inner(range(min = 1, max = 10_000)))]
    max_concurrent_calls: Option<u32>,
    /// What is assumed of calls while fewer than 30 of this campaign have been made.
    #[garde(dive)]
    assumptions: Option<AssumptionsInput>,
}

/// What is assumed of calls.
#[derive(Clone, Copy, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumptionsInput {
    /// Dials of a hundred that a person answers, 0 to 100.
    #[garde(range(max = 100))]
    answered_percent: u32,
    /// Dials of a hundred that a mailbox answers, 0 to 100; with the other at most 100.
    #[garde(range(max = 100u32.saturating_sub(self.answered_percent)))]
    voicemail_percent: u32,
    /// Seconds that a person is spoken to, 1 to 3600.
    #[garde(range(min = 1, max = 3600))]
    talk_s: u32,
}

/// What will happen.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2027-03-01T08:00:00Z", "done_at": "2027-03-01T15:42:00Z", "done_p10_at": "2027-03-01T15:31:00Z",
    "done_p90_at": "2027-03-01T15:55:00Z", "dials": 1834, "answered": 912, "minutes": 705.5, "minutes_this_month": 705.5,
    "minutes_left": 4200.0,
    "hours": [{ "from": "2027-03-01T08:00:00Z", "dials": 300.0, "answered": 149.2, "minutes": 115.4, "limit": "pace" }],
    "limits": [{ "code": "pace", "share": 0.82, "reason": "the campaign's calls per minute" }],
    "unreached": [{ "code": "dnc", "contacts": 17, "reason": "on a suppression list" }],
    "scale": 1.0, "learnt_from": 412, "futures": 21
}))]
pub struct ForecastView {
    /// When it was made, or when the campaign's scheduled start is.
    at: Timestamp,
    /// When the campaign is done: the median of all futures. Absent when it does not end by itself.
    done_at: Option<Timestamp>,
    /// By when it is done in one future of ten.
    done_p10_at: Option<Timestamp>,
    /// By when it is done in nine of ten; absent when it does not end by itself in so many.
    done_p90_at: Option<Timestamp>,
    /// Dials in all.
    dials: u64,
    /// Dials that somebody or something answers.
    answered: u64,
    /// Minutes of answered calls that are needed: the median.
    minutes: f64,
    /// Those of them that are needed before the calendar month (UTC) is over.
    minutes_this_month: f64,
    /// Minutes that the organisation's plan has left of this month; absent without a limit.
    minutes_left: Option<f64>,
    /// Hour by hour, those in which anything happens.
    hours: Vec<HourView>,
    /// What keeps it from going faster, the longest first.
    limits: Vec<LimitView>,
    /// Who is never called.
    unreached: Vec<UnreachedView>,
    /// For how many contacts each simulated one stands: 1 up to 20,000 contacts.
    scale: f64,
    /// How many of the campaign's own dials it was learnt from, of the latest 2,000. Of fewer than 30 the rest is assumed.
    learnt_from: u64,
    /// Futures that were lived through.
    futures: u64,
}

/// An hour.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HourView {
    /// Its beginning.
    from: Timestamp,
    /// Dials in it, on average.
    dials: f64,
    /// Answered ones.
    answered: f64,
    /// Minutes of calls that are answered in it.
    minutes: f64,
    /// What held the campaign for the longest part of it.
    limit: Option<Holding>,
}

/// A limit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LimitView {
    /// Which.
    code: Holding,
    /// For what share of the time, 0 to 1.
    share: f64,
    /// In words.
    reason: String,
}

/// Contacts that are never called.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnreachedView {
    /// Why: a blocked reason, `no_window`, `period_end`, `preselection`, `suspended` or `horizon` (later than 400 days).
    code: String,
    /// How many.
    contacts: u64,
    /// In words.
    reason: String,
}

/// What will happen
///
/// The dialer's own core runs ahead in virtual time on a copy of the campaign and of those that share its limits; how calls go
/// is drawn from how they went. A campaign that does not dial is looked at as if it were started now.
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/forecast", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = ForecastView), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Json<ForecastView>, ApiError> {
    answer(&api, caller.org, id, ForecastInput::default()).await
}

/// What would happen with other limits or under other assumptions
///
/// Nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/forecast", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = ForecastInput,
    responses((status = 200, body = ForecastView), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn what_if(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<ForecastInput>,
) -> Result<Json<ForecastView>, ApiError> {
    answer(&api, caller.org, id, input).await
}

async fn answer(api: &Api, org: OrgId, id: CampaignId, input: ForecastInput) -> Result<Json<ForecastView>, ApiError> {
    let assumed = input.assumptions.map_or_else(Assumptions::default, |given| Assumptions {
        answered_percent: given.answered_percent,
        voicemail_percent: given.voicemail_percent,
        talk_s: given.talk_s,
    });
    let question = Question {
        calls_per_minute: input.calls_per_minute,
        max_concurrent_calls: input.max_concurrent_calls,
        assumed,
        // A server without places dials nobody: it says nothing about those that do.
        capacity: u32::try_from(api.calls.capacity()).ok().filter(|&places| places > 0),
        ..Question::default()
    };
    match outlook::ask(&api.db, org, id, &question).await {
        Ok(forecast) => Ok(Json(ForecastView::of(&forecast))),
        Err(NoForecast::Store(error)) => Err(error.into()),
        Err(NoForecast::Stopped(stopped)) => Err(ApiError::Conflict {
            code: "forecast_too_long",
            detail: format!("{stopped}: shorten the campaign's period or its list, and ask again"),
            faults: Vec::new(),
        }),
        Err(busy @ NoForecast::Busy) => Err(ApiError::Conflict {
            code: "forecast_busy",
            detail: format!("{busy}: ask again in a few seconds"),
            faults: Vec::new(),
        }),
        Err(broken @ NoForecast::Broken(_)) => Err(ApiError::Internal(broken.into())),
    }
}

impl ForecastView {
    /// As it is shown, also by the command line.
    #[must_use]
    pub fn of(forecast: &Forecast) -> Self {
        let hours = forecast.busy_hours().map(|(&from, hour)| HourView {
            from,
            dials: tenth(hour.dials),
            answered: tenth(hour.answered),
            minutes: tenth(hour.minutes),
            limit: hour.held_most(),
        });
        let mut limits: Vec<_> = forecast
            .shares()
            .into_iter()
            .map(|(code, share)| LimitView {
                code,
                share: (share * 1000.0).round() / 1000.0,
                reason: code.in_words().to_owned(),
            })
            .filter(|limit| limit.share > 0.0)
            .collect();
        limits.sort_by(|one, other| other.share.total_cmp(&one.share));
        let unreached = forecast.unreached.iter().map(|(why, &contacts)| UnreachedView {
            code: why.as_str().to_owned(),
            contacts: contacts.round() as u64,
            reason: why.in_words().to_owned(),
        });
        Self {
            at: forecast.at,
            done_at: forecast.done,
            done_p10_at: forecast.spread.0,
            done_p90_at: forecast.spread.1,
            dials: forecast.dials().round() as u64,
            answered: forecast.answered().round() as u64,
            minutes: tenth(forecast.minutes),
            minutes_this_month: tenth(forecast.minutes_this_month),
            minutes_left: forecast.minutes_left.map(tenth),
            hours: hours.collect(),
            limits,
            unreached: unreached.filter(|group| group.contacts > 0).collect(),
            scale: forecast.scale,
            learnt_from: forecast.learnt_from as u64,
            futures: forecast.futures,
        }
    }
}

fn tenth(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}
