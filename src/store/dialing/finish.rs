//! The end of attempts: what they come to, and what follows for their targets.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::node::Node;
use super::terms::{Book, Ready};
use super::writer::{Done, Job};
use super::{Dialing, callback, numbers, spend};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::{AnsweredBy, AttemptState, BlockedReason, EndedBy, TargetState};
use crate::dialer::claim::DialRefusal;
use crate::dialer::retry::{End, Hold, Round, Settled, planned, settle};
use crate::id::{AttemptId, CampaignId, ContactId, NodeId, OrgId, SuppressionId, TargetId};
use crate::pii::Pii;
use crate::store::attempt::AttemptKind;
use crate::store::call::{self, Call, Conversation};
use crate::store::suppression::SuppressionSource;
use crate::store::{StoreError, Tx, Wake, quota};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// The attempt.
    pub attempt: AttemptId,
    /// The node that dialed it.
    pub node: Node,
    /// Why.
    pub reason: DisconnectionReason,
    /// Final status of the INVITE.
    pub sip_code: Option<u16>,
    /// Q.850 cause.
    pub q850: Option<u8>,
    /// How long the far end asked us to wait.
    pub retry_after: Option<Duration>,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// What answered.
    pub answered_by: Option<AnsweredBy>,
    /// The contact hung up at once.
    pub immediate: bool,
    /// Something of ours failed.
    pub technical: bool,
    /// How long the call lasted from its answer; none when it was not answered.
    pub talked: Option<Duration>,
    /// When the contact asked to be called back, if they did.
    pub callback_at: Option<Timestamp>,
}

/// The record that goes with the end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The call.
    pub call: Call,
    /// What was said.
    pub conversation: Conversation,
}

/// The attempt that ends, its target and its contact, locked.
struct Ending {
    attempt: AttemptId,
    org: OrgId,
    campaign: CampaignId,
    target: TargetId,
    contact: ContactId,
    round: u32,
    kind: AttemptKind,
    state: AttemptState,
    /// Which of the contact's numbers it dialed.
    number: u32,
    phone_hash: String,
    /// What was agreed with the contact during the call.
    callback_at: Option<Timestamp>,
    now: Timestamp,
}

/// What is known of a target whose attempt has ended.
struct TargetRow {
    campaign: CampaignId,
    state: TargetState,
    round: u32,
    run_seq: i64,
    hold: Option<Hold>,
    last_reason: Option<DisconnectionReason>,
    phone: Option<Pii<E164>>,
    zone: Option<String>,
    /// Its contact has further numbers.
    has_further: bool,
}

/// What came of a call besides its end.
struct Heard {
    /// A person answered.
    answered: bool,
    /// How long they talked.
    talked_ms: Option<i64>,
    /// When they asked to be called back.
    asked: Option<Timestamp>,
    /// What their next dial waits for.
    held: Option<String>,
}

impl Dialing {
    /// Ends a sent attempt: its row, its legs, its target's next state and the record of the call, in one transaction.
    /// A node whose attempt was declared UNKNOWN meanwhile may still say how it ended.
    ///
    /// Returns where the target has come to; none when it had moved on (a new round was opened by a person).
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the attempt is not this node's, was never sent, or has ended; or when the database
    /// fails.
    pub async fn end_attempt(&self, end: &AttemptEnd, report: Option<&Report>) -> Result<Option<Settled>, StoreError> {
        let job = Job::End(Box::new(end.clone()), report.cloned().map(Arc::new));
        match self.writer.write(job).await? {
            Done::Ended(settled) => Ok(settled),
            Done::Written | Done::Dialed(_) => unreachable!("an end is answered as one"),
        }
    }

    /// Gives back a dial of which this process knows that nothing was sent, whether it was only claimed or committed as
    /// well: the attempt becomes NOT_PLACED and its target READY again.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the attempt is not this node's, or is past DIALING or over; or when the database
    /// fails.
    pub async fn release(&self, attempt: AttemptId, node: &Node) -> Result<(), StoreError> {
        self.writer.write(Job::Release(attempt, *node)).await.map(drop)
    }

