//! What a dead process left behind: claims go back to the queue, legs that may still ring or talk are ended.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Shared;
use crate::dialer::engine::Input;
use crate::id::{LegId, NodeId};
use crate::store::StoreError;
use crate::store::db::Kind;
use crate::store::dialing::{Dialing, Node, Orphan};
use crate::trunk::plan::{leg_key, orphan};

use callwright_sip::endpoint::RecoveryOutcome;

/// Takes over, at the start, what is provably left alone: on SQLite everything, because its lock admits one process; on
/// PostgreSQL what the processes before us on this data folder held. Others' leases have to run out first.
pub(super) async fn at_start(dialing: &Dialing, node: &Node, predecessors: &[NodeId]) -> Result<(), StoreError> {
    let reaped = match dialing.db().kind() {
        Kind::Sqlite => dialing.recover_alone(node).await?,
        Kind::Postgres => dialing.recover_from(predecessors).await?,
    };
    if !reaped.is_empty() {
        tracing::warn!(
            claims = reaped.released,
            unknown = reaped.unknown,
            "took over from a process that ended suddenly"
        );
    }
    Ok(())
}

impl Shared {
    /// Settles attempts of nodes whose lease has run out, and ends their legs.
    pub(super) async fn reap(self: &Arc<Self>) -> Result<Input, StoreError> {
        while !self.dialing.reap().await?.is_empty() {}
        self.end_orphans().await;
        Ok(Input::Reaped)
    }

    /// Begins to end all orphan legs; each is waited for in a task of its own.
    pub(super) async fn end_orphans(self: &Arc<Self>) {
        match self.dialing.orphans(&self.node()).await {
            Ok(orphans) => {
                for orphan in orphans {
                    // One that takes longer than our hold on it is found again while we are still at it.
                    if self.ending().insert(orphan.leg) {
                        tokio::spawn(Arc::clone(self).end_orphan(orphan));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "orphan legs cannot be read; they are looked for again"),
        }
    }

    async fn end_orphan(self: Arc<Self>, left: Orphan) {
        let leg = left.leg;
        match self.try_to_end(left).await {
            Ok(true) => {
                if let Err(error) = self.dialing.orphan_ended(leg).await {
                    tracing::warn!(%leg, %error, "an orphan leg is over, but its channel stays taken until it times out");
                }
            }
            Ok(false) => {
                tracing::warn!(%leg, "nobody answers for an orphan leg; its channel is taken until it times out")
            }
            Err(error) => tracing::warn!(%leg, "an orphan leg cannot be ended: {error:#}"),
        }
        self.ending().remove(&leg);
    }

    fn ending(&self) -> MutexGuard<'_, BTreeSet<LegId>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends CANCEL or BYE; whether the far end said that it is over.
    async fn try_to_end(&self, left: Orphan) -> anyhow::Result<bool> {
        let credentials = self.trunks.credentials(left.trunk).await?;
        let key = leg_key(&self.parts.secret, left.leg);
        let dialog = left.dialog.map(|dialog| dialog.to_string());
        let orphan = orphan(key, credentials, &left.invite.to_string(), dialog.as_deref(), left.answered)?;
        Ok(match self.parts.calls.recover(orphan).await? {
            RecoveryOutcome::Released | RecoveryOutcome::HungUp | RecoveryOutcome::Unknown => true,
            RecoveryOutcome::Silent => false,
        })
    }
}
