//! Writing contacts, and what is worked out of them for searching.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::{ContactData, FurtherPhone};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::zone::ZoneOrigin;
use crate::id::{ContactId, ImportId, OrgId};
use crate::pii::Pii;
use crate::store::db::{Arg, Kind, ToArg, insert_many};
use crate::store::org::PhoneKey;
use crate::store::{StoreError, Tx, target};

/// Values of a row of `contact`.
const WIDTH: usize = 16;
const HEAD: &str = "INSERT INTO contact (id, org_id, created_at, updated_at, import_id, name, phone, phone_hash, zone, \
                    variables, search, phone_label, further_phones, emails, external_id, zone_source) VALUES";
const HEAD_NUMBERED: &str = "INSERT INTO contact (id, org_id, created_at, updated_at, import_id, name, phone, phone_hash, \
                             zone, variables, search, phone_label, further_phones, emails, external_id, zone_source, \
                             search_no) VALUES";

/// Keeps new contacts, many per statement, and returns their ids in the same order. On SQLite all other writers wait for
/// the transaction: thousands at a time, not a million.
///
/// # Errors
/// [`StoreError::Conflict`] when an external id is taken, or when the database fails; then none of them is kept once the
/// transaction is dropped.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    contacts: &[ContactData],
) -> Result<Vec<ContactId>, StoreError> {
    insert_of_import(tx, org, key, contacts, None).await
}

/// [`insert`] with the import that makes them.
///
/// # Errors
/// As [`insert`].
pub async fn insert_of_import(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    contacts: &[ContactData],
    import: Option<ImportId>,
) -> Result<Vec<ContactId>, StoreError> {
    let now = tx.now().await?;
    let ids: Vec<_> = contacts.iter().map(|_| ContactId::generate()).collect();
    let mut number = next_number(tx).await?;
    let mut args = Vec::with_capacity(contacts.len() * (WIDTH + 1));
    for (contact, id) in contacts.iter().zip(&ids) {
        args.extend(args![id, org, now, now, import]);
        args.extend(values(key, contact));
        if let Some(number) = &mut number {
            args.push(number.to_arg());
            *number += 1;
        }
    }
    let (head, width) = if number.is_some() { (HEAD_NUMBERED, WIDTH + 1) } else { (HEAD, WIDTH) };
    insert_many(tx, head, width, args, "").await?;
    let with = contacts.iter().zip(&ids).filter(|(contact, _)| !contact.further.is_empty());
    let with: Vec<_> = with.map(|(contact, id)| (*id, contact.further.as_slice())).collect();
    insert_further(tx, org, key, &with, &BTreeMap::new()).await?;
    Ok(ids)
}

/// The first free number of SQLite's index of letters.
pub(super) async fn next_number(tx: &mut Tx) -> Result<Option<i64>, StoreError> {
    match tx.kind() {
        Kind::Postgres => Ok(None),
        Kind::Sqlite => {
            tx.value("SELECT COALESCE(MAX(search_no), 0) + 1 AS value FROM contact", args![]).await.map(Some)
        }
    }
}

/// The numbers of contacts behind their first ones, with what is known of them by their hashes.
async fn insert_further(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    contacts: &[(ContactId, &[FurtherPhone])],
    invalid: &BTreeMap<String, Timestamp>,
) -> Result<(), StoreError> {
    const HEAD: &str = "INSERT INTO further_phone (contact_id, org_id, ordinal, label, phone, phone_hash, zone, invalid_at) \
                        VALUES";
    let mut args = Vec::new();
    for (contact, further) in contacts {
        for (phone, ordinal) in further.iter().zip(1_i64..) {
            let hash = key.hash(phone.number.expose());
            let since = invalid.get(&hash.to_string()).copied();
            args.extend(args![contact, org, ordinal, phone.label, phone.number.expose().as_str(), hash, phone.zone]);
            args.push(since.to_arg());
        }
    }
    insert_many(tx, HEAD, 8, args, "").await.map(drop)
}

/// Replaces what can be edited of a contact. The next dial of its targets uses the new values; those that its number or
/// its zone had blocked go through the gate again.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when its external id is taken, or when the database fails.
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
    const SQL: &str = "UPDATE contact SET updated_at = $3, name = $4, phone = $5, phone_hash = $6, zone = $7, variables = $8, \
                       search = $9, phone_label = $10, further_phones = $11, emails = $12, external_id = $13, \
                       zone_source = $14, phone_invalid_at = $15 WHERE org_id = $1 AND id = $2";
    let mut invalid = BTreeMap::new();
    for row in tx.all(KNOWN, args![id]).await? {
        invalid.insert(row.get::<String>("phone_hash")?, row.get::<Timestamp>("since")?);
    }
    let mut args = args![org, id, tx.now().await?];
    args.extend(values(key, data));
    // What is known of a number stays with it, wherever it stands now.
    let first = data.phone.as_ref().map(|phone| key.hash(phone.expose()));
    args.push(first.and_then(|hash| invalid.get(&hash.to_string()).copied()).to_arg());
    match tx.execute(SQL, args).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.execute("DELETE FROM further_phone WHERE contact_id = $1", args![id]).await?;
            insert_further(tx, org, key, &[(id, &data.further)], &invalid).await?;
            let anew = "UPDATE target SET number = 0 WHERE contact_id = $1 AND number > 0";
            tx.execute(anew, args![id]).await?;
            target::replace_of_contact(tx, id).await?;
            target::mend_contact(tx, id).await.map(drop)
        }
    }
}

/// Name, phone, `phone_hash`, zone, variables, search, `phone_label`, `further_phones`, emails, `external_id`, `zone_source`.
fn values(key: &PhoneKey, data: &ContactData) -> [Arg; 11] {
    let phone = data.phone.as_ref().map(Pii::expose);
    let variables = serde_json::to_string(data.variables.expose()).expect("a map of strings is JSON");
    let emails = serde_json::to_string(&data.emails).expect("addresses are JSON");
    [
        data.name.to_arg(),
        phone.map(E164::as_str).to_arg(),
        phone.map(|number| key.hash(number)).to_arg(),
        data.zone.to_arg(),
        Arg::Text(Some(variables)),
        Arg::Text(Some(searched(data))),
        data.label.to_arg(),
        i64::try_from(data.further.len()).unwrap_or(i64::MAX).to_arg(),
        Arg::Text(Some(emails)),
        data.external_id.as_ref().map(|id| id.expose().as_str()).to_arg(),
        ZoneOrigin::of(data.zone.as_deref(), phone).to_arg(),
    ]
}

/// What a contact is found by, in lower case: name, numbers, addresses, the id it has elsewhere.
fn searched(data: &ContactData) -> String {
    let phone = data.phone.as_ref().map_or("", |phone| phone.expose().as_str());
    let mut search = format!("{} {phone}", data.name.expose());
    let more = data.further.iter().map(|further| further.number.expose().as_str());
    let more = more.chain(data.emails.iter().map(|email| email.address.expose().as_str()));
    for word in more.chain(data.external_id.iter().map(|id| id.expose().as_str())) {
        write!(search, " {word}").expect("a string takes everything");
    }
    search.to_lowercase()
}