    /// Declares an attempt UNKNOWN. Its channel stays taken until its legs are ended, see
    /// [`orphans`](Dialing::orphans).
    pub(super) async fn lose(&self, tx: &mut Tx, attempt: AttemptId, node: &Node) -> Result<(), StoreError> {
        let reason = DisconnectionReason::OutcomeUnknown;
        let ending = lock(tx, attempt, node).await?;
        if !ending.state.may_become(AttemptState::Unknown) {
            return Err(StoreError::Stale);
        }
        let target = lock_target(tx, ending.target).await?;
        let sql = "UPDATE attempt SET state = $2, ended_at = $3, disconnection_reason = $4, ended_by = $5, \
                   consumes_retry = $6 WHERE id = $1";
        let state = AttemptState::Unknown;
        tx.execute(sql, args![attempt, state, ending.now, reason, EndedBy::System, reason.consumes_retry()]).await?;
        quota::presume(tx, attempt, ending.now).await?;
        if target.state == TargetState::InProgress && target.round == ending.round {
            let ready = self.book.ready(tx, ending.campaign).await?;
            let what = End { reason, technical: true, retry_after: None, at: ending.now };
            let settled = settle_target(tx, &ready, &ending, attempt, (&target, None), &what).await?;
            let wish = ending.callback_at;
            let (settled, asked) = called_back(tx, &ready, &ending, &target, settled, wish).await?;
            let answered = matches!(ending.state, AttemptState::Answered | AttemptState::InConversation);
            let held = held_by(&ready, &target, &settled);
            let heard = Heard { answered, talked_ms: None, asked, held };
            write_target(tx, ending.target, &settled, reason, heard, ending.now).await?;
        }
        Ok(())
    }
}

/// The end's own part of a transaction.
pub(super) async fn end(
    tx: &mut Tx,
    book: &Book,
    end: &AttemptEnd,
    report: Option<&Report>,
) -> Result<Option<Settled>, StoreError> {
    let ending = lock(tx, end.attempt, &end.node).await?;
    let sent = ending.state.may_become(AttemptState::Ended) && ending.state.may_have_rung();
    if !sent {
        return Err(StoreError::Stale);
    }
    let settled = settle_end(tx, book, &ending, end).await?;
    write_end(tx, &ending, end).await?;
    let legs = "UPDATE leg SET state = 'ended', ended_at = $2 \
                WHERE attempt_id = $1 AND ended_at IS NULL AND NOT transfer";
    tx.execute(legs, args![end.attempt, ending.now]).await?;
    if end.reason == DisconnectionReason::VoiceCallsOptedOut {
        suppress(tx, &ending).await?;
    }
    if let Some(report) = report {
        quota::take_back(tx, end.attempt).await?;
        call::insert(tx, &report.call, &report.conversation).await?;
        if report.call.is_with_a_person() {
            let sql = "UPDATE target SET call_success = (call_success OR $2), interrupted = $3 WHERE id = $1";
            tx.execute(sql, args![ending.target, report.call.success, report.call.interrupted]).await?;
        }
    }
    tx.wake(Wake::Room);
    tx.wake(Wake::Targets(ending.campaign));
    Ok(settled)
}

/// The part of a transaction that gives back what was not sent.
pub(super) async fn release(tx: &mut Tx, attempt: AttemptId, node: &Node) -> Result<(), StoreError> {
    let ending = lock(tx, attempt, node).await?;
    if !matches!(ending.state, AttemptState::Claimed | AttemptState::Dialing) {
        return Err(StoreError::Stale);
    }
    withdraw(tx, attempt, ending.target, DialRefusal::TooLate, ending.now).await?;
    let legs = "UPDATE leg SET state = 'ended', ended_at = $2 \
                WHERE attempt_id = $1 AND ended_at IS NULL AND NOT transfer";
    tx.execute(legs, args![attempt, ending.now]).await?;
    Ok(())
}

