//! Promotion: targets that are due and within their calling hours become READY, so that a claim finds one at the top
//! of a small index instead of searching among a million that are not due.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::close::{expire, is_open};
use super::terms::{Ready, Terms};
use super::{CALLBACK_RANK, Dialing, MISSED_CALLBACK_RANK, rounds};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use crate::dialer::gate::{CALLBACK_GRACE, Held, Rules, Shut};
use crate::id::{AttemptId, CampaignId, ContactId, NodeId, OrgId, TargetId};
use crate::pii::Pii;
use crate::store::attempt::AttemptKind;
use crate::store::audit::{self, Actor};
use crate::store::db::{Arg, ToArg};
use crate::store::suppression::SuppressionSource;
use crate::store::{StoreError, Tx, Wake};

/// What one promotion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promoted {
    /// Targets that became READY, missed callbacks included.
    pub ready: u64,
    /// Targets moved to the opening of their calling hours.
    pub deferred: u64,
    /// Targets for which no time is left in the campaign.
    pub expired: u64,
    /// Targets whose numbers are suppressed; they are BLOCKED.
    pub blocked: u64,
    /// Callbacks that came too late; they are READY at the head of the queue.
    pub missed: Vec<TargetId>,
    /// When the next target is due that is not READY, or the next round opens; in the past when there is more to do than
    /// one transaction does.
    pub next_due: Option<Timestamp>,
    /// Whether anything in the campaign is live, READY or waited for, now or by a later run.
    pub open: bool,
}

/// Due targets that one transaction looks at.
const BATCH: i64 = 1000;
/// Suppressed ones that it blocks: others wait for the database meanwhile.
const BLOCKED: usize = 200;

enum Place {
    Ready,
    At(Timestamp, Held),
    Expired,
    Blocked(BlockedReason),
}

impl Dialing {
    /// Makes at most `limit` due targets READY, and due callbacks whatever the limit; moves those that are due outside
    /// their hours to their next opening. A minute's worth of dials is plenty: what is READY is dialed in order of
    /// priority, what is not waits its turn, and what is READY when the window closes is turned away one by one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn promote(&self, campaign: CampaignId, limit: u32) -> Result<Promoted, StoreError> {
        self.open_rounds(campaign).await?;
        let mut tx = self.db.begin().await?;
        let ready = self.book.ready(&mut tx, campaign).await?;
        let mut promoted = Promoted::default();
        if ready.rules.state != CampaignState::InProgress {
            return Ok(promoted);
        }
        let now = tx.now().await?;
        if ready.rules.hours.period_end().is_some_and(|end| end <= now) {
            // Whoever came back from a call after the others had expired.
            promoted.expired += expire(&mut tx, campaign, now).await?;
        }
        let unswept = rounds::sweep(&mut tx, &ready, now).await?;
        promote_callbacks(&mut tx, &ready, now, &mut promoted).await?;
        let suppressed = promote_waiting(&mut tx, campaign, &ready.rules, now, limit, &mut promoted).await?;
        if !suppressed.is_empty() {
            let terms = self.book.terms(&mut tx, campaign).await?;
            block(&mut tx, &terms, now, &suppressed).await?;
            promoted.blocked = suppressed.len() as u64;
            tx.wake(Wake::Targets(campaign));
        }
        let next = "SELECT MIN(due) AS value FROM (\
                    SELECT MIN(next_at) AS due FROM target WHERE campaign_id = $1 AND status = 'waiting' UNION ALL \
                    SELECT MIN(callback_at) AS due FROM target WHERE campaign_id = $1 AND status = 'callback') AS due";
        let due: Option<Timestamp> = tx.value(next, args![campaign]).await?;
        let opening = ready.rounds(now).next_opening(ready.rules.hours.zone(), now);
        promoted.next_due = [due, opening, unswept.then_some(now)].into_iter().flatten().min();
        promoted.open = is_open(&mut tx, &ready, now).await?;
        tx.commit().await?;
        Ok(promoted)
    }
}

