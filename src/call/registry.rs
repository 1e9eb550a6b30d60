//! All calls of this node: placing them, taking them, listing them, ending them.

mod live;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use callwright_media::codec::Codec;
use callwright_media::negotiated::Direction;
use callwright_media::sdp::LocalMedia;
use callwright_sip::endpoint::{ListenerId, Orphan, RecoveryOutcome};
use callwright_sip::message::StatusCode;
use dashmap::DashMap;
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

pub(super) use self::live::Control;
use self::live::{Entry, Identity, remains_of_a_panic};
pub use self::live::{LiveCall, Stage, Supervision};
use super::call::{Call, CallConfig};
use super::inbound::{Admitted, InboundRoutes};
use super::insight::{self, Insight};
use super::leg::sip::SipLeg;
use super::outcome::TrunkEvidence;
use super::place::{ATTEMPT_EVENTS, AttemptEvent, CallPlacer, CallReport, NotPlaced, PlaceCall};
use super::providers::Providers;
use super::record::Recorder;
use super::task::{CallTask, Dial, Parts, Remains, refuse};
use super::tools::Toolbox;
use super::transfer::desk::{LegNote, SecondLeg, TransferDesk};
use super::transfer::second::{self, SecondHandle, SecondOrder, SecondSide};
use crate::agent::conversation::Conversation;
use crate::id::{CallId, LegId};
use crate::net::media_worker::{MediaWorkers, WorkerStats};
use crate::net::ports::{RtpPorts, RtpSocket};
use crate::net::sip_driver::{BoundListener, IncomingCall, InviteError, SipHandle};
use crate::pii::Pii;
use crate::provider::catalog::Room;
use crate::time;

/// The longest that a second leg is up before it is joined or given up: all clocks of a transfer together.
const SECOND_UNJOINED: Duration = Duration::from_secs(300);
/// How much later than the transfer's own clock that of its second leg is.
const SLACK: Duration = Duration::from_secs(5);
/// What a refused caller is told to wait when the node is full.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What calls need.
pub struct Services {
    /// SIP.
    pub sip: SipHandle,
    /// The listeners SIP has.
    pub listeners: Vec<BoundListener>,
    /// RTP ports.
    pub ports: RtpPorts,
    /// Media workers.
    pub workers: MediaWorkers,
    /// Records answered calls; without it none is recorded.
    pub recorder: Option<Recorder>,
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// Who recognises, thinks and speaks.
    pub providers: Arc<dyn Providers>,
    /// What assistants can do beside talking.
    pub toolbox: Arc<dyn Toolbox>,
    /// The clocks of calls; those that belong to one order are replaced by its own.
    pub clocks: CallConfig,
    /// The secret from which the names of legs derive.
    pub secret: [u8; 32],
    /// Calls at one time, in and out.
    pub max_calls: usize,
}

/// All calls of this node. Cloning shares them.
#[derive(Clone)]
pub struct Calls {
    inner: Arc<Inner>,
}

struct Inner {
    services: Arc<Services>,
    live: DashMap<CallId, Entry>,
    inbound: RwLock<InboundRoutes>,
    /// Lets second legs be dialed; without it no call is bridged.
    desk: RwLock<Option<Arc<dyn TransferDesk>>>,
    insight: RwLock<Insight>,
    /// Reports of calls that nobody ordered.
    inbound_reports: mpsc::Sender<CallReport>,
    draining: AtomicBool,
    panics: AtomicU64,
    tasks: TaskTracker,
}

impl Calls {
    /// No calls yet. Reports of inbound calls come out of the receiver; when it is full, ended calls wait with theirs.
    #[must_use]
    pub fn new(services: Services) -> (Self, mpsc::Receiver<CallReport>) {
        let (inbound_reports, receiver) = mpsc::channel(1_024);
        let inner = Inner {
            services: Arc::new(services),
            live: DashMap::new(),
            inbound: RwLock::new(InboundRoutes::default()),
            desk: RwLock::new(None),
            insight: RwLock::default(),
            inbound_reports,
            draining: AtomicBool::new(false),
            panics: AtomicU64::new(0),
            tasks: TaskTracker::new(),
        };
        (Self { inner: Arc::new(inner) }, receiver)
    }

