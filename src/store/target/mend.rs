//! Contacts that the gate had refused, and may be dialed again because what blocked them is gone.

use crate::args;
use crate::id::{CampaignId, ContactId, OrgId};
use crate::store::org::PhoneHash;
use crate::store::{StoreError, Tx, Wake};

/// A number was taken off a list: whoever it blocked goes through the gate again.
pub(in crate::store) async fn mend_number(tx: &mut Tx, org: OrgId, number: &PhoneHash) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $3, updated_at = $3, callback_at = NULL, \
                       priority = base_priority, opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                       WHERE status = 'blocked' AND ((blocked_reason IN ('dnc', 'opted_out') AND contact_id IN \
                       (SELECT id FROM contact WHERE org_id = $1 AND phone_hash = $2)) OR contact_id IN \
                       (SELECT contact_id FROM further_phone WHERE org_id = $1 AND phone_hash = $2)) AND campaign_id IN \
                       (SELECT id FROM campaign WHERE state NOT IN ('cancelled', 'deleting'))";
    let now = tx.now().await?;
    woken(tx, SQL, args![org, number, now]).await
}

/// Consent was recorded for a number: whoever was blocked for the want of it goes through the gate again.
pub(in crate::store) async fn mend_consent(tx: &mut Tx, org: OrgId, number: &PhoneHash) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $3, updated_at = $3, callback_at = NULL, \
                       priority = base_priority, opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                       WHERE status = 'blocked' AND ((blocked_reason = 'no_consent' AND contact_id IN \
                       (SELECT id FROM contact WHERE org_id = $1 AND phone_hash = $2)) OR contact_id IN \
                       (SELECT contact_id FROM further_phone WHERE org_id = $1 AND phone_hash = $2)) AND campaign_id IN \
                       (SELECT id FROM campaign WHERE state NOT IN ('cancelled', 'deleting'))";
    let now = tx.now().await?;
    woken(tx, SQL, args![org, number, now]).await
}

/// A contact was edited: what its number or zone blocked goes through the gate again.
pub(in crate::store) async fn mend_contact(tx: &mut Tx, contact: ContactId) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $2, updated_at = $2, callback_at = NULL, \
                       priority = base_priority, opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                       WHERE contact_id = $1 AND status = 'blocked' AND blocked_reason IN \
                       ('empty_phone', 'invalid_number', 'invalid_timezone', 'dnc', 'opted_out', 'no_consent', \
                       'country_not_allowed', 'premium_number', 'satellite_number') AND campaign_id IN \
                       (SELECT id FROM campaign WHERE state NOT IN ('cancelled', 'deleting'))";
    let now = tx.now().await?;
    woken(tx, SQL, args![contact, now]).await
}

/// A campaign takes its own zone for contacts without one from now on.
pub(in crate::store) async fn mend_zones(tx: &mut Tx, campaign: CampaignId) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $2, updated_at = $2, callback_at = NULL, \
                       priority = base_priority, opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                       WHERE campaign_id = $1 AND status = 'blocked' AND blocked_reason = 'invalid_timezone'";
    let now = tx.now().await?;
    woken(tx, SQL, args![campaign, now]).await
}

/// An organisation's rules about calling have changed: whom the old ones blocked goes through the gate again, and whom they
/// made wait is looked at at once.
pub(in crate::store) async fn mend_policy(tx: &mut Tx, org: OrgId) -> Result<u64, StoreError> {
    const BLOCKED: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $2, updated_at = $2, callback_at = NULL, \
                           priority = base_priority, \
                           opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                           WHERE status = 'blocked' AND blocked_reason IN ('law', 'frequency_cap', 'country_not_allowed') \
                           AND campaign_id IN \
                           (SELECT id FROM campaign WHERE org_id = $1 AND state NOT IN ('cancelled', 'deleting'))";
    const WAITING: &str = "UPDATE target SET next_at = $2, updated_at = $2, \
                           opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END WHERE status = 'waiting' AND next_at > $2 AND \
                           (held_by IN ('outside_hours', 'quiet_hours') OR held_by LIKE 'law:%' OR \
                           held_by LIKE 'frequency_cap%') AND campaign_id IN \
                           (SELECT id FROM campaign WHERE org_id = $1 AND state IN ('in_progress', 'paused'))";
    let now = tx.now().await?;
    Ok(woken(tx, BLOCKED, args![org, now]).await? + woken(tx, WAITING, args![org, now]).await?)
}

/// A campaign's times or rules have changed: whom they blocked goes through the gate again.
pub(in crate::store) async fn mend_hours(tx: &mut Tx, campaign: CampaignId) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, next_at = $2, updated_at = $2, callback_at = NULL, \
                       priority = base_priority, \
                       opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END \
                       WHERE campaign_id = $1 AND status = 'blocked' AND blocked_reason IN \
                       ('law', 'frequency_cap', 'no_consent', 'country_not_allowed')";
    let now = tx.now().await?;
    woken(tx, SQL, args![campaign, now]).await
}

async fn woken(tx: &mut Tx, sql: &'static str, args: Vec<crate::store::db::Arg>) -> Result<u64, StoreError> {
    let mended = tx.execute(sql, args).await?;
    if mended > 0 {
        // They can be in any campaign.
        tx.wake(Wake::Campaigns);
    }
    Ok(mended)
}
