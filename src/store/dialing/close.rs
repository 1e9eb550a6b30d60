//! The end of a campaign.

use jiff::Timestamp;

use super::terms::Ready;
use super::{Dialing, rounds};
use crate::args;
use crate::campaign::states::{CampaignState, TargetState};
use crate::id::CampaignId;
use crate::store::audit::Actor;
use crate::store::campaign::{self, Move};
use crate::store::{StoreError, Tx};

/// Targets that one transaction expires.
const BATCH: i64 = 5000;

impl Dialing {
    /// Completes a campaign in progress when nothing in it is live or due and no later run means anybody. Returns whether
    /// it did.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn complete_if_done(&self, id: CampaignId) -> Result<bool, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        // Whoever adds targets holds the campaign too, so none can slip in between the look and the move.
        let lock = tx.pick("SELECT id FROM campaign WHERE id = $1", "SELECT id FROM campaign WHERE id = $1 FOR UPDATE");
        tx.one(lock, args![id]).await?;
        let ready = self.book.ready(&mut tx, id).await?;
        let now = tx.now().await?;
        if ready.campaign.state != CampaignState::InProgress || is_open(&mut tx, &ready, now).await? {
            return Ok(false);
        }
        let to = Move { to: CampaignState::Completed, pause_reason: None };
        campaign::advance(&mut tx, &ready.campaign, &Actor::system("dialer"), to).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends the targets that still wait when a campaign's period is over, and only then. Returns how many; call again until
    /// none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn expire_waiting(&self, id: CampaignId) -> Result<u64, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        // Whoever extends the period waits, or has done so: then nothing is over.
        let lock = tx.pick("SELECT id FROM campaign WHERE id = $1", "SELECT id FROM campaign WHERE id = $1 FOR SHARE");
        tx.one(lock, args![id]).await?;
        let ready = self.book.ready(&mut tx, id).await?;
        let now = tx.now().await?;
        if ready.rules.hours.period_end().is_none_or(|end| end > now) {
            return Ok(0);
        }
        let expired = expire(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(expired)
    }
}

/// Ends a batch of targets that wait.
pub(super) async fn expire(tx: &mut Tx, id: CampaignId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = tx.pick(
        "UPDATE target SET status = 'expired', updated_at = $2 WHERE id IN (SELECT id FROM target \
         WHERE campaign_id = $1 AND status IN ('new', 'waiting', 'ready', 'callback', 'suspended') LIMIT $3)",
        "UPDATE target SET status = 'expired', updated_at = $2 WHERE id IN (SELECT id FROM target \
         WHERE campaign_id = $1 AND status IN ('new', 'waiting', 'ready', 'callback', 'suspended') LIMIT $3 \
         FOR UPDATE SKIP LOCKED)",
    );
    tx.execute(sql, args![id, now, BATCH]).await
}

/// Whether anything is live or due, now or later, or a later run means somebody.
pub(super) async fn is_open(tx: &mut Tx, ready: &Ready, now: Timestamp) -> Result<bool, StoreError> {
    let id = ready.campaign.id;
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
    if tx.value::<i64>(live, args![id]).await? > 0 || rounds::is_unswept(tx, ready).await? {
        return Ok(true);
    }
    rounds::later_run_reaches(tx, ready, now).await
}
