//! What is left behind by nodes that are gone: claims go back to the queue, dials become UNKNOWN and their legs are
//! ended by somebody else before their channels are free.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::finish::not_placed;
use super::node::{Node, forgotten_after};
use super::{Dialing, inbound, seconds, transfer};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::AttemptState;
use crate::id::{AttemptId, LegId, NodeId, TargetId, TrunkId};
use crate::store::{StoreError, Tx, Wake};

/// What one round of the reaper did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Claims given back: they were never sent.
    pub released: u32,
    /// Dials whose outcome cannot be known.
    pub unknown: u32,
    /// Channels freed because an orphan leg must have ended by itself.
    pub freed: u32,
    /// Second legs of transfers that nobody sees to any more: orphans now.
    pub transfers: u32,
    /// Calls that had come in to lost nodes: they count no more.
    pub inbound: u32,
}

impl Reaped {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.released == 0 && self.unknown == 0 && self.freed == 0 && self.transfers == 0 && self.inbound == 0
    }
}

/// A leg that a lost node left behind: send CANCEL while it was not answered, BYE when it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan {
    /// The leg: its Call-ID and tags derive from this id.
    pub leg: LegId,
    /// Its attempt; the second leg of a transfer may have none.
    pub attempt: Option<AttemptId>,
    /// Its trunk.
    pub trunk: TrunkId,
    /// Whether it was answered.
    pub answered: bool,
    /// The INVITE, as given to [`commit_dial`](Dialing::commit_dial).
    pub invite: Value,
    /// The dialog, as given to [`progress`](Dialing::progress).
    pub dialog: Option<Value>,
    /// When its channel is free even if nobody answers.
    pub free_at: Timestamp,
}

/// Attempts looked at in one transaction.
const BATCH: i64 = 200;
/// An INVITE that nobody answers is over this long after the phone stopped ringing: timer B.
const TIMER_B: Duration = Duration::from_secs(32);
/// A live attempt of a living node that is this much older than the longest call was forgotten by it.
const FORGOTTEN: Duration = Duration::from_secs(300);

impl Dialing {
    /// Looks for attempts whose lease has run out. Claims become NOT_PLACED and their targets READY again: those dials
    /// were never sent. Anything further becomes UNKNOWN, its legs orphans. Call again while it finds something.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reap(&self) -> Result<Reaped, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let mut reaped = Reaped::default();
        for lost in lost_attempts(&mut tx, now).await? {
            if lost.state == AttemptState::Claimed {
                not_placed(&mut tx, lost.id, lost.target, DisconnectionReason::NodeLost, None, now).await?;
                reaped.released += 1;
            } else {
                self.lose(&mut tx, lost.id, &lost.node).await?;
                orphan_legs(&mut tx, &lost, now).await?;
                reaped.unknown += 1;
            }
        }
        reaped.transfers = transfer::orphan_transfers(&mut tx, now, TIMER_B, FORGOTTEN, BATCH).await?;
        reaped.freed = free_overdue(&mut tx, now).await?;
        reaped.inbound = inbound::reap(&mut tx, now).await?;
        let old = "DELETE FROM node WHERE lease_until < $1";
        tx.execute(old, args![now.as_microsecond() - forgotten_after()]).await?;
        if !reaped.is_empty() {
            tx.wake(Wake::Room);
        }
        tx.commit().await?;
        Ok(reaped)
    }

    /// For the start of a server that is alone with its database (SQLite, whose lock file says so): whatever other
    /// nodes left behind is lost, without waiting for their leases. Returns what was found; the orphan legs are then
    /// to be had from [`orphans`](Self::orphans), also those that another node was about to end when it ended itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover_alone(&self, node: &Node) -> Result<Reaped, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let sql = "UPDATE node SET lease_until = $2 WHERE id <> $1 AND lease_until > $2";
        tx.execute(sql, args![node.id, now]).await?;
        let orphans = "UPDATE leg SET recovery_until = NULL WHERE state = 'orphan' AND recovered_by <> $1";
        tx.execute(orphans, args![node.id]).await?;
        tx.commit().await?;
        self.reap_all().await
    }

    /// For the start of a server that takes the place of other nodes and can prove that their processes have ended: what
    /// they left behind is lost, without waiting for their leases. Orphan legs as with
    /// [`recover_alone`](Self::recover_alone).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover_from(&self, predecessors: &[NodeId]) -> Result<Reaped, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        for predecessor in predecessors {
            let sql = "UPDATE node SET lease_until = $2 WHERE id = $1 AND lease_until > $2";
            tx.execute(sql, args![*predecessor, now]).await?;
            let orphans = "UPDATE leg SET recovery_until = NULL WHERE state = 'orphan' AND recovered_by = $1";
            tx.execute(orphans, args![*predecessor]).await?;
        }
        tx.commit().await?;
        self.reap_all().await
    }

    async fn reap_all(&self) -> Result<Reaped, StoreError> {
        let mut all = Reaped::default();
        loop {
            let reaped = self.reap().await?;
            if reaped.is_empty() {
                return Ok(all);
            }
            all.released += reaped.released;
            all.unknown += reaped.unknown;
            all.freed += reaped.freed;
            all.transfers += reaped.transfers;
            all.inbound += reaped.inbound;
        }
    }

    /// Takes orphan legs to end them; for the length of a lease nobody else gets them. At most 200.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn orphans(&self, node: &Node) -> Result<Vec<Orphan>, StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let sql = tx.pick(
            "SELECT id, attempt_id, trunk_id, answered_at, invite, dialog, free_at FROM leg \
             WHERE state = 'orphan' AND (recovery_until IS NULL OR recovery_until <= $1) ORDER BY free_at LIMIT $2",
            "SELECT id, attempt_id, trunk_id, answered_at, invite, dialog, free_at FROM leg \
             WHERE state = 'orphan' AND (recovery_until IS NULL OR recovery_until <= $1) ORDER BY free_at LIMIT $2 \
             FOR UPDATE SKIP LOCKED",
        );
        let mut orphans = Vec::new();
        for row in tx.all(sql, args![now, BATCH]).await? {
            let answered_at: Option<Timestamp> = row.get("answered_at")?;
            let orphan = Orphan {
                leg: row.get("id")?,
                attempt: row.get("attempt_id")?,
                trunk: row.get("trunk_id")?,
                answered: answered_at.is_some(),
                invite: row.get("invite")?,
                dialog: row.get("dialog")?,
                free_at: row.get("free_at")?,
            };
            let take = "UPDATE leg SET recovered_by = $2, recovery_until = $3 WHERE id = $1";
            tx.execute(take, args![orphan.leg, node.id, now + self.lease]).await?;
            orphans.push(orphan);
        }
        tx.commit().await?;
        Ok(orphans)
    }

    /// The far end has confirmed that an orphan leg is over (200, 481 or 487): its channel is free.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn orphan_ended(&self, leg: LegId) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let sql = "UPDATE leg SET state = 'ended', ended_at = $2 WHERE id = $1 AND state = 'orphan'";
        if tx.execute(sql, args![leg, now]).await? > 0 {
            free_attempts(&mut tx).await?;
            tx.wake(Wake::Room);
        }
        tx.commit().await
    }
}

