//! Undoing what was done to many.

use serde_json::json;

use super::{BATCH, Bulk, BulkState, Outcome, Snapshot, is_over, moved_on, snapshot};
use crate::args;
use crate::campaign::states::TargetState;
use crate::id::TargetId;
use crate::store::audit::{self, Actor};
use crate::store::{StoreError, Tx, Wake, campaign};

/// Why it cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUndo {
    /// It is not finished, or has been undone.
    #[error("it is {0}: what is done can be undone, once")]
    State(BulkState),
    /// Too much time has passed.
    #[error("it can be undone within an hour: do the opposite instead")]
    TooLate,
    /// The campaign is over.
    #[error("the campaign is over: its contacts stay as they are")]
    Over,
    /// The calls may have been placed.
    #[error("calls that were asked for cannot be taken back: suspend the contacts instead")]
    Called,
}

/// Writes down that it is to be undone; [`step()`](super::step()) does it. Contacts to whom something has happened since stay
/// as they are.
///
/// # Errors
/// When the database fails. The inner error when it cannot be undone.
pub async fn undo(tx: &mut Tx, bulk: &Bulk, actor: &Actor) -> Result<Result<(), NoUndo>, StoreError> {
    const SQL: &str = "UPDATE bulk SET state = 'undoing', cursor_id = '', actor = $2 WHERE id = $1 AND state = 'done'";
    if bulk.order.act == super::BulkAct::Call {
        return Ok(Err(NoUndo::Called));
    }
    if bulk.state != BulkState::Done {
        return Ok(Err(NoUndo::State(bulk.state)));
    }
    let now = tx.now().await?;
    if bulk.undo_until.is_none_or(|until| until < now) {
        return Ok(Err(NoUndo::TooLate));
    }
    if is_over(tx, bulk.org, bulk.campaign).await? {
        return Ok(Err(NoUndo::Over));
    }
    if tx.execute(SQL, args![bulk.id, actor.to_string()]).await? == 0 {
        return Err(StoreError::Stale);
    }
    let detail = json!({ "bulk": bulk.id, "act": bulk.order.act });
    let subject = ("campaign", bulk.campaign.to_string());
    audit::write(tx, bulk.org, actor, "campaign.bulk_undo", subject, detail).await?;
    tx.wake(Wake::Campaigns);
    Ok(Ok(()))
}

/// Undoes the next piece. Returns whether there is more.
pub(super) async fn step(tx: &mut Tx, bulk: &Bulk, over: bool) -> Result<bool, StoreError> {
    const SOME: &str = "SELECT target_id, was, became FROM bulk_item WHERE bulk_id = $1 AND outcome = 'changed' \
                        AND target_id > $2 ORDER BY target_id LIMIT $3";
    const TOLD: &str = "UPDATE bulk_item SET outcome = $3, reason = $4 WHERE bulk_id = $1 AND target_id = $2";
    let rows = if over { Vec::new() } else { tx.all(SOME, args![bulk.id, bulk.cursor, BATCH as i64]).await? };
    let mut cursor = bulk.cursor.clone();
    for row in &rows {
        let target: TargetId = row.get("target_id")?;
        let taken = |column| -> Result<Snapshot, StoreError> {
            let value: serde_json::Value = row.get(column)?;
            serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column })
        };
        let (was, became) = (taken("was")?, taken("became")?);
        let restored = match snapshot(tx, bulk.campaign, target).await? {
            Some((now, _)) if untouched(&became, &now) => {
                restore(tx, bulk, target, &was, &now).await?;
                true
            }
            Some(_) | None => false,
        };
        let (outcome, reason) = if restored {
            (Outcome::Restored, None)
        } else {
            (Outcome::Kept, Some("something else has happened to the contact since"))
        };
        tx.execute(TOLD, args![bulk.id, target, outcome, reason]).await?;
        cursor = target.to_string();
    }
    let more = rows.len() == BATCH;
    moved_on(tx, bulk.id, &cursor, (!more).then_some(BulkState::Undone)).await?;
    tx.wake(Wake::Targets(bulk.campaign));
    Ok(more)
}

/// Whether nothing has happened to a target that was left like this, but for its turn coming near.
fn untouched(left: &Snapshot, now: &Snapshot) -> bool {
    let waits = |state| matches!(state, TargetState::Waiting | TargetState::Ready);
    let same_state = left.status == now.status || (waits(left.status) && waits(now.status));
    let rest =
        |taken: &Snapshot| (taken.hold.clone(), taken.round, taken.dials, taken.base_priority, taken.callback_at);
    same_state && rest(left) == rest(now)
}

async fn restore(tx: &mut Tx, bulk: &Bulk, target: TargetId, was: &Snapshot, now: &Snapshot) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE target SET status = $2, hold = $3, held_by = $4, round = $5, dials = $6, run_seq = $7, \
                       next_at = $8, callback_at = $9, callback_asked_at = $10, callback_missed_at = $11, priority = $12, \
                       base_priority = $13, blocked_reason = $14, updated_at = $15, opens_at = $16 WHERE id = $1";
    // Whoever was ready becomes so again when its turn is looked at; a live call stays live.
    let waits_again = was.status == TargetState::Ready && now.status != TargetState::Ready;
    let status = if waits_again { TargetState::Waiting } else { was.status };
    // A run may have opened its round meanwhile: whoever still waits is in it.
    let round = campaign::round_no(tx, bulk.campaign).await?;
    let run_seq = if status.is_final() { was.run_seq } else { round.max(was.run_seq) };
    let mut values = args![target, status, was.hold, was.held_by, was.round, was.dials, run_seq, was.next_at];
    values.extend(args![was.callback_at, was.callback_asked_at, was.callback_missed_at, was.priority]);
    values.extend(args![was.base_priority, was.blocked_reason, tx.now().await?, was.opens_at]);
    tx.execute(SQL, values).await?;
    let detail = json!({ "campaign": bulk.campaign, "from": now.status, "to": status, "bulk": bulk.id });
    audit::write(tx, bulk.org, &bulk.actor, "target.undo", ("target", target.to_string()), detail).await
}
