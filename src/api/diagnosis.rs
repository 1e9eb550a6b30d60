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
use crate::campaign::month::next_month;
use crate::campaign::rounds::Rounds;
use crate::campaign::states::{BlockedReason, CampaignState, PauseReason, TargetState};
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::zone_named;
use crate::dialer::gate;
use crate::dialer::pacing::Scope;
use crate::dialer::status::Held;
use crate::id::CampaignId;
use crate::store::campaign::{self, Campaign, Holding};

wire_enum! {
    /// What a campaign does at this moment.
    pub enum Activity is "activity" {
        /// Calls are live, or somebody is next.
        Dialing = "dialing",
        /// Somebody is due, and a limit leaves no room.
        WaitingCapacity = "waiting_capacity",
        /// Everybody waits for their hours.
        WaitingWindow = "waiting_window",
        /// Everybody waits for a retry, a callback or another call of their number.
        WaitingRetry = "waiting_retry",
        /// Only those are left who wait for a person.
        WaitingPerson = "waiting_person",
        /// It was stopped, and its last calls go on.
        Draining = "draining",
        /// It starts by itself.
        Scheduled = "scheduled",
    }
}

/// What holds a campaign, from the nearest to the furthest.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "state": "in_progress", "activity": "waiting_window", "next_at": "2027-03-02T07:00:00Z",
    "holds": [{ "code": "outside_hours", "contacts": 120, "next_at": "2027-03-02T07:00:00Z",
                "reason": "outside their calling hours" }]
}))]
pub struct DiagnosisView {
    /// Where the campaign stands.
    state: CampaignState,
    /// What it does; absent when it does nothing.
    activity: Option<Activity>,
    /// When something happens next by itself.
    next_at: Option<Timestamp>,
    /// What holds its contacts.
    holds: Vec<HoldView>,
}

/// One thing that holds contacts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// Stable name: a pause reason, a reason to defer, `retry`, `callback`, `preselection`, `suspended`, `later_run`,
    /// `blocked_` with the reason, `spend_cap`, or a
    /// scope with `_pace` or `_concurrency`.
    code: String,
    /// How many contacts.
    contacts: u64,
    /// When the first of them is looked at again, where a time is known.
    next_at: Option<Timestamp>,
    /// In words.
    reason: String,
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
    let mut tx = api.db.read().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let now = tx.now().await?;
    let all = campaign::holdings(&mut tx, id, now).await?;
    drop(tx);
    let held = api.dialer.of(id);
    let opening = next_opening(&seen, now);
    Ok(Json(diagnose(&seen, &all, held, opening, now)))
}

fn next_opening(seen: &Campaign, now: Timestamp) -> Option<Timestamp> {
    let zone = zone_named(&seen.data.schedule.time_zone).ok()?;
    let started = seen.started_at.unwrap_or(now);
    Rounds::new(&seen.data.schedule, &seen.rounds, &zone, started, now).next_opening(&zone, now)
}

fn diagnose(
    seen: &Campaign,
    all: &[Holding],
    held: Option<Held>,
    opening: Option<Timestamp>,
    now: Timestamp,
) -> DiagnosisView {
    let count =
        |state: TargetState| all.iter().filter(|held| held.state == state).map(|held| held.contacts).sum::<u64>();
    let live = count(TargetState::InProgress);
    let pending = all.iter().filter(|held| !held.state.is_final()).map(|held| held.contacts).sum::<u64>() - live;
    let view = |activity, next_at, holds| DiagnosisView { state: seen.state, activity, next_at, holds };
    let whole = |code: &str, next_at, reason: &str| HoldView {
        code: code.to_owned(),
        contacts: pending,
        next_at,
        reason: reason.to_owned(),
        rule: None,
        data_version: None,
    };
    let draining = (live > 0).then_some(Activity::Draining);
    match seen.state {
        CampaignState::InProgress => {}
        CampaignState::Draft => {
            let at = seen.data.scheduled_start_at;
            let activity = at.map(|_| Activity::Scheduled);
            return view(activity, at, vec![whole("not_started", at, "it has not been started")]);
        }
        CampaignState::Paused => {
            let code = seen.pause_reason.map_or("paused", |reason| reason.as_str());
            let why = seen.pause_detail.as_deref().unwrap_or("it is paused: resume it");
            // What a new month mends goes on by itself.
            let next = seen.pause_reason.filter(|reason| *reason == PauseReason::QuotaMinutes);
            let next = next.and_then(|_| next_month(now));
            return view(draining, next, vec![whole(code, next, why)]);
        }
        CampaignState::Completed | CampaignState::Cancelled | CampaignState::Deleting => {
            return view(draining, None, vec![whole("over", None, "it is over")]);
        }
    }
    let mut holds: Vec<HoldView> = all.iter().filter_map(|one| hold(one, held.as_ref(), opening)).collect();
    holds.sort_by_key(|hold| (hold.next_at.is_none(), hold.next_at));
    let has = |codes: &[&str]| holds.iter().any(|hold| codes.contains(&hold.code.as_str()));
    let due = count(TargetState::Ready) + all.iter().filter(|one| one.is_due()).map(|one| one.contacts).sum::<u64>();
    let activity = match () {
        () if due > 0 && held.is_some() => Some(Activity::WaitingCapacity),
        () if live > 0 || due > 0 => Some(Activity::Dialing),
        () if has(&["outside_hours", "law", "quiet_hours", "later_run", "not_due"]) => Some(Activity::WaitingWindow),
        () if has(&["retry", "callback", "number_busy", "number_spacing", "frequency_cap"]) => {
            Some(Activity::WaitingRetry)
        }
        () => (pending > 0).then_some(Activity::WaitingPerson),
    };
    let next_at = holds.iter().filter_map(|hold| hold.next_at).min();
    view(activity, next_at, holds)
}

