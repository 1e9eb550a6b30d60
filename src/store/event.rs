//! What happened, in order: rows that the changes themselves write (triggers of migration 25), read from a position on.
//!
//! A position is a pair that grows with every event a reader can see. On PostgreSQL the numbers of a sequence become visible
//! in another order than they are given out in; so events are ordered by transaction, and those of transactions that are not
//! older than every running one are left for later. Nothing is skipped for it.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::call::Call;
use super::db::value::text_columns;
use super::db::{Kind, Row};
use super::filter::{Clause, OneOf};
use super::{StoreError, Tx};
use crate::args;
use crate::call::record::RecordingFault;
use crate::campaign::wire::wire_enum;
use crate::id::{AttemptId, CallId, CampaignId, OrgId, TargetId};

/// How long an event is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many events are kept, whatever their age.
pub const MOST: i64 = 2_000_000;
/// Events that one transaction forgets.
const BATCH: i64 = 5000;

wire_enum! {
    /// What can happen.
    pub enum EventKind is "kind of event" {
        /// A campaign came to another state; the reason is why it paused.
        CampaignState = "campaign.state",
        /// A scheduled start could not take place; the reason has the guards that did not hold.
        CampaignStartFailed = "campaign.start_failed",
        /// A run opened its round.
        CampaignRound = "campaign.round",
        /// Contacts were added to a campaign by a request: how many.
        CampaignContacts = "campaign.contacts",
        /// A contact of a campaign came to another state.
        TargetState = "target.state",
        /// A callback came too late.
        TargetCallbackMissed = "target.callback_missed",
        /// Something was decided for the end of a live call, or withdrawn.
        TargetHold = "target.hold",
        /// The gate put a contact off; the reason is what holds it.
        TargetHeld = "target.held",
        /// A dial came further, or to its end.
        AttemptState = "attempt.state",
        /// A call was not recorded to its end, or not at all; the reason is what failed.
        CallRecordingFault = "call.recording_fault",
    }
}

text_columns!(EventKind);

/// A place between two events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    tx: i64,
    seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tx, self.seq)
    }
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the `cursor` of an event, or `latest`")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (tx, seq) = text.split_once('.').ok_or(NoPosition)?;
        let number = |text: &str| text.parse::<i64>().map_err(|_| NoPosition);
        let position = Self { tx: number(tx)?, seq: number(seq)? };
        if position.tx < 0 || position.seq < 0 { Err(NoPosition) } else { Ok(position) }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The place after it.
    pub position: Position,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The contact in it.
    pub target: Option<TargetId>,
    /// The dial.
    pub attempt: Option<AttemptId>,
    /// The call, where it is about one.
    pub call: Option<CallId>,
    /// What was before.
    pub before: Option<String>,
    /// What is from then on.
    pub after: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// A moment that goes with it.
    pub due_at: Option<Timestamp>,
    /// How many contacts it is about, where it is about several.
    pub contacts: Option<u64>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// Of these kinds.
    pub kinds: OneOf<EventKind>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
}

/// Some events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// Oldest first.
    pub items: Vec<Event>,
    /// Where to go on. Also without an event it may be further than before: there is none in between.
    pub next: Position,
    /// Whether there is more by now.
    pub more: bool,
}

/// The events before this position have been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The oldest there are come after it.
    pub oldest: Position,
}

/// At most `limit` events of an organisation after a position; from the oldest on without one.
///
/// # Errors
/// When the database fails. The inner error when events after the position have been forgotten.
pub async fn after(
    tx: &mut Tx,
    org: OrgId,
    after: Option<Position>,
    wish: &Wish,
    limit: u32,
) -> Result<Result<Events, Forgotten>, StoreError> {
    const SQL: &str = "SELECT tx, seq, at, kind, campaign_id, target_id, attempt_id, was, became, reason, due_at, contacts, call_id FROM event \
                       WHERE org_id = $1 AND (tx, seq) > ($2, $3) AND (tx, seq) <= ($4, $5)";
    let floor = floor(tx).await?;
    let horizon = latest(tx).await?;
    let after = after.unwrap_or(floor);
    if after < floor {
        return Ok(Err(Forgotten { oldest: floor }));
    }
    let mut clause = Clause::new(tx, SQL, args![org, after.tx, after.seq, horizon.tx, horizon.seq]);
    clause.one_of("kind", &wish.kinds);
    clause.is("campaign_id", wish.campaign.as_ref());
    let mut items = clause.first(tx, "tx, seq", i64::from(limit) + 1, read).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = match items.last() {
        Some(last) if more => last.position,
        Some(_) | None => horizon.max(after),
    };
    Ok(Ok(Events { items, next, more }))
}

