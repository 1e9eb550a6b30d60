//! Contacts in campaigns.

mod mend;
mod moves;
mod overwrites;
mod places;
mod search;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::db::value::text_columns;
use super::db::{Listing, Page, Row, ToArg, insert_many};
use super::{StoreError, Tx, Wake, campaign, contact, event, people_list};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::order::Entrant;
use crate::campaign::phone::E164;
use crate::campaign::states::{BlockedReason, TargetState};
use crate::dialer::retry::Hold;
use crate::id::{CampaignId, CaseId, ContactId, ListId, OrgId, TargetId};
use crate::pii::Pii;

pub(in crate::store) use mend::{mend_consent, mend_contact, mend_hours, mend_number, mend_policy, mend_zones};
pub use moves::{Act, act};
pub use overwrites::overwrite;
pub use places::replace;
pub(in crate::store) use places::{order_changed, replace_of_contact};
pub use search::{EXACT, ORDERS, Total, search, total};

text_columns!(DisconnectionReason, BlockedReason, Hold);

/// A contact in a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The contact.
    pub contact: ContactId,
    /// The contact's name.
    pub name: Pii<String>,
    /// The contact's number.
    pub phone: Option<Pii<E164>>,
    /// Where it stands.
    pub state: TargetState,
    /// Why it is blocked, if it is.
    pub blocked_reason: Option<BlockedReason>,
    /// The name of the imported list that blocks it, if one does.
    pub blocked_by: Option<String>,
    /// What was decided for the end of its live call.
    pub hold: Option<Hold>,
    /// Restarts and later runs open new rounds; the first is 1.
    pub round: u32,
    /// Dials of this round.
    pub dials: u32,
    /// When it is due, in the states that wait.
    pub next_at: Timestamp,
    /// When the contact is called back.
    pub callback_at: Option<Timestamp>,
    /// When they asked for, where that is not the same.
    pub callback_asked_at: Option<Timestamp>,
    /// When a callback was missed that is still to be made up for.
    pub callback_missed_at: Option<Timestamp>,
    /// What a person set; higher is dialed first.
    pub priority: i32,
    /// How its last dial ended.
    pub last_reason: Option<DisconnectionReason>,
    /// When its last dial was sent.
    pub last_call_at: Option<Timestamp>,
    /// How long its last call lasted, in milliseconds from the answer.
    pub last_duration_ms: Option<i64>,
    /// One of its calls was marked as a success.
    pub call_success: bool,
    /// Its last call with a person was broken off before the script was complete.
    pub interrupted: bool,
    /// Values that stand in the place of the contact's own variables.
    pub overwrites: Pii<BTreeMap<String, String>>,
    /// Which of them a person set for it alone; the others came with its batch.
    pub overwritten: Vec<String>,
}

const SELECT: &str = "SELECT t.id, t.campaign_id, t.contact_id, c.name, c.phone, t.status, t.blocked_reason, t.hold, \
                      t.round, t.dials, t.next_at, t.callback_at, t.callback_asked_at, t.callback_missed_at, \
                      t.base_priority, t.last_reason, t.last_call_at, t.last_duration_ms, t.call_success, t.interrupted, \
                      t.overwrites, t.overwritten, \
                      (SELECT l.name FROM suppression_list l WHERE l.id = t.blocked_by AND t.status = 'blocked') AS blocked_by \
                      FROM target t JOIN contact c ON c.id = t.contact_id";
/// Contacts that are looked at in one statement.
const AT_ONCE: usize = 250;
/// Furthest that a person can move a target from the others.
pub const MAX_PRIORITY: i32 = 1000;

/// How contacts come into a campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Higher is dialed first, within ±[`MAX_PRIORITY`].
    pub priority: i32,
    /// They are NEW until somebody approves them, instead of due at once.
    pub for_approval: bool,
}

/// Somebody who comes into a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Newcomer {
    /// Who is called.
    pub contact: ContactId,
    /// What about.
    pub case: Option<CaseId>,
}

/// What those who come into a campaign together have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The list they come from; the campaign keeps it.
    pub list: Option<ListId>,
    /// Values that stand in the place of the contacts' own variables.
    pub overwrites: Pii<BTreeMap<String, String>>,
}

/// Adds contacts to a campaign; those that are in it already stay as they are. Returns how many are new. On SQLite
/// all other writers wait for the transaction: thousands at a time.
///
/// # Errors
/// [`StoreError::NotFound`] when the campaign or one of the contacts is not the organisation's, or when the database
/// fails.
pub async fn add(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    contacts: &[ContactId],
    entry: Entry,
) -> Result<u64, StoreError> {
    let newcomers: Vec<_> = contacts.iter().map(|contact| Newcomer { contact: *contact, case: None }).collect();
    add_batch(tx, org, campaign, &newcomers, entry, &Batch::default()).await
}

