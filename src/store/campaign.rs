//! Campaigns: what they are to do, where they stand, how far they are.

mod copies;
mod diagnosed;
mod guards;
mod overview;
mod purge;
mod reopen;
mod revive;
mod statistics;
mod stop;
mod trunks;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{self, Actor};
use super::db::value::text_columns;
use super::db::{Arg, Listing, Page, Row, ToArg};
use super::filter::{CampaignFilter, Clause, Cursor, Orders, Sheet};
use super::{StoreError, Tx, Wake, target};
use crate::agent::assistant::Disclosure;
use crate::args;
use crate::campaign::disclosure;
use crate::campaign::phone::E164;
use crate::campaign::rounds::{Opened, Rounds};
use crate::campaign::run::{Days, Schedule};
use crate::campaign::settings::Settings;
use crate::campaign::states::{CampaignState, PauseReason, TargetState};
use crate::campaign::zone::zone_named;
use crate::dialer::start::StartGuard;
use crate::id::{AssistantId, CampaignId, OrgId, RunId, TrunkId};

pub use crate::dialer::diagnosis::Holding;
pub use copies::{COPIED_AT_ONCE, NotMerged, copy_contacts, duplicate, merge};
pub use diagnosed::diagnosed;
pub use guards::failed_guards;
pub use overview::{Overview, overviews};
pub use purge::{Purged, purge};
pub use reopen::{Reopened, reopen};
pub use revive::revive;
pub use statistics::{Statistics, statistics};
pub use stop::{Stopped, stop};
pub use trunks::keep_to_trunks;

text_columns!(CampaignState, PauseReason, TargetState);

/// A campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose it is.
    pub org: OrgId,
    /// Where it stands.
    pub state: CampaignState,
    /// Why it is paused, if it is.
    pub pause_reason: Option<PauseReason>,
    /// Why it paused itself, in words.
    pub pause_detail: Option<String>,
    /// Counts its changes, those of its state included.
    pub version: i64,
    /// What can be edited.
    pub data: CampaignData,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it first started.
    pub started_at: Option<Timestamp>,
    /// When it last began to dial: at its start, after a pause, when it was opened again.
    pub resumed_at: Option<Timestamp>,
    /// When it was completed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// The rounds that its runs have opened, oldest first.
    pub rounds: Vec<Opened>,
    /// What its scheduled start ran into, until it is changed or started.
    pub start_failed: Option<StartFailed>,
}

/// A scheduled start that could not take place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailed {
    /// When it should have been.
    pub at: Timestamp,
    /// What did not hold.
    pub guards: Vec<StartGuard>,
    /// How many minutes were missing, in words, when that is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<String>,
}

/// What can be edited of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignData {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// What a call should achieve.
    pub goal: Option<String>,
    /// Who talks. An attempt takes the version that is current when it is claimed.
    pub assistant: AssistantId,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// From which number.
    pub caller_id: E164,
    /// When.
    pub schedule: Schedule,
    /// How fast, how often, how long.
    pub settings: Settings,
    /// What everybody is told first, whatever the assistant's own settings. An attempt takes what is demanded when it
    /// is claimed.
    pub disclosure: Disclosure,
    /// When a draft starts by itself.
    pub scheduled_start_at: Option<Timestamp>,
}

/// A move from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The state to come to.
    pub to: CampaignState,
    /// Why, when that is [`CampaignState::Paused`].
    pub pause_reason: Option<PauseReason>,
}

/// How far a campaign is. `total` is the sum of the other four.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Targets that count: all but rejected and removed ones.
    pub total: u64,
    /// Not dialed to an end yet: new, waiting, ready, callback, suspended.
    pub pending: u64,
    /// With a live attempt.
    pub in_progress: u64,
    /// Done.
    pub completed: u64,
    /// Failed, blocked, expired.
    pub failed: u64,
    /// Targets in each state that has any.
    pub by_state: BTreeMap<TargetState, u64>,
    /// Calls that were answered and heard nothing from us for two seconds.
    pub silent_starts: u64,
}

impl Progress {
    /// So many targets are in a state.
    fn count(&mut self, state: TargetState, count: u64) {
        let part = match state {
            TargetState::New
            | TargetState::Waiting
            | TargetState::Ready
            | TargetState::Callback
            | TargetState::Suspended => Some(&mut self.pending),
            TargetState::InProgress => Some(&mut self.in_progress),
            TargetState::Done => Some(&mut self.completed),
            TargetState::Failed | TargetState::Blocked | TargetState::Expired => Some(&mut self.failed),
            TargetState::Rejected | TargetState::Removed => None,
        };
        if let Some(part) = part {
            *part += count;
            self.total += count;
        }
        self.by_state.insert(state, count);
    }