struct Lost {
    id: AttemptId,
    target: TargetId,
    node: Node,
    state: AttemptState,
    ring_timeout: Duration,
    max_duration: Duration,
}

async fn lost_attempts(tx: &mut Tx, now: Timestamp) -> Result<Vec<Lost>, StoreError> {
    // UNKNOWN attempts are live until their legs are ended, but lost already.
    let sql = tx.pick(
        "SELECT a.id, a.target_id, a.node_id, a.epoch, a.state, a.ring_timeout_s, a.max_call_duration_s \
         FROM attempt a LEFT JOIN node n ON n.id = a.node_id AND n.epoch = a.epoch \
         WHERE a.live AND a.state <> 'unknown' AND (n.id IS NULL OR n.lease_until <= $1 \
         OR (a.state = 'claimed' AND a.lease_until <= $1) \
         OR a.dialing_at < $1 - (a.ring_timeout_s + a.max_call_duration_s) * 1000000 - $2) LIMIT $3",
        "SELECT a.id, a.target_id, a.node_id, a.epoch, a.state, a.ring_timeout_s, a.max_call_duration_s \
         FROM attempt a LEFT JOIN node n ON n.id = a.node_id AND n.epoch = a.epoch \
         WHERE a.live AND a.state <> 'unknown' AND (n.id IS NULL OR n.lease_until <= $1 \
         OR (a.state = 'claimed' AND a.lease_until <= $1) \
         OR a.dialing_at < $1 - (a.ring_timeout_s + a.max_call_duration_s) * 1000000 - $2) LIMIT $3 \
         FOR UPDATE OF a SKIP LOCKED",
    );
    let rows = tx.all(sql, args![now, super::micros(FORGOTTEN), BATCH]).await?;
    rows.iter()
        .map(|row| {
            let node = Node { id: row.get("node_id")?, epoch: row.get("epoch")?, lease_until: now };
            Ok(Lost {
                id: row.get("id")?,
                target: row.get("target_id")?,
                node,
                state: row.get("state")?,
                ring_timeout: seconds(row.get("ring_timeout_s")?),
                max_duration: seconds(row.get("max_call_duration_s")?),
            })
        })
        .collect()
}

async fn orphan_legs(tx: &mut Tx, lost: &Lost, now: Timestamp) -> Result<(), StoreError> {
    let legs = "SELECT id, sent_at, answered_at FROM leg WHERE attempt_id = $1 AND ended_at IS NULL AND NOT transfer";
    for row in tx.all(legs, args![lost.id]).await? {
        let (leg, sent): (LegId, Timestamp) = (row.get("id")?, row.get("sent_at")?);
        let answered: Option<Timestamp> = row.get("answered_at")?;
        let free_at = match answered {
            Some(answered) => answered + lost.max_duration,
            None => sent + lost.ring_timeout + TIMER_B,
        };
        let sql = "UPDATE leg SET state = 'orphan', free_at = $2 WHERE id = $1";
        tx.execute(sql, args![leg, free_at.max(now)]).await?;
    }
    Ok(())
}

async fn free_overdue(tx: &mut Tx, now: Timestamp) -> Result<u32, StoreError> {
    // The second leg of a transfer holds a channel of its own, those of attempts hold their attempts'.
    let sql = "UPDATE leg SET state = 'ended', ended_at = $1 WHERE state = 'orphan' AND free_at <= $1 AND transfer";
    let transfers = tx.execute(sql, args![now]).await?;
    let sql = "UPDATE leg SET state = 'ended', ended_at = $1 WHERE state = 'orphan' AND free_at <= $1";
    tx.execute(sql, args![now]).await?;
    Ok(free_attempts(tx).await?.saturating_add(u32::try_from(transfers).unwrap_or(u32::MAX)))
}

/// Frees the channels of unknown attempts that have no orphan leg any more.
async fn free_attempts(tx: &mut Tx) -> Result<u32, StoreError> {
    let sql = "UPDATE attempt SET live = $1 WHERE live AND state = 'unknown' \
               AND NOT EXISTS (SELECT 1 FROM leg WHERE leg.attempt_id = attempt.id AND leg.state = 'orphan' \
               AND NOT leg.transfer)";
    let freed = tx.execute(sql, args![false]).await?;
    Ok(u32::try_from(freed).unwrap_or(u32::MAX))
}