async fn settle_end(
    tx: &mut Tx,
    book: &Book,
    ending: &Ending,
    end: &AttemptEnd,
) -> Result<Option<Settled>, StoreError> {
    let target = lock_target(tx, ending.target).await?;
    let expected = match ending.state {
        AttemptState::Unknown => {
            target.state == TargetState::Failed && target.last_reason == Some(DisconnectionReason::OutcomeUnknown)
        }
        AttemptState::Claimed
        | AttemptState::Dialing
        | AttemptState::Ringing
        | AttemptState::Answered
        | AttemptState::InConversation
        | AttemptState::Ended
        | AttemptState::NotPlaced
        | AttemptState::Cancelled => target.state == TargetState::InProgress,
    };
    if !expected || target.round != ending.round {
        return Ok(None);
    }
    let ready = book.ready(tx, ending.campaign).await?;
    let what = End { reason: end.reason, technical: end.technical, retry_after: end.retry_after, at: ending.now };
    let policy = target.has_further.then_some(ready.rules.settings.alternate_numbers);
    let ended = (end.reason, end.talked.is_some());
    let dialed = (ending.number, ending.phone_hash.as_str());
    let next = numbers::turned(tx, policy, ending.contact, dialed, ended, ending.now).await?;
    let settled = settle_target(tx, &ready, ending, end.attempt, (&target, next.as_ref()), &what).await?;
    let wish = end.callback_at.or(ending.callback_at);
    let (settled, asked) = called_back(tx, &ready, ending, &target, settled, wish).await?;
    // Whoever is promised a call is called where they were reached.
    if let Some(next) = next.filter(|_| asked.is_none() && !settled.state.is_final()) {
        numbers::turn_to(tx, ending.target, next.ordinal).await?;
    }
    let talked = end.talked.map(|talked| i64::try_from(talked.as_millis()).unwrap_or(i64::MAX));
    let in_person = matches!(end.answered_by, None | Some(AnsweredBy::Human | AnsweredBy::Unknown));
    let held = held_by(&ready, &target, &settled);
    let heard = Heard { answered: end.talked.is_some() && in_person, talked_ms: talked, asked, held };
    write_target(tx, ending.target, &settled, end.reason, heard, ending.now).await?;
    Ok(Some(settled))
}

/// What a target that waits again waits for: the opening that its retry was moved to, else the delay.
fn held_by(ready: &Ready, target: &TargetRow, settled: &Settled) -> Option<String> {
    let next_at = settled.next_at.filter(|_| settled.state == TargetState::Waiting)?;
    let phone = target.phone.as_ref().map(Pii::expose);
    let zones = phone.and_then(|phone| ready.rules.zones(target.zone.as_deref(), phone));
    let before = next_at - Duration::from_micros(1);
    let shut = zones.and_then(|zones| ready.rules.shut(&zones, before));
    Some(shut.map_or_else(|| "retry".to_owned(), |held| held.to_string()))
}

/// Whoever was promised a call gets it, at the next time that is allowed, unless a person decided otherwise meanwhile or
/// the run takes no more callbacks. With it comes the time they asked for.
async fn called_back(
    tx: &mut Tx,
    ready: &Ready,
    ending: &Ending,
    target: &TargetRow,
    settled: Settled,
    wish: Option<Timestamp>,
) -> Result<(Settled, Option<Timestamp>), StoreError> {
    let Some(wish) = wish.filter(|_| target.hold.is_none()) else { return Ok((settled, None)) };
    if !callback::takes(tx, ready, ending.target, ending.round, target.run_seq, Some(ending.attempt)).await? {
        return Ok((settled, None));
    }
    let phone = target.phone.as_ref().map(Pii::expose);
    let zones = phone.and_then(|phone| ready.rules.zones(target.zone.as_deref(), phone));
    Ok(match planned(&ready.rules, zones.as_ref(), wish.max(ending.now)) {
        Some(at) => (Settled { state: TargetState::Callback, next_at: Some(at), blocked: None }, Some(wish)),
        None => (settled, None),
    })
}

/// Ends a claim that was not sent, as the refusal says.
pub(super) async fn withdraw(
    tx: &mut Tx,
    attempt: AttemptId,
    target: TargetId,
    refusal: DialRefusal,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(reason) = refusal.disconnection() else {
        return Ok(());
    };
    let blocked = match refusal {
        DialRefusal::Suppressed(blocked) => Some(blocked),
        DialRefusal::LeaseLost
        | DialRefusal::CampaignStopped
        | DialRefusal::Shut(_)
        | DialRefusal::TrunkShut
        | DialRefusal::TooLate => None,
    };
    not_placed(tx, attempt, target, reason, blocked, now).await
}

