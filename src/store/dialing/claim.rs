//! The claim: the first of the two commits before an INVITE.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Dialing;
use super::limits::{self, Choice, Locked, NoChoice};
use super::node::{self, Node};
use super::promote::miss_callback;
use super::spend::{self, Reserved};
use super::terms::Terms;
use crate::agent::assistant::Disclosure;
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::{AttemptState, BlockedReason, TargetState};
use crate::dialer::claim::{Claim, ClaimDecision, ClaimView, MAX_CANDIDATES, decide};
use crate::dialer::gate::{Candidate, ContactNumber, DeferReason, Held, SameNumber};
use crate::dialer::numbers::looks_further;
use crate::dialer::pacing::{Limited, Reservation};
use crate::id::{AssistantVersionId, AttemptId, CampaignId, ContactId, OrgId, SuppressionListId, TargetId, TrunkId};
use crate::pii::Pii;
use crate::store::attempt::AttemptKind;
use crate::store::consent::consents;
use crate::store::suppression::SuppressionSource;
use crate::store::suppression_list::{self, listed};
use crate::store::{StoreError, Tx, Wake, contact, people_list};
use crate::trunk::breaker::Shut;

/// What a node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The node.
    pub node: Node,
    /// The campaign whose turn it is.
    pub campaign: CampaignId,
    /// How long the two commits before the INVITE take here: the dial's moment is at least this far ahead.
    pub headroom: Duration,
}

/// What a claim came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    /// The database's time.
    pub now: Timestamp,
    /// Targets that were due and were not to be dialed now, with what became of them.
    pub turned_away: Vec<(TargetId, TurnedAway)>,
    /// The attempt, or why there is none.
    pub result: Result<Box<Claimed>, Refused>,
    /// Why the trunk is left alone, when that is what leaves no room.
    pub shut: Option<Shut>,
}

/// Why there is no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A limit leaves no room.
    Limited(Limited),
    /// The campaign is not in progress, or all its trunks are switched off.
    Stopped,
    /// The ready queue is empty: promote.
    Empty,
    /// Only targets that are turned away came up; there may be others behind them: claim again.
    Again,
}

/// What became of a target that was not to be dialed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// Waits again.
    Deferred(Timestamp, DeferReason),
    /// Is blocked.
    Blocked(BlockedReason),
    /// No time is left for it in the campaign.
    Expired,
    /// Its callback came too late; it went to the head of the queue.
    CallbackMissed,
}

/// A claimed attempt: everything that placing the call needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The attempt.
    pub attempt: AttemptId,
    /// Whose it is.
    pub org: OrgId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The target.
    pub target: TargetId,
    /// The contact.
    pub contact: ContactId,
    /// Round of the target.
    pub round: u32,
    /// Number of this dial in its round.
    pub dial_no: u32,
    /// Why it is dialed.
    pub kind: AttemptKind,
    /// Whom to ring.
    pub to: Pii<E164>,
    /// The number to call from.
    pub caller_id: E164,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// It is the one call that tries whether the trunk is back.
    pub trial: bool,
    /// The campaign's other trunks that are switched on and that the number may go over, in order.
    pub other_trunks: Vec<TrunkId>,
    /// Who talks.
    pub assistant_version: AssistantVersionId,
    /// What the campaign demands to be told first.
    pub disclosure: Disclosure,
    /// The contact's name.
    pub name: Pii<String>,
    /// Values for the assistant's variables: the contact's, and over them the target's own.
    pub variables: Pii<BTreeMap<String, String>>,
    /// The time zone that the contact was given.
    pub zone: Option<String>,
    /// Seconds to let it ring.
    pub ring_timeout_s: u32,
    /// Longest duration of the call in seconds.
    pub max_call_duration_s: u32,
    /// Seconds after the answer within which a hang-up counts as immediate.
    pub early_hangup_s: u32,
    /// When the INVITE is to leave, on the database's clock: compare with [`Picked::now`].
    pub send_at: Timestamp,
    /// It must not leave later than this.
    pub send_by: Timestamp,
    /// When the claim's lease ends.
    pub lease_until: Timestamp,
}

