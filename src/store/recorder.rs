//! The recorders of others that hear the calls of trunks while they go on.

use std::collections::BTreeMap;

use super::{StoreError, Tx, Wake};
use crate::args;
use crate::id::{OrgId, TrunkId};

/// The SIP address of a trunk's recorder, if it has one.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such trunk, or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, trunk: TrunkId) -> Result<Option<String>, StoreError> {
    let sql = "SELECT recorder FROM trunk WHERE org_id = $1 AND id = $2";
    tx.optional(sql, args![org, trunk]).await?.ok_or(StoreError::NotFound)?.get("recorder")
}

/// Gives a trunk a recorder, or takes it away.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such trunk, or when the database fails.
pub async fn set(tx: &mut Tx, org: OrgId, trunk: TrunkId, address: Option<&str>) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let sql = "UPDATE trunk SET recorder = $3, updated_at = $4 WHERE org_id = $1 AND id = $2";
    if tx.execute(sql, args![org, trunk, address, now]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.wake(Wake::Campaigns);
    Ok(())
}

/// All trunks that have a recorder, with its SIP address.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx) -> Result<BTreeMap<TrunkId, String>, StoreError> {
    let sql = "SELECT id, recorder FROM trunk WHERE recorder IS NOT NULL AND enabled";
    tx.all(sql, args![]).await?.iter().map(|row| Ok((row.get("id")?, row.get("recorder")?))).collect()
}
