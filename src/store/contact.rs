//! People and businesses that can be called.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::db::{Arg, Listing, Page, Row, ToArg};
use super::filter::{Clause, ContactFilter, Cursor, Orders, Sheet, containing};
use super::org::{PhoneHash, PhoneKey};
use super::{StoreError, Tx, target};
use crate::args;
use crate::campaign::phone::E164;
use crate::id::{ContactId, OrgId};
use crate::pii::Pii;

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose it is.
    pub org: OrgId,
    /// What can be edited.
    pub data: ContactData,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactData {
    /// Its name.
    pub name: Pii<String>,
    /// Its number; a contact without one cannot be dialed.
    pub phone: Option<Pii<E164>>,
    /// Its time zone, when it is known and need not be guessed from the number: an IANA name.
    pub zone: Option<String>,
    /// Values for the variables of assistants.
    pub variables: Pii<BTreeMap<String, String>>,
}

const SELECT: &str = "SELECT id, org_id, name, phone, zone, variables, created_at, updated_at FROM contact";
/// Rows of one INSERT, 7 values each. SQLite looks parameters up one after another: with more rows it becomes slower.
const ROWS_PER_INSERT: usize = 200;

/// Keeps new contacts, many per statement, and returns their ids in the same order. On SQLite all other writers wait for
/// the transaction: thousands at a time, not a million.
///
/// # Errors
/// When the database fails; then none of them is kept once the transaction is dropped.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    contacts: &[ContactData],
) -> Result<Vec<ContactId>, StoreError> {
    let now = tx.now().await?;
    let ids: Vec<_> = contacts.iter().map(|_| ContactId::generate()).collect();
    for (contacts, ids) in contacts.chunks(ROWS_PER_INSERT).zip(ids.chunks(ROWS_PER_INSERT)) {
        let mut sql = "INSERT INTO contact (org_id, created_at, updated_at, id, name, phone, phone_hash, zone, \
                       variables, search) VALUES "
            .to_owned();
        let mut args = args![org, now];
        for (index, (contact, id)) in contacts.iter().zip(ids).enumerate() {
            let first = args.len() + 1;
            let comma = if index == 0 { "" } else { ", " };
            write!(sql, "{comma}($1, $2, $2").expect("a string takes everything");
            for offset in 0..7 {
                write!(sql, ", ${}", first + offset).expect("a string takes everything");
            }
            sql.push(')');
            args.push(id.to_arg());
            args.extend(values(key, contact));
        }
        tx.execute_built(sql, args).await?;
    }
    Ok(ids)
}

/// One contact.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ContactId) -> Result<Contact, StoreError> {
    const SQL: &str = "SELECT id, org_id, name, phone, zone, variables, created_at, updated_at FROM contact \
                       WHERE org_id = $1 AND id = $2";
    read(&tx.one(SQL, args![org, id]).await?)
}

/// The contacts whose name or number contains `search`, regardless of case; all without it.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    search: Option<&str>,
    page: Page<ContactId>,
) -> Result<Listing<Contact, ContactId>, StoreError> {
    let mut select = format!("{SELECT} WHERE org_id = $1");
    let mut args = args![org];
    if let Some(words) = search {
        select.push_str(" AND search LIKE $2 ESCAPE '!'");
        args.push(Arg::Text(Some(containing(words))));
    }
    tx.page(&select, args, "id", page, read, |contact| contact.id).await
}

/// What contacts can be ordered by.
pub const ORDERS: Orders = &[("created_at", None), ("updated_at", Some("updated_at")), ("name", Some("name"))];

/// The contacts that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &ContactFilter,
    sheet: &Sheet,
) -> Result<Listing<Contact, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, format!("{SELECT} WHERE org_id = $1"), args![org]);
    filter.add(&mut clause);
    clause.page(tx, "id", sheet, read).await
}

/// Replaces what can be edited of a contact. The next dial of its targets uses the new values; those that its number or
/// its zone had blocked go through the gate again.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    id: ContactId,
    data: &ContactData,
) -> Result<(), StoreError> {
    let mut args = args![org, id, tx.now().await?];
    args.extend(values(key, data));
    let sql = "UPDATE contact SET updated_at = $3, name = $4, phone = $5, phone_hash = $6, zone = $7, variables = $8, \
               search = $9 WHERE org_id = $1 AND id = $2";
    match tx.execute(sql, args).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            target::replace_of_contact(tx, id).await?;
            target::mend_contact(tx, id).await.map(drop)
        }
    }
}

/// Those of `hashes` that a contact of the organisation has already.
///
/// # Errors
/// When the database fails.
pub async fn known_phones(tx: &mut Tx, org: OrgId, hashes: &[PhoneHash]) -> Result<Vec<PhoneHash>, StoreError> {
    let mut known = Vec::new();
    for hashes in hashes.chunks(ROWS_PER_INSERT) {
        let mut args = args![org];
        args.extend(hashes.iter().map(ToArg::to_arg));
        let list = (2..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT DISTINCT phone_hash FROM contact WHERE org_id = $1 AND phone_hash IN ({list})");
        for row in tx.all_built(sql, args).await? {
            known.push(row.get("phone_hash")?);
        }
    }
    Ok(known)
}

/// Deletes a contact that no campaign knows.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] with [`Constraint::Reference`](super::Constraint::Reference)
/// when it is in a campaign, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: ContactId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM contact WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Name, phone, phone_hash, zone, variables, search.
fn values(key: &PhoneKey, data: &ContactData) -> [Arg; 6] {
    let phone = data.phone.as_ref().map(Pii::expose);
    let search = format!("{} {}", data.name.expose(), phone.map_or("", E164::as_str)).to_lowercase();
    let variables = serde_json::to_string(data.variables.expose()).expect("a map of strings is JSON");
    [
        data.name.to_arg(),
        phone.map(E164::as_str).to_arg(),
        phone.map(|number| key.hash(number)).to_arg(),
        data.zone.to_arg(),
        Arg::Text(Some(variables)),
        Arg::Text(Some(search)),
    ]
}

/// A column of variables, or of what a target puts in their place.
pub(super) fn variables(row: &Row, column: &'static str) -> Result<Pii<BTreeMap<String, String>>, StoreError> {
    let value: Value = row.get(column)?;
    serde_json::from_value(value).map(Pii::new).map_err(|_| StoreError::Corrupt { column })
}

fn read(row: &Row) -> Result<Contact, StoreError> {
    let data = ContactData {
        name: row.get("name")?,
        phone: row.get("phone")?,
        zone: row.get("zone")?,
        variables: variables(row, "variables")?,
    };
    Ok(Contact {
        id: row.get("id")?,
        org: row.get("org_id")?,
        data,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
