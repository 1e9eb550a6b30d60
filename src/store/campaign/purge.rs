//! The data of a deleted campaign, taken away piece by piece.

use crate::args;
use crate::campaign::states::{CampaignState, TargetState};
use crate::id::CampaignId;
use crate::store::db::Row;
use crate::store::recording::RecordingState;
use crate::store::{StoreError, Tx, bulk, files};

/// What one step took away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Whether nothing of the campaign is left, or it was not to be deleted.
    pub gone: bool,
    /// Whether its live calls have to end first.
    pub draining: bool,
}

/// Calls, attempts or targets that one transaction takes away.
const BATCH: i64 = 500;

/// Takes some data of a campaign away that is DELETING and has no live call. To be called again until it is gone. The
/// contacts stay, and so does what the audit log says.
///
/// # Errors
/// When the database fails.
pub async fn purge(tx: &mut Tx, id: CampaignId) -> Result<Purged, StoreError> {
    // Whoever else is at it waits here, and then finds less.
    let lock =
        tx.pick("SELECT state FROM campaign WHERE id = $1", "SELECT state FROM campaign WHERE id = $1 FOR UPDATE");
    let state = tx.optional(lock, args![id]).await?.map(|row| row.get::<CampaignState>("state")).transpose()?;
    if state != Some(CampaignState::Deleting) {
        return Ok(Purged { gone: true, ..Purged::default() });
    }
    let live = tx.pick(
        "SELECT COUNT(*) AS value FROM attempt INDEXED BY attempt_live_campaign WHERE campaign_id = $1 AND live",
        "SELECT COUNT(*) AS value FROM attempt WHERE campaign_id = $1 AND live",
    );
    let busy = "SELECT COUNT(*) AS value FROM target WHERE campaign_id = $1 AND status = $2";
    let live: i64 = tx.value(live, args![id]).await?;
    let busy: i64 = tx.value(busy, args![id, TargetState::InProgress]).await?;
    if live + busy > 0 {
        return Ok(Purged { draining: true, ..Purged::default() });
    }
    let mut purged = Purged::default();
    if calls(tx, id).await? || attempts(tx, id, &mut purged).await? || targets(tx, id, &mut purged).await? {
        return Ok(purged);
    }
    while let Some(bulk) = bulk::of_campaign(tx, id).await? {
        if !bulk::forget(tx, bulk).await? {
            return Ok(purged);
        }
    }
    tx.execute("DELETE FROM run_day WHERE campaign_id = $1", args![id]).await?;
    tx.execute("DELETE FROM limiter WHERE scope = 'campaign' AND scope_id = $1", args![id]).await?;
    tx.execute("DELETE FROM campaign WHERE id = $1", args![id]).await?;
    purged.gone = true;
    Ok(purged)
}

/// The calls that were made in the campaign. Those of contacts that a merger took to another campaign are theirs: they go
/// over to it.
async fn calls(tx: &mut Tx, id: CampaignId) -> Result<bool, StoreError> {
    let some = "SELECT call.id, call.recording_path, call.replay_path, target.campaign_id AS home FROM call \
                LEFT JOIN target ON target.id = call.target_id WHERE call.campaign_id = $1 ORDER BY call.id LIMIT $2";
    let rows = tx.all(some, args![id, BATCH]).await?;
    for row in &rows {
        match row.get::<Option<CampaignId>>("home")? {
            Some(home) if home != id => {
                let over = "UPDATE call SET campaign_id = $2 WHERE id = $1";
                tx.execute(over, args![row.get::<String>("id")?, home]).await?;
            }
            Some(_) | None => call(tx, row).await?,
        }
    }
    Ok(!rows.is_empty())
}

async fn call(tx: &mut Tx, row: &Row) -> Result<(), StoreError> {
    let call: String = row.get("id")?;
    let state = tx.optional("SELECT state FROM recording WHERE call_id = $1", args![call]).await?;
    let state = state.map(|row| row.get::<RecordingState>("state")).transpose()?;
    for sql in [
        "DELETE FROM transcript WHERE call_id = $1",
        "DELETE FROM answer WHERE call_id = $1",
        "DELETE FROM turn_latency WHERE call_id = $1",
        "DELETE FROM sip_trace WHERE call_id = $1 OR second_of = $1",
        "DELETE FROM recording WHERE call_id = $1",
        "DELETE FROM call WHERE id = $1",
    ] {
        tx.execute(sql, args![call]).await?;
    }
    for column in ["recording_path", "replay_path"] {
        if let Some(path) = row.get::<Option<String>>(column)? {
            match state {
                Some(RecordingState::Stored) if column == "recording_path" => files::remove_stored(tx, &path).await?,
                Some(_) | None => files::remove(tx, &path).await?,
            }
        }
    }
    Ok(())
}

/// As [`calls`], for attempts.
async fn attempts(tx: &mut Tx, id: CampaignId, purged: &mut Purged) -> Result<bool, StoreError> {
    let some = "SELECT attempt.id, target.campaign_id AS home FROM attempt JOIN target ON target.id = attempt.target_id \
                WHERE attempt.campaign_id = $1 ORDER BY attempt.id LIMIT $2";
    let rows = tx.all(some, args![id, BATCH]).await?;
    for row in &rows {
        let (attempt, home): (String, CampaignId) = (row.get("id")?, row.get("home")?);
        if home != id {
            tx.execute("UPDATE attempt SET campaign_id = $2 WHERE id = $1", args![attempt, home]).await?;
        } else if !taken_away(tx, attempt).await? {
            purged.draining = true;
            return Ok(true);
        }
    }
    Ok(!rows.is_empty())
}

/// Whether an attempt could go: a caller who was handed over may still be talking on a second leg.
async fn taken_away(tx: &mut Tx, attempt: String) -> Result<bool, StoreError> {
    let open = "SELECT COUNT(*) AS value FROM leg WHERE attempt_id = $1 AND ended_at IS NULL";
    if tx.value::<i64>(open, args![attempt]).await? > 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM leg WHERE attempt_id = $1", args![attempt]).await?;
    tx.execute("DELETE FROM sip_trace WHERE attempt_id = $1", args![attempt]).await?;
    tx.execute("DELETE FROM attempt WHERE id = $1", args![attempt]).await?;
    Ok(true)
}

/// The contacts in the campaign, with what was done for them in campaigns that they came from.
async fn targets(tx: &mut Tx, id: CampaignId, purged: &mut Purged) -> Result<bool, StoreError> {
    let some = "SELECT id FROM target WHERE campaign_id = $1 ORDER BY id LIMIT $2";
    let rows = tx.all(some, args![id, BATCH]).await?;
    for row in &rows {
        let target: String = row.get("id")?;
        let made = "SELECT id, recording_path, replay_path FROM call WHERE target_id = $1";
        for row in tx.all(made, args![target]).await? {
            call(tx, &row).await?;
        }
        for row in tx.all("SELECT id FROM attempt WHERE target_id = $1", args![target]).await? {
            if !taken_away(tx, row.get("id")?).await? {
                purged.draining = true;
                return Ok(true);
            }
        }
        tx.execute("DELETE FROM target WHERE id = $1", args![target]).await?;
    }
    Ok(!rows.is_empty())
}
