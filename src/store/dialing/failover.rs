//! Another trunk for a dial that the first one has given up before anybody was rung: one more leg of the same attempt.
//!
//! The attempt keeps its place in every limit that counts people and calls; the leg takes the rate token and the channel
//! of its own trunk, and reserves what that one costs. Everything that may have changed since the claim is looked at again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::commit;
use super::limits::{self, guarded};
use super::node::Node;
use super::terms::Ready;
use super::{Dialing, breaker, one_row, spend};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::AttemptState;
use crate::dialer::claim::{DialRefusal, may_dial_again};
use crate::dialer::pacing::{Limited, Limiter, Scope, interval, reserve};
use crate::id::{AttemptId, CampaignId, LegId, OrgId, TrunkId};
use crate::pii::Pii;
use crate::store::{StoreError, Tx};

/// Another leg for an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct FailoverRequest {
    /// The attempt, which is DIALING.
    pub attempt: AttemptId,
    /// The node that dials it.
    pub node: Node,
    /// The leg that failed.
    pub failed: LegId,
    /// With which status.
    pub sip_code: Option<u16>,
    /// The new leg's id.
    pub leg: LegId,
    /// The trunk it goes over.
    pub trunk: TrunkId,
    /// Its INVITE, as in [`DialRequest`](super::DialRequest).
    pub invite: Value,
    /// How long this commit takes here: the INVITE's moment is at least this far ahead.
    pub headroom: Duration,
}

/// A further leg that is on disk and may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedOver {
    /// When its INVITE leaves.
    pub send_at: Timestamp,
    /// It must not leave later than this.
    pub send_by: Timestamp,
    /// It is the one call that tries whether the trunk is back.
    pub trial: bool,
}

/// Why there is no further leg; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverDenied {
    /// The trunk has no room, or costs more than is left of the day's cap: another one may do.
    Limited(Limited),
    /// The trunk is gone or switched off: another one may do.
    TrunkOff,
    /// Nobody is to be dialed for this attempt any more.
    Refused(DialRefusal),
    /// The contact's hours close too soon.
    OutsideHours,
}

impl Dialing {
    /// Ends the failed leg and puts another one on disk, if the claim still holds, the campaign is in progress, the
    /// number is not suppressed, the hours are open and the trunk has room. When this returns `Ok(Ok(_))` the commit is
    /// durable and the INVITE may leave, under the same conditions as that of a dial.
    ///
    /// # Errors
    /// When the database fails. A commit whose connection was lost may have taken place: do not dial.
    pub async fn fail_over(&self, request: &FailoverRequest) -> Result<Result<FailedOver, FailoverDenied>, StoreError> {
        let mut tx = self.db.begin_brief_durable().await?;
        let Some(Contact { org, ready, .. }) = self.contact(&mut tx, request.attempt).await? else {
            return Ok(Err(FailoverDenied::Refused(DialRefusal::LeaseLost)));
        };
        let spend = ready.rules.hours.bounds().spend();
        if spend.is_some() {
            // Who reserves what a call may cost does so alone.
            limits::lock_one(&mut tx, Scope::Organisation, &org.to_string()).await?;
        }
        let trunk = request.trunk.to_string();
        let mut held = limits::lock_one(&mut tx, Scope::Trunk, &trunk).await?;
        let Some(claimed) = commit::read(&mut tx, request.attempt, &request.node).await? else {
            return Ok(Err(FailoverDenied::Refused(DialRefusal::LeaseLost)));
        };
        // Now that the campaign is locked: as its hours are and will be until the commit.
        let Some(contact) = self.contact(&mut tx, request.attempt).await? else {
            return Ok(Err(FailoverDenied::Refused(DialRefusal::LeaseLost)));
        };
        if let Err(refusal) = may_dial_again(&claimed.view) {
            return Ok(Err(FailoverDenied::Refused(refusal)));
        }
        let now = claimed.view.now;
        const TERMS: &str = "SELECT enabled, calls_per_minute, max_channels - COALESCE((SELECT i.reserve \
                             FROM trunk_inbound i WHERE i.trunk_id = trunk.id), 0) AS max_channels \
                             FROM trunk WHERE id = $1 AND org_id = $2";
        let terms = tx.optional(TERMS, args![request.trunk, claimed.org]).await?;
        let Some(terms) = terms.filter(|terms| terms.get("enabled").unwrap_or(false)) else {
            return Ok(Err(FailoverDenied::TrunkOff));
        };
        let rate: u32 = terms.get("calls_per_minute")?;
        let (_, live) = limits::live(&mut tx, claimed.org, request.trunk).await?;
        let plain = Limiter {
            scope: Scope::Trunk,
            tat: held.tat,
            interval: Some(interval(rate)),
            live,
            most_live: Some(terms.get("max_channels")?),
            closed_until: None,
        };
        let reservation = match reserve(now, request.headroom, &[guarded(plain, rate, &held.breaker, now)]) {
            Ok(reservation) => reservation,
            Err(limited) => return Ok(Err(FailoverDenied::Limited(limited))),
        };
        let Some(until) = contact.open_until(reservation.send_at) else {
            return Ok(Err(FailoverDenied::OutsideHours));
        };
        if let (Some(spend), Some(number)) = (spend, &contact.phone) {
            let (org, number, over) = (claimed.org, number.expose(), request.trunk);
            match spend::room_again(&mut tx, org, spend, number, over, request.attempt, now).await? {
                Ok(again) => spend::reserve_again(&mut tx, org, request.attempt, &again).await?,
                Err(limited) => return Ok(Err(FailoverDenied::Limited(limited))),
            }
        }
        for (_, tat) in &reservation.tats {
            let sql = "UPDATE limiter SET tat = $3 WHERE scope = $1 AND scope_id = $2";
            tx.execute(sql, args![Scope::Trunk, trunk, tat]).await?;
        }
        let trial = held.breaker.admit(reservation.send_at, &request.attempt.to_string());
        if trial {
            breaker::write(&mut tx, &trunk, &held.breaker, now).await?;
        }
        write(&mut tx, request, &claimed, (now, reservation.send_at)).await?;
        tx.commit().await?;
        Ok(Ok(FailedOver { send_at: reservation.send_at, send_by: reservation.send_by.min(until), trial }))
    }

