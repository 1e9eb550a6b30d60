//! A run's first day: its round is opened, then everybody whom it means is taken into it, batch by batch.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::promote::set;
use super::terms::Ready;
use super::{Dialing, micros};
use crate::args;
use crate::campaign::rounds::{Audience, Opened, Rounds, means};
use crate::campaign::run::Run;
use crate::campaign::settings::UnknownPolicy;
use crate::campaign::states::{CampaignState, TargetState};
use crate::id::{CampaignId, TargetId};
use crate::store::audit::Actor;
use crate::store::campaign::{self, Campaign};
use crate::store::{StoreError, Tx, Wake};

/// Targets of one state that one transaction looks at.
const BATCH: i64 = 500;
/// The states of targets that are not finished, or have failed: a later run may mean them.
const SWEPT: [TargetState; 5] =
    [TargetState::Ready, TargetState::Waiting, TargetState::Callback, TargetState::Suspended, TargetState::Failed];

impl Dialing {
    /// Opens the rounds of the runs whose first day has come. A transaction of its own: the new version has to be
    /// committed before anybody goes by it.
    pub(super) async fn open_rounds(&self, id: CampaignId) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let ready = self.book.ready(&mut tx, id).await?;
        let now = tx.now().await?;
        let due = ready.rounds(now).due();
        if ready.rules.state != CampaignState::InProgress || due.is_empty() {
            return Ok(());
        }
        let seen = &ready.campaign;
        let mut rounds = seen.rounds.clone();
        rounds.extend(due.iter().map(|&run| Opened { run, at: now }));
        const SQL: &str = "UPDATE campaign SET version = version + 1, updated_at = $4, rounds = $5 \
                           WHERE id = $1 AND state = $2 AND version = $3";
        let kept = serde_json::to_string(&rounds).expect("ids and times are JSON");
        if tx.execute(SQL, args![seen.id, seen.state, seen.version, now, kept]).await? == 0 {
            // Another node, or a person: the next promotion looks again.
            return Ok(());
        }
        campaign::round_opened(&mut tx, seen, &Actor::system("dialer"), &due).await?;
        tx.wake(Wake::Campaigns);
        tx.commit().await
    }
}

impl Ready {
    /// The campaign's rounds.
    pub(super) fn rounds(&self, now: Timestamp) -> Rounds<'_> {
        let Campaign { data, rounds, started_at, .. } = &self.campaign;
        Rounds::new(&data.schedule, rounds, self.rules.hours.zone(), started_at.unwrap_or(now), now)
    }

    /// The number of the round that is open, from 1.
    pub(super) fn round_no(&self) -> i64 {
        i64::try_from(self.campaign.rounds.len()).unwrap_or(i64::MAX).max(1)
    }

    /// The run that opened this round of the campaign.
    pub(super) fn run_of(&self, round_no: i64) -> Option<&Run> {
        let index = usize::try_from(round_no).ok()?.checked_sub(1)?;
        self.campaign.data.schedule.run(self.campaign.rounds.get(index)?.run)
    }
}

/// Takes a batch of those into the open round whom its run means, and ends the round of those who still wait and are
/// not meant. Returns whether there may be more.
pub(super) async fn sweep(tx: &mut Tx, ready: &Ready, now: Timestamp) -> Result<bool, StoreError> {
    let (id, no) = (ready.campaign.id, ready.round_no());
    if !is_unswept(tx, ready).await? {
        return Ok(false);
    }
    // A run that was taken out of the schedule meanwhile meant everybody.
    let audience = ready.run_of(no).map_or(Audience::AllUnfinished, |run| run.audience);
    let policy = ready.rules.settings.unknown_policy;
    let mut more = false;
    for state in SWEPT {
        let seen = batch(tx, id, state, no).await?;
        more |= i64::try_from(seen.len()) == Ok(BATCH);
        let mut taken: BTreeMap<bool, Vec<TargetId>> = BTreeMap::new();
        for row in &seen {
            let meant = means(audience, state, row.get("answered")?, row.get("last_reason")?, policy);
            taken.entry(meant).or_default().push(row.get("id")?);
        }
        write(tx, ready, state, &taken, now).await?;
    }
    // Calls that were live when the round opened are looked at when they have ended.
    let mut live = false;
    for state in SWEPT.into_iter().chain([TargetState::InProgress]) {
        let sql = "SELECT COUNT(*) AS value FROM (SELECT 1 FROM target WHERE campaign_id = $1 AND status = $2 \
                   AND run_seq < $3 LIMIT 1) AS found";
        live |= tx.value::<i64>(sql, args![id, state, no]).await? > 0;
    }
    if !live {
        tx.execute("UPDATE campaign SET rounds_swept = $2 WHERE id = $1", args![id, no]).await?;
    }
    Ok(more)
}

