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
use super::leg::sip::SipLeg;
use super::place::{ATTEMPT_EVENTS, AttemptEvent, CallPlacer, CallReport, NotPlaced, PlaceCall};
use super::providers::Providers;
use super::record::Recorder;
use super::task::{CallTask, Parts, refuse};
use super::tools::Toolbox;
use crate::agent::conversation::Conversation;
use crate::id::CallId;
use crate::net::media_worker::{MediaWorkers, WorkerStats};
use crate::net::ports::{RtpPorts, RtpSocket};
use crate::net::sip_driver::{BoundListener, IncomingCall, InviteError, SipHandle};
use crate::time;

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
        self.inner.services.max_calls
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
        self.inner.draining.load(Ordering::Relaxed) || self.inner.live.len() >= self.inner.services.max_calls
    }

    /// Starts the task of an order, or says why not.
    fn begin(&self, order: PlaceCall, reports: &mpsc::Sender<AttemptEvent>) -> Result<(), NotPlaced> {
        if self.is_full() {
            return Err(NotPlaced::Full);
        }
        if self.inner.live.contains_key(&order.call) {
            return Err(NotPlaced::Duplicate);
        }
        let services = &self.inner.services;
        let now = time::now();
        let media = services.media_address(order.invite.flow.listener).ok_or(NotPlaced::Listener)?;
        let assistant = &order.assistant.definition;
        let lineup = services.providers.lineup(assistant)?;
        let conversation = Conversation::new(assistant, &order.variables, assistant.turn.timing())
            .map_err(|error| NotPlaced::Script(error.to_string()))?;
        let rtp = services.ports.bind()?;
        let (leg, body) = SipLeg::outbound(local_media(media, &rtp));
        let config = CallConfig {
            ring_timeout: order.ring_timeout,
            max_duration: order.max_duration,
            early_hangup: order.early_hangup,
            ..services.clocks.clone()
        };
        let call = Call::outbound(now.mono, config, order.evidence);
        let identity = Identity {
            call: order.call,
            org: order.org,
            trunk: order.trunk,
            attempt: Some((order.attempt, order.target)),
            assistant: Arc::clone(&order.assistant),
            contact: Some(order.to.clone()),
            ours: order.from.clone(),
            started: now,
        };
        let (control, stage, entry) = Entry::new(identity.clone());
        let context = identity.context(order.variables.clone());
        let recording = identity.recording();
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording };
        let task = CallTask::new(Arc::clone(services), parts, control, stage).placing(order, reports.clone());
        self.spawn(identity, entry, task, Some(reports.clone()));
        Ok(())
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
        let lineup = services.providers.lineup(definition).map_err(|_| overload())?;
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
            assistant,
            contact: caller,
            ours: called,
            started: now,
        };
        let (control, stage, entry) = Entry::new(identity.clone());
        let context = identity.context(BTreeMap::new());
        let recording = identity.recording();
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording };
        let task = CallTask::new(Arc::clone(services), parts, control, stage).taking(session, events);
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
                Ok(remains_of_a_panic(*stage.borrow()))
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
