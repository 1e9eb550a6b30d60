//! Which trunk's calls go to which recorder, and the task of each recording session.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use callwright_media::sdp::{RecordingMedia, RecordingStreams, SIDES};
use callwright_sip::endpoint::{Conduct, Event, Flow, Invite, LegKey, SessionId, Transport};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Headers, Uri};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::metadata::{self, CallFacts};
use super::session::{Over, RecordingSession, Step};
use super::sink::{CopySink, Ways};
use crate::id::TrunkId;
use crate::net::media_leg::MediaCommand;
use crate::net::media_worker::MediaControl;
use crate::net::ports::{PortLease, RtpPorts, RtpSocket};
use crate::net::sip_driver::{BoundListener, SipHandle};
use crate::time::{self, Latest};
use crate::trunk::route::Router;

/// Pauses before a recorder that did not take a call is asked again; a call asks at most once more than there are.
const AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];
/// An INVITE leaves within this time or not at all.
const SEND_WITHIN: Duration = Duration::from_secs(2);
/// How long a recorder may take to answer, and to confirm the end.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
const GOODBYE: Duration = Duration::from_secs(2);
/// Session timer of the recording session: one whose server died ends by it, in seconds.
const SESSION_EXPIRES: u32 = 1_800;

/// Sends calls to recorders. Cloning shares it.
#[derive(Clone)]
pub struct Recorders {
    inner: Arc<Inner>,
}

struct Inner {
    targets: RwLock<BTreeMap<TrunkId, Uri>>,
    sip: SipHandle,
    router: Router,
    listeners: Vec<BoundListener>,
    ports: RtpPorts,
    tasks: TaskTracker,
}

/// A call that a recorder is to hear.
pub struct RecordedCall {
    /// The trunk it goes over.
    pub trunk: TrunkId,
    /// What the recorder is told of it.
    pub facts: CallFacts,
    /// Its media.
    pub media: MediaControl,
}

/// A call being sent to a recorder; dropping it ends that.
#[derive(Debug)]
pub struct Recording {
    _ends: DropGuard,
}

/// Why a recorder does not hear a call.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error("its address cannot be reached from any listener")]
    Unreachable,
    #[error("no RTP ports are free")]
    NoPorts,
    #[error("the INVITE could not be sent")]
    NotSent,
    #[error("it did not answer in time")]
    Silent,
    #[error("it refused with {0}")]
    Refused(u16),
    #[error("it was not reached")]
    NotReached,
    #[error("it takes neither stream")]
    TakesNothing,
}

/// How a session went that was answered, or ended before.
enum Heard {
    /// The call is over.
    CallOver,
    /// The recorder has ended it.
    Left,
}

impl Recorders {
    /// No trunk has a recorder yet.
    #[must_use]
    pub fn new(sip: SipHandle, router: Router, listeners: Vec<BoundListener>, ports: RtpPorts) -> Self {
        let (targets, tasks) = (RwLock::default(), TaskTracker::new());
        Self { inner: Arc::new(Inner { targets, sip, router, listeners, ports, tasks }) }
    }

    /// Says which trunk's calls go where, from the next answer on.
    pub fn set_targets(&self, targets: BTreeMap<TrunkId, Uri>) {
        *self.inner.targets.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// Begins to send a call to the recorder of its trunk, if it has one.
    #[must_use]
    pub fn begin(&self, call: RecordedCall) -> Option<Recording> {
        let target = self.inner.targets.read().unwrap_or_else(PoisonError::into_inner).get(&call.trunk).cloned()?;
        let ends = CancellationToken::new();
        let (inner, over) = (Arc::clone(&self.inner), ends.clone());
        self.inner.tasks.spawn(async move { inner.serve(&call, &target, &over).await });
        Some(Recording { _ends: ends.drop_guard() })
    }

    /// Waits until all sessions have said goodbye, some seconds at most. No call may be live any more.
    pub async fn drain(&self) {
        self.inner.tasks.close();
        // What is left ends by its session timer.
        let _ = timeout(GOODBYE + GOODBYE, self.inner.tasks.wait()).await;
    }
}

impl Inner {
    /// Offers the call to its recorder until it takes it or has been asked often enough.
    async fn serve(&self, call: &RecordedCall, target: &Uri, over: &CancellationToken) {
        let id = call.facts.call;
        let mut pauses = AGAIN.iter();
        loop {
            match self.session(call, target, over).await {
                Ok(Heard::CallOver) => return,
                Ok(Heard::Left) => return tracing::info!(call = %id, "the recorder has ended its session"),
                Err(why) => tracing::warn!(call = %id, %why, "the recorder does not hear a call"),
            }
            let Some(pause) = pauses.next() else { return };
            tokio::select! {
                () = over.cancelled() => return,
                () = sleep(*pause) => {}
            }
        }
    }

