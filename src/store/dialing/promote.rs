//! Promotion: targets that are due and within their calling hours become READY, so that a claim finds one at the top
//! of a small index instead of searching among a million that are not due.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::close::{expire, is_open};
use super::queue::{Due, Levels};
use super::terms::{Ready, Terms};
use super::{CALLBACK_RANK, Dialing, MISSED_CALLBACK_RANK, queue, rounds};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use crate::dialer::gate::{CALLBACK_GRACE, Held, Rules, Shut};
use crate::id::{AttemptId, CampaignId, ContactId, NodeId, OrgId, SuppressionListId, TargetId};
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
const BATCH: i64 = 500;
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
        let mut tx = self.db.begin_brief().await?;
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
        let levels = Levels::of(&mut tx, campaign).await?;
        let due = levels.next(&mut tx, campaign, &ready.rules.settings, now, None, BATCH).await?;
        self.promote_waiting(&mut tx, &ready, now, due, limit, &mut promoted).await?;
        let next = "SELECT MIN(callback_at) AS value FROM target WHERE campaign_id = $1 AND status = 'callback'";
        let callback: Option<Timestamp> = tx.value(next, args![campaign]).await?;
        let due = Levels::of(&mut tx, campaign).await?.first_due();
        let opening = ready.rounds(now).next_opening(ready.rules.hours.zone(), now);
        promoted.next_due = [due, callback, opening, unswept.then_some(now)].into_iter().flatten().min();
        promoted.open = is_open(&mut tx, &ready, now).await?;
        tx.commit().await?;
        Ok(promoted)
    }

    /// Makes those that are due READY ahead of their turn when enough others already are, and these have a higher priority
    /// than the last of them: at most `limit` of one priority and above are READY that way. Costs next to nothing when
    /// there are none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such campaign, or when the database fails.
    pub async fn hurry(&self, campaign: CampaignId, limit: u32) -> Result<Hurried, StoreError> {
        let mut tx = self.db.read().await?;
        let now = tx.now().await?;
        let Some(floor) = lowest_ready(&mut tx, campaign).await? else { return Ok(Hurried::default()) };
        let next = Levels::of(&mut tx, campaign).await?.first_above(floor);
        drop(tx);
        if next.is_none_or(|due| due > now) {
            return Ok(Hurried { ready: 0, next });
        }
        let mut tx = self.db.begin_brief().await?;
        let ready = self.book.ready(&mut tx, campaign).await?;
        let levels = Levels::of(&mut tx, campaign).await?;
        let top = levels.highest_due(now).filter(|priority| *priority > floor);
        let Some(top) = top.filter(|_| ready.rules.state == CampaignState::InProgress) else {
            return Ok(Hurried::default());
        };
        const AHEAD: &str = "SELECT COUNT(*) AS value FROM (SELECT 1 FROM target WHERE campaign_id = $1 \
                             AND status = 'ready' AND priority >= $2 LIMIT $3) AS ahead";
        let ahead: i64 = tx.value(AHEAD, args![campaign, top, i64::from(limit)]).await?;
        let room = i64::from(limit) - ahead;
        if room <= 0 {
            return Ok(Hurried::default());
        }
        let due = levels.next(&mut tx, campaign, &ready.rules.settings, now, Some(top - 1), room).await?;
        let mut promoted = Promoted::default();
        self.promote_waiting(&mut tx, &ready, now, due, limit, &mut promoted).await?;
        let next = Levels::of(&mut tx, campaign).await?.first_above(floor);
        tx.commit().await?;
        Ok(Hurried { ready: promoted.ready, next })
    }

    /// Puts those that are due where they belong: READY while there is room, or where their hours and numbers say.
    async fn promote_waiting(
        &self,
        tx: &mut Tx,
        ready: &Ready,
        now: Timestamp,
        due: Vec<Due>,
        room: u32,
        promoted: &mut Promoted,
    ) -> Result<(), StoreError> {
        let sorted = sort(&ready.rules, now, &due, room)?;
        promoted.ready += make_ready(tx, now, &sorted.ready).await?;
        promoted.expired += set(tx, "status = 'expired'", None, now, &sorted.expired).await?;
        for ((opening, held), ids) in &sorted.deferred {
            // Of names that are our own: nothing in it comes from outside.
            let change = format!(
                "next_at = $2, held_by = '{held}', opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE $2 END"
            );
            promoted.deferred += set(tx, &change, Some(*opening), now, ids).await?;
        }
        if !sorted.blocked.is_empty() {
            let terms = self.book.terms(tx, ready.campaign.id).await?;
            block(tx, &terms, now, &sorted.blocked).await?;
            promoted.blocked += sorted.blocked.len() as u64;
            tx.wake(Wake::Targets(ready.campaign.id));
        }
        Ok(())
    }
}

/// What became of those that were due, and more urgent than the ones that are READY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hurried {
    /// How many became READY.
    pub ready: u64,
    /// When the next one is due; in the past when there are more by now. None when there is none to wait for, or as many
    /// are READY as may be.
    pub next: Option<Timestamp>,
}