/// [`add`] with what they bring. Of several cases of one contact the first one counts.
///
/// # Errors
/// As [`add`].
pub async fn add_batch(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    newcomers: &[Newcomer],
    entry: Entry,
    batch: &Batch,
) -> Result<u64, StoreError> {
    const HEAD: &str = "INSERT INTO target (org_id, campaign_id, status, next_at, priority, base_priority, created_at, updated_at, \
                        round, dials, overwrites, run_seq, opens_at, list_id, id, contact_id, case_id, seq, place) VALUES";
    // Holds back the campaign's completion until the new targets are there.
    let lock = tx.pick(
        "SELECT id FROM campaign WHERE org_id = $1 AND id = $2",
        "SELECT id FROM campaign WHERE org_id = $1 AND id = $2 FOR SHARE",
    );
    tx.one(lock, args![org, campaign]).await?;
    let now = tx.now().await?;
    let round = campaign::round_no(tx, campaign).await?;
    let priority = entry.priority.clamp(-MAX_PRIORITY, MAX_PRIORITY);
    let state = if entry.for_approval { TargetState::New } else { TargetState::Waiting };
    let order = campaign::of_any_org(tx, campaign).await?.data.settings.list_order;
    let mut came: BTreeMap<ContactId, i64> = BTreeMap::new();
    for (newcomer, seq) in newcomers.iter().zip(now.as_microsecond()..) {
        came.entry(newcomer.contact).or_insert(seq);
    }
    let mut added = 0;
    // In one order, so that two callers who add the same contacts wait for each other instead of deadlocking.
    let mut newcomers = newcomers.to_vec();
    newcomers.sort_unstable();
    newcomers.dedup_by_key(|newcomer| newcomer.contact);
    let overwrites = serde_json::to_string(batch.overwrites.expose()).expect("a map of strings is JSON");
    for newcomers in newcomers.chunks(AT_ONCE) {
        let contacts: Vec<_> = newcomers.iter().map(|newcomer| newcomer.contact).collect();
        owned(tx, org, &contacts).await?;
        let mut values = places::values(tx, &order, &contacts).await?;
        // What is set for the campaign outranks what the contact says.
        if let Some(value) = order.field().and_then(|field| batch.overwrites.expose().get(field)) {
            values.extend(contacts.iter().map(|contact| (*contact, Pii::new(value.clone()))));
        }
        let mut args = Vec::with_capacity(contacts.len() * 19);
        for newcomer in newcomers {
            let value = values.get(&newcomer.contact).map(|value| value.expose().as_str());
            let seq = came.get(&newcomer.contact).copied().unwrap_or_default();
            let place = order.place(Entrant { seq, contact: newcomer.contact, value });
            args.extend(args![org, campaign, state, now, priority, priority, now, now, 1_i64, 0_i64, overwrites]);
            args.extend(args![round, 0_i64, batch.list, TargetId::generate(), newcomer.contact, newcomer.case, seq]);
            args.push(place.to_arg());
        }
        added += insert_many(tx, HEAD, 19, args, "ON CONFLICT (campaign_id, contact_id) DO NOTHING").await?;
    }
    if let Some(list) = batch.list {
        people_list::used_by(tx, list, campaign).await?;
    }
    if added > 0 {
        event::contacts_added(tx, org, campaign, added).await?;
    }
    tx.wake(Wake::Targets(campaign));
    Ok(added)
}

/// One target.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: TargetId) -> Result<Target, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE t.org_id = $1 AND t.id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The targets of a campaign, or those of them in one state.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    state: Option<TargetState>,
    page: Page<TargetId>,
) -> Result<Listing<Target, TargetId>, StoreError> {
    let mut select = format!("{SELECT} WHERE t.org_id = $1 AND t.campaign_id = $2");
    let mut args = args![org, campaign];
    if let Some(state) = state {
        select.push_str(" AND t.status = $3");
        args.push(state.to_arg());
    }
    tx.page(&select, args, "t.id", page, read, |target| target.id).await
}

/// Fails unless all contacts, each given once, are the organisation's.
async fn owned(tx: &mut Tx, org: OrgId, contacts: &[ContactId]) -> Result<(), StoreError> {
    let mut args = args![org];
    args.extend(contacts.iter().map(ToArg::to_arg));
    let list = (2..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT COUNT(*) AS value FROM contact WHERE org_id = $1 AND id IN ({list})");
    let found: i64 = tx.all_built(sql, args).await?.first().ok_or(StoreError::NotFound)?.get("value")?;
    if found.unsigned_abs() == contacts.len() as u64 { Ok(()) } else { Err(StoreError::NotFound) }
}

fn read(row: &Row) -> Result<Target, StoreError> {
    Ok(Target {
        id: row.get("id")?,
        campaign: row.get("campaign_id")?,
        contact: row.get("contact_id")?,
        name: row.get("name")?,
        phone: row.get("phone")?,
        state: row.get("status")?,
        blocked_reason: row.get("blocked_reason")?,
        blocked_by: row.get("blocked_by")?,
        hold: row.get("hold")?,
        round: row.get("round")?,
        dials: row.get("dials")?,
        next_at: row.get("next_at")?,
        callback_at: row.get("callback_at")?,
        callback_asked_at: row.get("callback_asked_at")?,
        callback_missed_at: row.get("callback_missed_at")?,
        priority: row.get("base_priority")?,
        last_reason: row.get("last_reason")?,
        last_call_at: row.get("last_call_at")?,
        last_duration_ms: row.get("last_duration_ms")?,
        call_success: row.get("call_success")?,
        interrupted: row.get("interrupted")?,
        overwrites: contact::variables(row, "overwrites")?,
        overwritten: overwrites::names(row)?,
    })
}
