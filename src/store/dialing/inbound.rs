//! Calls that come in, as far as they count: each holds a channel of its organisation and of its trunk.

use super::Dialing;
use super::limits;
use super::node::{self, Node};
use crate::args;
use crate::dialer::pacing::Scope;
use crate::id::{CallId, OrgId, TrunkId};
use crate::store::{StoreError, Tx, Wake};

/// A call that has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundRequest {
    /// The call.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// The trunk it came over.
    pub trunk: TrunkId,
    /// The node that takes it.
    pub node: Node,
}

/// Whether a call may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundDoor {
    /// It counts from now on, until [`Dialing::end_inbound`].
    Open,
    /// The organisation has as many calls as it may.
    Full,
}

impl Dialing {
    /// Counts a call that has come in, if its organisation has room for it.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the node's lease has run out, or when the database fails.
    pub async fn admit_inbound(&self, request: &InboundRequest) -> Result<InboundDoor, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        limits::lock_one(&mut tx, Scope::Organisation, &request.org.to_string()).await?;
        let now = tx.now().await?;
        if node::lease_until(&mut tx, &request.node).await?.is_none_or(|until| until <= now) {
            return Err(StoreError::Stale);
        }
        let sql = "SELECT max_concurrent_calls AS value FROM org WHERE id = $1";
        let most: u32 = tx.value(sql, args![request.org]).await?;
        let (live, _) = limits::live(&mut tx, request.org, request.trunk).await?;
        if live >= most {
            return Ok(InboundDoor::Full);
        }
        insert(&mut tx, request).await?;
        tx.commit().await?;
        Ok(InboundDoor::Open)
    }

    /// Counts calls that are going on and are not counted: they came in while the database was away, or their node had
    /// lost its lease. What is up stays up, whatever the limit says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_inbound(&self, requests: &[InboundRequest]) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        for request in requests {
            insert(&mut tx, request).await?;
        }
        tx.commit().await
    }

    /// A call that came in is over: its channel is free.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_inbound(&self, call: CallId) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        tx.execute("DELETE FROM inbound_live WHERE call_id = $1", args![call]).await?;
        tx.wake(Wake::Room);
        tx.commit().await
    }
}

async fn insert(tx: &mut Tx, request: &InboundRequest) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let sql = "INSERT INTO inbound_live (call_id, org_id, trunk_id, node_id, epoch, began_at) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (call_id) DO UPDATE SET node_id = excluded.node_id, epoch = excluded.epoch";
    let InboundRequest { call, org, trunk, node } = request;
    tx.execute(sql, args![call, org, trunk, node.id, node.epoch, now]).await?;
    Ok(())
}

/// Drops the calls of lost nodes.
pub(super) async fn reap(tx: &mut Tx, now: jiff::Timestamp) -> Result<u32, StoreError> {
    let sql = "DELETE FROM inbound_live WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = inbound_live.node_id \
               AND node.epoch = inbound_live.epoch AND node.lease_until > $1)";
    let dropped = tx.execute(sql, args![now]).await?;
    Ok(u32::try_from(dropped).unwrap_or(u32::MAX))
}