/// A ready target, locked.
pub(super) struct Candidacy {
    pub(super) target: TargetId,
    pub(super) contact: ContactId,
    pub(super) round: u32,
    pub(super) name: Pii<String>,
    pub(super) variables: Pii<BTreeMap<String, String>>,
    /// Which of its numbers is looked at.
    pub(super) number: u32,
    /// A carrier said that this number does not exist.
    pub(super) invalid: bool,
    /// Its contact has further numbers.
    pub(super) has_further: bool,
    pub(super) phone_hash: Option<String>,
    /// The imported list that has its number.
    pub(super) list: Option<SuppressionListId>,
    /// Its callback was missed: this dial makes up for it.
    pub(super) late: bool,
    pub(super) candidate: Candidate,
}

impl Dialing {
    /// Claims the campaign's next target: locks the limits, counts, picks a READY target, asks the gate, and makes it
    /// an attempt in the state CLAIMED, all in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the node's lease has run out, [`StoreError::NotFound`] when there is no such
    /// campaign, or when the database fails.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Picked, StoreError> {
        self.claim_several(request, 1).await.map(|(_, picked)| picked)
    }

    /// As [`Dialing::claim`] for up to `most` targets, one after the other under the same locks. The first ones stand apart;
    /// the last, or why there are no more, is in what was picked.
    ///
    /// # Errors
    /// As [`Dialing::claim`].
    pub async fn claim_several(&self, request: &ClaimRequest, most: u32) -> Result<(Vec<Claimed>, Picked), StoreError> {
        let mut tx = self.db.begin_brief().await?;
        let terms = self.book.terms(&mut tx, request.campaign).await?;
        let mut locked = limits::lock(&mut tx, &terms).await?;
        let now = tx.now().await?;
        if node::lease_until(&mut tx, &request.node).await?.is_none_or(|until| until <= now) {
            return Err(StoreError::Stale);
        }
        let (mut claimed, mut turned_away) = (Vec::new(), Vec::new());
        let (result, shut) = loop {
            let choice = match locked.choose(&mut tx, &self.book, &terms, None, (now, request.headroom)).await? {
                Ok(choice) => choice,
                Err(NoChoice { why, shut }) => break (Err(why.into()), shut),
            };
            let mut turn = Turn { dialing: self, request, terms: &terms, locked: &mut locked, choice, now };
            match turn.pick(&mut tx, &mut turned_away).await? {
                Ok(one) if claimed.len() + 1 < most as usize => claimed.push(*one),
                result @ (Ok(_) | Err(_)) => break (result, None),
            }
        };
        // Otherwise there is nothing to write but rows of limiters that are new; the next claim makes them again.
        if result.is_ok() || !claimed.is_empty() || !turned_away.is_empty() {
            locked.write(&mut tx).await?;
            if turned_away.iter().any(|(_, fate)| matches!(fate, TurnedAway::Blocked(_) | TurnedAway::Expired)) {
                // The campaign may be complete with that.
                tx.wake(Wake::Targets(request.campaign));
            }
            tx.commit().await?;
        }
        Ok((claimed, Picked { now, turned_away, result, shut }))
    }
}

impl From<ClaimDecision> for Refused {
    fn from(decision: ClaimDecision) -> Self {
        match decision {
            ClaimDecision::Limited(limited) => Self::Limited(limited),
            ClaimDecision::Stopped => Self::Stopped,
            ClaimDecision::Claim(_)
            | ClaimDecision::Defer { .. }
            | ClaimDecision::Block(_)
            | ClaimDecision::Expire
            | ClaimDecision::CallbackMissed => Self::Again,
        }
    }
}

/// Where the routes let a candidate's number go.
enum Steered {
    /// Over the trunk that was chosen.
    Fits,
    /// Over another one, which has room.
    Over,
    /// Over others alone, and none of them has room.
    NoRoom(Refused),
}

/// What one claim goes through its candidates with.
pub(super) struct Turn<'a> {
    dialing: &'a Dialing,
    request: &'a ClaimRequest,
    pub(super) terms: &'a Terms,
    locked: &'a mut Locked,
    choice: Choice,
    pub(super) now: Timestamp,
}

