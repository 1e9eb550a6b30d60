//! The breakers of trunks, each in its limiter's row: what one node meets, all nodes know.

use std::time::Duration;

use jiff::Timestamp;

use super::{Dialing, limits};
use crate::args;
use crate::dialer::pacing::Scope;
use crate::id::TrunkId;
use crate::store::db::Row;
use crate::store::{Db, StoreError, Tx, Wake};
use crate::trunk::breaker::{Breaker, BreakerCause, News, Seen};

/// The breaker of a trunk as it stands; one at rest when none is kept.
///
/// # Errors
/// When the database fails.
pub async fn read(tx: &mut Tx, trunk: TrunkId) -> Result<Breaker, StoreError> {
    let sql = "SELECT breaker FROM limiter WHERE scope = $1 AND scope_id = $2";
    let row = tx.optional(sql, args![Scope::Trunk, trunk.to_string()]).await?;
    row.as_ref().map_or_else(|| Ok(Breaker::default()), of_row)
}

/// Closes a trunk's breaker and forgets what had opened it: a person has mended the trunk.
///
/// # Errors
/// When the database fails.
pub async fn reset(tx: &mut Tx, trunk: TrunkId) -> Result<(), StoreError> {
    let sql = "UPDATE limiter SET breaker = NULL WHERE scope = $1 AND scope_id = $2";
    tx.execute(sql, args![Scope::Trunk, trunk.to_string()]).await?;
    tx.wake(Wake::Campaigns);
    Ok(())
}

/// Leaves a trunk alone for so long that was found to be down by other means than a dial.
///
/// # Errors
/// When the database fails.
pub async fn hold(db: &Db, trunk: TrunkId, cause: BreakerCause, span: Duration) -> Result<(), StoreError> {
    change(db, trunk, |breaker, now| breaker.hold(now, cause, now + span)).await.map(drop)
}

/// Lets one call try a trunk that [`hold`] had found to be down, now.
///
/// # Errors
/// When the database fails.
pub async fn release(db: &Db, trunk: TrunkId) -> Result<(), StoreError> {
    change(db, trunk, Breaker::release).await.map(drop)
}

impl Dialing {
    /// Keeps what a dial over a trunk has come to; the breaker as it was before and as it is now, when it has changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn observe_trunk(&self, trunk: TrunkId, seen: &Seen) -> Result<Option<(Breaker, Breaker)>, StoreError> {
        if seen.news == News::Fine {
            // What nearly every dial comes to changes nothing: it costs one look without a lock.
            let mut tx = self.db.read().await?;
            if read(&mut tx, trunk).await? == Breaker::default() {
                return Ok(None);
            }
        }
        change(&self.db, trunk, |breaker, now| breaker.observe(now, seen)).await
    }

    /// The call that was to try a trunk was not sent: another one may. `by` is what the claim was named by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw_trial(&self, trunk: TrunkId, by: &str) -> Result<(), StoreError> {
        change(&self.db, trunk, |breaker, _| breaker.withdraw(by)).await.map(drop)
    }
}

async fn change(
    db: &Db,
    trunk: TrunkId,
    change: impl FnOnce(&mut Breaker, Timestamp),
) -> Result<Option<(Breaker, Breaker)>, StoreError> {
    let mut tx = db.begin_brief().await?;
    let id = trunk.to_string();
    let before = limits::lock_one(&mut tx, Scope::Trunk, &id).await?.breaker;
    let now = tx.now().await?;
    let mut breaker = before.clone();
    change(&mut breaker, now);
    if breaker == before {
        return Ok(None);
    }
    write(&mut tx, &id, &breaker, now).await?;
    if breaker.shut(now) != before.shut(now) {
        // Whoever waits for the trunk, also until a time that is set, asks again.
        tx.wake(Wake::Campaigns);
    }
    tx.commit().await?;
    Ok(Some((before, breaker)))
}

pub(super) fn of_row(row: &Row) -> Result<Breaker, StoreError> {
    match row.get::<Option<String>>("breaker")? {
        Some(text) => serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { column: "breaker" }),
        None => Ok(Breaker::default()),
    }
}

/// Writes a breaker whose row this transaction has locked.
pub(super) async fn write(tx: &mut Tx, trunk: &str, breaker: &Breaker, now: Timestamp) -> Result<(), StoreError> {
    let text = (!breaker.is_at_rest(now)).then(|| serde_json::to_string(breaker).expect("a breaker is JSON"));
    let sql = "UPDATE limiter SET breaker = $3 WHERE scope = $1 AND scope_id = $2";
    tx.execute(sql, args![Scope::Trunk, trunk, text]).await?;
    Ok(())
}
