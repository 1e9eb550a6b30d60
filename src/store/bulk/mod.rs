//! What people do to many contacts of a campaign at once, and its undoing.
//!
//! It is written down before anything is done, and then done in pieces of [`BATCH`] targets, each a transaction that also
//! moves the cursor: whoever dies in between leaves the rest to the next node, and nothing is done twice.

mod step;
mod undo;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::audit::{self, Actor};
use super::db::value::text_columns;
use super::db::{Row, ToArg};
use super::filter::{Clause, Cursor, Sheet, TargetFilter};
use super::{Listing, StoreError, Tx, Wake, campaign};
use crate::args;
use crate::campaign::states::CampaignState;
use crate::campaign::wire::wire_enum;
use crate::id::{BulkId, CampaignId, OrgId, TargetId};

pub use step::step;
pub use undo::{NoUndo, undo};

/// Targets that one transaction looks at.
pub const BATCH: usize = 500;
/// How long it can be undone.
pub const UNDO: SignedDuration = SignedDuration::from_hours(1);
/// How long it is told what came of it.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

wire_enum! {
    /// What is done to each contact.
    pub enum BulkAct is "act" {
        /// Takes it in: it waits for its call.
        Approve = "approve",
        /// Refuses it: it is not called.
        Reject = "reject",
        /// Holds it.
        Suspend = "suspend",
        /// Lets it go on.
        Resume = "resume",
        /// Takes it out.
        Remove = "remove",
        /// Starts it over in a new round.
        Restart = "restart",
        /// Moves it before or behind others.
        Priority = "priority",
        /// Calls it before all others.
        Call = "call",
    }
}

wire_enum! {
    /// How far it is.
    pub enum BulkState is "state of a bulk" {
        /// Not everybody has been looked at.
        Running = "running",
        /// Everybody has.
        Done = "done",
        /// It is being undone.
        Undoing = "undoing",
        /// It has been undone, as far as that was possible.
        Undone = "undone",
    }
}

wire_enum! {
    /// What came of it for a contact.
    pub enum Outcome is "outcome" {
        /// It was done.
        Changed = "changed",
        /// It had been done, and was undone.
        Restored = "restored",
        /// It had been done, and stays: something else has happened to the contact since.
        Kept = "kept",
        /// The campaign has no such contact.
        NotFound = "not_found",
        /// Its state does not allow it.
        NotAllowed = "not_allowed_in_state",
        /// The gate refuses the call.
        Blocked = "blocked",
        /// The gate does not let it be called at this time.
        NotNow = "not_now",
        /// No allowed time is left for it.
        Expired = "expired",
    }
}

text_columns!(BulkAct, BulkState, Outcome);

/// Whom it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// These.
    Ids(Vec<TargetId>),
    /// All of the campaign that fit.
    Filter(Box<TargetFilter>),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What is done to each.
    pub act: BulkAct,
    /// The priority, for that act.
    pub priority: i32,
    /// Whether a completed campaign is opened again afterwards.
    pub start_again: bool,
    /// Whom it is for.
    pub pick: Pick,
}

/// Something that is done to many contacts.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// Its id.
    pub id: BulkId,
    /// Whose it is.
    pub org: OrgId,
    /// The campaign whose contacts they are.
    pub campaign: CampaignId,
    /// What is done.
    pub order: Order,
    /// How far it is.
    pub state: BulkState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When everybody had been looked at.
    pub finished_at: Option<Timestamp>,
    /// Until when it can be undone.
    pub undo_until: Option<Timestamp>,
    actor: Actor,
    cursor: String,
    until: String,
}

/// How many contacts it came to the same for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What came of it.
    pub outcome: Outcome,
    /// Why, when it was not done.
    pub reason: Option<String>,
    /// For how many.
    pub contacts: u64,
}

/// What came of it for one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The contact.
    pub target: TargetId,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, when it was not done.
    pub reason: Option<String>,
}

const SELECT: &str = "SELECT id, org_id, campaign_id, act, priority, start_again, pick, state, actor, cursor_id, until_id, \
                      created_at, finished_at, undo_until FROM bulk";

