//! When people may be called: the rules of law with their sources, the organisation's policy, and what both mean for one
//! person in one campaign.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Unchecked;
use super::error::{ApiError, FieldFault};
use super::paging::{Id, Params};
use crate::campaign::law::policy::CallingPolicy;
use crate::campaign::law::{Force, Profile, Protects, Rule, law};
use crate::campaign::phone::E164;
use crate::campaign::run::Slot;
use crate::campaign::settings::FrequencyCap;
use crate::campaign::zone::{ZoneSource, Zones, zone_named};
use crate::dialer::calling_hours::Opening;
use crate::dialer::gate;
use crate::id::{CampaignId, ContactId};
use crate::pii::Pii;
use crate::store::{campaign, contact, policy};

/// The rules that the server knows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LawView {
    /// Version of the data: the day of its last change.
    data_version: String,
    /// The rules.
    rules: Vec<RuleView>,
}

/// A rule with its source.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "us-fl", "profile": "us", "regions": ["US-FL"], "force": "statute", "businesses_too": false,
    "title": "Florida Telemarketing Act", "citation": "Fla. Stat. § 501.616(6)",
    "url": "https://www.flsenate.gov/Laws/Statutes/2024/501.616", "looked_up": "2026-11-21",
    "frequency_cap": { "dials": 3, "per_hours": 24 }, "note": null
}))]
pub struct RuleView {
    /// Its name.
    id: String,
    /// The set it belongs to.
    profile: Profile,
    /// Where it holds: countries (ISO 3166-1) and states (ISO 3166-2).
    regions: Vec<String>,
    /// How binding it is.
    force: Force,
    /// Whether it protects businesses as well as consumers.
    businesses_too: bool,
    /// What it is called.
    title: String,
    /// Law and article.
    citation: String,
    /// The official page.
    url: String,
    /// When it was looked up.
    #[schema(value_type = String)]
    looked_up: Date,
    /// The most calls to one person in a period, where it says so.
    frequency_cap: Option<FrequencyCap>,
    /// What else is to be known.
    note: Option<String>,
}

pub(super) fn rule_view(rule: &Rule) -> RuleView {
    RuleView {
        id: rule.id.clone(),
        profile: rule.profile,
        regions: rule.regions.clone(),
        force: rule.force,
        businesses_too: rule.callees == Protects::Everybody,
        title: rule.title.clone(),
        citation: rule.citation.clone(),
        url: rule.url.clone(),
        looked_up: rule.looked_up,
        frequency_cap: rule.cap,
        note: rule.note.clone(),
    }
}

/// List the rules of law that the server knows
#[utoipa::path(get, path = "/api/v1/calling-law", tag = "calling law", responses((status = 200, body = LawView)))]
pub async fn rules(_caller: Caller) -> Json<LawView> {
    let rules = law().rules().iter().map(rule_view).collect();
    Json(LawView { data_version: law().version().to_owned(), rules })
}

/// Read the organisation's calling policy
#[utoipa::path(
    get, path = "/api/v1/calling-policy", tag = "calling law", responses((status = 200, body = CallingPolicy))
)]
pub async fn read_policy(State(api): State<Api>, caller: Caller) -> Result<Json<CallingPolicy>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(policy::get(&mut tx, caller.org).await?.0))
}

/// Replace the organisation's calling policy
///
/// It holds for all campaigns at once, live calls go on. Contacts that the old one held or blocked are looked at again.
#[utoipa::path(
    put, path = "/api/v1/calling-policy", tag = "calling law", request_body = CallingPolicy,
    responses((status = 200, body = CallingPolicy), (status = 422, body = super::Problem))
)]
pub async fn replace_policy(
    State(api): State<Api>,
    caller: Caller,
    Unchecked(input): Unchecked<CallingPolicy>,
) -> Result<Json<CallingPolicy>, ApiError> {
    input.validate().map_err(|faults| {
        let faults = faults.into_iter().map(|fault| FieldFault {
            pointer: format!("/{}", fault.field.replace('.', "/")),
            code: "rule".to_owned(),
            reason: fault.fault,
        });
        ApiError::Invalid(faults.collect())
    })?;
    let mut tx = api.db.begin_durable().await?;
    policy::set(&mut tx, caller.org, &caller.actor(), &input).await?;
    tx.commit().await?;
    Ok(Json(input))
}

/// Whom the hours are asked for, and when.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// A contact; else give `phone`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    contact: Option<ContactId>,
    /// A number with `+` and country code.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "+33140205050")]
    phone: Option<Pii<String>>,
    /// The IANA time zone that goes with `phone`, if one is known.
    #[serde(default)]
    time_zone: Option<String>,
    /// From when on; now when it is left out.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// How many days ahead, 1 to 31.
    #[serde(default = "a_week")]
    #[param(default = 7, minimum = 1, maximum = 31)]
    days: u32,
}

const fn a_week() -> u32 {
    7
}

/// When one person may be called by one campaign, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "data_version": "2026-11-21", "regions": ["US-FL"], "time_zones": ["America/New_York"], "zone_source": "number",
    "rules": [], "open": false, "held_by": "law", "rule": "us-fl", "next_at": "2027-03-02T13:00:00Z",
    "days": [{ "date": "2027-03-02", "time_zone": "America/New_York",
               "rules": [{ "id": "us-fl", "holiday": false, "times": ["08:00-20:00"] }] }],
    "windows": [{ "from": "2027-03-02T13:00:00Z", "until": "2027-03-03T01:00:00Z" }]
}))]
pub struct HoursView {
    /// Version of the legal data.
    data_version: String,
    /// Where the person is, as far as the number and the zone tell.
    regions: Vec<String>,
    /// The clocks that count; hours hold on all of them.
    time_zones: Vec<String>,
    /// Where the zones come from: `explicit`, `number` or `campaign`.
    zone_source: String,
    /// The legal rules that hold for the person; none where the data knows none, and the organisation's hours do alone.
    rules: Vec<RuleView>,
    /// Whether a ring may start at the moment asked about.
    open: bool,
    /// What keeps it shut: `outside_hours`, `law`, `quiet_hours`.
    held_by: Option<String>,
    /// The rule that does, of `law`.
    rule: Option<String>,
    /// When it opens; absent when it never does.
    next_at: Option<Timestamp>,
    /// What each rule allows on each day.
    days: Vec<DayView>,
    /// When the person may be called: everything together.
    windows: Vec<WindowView>,
}

