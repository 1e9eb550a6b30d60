//! Second legs: dials to whoever takes a caller over. They pass what every dial passes, in one transaction that puts the
//! leg on disk, and are found by others when their node is lost.
//!
//! Two rules of campaigns do not hold for them: calling hours and the spacing of calls to one number protect people who
//! are called, not a company's own staff; and a campaign's limits count the people it calls.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::limits::{self, Held, guarded};
use super::node::{self, Node};
use super::spend::{self, Reserved};
use super::{Dialing, breaker, one_row, seconds};
use crate::args;
use crate::campaign::law::policy::Bounds;
use crate::campaign::phone::E164;
use crate::campaign::settings::Settings;
use crate::campaign::states::BlockedReason;
use crate::dialer::pacing::{Limited, Limiter, Scope, interval, reserve};
use crate::id::{AttemptId, LegId, OrgId, SuppressionListId, TrunkId};
use crate::pii::Pii;
use crate::store::org::PhoneHash;
use crate::store::suppression::SuppressionSource;
use crate::store::suppression_list::listed;
use crate::store::{StoreError, Tx, Wake, policy};

/// A second leg about to be dialed.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferRequest {
    /// The leg's new id.
    pub leg: LegId,
    /// The node that dials.
    pub node: Node,
    /// Whose call it is.
    pub org: OrgId,
    /// The trunk it goes over.
    pub trunk: TrunkId,
    /// The attempt whose caller is handed over, where the call is one.
    pub attempt: Option<AttemptId>,
    /// The number shown.
    pub caller_id: Option<E164>,
    /// Who is rung; `None` for a SIP address without a number.
    pub callee: Option<TransferCallee>,
    /// The INVITE as far as it is needed to CANCEL it after a crash; opaque here. Kept as JSON.
    pub invite: Value,
    /// How long it may ring.
    pub ring_timeout: Duration,
    /// How long the two may talk.
    pub longest: Duration,
    /// How long the commit takes here: the dial's moment is at least this far ahead.
    pub headroom: Duration,
}

/// A number that a caller is to be handed over to.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferCallee {
    /// Whose call it is.
    pub org: OrgId,
    /// The attempt whose caller is handed over, where the call is one.
    pub attempt: Option<AttemptId>,
    /// The number shown.
    pub caller_id: Option<E164>,
    /// The number.
    pub to: Pii<E164>,
    /// Its hash.
    pub hash: PhoneHash,
}

/// A second leg that is on disk and may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferAdmitted {
    /// The database's time.
    pub now: Timestamp,
    /// When the INVITE is to leave.
    pub send_at: Timestamp,
    /// It must not leave later than this.
    pub send_by: Timestamp,
    /// It is the one call that tries whether the trunk is back.
    pub trial: bool,
}

/// Why a second leg is not dialed; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferDenied {
    /// A limit leaves no room.
    Limited(Limited),
    /// The number must not be called.
    Blocked(BlockedReason),
    /// The trunk is switched off or gone.
    TrunkOff,
}

/// How far a second leg has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferStep {
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// The caller talks to it: the attempt's own longest duration does not end it any more.
    Joined,
}

