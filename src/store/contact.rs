//! People and businesses that can be called.

mod find;
mod index;
mod timeline;
mod write;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::db::value::text_columns;
use super::db::{Arg, Listing, Page, Row, ToArg, places};
use super::filter::containing;
use super::org::PhoneHash;
use super::{StoreError, Tx};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::zone::ZoneOrigin;
use crate::id::{ContactId, OrgId, TagId};
use crate::pii::Pii;

pub(in crate::store) use find::narrowed;
pub use find::{ORDERS, Total, search, total};
pub use index::{left_to_look_at, look_at_some};
pub use timeline::{Happened, Moment, timeline};
pub use write::{insert, insert_of_import, update};

text_columns!(ZoneOrigin);

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Whose it is.
    pub org: OrgId,
    /// What can be edited.
    pub data: ContactData,
    /// Since when its numbers are known not to exist, in their order, the first one included.
    pub invalid_since: Vec<Option<Timestamp>>,
    /// What tells its zone; none until somebody has looked.
    pub zone_origin: Option<ZoneOrigin>,
    /// Its tags by name.
    pub tags: Vec<TagName>,
    /// One of its numbers is on the organisation's own suppression list.
    pub opted_out: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactData {
    /// Its name.
    pub name: Pii<String>,
    /// Its number; a contact without one cannot be dialed.
    pub phone: Option<Pii<E164>>,
    /// What that number is for people: mobile, office.
    pub label: Option<String>,
    /// Further numbers, in the order in which they are turned to.
    pub further: Vec<FurtherPhone>,
    /// Its time zone, when it is known and need not be guessed from the number: an IANA name.
    pub zone: Option<String>,
    /// Values for the variables of assistants.
    pub variables: Pii<BTreeMap<String, String>>,
    /// E-mail addresses in order.
    pub emails: Vec<Email>,
    /// The id it has elsewhere, once in the organisation.
    pub external_id: Option<Pii<String>>,
}

/// An e-mail address of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The address.
    pub address: Pii<String>,
    /// What it is for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A tag that a contact has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagName {
    /// Its id.
    pub id: TagId,
    /// Its name.
    pub name: String,
}

/// A number of a contact behind its first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherPhone {
    /// The number.
    pub number: Pii<E164>,
    /// What it is for people.
    pub label: Option<String>,
    /// Its time zone, where that is another one than the contact's: an IANA name.
    pub zone: Option<String>,
}

/// Whether one of the numbers of a row of `contact` is on the organisation's own suppression list.
macro_rules! opted_out {
    () => {
        "(EXISTS (SELECT 1 FROM suppression s WHERE s.org_id = contact.org_id AND s.phone_hash = contact.phone_hash) \
         OR (contact.further_phones > 0 AND EXISTS (SELECT 1 FROM further_phone f JOIN suppression s \
         ON s.org_id = f.org_id AND s.phone_hash = f.phone_hash WHERE f.contact_id = contact.id)))"
    };
}
use opted_out;

const SELECT: &str = concat!(
    "SELECT id, org_id, name, phone, zone, variables, created_at, updated_at, phone_label, phone_invalid_at, \
     further_phones, emails, external_id, zone_source, ",
    opted_out!(),
    " AS opted_out FROM contact"
);
/// Ids that one statement names.
const AT_ONCE: usize = 200;

/// One contact.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ContactId) -> Result<Contact, StoreError> {
    let mut found = some(tx, org, &[id]).await?;
    found.pop().ok_or(StoreError::NotFound)
}

/// Those of these that there are, by their ids.
///
/// # Errors
/// When the database fails.
pub async fn some(tx: &mut Tx, org: OrgId, ids: &[ContactId]) -> Result<Vec<Contact>, StoreError> {
    let mut contacts = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        let mut args = args![org];
        args.extend(ids.iter().map(ToArg::to_arg));
        let sql = format!("{SELECT} WHERE org_id = $1 AND id IN ({}) ORDER BY id", places(2, ids.len()));
        for row in tx.all_built(sql, args).await? {
            contacts.push(read(&row)?);
        }
    }
    complete(tx, &mut contacts).await?;
    Ok(contacts.into_iter().map(|(contact, _)| contact).collect())
}

