//! Progress of a sent dial. Every write compares (id, epoch): what a lost node still says about an attempt that was
//! given away changes nothing.

use serde_json::Value;

use super::Dialing;
use super::node::Node;
use super::writer::Job;
use crate::args;
use crate::campaign::states::AttemptState;
use crate::id::{AttemptId, LegId};
use crate::store::{StoreError, Tx};

/// A step of a sent dial.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The attempt.
    pub attempt: AttemptId,
    /// The node that dialed it.
    pub node: Node,
    /// Its leg.
    pub leg: LegId,
    /// How far it has come.
    pub step: Step,
    /// The dialog, when there is one: what is needed to end it after a crash. Opaque here, kept as JSON.
    pub dialog: Option<Value>,
}

/// How far a sent dial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The far end rings.
    Ringing,
    /// It was answered.
    Answered,
    /// Both sides have spoken.
    InConversation,
}

impl Step {
    const fn state(self) -> AttemptState {
        match self {
            Self::Ringing => AttemptState::Ringing,
            Self::Answered => AttemptState::Answered,
            Self::InConversation => AttemptState::InConversation,
        }
    }
}

impl Dialing {
    /// Writes a step. A step that was written before only refreshes the dialog (another fork rings).
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the attempt is not this node's or is past this step; or when the database fails.
    pub async fn progress(&self, progress: &Progress) -> Result<(), StoreError> {
        self.writer.write(Job::Progress(progress.clone())).await.map(drop)
    }
}

impl Dialing {
    /// A leg goes on to another address: its INVITE there is what a crash has to end. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the attempt is not this node's or was answered already; or when the database fails.
    pub async fn redirected(
        &self,
        attempt: AttemptId,
        node: &Node,
        leg: LegId,
        invite: &Value,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief_durable().await?;
        let lock = tx.pick(
            "SELECT state FROM attempt WHERE id = $1 AND node_id = $2 AND epoch = $3",
            "SELECT state FROM attempt WHERE id = $1 AND node_id = $2 AND epoch = $3 FOR UPDATE",
        );
        let row = tx.optional(lock, args![attempt, node.id, node.epoch]).await?;
        let state: AttemptState = row.ok_or(StoreError::Stale)?.get("state")?;
        if !matches!(state, AttemptState::Dialing | AttemptState::Ringing) {
            return Err(StoreError::Stale);
        }
        let sql = "UPDATE leg SET invite = $3, dialog = NULL WHERE id = $1 AND attempt_id = $2";
        if tx.execute(sql, args![leg, attempt, *invite]).await? == 0 {
            return Err(StoreError::NotFound);
        }
        tx.commit().await
    }
}

/// The step's own part of a transaction.
pub(super) async fn write(tx: &mut Tx, progress: &Progress) -> Result<(), StoreError> {
    let lock = tx.pick(
        "SELECT state FROM attempt WHERE id = $1 AND node_id = $2 AND epoch = $3",
        "SELECT state FROM attempt WHERE id = $1 AND node_id = $2 AND epoch = $3 FOR UPDATE",
    );
    let row = tx.optional(lock, args![progress.attempt, progress.node.id, progress.node.epoch]).await?;
    let state: AttemptState = row.ok_or(StoreError::Stale)?.get("state")?;
    let next = progress.step.state();
    if state != next && !state.may_become(next) {
        return Err(StoreError::Stale);
    }
    let now = tx.now().await?;
    let (attempt, leg) = match progress.step {
        Step::Ringing => (
            "UPDATE attempt SET state = $2, ringing_at = COALESCE(ringing_at, $3) WHERE id = $1",
            "UPDATE leg SET state = 'ringing', ringing_at = COALESCE(ringing_at, $2), \
             dialog = COALESCE($3, dialog) WHERE id = $1",
        ),
        Step::Answered => (
            "UPDATE attempt SET state = $2, answered_at = COALESCE(answered_at, $3) WHERE id = $1",
            "UPDATE leg SET state = 'answered', answered_at = COALESCE(answered_at, $2), \
             dialog = COALESCE($3, dialog) WHERE id = $1",
        ),
        // Keeps the moment of the answer when that step was skipped.
        Step::InConversation => (
            "UPDATE attempt SET state = $2, answered_at = COALESCE(answered_at, $3) WHERE id = $1",
            "UPDATE leg SET answered_at = COALESCE(answered_at, $2), dialog = COALESCE($3, dialog) WHERE id = $1",
        ),
    };
    tx.execute(attempt, args![progress.attempt, next, now]).await?;
    tx.execute(leg, args![progress.leg, now, progress.dialog]).await?;
    Ok(())
}
