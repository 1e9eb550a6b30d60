//! The numbers that calls are made from, and how each is doing.

use std::ops::Bound;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::{Items, Params, default_limit};
use crate::campaign::phone::E164;
use crate::id::TrunkId;
use crate::stir::passport::Attestation;
use crate::store::caller_number::{self, CallerSeen};
use crate::trunk::caller_health::CallerVerdict;

/// Numbers on a page at most: each is looked up by itself.
const MOST: u32 = 100;

/// Which numbers, and how far back.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallerNumbersQuery {
    /// Days to look back, 1 to 30.
    #[serde(default = "week")]
    #[param(default = 7, minimum = 1, maximum = 30)]
    days: u32,
    /// Numbers on the page, 1 to 100.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 100)]
    limit: u32,
    /// `next` of the page before; absent for the first page.
    #[serde(default)]
    after: Option<String>,
}

const fn week() -> u32 {
    7
}

/// How a number to call from is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallerNumberView {
    /// The number.
    #[schema(value_type = String)]
    number: E164,
    /// The trunks that let it call.
    trunk_ids: Vec<TrunkId>,
    /// Since when its dials are counted; the latest 2,000 of them are looked at.
    since: Timestamp,
    /// Dials that are over or were answered.
    dials: u32,
    /// Those of them that were answered.
    answered: u32,
    /// The part that was answered, 0 to 1; absent without dials.
    answer_rate: Option<f64>,
    /// Answered calls that lasted less than 10 s.
    short_calls: u32,
    /// Dials that were declined (603).
    declined: u32,
    /// Dials that were refused as unwanted (607).
    unwanted: u32,
    /// Dials that an analysis on the way refused (608).
    rejected: u32,
    /// The latest dial.
    last_dial_at: Option<Timestamp>,
    /// How well its latest signed call was vouched for; absent where none of its latest 100 dials was signed.
    attestation: Option<Attestation>,
    /// What is to be thought of it.
    verdict: CallerVerdict,
    /// Why, in words.
    reason: &'static str,
}

/// List the numbers that calls are made from, and how each is doing
///
/// All numbers in `caller_ids` of trunks, in order, with what the dials of campaigns from them came to.
#[utoipa::path(
    get, path = "/api/v1/caller-numbers", tag = "trunks", params(CallerNumbersQuery),
    responses((status = 200, body = Items<CallerNumberView>), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<CallerNumbersQuery>,
) -> Result<Json<Items<CallerNumberView>>, ApiError> {
    if !(1..=30).contains(&query.days) {
        return Err(ApiError::field("?days", "out_of_range", "must be between 1 and 30"));
    }
    if !(1..=MOST).contains(&query.limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 100"));
    }
    let from = match query.after.as_deref().map(cursor) {
        None => Bound::Unbounded,
        Some(Some(number)) => Bound::Excluded(number),
        Some(None) => return Err(ApiError::field("?after", "not_an_id", "must be `next` of the page before")),
    };
    let mut tx = api.db.read().await?;
    let since = tx.now().await? - SignedDuration::from_hours(24 * i64::from(query.days));
    let all = caller_number::all(&mut tx, caller.org).await?;
    let mut rest = all.range((from, Bound::Unbounded));
    let mut items = Vec::new();
    let mut last = None;
    for (number, trunks) in rest.by_ref().take(query.limit as usize) {
        let seen = caller_number::seen(&mut tx, caller.org, number, since).await?;
        items.push(view(number.clone(), trunks.clone(), since, seen));
        last = Some(number);
    }
    let more = rest.next().is_some();
    let next = last.filter(|_| more).map(|number| number.digits().to_owned());
    Ok(Json(Items { items, next }))
}

/// The number that a cursor names: its digits, which need no escapes in a query.
fn cursor(digits: &str) -> Option<E164> {
    format!("+{digits}").parse().ok()
}

fn view(number: E164, trunk_ids: Vec<TrunkId>, since: Timestamp, seen: CallerSeen) -> CallerNumberView {
    let CallerSeen { record, last_dial, attestation } = seen;
    let (verdict, reason) = record.verdict();
    CallerNumberView {
        number,
        trunk_ids,
        since,
        dials: record.dials,
        answered: record.answered,
        answer_rate: record.answer_rate(),
        short_calls: record.short,
        declined: record.declined,
        unwanted: record.unwanted,
        rejected: record.rejected,
        last_dial_at: last_dial,
        attestation,
        verdict,
        reason,
    }
}
