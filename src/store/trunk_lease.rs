//! Who keeps which account with a carrier: registers there, and asks its servers by OPTIONS. One node for each, by a lease
//! that another one takes over when it has run out.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Db, StoreError, Tx};
use crate::args;
use crate::id::NodeId;

/// How long a lease lasts from when it was last renewed.
pub const LEASE: Duration = Duration::from_secs(14);

/// Renews what the node keeps of these accounts, takes over what nobody keeps, and gives back what is not wanted any more.
/// Returns the accounts that are the node's from now on for [`LEASE`].
///
/// # Errors
/// When the database fails: what the node has kept so far it keeps until its lease runs out.
pub async fn keep(db: &Db, node: NodeId, wanted: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
    let mut tx = db.begin_brief().await?;
    let now = tx.now().await?;
    let until = now + LEASE;
    let leases = all(&mut tx).await?;
    let mut kept = BTreeSet::new();
    for lease in leases.iter().filter(|lease| lease.node == node && !wanted.contains(&lease.account)) {
        let sql = "DELETE FROM trunk_lease WHERE account = $1 AND node_id = $2";
        tx.execute(sql, args![lease.account, node]).await?;
    }
    // One that has run out is still ours while nobody has taken it: under its row's lock it is ours or not.
    if leases.iter().any(|lease| lease.node == node && wanted.contains(&lease.account)) {
        tx.execute("UPDATE trunk_lease SET lease_until = $2 WHERE node_id = $1", args![node, until]).await?;
        let sql = "SELECT account, node_id, lease_until FROM trunk_lease WHERE node_id = $1";
        for row in tx.all(sql, args![node]).await? {
            kept.insert(row.get::<String>("account")?);
        }
    }
    let others =
        |account: &str| leases.iter().any(|lease| lease.account == account && lease.node != node && now < lease.until);
    for account in wanted.iter().filter(|account| !others(account.as_str())) {
        if kept.contains(account) {
            continue;
        }
        // Of two that try at one time the second waits for the first, and finds a lease that lasts.
        let sql = "INSERT INTO trunk_lease (account, node_id, lease_until) VALUES ($1, $2, $3) \
                   ON CONFLICT (account) DO UPDATE SET node_id = excluded.node_id, lease_until = excluded.lease_until \
                   WHERE trunk_lease.lease_until <= $4";
        if tx.execute(sql, args![account, node, until, now]).await? > 0 {
            kept.insert(account.clone());
        }
    }
    tx.commit().await?;
    kept.retain(|account| wanted.contains(account));
    Ok(kept)
}

/// Gives back all that a node keeps: another one need not wait.
///
/// # Errors
/// When the database fails.
pub async fn give_back(db: &Db, node: NodeId) -> Result<(), StoreError> {
    let mut tx = db.begin_brief().await?;
    tx.execute("DELETE FROM trunk_lease WHERE node_id = $1", args![node]).await?;
    tx.commit().await
}

/// A lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The account.
    pub account: String,
    /// Who keeps it.
    pub node: NodeId,
    /// Until when, unless it is renewed.
    pub until: Timestamp,
}

/// Who keeps an account now; none when nobody does.
///
/// # Errors
/// When the database fails.
pub async fn of(tx: &mut Tx, account: &str) -> Result<Option<Lease>, StoreError> {
    let now = tx.now().await?;
    Ok(all(tx).await?.into_iter().find(|lease| lease.account == account && now < lease.until))
}

async fn all(tx: &mut Tx) -> Result<Vec<Lease>, StoreError> {
    let rows = tx.all("SELECT account, node_id, lease_until FROM trunk_lease ORDER BY account", vec![]).await?;
    let read = |row: &super::db::Row| {
        Ok(Lease { account: row.get("account")?, node: row.get("node_id")?, until: row.get("lease_until")? })
    };
    rows.iter().map(read).collect()
}
