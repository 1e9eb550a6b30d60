//! Tags of contacts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::audit::{self, Actor};
use super::db::{Row, ToArg, insert_many, places};
use super::filter::{Clause, Cursor, Orders, Sheet};
use super::{Listing, StoreError, Tx};
use crate::args;
use crate::id::{ContactId, OrgId, TagId};

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its id.
    pub id: TagId,
    /// Its name, once in the organisation whatever its case.
    pub name: String,
    /// How many contacts have it; counted up to [`COUNTED`].
    pub contacts: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Contacts of a tag are counted up to here.
pub const COUNTED: u64 = 10_000;
/// Most tags of an organisation.
pub const MOST: i64 = 2000;
/// Longest name, in characters.
pub const LONGEST: usize = 60;

/// What tags can be ordered by.
pub const ORDERS: Orders = &[("created_at", None), ("name", Some("name_key"))];

const SELECT: &str = "SELECT id, name, created_at, (SELECT COUNT(*) FROM (SELECT 1 FROM contact_tag x WHERE x.tag_id = tag.id \
                      LIMIT 10001) AS counted) AS contacts FROM tag WHERE org_id = $1";

/// The tags of an organisation, or those whose names have this somewhere.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    search: Option<&str>,
    sheet: &Sheet,
) -> Result<Listing<Tag, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, SELECT, args![org]);
    clause.contains("name_key", search);
    clause.page(tx, "id", sheet, read).await
}

/// One tag.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: TagId) -> Result<Tag, StoreError> {
    let rows = tx.all_built(format!("{SELECT} AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// An organisation has as many tags as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an organisation has at most {MOST} tags: delete some, or use others")]
pub struct TooMany;

/// The tags of these names; those that are not there are made. In the order of the names.
///
/// # Errors
/// When the database fails. The inner error when there would be too many.
pub async fn ensure(tx: &mut Tx, org: OrgId, names: &[String]) -> Result<Result<Vec<TagId>, TooMany>, StoreError> {
    const MADE: &str = "INSERT INTO tag (id, org_id, name, name_key, created_at) VALUES";
    let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
    if keys.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let known = by_key(tx, org, &keys).await?;
    let now = tx.now().await?;
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, key) in names.iter().zip(&keys).filter(|(_, key)| !known.contains_key(*key)) {
        wanted.entry(key).or_insert(name.trim());
    }
    if !wanted.is_empty() {
        let there: i64 = tx.value("SELECT COUNT(*) AS value FROM tag WHERE org_id = $1", args![org]).await?;
        if there + i64::try_from(wanted.len()).unwrap_or(i64::MAX) > MOST {
            return Ok(Err(TooMany));
        }
        let values = wanted.iter().flat_map(|(key, name)| args![TagId::generate(), org, *name, *key, now]).collect();
        insert_many(tx, MADE, 5, values, "ON CONFLICT (org_id, name_key) DO NOTHING").await?;
    }
    let known = by_key(tx, org, &keys).await?;
    Ok(Ok(keys.iter().filter_map(|key| known.get(key).copied()).collect()))
}

/// Gives a contact these tags and no others.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, contact: ContactId, tags: &[TagId]) -> Result<(), StoreError> {
    tx.execute("DELETE FROM contact_tag WHERE contact_id = $1", args![contact]).await?;
    let pairs: Vec<_> = tags.iter().map(|tag| (contact, *tag)).collect();
    give(tx, &pairs).await.map(drop)
}

/// Gives contacts tags; how many of these they did not have.
///
/// # Errors
/// When the database fails.
pub async fn give(tx: &mut Tx, pairs: &[(ContactId, TagId)]) -> Result<u64, StoreError> {
    let values = pairs.iter().flat_map(|(contact, tag)| args![contact, tag]).collect();
    let head = "INSERT INTO contact_tag (contact_id, tag_id) VALUES";
    insert_many(tx, head, 2, values, "ON CONFLICT (contact_id, tag_id) DO NOTHING").await
}

/// Takes tags from contacts; how many of these they had.
///
/// # Errors
/// When the database fails.
pub async fn take(tx: &mut Tx, contacts: &[ContactId], tags: &[TagId]) -> Result<u64, StoreError> {
    let mut taken = 0;
    for contacts in contacts.chunks(500) {
        let mut values: Vec<_> = tags.iter().map(ToArg::to_arg).collect();
        values.extend(contacts.iter().map(ToArg::to_arg));
        let (of, whose) = (places(1, tags.len()), places(tags.len() + 1, contacts.len()));
        let sql = format!("DELETE FROM contact_tag WHERE tag_id IN ({of}) AND contact_id IN ({whose})");
        taken += tx.execute_built(sql, values).await?;
    }
    Ok(taken)
}

/// Renames a tag.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn rename(tx: &mut Tx, org: OrgId, id: TagId, name: &str) -> Result<(), StoreError> {
    let sql = "UPDATE tag SET name = $3, name_key = $4 WHERE org_id = $1 AND id = $2";
    match tx.execute(sql, args![org, id, name.trim(), key(name)]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Deletes a tag; whoever has it has it no longer.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, actor: &Actor, id: TagId) -> Result<(), StoreError> {
    let seen = get(tx, org, id).await?;
    tx.execute("DELETE FROM tag WHERE org_id = $1 AND id = $2", args![org, id]).await?;
    let detail = serde_json::json!({ "name": seen.name, "contacts": seen.contacts });
    audit::write(tx, org, actor, "tag.delete", ("tag", id.to_string()), detail).await
}

/// Those of these tags that are not the organisation's.
///
/// # Errors
/// When the database fails.
pub async fn unknown(tx: &mut Tx, org: OrgId, tags: &[TagId]) -> Result<Vec<TagId>, StoreError> {
    let mut unknown = Vec::new();
    for tag in tags {
        if tx.optional("SELECT id FROM tag WHERE org_id = $1 AND id = $2", args![org, tag]).await?.is_none() {
            unknown.push(*tag);
        }
    }
    Ok(unknown)
}

/// What a name is known by.
pub(super) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

async fn by_key(tx: &mut Tx, org: OrgId, keys: &[String]) -> Result<BTreeMap<String, TagId>, StoreError> {
    let mut found = BTreeMap::new();
    for keys in keys.chunks(200) {
        let mut values = args![org];
        values.extend(keys.iter().map(ToArg::to_arg));
        let sql = format!("SELECT id, name_key FROM tag WHERE org_id = $1 AND name_key IN ({})", places(2, keys.len()));
        for row in tx.all_built(sql, values).await? {
            found.insert(row.get("name_key")?, row.get("id")?);
        }
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Tag, StoreError> {
    Ok(Tag {
        id: row.get("id")?,
        name: row.get("name")?,
        contacts: row.get::<i64>("contacts")?.unsigned_abs(),
        created_at: row.get("created_at")?,
    })
}
