//! What a user has set in the console: JSON by name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{StoreError, Tx};
use crate::args;
use crate::id::UserId;

/// Preferences of one user.
pub const MOST: i64 = 100;

/// All of them.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx, user: UserId) -> Result<BTreeMap<String, Value>, StoreError> {
    let rows = tx.all("SELECT name, value FROM preference WHERE user_id = $1 ORDER BY name", args![user]).await?;
    rows.iter().map(|row| Ok((row.get("name")?, row.get("value")?))).collect()
}

/// Sets one; whether there was room for it.
///
/// # Errors
/// When the database fails.
pub async fn set(tx: &mut Tx, user: UserId, name: &str, value: &Value) -> Result<bool, StoreError> {
    // Whoever sets another one at the same time waits.
    let lock =
        tx.pick("SELECT id FROM user_account WHERE id = $1", "SELECT id FROM user_account WHERE id = $1 FOR UPDATE");
    tx.one(lock, args![user]).await?;
    let others = "SELECT COUNT(*) AS value FROM preference WHERE user_id = $1 AND name <> $2";
    if tx.value::<i64>(others, args![user, name]).await? >= MOST {
        return Ok(false);
    }
    let sql = "INSERT INTO preference (user_id, name, value) VALUES ($1, $2, $3) \
               ON CONFLICT (user_id, name) DO UPDATE SET value = $3";
    tx.execute(sql, args![user, name, value]).await?;
    Ok(true)
}

/// Forgets one; also one that was never set.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &mut Tx, user: UserId, name: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM preference WHERE user_id = $1 AND name = $2", args![user, name]).await.map(drop)
}
