//! What people do to contacts of a campaign.

use serde_json::json;

use crate::args;
use crate::campaign::states::TargetState;
use crate::campaign::target::{NotPossible, TargetEvent};
use crate::campaign::wire::wire_enum;
use crate::dialer::retry::Hold;
use crate::id::{CampaignId, OrgId, TargetId};
use crate::store::audit::{self, Actor};
use crate::store::{StoreError, Tx, Wake, campaign};

wire_enum! {
    /// What a person does to a contact of a campaign.
    pub enum Act is "act on a target" {
        /// Takes it in: it waits for its call.
        Approve = "approve",
        /// Refuses it: it is not called.
        Reject = "reject",
        /// Holds it, at once or when its live call has ended.
        Suspend = "suspend",
        /// Lets it go on; its callback is kept when its time is still to come.
        Resume = "resume",
        /// Takes it out, at once or when its live call has ended.
        Remove = "remove",
        /// Starts it over in a new round; its history stays, and so does what was overwritten for it.
        Restart = "restart",
    }
}

/// Carries out what a person wants, with a row in the audit log. Gives the campaign and the state the target is in now;
/// while its call is live, what is wanted waits for the call's end and the state stays.
///
/// # Errors
/// [`StoreError::NotFound`] when the target is not the organisation's, or when the database fails. The inner error when
/// its state does not allow it.
pub async fn act(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    id: TargetId,
    act: Act,
) -> Result<Result<(CampaignId, TargetState), NotPossible>, StoreError> {
    let lock = tx.pick(
        "SELECT campaign_id, status, hold, callback_at FROM target WHERE org_id = $1 AND id = $2",
        "SELECT campaign_id, status, hold, callback_at FROM target WHERE org_id = $1 AND id = $2 FOR UPDATE",
    );
    let row = tx.one(lock, args![org, id]).await?;
    let (campaign, state): (CampaignId, TargetState) = (row.get("campaign_id")?, row.get("status")?);
    let hold: Option<Hold> = row.get("hold")?;
    let callback: Option<jiff::Timestamp> = row.get("callback_at")?;
    let now = tx.now().await?;
    let next = match (state, act) {
        (TargetState::InProgress, Act::Suspend | Act::Remove | Act::Resume) => {
            let hold = match act {
                Act::Suspend => Some(Hold::Suspend),
                Act::Remove => Some(Hold::Remove),
                Act::Approve | Act::Reject | Act::Resume | Act::Restart => None,
            };
            tx.execute("UPDATE target SET hold = $2, updated_at = $3 WHERE id = $1", args![id, hold, now]).await?;
            state
        }
        (_, Act::Resume) => {
            let event =
                if callback.is_some_and(|at| at > now) { TargetEvent::ResumeCallback } else { TargetEvent::Resume };
            match event.apply(state) {
                Ok(next) => next,
                Err(refused) => return Ok(Err(refused)),
            }
        }
        (_, Act::Approve | Act::Reject | Act::Suspend | Act::Remove | Act::Restart) => match event(act).apply(state) {
            Ok(next) => next,
            Err(refused) => return Ok(Err(refused)),
        },
    };
    if state != TargetState::InProgress {
        let again = "UPDATE target SET status = $2, round = round + 1, dials = 0, next_at = $3, callback_at = NULL, \
                     blocked_reason = NULL, hold = NULL, priority = base_priority, updated_at = $3, run_seq = $4, \
                     opens_at = 0, number = 0 \
                     WHERE id = $1";
        let approved = "UPDATE target SET status = $2, updated_at = $3, run_seq = $4 WHERE id = $1";
        let moved = "UPDATE target SET status = $2, hold = NULL, blocked_reason = NULL, updated_at = $3 WHERE id = $1";
        let round = campaign::round_no(tx, campaign).await?;
        match act {
            Act::Restart => tx.execute(again, args![id, next, now, round]).await?,
            Act::Approve => tx.execute(approved, args![id, next, now, round]).await?,
            Act::Reject | Act::Suspend | Act::Resume | Act::Remove => tx.execute(moved, args![id, next, now]).await?,
        };
    }
    let detail = json!({ "campaign": campaign, "from": state, "to": next, "withdrew": hold });
    let action = match act {
        Act::Approve => "target.approve",
        Act::Reject => "target.reject",
        Act::Suspend => "target.suspend",
        Act::Resume => "target.resume",
        Act::Remove => "target.remove",
        Act::Restart => "target.restart",
    };
    audit::write(tx, org, actor, action, ("target", id.to_string()), detail).await?;
    tx.wake(Wake::Targets(campaign));
    Ok(Ok((campaign, next)))
}

const fn event(act: Act) -> TargetEvent {
    match act {
        Act::Approve => TargetEvent::Approve,
        Act::Reject => TargetEvent::Reject,
        Act::Suspend => TargetEvent::Suspend,
        Act::Resume => TargetEvent::Resume,
        Act::Remove => TargetEvent::Remove,
        Act::Restart => TargetEvent::Restart,
    }
}
