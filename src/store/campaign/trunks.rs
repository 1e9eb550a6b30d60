//! Campaigns whose trunks were switched off, or lost the number to call from, under them.

use serde_json::json;

use super::{Campaign, Move, advance, failed_guards, of_any_org};
use crate::args;
use crate::campaign::states::{CampaignState, PauseReason};
use crate::dialer::diagnosis::pause_words;
use crate::dialer::start::StartGuard;
use crate::id::CampaignId;
use crate::store::audit::{self, Actor};
use crate::store::{Db, StoreError, Tx};

/// Pauses the campaigns in progress that no trunk can dial for any more, and lets those go on that were paused for that
/// and may dial again. Gives how many of both.
///
/// # Errors
/// When the database fails.
pub async fn keep_to_trunks(db: &Db) -> Result<(u32, u32), StoreError> {
    // Numbers are written as a list of texts in JSON, and hold nothing that LIKE would take for more than itself.
    const STUCK: &str = "SELECT id FROM campaign c WHERE c.state = 'in_progress' AND NOT EXISTS (SELECT 1 FROM trunk t \
                         WHERE t.enabled AND (t.id = c.trunk_id OR t.id IN (SELECT f.trunk_id FROM campaign_trunk f \
                         WHERE f.campaign_id = c.id)) AND t.caller_ids LIKE '%\"' || c.caller_id || '\"%') ORDER BY id";
    const PAUSED: &str = "SELECT id FROM campaign WHERE state = 'paused' \
                          AND pause_reason IN ('no_phone_number', 'trunk_down') ORDER BY id";
    let mut tx = db.read().await?;
    let (stuck, paused) = (tx.all(STUCK, vec![]).await?, tx.all(PAUSED, vec![]).await?);
    drop(tx);
    let (mut stopped, mut resumed) = (0, 0);
    for row in &stuck {
        stopped += u32::from(one(db, row.get("id")?, CampaignState::InProgress).await?);
    }
    for row in &paused {
        resumed += u32::from(one(db, row.get("id")?, CampaignState::Paused).await?);
    }
    Ok((stopped, resumed))
}

/// Whether a campaign that was in this state was moved.
async fn one(db: &Db, id: CampaignId, was: CampaignState) -> Result<bool, StoreError> {
    let mut tx = db.begin_durable().await?;
    let moved = match of_any_org(&mut tx, id).await {
        Ok(seen) if seen.state == was => look(&mut tx, &seen).await,
        Ok(_) => Ok(false),
        Err(error) => Err(error),
    };
    match moved {
        Ok(true) => tx.commit().await.map(|()| true),
        // A person was faster, or another node.
        Ok(false) | Err(StoreError::Stale | StoreError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn look(tx: &mut Tx, seen: &Campaign) -> Result<bool, StoreError> {
    let actor = Actor::system("trunks");
    let failed = failed_guards(tx, seen, None).await?;
    if seen.state == CampaignState::Paused {
        // Whatever else has come in its way meanwhile has to be mended too.
        if failed.is_empty() {
            advance(tx, seen, &actor, Move { to: CampaignState::InProgress, pause_reason: None }).await?;
        }
        return Ok(failed.is_empty());
    }
    let reason =
        match failed.iter().find(|guard| matches!(guard, StartGuard::TrunkUnusable | StartGuard::CallerIdMissing)) {
            Some(StartGuard::TrunkUnusable) => PauseReason::TrunkDown,
            Some(_) => PauseReason::NoPhoneNumber,
            None => return Ok(false),
        };
    advance(tx, seen, &actor, Move { to: CampaignState::Paused, pause_reason: Some(reason) }).await?;
    let why = pause_words(reason);
    tx.execute("UPDATE campaign SET pause_detail = $2 WHERE id = $1", args![seen.id, why]).await?;
    tracing::warn!(campaign = %seen.id, why, "a campaign was paused: no trunk can dial for it");
    let subject = ("campaign", seen.id.to_string());
    audit::write(tx, seen.org, &actor, "campaign.trunks", subject, json!({ "why": why })).await?;
    Ok(true)
}