/// A claimed attempt becomes NOT_PLACED; its target is READY again, or blocked, or what a person decided meanwhile.
pub(super) async fn not_placed(
    tx: &mut Tx,
    attempt: AttemptId,
    target: TargetId,
    reason: DisconnectionReason,
    blocked: Option<BlockedReason>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE attempt SET state = $2, live = $3, dialing_at = NULL, ended_at = $4, disconnection_reason = $5, \
               blocked_reason = $6, ended_by = $7 WHERE id = $1";
    let state = AttemptState::NotPlaced;
    tx.execute(sql, args![attempt, state, false, now, reason, blocked, EndedBy::System]).await?;
    let row = lock_target(tx, target).await?;
    if row.state == TargetState::InProgress {
        let next = match (row.hold, blocked) {
            (Some(Hold::Remove), _) => TargetState::Removed,
            // Another number of the same person may be callable: the gate looks.
            (None, Some(_)) if row.has_further => TargetState::Ready,
            (_, Some(_)) => TargetState::Blocked,
            (Some(Hold::Suspend), None) => TargetState::Suspended,
            (None, None) => TargetState::Ready,
        };
        let blocked = blocked.filter(|_| next == TargetState::Blocked);
        let sql = "UPDATE target SET status = $2, blocked_reason = $3, hold = NULL, updated_at = $4 WHERE id = $1";
        tx.execute(sql, args![target, next, blocked, now]).await?;
    }
    spend::settle(tx, spend::Of::Attempt, attempt, None).await?;
    tx.wake(Wake::Room);
    tx.wake(Wake::Targets(row.campaign));
    Ok(())
}

async fn lock(tx: &mut Tx, attempt: AttemptId, node: &Node) -> Result<Ending, StoreError> {
    let sql = tx.pick(
        "SELECT org_id, campaign_id, target_id, contact_id, round, kind, state, number, phone_hash, callback_at, node_id, \
         epoch FROM attempt WHERE id = $1",
        "SELECT org_id, campaign_id, target_id, contact_id, round, kind, state, number, phone_hash, callback_at, node_id, \
         epoch FROM attempt WHERE id = $1 FOR UPDATE",
    );
    let row = tx.one(sql, args![attempt]).await?;
    let (owner, epoch): (NodeId, i64) = (row.get("node_id")?, row.get("epoch")?);
    if owner != node.id || epoch != node.epoch {
        return Err(StoreError::Stale);
    }
    Ok(Ending {
        attempt,
        org: row.get("org_id")?,
        campaign: row.get("campaign_id")?,
        target: row.get("target_id")?,
        contact: row.get("contact_id")?,
        round: row.get("round")?,
        kind: row.get("kind")?,
        state: row.get("state")?,
        number: row.get("number")?,
        phone_hash: row.get("phone_hash")?,
        callback_at: row.get("callback_at")?,
        now: tx.now().await?,
    })
}

async fn lock_target(tx: &mut Tx, id: TargetId) -> Result<TargetRow, StoreError> {
    let sql = tx.pick(
        "SELECT t.campaign_id, t.status, t.round, t.run_seq, t.hold, t.last_reason, c.further_phones, \
         COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number WHERE t.id = $1",
        "SELECT t.campaign_id, t.status, t.round, t.run_seq, t.hold, t.last_reason, c.further_phones, \
         COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone FROM target t \
         JOIN contact c ON c.id = t.contact_id \
         LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number WHERE t.id = $1 FOR UPDATE OF t",
    );
    let row = tx.one(sql, args![id]).await?;
    Ok(TargetRow {
        campaign: row.get("campaign_id")?,
        state: row.get("status")?,
        round: row.get("round")?,
        run_seq: row.get("run_seq")?,
        hold: row.get("hold")?,
        last_reason: row.get("last_reason")?,
        phone: row.get("phone")?,
        zone: row.get("zone")?,
        has_further: row.get::<i64>("further_phones")? > 0,
    })
}

async fn settle_target(
    tx: &mut Tx,
    ready: &Ready,
    ending: &Ending,
    attempt: AttemptId,
    (target, next): (&TargetRow, Option<&numbers::Next>),
    end: &End,
) -> Result<Settled, StoreError> {
    let run = ready.run_of(target.run_seq);
    let most = match ending.kind {
        AttemptKind::First | AttemptKind::Retry => run.and_then(|run| run.max_retries),
        AttemptKind::Callback => run.and_then(|run| run.callbacks.max_retries.or(run.max_retries)),
    };
    let callback = ending.kind == AttemptKind::Callback;
    let another_number = next.is_some();
    let round = Round { most, callback, another_number, ..earlier_dials(tx, ending, attempt, end.reason).await? };
    let (phone, zone) = next.map_or((&target.phone, &target.zone), |next| (&next.phone, &next.zone));
    let phone = phone.as_ref().map(Pii::expose);
    let zones = phone.and_then(|phone| ready.rules.zones(zone.as_deref(), phone));
    Ok(settle(&ready.rules, zones.as_ref(), &round, end, target.hold))
}

