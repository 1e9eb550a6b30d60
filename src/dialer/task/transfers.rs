//! Second legs of transfers: let through the limits, put on disk, and followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{DialogSnapshot, Flow};
use jiff::Timestamp;
use serde_json::Value;

use super::trunks::Ways;
use super::{Shared, dial};
use crate::call::outcome::CallOutcome;
use crate::call::transfer::desk::{
    Admission, LegNote, NotAdmitted, Noting, Permission, SecondLeg, TransferDesk, TransferDial, Tried,
};
use crate::call::transfer::destination::Destination;
use crate::campaign::phone::E164;
use crate::dialer::pacing::Limited;
use crate::id::{LegId, TrunkId};
use crate::pii::Pii;
use crate::store::StoreError;
use crate::store::dialing::{TransferAdmitted, TransferCallee, TransferDenied, TransferRequest, TransferStep};
use crate::time::{self, Boot, Latest};
use crate::trunk::plan::{InvitePlan, TrunkRoute, dialog_to_json};

/// How long a leg may wait for its turn at the limits' pace.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same while there is another trunk to turn to.
const BRIEFLY: Duration = Duration::from_secs(1);
/// How long the question whether a destination is allowed may take.
const PERMISSION: Duration = Duration::from_secs(2);
/// How long the commit takes at most in good times; the INVITE's moment is so far ahead. Whoever waits hears music.
const HEADROOM: Duration = Duration::from_millis(300);
/// How late after its moment an INVITE may leave: one late leg upsets no pace, and a caller waits for this one.
const LATE: Duration = Duration::from_millis(500);
/// Pause before the end of a leg is written again; doubles up to [`LONGEST_RETRY`].
const RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// A second leg that is on its way or up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialed {
    trunk: TrunkId,
    flow: Flow,
    sent_at: Timestamp,
    /// It tries whether its trunk is back.
    trial: bool,
}

/// The dialer's side of transfers.
pub(super) struct Desk(pub(super) Arc<Shared>);

impl TransferDesk for Desk {
    fn permits(&self, dial: &TransferDial) -> Permission {
        let (shared, dial) = (Arc::clone(&self.0), dial.clone());
        Box::pin(async move { shared.permit(&dial).await })
    }

    fn admit(&self, dial: TransferDial) -> Admission {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.admit_second(dial).await })
    }

    fn note(&self, leg: LegId, note: LegNote) -> Noting {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.keep_note(leg, note).await })
    }
}

