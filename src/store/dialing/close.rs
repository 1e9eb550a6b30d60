//! The end of a campaign.

use super::Dialing;
use crate::args;
use crate::campaign::states::{CampaignState, TargetState};
use crate::id::CampaignId;
use crate::store::audit::Actor;
use crate::store::campaign::{self, Move};
use crate::store::{StoreError, Tx};

/// Targets that one transaction expires.
const BATCH: i64 = 5000;

impl Dialing {
    /// Completes a campaign in progress when nothing in it is live or due. Returns whether it did.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn complete_if_done(&self, id: CampaignId) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        // Whoever adds targets holds the campaign too, so none can slip in between the look and the move.
        let lock = tx.pick("SELECT id FROM campaign WHERE id = $1", "SELECT id FROM campaign WHERE id = $1 FOR UPDATE");
        tx.one(lock, args![id]).await?;
        let seen = campaign::of_any_org(&mut tx, id).await?;
        if seen.state != CampaignState::InProgress || is_open(&mut tx, id).await? {
            return Ok(false);
        }
        let to = Move { to: CampaignState::Completed, pause_reason: None };
        campaign::advance(&mut tx, &seen, &Actor::system("dialer"), to).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends the targets that still wait when a campaign's period is over, and only then. Returns how many; call again until
    /// none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn expire_waiting(&self, id: CampaignId) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        // Whoever extends the period waits, or has done so: then nothing is over.
        let lock = tx.pick("SELECT id FROM campaign WHERE id = $1", "SELECT id FROM campaign WHERE id = $1 FOR SHARE");
        tx.one(lock, args![id]).await?;
        let ready = self.book.ready(&mut tx, id).await?;
        let now = tx.now().await?;
        if ready.rules.hours.period_end().is_none_or(|end| end > now) {
            return Ok(0);
        }
        let sql = tx.pick(
            "UPDATE target SET status = 'expired', updated_at = $2 WHERE id IN (SELECT id FROM target \
             WHERE campaign_id = $1 AND status IN ('new', 'waiting', 'ready', 'callback', 'suspended') LIMIT $3)",
            "UPDATE target SET status = 'expired', updated_at = $2 WHERE id IN (SELECT id FROM target \
             WHERE campaign_id = $1 AND status IN ('new', 'waiting', 'ready', 'callback', 'suspended') LIMIT $3 \
             FOR UPDATE SKIP LOCKED)",
        );
        let expired = tx.execute(sql, args![id, now, BATCH]).await?;
        tx.commit().await?;
        Ok(expired)
    }
}

/// Whether anything is live or due, now or later.
pub(super) async fn is_open(tx: &mut Tx, id: CampaignId) -> Result<bool, StoreError> {
    for state in TargetState::ALL.iter().filter(|state| state.keeps_campaign_open()) {
        let sql = "SELECT COUNT(*) AS value FROM (SELECT 1 FROM target WHERE campaign_id = $1 AND status = $2 LIMIT 1) \
                   AS found";
        if tx.value::<i64>(sql, args![id, state]).await? > 0 {
            return Ok(true);
        }
    }
    let live = tx.pick(
        "SELECT COUNT(*) AS value FROM attempt INDEXED BY attempt_live_campaign WHERE campaign_id = $1 AND live",
        "SELECT COUNT(*) AS value FROM attempt WHERE campaign_id = $1 AND live",
    );
    Ok(tx.value::<i64>(live, args![id]).await? > 0)
}