impl Dialing {
    /// Why a caller must not be handed over to a number, by us or by somebody else on our account, if so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refuses_transfer(&self, callee: &TransferCallee) -> Result<Option<BlockedReason>, StoreError> {
        let mut tx = self.db.read().await?;
        blocked(&mut tx, callee).await
    }

    /// Puts a second leg on disk, if its limits, the suppression lists, the guard against toll fraud and the trunk let it:
    /// all in one transaction, which is durable when this returns. The INVITE may leave from `send_at` on and until `send_by`.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the node's lease has run out, or when the database fails. A commit whose connection was
    /// lost may have taken place: do not dial.
    pub async fn admit_transfer(
        &self,
        request: &TransferRequest,
    ) -> Result<Result<TransferAdmitted, TransferDenied>, StoreError> {
        let mut tx = self.db.begin_brief_durable().await?;
        let scopes = [
            Some((Scope::Organisation, request.org.to_string())),
            Some((Scope::Trunk, request.trunk.to_string())),
            request.caller_id.as_ref().map(|number| (Scope::CallerId, format!("{}:{number}", request.org))),
        ];
        let mut locked = Vec::new();
        for (scope, id) in scopes.into_iter().flatten() {
            let held = limits::lock_one(&mut tx, scope, &id).await?;
            locked.push((scope, id, held));
        }
        let now = tx.now().await?;
        if node::lease_until(&mut tx, &request.node).await?.is_none_or(|until| until <= now) {
            return Err(StoreError::Stale);
        }
        let Some(limiters) = limiters(&mut tx, request, &locked, now).await? else {
            return Ok(Err(TransferDenied::TrunkOff));
        };
        if let Some(callee) = &request.callee
            && let Some(blocked) = blocked(&mut tx, callee).await?
        {
            return Ok(Err(TransferDenied::Blocked(blocked)));
        }
        let reservation = match reserve(now, request.headroom, &limiters) {
            Ok(reservation) => reservation,
            Err(limited) => return Ok(Err(TransferDenied::Limited(limited))),
        };
        let reserved = match afford(&mut tx, request, now).await? {
            Ok(reserved) => reserved,
            Err(limited) => return Ok(Err(TransferDenied::Limited(limited))),
        };
        for (scope, tat) in &reservation.tats {
            let Some((_, id, _)) = locked.iter().find(|(of, ..)| of == scope) else { continue };
            let sql = "UPDATE limiter SET tat = $3 WHERE scope = $1 AND scope_id = $2";
            tx.execute(sql, args![scope, id, tat]).await?;
        }
        let mut trial = false;
        if let Some((_, id, held)) = locked.iter_mut().find(|(of, ..)| *of == Scope::Trunk) {
            trial = held.breaker.admit(reservation.send_at, &request.leg.to_string());
            if trial {
                breaker::write(&mut tx, id, &held.breaker, now).await?;
            }
        }
        tx.execute(
            "INSERT INTO leg (id, org_id, attempt_id, trunk_id, state, invite, sent_at, transfer, node_id, epoch, \
             ring_timeout_s, longest_s) VALUES ($1, $2, $3, $4, 'sent', $5, $6, $7, $8, $9, $10, $11)",
            args![
                request.leg,
                request.org,
                request.attempt,
                request.trunk,
                request.invite,
                now,
                true,
                request.node.id,
                request.node.epoch,
                whole_seconds(request.ring_timeout),
                whole_seconds(request.longest)
            ],
        )
        .await?;
        if let Some(reserved) = &reserved {
            spend::reserve(&mut tx, request.org, spend::Of::Leg, request.leg, reserved).await?;
        }
        tx.commit().await?;
        Ok(Ok(TransferAdmitted { now, send_at: reservation.send_at, send_by: reservation.send_by, trial }))
    }

    /// Writes how far a second leg has come. `dialog` is what is needed to end it after a crash.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the leg is not this node's or has ended; or when the database fails.
    pub async fn transfer_progress(
        &self,
        leg: LegId,
        node: &Node,
        step: TransferStep,
        dialog: Option<&Value>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        let sql = match step {
            TransferStep::Ringing => {
                "UPDATE leg SET state = 'ringing', ringing_at = COALESCE(ringing_at, $4), dialog = COALESCE($5, dialog) \
                 WHERE id = $1 AND transfer AND node_id = $2 AND epoch = $3 AND state IN ('sent', 'ringing')"
            }
            TransferStep::Answered | TransferStep::Joined => {
                "UPDATE leg SET state = 'answered', answered_at = COALESCE(answered_at, $4), \
                 dialog = COALESCE($5, dialog) WHERE id = $1 AND transfer AND node_id = $2 AND epoch = $3 \
                 AND state IN ('sent', 'ringing', 'answered')"
            }
        };
        let dialog = dialog.cloned();
        one_row(tx.execute(sql, args![leg, node.id, node.epoch, now, dialog]).await?)?;
        if step == TransferStep::Joined {
            // From its dial to the longest end from here: what is older than that is taken for forgotten.
            let sql = "UPDATE attempt SET max_call_duration_s = ($2 - dialing_at) / 1000000 + \
                       (SELECT longest_s FROM leg WHERE id = $1) \
                       WHERE id = (SELECT attempt_id FROM leg WHERE id = $1) AND dialing_at IS NOT NULL";
            tx.execute(sql, args![leg, now]).await?;
        }
        tx.commit().await
    }

    /// A second leg is over, or was never sent: its channel is free.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the leg is not this node's or has ended; or when the database fails.
    pub async fn end_transfer(&self, leg: LegId, node: &Node) -> Result<(), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let now = tx.now().await?;
        // Also one that was taken for lost meanwhile: its owner knows best.
        let sql = "UPDATE leg SET state = 'ended', ended_at = $4 \
                   WHERE id = $1 AND transfer AND node_id = $2 AND epoch = $3 AND ended_at IS NULL";
        one_row(tx.execute(sql, args![leg, node.id, node.epoch, now]).await?)?;
        let answered = tx.one("SELECT answered_at FROM leg WHERE id = $1", args![leg]).await?;
        let answered: Option<Timestamp> = answered.get("answered_at")?;
        let talked = answered.map(|answered| Duration::try_from(now.duration_since(answered)).unwrap_or_default());
        spend::settle(&mut tx, spend::Of::Leg, leg, talked).await?;
        tx.wake(Wake::Room);
        tx.commit().await
    }
}

