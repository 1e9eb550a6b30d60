//! What an organisation's plan allows: minutes of calls in a month, and campaigns that dial at the same time.
//!
//! Both are looked at before a start, and once a minute while campaigns dial: what is beyond them is paused, and what was
//! paused for them goes on by itself once it may.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::audit::{self, Actor};
use super::campaign::{self, Campaign, Move};
use super::db::Row;
use super::{StoreError, Tx};
use crate::args;
use crate::campaign::states::{CampaignState, PauseReason};
use crate::id::{AttemptId, CampaignId, OrgId};

/// How much of its plan an organisation has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How long its calls of this month have lasted, those included that go on.
    pub talked: Duration,
    /// Minutes of a month; none = as many as it likes.
    pub minutes_per_month: Option<u32>,
    /// Campaigns in progress.
    pub active: u32,
    /// Most of them; none = no limit.
    pub max_active: Option<u32>,
}

impl Usage {
    /// Whether the minutes of the month are used up.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.minutes_per_month.is_some_and(|minutes| self.talked >= Duration::from_secs(60) * minutes)
    }

    /// Whether no further campaign may dial.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.max_active.is_some_and(|most| self.active >= most)
    }

    /// Minutes that are left of this month; none without a limit.
    #[must_use]
    pub fn minutes_left(&self) -> Option<f64> {
        let used = self.talked.as_secs_f64() / 60.0;
        self.minutes_per_month.map(|minutes| (f64::from(minutes) - used).max(0.0))
    }

    /// Whether as many minutes are left as are needed; none = at least some.
    #[must_use]
    pub fn has_minutes(&self, need: Option<f64>) -> bool {
        let enough = self.minutes_left().zip(need).is_none_or(|(left, need)| need <= left);
        !self.is_spent() && enough
    }

    /// What is missing and what to do, for a person.
    #[must_use]
    pub fn lack_in_words(&self, need: Option<f64>) -> String {
        match (self.minutes_left(), need) {
            (Some(left), Some(need)) if !self.is_spent() => format!(
                "its calls need about {:.0} minutes until the end of the month and {:.0} are left: raise the limit, call \
                 fewer contacts or wait for the next month",
                need.ceil(),
                left.floor()
            ),
            _ => format!("{}: wait for the next one or raise the limit", self.minutes_in_words()),
        }
    }

    /// Both numbers, for a person.
    #[must_use]
    pub fn minutes_in_words(&self) -> String {
        let used = self.talked.as_secs() / 60;
        match self.minutes_per_month {
            Some(minutes) => format!("{used} of the {minutes} minutes of this month are used"),
            None => format!("{used} minutes were used this month"),
        }
    }
}

/// What a check did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// Campaigns that are paused now.
    pub paused: Vec<CampaignId>,
    /// Campaigns that go on.
    pub resumed: Vec<CampaignId>,
}

/// How much of its plan an organisation has used. Keeps other starts waiting until the transaction ends, so that two of them
/// do not both take the last place.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn usage(tx: &mut Tx, org: OrgId) -> Result<Usage, StoreError> {
    let plan = tx.pick(
        "SELECT minutes_per_month, max_active_campaigns FROM org WHERE id = $1",
        "SELECT minutes_per_month, max_active_campaigns FROM org WHERE id = $1 FOR NO KEY UPDATE",
    );
    let row = tx.one(plan, args![org]).await?;
    read(tx, org, &row).await
}

/// The same, for showing it: waits for nobody.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn show(tx: &mut Tx, org: OrgId) -> Result<Usage, StoreError> {
    let row = tx.one("SELECT minutes_per_month, max_active_campaigns FROM org WHERE id = $1", args![org]).await?;
    read(tx, org, &row).await
}

