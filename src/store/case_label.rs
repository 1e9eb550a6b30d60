//! The types and states of cases: names that an organisation keeps.

use std::collections::BTreeMap;

use super::db::value::text_columns;
use super::db::{Row, ToArg, insert_many, places};
use super::tag::key;
use super::{StoreError, Tx};
use crate::args;
use crate::campaign::wire::wire_enum;
use crate::id::{CaseLabelId, OrgId};

wire_enum! {
    /// What a name is for.
    pub enum LabelKind is "kind of label" {
        /// A type of cases.
        Type = "type",
        /// A state of cases.
        Status = "status",
    }
}

text_columns!(LabelKind);

/// A type or state of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its id.
    pub id: CaseLabelId,
    /// Its name, once for its kind whatever its case.
    pub name: String,
    /// How many cases have it; counted up to [`super::tag::COUNTED`].
    pub cases: u64,
}

/// Most of a kind.
pub const MOST: i64 = 500;

/// There are as many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an organisation has at most {MOST} of them: delete some, or use others")]
pub struct TooMany;

/// All of a kind, by name.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx, org: OrgId, kind: LabelKind) -> Result<Vec<Label>, StoreError> {
    let column = column(kind);
    let sql = format!(
        "SELECT id, name, (SELECT COUNT(*) FROM (SELECT 1 FROM client_case k WHERE k.{column} = case_label.id LIMIT 10001) \
         AS counted) AS cases FROM case_label WHERE org_id = $1 AND kind = $2 ORDER BY name_key"
    );
    tx.all_built(sql, args![org, kind]).await?.iter().map(read).collect()
}

/// Those of these names; whatever is not there is made. By their names in lower case.
///
/// # Errors
/// When the database fails. The inner error when there would be too many.
pub async fn ensure(
    tx: &mut Tx,
    org: OrgId,
    kind: LabelKind,
    names: &[&str],
) -> Result<Result<BTreeMap<String, CaseLabelId>, TooMany>, StoreError> {
    const HEAD: &str = "INSERT INTO case_label (id, org_id, kind, name, name_key, created_at) VALUES";
    let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        wanted.entry(key(name)).or_insert(name.trim());
    }
    let keys: Vec<String> = wanted.keys().cloned().collect();
    let known = by_key(tx, org, kind, &keys).await?;
    let missing: Vec<_> = wanted.iter().filter(|(key, _)| !known.contains_key(*key)).collect();
    if missing.is_empty() {
        return Ok(Ok(known));
    }
    let sql = "SELECT COUNT(*) AS value FROM case_label WHERE org_id = $1 AND kind = $2";
    let there: i64 = tx.value(sql, args![org, kind]).await?;
    if there + i64::try_from(missing.len()).unwrap_or(i64::MAX) > MOST {
        return Ok(Err(TooMany));
    }
    let now = tx.now().await?;
    let values =
        missing.iter().flat_map(|(key, name)| args![CaseLabelId::generate(), org, kind, **name, *key, now]).collect();
    insert_many(tx, HEAD, 6, values, "ON CONFLICT (org_id, kind, name_key) DO NOTHING").await?;
    Ok(Ok(by_key(tx, org, kind, &keys).await?))
}

/// Whether the organisation has it.
///
/// # Errors
/// When the database fails.
pub async fn is_there(tx: &mut Tx, org: OrgId, kind: LabelKind, id: CaseLabelId) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM case_label WHERE org_id = $1 AND kind = $2 AND id = $3";
    Ok(tx.optional(sql, args![org, kind, id]).await?.is_some())
}

/// Renames one.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn rename(tx: &mut Tx, org: OrgId, kind: LabelKind, id: CaseLabelId, name: &str) -> Result<(), StoreError> {
    let sql = "UPDATE case_label SET name = $4, name_key = $5 WHERE org_id = $1 AND kind = $2 AND id = $3";
    match tx.execute(sql, args![org, kind, id, name.trim(), key(name)]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Deletes one that no case has.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when a case has it, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, kind: LabelKind, id: CaseLabelId) -> Result<(), StoreError> {
    let sql = "DELETE FROM case_label WHERE org_id = $1 AND kind = $2 AND id = $3";
    match tx.execute(sql, args![org, kind, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// The column of a case.
const fn column(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Type => "type_id",
        LabelKind::Status => "status_id",
    }
}

async fn by_key(
    tx: &mut Tx,
    org: OrgId,
    kind: LabelKind,
    keys: &[String],
) -> Result<BTreeMap<String, CaseLabelId>, StoreError> {
    let mut found = BTreeMap::new();
    for keys in keys.chunks(200) {
        let mut values = args![org, kind];
        values.extend(keys.iter().map(ToArg::to_arg));
        let list = places(3, keys.len());
        let sql =
            format!("SELECT id, name_key FROM case_label WHERE org_id = $1 AND kind = $2 AND name_key IN ({list})");
        for row in tx.all_built(sql, values).await? {
            found.insert(row.get("name_key")?, row.get("id")?);
        }
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Label, StoreError> {
    Ok(Label { id: row.get("id")?, name: row.get("name")?, cases: row.get::<i64>("cases")?.unsigned_abs() })
}