    /// One session, from its INVITE to its end.
    async fn session(&self, call: &RecordedCall, target: &Uri, over: &CancellationToken) -> Result<Heard, Unheard> {
        let flow = self.router.direct(time::now(), target, Transport::Udp).await.map_err(|_| Unheard::Unreachable)?;
        let address = self.media_address(&flow).ok_or(Unheard::Unreachable)?;
        let (sockets, leases) = self.sockets()?;
        let ports = [leases[0].port(), leases[1].port()];
        let local = RecordingMedia { address, ports, session_id: rand::random::<u64>() >> 1, version: 1 };
        let mut session = RecordingSession::new(local);
        let invite = self.invite(flow, target, &session, &call.facts)?;
        let send_before = Latest::at(time::now().mono + SEND_WITHIN);
        let (id, events) = self.sip.invite(invite, send_before).await.map_err(|_| Unheard::NotSent)?;
        let ways: Ways = Arc::new(Mutex::new([None; SIDES]));
        let mut talk = Talk { sip: &self.sip, id, events, session: &mut session, ways: &ways };
        let answered = tokio::select! {
            () = over.cancelled() => None,
            answered = timeout(ANSWER_WITHIN, talk.answer()) => Some(answered),
        };
        match answered {
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(why))) => return Err(why),
            Some(Err(_)) => {
                talk.hang_up().await;
                return Err(Unheard::Silent);
            }
            None => {
                talk.hang_up().await;
                return Ok(Heard::CallOver);
            }
        }
        let sink = Box::new(CopySink::new(sockets, Arc::clone(&ways)));
        if call.media.send(MediaCommand::Copy(Some(sink))).await.is_err() {
            talk.hang_up().await;
            return Ok(Heard::CallOver);
        }
        let left = tokio::select! {
            () = over.cancelled() => false,
            () = talk.follow() => true,
        };
        // The leg may be gone already, with its copies.
        let _ = call.media.send(MediaCommand::Copy(None)).await;
        if left {
            return Ok(Heard::Left);
        }
        talk.hang_up().await;
        Ok(Heard::CallOver)
    }

    fn invite(
        &self,
        flow: Flow,
        target: &Uri,
        session: &RecordingSession,
        facts: &CallFacts,
    ) -> Result<Invite, Unheard> {
        let sent_by = self.router.sent_by(&flow).ok_or(Unheard::Unreachable)?;
        let mut headers = Headers::default();
        headers.push(HeaderName::Require, "siprec");
        headers.push(HeaderName::Accept, "application/sdp, application/rs-metadata, application/rs-metadata-request");
        // Metadata make it larger than a datagram may be; only a recorder without TCP gets it by UDP all the same.
        let large_over = self.listeners.iter().find(|listener| listener.transport == Transport::Tcp);
        Ok(Invite {
            key: LegKey(rand::random()),
            flow,
            uri: target.clone(),
            from: NameAddr::new(Uri::sip(Some(b"callwright"), sent_by)),
            to: NameAddr::new(target.clone()),
            headers,
            body: session.invitation(&metadata::document(facts)),
            credentials: None,
            session_expires: Some(SESSION_EXPIRES),
            conduct: Conduct {
                large_over: large_over.map(|listener| listener.id),
                feature: Some("+sip.src"),
                ..Conduct::default()
            },
        })
    }

    fn sockets(&self) -> Result<([std::net::UdpSocket; SIDES], [PortLease; SIDES]), Unheard> {
        let bind = || self.ports.bind().map_err(|_| Unheard::NoPorts);
        let RtpSocket { socket: one, lease: first, .. } = bind()?;
        let RtpSocket { socket: two, lease: second, .. } = bind()?;
        Ok(([one, two], [first, second]))
    }

    fn media_address(&self, flow: &Flow) -> Option<IpAddr> {
        self.listeners.iter().find(|listener| listener.id == flow.listener).map(|listener| listener.media)
    }
}

/// A recording session under way.
struct Talk<'a> {
    sip: &'a SipHandle,
    id: SessionId,
    events: mpsc::Receiver<Event>,
    session: &'a mut RecordingSession,
    ways: &'a Ways,
}

impl Talk<'_> {
    /// Waits until the recorder takes the call.
    async fn answer(&mut self) -> Result<(), Unheard> {
        while let Some(event) = self.events.recv().await {
            for step in self.session.handle(event) {
                match step {
                    Step::Send(streams) => {
                        self.send(streams);
                        return Ok(());
                    }
                    Step::Answer(answer) => drop(self.sip.answer_reoffer(self.id, answer).await),
                    Step::HangUp => {
                        self.hang_up().await;
                        return Err(Unheard::TakesNothing);
                    }
                    Step::Over(Over::Refused(Some(status))) => return Err(Unheard::Refused(status)),
                    Step::Over(Over::Refused(None) | Over::Ended) => return Err(Unheard::NotReached),
                }
            }
        }
        Err(Unheard::NotReached)
    }

    /// Does what the recorder asks for, until it ends the session.
    async fn follow(&mut self) {
        while let Some(event) = self.events.recv().await {
            for step in self.session.handle(event) {
                match step {
                    Step::Send(streams) => self.send(streams),
                    Step::Answer(answer) => drop(self.sip.answer_reoffer(self.id, answer).await),
                    Step::HangUp => return self.hang_up().await,
                    Step::Over(_) => return,
                }
            }
        }
    }

    fn send(&self, streams: RecordingStreams) {
        *self.ways.lock().unwrap_or_else(PoisonError::into_inner) = streams;
    }

    /// Ends the session, and waits a moment for the recorder to confirm it.
    async fn hang_up(&mut self) {
        if self.sip.hang_up(self.id, None).await.is_ok() {
            let _ = timeout(GOODBYE, async { while self.events.recv().await.is_some() {} }).await;
        }
    }
}

impl std::fmt::Debug for Recorders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorders").finish_non_exhaustive()
    }
}
