//! Vendors as they are configured over the API. Those of the settings file are not here.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::db::value::text_columns;
use super::db::{Arg, Listing, Page, Row, ToArg};
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::id::{OrgId, ProviderId};
use crate::provider::catalog::Kind;

text_columns!(Kind);

/// A vendor.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredProvider {
    /// Its id.
    pub id: ProviderId,
    /// Whose it is.
    pub org: OrgId,
    /// Counts its changes.
    pub version: i64,
    /// What can be edited.
    pub data: ProviderData,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a vendor.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderData {
    /// Its name, unique in the organisation: assistants use it.
    pub name: String,
    /// What it speaks.
    pub kind: Kind,
    /// Where it is; empty for the vendor's public address.
    pub base_url: String,
    /// Its key.
    pub key: Option<SealedKey>,
    /// The model; empty for the adapter's default.
    pub model: String,
    /// What only this kind of vendor knows.
    pub options: Map<String, Value>,
    /// Calls it may serve at once, at least 1.
    pub capacity: u32,
    /// Whether it may be used.
    pub enabled: bool,
}

/// A key that only the server can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// Encrypted.
    pub sealed: String,
    /// Its last characters, so that people know which one it is; empty for a short key.
    pub last4: String,
}

const SELECT: &str = "SELECT id, org_id, name, kind, base_url, key_sealed, key_last4, model, options, capacity, enabled, \
                      version, created_at, updated_at FROM provider";

/// Keeps a new vendor under an id that the caller chose: its key is encrypted for that id.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, id: ProviderId, data: ProviderData) -> Result<StoredProvider, StoreError> {
    let now = tx.now().await?;
    let mut args = args![id, org, now];
    args.extend(values(&data));
    tx.execute(
        "INSERT INTO provider (id, org_id, created_at, updated_at, version, name, kind, base_url, key_sealed, \
         key_last4, model, options, capacity, enabled) \
         VALUES ($1, $2, $3, $3, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        args,
    )
    .await?;
    tx.wake(Wake::Providers);
    Ok(StoredProvider { id, org, version: 1, data, created_at: now, updated_at: now })
}

/// One vendor.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ProviderId) -> Result<StoredProvider, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The vendors of an organisation, or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: Option<OrgId>,
    page: Page<ProviderId>,
) -> Result<Listing<StoredProvider, ProviderId>, StoreError> {
    let (select, args) = match org {
        Some(org) => (format!("{SELECT} WHERE org_id = $1"), args![org]),
        None => (format!("{SELECT} WHERE 1 = 1"), vec![]),
    };
    tx.page(&select, args, "id", page, read, |provider| provider.id).await
}

/// Replaces what can be edited, if nobody else has since `version`. Returns the new version.
///
/// # Errors
/// [`StoreError::Stale`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: ProviderId,
    version: i64,
    data: &ProviderData,
) -> Result<i64, StoreError> {
    let mut args = args![org, id, version, tx.now().await?];
    args.extend(values(data));
    let sql = "UPDATE provider SET updated_at = $4, version = version + 1, name = $5, kind = $6, base_url = $7, \
               key_sealed = $8, key_last4 = $9, model = $10, options = $11, capacity = $12, enabled = $13 \
               WHERE org_id = $1 AND id = $2 AND version = $3";
    if tx.execute(sql, args).await? == 0 {
        return Err(StoreError::Stale);
    }
    tx.wake(Wake::Providers);
    Ok(version + 1)
}

/// Deletes a vendor.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: ProviderId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM provider WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.wake(Wake::Providers);
            Ok(())
        }
    }
}

fn values(data: &ProviderData) -> [Arg; 9] {
    [
        data.name.to_arg(),
        data.kind.to_arg(),
        data.base_url.to_arg(),
        data.key.as_ref().map(|key| key.sealed.as_str()).to_arg(),
        data.key.as_ref().map(|key| key.last4.as_str()).to_arg(),
        data.model.to_arg(),
        Value::Object(data.options.clone()).to_arg(),
        data.capacity.to_arg(),
        data.enabled.to_arg(),
    ]
}

fn read(row: &Row) -> Result<StoredProvider, StoreError> {
    let sealed: Option<String> = row.get("key_sealed")?;
    let last4: Option<String> = row.get("key_last4")?;
    let options: Value = row.get("options")?;
    let Value::Object(options) = options else { return Err(StoreError::Corrupt { column: "options" }) };
    let data = ProviderData {
        name: row.get("name")?,
        kind: row.get("kind")?,
        base_url: row.get("base_url")?,
        key: sealed.map(|sealed| SealedKey { sealed, last4: last4.unwrap_or_default() }),
        model: row.get("model")?,
        options,
        capacity: row.get("capacity")?,
        enabled: row.get("enabled")?,
    };
    Ok(StoredProvider {
        id: row.get("id")?,
        org: row.get("org_id")?,
        version: row.get("version")?,
        data,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