    /// Whom an attempt is for, and the rules they are called by; none when the attempt is gone.
    async fn contact(&self, tx: &mut Tx, attempt: AttemptId) -> Result<Option<Contact>, StoreError> {
        const CONTACT: &str = "SELECT a.org_id, a.campaign_id, COALESCE(a.phone, c.phone) AS phone, \
                               COALESCE(p.zone, c.zone) AS zone FROM attempt a JOIN contact c ON c.id = a.contact_id \
                               LEFT JOIN further_phone p ON p.contact_id = a.contact_id AND p.ordinal = a.number \
                               AND p.phone_hash = a.phone_hash WHERE a.id = $1";
        let Some(row) = tx.optional(CONTACT, args![attempt]).await? else { return Ok(None) };
        let campaign: CampaignId = row.get("campaign_id")?;
        let ready = self.book.ready(tx, campaign).await?;
        Ok(Some(Contact { org: row.get("org_id")?, phone: row.get("phone")?, zone: row.get("zone")?, ready }))
    }
}

/// Whom an attempt is for.
struct Contact {
    org: OrgId,
    phone: Option<Pii<E164>>,
    zone: Option<String>,
    ready: Arc<Ready>,
}

impl Contact {
    /// The last moment to start ringing them, if `at` lies within their hours.
    fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let rules = &self.ready.rules;
        let zones = self.phone.as_ref().and_then(|phone| rules.zones(self.zone.as_deref(), phone.expose()))?;
        rules.opening(&zones, at).ok().filter(|(from, _)| *from <= at).map(|(_, until)| until)
    }
}

async fn write(
    tx: &mut Tx,
    request: &FailoverRequest,
    claimed: &commit::Claimed,
    (now, send_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let sql = "UPDATE leg SET state = 'ended', ended_at = $3, sip_code = $4 \
               WHERE id = $1 AND attempt_id = $2 AND ended_at IS NULL";
    one_row(tx.execute(sql, args![request.failed, request.attempt, now, request.sip_code.map(u32::from)]).await?)?;
    let sql = "INSERT INTO leg (id, org_id, attempt_id, trunk_id, state, invite, sent_at, ordinal) \
               SELECT $1, $2, $3, $4, 'sent', $5, $6, MAX(ordinal) + 1 FROM leg WHERE attempt_id = $3 AND NOT transfer";
    tx.execute(sql, args![request.leg, claimed.org, request.attempt, request.trunk, request.invite, send_at]).await?;
    // The channel goes with the leg.
    let sql = "UPDATE attempt SET trunk_id = $2 WHERE id = $1 AND epoch = $3 AND state = $4";
    let args = args![request.attempt, request.trunk, request.node.epoch, AttemptState::Dialing];
    one_row(tx.execute(sql, args).await?)
}