    /// Says who may call and who answers, from the next call on.
    pub fn set_inbound(&self, routes: InboundRoutes) {
        *self.inner.inbound.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    /// Says who lets second legs be dialed, from the next transfer on.
    pub fn set_desk(&self, desk: Arc<dyn TransferDesk>) {
        *self.inner.desk.write().unwrap_or_else(PoisonError::into_inner) = Some(desk);
    }

    /// Says who looks at calls while they go on, from the next call on. Nobody does before.
    pub fn set_insight(&self, insight: Insight) {
        *self.inner.insight.write().unwrap_or_else(PoisonError::into_inner) = insight;
    }

    /// Takes calls until SIP ends.
    pub async fn serve(&self, mut incoming: mpsc::Receiver<IncomingCall>) {
        while let Some(call) = incoming.recv().await {
            if let Err((status, retry_after)) = self.take(call.session, call.events, &call.invite) {
                refuse(&self.inner.services, call.session, status, retry_after).await;
            }
        }
    }

    /// All live calls, in the order in which they began.
    #[must_use]
    pub fn list(&self) -> Vec<LiveCall> {
        let mut calls: Vec<LiveCall> = self.inner.live.iter().map(|entry| entry.live()).collect();
        calls.sort_by_key(|call| call.call);
        calls
    }

    /// One live call.
    #[must_use]
    pub fn get(&self, call: CallId) -> Option<LiveCall> {
        self.inner.live.get(&call).map(|entry| entry.live())
    }

    /// How many calls are live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.live.len()
    }