/// What holds those of one state.
fn hold(one: &Holding, held: Option<&Held>, opening: Option<Timestamp>) -> Option<HoldView> {
    let mut rule = None;
    let (code, next_at, reason): (String, Option<Timestamp>, &str) = match one.state {
        TargetState::Waiting if !one.is_due() => {
            let (code, by) = gate::Held::parts(one.held_by.as_deref().unwrap_or("not_due"));
            rule = by.and_then(|id| law().rule(id));
            let reason = match code {
                "outside_hours" => "outside their calling hours",
                "law" => "a law does not allow calls at this time",
                "quiet_hours" => "within the quiet hours of the organisation",
                "number_busy" => "their number is being called",
                "number_spacing" => "their number was called a short while ago",
                "frequency_cap" => "their number had as many calls as it may",
                "retry" => "the delay before their retry",
                _ => "not due yet",
            };
            (code.to_owned(), one.next_at, reason)
        }
        TargetState::Waiting | TargetState::Ready => {
            let held = held?;
            let kind = match (held.scope, held.until) {
                (Scope::Spend, _) => "cap",
                (_, Some(_)) => "pace",
                (_, None) => "concurrency",
            };
            let contacts = one.contacts;
            let code = format!("{}_{kind}", held.scope);
            let reason = held.reason.clone();
            return Some(HoldView { code, contacts, next_at: held.until, reason, rule: None, data_version: None });
        }
        TargetState::Callback => ("callback".to_owned(), one.next_at, "the time they are to be called back"),
        TargetState::New => ("preselection".to_owned(), None, "somebody has to approve them"),
        TargetState::Suspended => ("suspended".to_owned(), None, "somebody holds them: resume them"),
        TargetState::Failed => ("later_run".to_owned(), Some(opening?), "a later run may call them again"),
        TargetState::Blocked => {
            let reason: BlockedReason = one.held_by.as_deref()?.parse().ok()?;
            (format!("blocked_{reason}"), None, why_blocked(reason))
        }
        TargetState::Rejected
        | TargetState::InProgress
        | TargetState::Done
        | TargetState::Expired
        | TargetState::Removed => return None,
    };
    let reason = match rule {
        Some(rule) => format!("{reason}: {}, {}", rule.title, rule.citation),
        None => reason.to_owned(),
    };
    let data_version = rule.map(|_| law().version().to_owned());
    Some(HoldView { code, contacts: one.contacts, next_at, reason, rule: rule.map(rule_view), data_version })
}

/// Why contacts may not be called at all, and what mends it.
const fn why_blocked(reason: BlockedReason) -> &'static str {
    match reason {
        BlockedReason::Dnc => "their numbers are on a suppression list",
        BlockedReason::OptedOut => "they asked not to be called",
        BlockedReason::AlreadySigned => "they have signed",
        BlockedReason::TasksComplete => "nothing is left to ask them",
        BlockedReason::EmptyPhone => "they have no phone number: give them one",
        BlockedReason::InvalidNumber => "their numbers cannot be dialed: correct them",
        BlockedReason::InvalidTimezone => "their time zone is not known: give it",
        BlockedReason::FrequencyCap => "they had as many calls as they may until the campaign ends",
        BlockedReason::Law => "no time of the campaign is lawful for them: change its days or times",
        BlockedReason::NoConsent => "their consent is not on record: record it",
        BlockedReason::CountryNotAllowed => "their countries are not called: allow them in the calling policy",
        BlockedReason::PremiumNumber => "they have premium-rate numbers, which are never called",
        BlockedReason::SatelliteNumber => {
            "they have numbers of satellite or international networks, which are never called"
        }
    }
}
