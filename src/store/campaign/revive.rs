//! Contacts that had expired, and wait again because the campaign's period was extended.

use jiff::Timestamp;

use super::Campaign;
use crate::args;
use crate::campaign::run::Schedule;
use crate::id::CampaignId;
use crate::store::{StoreError, Tx, Wake};

/// Targets that one transaction revives.
const BATCH: i64 = 5000;

/// Notes that the period now ends later, and revives the first of those who had expired.
pub(super) async fn period_changed(
    tx: &mut Tx,
    seen: &Campaign,
    schedule: &Schedule,
    now: Timestamp,
) -> Result<(), StoreError> {
    let later = match (seen.data.schedule.period_end, schedule.period_end) {
        (Some(before), Some(after)) => after > before,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if later {
        tx.execute("UPDATE campaign SET revive_before = $2 WHERE id = $1", args![seen.id, now]).await?;
        revive(tx, seen.id).await?;
    }
    Ok(())
}

/// Lets targets wait again that expired before the period was extended. Returns how many; to be called again until none.
/// Those for whom the longer period has no time either expire anew.
///
/// # Errors
/// When the database fails.
pub async fn revive(tx: &mut Tx, id: CampaignId) -> Result<u64, StoreError> {
    let before: Option<Timestamp> =
        tx.value("SELECT revive_before AS value FROM campaign WHERE id = $1", args![id]).await?;
    let Some(before) = before else { return Ok(0) };
    let now = tx.now().await?;
    let sql = tx.pick(
        "UPDATE target SET status = 'waiting', next_at = $3, callback_at = NULL, priority = base_priority, \
         opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END, updated_at = $3 WHERE id IN (SELECT id FROM target WHERE campaign_id = $1 AND status = 'expired' \
         AND updated_at <= $2 LIMIT $4)",
        "UPDATE target SET status = 'waiting', next_at = $3, callback_at = NULL, priority = base_priority, \
         opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END, updated_at = $3 WHERE id IN (SELECT id FROM target WHERE campaign_id = $1 AND status = 'expired' \
         AND updated_at <= $2 LIMIT $4 FOR UPDATE SKIP LOCKED)",
    );
    let revived = tx.execute(sql, args![id, before, now, BATCH]).await?;
    if revived < BATCH.unsigned_abs() {
        tx.execute("UPDATE campaign SET revive_before = NULL WHERE id = $1", args![id]).await?;
    }
    tx.wake(Wake::Targets(id));
    Ok(revived)
}