/// The round's other dials. Callbacks have a budget of their own.
async fn earlier_dials(
    tx: &mut Tx,
    ending: &Ending,
    attempt: AttemptId,
    reason: DisconnectionReason,
) -> Result<Round, StoreError> {
    const SQL: &str = "SELECT kind, consumes_retry, dialing_at, disconnection_reason FROM attempt \
                       WHERE target_id = $1 AND round = $2 AND id <> $3";
    let mut round = Round::default();
    for row in tx.all(SQL, args![ending.target, ending.round, attempt]).await? {
        let kind: AttemptKind = row.get("kind")?;
        let sent: Option<Timestamp> = row.get("dialing_at")?;
        if sent.is_none() || (kind == AttemptKind::Callback) != (ending.kind == AttemptKind::Callback) {
            continue;
        }
        if row.get("consumes_retry")? {
            round.consumed += 1;
        } else {
            round.free += 1;
        }
        round.same_reason += u32::from(row.get::<Option<DisconnectionReason>>("disconnection_reason")? == Some(reason));
    }
    Ok(round)
}

async fn write_end(tx: &mut Tx, ending: &Ending, end: &AttemptEnd) -> Result<(), StoreError> {
    let withdrawn = end.reason == DisconnectionReason::Cancelled && ending.state.may_become(AttemptState::Cancelled);
    let state = if withdrawn { AttemptState::Cancelled } else { AttemptState::Ended };
    let sql = "UPDATE attempt SET state = $2, live = $3, ended_at = $4, disconnection_reason = $5, sip_code = $6, \
               q850 = $7, retry_after_s = $8, ended_by = $9, answered_by = $10, immediate = $11, technical = $12, \
               consumes_retry = $13, callback_at = COALESCE($14, callback_at) WHERE id = $1";
    let retry_after = end.retry_after.map(|after| i64::try_from(after.as_secs()).unwrap_or(i64::MAX));
    let args = args![
        end.attempt,
        state,
        false,
        ending.now,
        end.reason,
        end.sip_code,
        end.q850,
        retry_after,
        end.ended_by,
        end.answered_by,
        end.immediate,
        end.technical,
        end.reason.consumes_retry(),
        end.callback_at
    ];
    tx.execute(sql, args).await?;
    spend::settle(tx, spend::Of::Attempt, end.attempt, end.talked).await
}

async fn write_target(
    tx: &mut Tx,
    id: TargetId,
    settled: &Settled,
    reason: DisconnectionReason,
    heard: Heard,
    now: Timestamp,
) -> Result<(), StoreError> {
    let callback = (settled.state == TargetState::Callback).then_some(settled.next_at).flatten();
    let sql = "UPDATE target SET status = $2, next_at = COALESCE($3, next_at), callback_at = $4, blocked_reason = $5, \
               last_reason = $6, last_duration_ms = $7, sort_talked = COALESCE($7, 0), hold = NULL, priority = base_priority, updated_at = $8, \
               last_ended_at = $8, answered = (answered OR $9), callback_missed_at = NULL, \
               opens_at = CASE WHEN $2 = 'ready' THEN opens_at END, \
               held_by = $11, callback_asked_at = CASE WHEN $2 = 'callback' THEN COALESCE($10, callback_asked_at) END WHERE id = $1";
    let Heard { answered, talked_ms, asked, held } = heard;
    let mut args = args![id, settled.state, settled.next_at, callback, settled.blocked, reason, talked_ms, now];
    args.extend(args![answered, asked, held]);
    tx.execute(sql, args).await?;
    Ok(())
}

/// Who asked not to be called is not called on any of their numbers.
async fn suppress(tx: &mut Tx, ending: &Ending) -> Result<(), StoreError> {
    const NUMBERS: &str = "SELECT phone_hash FROM further_phone WHERE contact_id = $1 UNION SELECT phone_hash FROM contact \
                           WHERE id = $1 AND phone_hash IS NOT NULL AND further_phones > 0 ORDER BY 1";
    let sql = "INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) \
               VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT (org_id, phone_hash) DO NOTHING";
    let mut hashes = vec![ending.phone_hash.clone()];
    for row in tx.all(NUMBERS, args![ending.contact]).await? {
        hashes.push(row.get("phone_hash")?);
    }
    for hash in hashes {
        let (id, source) = (SuppressionId::generate(), SuppressionSource::SpokenOptOut);
        tx.execute(sql, args![id, ending.org, hash, source, ending.now]).await?;
    }
    Ok(())
}
