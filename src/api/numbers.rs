//! The numbers of the organisation: from which it calls, on which it is called, who talks there.

use std::ops::Bound;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::assistants::{CampaignName, named};
use super::auth::Caller;
use super::error::ApiError;
use super::paging::{Items, Params, default_limit};
use crate::campaign::caller_numbers::CallerNumberRules;
use crate::campaign::phone::E164;
use crate::id::{AssistantId, OrgId, TrunkId};
use crate::store::number::{self, Answers, Number};
use crate::store::{StoreError, Tx, caller_number};
use crate::trunk::caller_health::CallerVerdict;

/// Numbers on a page at most: each is looked up by itself.
const MOST: u32 = 100;
/// Dials of a day that are counted.
const COUNTED: u32 = 10_000;
/// How far back the health of a number is looked at.
const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Which part of the numbers.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumbersQuery {
    /// Numbers on the page, 1 to 100.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: u32,
    /// `next` of the page before; absent for the first page.
    #[serde(default)]
    after: Option<String>,
}

/// A number of the organisation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NumberView {
    /// The number, or the beginning of the numbers, with its plus.
    number: String,
    /// The trunks that may call from it; none for one that is only called.
    trunk_ids: Vec<TrunkId>,
    /// Who answers calls to it, by the trunk they come over.
    answers: Vec<AnswersView>,
    /// The campaigns that call from it, the newest first; at most 100.
    campaigns: Vec<CampaignName>,
    /// How its dials of a week did; null for one that is only called.
    health: Option<NumberHealth>,
    /// Dials of campaigns from it since the day began, counted up to 10,000; null for one that is only called. The day is that
    /// of `caller_numbers` in the calling policy, else that of UTC.
    calls_today: Option<u64>,
    /// Most dials of a day: `caller_numbers.daily_dials` of the calling policy; null without a limit.
    daily_cap: Option<u32>,
}

/// Who answers calls to a number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AnswersView {
    /// The trunk.
    trunk_id: TrunkId,
    /// The beginning of the called number that decides; null where the trunk has one assistant for all.
    digits: Option<String>,
    /// The assistant.
    assistant_id: AssistantId,
    /// Its name.
    assistant_name: String,
}

/// How a number's dials did. `/api/v1/caller-numbers` has the figures.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NumberHealth {
    /// What is to be thought of it.
    verdict: CallerVerdict,
    /// Why, in words.
    reason: &'static str,
    /// The latest dial.
    last_dial_at: Option<Timestamp>,
}

/// List the numbers of the organisation
///
/// All numbers in `caller_ids` and `inbound_numbers` of trunks, in order.
#[utoipa::path(
    get, path = "/api/v1/numbers", tag = "trunks", params(NumbersQuery),
    responses((status = 200, body = Items<NumberView>), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<NumbersQuery>,
) -> Result<Json<Items<NumberView>>, ApiError> {
    if !(1..=MOST).contains(&query.limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 100"));
    }
    let from = match query.after {
        None => Bound::Unbounded,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Bound::Excluded(digits)
        }
        Some(_) => return Err(ApiError::field("?after", "not_an_id", "must be `next` of the page before")),
    };
    let mut tx = api.db.read().await?;
    let rules = number::day_rules(&mut tx, caller.org).await?;
    let numbers = number::all(&mut tx, caller.org).await?;
    let mut rest = numbers.range((from, Bound::Unbounded));
    let mut items = Vec::new();
    let mut last = None;
    for (digits, number) in rest.by_ref().take(query.limit as usize) {
        items.push(view(&mut tx, caller.org, digits, number.clone(), rules.as_ref()).await?);
        last = Some(digits.clone());
    }
    let next = last.filter(|_| rest.next().is_some());
    Ok(Json(Items { items, next }))
}

async fn view(
    tx: &mut Tx,
    org: OrgId,
    digits: &str,
    found: Number,
    rules: Option<&CallerNumberRules>,
) -> Result<NumberView, StoreError> {
    let number = format!("+{digits}");
    let answers = |answers: Answers| AnswersView {
        trunk_id: answers.trunk,
        digits: answers.digits,
        assistant_id: answers.assistant,
        assistant_name: answers.name,
    };
    let mut view = NumberView {
        number: number.clone(),
        trunk_ids: found.calls_out,
        answers: found.answers.into_iter().map(answers).collect(),
        campaigns: Vec::new(),
        health: None,
        calls_today: None,
        daily_cap: None,
    };
    let Some(number) = number.parse::<E164>().ok().filter(|_| !view.trunk_ids.is_empty()) else { return Ok(view) };
    let now = tx.now().await?;
    let utc = CallerNumberRules { daily_dials: COUNTED, time_zone: "UTC".to_owned() };
    let (begins, _) = rules.unwrap_or(&utc).day(now);
    let seen = caller_number::seen(tx, org, &number, now - WEEK).await?;
    let (verdict, reason) = seen.record.verdict();
    view.health = Some(NumberHealth { verdict, reason, last_dial_at: seen.last_dial });
    view.calls_today = Some(number::dials_since(tx, org, &number, begins, COUNTED).await?);
    view.daily_cap = rules.map(|rules| rules.daily_dials);
    view.campaigns = number::campaigns(tx, org, &number).await?.into_iter().map(named).collect();
    Ok(view)
}