impl Shared {
    /// What the store says, in time: a caller waits for it.
    async fn permit(&self, dial: &TransferDial) -> Result<(), NotAdmitted> {
        let Some(to) = dial.to.rung() else { return Ok(()) };
        let callee = self.callee(dial, to);
        match tokio::time::timeout(PERMISSION, self.dialing.refuses_transfer(&callee)).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(NotAdmitted::Blocked),
            Ok(Err(error)) => {
                tracing::warn!(leg = %dial.leg, %error, "it could not be told whether a caller may be handed over");
                Err(NotAdmitted::Store)
            }
            Err(_) => Err(NotAdmitted::Store),
        }
    }

    fn callee(&self, dial: &TransferDial, to: Pii<E164>) -> TransferCallee {
        TransferCallee {
            org: dial.org,
            attempt: dial.attempt,
            caller_id: dial.from.as_ref().map(|number| number.expose().clone()),
            hash: self.parts.phones.hash(to.expose()),
            to,
        }
    }

    /// Goes through the trunks that the number is led over until one has room, those left that have not given the leg up.
    /// Nobody was rung before: the next one is not a second call.
    async fn admit_second(&self, dial: TransferDial) -> Result<Box<SecondLeg>, NotAdmitted> {
        let mut trunks = match &dial.to {
            Destination::Number(number) => {
                let from = dial.from.as_ref().map(|number| number.expose());
                let led = self.trunks.lead(dial.org, number.expose(), from, dial.trunk).await;
                led.map_err(|_| NotAdmitted::Store)?
            }
            // There is one way to somebody's own address.
            Destination::Address(_) if !dial.tried.is_empty() => Vec::new(),
            Destination::Address(_) => vec![dial.trunk],
        };
        trunks.retain(|trunk| is_left(*trunk, &dial.tried));
        let last = trunks.pop().ok_or(NotAdmitted::Unreachable)?;
        for trunk in trunks {
            match self.admit_over(TransferDial { trunk, ..dial.clone() }, BRIEFLY).await {
                Err(NotAdmitted::NoRoom | NotAdmitted::Unreachable) => {}
                settled @ (Ok(_) | Err(NotAdmitted::Blocked | NotAdmitted::Store)) => return settled,
            }
        }
        self.admit_over(TransferDial { trunk: last, ..dial }, PATIENCE).await
    }

    async fn admit_over(&self, dial: TransferDial, patience: Duration) -> Result<Box<SecondLeg>, NotAdmitted> {
        let (route, invite) = self.plan(&dial).await?;
        let stored: Value = serde_json::from_str(&invite.to_json()).expect("a plan is JSON");
        let give_up = time::now().mono + patience;
        loop {
            let (began, booted) = (time::now(), time::boot());
            let request = TransferRequest {
                leg: dial.leg,
                node: self.node(),
                org: dial.org,
                trunk: dial.trunk,
                attempt: dial.attempt,
                caller_id: dial.from.as_ref().map(|number| number.expose().clone()),
                callee: dial.to.rung().map(|number| self.callee(&dial, number)),
                invite: stored.clone(),
                ring_timeout: dial.ring,
                longest: dial.longest,
                headroom: HEADROOM,
            };
            let until = match self.dialing.admit_transfer(&request).await {
                Ok(Ok(admitted)) => {
                    let dialed = Dialed {
                        trunk: dial.trunk,
                        flow: invite.flow,
                        sent_at: admitted.send_at,
                        trial: admitted.trial,
                    };
                    self.legs().insert(dial.leg, dialed);
                    return Ok(self.second_leg(&dial, route, invite, &admitted, (began.mono, booted)));
                }
                Ok(Err(TransferDenied::Blocked(_))) => return Err(NotAdmitted::Blocked),
                Ok(Err(TransferDenied::TrunkOff)) => return Err(NotAdmitted::Unreachable),
                Ok(Err(TransferDenied::Limited(Limited { until: None, .. }))) => return Err(NotAdmitted::NoRoom),
                Ok(Err(TransferDenied::Limited(Limited { until: Some(until), .. }))) => self.instant(until),
                Err(error) => {
                    tracing::warn!(leg = %dial.leg, %error, "a second leg was not put on disk");
                    return Err(NotAdmitted::Store);
                }
            };
            if until > give_up {
                return Err(NotAdmitted::NoRoom);
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Where the INVITE goes and what it says. A number goes over the trunk, an address to its own host by the trunk's
    /// transport.
    async fn plan(&self, dial: &TransferDial) -> Result<(TrunkRoute, InvitePlan), NotAdmitted> {
        let ways = self.trunks.ways(dial.org, dial.trunk).await.map_err(|_| NotAdmitted::Store)?;
        let Ways { first, rest } = ways.map_err(|_| NotAdmitted::Unreachable)?;
        let is_new = |route: &TrunkRoute| !dial.tried.iter().any(|tried| tried.flow == route.flow);
        let route = std::iter::once(first).chain(rest).find(is_new).ok_or(NotAdmitted::Unreachable)?;
        let from = dial.from.as_ref().map(|number| number.expose());
        match &dial.to {
            Destination::Number(number) => {
                let mut invite = InvitePlan::new(&route, number.expose(), from);
                if let Some(came) = &dial.came {
                    came.tell(&mut invite, &route.wording);
                }
                Ok((route, invite))
            }
            Destination::Address(uri) => {
                let flow = self.parts.router.direct(time::now(), uri, route.flow.transport).await;
                let flow = flow.map_err(|_| NotAdmitted::Unreachable)?;
                let sent_by = self.parts.router.sent_by(&flow);
                let invite = InvitePlan::to_address(flow, sent_by, uri, from, &route.domain);
                // The trunk's password is nobody else's business.
                Ok((TrunkRoute { credentials: None, ..route }, invite))
            }
        }
    }

    fn second_leg(
        &self,
        dial: &TransferDial,
        route: TrunkRoute,
        invite: InvitePlan,
        admitted: &TransferAdmitted,
        (began, booted): (Instant, Boot),
    ) -> Box<SecondLeg> {
        let send_at = self.instant(admitted.send_at);
        // A process that was frozen meanwhile does not send late: its lease may be lost.
        let send_before = self.instant(admitted.send_by).max(send_at + LATE).min(began + self.parts.lease / 3);
        Box::new(SecondLeg {
            trunk: dial.trunk,
            leg: dial.leg,
            invite,
            credentials: route.credentials,
            evidence: self.trunks.evidence(dial.trunk),
            send_at,
            send_before: Latest { mono: send_before, boot: booted.after(self.parts.lease / 3) },
        })
    }

    async fn keep_note(&self, leg: LegId, note: LegNote) {
        let node = self.node();
        let (step, dialog) = match note {
            LegNote::Ringing(dialog) => (TransferStep::Ringing, dialog),
            LegNote::Answered(dialog) => (TransferStep::Answered, dialog),
            LegNote::Joined => (TransferStep::Joined, None),
            LegNote::Over(outcome) => return self.leg_over(leg, outcome).await,
        };
        let dialog = dialog.as_deref().map(json);
        // The leg goes on whatever the database says; its end is written until it is.
        if let Err(error) = self.dialing.transfer_progress(leg, &node, step, dialog.as_ref()).await {
            tracing::warn!(%leg, %error, "the progress of a second leg was not written");
        }
    }

    async fn leg_over(&self, leg: LegId, outcome: Option<Box<CallOutcome>>) {
        let dialed = self.legs().remove(&leg);
        if let Some(Dialed { trunk, flow, sent_at, trial }) = dialed {
            match outcome {
                Some(outcome) => {
                    self.trunks.learn(&flow, &outcome);
                    self.learn(trunk, dial::distinct(&leg), sent_at, &outcome).await;
                }
                None if trial => self.give_way(trunk, &leg.to_string()).await,
                None => {}
            }
        }
        let mut pause = RETRY;
        loop {
            match self.dialing.end_transfer(leg, &self.node()).await {
                Ok(()) => return,
                // Given away with a lost lease: somebody else ends it.
                Err(StoreError::Stale | StoreError::NotFound) => return,
                Err(error) => tracing::warn!(%leg, %error, "the end of a second leg was not written yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_RETRY),
                () = self.stop.cancelled() => return,
            }
        }
    }

    fn legs(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<LegId, Dialed>> {
        self.second_legs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a trunk may still be tried.
fn is_left(trunk: TrunkId, tried: &[Tried]) -> bool {
    !tried.iter().any(|way| way.trunk == trunk && way.whole_trunk)
}

fn json(dialog: &DialogSnapshot) -> Value {
    serde_json::from_str(&dialog_to_json(dialog)).expect("a dialog is JSON")
}

#[cfg(test)]
mod tests {
    use callwright_sip::endpoint::{ListenerId, Transport};

    use super::*;

    #[test]
    fn a_trunk_is_left_until_it_has_given_up_as_a_whole() {
        let peer = "192.0.2.7:5060".parse().expect("an address");
        let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, peer };
        let [one, two] = [1, 2].map(TrunkId::from_u128);
        let tried = |trunk, whole_trunk| Tried { trunk, flow, whole_trunk };
        assert!(is_left(one, &[]));
        assert!(is_left(one, &[tried(one, false), tried(two, true)]), "it may have another server");
        assert!(!is_left(one, &[tried(one, false), tried(one, true)]));
    }
}