/// Writes down what is to be done. [`step()`] does it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    campaign: CampaignId,
    mut order: Order,
) -> Result<Bulk, StoreError> {
    const LAST: &str = "SELECT COALESCE(MAX(id), '') AS value FROM target WHERE campaign_id = $1";
    campaign::get(tx, org, campaign).await?;
    if let Pick::Ids(ids) = &mut order.pick {
        ids.sort_unstable();
        ids.dedup();
    }
    let until: String = tx.value(LAST, args![campaign]).await?;
    let (id, now) = (BulkId::generate(), tx.now().await?);
    let pick = serde_json::to_string(&order.pick).expect("ids and wishes are JSON");
    tx.execute(
        "INSERT INTO bulk (id, org_id, campaign_id, act, priority, start_again, pick, state, actor, cursor_id, until_id, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, '', $9, $10)",
        args![
            id,
            org,
            campaign,
            order.act,
            order.priority,
            order.start_again,
            pick,
            actor.to_string(),
            until,
            now
        ],
    )
    .await?;
    let detail = serde_json::json!({ "bulk": id, "act": order.act });
    audit::write(tx, org, actor, "campaign.bulk", ("campaign", campaign.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    get(tx, org, id).await
}

/// One of them.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: BulkId) -> Result<Bulk, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// How many contacts it came to what for, the hundred largest groups.
///
/// # Errors
/// When the database fails.
pub async fn counts(tx: &mut Tx, id: BulkId) -> Result<Vec<Count>, StoreError> {
    const SQL: &str = "SELECT outcome, reason, COUNT(*) AS contacts FROM bulk_item WHERE bulk_id = $1 \
                       GROUP BY outcome, reason ORDER BY contacts DESC, outcome, reason LIMIT 100";
    let count = |row: &Row| {
        let contacts = row.get::<i64>("contacts")?.unsigned_abs();
        Ok(Count { outcome: row.get("outcome")?, reason: row.get("reason")?, contacts })
    };
    tx.all(SQL, args![id]).await?.iter().map(count).collect()
}

/// How many contacts are still to be looked at: exact for ids, for a filter those who fit it now.
///
/// # Errors
/// When the database fails.
pub async fn left(tx: &mut Tx, bulk: &Bulk) -> Result<u64, StoreError> {
    match (bulk.state, &bulk.order.pick) {
        (BulkState::Done | BulkState::Undone, _) => Ok(0),
        (BulkState::Undoing, _) => {
            let sql =
                "SELECT COUNT(*) AS value FROM bulk_item WHERE bulk_id = $1 AND outcome = 'changed' AND target_id > $2";
            Ok(tx.value::<i64>(sql, args![bulk.id, bulk.cursor]).await?.unsigned_abs())
        }
        (BulkState::Running, Pick::Ids(ids)) => Ok(ids.iter().filter(|id| id.to_string() > bulk.cursor).count() as u64),
        (BulkState::Running, Pick::Filter(filter)) => {
            let sql = "SELECT COUNT(*) AS value FROM target t JOIN contact c ON c.id = t.contact_id \
                       WHERE t.campaign_id = $1 AND t.id > $2 AND t.id <= $3";
            let mut clause = Clause::new(tx, sql, args![bulk.campaign, bulk.cursor, bulk.until]);
            filter.add(&mut clause);
            clause.count(tx).await
        }
    }
}

/// What came of it for single contacts, all or those of one outcome.
///
/// # Errors
/// When the database fails.
pub async fn items(
    tx: &mut Tx,
    id: BulkId,
    outcome: Option<Outcome>,
    sheet: &Sheet,
) -> Result<Listing<Item, Cursor>, StoreError> {
    let select = "SELECT target_id, outcome, reason FROM bulk_item WHERE bulk_id = $1";
    let mut clause = Clause::new(tx, select, args![id]);
    clause.is("outcome", outcome.as_ref());
    let item = |row: &Row| {
        Ok(Item { target: row.get("target_id")?, outcome: row.get("outcome")?, reason: row.get("reason")? })
    };
    clause.page(tx, "target_id", sheet, item).await
}

/// Those of all organisations that are not finished.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut Tx) -> Result<Vec<BulkId>, StoreError> {
    let rows =
        tx.all("SELECT id FROM bulk WHERE state IN ('running', 'undoing') ORDER BY id LIMIT 100", vec![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The oldest that need not be told of any longer.
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx) -> Result<Option<BulkId>, StoreError> {
    let before = tx.now().await? - KEPT;
    let row =
        tx.optional("SELECT id FROM bulk WHERE finished_at < $1 ORDER BY finished_at LIMIT 1", args![before]).await?;
    row.map(|row| row.get("id")).transpose()
}

/// Forgets one, piece by piece. Whether it is gone.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx, id: BulkId) -> Result<bool, StoreError> {
    const SOME: &str = "DELETE FROM bulk_item WHERE bulk_id = $1 AND target_id IN \
                        (SELECT target_id FROM bulk_item WHERE bulk_id = $1 LIMIT 5000)";
    if tx.execute(SOME, args![id]).await? > 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM bulk WHERE id = $1", args![id]).await?;
    Ok(true)
}

/// One of a campaign's, whatever its age: they go with it.
///
/// # Errors
/// When the database fails.
pub(in crate::store) async fn of_campaign(tx: &mut Tx, id: CampaignId) -> Result<Option<BulkId>, StoreError> {
    let row = tx.optional("SELECT id FROM bulk WHERE campaign_id = $1 LIMIT 1", args![id]).await?;
    row.map(|row| row.get("id")).transpose()
}

/// The columns of a target that something can be done to. Times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Snapshot {
    status: crate::campaign::states::TargetState,
    hold: Option<String>,
    held_by: Option<String>,
    round: i64,
    dials: i64,
    run_seq: i64,
    next_at: i64,
    opens_at: Option<i64>,
    callback_at: Option<i64>,
    callback_asked_at: Option<i64>,
    callback_missed_at: Option<i64>,
    priority: i64,
    base_priority: i64,
    blocked_reason: Option<String>,
}

/// A target as it is, with the row locked, and its contact.
async fn snapshot(
    tx: &mut Tx,
    campaign: CampaignId,
    id: TargetId,
) -> Result<Option<(Snapshot, crate::id::ContactId)>, StoreError> {
    let sql = tx.pick(
        "SELECT contact_id, status, hold, held_by, round, dials, run_seq, next_at, opens_at, callback_at, callback_asked_at, \
         callback_missed_at, priority, base_priority, blocked_reason FROM target WHERE campaign_id = $1 AND id = $2",
        "SELECT contact_id, status, hold, held_by, round, dials, run_seq, next_at, opens_at, callback_at, callback_asked_at, \
         callback_missed_at, priority, base_priority, blocked_reason FROM target WHERE campaign_id = $1 AND id = $2 \
         FOR UPDATE",
    );
    let Some(row) = tx.optional(sql, args![campaign, id]).await? else { return Ok(None) };
    let taken = Snapshot {
        status: row.get("status")?,
        hold: row.get("hold")?,
        held_by: row.get("held_by")?,
        round: row.get("round")?,
        dials: row.get("dials")?,
        run_seq: row.get("run_seq")?,
        next_at: row.get("next_at")?,
        opens_at: row.get("opens_at")?,
        callback_at: row.get("callback_at")?,
        callback_asked_at: row.get("callback_asked_at")?,
        callback_missed_at: row.get("callback_missed_at")?,
        priority: row.get("priority")?,
        base_priority: row.get("base_priority")?,
        blocked_reason: row.get("blocked_reason")?,
    };
    Ok(Some((taken, row.get("contact_id")?)))
}

/// Takes one that is not finished, for this transaction only; nothing when somebody else is at it, or it is finished.
async fn take(tx: &mut Tx, id: BulkId) -> Result<Option<Bulk>, StoreError> {
    let lock = match tx.kind() {
        super::db::Kind::Sqlite => "",
        super::db::Kind::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let sql = format!("{SELECT} WHERE id = $1 AND state IN ('running', 'undoing'){lock}");
    tx.all_built(sql, args![id]).await?.first().map(read).transpose()
}

/// Notes how far it is.
async fn moved_on(tx: &mut Tx, id: BulkId, cursor: &str, finished: Option<BulkState>) -> Result<(), StoreError> {
    let sql = "UPDATE bulk SET cursor_id = $2 WHERE id = $1";
    tx.execute(sql, args![id, cursor]).await?;
    if let Some(state) = finished {
        let now = tx.now().await?;
        let until = (state == BulkState::Done).then(|| now + UNDO);
        let sql = "UPDATE bulk SET state = $2, finished_at = $3, undo_until = $4 WHERE id = $1";
        tx.execute(sql, args![id, state, now, until]).await?;
    }
    Ok(())
}

/// Whether the contacts of a campaign may still be changed.
async fn is_over(tx: &mut Tx, org: OrgId, id: CampaignId) -> Result<bool, StoreError> {
    Ok(match campaign::get(tx, org, id).await {
        Ok(campaign) => matches!(campaign.state, CampaignState::Cancelled | CampaignState::Deleting),
        Err(StoreError::NotFound) => true,
        Err(error) => return Err(error),
    })
}

fn read(row: &Row) -> Result<Bulk, StoreError> {
    let pick: serde_json::Value = row.get("pick")?;
    let order = Order {
        act: row.get("act")?,
        priority: row.get::<Option<i32>>("priority")?.unwrap_or(0),
        start_again: row.get("start_again")?,
        pick: serde_json::from_value(pick).map_err(|_| StoreError::Corrupt { column: "pick" })?,
    };
    Ok(Bulk {
        id: row.get("id")?,
        org: row.get("org_id")?,
        campaign: row.get("campaign_id")?,
        order,
        state: row.get("state")?,
        created_at: row.get("created_at")?,
        finished_at: row.get("finished_at")?,
        undo_until: row.get("undo_until")?,
        actor: Actor::stored(row.get("actor")?),
        cursor: row.get("cursor_id")?,
        until: row.get("until_id")?,
    })
}

/// The column of a snapshot.
fn json(taken: &Snapshot) -> super::db::Arg {
    serde_json::to_string(taken).expect("numbers and names are JSON").to_arg()
}