/// Writes that contacts were added to a campaign.
pub(super) async fn contacts_added(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    contacts: u64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO event (org_id, at, kind, campaign_id, contacts) VALUES ($1, $2, $3, $4, $5)";
    let now = tx.now().await?;
    let contacts = i64::try_from(contacts).unwrap_or(i64::MAX);
    tx.execute(SQL, args![org, now, EventKind::CampaignContacts, campaign, contacts]).await.map(drop)
}

/// Writes that a call was not recorded as it should have been.
pub(super) async fn recording_fault(tx: &mut Tx, call: &Call, fault: RecordingFault) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO event (org_id, at, kind, campaign_id, target_id, attempt_id, call_id, reason) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let (now, kind) = (tx.now().await?, EventKind::CallRecordingFault);
    tx.execute(SQL, args![call.org, now, kind, call.campaign, call.target, call.attempt, call.id, fault])
        .await
        .map(drop)
}

/// The place after everything that a reader can see.
///
/// # Errors
/// When the database fails.
pub async fn latest(tx: &mut Tx) -> Result<Position, StoreError> {
    match tx.kind() {
        Kind::Sqlite => {
            let sql = "SELECT COALESCE((SELECT MAX(seq) FROM event), (SELECT seq FROM event_floor)) AS value";
            Ok(Position { tx: 0, seq: tx.value(sql, vec![]).await? })
        }
        Kind::Postgres => {
            let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 AS value";
            Ok(Position { tx: tx.value(sql, vec![]).await?, seq: i64::MAX })
        }
    }
}

/// Forgets the oldest events that are too old or too many. Whether there may be more of them.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx) -> Result<bool, StoreError> {
    // By number, along the primary key; what ran at the same time is of the same age.
    const SOME: &str = "SELECT tx, seq, at FROM event ORDER BY seq LIMIT $1";
    let before = tx.now().await? - KEPT;
    let last: i64 = tx.value("SELECT COALESCE((SELECT MAX(seq) FROM event), 0) AS value", vec![]).await?;
    let mut upto = floor(tx).await?;
    let mut seq = None;
    let rows = tx.all(SOME, args![BATCH]).await?;
    for row in &rows {
        let position = Position { tx: row.get("tx")?, seq: row.get("seq")? };
        if row.get::<Timestamp>("at")? >= before && position.seq >= last - MOST {
            break;
        }
        upto = upto.max(position);
        seq = Some(position.seq);
    }
    let Some(seq) = seq else { return Ok(false) };
    tx.execute("DELETE FROM event WHERE seq <= $1", args![seq]).await?;
    tx.execute("UPDATE event_floor SET tx = $1, seq = $2 WHERE id = 1", args![upto.tx, upto.seq]).await?;
    Ok(rows.len() as i64 == BATCH)
}

/// Whether there is something to [`forget`].
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx) -> Result<bool, StoreError> {
    let before = tx.now().await? - KEPT;
    let old = tx.optional("SELECT seq FROM event WHERE at < $1 LIMIT 1", args![before]).await?;
    let sql = "SELECT COALESCE((SELECT MAX(seq) FROM event) - (SELECT MIN(seq) FROM event), 0) AS value";
    Ok(old.is_some() || tx.value::<i64>(sql, vec![]).await? > MOST)
}

async fn floor(tx: &mut Tx) -> Result<Position, StoreError> {
    let row = tx.one("SELECT tx, seq FROM event_floor WHERE id = 1", vec![]).await?;
    Ok(Position { tx: row.get("tx")?, seq: row.get("seq")? })
}

fn read(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        position: Position { tx: row.get("tx")?, seq: row.get("seq")? },
        at: row.get("at")?,
        kind: row.get("kind")?,
        campaign: row.get("campaign_id")?,
        target: row.get("target_id")?,
        attempt: row.get("attempt_id")?,
        call: row.get("call_id")?,
        before: row.get("was")?,
        after: row.get("became")?,
        reason: row.get("reason")?,
        due_at: row.get("due_at")?,
        contacts: row.get::<Option<i64>>("contacts")?.map(i64::unsigned_abs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        let position = Position { tx: 7, seq: i64::MAX };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert!(position > Position { tx: 7, seq: 9 } && position < Position { tx: 8, seq: 0 });
        for wrong in ["", "latest", "7", "-1.2", "1.-2", "1.2.3"] {
            assert_eq!(wrong.parse::<Position>(), Err(NoPosition), "{wrong}");
        }
    }
}