    /// Whether no call is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.live.is_empty()
    }

    /// Ends a call for a person: CANCEL before the answer, BYE after it. `false` when there is no such call.
    #[must_use]
    pub fn hang_up(&self, call: CallId) -> bool {
        let Some(entry) = self.inner.live.get(&call) else { return false };
        // A full queue holds the same wish already.
        let _ = entry.control.try_send(Control::HangUp);
        true
    }

    /// Steps into a live call. `false` when there is no such call, or it has not taken what it was told before.
    #[must_use]
    pub fn supervise(&self, call: CallId, what: Supervision) -> bool {
        let Some(entry) = self.inner.live.get(&call) else { return false };
        entry.control.try_send(Control::Supervise(what)).is_ok()
    }

    /// Takes no further calls, gives up those that are not answered and lets the others say goodbye; returns when all
    /// are over.
    pub async fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
        for entry in &self.inner.live {
            let _ = entry.control.try_send(Control::Drain);
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Ends a leg that an earlier life of the server left behind.
    ///
    /// # Errors
    /// Nothing was sent.
    pub async fn recover(&self, orphan: Orphan) -> Result<RecoveryOutcome, InviteError> {
        self.inner.services.sip.recover(orphan).await
    }

    /// Calls at one time that this node takes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.services.max_calls.min(self.inner.services.providers.capacity())
    }

    /// How well the media workers keep time.
    #[must_use]
    pub fn worker_stats(&self) -> WorkerStats {
        self.inner.services.workers.stats()
    }

    /// Calls ended by a panic of their task.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.inner.panics.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed) || self.inner.live.len() >= self.capacity()
    }

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
            trunk: order.trunk,
            attempt: Some((order.attempt, order.target)),
            second_of: None,
            assistant: order.assistant,
            contact: Some(order.to),
            ours: order.from,
            started: time::now(),
        };
        let PlaceCall { leg, invite, credentials, send_before, .. } = order;
        let dial = Dial { leg, invite, credentials, send_before };
        let outgoing = Outgoing { identity, variables: order.variables, config, evidence: order.evidence, dial };
        self.launch(outgoing, reports, |task| task).map(drop)
    }

    /// Dials the second leg of a transfer. What becomes of it is kept by the desk.
    pub(super) fn second(&self, order: SecondOrder) -> Result<SecondHandle, NotPlaced> {
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
            trunk,
            attempt: None,
            second_of: Some(of),
            assistant,
            contact: to,
            ours: from,
            started: time::now(),
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

    /// Who lets second legs be dialed.
    pub(super) fn desk(&self) -> Option<Arc<dyn TransferDesk>> {
        self.inner.desk.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who looks at calls while they go on.
    pub(super) fn insight(&self) -> Insight {
        self.inner.insight.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What calls need.
    pub(super) fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// Starts the task of a call that we make, or says why not.
    fn launch(
        &self,
        outgoing: Outgoing,
        reports: &mpsc::Sender<AttemptEvent>,
        make: impl FnOnce(CallTask) -> CallTask,
    ) -> Result<mpsc::Sender<Control>, NotPlaced> {
        let Outgoing { identity, variables, config, evidence, dial } = outgoing;
        let services = &self.inner.services;
        let media = services.media_address(dial.invite.flow.listener).ok_or(NotPlaced::Listener)?;
        let assistant = &identity.assistant.definition;
        let lineup = services.providers.lineup(identity.org, assistant)?;
        let conversation = Conversation::new(assistant, &variables, assistant.turn.timing())
            .map_err(|error| NotPlaced::Script(error.to_string()))?;
        let rtp = services.ports.bind()?;
        let (leg, body) = SipLeg::outbound(local_media(media, &rtp));
        let call = Call::outbound(identity.started.mono, config, evidence);
        let (control, stage, entry) = Entry::new(identity.clone());
        let context = identity.context(variables);
        let recording = identity.recording();
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording };
        let task = make(CallTask::new(self.clone(), parts, control, stage).placing(dial, reports.clone()));
        let control = entry.control.clone();
        self.spawn(identity, entry, task, Some(reports.clone()));
        Ok(control)
    }

    /// Starts the task of a call that came in, or says with which status it is refused.
    fn take(
        &self,
        session: callwright_sip::endpoint::SessionId,
        events: mpsc::Receiver<callwright_sip::endpoint::Event>,
        invite: &callwright_sip::endpoint::IncomingInvite,
    ) -> Result<(), (StatusCode, Option<Duration>)> {
        let admitted = self.inner.inbound.read().unwrap_or_else(PoisonError::into_inner).admit(invite);
        let Admitted { trunk, org, assistant, max_org_calls, caller, called } =
            admitted.map_err(|code| (code, None))?;
        let overload = || (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_AFTER));
        if self.is_full() {
            return Err(overload());
        }
        if self.inner.live.iter().filter(|entry| entry.identity.org == org).count() >= max_org_calls {
            return Err((StatusCode::BUSY_HERE, None));
        }
        let services = &self.inner.services;
        let now = time::now();
        let media = services.media_address(invite.flow.listener).ok_or_else(overload)?;
        let definition = &assistant.definition;
        if let Room::None(why) = services.providers.room(org, definition) {
            tracing::warn!(%why, "a call that came in is refused");
            return Err(overload());
        }
        let lineup = services.providers.lineup(org, definition).map_err(|_| overload())?;
        let conversation = Conversation::new(definition, &Default::default(), definition.turn.timing())
            .map_err(|_| (StatusCode::SERVER_INTERNAL_ERROR, None))?;
        let rtp = services.ports.bind().map_err(|_| overload())?;
        let (leg, body) = SipLeg::inbound(local_media(media, &rtp), invite.dialog.clone(), invite.body.as_ref())
            .map_err(|_| (StatusCode::NOT_ACCEPTABLE_HERE, None))?;
        let call = Call::inbound(now.mono, services.clocks.clone());
        let identity = Identity {
            call: CallId::generate(),
            org,
            trunk,
            attempt: None,
            second_of: None,
            assistant,
            contact: caller,
            ours: called,
            started: now,
        };
        let (control, stage, entry) = Entry::new(identity.clone());
        let context = identity.context(BTreeMap::new());
        let recording = identity.recording();
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording };
        let task = CallTask::new(self.clone(), parts, control, stage).taking(session, events);
        self.spawn(identity, entry, task, None);
        Ok(())
    }

    /// Runs a call's task to its end and reports it. A panic ends this call only.
    fn spawn(&self, identity: Identity, entry: Entry, task: CallTask, reports: Option<mpsc::Sender<AttemptEvent>>) {
        let calls = self.clone();
        let stage = entry.stage.clone();
        let call = identity.call;
        self.inner.live.insert(call, entry);
        self.inner.tasks.spawn(async move {
            let ended = AssertUnwindSafe(task.run()).catch_unwind().await.unwrap_or_else(|_| {
                calls.inner.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%call, "the task of a call panicked; the call is ended");
                let replay = Some(insight::beside(&identity.recording()));
                // What there is of its replay file is being written now, if there is one.
                let replay = replay.filter(|_| calls.insight().replays.is_some() && identity.is_recorded());
                Ok(Remains { replay, ..remains_of_a_panic(*stage.borrow()) })
            });
            // Out of the list first: whoever hears of the end finds the channel free.
            calls.inner.live.remove(&call);
            match (ended, reports) {
                (Ok(remains), Some(reports)) => {
                    let report = Box::new(identity.report(remains));
                    let _ = reports.send(AttemptEvent::Ended(report)).await;
                }
                (Ok(remains), None) => drop(calls.inner.inbound_reports.send(identity.report(remains)).await),
                (Err(why), Some(reports)) => drop(reports.send(AttemptEvent::NotPlaced(why)).await),
                (Err(_), None) => {}
            }
        });
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
            AttemptEvent::InConversation { .. } => continue,
            AttemptEvent::NotPlaced(_) => LegNote::Over(None),
            AttemptEvent::Ended(report) => LegNote::Over(Some(Box::new(report.outcome))),
        };
        desk.note(leg, note).await;
    }
}

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

impl Services {
    /// The address announced in SDP for calls over a listener.
    fn media_address(&self, listener: ListenerId) -> Option<IpAddr> {
        self.listeners.iter().find(|bound| bound.id == listener).map(|bound| bound.media)
    }
}

fn local_media(address: IpAddr, rtp: &RtpSocket) -> LocalMedia {
    LocalMedia {
        address,
        port: rtp.lease.port(),
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        dtmf: true,
        // RFC 8866 section 5.2 wants a number that fits 63 bits.
        session_id: rand::random::<u64>() >> 1,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}
