//! The SIP messages of calls that are over, one row for each dialog.

use jiff::SignedDuration;

use super::db::Row;
use super::{StoreError, Tx};
use crate::args;
use crate::sight::{Of, Owner};

/// Rows that are taken away at a time.
const BATCH: i64 = 200;

/// The messages of one Call-ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Whose they are.
    pub owner: Owner,
    /// The Call-ID.
    pub call_id: String,
    /// The messages, packed.
    pub messages: Vec<u8>,
}

/// Keeps messages. Those of a call that are there already stay.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, leg: &Leg) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sip_trace (call_id, org_id, second_of, attempt_id, sip_call_id, kept_at, messages) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (call_id) DO NOTHING";
    let now = tx.now().await?;
    let Owner { org, call, attempt, second_of } = leg.owner;
    tx.execute(SQL, args![call, org, second_of, attempt, leg.call_id, now, leg.messages]).await.map(drop)
}

/// The messages of a call with its second legs, or of an attempt, in the order in which the legs began.
///
/// # Errors
/// When the database fails.
pub async fn of(tx: &mut Tx, org: crate::id::OrgId, of: Of) -> Result<Vec<Leg>, StoreError> {
    const OF_CALL: &str =
        "SELECT * FROM sip_trace WHERE org_id = $1 AND (call_id = $2 OR second_of = $2) ORDER BY call_id";
    const OF_ATTEMPT: &str = "SELECT * FROM sip_trace WHERE org_id = $1 AND attempt_id = $2 ORDER BY call_id";
    let rows = match of {
        Of::Call(call) => tx.all(OF_CALL, args![org, call]).await?,
        Of::Attempt(attempt) => tx.all(OF_ATTEMPT, args![org, attempt]).await?,
    };
    rows.iter().map(read).collect()
}

/// Takes messages away that have been kept for so long; whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx, kept: SignedDuration) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM sip_trace WHERE call_id IN \
                       (SELECT call_id FROM sip_trace WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)";
    let before = tx.now().await? - kept;
    Ok(tx.execute(SQL, args![before, BATCH]).await? == BATCH.unsigned_abs())
}

/// Whether some have been kept for so long.
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx, kept: SignedDuration) -> Result<bool, StoreError> {
    let before = tx.now().await? - kept;
    Ok(tx.optional("SELECT call_id FROM sip_trace WHERE kept_at < $1 LIMIT 1", args![before]).await?.is_some())
}

fn read(row: &Row) -> Result<Leg, StoreError> {
    let owner = Owner {
        org: row.get("org_id")?,
        call: row.get("call_id")?,
        attempt: row.get("attempt_id")?,
        second_of: row.get("second_of")?,
    };
    Ok(Leg { owner, call_id: row.get("sip_call_id")?, messages: row.get("messages")? })
}
