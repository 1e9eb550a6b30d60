//! Records of consent: who agreed to be called, how, when, with what proof, and whether it was withdrawn.

use jiff::Timestamp;
use serde_json::json;

use super::audit::{self, Actor};
use super::db::Row;
use super::org::PhoneHash;
use super::{StoreError, Tx, target};
use crate::args;
use crate::id::{ConsentId, OrgId};
use crate::pii::Pii;

/// Whether valid consent is on record for a number, as a column of a statement: how many records.
macro_rules! consents {
    ($hash:literal, $org:literal, $now:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM consent cn WHERE cn.org_id = ",
            $org,
            " AND cn.phone_hash = ",
            $hash,
            " AND cn.withdrawn_at IS NULL AND cn.given_at <= ",
            $now,
            " AND (cn.valid_until IS NULL OR cn.valid_until > ",
            $now,
            "))"
        )
    };
}

pub(in crate::store) use consents;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Its id.
    pub id: ConsentId,
    /// What was recorded.
    pub data: ConsentData,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
    /// When it was written down.
    pub recorded_at: Timestamp,
}

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentData {
    /// How it was given.
    pub source: String,
    /// When.
    pub given_at: Timestamp,
    /// The words agreed to, or where the proof lies.
    pub proof: Pii<String>,
    /// SHA-256 of the proof, hexadecimal.
    pub proof_hash: String,
    /// Until when it counts.
    pub valid_until: Option<Timestamp>,
}

const SELECT: &str = "SELECT id, source, given_at, proof, proof_hash, valid_until, withdrawn_at, recorded_at FROM consent \
                      WHERE org_id = $1";

/// Writes a record down. Whoever was blocked for the want of it goes through the gate again.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    number: &PhoneHash,
    data: ConsentData,
) -> Result<Consent, StoreError> {
    let (id, now) = (ConsentId::generate(), tx.now().await?);
    tx.execute(
        "INSERT INTO consent (id, org_id, phone_hash, source, given_at, proof, proof_hash, valid_until, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![id, org, number, data.source, data.given_at, data.proof, data.proof_hash, data.valid_until, now],
    )
    .await?;
    target::mend_consent(tx, org, number).await?;
    let detail = json!({ "source": data.source, "given_at": data.given_at, "proof_hash": data.proof_hash });
    audit::write(tx, org, actor, "consent.record", ("consent", id.to_string()), detail).await?;
    Ok(Consent { id, data, withdrawn_at: None, recorded_at: now })
}

/// The records of a number, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_number(tx: &mut Tx, org: OrgId, number: &PhoneHash) -> Result<Vec<Consent>, StoreError> {
    let sql = format!("{SELECT} AND phone_hash = $2 ORDER BY id LIMIT 1000");
    tx.all_built(sql, args![org, number]).await?.iter().map(read).collect()
}

/// Withdraws a record: from now on it counts no longer. Withdrawn again it stays as it was.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn withdraw(tx: &mut Tx, org: OrgId, actor: &Actor, id: ConsentId) -> Result<Consent, StoreError> {
    let now = tx.now().await?;
    let sql = "UPDATE consent SET withdrawn_at = $3 WHERE org_id = $1 AND id = $2 AND withdrawn_at IS NULL";
    if tx.execute(sql, args![org, id, now]).await? > 0 {
        audit::write(tx, org, actor, "consent.withdraw", ("consent", id.to_string()), json!({})).await?;
    }
    let rows = tx.all_built(format!("{SELECT} AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

fn read(row: &Row) -> Result<Consent, StoreError> {
    let data = ConsentData {
        source: row.get("source")?,
        given_at: row.get("given_at")?,
        proof: row.get("proof")?,
        proof_hash: row.get("proof_hash")?,
        valid_until: row.get("valid_until")?,
    };
    Ok(Consent {
        id: row.get("id")?,
        data,
        withdrawn_at: row.get("withdrawn_at")?,
        recorded_at: row.get("recorded_at")?,
    })
}
