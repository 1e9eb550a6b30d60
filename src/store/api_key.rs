//! Keys that programs authenticate with. Only their hash is kept.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::db::{Listing, Page, Row};
use super::org::hex;
use super::{StoreError, Tx};
use crate::args;
use crate::id::{ApiKeyId, OrgId};

/// A key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub org: OrgId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT id, org_id, name, scopes, created_at FROM api_key";

/// Keeps a new key. `secret` is the key itself: random, long, shown once to its owner and not stored.
///
/// # Errors
/// [`StoreError::Conflict`] when the same key exists, or when the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    name: &str,
    scopes: &[String],
    secret: &str,
) -> Result<ApiKey, StoreError> {
    let created_at = tx.now().await?;
    let key = ApiKey { id: ApiKeyId::generate(), org, name: name.to_owned(), scopes: scopes.to_vec(), created_at };
    tx.execute(
        "INSERT INTO api_key (id, org_id, name, key_hash, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        args![key.id, org, name, hash(secret), Value::from(scopes.to_vec()), created_at],
    )
    .await?;
    Ok(key)
}

/// The key that `secret` is, unless it was revoked.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, or when the database fails.
pub async fn authenticate(tx: &mut Tx, secret: &str) -> Result<ApiKey, StoreError> {
    const SQL: &str =
        "SELECT id, org_id, name, scopes, created_at FROM api_key WHERE key_hash = $1 AND revoked_at IS NULL";
    read(&tx.one(SQL, args![hash(secret)]).await?)
}

/// The keys in force.
///
/// # Errors
/// When the database fails.
pub async fn list(tx: &mut Tx, org: OrgId, page: Page<ApiKeyId>) -> Result<Listing<ApiKey, ApiKeyId>, StoreError> {
    let select = format!("{SELECT} WHERE org_id = $1 AND revoked_at IS NULL");
    tx.page(&select, args![org], "id", page, read, |key| key.id).await
}

/// Ends a key.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such key in force, or when the database fails.
pub async fn revoke(tx: &mut Tx, org: OrgId, id: ApiKeyId) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let sql = "UPDATE api_key SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL";
    match tx.execute(sql, args![org, id, now]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// The key is random, so a plain hash cannot be turned back and needs no salt.
fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn read(row: &Row) -> Result<ApiKey, StoreError> {
    let scopes: Value = row.get("scopes")?;
    Ok(ApiKey {
        id: row.get("id")?,
        org: row.get("org_id")?,
        name: row.get("name")?,
        scopes: serde_json::from_value(scopes).map_err(|_| StoreError::Corrupt { column: "scopes" })?,
        created_at: row.get("created_at")?,
    })
}
