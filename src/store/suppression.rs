//! Numbers that must not be called. Kept as hashes: a list of people who want to be left alone is worth stealing.

use jiff::Timestamp;

use super::db::value::text_columns;
use super::db::{Listing, Page, Row};
use super::org::PhoneHash;
use super::{StoreError, Tx, target};
use crate::args;
use crate::campaign::states::BlockedReason;
use crate::campaign::wire::wire_enum;
use crate::id::{OrgId, SuppressionId};

wire_enum! {
    /// How a number came on the list.
    pub enum SuppressionSource is "source of a suppression" {
        /// A do-not-call list was imported.
        DncList = "dnc_list",
        /// A person of the organisation entered it.
        Manual = "manual",
        /// The person called said so during a call.
        SpokenOptOut = "spoken_opt_out",
    }
}

text_columns!(SuppressionSource);

impl SuppressionSource {
    /// What the gate says about a number that may stand on the organisation's own list, and may stand on an imported one.
    #[must_use]
    pub fn strongest(source: Option<Self>, listed: bool) -> Option<BlockedReason> {
        source.map(Self::blocks).or(listed.then_some(BlockedReason::Dnc))
    }

    /// What the gate says about a number from this source.
    #[must_use]
    pub const fn blocks(self) -> BlockedReason {
        match self {
            Self::DncList | Self::Manual => BlockedReason::Dnc,
            Self::SpokenOptOut => BlockedReason::OptedOut,
        }
    }
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Its id.
    pub id: SuppressionId,
    /// The number.
    pub phone_hash: PhoneHash,
    /// Where it came from.
    pub source: SuppressionSource,
    /// For people.
    pub note: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Puts a number on the list. The transaction should be durable ([`Db::begin_durable`](super::Db::begin_durable)).
///
/// # Errors
/// [`StoreError::Conflict`] when it is on the list already, or when the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    phone_hash: &PhoneHash,
    source: SuppressionSource,
    note: &str,
) -> Result<Suppression, StoreError> {
    let created_at = tx.now().await?;
    let id = SuppressionId::generate();
    tx.execute(
        "INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        args![id, org, phone_hash, source, note, created_at],
    )
    .await?;
    Ok(Suppression { id, phone_hash: phone_hash.clone(), source, note: note.to_owned(), created_at })
}

/// The entry of a number.
///
/// # Errors
/// When the database fails.
pub async fn of_number(tx: &mut Tx, org: OrgId, phone_hash: &PhoneHash) -> Result<Option<Suppression>, StoreError> {
    const SQL: &str = "SELECT id, phone_hash, source, note, created_at FROM suppression \
                       WHERE org_id = $1 AND phone_hash = $2";
    tx.optional(SQL, args![org, phone_hash]).await?.as_ref().map(read).transpose()
}

/// The list.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    page: Page<SuppressionId>,
) -> Result<Listing<Suppression, SuppressionId>, StoreError> {
    let select = "SELECT id, phone_hash, source, note, created_at FROM suppression WHERE org_id = $1";
    tx.page(select, args![org], "id", page, read, |entry| entry.id).await
}

/// Takes a number off the list. Whoever it blocked goes through the gate again.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: SuppressionId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM suppression WHERE org_id = $1 AND id = $2 RETURNING phone_hash";
    let number: PhoneHash = tx.one(SQL, args![org, id]).await?.get("phone_hash")?;
    target::mend_number(tx, org, &number).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Suppression, StoreError> {
    Ok(Suppression {
        id: row.get("id")?,
        phone_hash: row.get("phone_hash")?,
        source: row.get("source")?,
        note: row.get("note")?,
        created_at: row.get("created_at")?,
    })
}