async fn promote_callbacks(
    tx: &mut Tx,
    ready: &Ready,
    now: Timestamp,
    promoted: &mut Promoted,
) -> Result<(), StoreError> {
    let due = tx.pick(
        "SELECT t.id, t.callback_at, c.phone, c.zone FROM target t JOIN contact c ON c.id = t.contact_id \
         WHERE t.campaign_id = $1 AND t.status = 'callback' AND t.callback_at <= $2 ORDER BY t.callback_at LIMIT $3",
        "SELECT t.id, t.callback_at, c.phone, c.zone FROM target t JOIN contact c ON c.id = t.contact_id \
         WHERE t.campaign_id = $1 AND t.status = 'callback' AND t.callback_at <= $2 ORDER BY t.callback_at LIMIT $3 \
         FOR UPDATE OF t SKIP LOCKED",
    );
    for row in tx.all(due, args![ready.campaign.id, now, BATCH]).await? {
        let (id, asked, zone): (TargetId, Timestamp, Option<String>) =
            (row.get("id")?, row.get("callback_at")?, row.get("zone")?);
        let phone: Option<Pii<E164>> = row.get("phone")?;
        // The hours may have changed since it was arranged: then it moves to the next opening, and is not late.
        match place(&ready.rules, phone.as_ref().map(Pii::expose), zone.as_deref(), asked) {
            Place::At(opening, _) => {
                let sql = "UPDATE target SET callback_at = $2, updated_at = $3 WHERE id = $1";
                tx.execute(sql, args![id, opening, now]).await?;
                promoted.deferred += 1;
            }
            Place::Ready | Place::Expired | Place::Blocked(_) if now > asked + CALLBACK_GRACE => {
                miss_callback(tx, ready.campaign.org, id, now).await?;
                promoted.missed.push(id);
                promoted.ready += 1;
            }
            Place::Ready | Place::Expired | Place::Blocked(_) => {
                let sql = "UPDATE target SET status = 'ready', next_at = callback_at, priority = base_priority + $2, \
                           updated_at = $3 WHERE id = $1";
                tx.execute(sql, args![id, CALLBACK_RANK, now]).await?;
                promoted.ready += 1;
            }
        }
    }
    Ok(())
}

/// Puts a target whose callback came too late at the head of the queue, and says so in the log.
pub(super) async fn miss_callback(tx: &mut Tx, org: OrgId, id: TargetId, now: Timestamp) -> Result<(), StoreError> {
    let planned = "SELECT campaign_id, callback_at, callback_asked_at FROM target WHERE id = $1";
    let row = tx.one(planned, args![id]).await?;
    let (campaign, at): (CampaignId, Option<Timestamp>) = (row.get("campaign_id")?, row.get("callback_at")?);
    let asked: Option<Timestamp> = row.get("callback_asked_at")?;
    let sql = "UPDATE target SET status = 'ready', next_at = $3, callback_at = NULL, callback_missed_at = $3, \
               priority = base_priority + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, MISSED_CALLBACK_RANK, now]).await?;
    let detail = json!({ "campaign": campaign, "planned": at, "asked": asked });
    audit::write(tx, org, &Actor::system("dialer"), "target.callback_missed", ("target", id.to_string()), detail).await
}

async fn promote_waiting(
    tx: &mut Tx,
    campaign: CampaignId,
    rules: &Rules,
    now: Timestamp,
    mut room: u32,
    promoted: &mut Promoted,
) -> Result<Vec<Suppressed>, StoreError> {
    // One statement's rows: SKIP LOCKED leaves those to the person or node that has them in hand.
    let due = tx.pick(
        "SELECT t.id, t.contact_id, t.round, t.dials, c.phone, c.phone_hash, c.zone, s.source FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = c.phone_hash \
         WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.next_at <= $2 ORDER BY t.next_at LIMIT $3",
        "SELECT t.id, t.contact_id, t.round, t.dials, c.phone, c.phone_hash, c.zone, s.source FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = c.phone_hash \
         WHERE t.campaign_id = $1 AND t.status = 'waiting' AND t.next_at <= $2 ORDER BY t.next_at LIMIT $3 \
         FOR UPDATE OF t SKIP LOCKED",
    );
    let mut blocked = Vec::new();
    let mut ready = Vec::new();
    let mut expired = Vec::new();
    let mut deferred: BTreeMap<(Timestamp, String), Vec<TargetId>> = BTreeMap::new();
    for row in tx.all(due, args![campaign, now, BATCH]).await? {
        let (id, zone): (TargetId, Option<String>) = (row.get("id")?, row.get("zone")?);
        let phone: Option<Pii<E164>> = row.get("phone")?;
        let source: Option<SuppressionSource> = row.get("source")?;
        let place = match source {
            Some(source) => Place::Blocked(source.blocks()),
            None => place(rules, phone.as_ref().map(Pii::expose), zone.as_deref(), now),
        };
        match place {
            Place::Blocked(reason) => {
                blocked.push(Suppressed {
                    target: id,
                    contact: row.get("contact_id")?,
                    round: row.get("round")?,
                    dials: row.get("dials")?,
                    phone_hash: row.get("phone_hash")?,
                    reason,
                });
                if blocked.len() == BLOCKED {
                    break;
                }
            }
            Place::Ready if room > 0 => {
                room -= 1;
                ready.push(id);
            }
            Place::Ready => break,
            Place::At(opening, held) => deferred.entry((opening, held.to_string())).or_default().push(id),
            Place::Expired => expired.push(id),
        }
    }
    promoted.ready += set(tx, "status = 'ready'", None, now, &ready).await?;
    promoted.expired += set(tx, "status = 'expired'", None, now, &expired).await?;
    for ((opening, held), ids) in &deferred {
        // Of names that are our own: nothing in it comes from outside.
        let change = format!("next_at = $2, held_by = '{held}'");
        promoted.deferred += set(tx, &change, Some(*opening), now, ids).await?;
    }
    Ok(blocked)
}

