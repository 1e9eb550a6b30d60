//! Nodes and their leases: who may dial, and whose attempts are lost.

use jiff::Timestamp;

use super::{Dialing, micros, one_row};
use crate::args;
use crate::id::NodeId;
use crate::store::{StoreError, Tx};

/// One process, from its start or the loss of its lease until its lease runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Higher than that of every node before it. What it writes is compared with it.
    pub epoch: i64,
    /// When its lease ends on the database's clock.
    pub lease_until: Timestamp,
}

impl Dialing {
    /// Enters a process as a node with a fresh lease. One that is a node already, and has lost its lease, gets a new
    /// epoch: what it held in the old one is lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register(&self, id: NodeId) -> Result<Node, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        // One at a time, or two nodes would find the same highest epoch.
        let lock = tx.pick("SELECT 1", "LOCK TABLE node IN SHARE ROW EXCLUSIVE MODE");
        tx.execute(lock, vec![]).await?;
        let now = tx.now().await?;
        let epoch: i64 = tx.value("SELECT COALESCE(MAX(epoch), 0) + 1 AS value FROM node", vec![]).await?;
        let node = Node { id, epoch, lease_until: now + self.lease };
        let sql = "INSERT INTO node (id, epoch, started_at, lease_until) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, lease_until = excluded.lease_until";
        tx.execute(sql, args![node.id, node.epoch, now, node.lease_until]).await?;
        tx.commit().await?;
        Ok(node)
    }

    /// Makes the lease last from now on. A node that could not do so for a third of its length stops dialing.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the lease has run out: its attempts may have been given away, and the process goes
    /// on as a new node. Otherwise when the database fails.
    pub async fn renew(&self, node: &Node) -> Result<Node, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let renewed = Node { lease_until: now + self.lease, ..*node };
        let sql = "UPDATE node SET lease_until = $4 WHERE id = $1 AND epoch = $2 AND lease_until > $3";
        one_row(tx.execute(sql, args![node.id, node.epoch, now, renewed.lease_until]).await?)?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Ends the lease of a node that stops in good order and has no live attempts any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resign(&self, node: &Node) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        tx.execute("UPDATE node SET lease_until = $2 WHERE id = $1", args![node.id, now]).await?;
        tx.commit().await
    }
}

/// When the node's lease ends; none when it has gone.
pub(super) async fn lease_until(tx: &mut Tx, node: &Node) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT lease_until FROM node WHERE id = $1 AND epoch = $2";
    tx.optional(sql, args![node.id, node.epoch]).await?.map(|row| row.get("lease_until")).transpose()
}

/// Microseconds after which a node without a lease is forgotten.
pub(super) fn forgotten_after() -> i64 {
    micros(std::time::Duration::from_secs(7 * 86_400))
}
