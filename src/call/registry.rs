//! All calls of this node: placing them, taking them, listing them, ending them.

mod browser;
mod incoming;
mod live;
mod outgoing;
mod replaced;
mod supervise;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use callwright_sip::endpoint::{ListenerId, Orphan, RecoveryOutcome, Transport};
use callwright_sip::message::HostPort;
use dashmap::DashMap;
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

pub use self::browser::{NotTaken, Talk};
pub(super) use self::live::{Control, LegSession};
use self::live::{Entry, Identity, remains_of_a_panic};
pub use self::live::{LiveCall, Party, Stage};
pub(super) use self::supervise::Supervised;
pub use self::supervise::{NotReached, Reached, Supervision};
use super::call::CallConfig;
use super::inbound::{Door, InboundRoutes};
use super::insight::{self, Insight};
use super::place::{AttemptEvent, CallReport};
use super::providers::Providers;
use super::record::Recorder;
use super::task::{CallTask, Remains};
use super::tools::Toolbox;
use super::transfer::desk::TransferDesk;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::EndedBy;
use crate::id::{CallId, OrgId};
use crate::net::media_worker::{MediaWorkers, WorkerStats};
use crate::net::ports::RtpPorts;
use crate::net::sip_driver::{BoundListener, InviteError, SipHandle};
use crate::sight::{Owner, Sight};
use crate::siprec::Recorders;
use crate::stir::service::IdentityService;
use crate::telemetry::metrics::call_ended;
use crate::time;

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
    /// Calls that ended just now.
    ended: Mutex<VecDeque<(OrgId, CallId)>>,
    inbound: RwLock<InboundRoutes>,
    /// Held while a call that has come in looks for a place and takes it.
    taking: Mutex<()>,
    /// Counts calls that come in over all nodes; without it each node counts its own.
    door: RwLock<Option<Arc<dyn Door>>>,
    /// Lets second legs be dialed; without it no call is bridged.
    desk: RwLock<Option<Arc<dyn TransferDesk>>>,
    insight: RwLock<Insight>,
    /// Vouches for callers, and checks who vouches; without it nobody does either.
    identity: RwLock<Option<Arc<IdentityService>>>,
    /// Sends calls to recorders of others; without it none is.
    recorders: RwLock<Option<Recorders>>,
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
            ended: Mutex::default(),
            inbound: RwLock::new(InboundRoutes::default()),
            taking: Mutex::default(),
            door: RwLock::new(None),
            desk: RwLock::new(None),
            insight: RwLock::default(),
            identity: RwLock::default(),
            recorders: RwLock::default(),
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

    /// Says who counts calls that come in, from the next one on.
    pub fn set_door(&self, door: Arc<dyn Door>) {
        *self.inner.door.write().unwrap_or_else(PoisonError::into_inner) = Some(door);
    }

    /// Says who looks at calls while they go on, from the next call on. Nobody does before.
    pub fn set_insight(&self, insight: Insight) {
        *self.inner.insight.write().unwrap_or_else(PoisonError::into_inner) = insight;
    }

    /// Says who vouches for callers and checks who does, from the next call on.
    pub fn set_identity(&self, identity: Arc<IdentityService>) {
        *self.inner.identity.write().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// Says who sends calls to recorders of others, from the next answer on.
    pub fn set_recorders(&self, recorders: Recorders) {
        *self.inner.recorders.write().unwrap_or_else(PoisonError::into_inner) = Some(recorders);
    }

    /// The address that a carrier sees who is called by this transport, if any listener has it.
    #[must_use]
    pub fn advertised(&self, transport: Transport) -> Option<SocketAddr> {
        let listeners = &self.inner.services.listeners;
        Some(listeners.iter().find(|listener| listener.transport.is_like(transport))?.advertised)
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

    /// The way to SIP, for what is no call.
    #[must_use]
    pub fn sip(&self) -> &SipHandle {
        &self.inner.services.sip
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

    /// Who counts calls that come in.
    fn door(&self) -> Option<Arc<dyn Door>> {
        self.inner.door.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who lets second legs be dialed.
    pub(super) fn desk(&self) -> Option<Arc<dyn TransferDesk>> {
        self.inner.desk.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who looks at calls while they go on.
    pub(super) fn insight(&self) -> Insight {
        self.inner.insight.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the SIP messages of calls are kept, if they are.
    #[must_use]
    pub fn sight(&self) -> Option<Sight> {
        self.insight().sight
    }

    /// Has the SIP messages of a call kept, whose Call-ID this is.
    fn watch(&self, identity: &Identity, call_id: &[u8]) {
        let Some(sight) = self.sight() else { return };
        let attempt = identity.attempt.map(|(attempt, _)| attempt);
        let owner = Owner { org: identity.org, call: identity.call, attempt, second_of: identity.second_of };
        sight.claim(time::now(), call_id, owner);
    }

    /// Who vouches for callers, and checks who does.
    pub(super) fn identity(&self) -> Option<Arc<IdentityService>> {
        self.inner.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who sends calls to recorders of others.
    pub(super) fn recorders(&self) -> Option<Recorders> {
        self.inner.recorders.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What calls need.
    /// Calls now, ringing ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.live.len()
    }

    /// What the media threads have counted.
    #[must_use]
    pub fn media(&self) -> WorkerStats {
        self.inner.services.workers.stats()
    }

    pub(super) fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// Runs a call's task to its end and reports it. A panic ends this call only.
    fn spawn(&self, identity: Identity, entry: Entry, task: CallTask, reports: Option<mpsc::Sender<AttemptEvent>>) {
        let calls = self.clone();
        let stage = entry.stage.clone();
        let (org, call) = (identity.org, identity.call);
        let listeners = Arc::clone(&entry.listeners);
        let task = Box::new(task);
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
            // Listeners know by now, unless it never was a call or its task is gone.
            match &ended {
                Ok(remains) => listeners.end(remains.outcome.reason, remains.outcome.ended_by),
                Err(_) => listeners.end(DisconnectionReason::DialFailed, EndedBy::System),
            }
            // Out of the list first: whoever hears of the end finds the channel free.
            calls.inner.live.remove(&call);
            calls.note_end(org, call);
            if let Some(sight) = calls.sight() {
                sight.over(time::now(), call);
            }
            if let Some(door) = calls.door().filter(|_| identity.came_in()) {
                door.over(call);
            }
            let direction = identity.direction();
            let ended = ended.map(|remains| identity.report(remains)).inspect(|report| call_ended(report, direction));
            match (ended, reports) {
                (Ok(report), Some(reports)) => drop(reports.send(AttemptEvent::Ended(Box::new(report))).await),
                (Ok(report), None) => drop(calls.inner.inbound_reports.send(report).await),
                (Err(why), Some(reports)) => drop(reports.send(AttemptEvent::NotPlaced(why)).await),
                (Err(_), None) => {}
            }
        });
    }
}

impl Services {
    /// The host in the Call-IDs of calls over a listener.
    fn call_id_host(&self, listener: ListenerId) -> Option<String> {
        let bound = self.listeners.iter().find(|bound| bound.id == listener)?;
        Some(HostPort::from(bound.advertised).host.to_string())
    }

    /// The address announced in SDP for calls over a listener.
    fn media_address(&self, listener: ListenerId) -> Option<IpAddr> {
        self.listeners.iter().find(|bound| bound.id == listener).map(|bound| bound.media)
    }
}
