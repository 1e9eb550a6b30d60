//! Attempts as people look at them. How they come to be and move on is in [`dialing`](super::dialing).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::db::value::text_columns;
use super::db::{Listing, Page, Row, ToArg};
use super::filter::{AttemptFilter, Clause, Cursor, Orders, Sheet};
use super::{StoreError, Tx};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{AnsweredBy, AttemptState, BlockedReason, EndedBy, TargetState};
use crate::campaign::wire::wire_enum;
use crate::id::{AssistantVersionId, AttemptId, CampaignId, ContactId, OrgId, RunId, TargetId, TrunkId};
use crate::pii::Pii;

wire_enum! {
    /// Why a target was dialed.
    pub enum AttemptKind is "kind of attempt" {
        /// The first dial of a round.
        First = "first",
        /// A later dial of the round.
        Retry = "retry",
        /// The contact asked for it.
        Callback = "callback",
    }
}

text_columns!(AttemptState, AttemptKind, EndedBy, AnsweredBy);

/// One dial of a target, or the refusal to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The target.
    pub target: TargetId,
    /// The contact.
    pub contact: ContactId,
    /// The round of the target.
    pub round: u32,
    /// Number of the dial within its round, from 1, never used again.
    pub dial_no: u32,
    /// The run whose day it was.
    pub run: Option<RunId>,
    /// Why it was dialed.
    pub kind: AttemptKind,
    /// How far it has come.
    pub state: AttemptState,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// What the assistant said, as it was then.
    pub assistant_version: AssistantVersionId,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When its INVITE was about to be sent.
    pub dialing_at: Option<Timestamp>,
    /// When the far end began to ring.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub reason: Option<DisconnectionReason>,
    /// Why the gate refused it.
    pub blocked_reason: Option<BlockedReason>,
    /// The imported list that had the number, by the name it had then.
    pub blocked_by: Option<String>,
    /// Final status of the INVITE.
    pub sip_code: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// What answered.
    pub answered_by: Option<AnsweredBy>,
    /// The contact hung up at once.
    pub immediate: bool,
    /// Something of ours failed.
    pub technical: bool,
    /// Whether it counts against the retry budget.
    pub consumes_retry: bool,
    /// Which of the contact's numbers it was for, from 0.
    pub number: u32,
    /// That number; none for what was made before numbers were kept.
    pub to: Option<Pii<E164>>,
}

const SELECT: &str = "SELECT id, campaign_id, target_id, contact_id, round, dial_no, kind, state, trunk_id, \
                      assistant_version_id, claimed_at, dialing_at, ringing_at, answered_at, ended_at, \
                      disconnection_reason, blocked_reason, sip_code, q850, ended_by, answered_by, immediate, \
                      technical, consumes_retry, run_id, blocked_by, number, phone AS dialed FROM attempt";

/// What people call the campaign and the contact of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its name.
    pub campaign_name: String,
    /// The contact.
    pub contact: ContactId,
    /// Its name.
    pub contact_name: Pii<String>,
}

/// Attempts that are named in one statement.
const AT_ONCE: usize = 250;

/// What people call the campaigns and contacts of attempts.
///
/// # Errors
/// When the database fails.
pub async fn names(tx: &mut Tx, attempts: &[AttemptId]) -> Result<BTreeMap<AttemptId, Names>, StoreError> {
    let mut names = BTreeMap::new();
    for attempts in attempts.chunks(AT_ONCE) {
        let args: Vec<_> = attempts.iter().map(ToArg::to_arg).collect();
        let list = (1..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT a.id, a.campaign_id, k.name AS campaign_name, a.contact_id, c.name AS contact_name FROM attempt a \
             JOIN campaign k ON k.id = a.campaign_id JOIN contact c ON c.id = a.contact_id WHERE a.id IN ({list})"
        );
        for row in tx.all_built(sql, args).await? {
            let found = Names {
                campaign: row.get("campaign_id")?,
                campaign_name: row.get("campaign_name")?,
                contact: row.get("contact_id")?,
                contact_name: row.get("contact_name")?,
            };
            names.insert(row.get("id")?, found);
        }
    }
    Ok(names)
}

/// Which attempts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Those of a campaign.
    Campaign(CampaignId),
    /// Those of a target.
    Target(TargetId),
}

