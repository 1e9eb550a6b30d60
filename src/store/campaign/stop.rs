//! The emergency stop.

use serde_json::json;

use super::{Move, advance, get};
use crate::args;
use crate::campaign::states::{CampaignState, PauseReason};
use crate::id::{CampaignId, OrgId};
use crate::store::audit::{self, Actor};
use crate::store::{StoreError, Tx, Wake};

/// What an emergency stop found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Campaigns that were in progress and are paused now.
    pub campaigns: Vec<CampaignId>,
    /// Live calls of the campaigns that are stopped.
    pub live_calls: u64,
}

/// Stops one campaign, or all of an organisation; ends their live calls when that was confirmed. Once the transaction is
/// committed, which has to be durable, no dial is committed any more, and the nodes take back what was about to leave.
///
/// # Errors
/// [`StoreError::Stale`] when somebody changed one of them at the same time, or when the database fails.
pub async fn stop(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    only: Option<CampaignId>,
    end_calls: bool,
) -> Result<Stopped, StoreError> {
    const LIVE: &str = "SELECT campaign_id, COUNT(*) AS count FROM attempt WHERE org_id = $1 AND live \
                        GROUP BY campaign_id";
    let running = tx.pick(
        "SELECT id FROM campaign WHERE org_id = $1 AND state = $2 ORDER BY id",
        "SELECT id FROM campaign WHERE org_id = $1 AND state = $2 ORDER BY id FOR UPDATE",
    );
    let mut stopped = Stopped::default();
    for row in tx.all(running, args![org, CampaignState::InProgress]).await? {
        let id: CampaignId = row.get("id")?;
        if only.is_some_and(|only| only != id) {
            continue;
        }
        let seen = get(tx, org, id).await?;
        let reason = if only.is_some() { PauseReason::User } else { PauseReason::Admin };
        advance(tx, &seen, actor, Move { to: CampaignState::Paused, pause_reason: Some(reason) }).await?;
        stopped.campaigns.push(id);
    }
    for row in tx.all(LIVE, args![org]).await? {
        let (id, count): (CampaignId, i64) = (row.get("campaign_id")?, row.get("count")?);
        if only.is_none_or(|only| only == id) {
            stopped.live_calls += count.unsigned_abs();
            if end_calls {
                tx.wake(Wake::HangUp(id));
            }
        }
    }
    let subject = match only {
        Some(id) => ("campaign", id.to_string()),
        None => ("organisation", org.to_string()),
    };
    let detail = json!({ "campaigns": stopped.campaigns, "live_calls": stopped.live_calls, "end_calls": end_calls });
    audit::write(tx, org, actor, "emergency_stop", subject, detail).await?;
    Ok(stopped)
}
