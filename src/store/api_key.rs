//! Keys that programs authenticate with. Only their hash is kept.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::audit::{self, Actor};
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

/// What came of revoking a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It is not in force any more.
    Gone,
    /// It is the last one that may make others, and stays in force.
    LastAdmin,
}

/// The scope of keys that may do everything.
const ADMIN: &str = "admin";

/// Ends a key, unless nobody could make another one then.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such key in force, or when the database fails.
pub async fn revoke(tx: &mut Tx, org: OrgId, id: ApiKeyId, actor: &Actor) -> Result<Revoked, StoreError> {
    let now = tx.now().await?;
    // Two who revoke each other's wait for each other.
    let lock = tx.pick("SELECT id FROM org WHERE id = $1", "SELECT id FROM org WHERE id = $1 FOR UPDATE");
    tx.one(lock, args![org]).await?;
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND revoked_at IS NULL"), args![org]).await?;
    let keys = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let admin = |key: &&ApiKey| key.scopes.iter().any(|scope| scope == ADMIN);
    let key = keys.iter().find(|key| key.id == id).ok_or(StoreError::NotFound)?;
    if admin(&key) && keys.iter().filter(admin).count() == 1 {
        return Ok(Revoked::LastAdmin);
    }
    tx.execute("UPDATE api_key SET revoked_at = $2 WHERE id = $1", args![id, now]).await?;
    audit::write(tx, org, actor, "api_key.revoke", ("api_key", id.to_string()), json!({})).await?;
    Ok(Revoked::Gone)
}

/// Notes in the audit log who made a key.
///
/// # Errors
/// When the database fails.
pub async fn noted(tx: &mut Tx, key: &ApiKey, actor: &Actor) -> Result<(), StoreError> {
    let detail = json!({ "scopes": key.scopes });
    audit::write(tx, key.org, actor, "api_key.create", ("api_key", key.id.to_string()), detail).await
}

/// Whether a key has not been revoked.
///
/// # Errors
/// When the database fails.
pub async fn in_force(tx: &mut Tx, id: ApiKeyId) -> Result<bool, StoreError> {
    Ok(tx.optional("SELECT id FROM api_key WHERE id = $1 AND revoked_at IS NULL", args![id]).await?.is_some())
}

/// The secret of a new key: 256 random bits, with a prefix by which secret scanners know it.
#[must_use]
pub fn fresh() -> SecretString {
    let random: [u8; 32] = rand::random();
    SecretString::from(format!("cw_{}", hex(&random)))
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