/// The priority of the last in the ready queue.
async fn lowest_ready(tx: &mut Tx, campaign: CampaignId) -> Result<Option<i64>, StoreError> {
    let sql = tx.pick(
        "SELECT priority FROM target INDEXED BY target_ready WHERE campaign_id = $1 AND status = 'ready' \
         ORDER BY priority LIMIT 1",
        "SELECT priority FROM target WHERE campaign_id = $1 AND status = 'ready' ORDER BY priority LIMIT 1",
    );
    tx.optional(sql, args![campaign]).await?.map(|row| row.get("priority")).transpose()
}

async fn promote_callbacks(
    tx: &mut Tx,
    ready: &Ready,
    now: Timestamp,
    promoted: &mut Promoted,
) -> Result<(), StoreError> {
    let due = tx.pick(
        "SELECT t.id, t.callback_at, COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
         WHERE t.campaign_id = $1 AND t.status = 'callback' AND t.callback_at <= $2 ORDER BY t.callback_at LIMIT $3",
        "SELECT t.id, t.callback_at, COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
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
                           turn = 0, updated_at = $3 WHERE id = $1";
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
               turn = 0, priority = base_priority + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, MISSED_CALLBACK_RANK, now]).await?;
    let detail = json!({ "campaign": campaign, "planned": at, "asked": asked });
    audit::write(tx, org, &Actor::system("dialer"), "target.callback_missed", ("target", id.to_string()), detail).await
}

/// Where those that are due belong.
#[derive(Default)]
struct Sorted {
    /// With their turns.
    ready: Vec<(TargetId, i64)>,
    expired: Vec<TargetId>,
    deferred: BTreeMap<(Timestamp, String), Vec<TargetId>>,
    blocked: Vec<Suppressed>,
}

fn sort(rules: &Rules, now: Timestamp, due: &[Due], room: u32) -> Result<Sorted, StoreError> {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut sorted = Sorted::default();
    for Due { row, turn } in due {
        let (id, zone): (TargetId, Option<String>) = (row.get("id")?, row.get("zone")?);
        let phone: Option<Pii<E164>> = row.get("phone")?;
        let source: Option<SuppressionSource> = row.get("source")?;
        let list: Option<SuppressionListId> = row.get("list")?;
        // Whoever has further numbers is looked at by the gate, number by number.
        let only = row.get::<i64>("further_phones")? == 0;
        let place = match SuppressionSource::strongest(source, list.is_some()).filter(|_| only) {
            Some(reason) => Place::Blocked(reason),
            None => place(rules, phone.as_ref().map(Pii::expose), zone.as_deref(), now),
        };
        match place {
            Place::Blocked(reason) => {
                sorted.blocked.push(Suppressed {
                    target: id,
                    contact: row.get("contact_id")?,
                    round: row.get("round")?,
                    dials: row.get("dials")?,
                    phone_hash: row.get("phone_hash")?,
                    reason,
                    list: list.filter(|_| source.is_none()),
                });
                if sorted.blocked.len() == BLOCKED {
                    break;
                }
            }
            Place::Ready if sorted.ready.len() < room => sorted.ready.push((id, *turn)),
            Place::Ready => break,
            Place::At(opening, held) => sorted.deferred.entry((opening, held.to_string())).or_default().push(id),
            Place::Expired => sorted.expired.push(id),
        }
    }
    Ok(sorted)
}

/// Makes targets READY, each with its turn. Retries all have the same one; what comes from the list has its place there.
async fn make_ready(tx: &mut Tx, now: Timestamp, ready: &[(TargetId, i64)]) -> Result<u64, StoreError> {
    let (listed, timed): (Vec<_>, Vec<_>) =
        ready.iter().copied().partition(|(_, turn)| *turn != queue::BEHIND && *turn != queue::BEFORE);
    let ids = |of: &[(TargetId, i64)]| of.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let mut made = set(tx, "status = 'ready', turn = place", None, now, &ids(&listed)).await?;
    let first = timed.first().is_some_and(|(_, turn)| *turn == queue::BEFORE);
    let turn = format!("status = 'ready', turn = {}", if first { queue::BEFORE } else { queue::BEHIND });
    made += set(tx, &turn, None, now, &ids(&timed)).await?;
    Ok(made)
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
    /// The imported list that has it.
    list: Option<SuppressionListId>,
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
    let mut by_reason: BTreeMap<(BlockedReason, Option<SuppressionListId>), Vec<TargetId>> = BTreeMap::new();
    for one in suppressed {
        by_reason.entry((one.reason, one.list)).or_default().push(one.target);
    }
    for ((reason, list), targets) in by_reason {
        if let Some(list) = list {
            let mut args = args![now, list];
            let mut sql = "UPDATE attempt SET blocked_by = (SELECT name FROM suppression_list WHERE id = $2) \
                           WHERE claimed_at = $1 AND state = 'not_placed' AND target_id IN ("
                .to_owned();
            push_ids(&mut sql, &mut args, &targets);
            tx.execute_built(sql, args).await?;
        }
        let mut args = args![now, TargetState::Blocked, reason, reason.disconnection(), list];
        let mut sql =
            "UPDATE target SET updated_at = $1, status = $2, blocked_reason = $3, last_reason = $4, blocked_by = $5, \
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