/// One attempt.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: AttemptId) -> Result<Attempt, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The attempts of a campaign or a target.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    of: Of,
    page: Page<AttemptId>,
) -> Result<Listing<Attempt, AttemptId>, StoreError> {
    let (column, args) = match of {
        Of::Campaign(id) => ("campaign_id", args![org, id]),
        Of::Target(id) => ("target_id", args![org, id]),
    };
    let select = format!("{SELECT} WHERE org_id = $1 AND {column} = $2");
    tx.page(&select, args, "id", page, read, |attempt| attempt.id).await
}

/// A dial with whom it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The dial.
    pub attempt: Attempt,
    /// The contact's name.
    pub name: Pii<String>,
    /// The number that was dialed.
    pub phone: Option<Pii<E164>>,
    /// Where the contact stands in the campaign now.
    pub state: TargetState,
}

/// The attempts on the days of a run, in the order in which they were made.
///
/// # Errors
/// When the database fails.
pub async fn of_run(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    run: RunId,
    after: Option<AttemptId>,
    limit: u32,
) -> Result<Vec<Exported>, StoreError> {
    const SQL: &str = "SELECT a.id, a.campaign_id, a.target_id, a.contact_id, a.round, a.dial_no, a.kind, a.state, a.trunk_id, \
                       a.assistant_version_id, a.claimed_at, a.dialing_at, a.ringing_at, a.answered_at, a.ended_at, \
                       a.disconnection_reason, a.blocked_reason, a.sip_code, a.q850, a.ended_by, a.answered_by, a.immediate, \
                       a.technical, a.consumes_retry, a.run_id, a.blocked_by, a.number, a.phone AS dialed, c.name, \
                       COALESCE(a.phone, c.phone) AS phone, t.status FROM attempt a \
                       JOIN contact c ON c.id = a.contact_id JOIN target t ON t.id = a.target_id \
                       WHERE a.org_id = $1 AND a.campaign_id = $2 AND a.run_id = $3 AND a.id > $4 ORDER BY a.id LIMIT $5";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let exported = |row: &Row| {
        let (name, phone, state) = (row.get("name")?, row.get("phone")?, row.get("status")?);
        Ok(Exported { attempt: read(row)?, name, phone, state })
    };
    tx.all(SQL, args![org, campaign, run, after, limit]).await?.iter().map(exported).collect()
}

/// What attempts can be ordered by.
pub const ORDERS: Orders = &[
    ("claimed_at", None),
    ("answered_at", Some("COALESCE(answered_at, 0)")),
    ("ended_at", Some("COALESCE(ended_at, 0)")),
];

/// The attempts of a campaign that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    filter: &AttemptFilter,
    sheet: &Sheet,
) -> Result<Listing<Attempt, Cursor>, StoreError> {
    let select = format!("{SELECT} WHERE org_id = $1 AND campaign_id = $2");
    let mut clause = Clause::new(tx, select, args![org, campaign]);
    filter.add(&mut clause);
    clause.page(tx, "id", sheet, read).await
}

fn read(row: &Row) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        id: row.get("id")?,
        campaign: row.get("campaign_id")?,
        target: row.get("target_id")?,
        contact: row.get("contact_id")?,
        round: row.get("round")?,
        dial_no: row.get("dial_no")?,
        run: row.get("run_id")?,
        kind: row.get("kind")?,
        state: row.get("state")?,
        trunk: row.get("trunk_id")?,
        assistant_version: row.get("assistant_version_id")?,
        claimed_at: row.get("claimed_at")?,
        dialing_at: row.get("dialing_at")?,
        ringing_at: row.get("ringing_at")?,
        answered_at: row.get("answered_at")?,
        ended_at: row.get("ended_at")?,
        reason: row.get("disconnection_reason")?,
        blocked_reason: row.get("blocked_reason")?,
        blocked_by: row.get("blocked_by")?,
        sip_code: row.get("sip_code")?,
        q850: row.get("q850")?,
        ended_by: row.get("ended_by")?,
        answered_by: row.get("answered_by")?,
        immediate: row.get("immediate")?,
        technical: row.get("technical")?,
        consumes_retry: row.get("consumes_retry")?,
        number: row.get("number")?,
        to: row.get("dialed")?,
    })
}