/// Whether somebody may still have to be taken into the open round.
pub(super) async fn is_unswept(tx: &mut Tx, ready: &Ready) -> Result<bool, StoreError> {
    let no = ready.round_no();
    if no < 2 {
        return Ok(false);
    }
    let swept = "SELECT rounds_swept AS value FROM campaign WHERE id = $1";
    Ok(tx.value::<i64>(swept, args![ready.campaign.id]).await? < no)
}

/// Whether a run whose round is still to come means anybody who rests now.
pub(super) async fn later_run_reaches(tx: &mut Tx, ready: &Ready, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS value FROM (SELECT 1 FROM target WHERE campaign_id = $1 \
                       AND status = 'failed' AND ($2 OR NOT answered) \
                       AND ($3 OR last_reason IS NULL OR last_reason <> 'outcome_unknown') LIMIT 1) AS found";
    let unknown_too = ready.rules.settings.unknown_policy == UnknownPolicy::RetryAfterDelay;
    for (_, run) in ready.rounds(now).to_come() {
        let answered_too = match run.audience {
            Audience::AllUnfinished => true,
            Audience::NeverAnswered => false,
            Audience::IncompleteTasks => continue,
        };
        let args = args![ready.campaign.id, answered_too, unknown_too];
        if tx.value::<i64>(SQL, args).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn batch(
    tx: &mut Tx,
    id: CampaignId,
    state: TargetState,
    no: i64,
) -> Result<Vec<crate::store::db::Row>, StoreError> {
    let sql = tx.pick(
        "SELECT id, answered, last_reason FROM target WHERE campaign_id = $1 AND status = $2 AND run_seq < $3 LIMIT $4",
        "SELECT id, answered, last_reason FROM target WHERE campaign_id = $1 AND status = $2 AND run_seq < $3 LIMIT $4 \
         FOR UPDATE SKIP LOCKED",
    );
    tx.all(sql, args![id, state, no, BATCH]).await
}

async fn write(
    tx: &mut Tx,
    ready: &Ready,
    state: TargetState,
    taken: &BTreeMap<bool, Vec<TargetId>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (meant, left) = (taken.get(&true), taken.get(&false));
    let no = ready.round_no();
    let delay = micros(std::time::Duration::from_secs(60) * ready.rules.settings.retry_delay_min);
    // A retry's delay is kept even over midnight: a contact elsewhere may have been called minutes ago.
    let dialed = format!(
        "status = 'waiting', round = round + 1, dials = 0, number = 0, run_seq = {no}, next_at = CASE \
         WHEN last_ended_at + {delay} > $1 THEN last_ended_at + {delay} ELSE $1 END, \
         opens_at = CASE WHEN last_ended_at + {delay} > $1 THEN NULL ELSE 0 END"
    );
    let kept = format!("round = round + 1, dials = 0, run_seq = {no}");
    let (taken_in, left_out) = match state {
        TargetState::Ready | TargetState::Waiting => (dialed, format!("status = 'failed', run_seq = {no}")),
        TargetState::Failed => (dialed, format!("run_seq = {no}")),
        TargetState::Callback
        | TargetState::Suspended
        | TargetState::New
        | TargetState::Rejected
        | TargetState::InProgress
        | TargetState::Done
        | TargetState::Blocked
        | TargetState::Expired
        | TargetState::Removed => (kept, format!("run_seq = {no}")),
    };
    set(tx, &taken_in, None, now, meant.map_or(&[], Vec::as_slice)).await?;
    set(tx, &left_out, None, now, left.map_or(&[], Vec::as_slice)).await?;
    Ok(())
}
