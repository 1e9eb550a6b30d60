//! Calls that come in.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use callwright_sip::endpoint::Rejection;
use callwright_sip::message::{HeaderName, StatusCode};
use tokio::sync::mpsc;

use super::Calls;
use super::live::{Entry, Identity};
use crate::agent::conversation::Conversation;
use crate::call::call::Call;
use crate::call::facts;
use crate::call::inbound::{Admitted, Entrance};
use crate::call::leg::Leg;
use crate::call::leg::sip::SipLeg;
use crate::call::task::{CallTask, Parts, refuse};
use crate::call::transfer::came::CameBy;
use crate::id::{CallId, OrgId};
use crate::net::sip_driver::IncomingCall;
use crate::pii::Pii;
use crate::provider::catalog::Room;
use crate::stir::examine::Facts;
use crate::stir::service::unix;
use crate::stir::verdict::CallerIdentity;
use crate::time;

/// What a refused caller is told to wait when the node is full.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// With which status a call is refused, and what else is said.
pub(super) type Refusal = (StatusCode, Rejection);

/// A call is refused with this status alone.
pub(super) const fn plain(status: StatusCode) -> Refusal {
    (status, Rejection { retry_after: None, reason: None, phrase: None })
}

/// This node has no room. An organisation that has none gets 486: carriers take 503 for a fault of the whole trunk.
pub(super) const fn overload() -> Refusal {
    (StatusCode::SERVICE_UNAVAILABLE, Rejection { retry_after: Some(RETRY_AFTER), reason: None, phrase: None })
}

impl Calls {
    /// Takes calls until SIP ends.
    pub async fn serve(&self, mut incoming: mpsc::Receiver<IncomingCall>) {
        while let Some(call) = incoming.recv().await {
            let calls = self.clone();
            // Each waits at the door for itself: a slow database holds up nobody behind.
            self.inner.tasks.spawn(async move {
                let session = call.session;
                if let Err((status, rejection)) = calls.receive(call).await {
                    refuse(&calls.inner.services, session, status, rejection).await;
                }
            });
        }
    }

    /// Lets a call in and takes it, or says with which status it is refused.
    async fn receive(&self, incoming: IncomingCall) -> Result<(), Refusal> {
        if let Some(replaced) = incoming.invite.replaces {
            return self.replace(replaced, incoming);
        }
        let admitted = self.inner.inbound.read().unwrap_or_else(PoisonError::into_inner).admit(&incoming.invite);
        let admitted = admitted.map_err(plain)?;
        if self.is_full() {
            return Err(overload());
        }
        let vouched = self.vouched(&admitted, &incoming).await?;
        let call = CallId::generate();
        let door = self.door();
        let entrance = match &door {
            Some(door) => door.admit(call, admitted.org, admitted.trunk).await,
            None => Entrance::Unknown,
        };
        let taken = match entrance {
            Entrance::Full => return Err(plain(StatusCode::BUSY_HERE)),
            Entrance::Unknown if self.of_org(admitted.org) >= admitted.max_org_calls => {
                Err(plain(StatusCode::BUSY_HERE))
            }
            Entrance::Open | Entrance::Unknown => {
                if let Some(external) = admitted.external {
                    let _ = self.inner.services.sip.known_as(incoming.session, external).await;
                }
                self.take(call, admitted, incoming, vouched)
            }
        };
        if let (Err(_), Some(door)) = (&taken, door) {
            door.over(call);
        }
        taken
    }

    /// Who vouches for the caller, where anybody looks; or how the call is refused because nobody does.
    async fn vouched(&self, admitted: &Admitted, incoming: &IncomingCall) -> Result<Option<CallerIdentity>, Refusal> {
        let policy = admitted.identity;
        let Some(service) = self.identity() else { return Ok(None) };
        let facts = Facts::of(&incoming.invite.request);
        let Some(verdict) = service.check(&facts, policy, unix(time::now())).await else { return Ok(None) };
        if let Some(refusal) = verdict.refusal(policy) {
            let status = refusal.status.code();
            tracing::info!(trunk = %admitted.trunk, status, ?verdict, "a call is refused: nobody we trust vouches for its caller");
            return Err((refusal.status, Rejection { phrase: refusal.phrase, ..Rejection::default() }));
        }
        Ok(Some(verdict.into()))
    }

    /// Live calls of an organisation on this node, but for those of browsers.
    fn of_org(&self, org: OrgId) -> usize {
        self.inner.live.iter().filter(|entry| entry.identity.org == org && entry.identity.trunk.is_some()).count()
    }

    /// Starts the task of a call that came in, or says with which status it is refused.
    fn take(
        &self,
        call: CallId,
        admitted: Admitted,
        incoming: IncomingCall,
        vouched: Option<CallerIdentity>,
    ) -> Result<(), Refusal> {
        let IncomingCall { session, invite, events } = incoming;
        let Admitted { trunk, org, assistant, media: terms, arrival, called, .. } = admitted;
        let _one_at_a_time = self.inner.taking.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_full() {
            return Err(overload());
        }
        let services = &self.inner.services;
        let now = time::now();
        let media = services.media_address(invite.flow.listener).ok_or_else(overload)?;
        if !terms.allow(invite.flow.transport) {
            tracing::warn!(%trunk, "a call that came in is refused: its audio has to be encrypted and its signalling was not");
            return Err(plain(StatusCode::NOT_ACCEPTABLE_HERE));
        }
        let definition = &assistant.definition;
        if let Room::None(why) = services.providers.room(org, definition) {
            tracing::warn!(%why, "a call that came in is refused");
            return Err(overload());
        }
        let lineup = services.providers.lineup(org, definition).map_err(|_| overload())?;
        let mut variables = BTreeMap::new();
        let zone = facts::zone(None, arrival.caller.as_ref().map(Pii::expose));
        facts::add_diversion(&mut variables, arrival.diversion.as_ref());
        facts::add(&mut variables, now.wall, zone, &definition.language);
        let conversation = Conversation::new(definition, &variables, definition.turn.timing())
            .map_err(|_| plain(StatusCode::SERVER_INTERNAL_ERROR))?;
        let rtp = services.ports.bind().map_err(|_| overload())?;
        let local = terms.local(media, rtp.lease.port());
        let (leg, body) = SipLeg::inbound(local, invite.dialog.clone(), invite.body.as_ref()).map_err(|fault| {
            tracing::info!(%trunk, %fault, "a call that came in is refused: its description cannot be answered");
            plain(StatusCode::NOT_ACCEPTABLE_HERE)
        })?;
        let came = called.clone().map(|called| CameBy { called, diversion: arrival.diversion.clone() });
        let core = Call::inbound(now.mono, services.clocks.clone());
        let identity = Identity {
            call,
            org,
            trunk: Some(trunk),
            attempt: None,
            second_of: None,
            assistant,
            contact: arrival.caller.clone(),
            ours: called,
            started: now,
            vouched,
            arrival,
        };
        if let Some(call_id) = invite.request.headers.get(&HeaderName::CallId) {
            self.watch(&identity, call_id);
        }
        let (ends, entry) = Entry::new(identity.clone());
        let context = identity.context(variables);
        let recording = identity.recording();
        let dtmf = terms.dtmf;
        let (leg, body) = (Leg::Sip(leg), Some(body));
        let parts = Parts { call: core, conversation, lineup, context, leg, body, rtp, recording, dtmf };
        let task = CallTask::new(self.clone(), parts, ends).taking(session, events).come_by(came);
        self.spawn(identity, entry, task, None);
        Ok(())
    }
}