/// Makes orphans of the second legs of lost nodes, and of those that a living one has forgotten.
pub(super) async fn orphan_transfers(
    tx: &mut Tx,
    now: Timestamp,
    timer_b: Duration,
    forgotten: Duration,
    batch: i64,
) -> Result<u32, StoreError> {
    let sql = tx.pick(
        "SELECT l.id, l.sent_at, l.answered_at, l.ring_timeout_s, l.longest_s FROM leg l \
         LEFT JOIN node n ON n.id = l.node_id AND n.epoch = l.epoch \
         WHERE l.transfer AND l.ended_at IS NULL AND l.state <> 'orphan' AND (n.id IS NULL OR n.lease_until <= $1 \
         OR l.sent_at < $1 - (l.ring_timeout_s + l.longest_s) * 1000000 - $2) LIMIT $3",
        "SELECT l.id, l.sent_at, l.answered_at, l.ring_timeout_s, l.longest_s FROM leg l \
         LEFT JOIN node n ON n.id = l.node_id AND n.epoch = l.epoch \
         WHERE l.transfer AND l.ended_at IS NULL AND l.state <> 'orphan' AND (n.id IS NULL OR n.lease_until <= $1 \
         OR l.sent_at < $1 - (l.ring_timeout_s + l.longest_s) * 1000000 - $2) LIMIT $3 FOR UPDATE OF l SKIP LOCKED",
    );
    let mut found = 0;
    for row in tx.all(sql, args![now, super::micros(forgotten), batch]).await? {
        let (leg, sent): (LegId, Timestamp) = (row.get("id")?, row.get("sent_at")?);
        let answered: Option<Timestamp> = row.get("answered_at")?;
        let free_at = match answered {
            Some(answered) => answered + seconds(row.get("longest_s")?),
            None => sent + seconds(row.get("ring_timeout_s")?) + timer_b,
        };
        let sql = "UPDATE leg SET state = 'orphan', free_at = $2 WHERE id = $1";
        tx.execute(sql, args![leg, free_at.max(now)]).await?;
        found += 1;
    }
    Ok(found)
}