    /// (completed + failed) / total in percent; 100 without contacts.
    #[must_use]
    pub fn percent_complete(&self) -> f64 {
        let ended = self.completed + self.failed;
        if self.total == 0 { 100.0 } else { ended as f64 * 100.0 / self.total as f64 }
    }
}

const SELECT: &str = "SELECT id, org_id, name, description, state, version, pause_reason, goal, assistant_id, trunk_id, caller_id, \
                      schedule, scheduled_start_at, settings, disclosure, created_at, updated_at, started_at, \
                      resumed_at, ended_at, start_failed, rounds, pause_detail FROM campaign";

/// Keeps a new campaign as a draft.
///
/// # Errors
/// [`StoreError::Conflict`] when assistant or trunk do not exist or a day belongs to two runs, or when the database
/// fails.
pub async fn insert(tx: &mut Tx, org: OrgId, actor: &Actor, mut data: CampaignData) -> Result<Campaign, StoreError> {
    data.schedule.name_runs(None, RunId::generate);
    let now = tx.now().await?;
    let id = CampaignId::generate();
    let state = CampaignState::Draft;
    let mut args = args![id, org, state, now];
    args.extend(values(&data));
    tx.execute(
        "INSERT INTO campaign (id, org_id, state, version, created_at, updated_at, name, goal, assistant_id, trunk_id, \
         caller_id, schedule, settings, disclosure, scheduled_start_at, description, search) \
         VALUES ($1, $2, $3, 1, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        args,
    )
    .await?;
    write_days(tx, id, &data.schedule).await?;
    audit::write(tx, org, actor, "campaign.create", ("campaign", id.to_string()), json!({})).await?;
    Ok(Campaign {
        id,
        org,
        state,
        pause_reason: None,
        pause_detail: None,
        version: 1,
        data,
        created_at: now,
        updated_at: now,
        started_at: None,
        resumed_at: None,
        ended_at: None,
        rounds: Vec::new(),
        start_failed: None,
    })
}

/// One campaign.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: CampaignId) -> Result<Campaign, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// A campaign, whoever's it is: for the dialer, which serves all organisations.
pub async fn of_any_org(tx: &mut Tx, id: CampaignId) -> Result<Campaign, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE id = $1"), args![id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The campaigns with this id or this name, whoever's they are; at most two.
///
/// # Errors
/// When the database fails.
pub async fn called(tx: &mut Tx, text: &str) -> Result<Vec<Campaign>, StoreError> {
    let sql = format!("{SELECT} WHERE id = $1 OR name = $1 ORDER BY id LIMIT 2");
    tx.all_built(sql, args![text]).await?.iter().map(read).collect()
}

/// The campaigns of an organisation, or those of them in one state.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    state: Option<CampaignState>,
    page: Page<CampaignId>,
) -> Result<Listing<Campaign, CampaignId>, StoreError> {
    let mut select = format!("{SELECT} WHERE org_id = $1");
    let mut args = args![org];
    if let Some(state) = state {
        select.push_str(" AND state = $2");
        args.push(state.to_arg());
    }
    tx.page(&select, args, "id", page, read, |campaign| campaign.id).await
}

/// What campaigns can be ordered by.
pub const ORDERS: Orders = &[
    ("created_at", None),
    ("updated_at", Some("updated_at")),
    ("started_at", Some("COALESCE(started_at, 0)")),
    ("name", Some("name")),
];

/// The campaigns of an organisation that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &CampaignFilter,
    sheet: &Sheet,
) -> Result<Listing<Campaign, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, format!("{SELECT} WHERE org_id = $1"), args![org]);
    filter.add(&mut clause);
    clause.page(tx, "id", sheet, read).await
}

/// The campaigns of all organisations that dial or wait to dial: what a dialer looks after.
///
/// # Errors
/// When the database fails.
pub async fn in_progress(tx: &mut Tx) -> Result<Vec<Campaign>, StoreError> {
    let sql = format!("{SELECT} WHERE state = $1 ORDER BY id");
    tx.all_built(sql, args![CampaignState::InProgress]).await?.iter().map(read).collect()
}