/// A target whose number is suppressed. The gate would turn it away as well; where very many of them come first, claims
/// would not get past them.
struct Suppressed {
    target: TargetId,
    contact: ContactId,
    round: i64,
    dials: i64,
    phone_hash: String,
    reason: BlockedReason,
}

/// Blocks targets, each with an attempt that was not placed, so that it shows among the calls.
async fn block(tx: &mut Tx, terms: &Terms, now: Timestamp, suppressed: &[Suppressed]) -> Result<(), StoreError> {
    const COLUMNS: &str = "INSERT INTO attempt (org_id, campaign_id, state, live, node_id, epoch, lease_until, send_at, \
                           send_by, claimed_at, ended_at, trunk_id, caller_id, assistant_version_id, ring_timeout_s, \
                           max_call_duration_s, immediate, technical, consumes_retry, id, target_id, contact_id, round, \
                           dial_no, kind, phone_hash, disconnection_reason, blocked_reason) VALUES ";
    let settings = &terms.ready.rules.settings;
    let trunk = terms.trunks.first().map_or(terms.ready.campaign.data.trunk, |trunk| trunk.id);
    for part in suppressed.chunks(50) {
        let mut sql = COLUMNS.to_owned();
        // What is the same for all comes first; nobody's node has claimed them.
        let mut args = args![
            terms.org,
            terms.ready.campaign.id,
            AttemptState::NotPlaced,
            false,
            NodeId::from_u128(0),
            0_i64,
            now,
            trunk,
            terms.caller_id,
            terms.assistant_version,
            settings.ring_timeout_s,
            settings.max_call_duration_s
        ];
        for (index, one) in part.iter().enumerate() {
            let first = args.len() + 1;
            let kind = if one.dials == 0 { AttemptKind::First } else { AttemptKind::Retry };
            args.extend(args![
                AttemptId::generate(),
                one.target,
                one.contact,
                one.round,
                one.dials + 1,
                kind,
                one.phone_hash,
                one.reason.disconnection(),
                one.reason
            ]);
            let comma = if index == 0 { "" } else { ", " };
            let own: Vec<_> = (first..first + 9).map(|number| format!("${number}")).collect();
            write!(
                sql,
                "{comma}($1, $2, $3, $4, $5, $6, $7, $7, $7, $7, $7, $8, $9, $10, $11, $12, $4, $4, $4, {})",
                own.join(", ")
            )
            .expect("a string takes everything");
        }
        tx.execute_built(sql, args).await?;
    }
    let mut by_reason: BTreeMap<BlockedReason, Vec<TargetId>> = BTreeMap::new();
    for one in suppressed {
        by_reason.entry(one.reason).or_default().push(one.target);
    }
    for (reason, targets) in by_reason {
        let mut args = args![now, TargetState::Blocked, reason, reason.disconnection()];
        let mut sql = "UPDATE target SET updated_at = $1, status = $2, blocked_reason = $3, last_reason = $4, \
                       dials = dials + 1, callback_at = NULL, callback_asked_at = NULL, callback_missed_at = NULL, \
                       priority = base_priority WHERE id IN ("
            .to_owned();
        push_ids(&mut sql, &mut args, &targets);
        tx.execute_built(sql, args).await?;
    }
    Ok(())
}

/// A contact that cannot be dialed at all becomes READY as well: the gate blocks it, with its reason.
fn place(rules: &Rules, phone: Option<&E164>, zone: Option<&str>, now: Timestamp) -> Place {
    let Some(zones) = phone.and_then(|phone| rules.zones(zone, phone)) else {
        return Place::Ready;
    };
    match rules.opening(&zones, now) {
        Ok((from, _)) if from <= now => Place::Ready,
        Ok((from, _)) => Place::At(from, rules.held_until(&zones, from)),
        Err(Shut::Expired) => Place::Expired,
        Err(Shut::ZonesDisagree | Shut::Unlawful) => Place::Ready,
    }
}

/// Writes `change` to the targets, which this transaction has locked. `$2` in it is `value`.
pub(super) async fn set(
    tx: &mut Tx,
    change: &str,
    value: Option<Timestamp>,
    now: Timestamp,
    ids: &[TargetId],
) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut args = args![now];
    args.extend(value.map(|value| value.to_arg()));
    let mut sql = format!("UPDATE target SET updated_at = $1, {change} WHERE id IN (");
    push_ids(&mut sql, &mut args, ids);
    tx.execute_built(sql, args).await
}

/// Ends a statement that was opened with a bracket with the places of `ids`, and binds them.
fn push_ids(sql: &mut String, args: &mut Vec<Arg>, ids: &[TargetId]) {
    for (index, id) in ids.iter().enumerate() {
        args.push(id.to_arg());
        let comma = if index == 0 { "" } else { ", " };
        write!(sql, "{comma}${}", args.len()).expect("a string takes everything");
    }
    sql.push(')');
}