async fn read(tx: &mut Tx, org: OrgId, plan: &Row) -> Result<Usage, StoreError> {
    const ACTIVE: &str = "SELECT COUNT(*) AS value FROM campaign WHERE org_id = $1 AND state = $2";
    let now = tx.now().await?;
    let ended = "SELECT COALESCE((SELECT micros FROM talk_time WHERE org_id = $1 AND month = $2), 0) AS value";
    let ended: i64 = tx.value(ended, args![org, month(now)]).await?;
    // Without statistics SQLite would take an index over all attempts there ever were.
    let live = tx.pick(
        "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(answered_at), 0) AS BIGINT) AS since FROM attempt \
         INDEXED BY attempt_live_org WHERE live AND org_id = $1 AND answered_at IS NOT NULL AND state <> 'unknown'",
        "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(answered_at), 0) AS BIGINT) AS since FROM attempt \
         WHERE live AND org_id = $1 AND answered_at IS NOT NULL AND state <> 'unknown'",
    );
    let live = tx.one(live, args![org]).await?;
    let (calls, since): (i64, i64) = (live.get("calls")?, live.get("since")?);
    let going_on = calls.saturating_mul(now.as_microsecond()).saturating_sub(since).max(0);
    Ok(Usage {
        talked: Duration::from_micros((ended + going_on).unsigned_abs()),
        minutes_per_month: plan.get("minutes_per_month")?,
        active: tx.value(ACTIVE, args![org, CampaignState::InProgress]).await?,
        max_active: plan.get("max_active_campaigns")?,
    })
}

/// Counts a call that has ended.
pub(super) async fn count(tx: &mut Tx, org: OrgId, answered: Timestamp, ended: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO talk_time (org_id, month, micros) VALUES ($1, $2, $3) \
                       ON CONFLICT (org_id, month) DO UPDATE SET micros = talk_time.micros + excluded.micros";
    let micros = (ended.as_microsecond() - answered.as_microsecond()).max(0);
    tx.execute(SQL, args![org, month(ended), micros]).await?;
    Ok(())
}

/// Counts a call that was lost with its node: until the node's last lease ended, and not longer than a call may last. What
/// the node tells of it after all takes the place of that ([`take_back`]).
pub(super) async fn presume(tx: &mut Tx, attempt: AttemptId, now: Timestamp) -> Result<(), StoreError> {
    const KNOWN: &str = "SELECT a.org_id, a.answered_at, a.max_call_duration_s, n.lease_until FROM attempt a \
                         LEFT JOIN node n ON n.id = a.node_id AND n.epoch = a.epoch WHERE a.id = $1";
    let row = tx.one(KNOWN, args![attempt]).await?;
    let Some(answered) = row.get::<Option<Timestamp>>("answered_at")? else { return Ok(()) };
    let longest = answered + Duration::from_secs(row.get::<u32>("max_call_duration_s")?.into());
    let lease: Option<Timestamp> = row.get("lease_until")?;
    let end = lease.unwrap_or(now).min(now).min(longest).max(answered);
    count(tx, row.get("org_id")?, answered, end).await?;
    tx.execute("UPDATE attempt SET presumed_end = $2 WHERE id = $1", args![attempt, end]).await.map(drop)
}

/// Takes back what was presumed of a call whose end has become known.
pub(super) async fn take_back(tx: &mut Tx, attempt: AttemptId) -> Result<(), StoreError> {
    const KNOWN: &str =
        "SELECT org_id, answered_at, presumed_end FROM attempt WHERE id = $1 AND presumed_end IS NOT NULL";
    const SQL: &str = "UPDATE talk_time SET micros = micros - $3 WHERE org_id = $1 AND month = $2";
    let Some(row) = tx.optional(KNOWN, args![attempt]).await? else { return Ok(()) };
    let (org, end): (OrgId, Timestamp) = (row.get("org_id")?, row.get("presumed_end")?);
    let Some(answered) = row.get::<Option<Timestamp>>("answered_at")? else { return Ok(()) };
    let micros = (end.as_microsecond() - answered.as_microsecond()).max(0);
    tx.execute(SQL, args![org, month(end), micros]).await?;
    tx.execute("UPDATE attempt SET presumed_end = NULL WHERE id = $1", args![attempt]).await.map(drop)
}

/// The organisations that have a limit of this kind, or had one that still pauses a campaign.
///
/// # Errors
/// When the database fails.
pub async fn limited(tx: &mut Tx) -> Result<Vec<OrgId>, StoreError> {
    const SQL: &str = "SELECT id FROM org WHERE minutes_per_month IS NOT NULL OR max_active_campaigns IS NOT NULL \
                       OR id IN (SELECT org_id FROM campaign WHERE state = 'paused' \
                       AND pause_reason IN ('quota_minutes', 'plan_active_limit')) ORDER BY id";
    tx.all(SQL, vec![]).await?.iter().map(|row| row.get("id")).collect()
}