/// The drafts whose scheduled start has come.
///
/// # Errors
/// When the database fails.
pub async fn scheduled(tx: &mut Tx) -> Result<Vec<Campaign>, StoreError> {
    let now = tx.now().await?;
    let sql = format!("{SELECT} WHERE state = $1 AND scheduled_start_at <= $2 ORDER BY id");
    tx.all_built(sql, args![CampaignState::Draft, now]).await?.iter().map(read).collect()
}

/// Writes `data` over what `seen` holds, if nobody else has written since. Returns the new version.
///
/// # Errors
/// [`StoreError::Stale`]; [`StoreError::Conflict`] as for [`insert`]; or when the database fails.
pub async fn update(tx: &mut Tx, seen: &Campaign, actor: &Actor, data: &CampaignData) -> Result<i64, StoreError> {
    let mut data = data.clone();
    data.schedule.name_runs(Some(&seen.data.schedule), RunId::generate);
    let data = &data;
    let mut args = args![seen.id, seen.state, seen.version, tx.now().await?];
    args.extend(values(data));
    let sql = "UPDATE campaign SET version = version + 1, updated_at = $4, name = $5, goal = $6, assistant_id = $7, \
               trunk_id = $8, trunk_group_id = CASE WHEN trunk_id = $8 THEN trunk_group_id END, caller_id = $9, schedule = $10, settings = $11, disclosure = $12, \
               scheduled_start_at = $13, description = $14, search = $15, start_failed = NULL WHERE id = $1 AND state = $2 AND version = $3";
    if tx.execute(sql, args).await? == 0 {
        return Err(StoreError::Stale);
    }
    if data.schedule != seen.data.schedule {
        tx.execute("DELETE FROM run_day WHERE campaign_id = $1", args![seen.id]).await?;
        write_days(tx, seen.id, &data.schedule).await?;
        // What was out of hours may be within them now: the gate decides again.
        let now = tx.now().await?;
        let due = "UPDATE target SET next_at = $2, opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                   WHERE campaign_id = $1 AND status = 'waiting' AND dials = 0 \
                   AND next_at > $2";
        tx.execute(due, args![seen.id, now]).await?;
        revive::period_changed(tx, seen, &data.schedule, now).await?;
    }
    let (before, after) = (&seen.data.settings, &data.settings);
    if (&before.list_order, before.retries_first) != (&after.list_order, after.retries_first) {
        target::order_changed(tx, seen.id, before.list_order != after.list_order).await?;
    }
    if before.alternate_numbers != after.alternate_numbers {
        let anew = "UPDATE target SET number = 0 WHERE campaign_id = $1 AND number > 0 AND status <> 'in_progress'";
        tx.execute(anew, args![seen.id]).await?;
    }
    if seen.data.settings.strict_time_zones && !data.settings.strict_time_zones {
        target::mend_zones(tx, seen.id).await?;
    }
    let (old, new) = (&seen.data.settings, &data.settings);
    let bounds = |settings: &Settings| {
        (settings.callees, settings.law.clone(), settings.require_consent, settings.frequency_cap)
    };
    let from = data.caller_id != seen.data.caller_id;
    if from || data.schedule != seen.data.schedule || bounds(old) != bounds(new) {
        target::mend_hours(tx, seen.id).await?;
    }
    let detail = json!({ "changed": changed(&seen.data, data) });
    audit::write(tx, seen.org, actor, "campaign.update", ("campaign", seen.id.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    Ok(seen.version + 1)
}

/// Moves a campaign to another state, if it still is in the state and version that were seen. Whether the move is
/// allowed is decided before, on `seen`. The transaction should be durable
/// ([`Db::begin_durable`](super::Db::begin_durable)): a forgotten pause dials.
///
/// # Errors
/// [`StoreError::Stale`], or when the database fails.
pub async fn advance(tx: &mut Tx, seen: &Campaign, actor: &Actor, to: Move) -> Result<i64, StoreError> {
    const SQL: &str = "UPDATE campaign SET version = version + 1, updated_at = $4, state = $5, pause_reason = $6, \
                       started_at = $7, ended_at = $8, resumed_at = $9, start_failed = NULL, pause_detail = NULL, rounds = $10 \
                       WHERE id = $1 AND state = $2 AND version = $3";
    let now = tx.now().await?;
    let dials = to.to == CampaignState::InProgress;
    let started = if dials { seen.started_at.or(Some(now)) } else { seen.started_at };
    let resumed = if dials { Some(now) } else { seen.resumed_at };
    let ended = match to.to {
        CampaignState::Completed | CampaignState::Cancelled => Some(now),
        CampaignState::Deleting => seen.ended_at,
        CampaignState::Draft | CampaignState::InProgress | CampaignState::Paused => None,
    };
    let due = if dials { due_rounds(seen, started.unwrap_or(now), now) } else { Vec::new() };
    let rounds: Vec<_> = seen.rounds.iter().copied().chain(due.iter().map(|&run| Opened { run, at: now })).collect();
    let mut args = args![seen.id, seen.state, seen.version, now, to.to, to.pause_reason, started, ended, resumed];
    args.push(Arg::Text(Some(to_json(&rounds))));
    if tx.execute(SQL, args).await? == 0 {
        return Err(StoreError::Stale);
    }
    let detail = json!({ "from": seen.state, "to": to.to, "pause_reason": to.pause_reason });
    audit::write(tx, seen.org, actor, "campaign.move", ("campaign", seen.id.to_string()), detail).await?;
    round_opened(tx, seen, actor, &due).await?;
    if seen.state == CampaignState::InProgress && !dials {
        tx.wake(Wake::Halt(seen.id));
    }
    tx.wake(Wake::Campaigns);
    Ok(seen.version + 1)
}

/// The runs whose round a campaign opens when it begins to dial.
fn due_rounds(seen: &Campaign, started: Timestamp, now: Timestamp) -> Vec<RunId> {
    let zone = zone_named(&seen.data.schedule.time_zone);
    zone.map(|zone| Rounds::new(&seen.data.schedule, &seen.rounds, &zone, started, now).due()).unwrap_or_default()
}

/// Writes down which rounds were opened beyond those that were seen.
pub(in crate::store) async fn round_opened(
    tx: &mut Tx,
    seen: &Campaign,
    actor: &Actor,
    due: &[RunId],
) -> Result<(), StoreError> {
    for (index, run) in due.iter().enumerate() {
        let detail = json!({ "run": run, "round": seen.rounds.len() + index + 1 });
        audit::write(tx, seen.org, actor, "campaign.round", ("campaign", seen.id.to_string()), detail).await?;
    }
    Ok(())
}

/// Keeps what the scheduled start of a draft ran into: it stays a draft, and is not started by the clock again.
///
/// # Errors
/// [`StoreError::Stale`], or when the database fails.
pub async fn not_started(tx: &mut Tx, seen: &Campaign, actor: &Actor, failed: &StartFailed) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE campaign SET version = version + 1, updated_at = $4, scheduled_start_at = NULL, \
                       start_failed = $5 WHERE id = $1 AND state = $2 AND version = $3";
    let now = tx.now().await?;
    let kept = Arg::Text(Some(to_json(failed)));
    let mut args = args![seen.id, seen.state, seen.version, now];
    args.push(kept);
    if tx.execute(SQL, args).await? == 0 {
        return Err(StoreError::Stale);
    }
    let detail = json!({ "guards": failed.guards });
    audit::write(tx, seen.org, actor, "campaign.start_failed", ("campaign", seen.id.to_string()), detail).await?;
    Ok(())
}

/// Deletes a campaign: from now on it is gone for everybody but [`purge()`], which takes its data away once its live
/// calls have ended. One in progress is cancelled first.
///
/// # Errors
/// [`StoreError::Stale`], or when the database fails.
pub async fn delete(tx: &mut Tx, seen: &Campaign, actor: &Actor) -> Result<(), StoreError> {
    let mut version = seen.version;
    let mut state = seen.state;
    for to in [CampaignState::Cancelled, CampaignState::Deleting] {
        if to == CampaignState::Cancelled && state != CampaignState::InProgress {
            continue;
        }
        let now_seen = Campaign { state, version, ..seen.clone() };
        version = advance(tx, &now_seen, actor, Move { to, pause_reason: None }).await?;
        state = to;
    }
    Ok(())
}

/// The campaigns of all organisations whose data is to be taken away.
///
/// # Errors
/// When the database fails.
pub async fn deleting(tx: &mut Tx) -> Result<Vec<CampaignId>, StoreError> {
    let rows = tx.all("SELECT id FROM campaign WHERE state = $1 ORDER BY id", args![CampaignState::Deleting]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The campaigns of all organisations that have contacts to [`revive()`].
///
/// # Errors
/// When the database fails.
pub async fn extended(tx: &mut Tx) -> Result<Vec<CampaignId>, StoreError> {
    let rows = tx.all("SELECT id FROM campaign WHERE revive_before IS NOT NULL ORDER BY id", vec![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The campaigns of all organisations whose contacts have to be put in another order ([`target::replace`]).
///
/// # Errors
/// When the database fails.
pub async fn reordered(tx: &mut Tx) -> Result<Vec<CampaignId>, StoreError> {
    let rows = tx.all("SELECT id FROM campaign WHERE placed_to IS NOT NULL ORDER BY id", vec![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// When the next draft is to start by itself.
///
/// # Errors
/// When the database fails.
pub async fn next_scheduled(tx: &mut Tx) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(scheduled_start_at) AS value FROM campaign WHERE state = $1";
    tx.value(sql, args![CampaignState::Draft]).await
}

/// What holds the contacts of a campaign, from one query.
///
/// # Errors
/// When the database fails.
pub async fn holdings(tx: &mut Tx, id: CampaignId, now: Timestamp) -> Result<Vec<Holding>, StoreError> {
    const SQL: &str = "SELECT status, CASE WHEN status = 'waiting' AND next_at > $2 THEN COALESCE(held_by, 'not_due') \
                       WHEN status = 'blocked' THEN blocked_reason END AS held, COUNT(*) AS count, MIN(COALESCE(callback_at, next_at)) AS next_at \
                       FROM target WHERE campaign_id = $1 GROUP BY 1, 2 ORDER BY 1, 2";
    let rows = tx.all(SQL, args![id, now]).await?;
    rows.iter()
        .map(|row| {
            let (held_by, contacts): (Option<String>, i64) = (row.get("held")?, row.get("count")?);
            let (state, contacts) = (row.get("status")?, contacts.unsigned_abs());
            Ok(Holding { state, held_by, contacts, next_at: row.get("next_at")? })
        })
        .collect()
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Dials on its days that were sent.
    pub dials: u64,
    /// Dials that were answered by a person.
    pub answered: u64,
}

/// What came of each run of a campaign that has dialed.
///
/// # Errors
/// When the database fails.
pub async fn run_counts(tx: &mut Tx, id: CampaignId) -> Result<BTreeMap<RunId, RunCounts>, StoreError> {
    const SQL: &str = "SELECT run_id, COUNT(*) AS dials, COUNT(CASE WHEN answered_at IS NOT NULL AND \
                       (answered_by IS NULL OR answered_by IN ('human', 'unknown')) THEN 1 END) AS answered \
                       FROM attempt WHERE campaign_id = $1 AND dialing_at IS NOT NULL AND run_id IS NOT NULL \
                       GROUP BY run_id";
    let rows = tx.all(SQL, args![id]).await?;
    rows.iter()
        .map(|row| {
            let (dials, answered): (i64, i64) = (row.get("dials")?, row.get("answered")?);
            let counts = RunCounts { dials: dials.unsigned_abs(), answered: answered.unsigned_abs() };
            Ok((row.get("run_id")?, counts))
        })
        .collect()
}

/// How far a campaign is, from one query.
///
/// # Errors
/// When the database fails.
pub async fn progress(tx: &mut Tx, id: CampaignId) -> Result<Progress, StoreError> {
    const SILENT: &str = "SELECT COUNT(*) AS value FROM call WHERE campaign_id = $1 AND silent_start";
    const SQL: &str = "SELECT status, COUNT(*) AS count FROM target WHERE campaign_id = $1 GROUP BY status";
    let mut progress = Progress::default();
    for row in tx.all(SQL, args![id]).await? {
        progress.count(row.get("status")?, row.get::<i64>("count")?.unsigned_abs());
    }
    let silent: i64 = tx.value(SILENT, args![id]).await?;
    progress.silent_starts = silent.unsigned_abs();
    Ok(progress)
}

async fn write_days(tx: &mut Tx, id: CampaignId, schedule: &Schedule) -> Result<(), StoreError> {
    for (ordinal, run) in schedule.runs.iter().enumerate() {
        let days: Vec<String> = match &run.days {
            Days::Weekdays(days) => days.iter().map(ToString::to_string).collect(),
            Days::Dates(dates) => dates.iter().map(ToString::to_string).collect(),
        };
        for day in days {
            let ordinal = i64::try_from(ordinal).expect("a schedule has at most 366 runs");
            let sql = "INSERT INTO run_day (campaign_id, day_key, run_ordinal) VALUES ($1, $2, $3)";
            tx.execute(sql, args![id, day, ordinal]).await?;
        }
    }
    Ok(())
}

/// Name, goal, assistant, trunk, caller ID, schedule, settings, disclosure, scheduled start, description, search.
fn values(data: &CampaignData) -> [Arg; 11] {
    [
        data.name.to_arg(),
        data.goal.to_arg(),
        data.assistant.to_arg(),
        data.trunk.to_arg(),
        data.caller_id.to_arg(),
        Arg::Text(Some(to_json(&data.schedule))),
        Arg::Text(Some(to_json(&data.settings))),
        Arg::Text((!disclosure::demands_nothing(&data.disclosure)).then(|| to_json(&data.disclosure))),
        data.scheduled_start_at.to_arg(),
        data.description.to_arg(),
        format!("{} {}", data.name, data.description).to_lowercase().to_arg(),
    ]
}

/// The names of the fields that differ.
fn changed(old: &CampaignData, new: &CampaignData) -> Vec<&'static str> {
    let fields = [
        ("name", old.name != new.name),
        ("description", old.description != new.description),
        ("goal", old.goal != new.goal),
        ("assistant", old.assistant != new.assistant),
        ("trunk", old.trunk != new.trunk),
        ("caller_id", old.caller_id != new.caller_id),
        ("schedule", old.schedule != new.schedule),
        ("settings", old.settings != new.settings),
        ("disclosure", old.disclosure != new.disclosure),
        ("scheduled_start_at", old.scheduled_start_at != new.scheduled_start_at),
    ];
    fields.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("schedules, settings, disclosures and guards are JSON")
}

fn from_json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let value: Value = row.get(column)?;
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column })
}

/// A schedule from before runs had ids gets ids that are the same each time it is read.
fn read_schedule(row: &Row) -> Result<Schedule, StoreError> {
    let (id, mut schedule): (CampaignId, Schedule) = (row.get("id")?, from_json(row, "schedule")?);
    let campaign = u128::from_be_bytes(*id.as_bytes());
    for (index, run) in schedule.runs.iter_mut().enumerate() {
        run.id.get_or_insert_with(|| RunId::from_u128(campaign.wrapping_add(1 + index as u128)));
    }
    Ok(schedule)
}

/// The number of the round that is open in a campaign, from 1.
pub(in crate::store) async fn round_no(tx: &mut Tx, id: CampaignId) -> Result<i64, StoreError> {
    let row = tx.one("SELECT rounds FROM campaign WHERE id = $1", args![id]).await?;
    let rounds: Vec<Opened> = from_json(&row, "rounds")?;
    Ok(i64::try_from(rounds.len()).unwrap_or(i64::MAX).max(1))
}

fn read_failed(row: &Row) -> Result<Option<StartFailed>, StoreError> {
    let value: Option<Value> = row.get("start_failed")?;
    value.map(serde_json::from_value).transpose().map_err(|_| StoreError::Corrupt { column: "start_failed" })
}

fn read_disclosure(row: &Row) -> Result<Disclosure, StoreError> {
    let value: Option<Value> = row.get("disclosure")?;
    let read = value.map(serde_json::from_value).transpose();
    Ok(read.map_err(|_| StoreError::Corrupt { column: "disclosure" })?.unwrap_or_default())
}

fn read(row: &Row) -> Result<Campaign, StoreError> {
    let data = CampaignData {
        name: row.get("name")?,
        description: row.get("description")?,
        goal: row.get("goal")?,
        assistant: row.get("assistant_id")?,
        trunk: row.get("trunk_id")?,
        caller_id: row.get("caller_id")?,
        schedule: read_schedule(row)?,
        settings: from_json(row, "settings")?,
        disclosure: read_disclosure(row)?,
        scheduled_start_at: row.get("scheduled_start_at")?,
    };
    Ok(Campaign {
        id: row.get("id")?,
        org: row.get("org_id")?,
        state: row.get("state")?,
        pause_reason: row.get("pause_reason")?,
        pause_detail: row.get("pause_detail")?,
        version: row.get("version")?,
        data,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        started_at: row.get("started_at")?,
        resumed_at: row.get("resumed_at")?,
        ended_at: row.get("ended_at")?,
        rounds: from_json(row, "rounds")?,
        start_failed: read_failed(row)?,
    })
}
