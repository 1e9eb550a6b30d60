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
    /// Since when its numbers are known not to exist, in their order, the first one included.
    pub invalid_since: Vec<Option<Timestamp>>,
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
    /// What that number is for people: mobile, office.
    pub label: Option<String>,
    /// Further numbers, in the order in which they are turned to.
    pub further: Vec<FurtherPhone>,
    /// Its time zone, when it is known and need not be guessed from the number: an IANA name.
    pub zone: Option<String>,
    /// Values for the variables of assistants.
    pub variables: Pii<BTreeMap<String, String>>,
}

/// A number of a contact behind its first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherPhone {
    /// The number.
    pub number: Pii<E164>,
    /// What it is for people.
    pub label: Option<String>,
    /// Its time zone, where that is another one than the contact's: an IANA name.
    pub zone: Option<String>,
}

const SELECT: &str = "SELECT id, org_id, name, phone, zone, variables, created_at, updated_at, phone_label, \
                      phone_invalid_at, further_phones FROM contact";
/// Rows of one INSERT, 9 values each. SQLite looks parameters up one after another: with more rows it becomes slower.
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
                       variables, search, phone_label, further_phones) VALUES "
            .to_owned();
        let mut args = args![org, now];
        for (index, (contact, id)) in contacts.iter().zip(ids).enumerate() {
            let first = args.len() + 1;
            let comma = if index == 0 { "" } else { ", " };
            write!(sql, "{comma}($1, $2, $2").expect("a string takes everything");
            for offset in 0..9 {
                write!(sql, ", ${}", first + offset).expect("a string takes everything");
            }
            sql.push(')');
            args.push(id.to_arg());
            args.extend(values(key, contact));
        }
        tx.execute_built(sql, args).await?;
        for (contact, id) in contacts.iter().zip(ids).filter(|(contact, _)| !contact.further.is_empty()) {
            insert_further(tx, org, key, *id, &contact.further, &BTreeMap::new()).await?;
        }
    }
    Ok(ids)
}

/// The numbers of a contact behind its first one, with what is known of them by their hashes.
async fn insert_further(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    contact: ContactId,
    further: &[FurtherPhone],
    invalid: &BTreeMap<String, Timestamp>,
) -> Result<(), StoreError> {
    let mut sql =
        "INSERT INTO further_phone (contact_id, org_id, ordinal, label, phone, phone_hash, zone, invalid_at) \
                   VALUES "
            .to_owned();
    let mut args = args![contact, org];
    for (phone, ordinal) in further.iter().zip(1_i64..) {
        let hash = key.hash(phone.number.expose());
        let since = invalid.get(&hash.to_string()).copied();
        let first = args.len() + 1;
        let comma = if ordinal == 1 { "" } else { ", " };
        let own: Vec<_> = (first..first + 6).map(|number| format!("${number}")).collect();
        write!(sql, "{comma}($1, $2, {})", own.join(", ")).expect("a string takes everything");
        args.extend(args![ordinal, phone.label, phone.number.expose().as_str(), hash, phone.zone, since]);
    }
    tx.execute_built(sql, args).await.map(drop)
}

/// One contact.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ContactId) -> Result<Contact, StoreError> {
    const SQL: &str = "SELECT id, org_id, name, phone, zone, variables, created_at, updated_at, phone_label, \
                       phone_invalid_at, further_phones FROM contact WHERE org_id = $1 AND id = $2";
    let mut contact = [read(&tx.one(SQL, args![org, id]).await?)?];
    complete(tx, &mut contact).await?;
    let [contact] = contact;
    Ok(contact.0)
}

/// Reads the further numbers of those contacts that have any.
async fn complete(tx: &mut Tx, contacts: &mut [(Contact, bool)]) -> Result<(), StoreError> {
    let with: Vec<_> = contacts.iter().filter(|(_, further)| *further).map(|(contact, _)| contact.id).collect();
    let mut found: BTreeMap<ContactId, Vec<(FurtherPhone, Option<Timestamp>)>> = BTreeMap::new();
    for ids in with.chunks(ROWS_PER_INSERT) {
        let args: Vec<_> = ids.iter().map(ToArg::to_arg).collect();
        let list = (1..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT contact_id, phone, label, zone, invalid_at FROM further_phone WHERE contact_id IN ({list}) \
             ORDER BY contact_id, ordinal"
        );
        for row in tx.all_built(sql, args).await? {
            let phone = FurtherPhone { number: row.get("phone")?, label: row.get("label")?, zone: row.get("zone")? };
            found.entry(row.get("contact_id")?).or_default().push((phone, row.get("invalid_at")?));
        }
    }
    for (contact, _) in contacts {
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
    let listing = clause.page(tx, "id", sheet, read).await?;
    completed(tx, listing).await
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
    const KNOWN: &str = "SELECT phone_hash, phone_invalid_at AS since FROM contact WHERE id = $1 \
                         AND phone_invalid_at IS NOT NULL AND phone_hash IS NOT NULL \
                         UNION SELECT phone_hash, invalid_at FROM further_phone WHERE contact_id = $1 AND invalid_at IS NOT NULL";
    let mut invalid = BTreeMap::new();
    for row in tx.all(KNOWN, args![id]).await? {
        invalid.insert(row.get::<String>("phone_hash")?, row.get::<Timestamp>("since")?);
    }
    let mut args = args![org, id, tx.now().await?];
    args.extend(values(key, data));
    // What is known of a number stays with it, wherever it stands now.
    let first = data.phone.as_ref().map(|phone| key.hash(phone.expose()));
    args.push(first.and_then(|hash| invalid.get(&hash.to_string()).copied()).to_arg());
    let sql = "UPDATE contact SET updated_at = $3, name = $4, phone = $5, phone_hash = $6, zone = $7, variables = $8, \
               search = $9, phone_label = $10, further_phones = $11, phone_invalid_at = $12 WHERE org_id = $1 AND id = $2";
    match tx.execute(sql, args).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.execute("DELETE FROM further_phone WHERE contact_id = $1", args![id]).await?;
            if !data.further.is_empty() {
                insert_further(tx, org, key, id, &data.further, &invalid).await?;
            }
            let anew = "UPDATE target SET number = 0 WHERE contact_id = $1 AND number > 0";
            tx.execute(anew, args![id]).await?;
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

/// Name, phone, phone_hash, zone, variables, search, phone_label, further_phones.
fn values(key: &PhoneKey, data: &ContactData) -> [Arg; 8] {
    let phone = data.phone.as_ref().map(Pii::expose);
    let mut search = format!("{} {}", data.name.expose(), phone.map_or("", E164::as_str)).to_lowercase();
    for further in &data.further {
        write!(search, " {}", further.number.expose().as_str()).expect("a string takes everything");
    }
    let variables = serde_json::to_string(data.variables.expose()).expect("a map of strings is JSON");
    [
        data.name.to_arg(),
        phone.map(E164::as_str).to_arg(),
        phone.map(|number| key.hash(number)).to_arg(),
        data.zone.to_arg(),
        Arg::Text(Some(variables)),
        Arg::Text(Some(search)),
        data.label.to_arg(),
        i64::try_from(data.further.len()).unwrap_or(i64::MAX).to_arg(),
    ]
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
    };
    let invalid_since = if data.phone.is_some() { vec![row.get("phone_invalid_at")?] } else { Vec::new() };
    let contact = Contact {
        id: row.get("id")?,
        org: row.get("org_id")?,
        data,
        invalid_since,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    };
    Ok((contact, row.get::<i64>("further_phones")? > 0))
}