/// Reads the tags of all, and the further numbers of those contacts that have any.
async fn complete(tx: &mut Tx, contacts: &mut [(Contact, bool)]) -> Result<(), StoreError> {
    let with: Vec<_> = contacts.iter().filter(|(_, further)| *further).map(|(contact, _)| contact.id).collect();
    let mut found: BTreeMap<ContactId, Vec<(FurtherPhone, Option<Timestamp>)>> = BTreeMap::new();
    for ids in with.chunks(AT_ONCE) {
        let args: Vec<_> = ids.iter().map(ToArg::to_arg).collect();
        let list = places(1, args.len());
        let sql = format!(
            "SELECT contact_id, phone, label, zone, invalid_at FROM further_phone WHERE contact_id IN ({list}) \
             ORDER BY contact_id, ordinal"
        );
        for row in tx.all_built(sql, args).await? {
            let phone = FurtherPhone { number: row.get("phone")?, label: row.get("label")?, zone: row.get("zone")? };
            found.entry(row.get("contact_id")?).or_default().push((phone, row.get("invalid_at")?));
        }
    }
    let ids: Vec<_> = contacts.iter().map(|(contact, _)| contact.id).collect();
    let mut tags: BTreeMap<ContactId, Vec<TagName>> = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT x.contact_id, t.id, t.name FROM contact_tag x JOIN tag t ON t.id = x.tag_id \
             WHERE x.contact_id IN ({}) ORDER BY t.name_key",
            places(1, ids.len())
        );
        for row in tx.all_built(sql, ids.iter().map(ToArg::to_arg).collect()).await? {
            let tag = TagName { id: row.get("id")?, name: row.get("name")? };
            tags.entry(row.get("contact_id")?).or_default().push(tag);
        }
    }
    for (contact, _) in contacts {
        contact.tags = tags.remove(&contact.id).unwrap_or_default();
        for (phone, since) in found.remove(&contact.id).unwrap_or_default() {
            contact.data.further.push(phone);
            contact.invalid_since.push(since);
        }
    }
    Ok(())
}

/// A page with everything of its contacts.
async fn completed<K>(tx: &mut Tx, listing: Listing<(Contact, bool), K>) -> Result<Listing<Contact, K>, StoreError> {
    let Listing { mut items, next } = listing;
    complete(tx, &mut items).await?;
    Ok(Listing { items: items.into_iter().map(|(contact, _)| contact).collect(), next })
}

/// The contacts that have this number, as their first or a further one: who is calling. The newest first, at most ten.
///
/// # Errors
/// When the database fails.
pub async fn of_number(tx: &mut Tx, org: OrgId, number: &PhoneHash) -> Result<Vec<Contact>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE org_id = $1 AND id IN (SELECT id FROM contact WHERE org_id = $1 AND phone_hash = $2 \
         UNION SELECT contact_id FROM further_phone WHERE org_id = $1 AND phone_hash = $2) ORDER BY id DESC LIMIT 10"
    );
    let rows = tx.all_built(sql, args![org, number]).await?;
    let mut contacts: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
    complete(tx, &mut contacts).await?;
    Ok(contacts.into_iter().map(|(contact, _)| contact).collect())
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
    let listing = tx.page(&select, args, "id", page, read, |(contact, _)| contact.id).await?;
    completed(tx, listing).await
}

/// Those of `hashes` that a contact of the organisation has already.
///
/// # Errors
/// When the database fails.
pub async fn known_phones(tx: &mut Tx, org: OrgId, hashes: &[PhoneHash]) -> Result<Vec<PhoneHash>, StoreError> {
    let mut known = Vec::new();
    for hashes in hashes.chunks(AT_ONCE) {
        let mut args = args![org];
        args.extend(hashes.iter().map(ToArg::to_arg));
        let list = places(2, hashes.len());
        let sql = format!(
            "SELECT phone_hash FROM contact WHERE org_id = $1 AND phone_hash IN ({list}) \
             UNION SELECT phone_hash FROM further_phone WHERE org_id = $1 AND phone_hash IN ({list})"
        );
        for row in tx.all_built(sql, args).await? {
            known.push(row.get("phone_hash")?);
        }
    }
    Ok(known)
}

/// Deletes a contact that no campaign and no case knows. It leaves its lists.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] with [`Constraint::Reference`](super::Constraint::Reference)
/// when it is in a campaign, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: ContactId) -> Result<(), StoreError> {
    const LEFT: &str = "UPDATE people_list SET members = members - 1 WHERE id IN \
                        (SELECT list_id FROM people_list_member WHERE member_id = $2) AND org_id = $1";
    // Lists are snapshots: whoever is gone is gone from them.
    tx.execute(LEFT, args![org, id]).await?;
    match tx.execute("DELETE FROM contact WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => tx.execute("DELETE FROM people_list_member WHERE member_id = $1", args![id]).await.map(drop),
    }
}

/// A column of variables, or of what a target puts in their place.
pub(super) fn variables(row: &Row, column: &'static str) -> Result<Pii<BTreeMap<String, String>>, StoreError> {
    let value: Value = row.get(column)?;
    serde_json::from_value(value).map(Pii::new).map_err(|_| StoreError::Corrupt { column })
}

/// A contact without its further numbers, and whether it has any.
fn read(row: &Row) -> Result<(Contact, bool), StoreError> {
    let data = ContactData {
        name: row.get("name")?,
        phone: row.get("phone")?,
        label: row.get("phone_label")?,
        further: Vec::new(),
        zone: row.get("zone")?,
        variables: variables(row, "variables")?,
        emails: emails(row)?,
        external_id: row.get("external_id")?,
    };
    let invalid_since = if data.phone.is_some() { vec![row.get("phone_invalid_at")?] } else { Vec::new() };
    let contact = Contact {
        id: row.get("id")?,
        org: row.get("org_id")?,
        data,
        invalid_since,
        zone_origin: row.get("zone_source")?,
        tags: Vec::new(),
        opted_out: row.get("opted_out")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    };
    Ok((contact, row.get::<i64>("further_phones")? > 0))
}

fn emails(row: &Row) -> Result<Vec<Email>, StoreError> {
    let value: Value = row.get("emails")?;
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column: "emails" })
}