/// Whether the number called stands on a list of the organisation or of the call's campaign, or is one that costs more than
/// a call should.
async fn blocked(tx: &mut Tx, callee: &TransferCallee) -> Result<Option<BlockedReason>, StoreError> {
    const SQL: &str = concat!(
        "SELECT (SELECT source FROM suppression WHERE org_id = $1 AND phone_hash = $2) AS source, ",
        listed!("$2", "$1", "(SELECT campaign_id FROM attempt WHERE id = $3)"),
        " AS list"
    );
    let row = tx.one(SQL, args![callee.org, callee.hash, callee.attempt]).await?;
    let (source, list): (Option<SuppressionSource>, Option<SuppressionListId>) = (row.get("source")?, row.get("list")?);
    if let Some(reason) = SuppressionSource::strongest(source, list.is_some()) {
        return Ok(Some(reason));
    }
    let (policy, _) = policy::get(tx, callee.org).await?;
    let bounds = Bounds::new(&policy, &Settings::default());
    let bounds = match &callee.caller_id {
        Some(from) => bounds.calling_from(from),
        None => bounds,
    };
    Ok(bounds.refuses(callee.to.expose()))
}

/// What the leg reserves of what the organisation's calls of the day may cost; nothing where they have no limit, or where
/// the leg goes to an address.
async fn afford(
    tx: &mut Tx,
    request: &TransferRequest,
    now: Timestamp,
) -> Result<Result<Option<Reserved>, Limited>, StoreError> {
    let Some(callee) = &request.callee else { return Ok(Ok(None)) };
    let (policy, _) = policy::get(tx, request.org).await?;
    let Some(rules) = &policy.spend else { return Ok(Ok(None)) };
    let room = spend::room(tx, request.org, rules, callee.to.expose(), request.trunk, request.longest, now).await?;
    Ok(room.map(Some))
}

/// The limits above this leg, counted under their locks; `None` where the trunk takes no calls.
async fn limiters(
    tx: &mut Tx,
    request: &TransferRequest,
    locked: &[(Scope, String, Held)],
    now: Timestamp,
) -> Result<Option<Vec<Limiter>>, StoreError> {
    const TERMS: &str = "SELECT o.calls_per_minute AS org_rate, o.max_concurrent_calls AS org_most, t.enabled, \
                         t.calls_per_minute AS trunk_rate, t.max_channels AS trunk_most, \
                         t.caller_id_calls_per_minute AS caller_id_rate FROM org o, trunk t \
                         WHERE o.id = $1 AND t.id = $2 AND t.org_id = $1";
    let Some(terms) = tx.optional(TERMS, args![request.org, request.trunk]).await? else { return Ok(None) };
    let enabled: bool = terms.get("enabled")?;
    if !enabled {
        return Ok(None);
    }
    let (org_live, trunk_live) = limits::live(tx, request.org, request.trunk).await?;
    let limiter = |(scope, _, held): &(Scope, String, Held)| -> Result<Limiter, StoreError> {
        let (rate, live, most_live): (Option<u32>, u32, Option<u32>) = match scope {
            Scope::Organisation => (terms.get("org_rate")?, org_live, terms.get("org_most")?),
            Scope::Trunk => (terms.get("trunk_rate")?, trunk_live, terms.get("trunk_most")?),
            Scope::CallerId => (terms.get("caller_id_rate")?, 0, None),
            Scope::Campaign | Scope::CallerDay | Scope::Spend | Scope::Node | Scope::Providers => (None, 0, None),
        };
        let plain =
            Limiter { scope: *scope, tat: held.tat, interval: rate.map(interval), live, most_live, closed_until: None };
        Ok(match rate.filter(|_| *scope == Scope::Trunk) {
            Some(rate) => guarded(plain, rate, &held.breaker, now),
            None => plain,
        })
    };
    locked.iter().map(limiter).collect::<Result<_, _>>().map(Some)
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
