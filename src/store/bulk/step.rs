//! One piece of something that is done to many.

use serde_json::json as detail;

use super::{BATCH, Bulk, BulkAct, BulkState, Outcome, Pick, is_over, json, moved_on, snapshot, take, undo};
use crate::args;
use crate::campaign::states::{CampaignState, TargetState};
use crate::id::{BulkId, TargetId};
use crate::store::db::Arg;
use crate::store::dialing::now::{CallNow, call_now};
use crate::store::filter::Clause;
use crate::store::target::{self, Act};
use crate::store::{StoreError, Tx, Wake, audit, campaign};

/// Does the next piece, or undoes it. Returns whether there is more. The transaction should be durable.
///
/// # Errors
/// When the database fails.
pub async fn step(tx: &mut Tx, id: BulkId) -> Result<bool, StoreError> {
    let Some(bulk) = take(tx, id).await? else { return Ok(false) };
    let over = is_over(tx, bulk.org, bulk.campaign).await?;
    if bulk.state == BulkState::Undoing {
        return undo::step(tx, &bulk, over).await;
    }
    // Contacts of a campaign that is over stay as they are.
    let picked = if over { Vec::new() } else { next(tx, &bulk).await? };
    for &target in &picked {
        one(tx, &bulk, target).await?;
    }
    let more = picked.len() == BATCH;
    let cursor = picked.last().map_or_else(|| bulk.cursor.clone(), ToString::to_string);
    moved_on(tx, id, &cursor, (!more).then_some(BulkState::Done)).await?;
    if !more && bulk.order.start_again && bulk.order.act == BulkAct::Restart {
        let seen = campaign::get(tx, bulk.org, bulk.campaign).await?;
        if seen.state == CampaignState::Completed {
            campaign::reopen(tx, &seen, &bulk.actor).await?;
        }
    }
    tx.wake(Wake::Targets(bulk.campaign));
    Ok(more)
}

/// Those who come next.
async fn next(tx: &mut Tx, bulk: &Bulk) -> Result<Vec<TargetId>, StoreError> {
    match &bulk.order.pick {
        Pick::Ids(ids) => Ok(ids.iter().copied().filter(|id| id.to_string() > bulk.cursor).take(BATCH).collect()),
        Pick::Filter(filter) => {
            let sql = "SELECT t.id FROM target t JOIN contact c ON c.id = t.contact_id WHERE t.campaign_id = $1";
            let mut clause = Clause::new(tx, sql, args![bulk.campaign]);
            filter.add(&mut clause);
            let rows = clause.batch(tx, "t.id", &bulk.cursor, &bulk.until, BATCH as i64).await?;
            rows.iter().map(|row| row.get("id")).collect()
        }
    }
}

async fn one(tx: &mut Tx, bulk: &Bulk, target: TargetId) -> Result<(), StoreError> {
    let before = snapshot(tx, bulk.campaign, target).await?;
    let (outcome, reason) = match &before {
        None => (Outcome::NotFound, Some("the campaign has no such contact".to_owned())),
        Some((before, contact)) => match bulk.order.act {
            BulkAct::Approve => act(tx, bulk, target, Act::Approve).await?,
            BulkAct::Reject => act(tx, bulk, target, Act::Reject).await?,
            BulkAct::Suspend => act(tx, bulk, target, Act::Suspend).await?,
            BulkAct::Resume => act(tx, bulk, target, Act::Resume).await?,
            BulkAct::Remove => act(tx, bulk, target, Act::Remove).await?,
            BulkAct::Restart => act(tx, bulk, target, Act::Restart).await?,
            BulkAct::Priority => priority(tx, bulk, target, before.status).await?,
            BulkAct::Call => told(call_now(tx, bulk.org, &bulk.actor, bulk.campaign, *contact).await?),
        },
    };
    let after = match outcome {
        Outcome::Changed => snapshot(tx, bulk.campaign, target).await?,
        Outcome::Restored
        | Outcome::Kept
        | Outcome::NotFound
        | Outcome::NotAllowed
        | Outcome::Blocked
        | Outcome::NotNow
        | Outcome::Expired => None,
    };
    let mut values = args![bulk.id, target, outcome, reason];
    let column = |taken: Option<&super::Snapshot>| taken.map_or(Arg::Text(None), json);
    let was = before.as_ref().map(|(taken, _)| taken).filter(|_| after.is_some());
    values.extend([column(was), column(after.as_ref().map(|(taken, _)| taken))]);
    let sql =
        "INSERT INTO bulk_item (bulk_id, target_id, outcome, reason, was, became) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, values).await.map(drop)
}

type Told = (Outcome, Option<String>);

async fn act(tx: &mut Tx, bulk: &Bulk, target: TargetId, act: Act) -> Result<Told, StoreError> {
    Ok(match target::act(tx, bulk.org, &bulk.actor, target, act).await? {
        Ok(_) => (Outcome::Changed, None),
        Err(refused) => (Outcome::NotAllowed, Some(refused.to_string())),
    })
}

async fn priority(tx: &mut Tx, bulk: &Bulk, target: TargetId, state: TargetState) -> Result<Told, StoreError> {
    if state == TargetState::Removed {
        return Ok((Outcome::NotAllowed, Some("a target that is removed has no place in the queue".to_owned())));
    }
    // What lifts it above others for the time being (a callback, a call now) stays on top.
    let sql =
        "UPDATE target SET priority = priority - base_priority + $2, base_priority = $2, updated_at = $3 WHERE id = $1";
    let (priority, now) = (bulk.order.priority, tx.now().await?);
    tx.execute(sql, args![target, priority, now]).await?;
    let detail = detail!({ "campaign": bulk.campaign, "to": priority });
    audit::write(tx, bulk.org, &bulk.actor, "target.priority", ("target", target.to_string()), detail).await?;
    Ok((Outcome::Changed, None))
}

fn told(wish: CallNow) -> Told {
    let refused = |outcome, reason: String| (outcome, Some(reason));
    match wish {
        CallNow::Next(_) => (Outcome::Changed, None),
        CallNow::Refused(reason) => refused(Outcome::Blocked, format!("the contact may not be called: {reason}")),
        CallNow::NotBefore(_, why) => refused(Outcome::NotNow, format!("not now: {why}")),
        CallNow::Expired => refused(Outcome::Expired, "no allowed time is left in the campaign".to_owned()),
        CallNow::NotInProgress(state) => {
            refused(Outcome::NotAllowed, format!("a campaign that is {state} places no call"))
        }
        CallNow::NotPossible(why) => refused(Outcome::NotAllowed, why.to_string()),
    }
}
