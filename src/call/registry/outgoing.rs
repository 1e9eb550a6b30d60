//! Calls that we make: those the dialer orders, and the second legs of transfers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Calls;
use super::live::{Control, Entry, Identity};
use crate::agent::conversation::Conversation;
use crate::call::call::{Call, CallConfig};
use crate::call::facts;
use crate::call::leg::Leg;
use crate::call::leg::sip::SipLeg;
use crate::call::outcome::TrunkEvidence;
use crate::call::place::{ATTEMPT_EVENTS, AttemptEvent, CallPlacer, NotPlaced, PlaceCall};
use crate::call::task::{CallTask, Dial, Parts};
use crate::call::transfer::desk::{LegNote, SecondLeg, TransferDesk};
use crate::call::transfer::second::{self, SecondHandle, SecondOrder, SecondSide};
use crate::id::{CallId, LegId};
use crate::pii::Pii;
use crate::time;
use crate::trunk::callers::Arrival;
use crate::trunk::plan::leg_key;

/// The longest that a second leg is up before it is joined or given up: all clocks of a transfer together.
const SECOND_UNJOINED: Duration = Duration::from_secs(300);
/// How much later than the transfer's own clock that of its second leg is.
const SLACK: Duration = Duration::from_secs(5);

impl CallPlacer for Calls {
    fn place(&self, order: PlaceCall) -> mpsc::Receiver<AttemptEvent> {
        let (reports, receiver) = mpsc::channel(ATTEMPT_EVENTS);
        if let Err(why) = self.begin(order, &reports) {
            // The channel is empty: it takes this one.
            let _ = reports.try_send(AttemptEvent::NotPlaced(why));
        }
        receiver
    }
}

impl Calls {
    /// Starts the task of an order, or says why not.
    fn begin(&self, order: PlaceCall, reports: &mpsc::Sender<AttemptEvent>) -> Result<(), NotPlaced> {
        if self.is_full() {
            return Err(NotPlaced::Full);
        }
        if self.inner.live.contains_key(&order.call) {
            return Err(NotPlaced::Duplicate);
        }
        let config = CallConfig {
            ring_timeout: order.ring_timeout,
            max_duration: order.max_duration,
            early_hangup: order.early_hangup,
            ..self.inner.services.clocks.clone()
        };
        let identity = Identity {
            call: order.call,
            org: order.org,
            trunk: Some(order.trunk),
            attempt: Some((order.attempt, order.target)),
            second_of: None,
            assistant: order.assistant,
            contact: Some(order.to),
            ours: order.from,
            started: time::now(),
            vouched: None,
            arrival: Arrival::default(),
        };
        let PlaceCall { leg, invite, credentials, send_before, .. } = order;
        let dial = Dial { leg, invite, credentials, send_before };
        let outgoing = Outgoing { identity, variables: order.variables, config, evidence: order.evidence, dial };
        self.launch(outgoing, reports, |task| task).map(drop)
    }

    /// Dials the second leg of a transfer. What becomes of it is kept by the desk.
    pub(in crate::call) fn second(&self, order: SecondOrder) -> Result<SecondHandle, NotPlaced> {
        let SecondOrder { of, org, trunk, leg, to, from, assistant, variables, ring } = order;
        let SecondLeg { leg, invite, credentials, evidence, send_before, .. } = *leg;
        let (reports, kept) = mpsc::channel(ATTEMPT_EVENTS);
        if let Some(desk) = self.desk() {
            self.inner.tasks.spawn(keep_leg(desk, leg, kept));
        }
        let clocks = &self.inner.services.clocks;
        // The transfer has clocks of its own; these end a leg that it has lost sight of.
        let config = CallConfig { ring_timeout: ring + SLACK, max_duration: SECOND_UNJOINED, ..clocks.clone() };
        let identity = Identity {
            call: CallId::generate(),
            org,
            trunk: Some(trunk),
            attempt: None,
            second_of: Some(of),
            assistant,
            contact: to,
            ours: from,
            started: time::now(),
            vouched: None,
            arrival: Arrival::default(),
        };
        let outgoing =
            Outgoing { identity, variables, config, evidence, dial: Dial { leg, invite, credentials, send_before } };
        let (sender, news) = mpsc::channel(second::NEWS);
        let launched = match self.is_full() {
            true => Err(NotPlaced::Full),
            false => {
                let side = SecondSide { news: sender, joined: false };
                self.launch(outgoing, &reports, |task| task.for_transfer(side))
            }
        };
        match launched {
            Ok(control) => Ok(SecondHandle { control, news }),
            Err(why) => {
                let _ = reports.try_send(AttemptEvent::NotPlaced(NotPlaced::Stopping));
                Err(why)
            }
        }
    }