impl Turn<'_> {
    async fn pick(
        &mut self,
        tx: &mut Tx,
        turned_away: &mut Vec<(TargetId, TurnedAway)>,
    ) -> Result<Result<Box<Claimed>, Refused>, StoreError> {
        for _ in 0..MAX_CANDIDATES {
            let Some(found) = self.next(tx).await? else {
                return Ok(Err(Refused::Empty));
            };
            let target = found.target;
            let decision = self.decide(&found.candidate);
            let policy = self.terms.ready.rules.settings.alternate_numbers;
            let (found, decision) = if found.has_further && looks_further(policy, found.invalid, &decision) {
                self.other_number(tx, found, decision).await?
            } else {
                (found, decision)
            };
            let steered = match decision {
                ClaimDecision::Claim(_) => self.steer(tx, &found.candidate).await?,
                ClaimDecision::Limited(_)
                | ClaimDecision::Defer { .. }
                | ClaimDecision::Block(_)
                | ClaimDecision::Expire
                | ClaimDecision::CallbackMissed
                | ClaimDecision::Stopped => Steered::Fits,
            };
            let decision = match steered {
                Steered::Fits => decision,
                Steered::Over => self.decide(&found.candidate),
                Steered::NoRoom(why) => return Ok(Err(why)),
            };
            match decision {
                ClaimDecision::Claim(claim) => {
                    return match self.afford(tx, &found).await? {
                        Ok(reserved) => self.claim(tx, found, claim, reserved).await.map(Ok),
                        Err(limited) => Ok(Err(Refused::Limited(limited))),
                    };
                }
                ClaimDecision::Defer { next_at, held } => {
                    self.defer(tx, target, next_at, held).await?;
                    turned_away.push((target, TurnedAway::Deferred(next_at, held.why)));
                }
                ClaimDecision::Block(reason) => {
                    self.block(tx, &found, reason).await?;
                    turned_away.push((target, TurnedAway::Blocked(reason)));
                }
                ClaimDecision::Expire => {
                    let sql = "UPDATE target SET status = 'expired', updated_at = $2 WHERE id = $1";
                    tx.execute(sql, args![target, self.now]).await?;
                    turned_away.push((target, TurnedAway::Expired));
                }
                ClaimDecision::CallbackMissed => {
                    miss_callback(tx, self.terms.org, target, self.now).await?;
                    turned_away.push((target, TurnedAway::CallbackMissed));
                }
                refused @ (ClaimDecision::Limited(_) | ClaimDecision::Stopped) => return Ok(Err(refused.into())),
            }
        }
        Ok(Err(Refused::Again))
    }

    /// Turns to another of the campaign's trunks where the routes do not let the number go over the one that was chosen.
    /// Their rows are locked already, so that every limit is counted as exactly as for the first choice.
    async fn steer(&mut self, tx: &mut Tx, candidate: &Candidate) -> Result<Steered, StoreError> {
        let ContactNumber::Valid(number) = &candidate.number else { return Ok(Steered::Fits) };
        if self.terms.ready.routes.is_empty() {
            return Ok(Steered::Fits);
        }
        let led = self.terms.lead(number.expose());
        if led.contains(&self.choice.trunk.id) {
            return Ok(Steered::Fits);
        }
        let (book, when) = (&self.dialing.book, (self.now, self.request.headroom));
        match self.locked.choose(tx, book, self.terms, Some(&led), when).await? {
            Ok(choice) => {
                self.choice = choice;
                Ok(Steered::Over)
            }
            Err(NoChoice { why, .. }) => Ok(Steered::NoRoom(why.into())),
        }
    }

    pub(super) fn decide(&self, candidate: &Candidate) -> ClaimDecision {
        decide(ClaimView {
            now: self.now,
            headroom: self.request.headroom,
            rules: &self.terms.ready.rules,
            limiters: &self.choice.limiters,
            candidate,
        })
    }

    /// Locks the first target of the ready queue that nobody else has locked, and reads what the gate asks for.
    async fn next(&self, tx: &mut Tx) -> Result<Option<Candidacy>, StoreError> {
        const READ: &str = concat!(
            "SELECT t.contact_id, t.round, t.dials, t.callback_at, t.callback_missed_at, t.overwrites, t.number, c.name, \
             COALESCE(p.phone, c.phone) AS phone, COALESCE(p.phone_hash, c.phone_hash) AS phone_hash, \
             COALESCE(p.zone, c.zone) AS zone, c.variables, c.further_phones, \
             CASE WHEN p.ordinal IS NULL THEN c.phone_invalid_at ELSE p.invalid_at END AS invalid_at, s.source, \
             t.list_id, t.case_id, ",
            listed!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "t.campaign_id"),
            " AS list, ",
            consents!("COALESCE(p.phone_hash, c.phone_hash)", "t.org_id", "$2"),
            " AS consents FROM target t JOIN contact c ON c.id = t.contact_id \
             LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number \
             LEFT JOIN suppression s ON s.org_id = t.org_id AND s.phone_hash = COALESCE(p.phone_hash, c.phone_hash) \
             WHERE t.id = $1"
        );
        let top = tx.pick(
            "SELECT id FROM target WHERE campaign_id = $1 AND status = 'ready' ORDER BY priority DESC, turn, next_at, \
             id LIMIT 1",
            "SELECT id FROM target WHERE campaign_id = $1 AND status = 'ready' ORDER BY priority DESC, turn, next_at, \
             id LIMIT 1 FOR UPDATE SKIP LOCKED",
        );
        let Some(row) = tx.optional(top, args![self.terms.ready.campaign.id]).await? else {
            return Ok(None);
        };
        let target: TargetId = row.get("id")?;
        let row = tx.one(READ, args![target, self.now]).await?;
        let phone: Option<Pii<E164>> = row.get("phone")?;
        let phone_hash: Option<String> = row.get("phone_hash")?;
        let source: Option<SuppressionSource> = row.get("source")?;
        let list: Option<SuppressionListId> = row.get("list")?;
        let contact: ContactId = row.get("contact_id")?;
        let further: i64 = row.get("further_phones")?;
        let same_number = match &phone_hash {
            Some(hash) => self.same_number(tx, target, hash, (further > 0).then_some(contact)).await?,
            None => SameNumber::default(),
        };
        let mut variables = contact::variables(&row, "variables")?.into_inner();
        variables.extend(people_list::brought_by(tx, row.get("list_id")?, row.get("case_id")?).await?);
        variables.extend(contact::variables(&row, "overwrites")?.into_inner());
        Ok(Some(Candidacy {
            target,
            contact,
            round: row.get("round")?,
            name: row.get("name")?,
            variables: Pii::new(variables),
            number: row.get("number")?,
            invalid: row.get::<Option<Timestamp>>("invalid_at")?.is_some(),
            has_further: further > 0,
            phone_hash,
            list: list.filter(|_| source.is_none()),
            late: row.get::<Option<Timestamp>>("callback_missed_at")?.is_some(),
            candidate: Candidate {
                number: phone.map_or(ContactNumber::Missing, ContactNumber::Valid),
                zone: row.get("zone")?,
                suppression: SuppressionSource::strongest(source, list.is_some()),
                consent: row.get::<i64>("consents")? > 0,
                callback_at: row.get("callback_at")?,
                dials: row.get("dials")?,
                same_number,
            },
        }))
    }

    /// What else happened on the number in the organisation, as far back as a rule looks. Dials to the other numbers of a
    /// `contact` that has several count as dials to the same person.
    pub(super) async fn same_number(
        &self,
        tx: &mut Tx,
        target: TargetId,
        hash: &str,
        contact: Option<ContactId>,
    ) -> Result<SameNumber, StoreError> {
        const OTHERS: &str = "SELECT dialing_at FROM attempt WHERE contact_id = $1 AND phone_hash <> $2 \
                              AND claimed_at > $3 AND dialing_at IS NOT NULL";
        const SQL: &str = "SELECT target_id, live, dialing_at, ended_at FROM attempt \
                           WHERE org_id = $1 AND phone_hash = $2 AND (live OR claimed_at > $3) ORDER BY claimed_at";
        let back = self.terms.ready.rules.look_back();
        // A call lasts an hour at most: one that ended within `back` was claimed within this.
        let since = self.now - back - Duration::from_secs(2 * 3600);
        let mut same = SameNumber::default();
        for row in tx.all(SQL, args![self.terms.org, hash, since]).await? {
            let (of, live): (TargetId, bool) = (row.get("target_id")?, row.get("live")?);
            let (dialed, ended): (Option<Timestamp>, Option<Timestamp>) =
                (row.get("dialing_at")?, row.get("ended_at")?);
            same.live |= live;
            if of != target && dialed.is_some() {
                same.other_ended = same.other_ended.max(ended);
            }
            same.started.extend(dialed);
        }
        if let Some(contact) = contact {
            for row in tx.all(OTHERS, args![contact, hash, since]).await? {
                same.started.push(row.get("dialing_at")?);
            }
        }
        same.started.sort_unstable();
        Ok(same)
    }

    /// What the call reserves of what the organisation's calls of the day may cost; nothing where they have no limit.
    async fn afford(&self, tx: &mut Tx, found: &Candidacy) -> Result<Result<Option<Reserved>, Limited>, StoreError> {
        let rules = &self.terms.ready.rules;
        let (Some(spend), ContactNumber::Valid(number)) = (rules.hours.bounds().spend(), &found.candidate.number)
        else {
            return Ok(Ok(None));
        };
        let longest = Duration::from_secs(rules.settings.max_call_duration_s.into());
        let trunk = self.choice.trunk.id;
        let room = spend::room(tx, self.terms.org, spend, number.expose(), trunk, longest, self.now).await?;
        Ok(room.map(Some))
    }

    async fn claim(
        &mut self,
        tx: &mut Tx,
        found: Candidacy,
        claim: Claim,
        reserved: Option<Reserved>,
    ) -> Result<Box<Claimed>, StoreError> {
        let (attempt, kind) = self.insert_attempt(tx, &found, &claim, None).await?;
        // A callback and its rank stay until the call has ended: one that is not sent is still a callback.
        let sql = "UPDATE target SET status = $2, dials = $3, updated_at = $4, number = $5 WHERE id = $1";
        tx.execute(sql, args![found.target, TargetState::InProgress, claim.dial_no, self.now, found.number]).await?;
        let over = self.choice.trunk.id;
        self.dialing.book.took(self.terms.ready.campaign.id, &self.choice.among, over);
        let trial = self.locked.reserve(tx, over, &claim.reservation, &attempt.to_string()).await?;
        let ContactNumber::Valid(to) = found.candidate.number else {
            return Err(StoreError::Corrupt { column: "phone" });
        };
        let other_trunks = self.terms.lead(to.expose()).into_iter().filter(|trunk| *trunk != over).collect();
        if let Some(reserved) = &reserved {
            spend::reserve(tx, self.terms.org, spend::Of::Attempt, attempt, reserved).await?;
        }
        let settings = &self.terms.ready.rules.settings;
        Ok(Box::new(Claimed {
            attempt,
            org: self.terms.org,
            campaign: self.terms.ready.campaign.id,
            target: found.target,
            contact: found.contact,
            round: found.round,
            dial_no: claim.dial_no,
            kind,
            to,
            caller_id: self.terms.caller_id.clone(),
            trunk: over,
            trial,
            other_trunks,
            assistant_version: self.terms.assistant_version,
            disclosure: self.terms.ready.campaign.data.disclosure.clone(),
            name: found.name,
            variables: found.variables,
            zone: found.candidate.zone,
            ring_timeout_s: settings.ring_timeout_s,
            max_call_duration_s: settings.max_call_duration_s,
            early_hangup_s: settings.early_hangup_s,
            send_at: claim.reservation.send_at,
            send_by: claim.send_by,
            lease_until: self.now + self.dialing.lease,
        }))
    }

    async fn insert_attempt(
        &self,
        tx: &mut Tx,
        found: &Candidacy,
        claim: &Claim,
        blocked: Option<BlockedReason>,
    ) -> Result<(AttemptId, AttemptKind), StoreError> {
        const SQL: &str = "INSERT INTO attempt (id, org_id, campaign_id, target_id, contact_id, round, dial_no, kind, \
                           state, live, node_id, epoch, lease_until, trunk_id, caller_id, phone_hash, \
                           assistant_version_id, ring_timeout_s, max_call_duration_s, send_at, send_by, claimed_at, \
                           immediate, technical, consumes_retry, ended_at, disconnection_reason, blocked_reason, \
                           run_id, number, phone) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                           $19, $20, $21, $22, $23, $23, $23, $24, $25, $26, $27, $28, $29)";
        let id = AttemptId::generate();
        let kind = match (found.candidate.callback_at.is_some() || found.late, found.candidate.dials) {
            (true, _) => AttemptKind::Callback,
            (false, 0) => AttemptKind::First,
            (false, _) => AttemptKind::Retry,
        };
        let settings = &self.terms.ready.rules.settings;
        let number = match &found.candidate.number {
            ContactNumber::Valid(number) => Some(number.expose().as_str()),
            ContactNumber::Missing | ContactNumber::Invalid => None,
        };
        // A refused dial is born dead: a live attempt on the same number must not keep it from being written.
        let state = if blocked.is_some() { AttemptState::NotPlaced } else { AttemptState::Claimed };
        let args = args![
            id,
            self.terms.org,
            self.terms.ready.campaign.id,
            found.target,
            found.contact,
            found.round,
            claim.dial_no,
            kind,
            state,
            state.is_live(),
            self.request.node.id,
            self.request.node.epoch,
            self.now + self.dialing.lease,
            self.choice.trunk.id,
            self.terms.caller_id,
            found.phone_hash.as_deref().unwrap_or_default(),
            self.terms.assistant_version,
            settings.ring_timeout_s,
            settings.max_call_duration_s,
            claim.reservation.send_at,
            claim.send_by,
            self.now,
            false,
            blocked.map(|_| self.now),
            blocked.map(BlockedReason::disconnection),
            blocked,
            self.terms.ready.rules.run_at(&found.candidate, claim.reservation.send_at),
            found.number,
            number
        ];
        tx.execute(SQL, args).await?;
        Ok((id, kind))
    }

    /// Back to waiting; a callback stays one, and keeps its rank, until its grace is over.
    async fn defer(&self, tx: &mut Tx, target: TargetId, next_at: Timestamp, held: Held) -> Result<(), StoreError> {
        // The opening of its hours leaves it its place in the list; what else holds it back makes it wait for its time.
        let sql = "UPDATE target SET status = 'waiting', next_at = $2, updated_at = $3, held_by = $4, \
                   opens_at = CASE WHEN opens_at IS NOT NULL AND $5 THEN $2 END WHERE id = $1";
        let listed = matches!(held.why, DeferReason::OutsideHours | DeferReason::Law | DeferReason::QuietHours);
        tx.execute(sql, args![target, next_at, self.now, held.to_string(), listed]).await?;
        Ok(())
    }

    /// Blocks a target and leaves an attempt that was not placed, so that it shows among the calls.
    async fn block(&self, tx: &mut Tx, found: &Candidacy, reason: BlockedReason) -> Result<(), StoreError> {
        let reservation = Reservation { send_at: self.now, send_by: self.now, tats: Vec::new() };
        let claim = Claim { dial_no: found.candidate.dials + 1, reservation, send_by: self.now };
        let (attempt, _) = self.insert_attempt(tx, found, &claim, Some(reason)).await?;
        let sql = "UPDATE target SET status = $2, blocked_reason = $3, dials = $4, last_reason = $5, \
                   callback_at = NULL, callback_asked_at = NULL, callback_missed_at = NULL, priority = base_priority, \
                   updated_at = $6 WHERE id = $1";
        let args = args![found.target, TargetState::Blocked, reason, claim.dial_no, reason.disconnection(), self.now];
        tx.execute(sql, args).await?;
        let list = found.list.filter(|_| reason == BlockedReason::Dnc);
        suppression_list::blame(tx, found.target, attempt, list).await
    }
}
