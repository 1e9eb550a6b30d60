//! The failure breaker's transaction.

use serde_json::json;

use super::Dialing;
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{CampaignState, PauseReason};
use crate::dialer::breaker::trips;
use crate::id::CampaignId;
use crate::store::audit::{self, Actor};
use crate::store::campaign::{self, Campaign, Move};
use crate::store::{StoreError, Tx};

impl Dialing {
    /// Pauses a campaign whose latest dials failed in a burst, and keeps why. To be asked after a dial that failed.
    /// Dials from before it last began to dial do not count: who resumes it gives it another try.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody changed it at the same time, or when the database fails.
    pub async fn trip_breaker(&self, id: CampaignId) -> Result<bool, StoreError> {
        // Nearly always it stays closed: that costs a look, and no turn at the writer.
        let mut tx = self.db.read().await?;
        if tripped(&mut tx, id).await?.is_none() {
            return Ok(false);
        }
        drop(tx);
        let mut tx = self.db.begin_brief_durable().await?;
        let Some((seen, why)) = tripped(&mut tx, id).await? else { return Ok(false) };
        let actor = Actor::system("breaker");
        let to = Move { to: CampaignState::Paused, pause_reason: Some(PauseReason::FailureBreaker) };
        campaign::advance(&mut tx, &seen, &actor, to).await?;
        tx.execute("UPDATE campaign SET pause_detail = $2 WHERE id = $1", args![id, why]).await?;
        let subject = ("campaign", id.to_string());
        audit::write(&mut tx, seen.org, &actor, "campaign.breaker", subject, json!({ "why": why })).await?;
        tx.commit().await?;
        tracing::warn!(campaign = %id, why, "a campaign has paused itself");
        Ok(true)
    }
}

/// The campaign and why it is to pause, when it is.
async fn tripped(tx: &mut Tx, id: CampaignId) -> Result<Option<(Campaign, String)>, StoreError> {
    const LATEST: &str = "SELECT disconnection_reason, technical FROM attempt WHERE campaign_id = $1 \
                          AND dialing_at IS NOT NULL AND ended_at IS NOT NULL AND disconnection_reason IS NOT NULL \
                          AND claimed_at >= $2 ORDER BY id DESC LIMIT $3";
    let seen = campaign::of_any_org(tx, id).await?;
    let Some(rule) = seen.data.settings.failure_breaker.filter(|_| seen.state == CampaignState::InProgress) else {
        return Ok(None);
    };
    let since = seen.resumed_at.unwrap_or(seen.created_at);
    let rows = tx.all(LATEST, args![id, since, rule.dials]).await?;
    let latest: Result<Vec<(DisconnectionReason, bool)>, StoreError> =
        rows.iter().map(|row| Ok((row.get("disconnection_reason")?, row.get("technical")?))).collect();
    Ok(trips(&rule, &latest?).map(|why| (seen, why)))
}