    /// Starts the task of a call that we make, or says why not.
    fn launch(
        &self,
        outgoing: Outgoing,
        reports: &mpsc::Sender<AttemptEvent>,
        make: impl FnOnce(CallTask) -> CallTask,
    ) -> Result<mpsc::Sender<Control>, NotPlaced> {
        let Outgoing { identity, mut variables, config, evidence, dial } = outgoing;
        let zone = facts::zone(None, identity.contact.as_ref().map(Pii::expose));
        facts::add(&mut variables, identity.started.wall, zone, &identity.assistant.definition.language);
        let services = &self.inner.services;
        let media = services.media_address(dial.invite.flow.listener).ok_or(NotPlaced::Listener)?;
        let assistant = &identity.assistant.definition;
        let lineup = services.providers.lineup(identity.org, assistant)?;
        let conversation = Conversation::new(assistant, &variables, assistant.turn.timing())?;
        let rtp = services.ports.bind()?;
        let (leg, body) = SipLeg::outbound(dial.invite.media.local(media, rtp.lease.port()));
        let call = Call::outbound(identity.started.mono, config, evidence);
        let (ends, entry) = Entry::new(identity.clone());
        let context = identity.context(variables);
        let recording = identity.recording();
        let host = dial.invite.sent_by.as_ref().map(|sent_by| sent_by.host.to_string());
        if let Some(host) = host.or_else(|| services.call_id_host(dial.invite.flow.listener)) {
            self.watch(&identity, leg_key(&services.secret, dial.leg).call_id(&host).as_bytes());
        }
        let dtmf = dial.invite.media.dtmf;
        let (leg, body) = (Leg::Sip(leg), Some(body));
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording, dtmf };
        let task = make(CallTask::new(self.clone(), parts, ends).placing(dial, reports.clone()));
        let control = entry.control.clone();
        self.spawn(identity, entry, task, Some(reports.clone()));
        Ok(control)
    }
}

/// A call that we make, before it has a task.
struct Outgoing {
    identity: Identity,
    variables: BTreeMap<String, Pii<String>>,
    config: CallConfig,
    evidence: TrunkEvidence,
    dial: Dial,
}

/// Keeps on disk how far a second leg has come, to its end.
async fn keep_leg(desk: Arc<dyn TransferDesk>, leg: LegId, mut events: mpsc::Receiver<AttemptEvent>) {
    while let Some(event) = events.recv().await {
        let note = match event {
            AttemptEvent::Ringing { dialog, .. } => LegNote::Ringing(dialog),
            AttemptEvent::Answered { dialog, .. } => LegNote::Answered(dialog),
            // Without an answer it goes nowhere else: where a caller is handed over to is decided once.
            AttemptEvent::InConversation { .. } | AttemptEvent::Redirected { .. } => continue,
            AttemptEvent::NotPlaced(_) => LegNote::Over(None),
            AttemptEvent::Ended(report) => LegNote::Over(Some(Box::new(report.outcome))),
        };
        desk.note(leg, note).await;
    }
}