/// Pauses what is beyond an organisation's plan, those first that began to dial last, and lets go on what was paused for it
/// and may. The transaction should be durable.
///
/// # Errors
/// [`StoreError::Stale`] when somebody changed one of its campaigns at the same time, or when the database fails.
pub async fn enforce(tx: &mut Tx, org: OrgId) -> Result<Enforced, StoreError> {
    const RUNNING: &str = "SELECT id FROM campaign WHERE org_id = $1 AND state = 'in_progress' \
                           ORDER BY COALESCE(resumed_at, created_at), id";
    const PAUSED: &str = "SELECT id FROM campaign WHERE org_id = $1 AND state = 'paused' \
                          AND pause_reason IN ('quota_minutes', 'plan_active_limit') ORDER BY updated_at, id";
    let usage = usage(tx, org).await?;
    let actor = Actor::system("plan");
    let mut done = Enforced::default();
    let most = usage.max_active.map_or(usize::MAX, |most| most as usize);
    let running = tx.all(RUNNING, args![org]).await?;
    for row in running.iter().skip(if usage.is_spent() { 0 } else { most }) {
        let seen = campaign::get(tx, org, row.get("id")?).await?;
        let (reason, why) = if usage.is_spent() {
            (PauseReason::QuotaMinutes, usage.minutes_in_words())
        } else {
            (PauseReason::PlanActiveLimit, format!("the plan allows {most} campaigns at the same time"))
        };
        pause(tx, &seen, &actor, reason, &why).await?;
        done.paused.push(seen.id);
    }
    if usage.is_spent() || !done.paused.is_empty() {
        return Ok(done);
    }
    for row in tx.all(PAUSED, args![org]).await? {
        let seen = campaign::get(tx, org, row.get("id")?).await?;
        // Whatever else has come in its way meanwhile is for a person to mend.
        if campaign::failed_guards(tx, &seen, None).await?.is_empty() {
            let to = Move { to: CampaignState::InProgress, pause_reason: None };
            campaign::advance(tx, &seen, &actor, to).await?;
            done.resumed.push(seen.id);
        }
    }
    Ok(done)
}

async fn pause(tx: &mut Tx, seen: &Campaign, actor: &Actor, reason: PauseReason, why: &str) -> Result<(), StoreError> {
    let to = Move { to: CampaignState::Paused, pause_reason: Some(reason) };
    campaign::advance(tx, seen, actor, to).await?;
    tx.execute("UPDATE campaign SET pause_detail = $2 WHERE id = $1", args![seen.id, why]).await?;
    let subject = ("campaign", seen.id.to_string());
    audit::write(tx, seen.org, actor, "campaign.plan", subject, json!({ "why": why })).await
}

/// The month of a moment, UTC.
fn month(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    format!("{:04}-{:02}", at.year(), at.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_utc() {
        let last = "2026-11-30T23:59:59.999999Z".parse::<Timestamp>().expect("a timestamp");
        assert_eq!(month(last), "2026-11");
        assert_eq!(month(last + Duration::from_micros(1)), "2026-12");
    }

    #[test]
    fn a_plan_without_limits_is_never_spent() {
        let free = Usage { talked: Duration::from_secs(1 << 30), minutes_per_month: None, active: 9, max_active: None };
        assert!(!free.is_spent() && !free.is_full());
        let plan = Usage { minutes_per_month: Some(5), max_active: Some(9), ..free };
        assert!(plan.is_spent() && plan.is_full());
        let rest = Usage { talked: Duration::from_secs(299), active: 8, ..plan };
        assert!(!rest.is_spent() && !rest.is_full());
        assert_eq!(rest.minutes_in_words(), "4 of the 5 minutes of this month are used");
        assert!(rest.has_minutes(None) && free.has_minutes(Some(1e9)));
        let some = Usage { talked: Duration::from_secs(60), ..plan };
        assert!(some.has_minutes(Some(4.0)) && !some.has_minutes(Some(4.1)));
        let lack = some.lack_in_words(Some(37.4));
        assert!(lack.contains("about 38 minutes") && lack.contains("4 are left"), "{lack}");
        assert!(plan.lack_in_words(Some(1.0)).contains(" of the 5 minutes of this month are used: wait"));
    }
}