/// What the rules allow on a day of the person's calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayView {
    /// The day.
    #[schema(value_type = String)]
    date: Date,
    /// On this clock.
    time_zone: String,
    /// By rule.
    rules: Vec<DayRuleView>,
}

/// What one rule allows on a day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayRuleView {
    /// The rule.
    id: String,
    /// Whether the day is one of its holidays.
    holiday: bool,
    /// Its times of day; empty when the day is free of calls.
    times: Vec<String>,
}

/// A time in which the person may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WindowView {
    /// From.
    from: Timestamp,
    /// Until: rings end by then.
    until: Timestamp,
}

/// When somebody may be called
///
/// Campaign, organisation and law together, for one number, with the rules that made it so.
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/calling-hours", tag = "calling law", params(("id" = CampaignId, Path), Asked),
    responses(
        (status = 200, body = HoursView),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Params(asked): Params<Asked>,
) -> Result<Json<HoursView>, ApiError> {
    if !(1..=31).contains(&asked.days) {
        return Err(ApiError::field("/days", "rule", "must be between 1 and 31".to_owned()));
    }
    let mut tx = api.db.read().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let (rules, _) = policy::rules(&mut tx, &seen).await?;
    let (number, zone) = match (asked.contact, &asked.phone) {
        (Some(contact), None) => {
            let data = contact::get(&mut tx, caller.org, contact).await?.data;
            let none = || ApiError::field("/contact", "empty_phone", "the contact has no phone number: give it one");
            (data.phone.ok_or_else(none)?, data.zone)
        }
        (None, Some(text)) => {
            let bad = |error: crate::campaign::phone::PhoneError| {
                ApiError::field("/phone", "invalid_phone", error.to_string())
            };
            (E164::parse(text.expose(), None).map_err(bad)?.into(), asked.time_zone)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::field("/phone", "rule", "give either contact or phone"));
        }
    };
    let now = tx.now().await?;
    drop(tx);
    if let Some(name) = &zone {
        zone_named(name).map_err(|error| ApiError::field("/time_zone", "unknown_time_zone", error.to_string()))?;
    }
    let Some(zones) = rules.zones(zone.as_deref(), number.expose()) else {
        let reason = "the number does not tell a time zone and the campaign does not guess: give a time zone";
        return Err(ApiError::field("/time_zone", "unknown_time_zone", reason));
    };
    let from = asked.from.unwrap_or(now);
    let regions = rules.hours.bounds().regions(number.expose(), zone.as_deref());
    let regions = regions.iter().map(ToString::to_string).collect();
    Ok(Json(view(&rules, &zones, regions, from, asked.days)))
}

fn view(rules: &gate::Rules, zones: &Zones, regions: Vec<String>, from: Timestamp, days: u32) -> HoursView {
    let next_at = rules.opening(zones, from).ok().map(|(at, _)| at);
    let open = next_at == Some(from);
    let held = match next_at {
        Some(at) if !open => Some(rules.held_until(zones, at)),
        Some(_) => None,
        None => rules.shut(zones, from),
    };
    HoursView {
        data_version: law().version().to_owned(),
        regions,
        time_zones: zones.as_slice().iter().map(name).collect(),
        zone_source: match zones.source() {
            ZoneSource::Explicit => "explicit",
            ZoneSource::Number => "number",
            ZoneSource::Campaign => "campaign",
        }
        .to_owned(),
        rules: zones.law().iter().map(|rule| rule_view(rule)).collect(),
        open,
        held_by: held.map(|held| held.why.as_str().to_owned()),
        rule: held.and_then(|held| held.rule).map(str::to_owned),
        next_at,
        days: days_of(zones, from, days),
        windows: windows(rules, zones, from, from + Duration::from_secs(86_400) * days),
    }
}

fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn days_of(zones: &Zones, from: Timestamp, days: u32) -> Vec<DayView> {
    let Some(zone) = zones.as_slice().first() else { return Vec::new() };
    let first = zone.to_datetime(from).date();
    let on = |date: Date| DayView {
        date,
        time_zone: name(zone),
        rules: zones
            .law()
            .iter()
            .map(|rule| DayRuleView {
                id: rule.id.clone(),
                holiday: rule.is_holiday(date),
                times: rule.slots_on(date).iter().map(Slot::to_string).collect(),
            })
            .collect(),
    };
    std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(days as usize).map(on).collect()
}

/// Every window between two moments, in order.
fn windows(rules: &gate::Rules, zones: &Zones, from: Timestamp, to: Timestamp) -> Vec<WindowView> {
    let ring = rules.settings.ring_timeout();
    let mut found = Vec::new();
    let mut at = from;
    // Four times a day, each cut in a handful by laws and quiet hours.
    while at < to && found.len() < 1000 {
        let Opening::At { from, until } = rules.hours.next(zones, at, ring) else { break };
        if from >= to {
            break;
        }
        at = until + ring;
        found.push(WindowView { from, until: at });
    }
    found
}
