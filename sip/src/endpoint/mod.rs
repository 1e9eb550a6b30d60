//! The whole SIP side of one process: bytes and time in, bytes and events out.
//!
//! A shell owns the sockets. It hands in what arrives (`handle_datagram`, `handle_stream`), calls `handle_timeout`
//! when [`Endpoint::poll_timeout`] says so, and after every call drains [`Endpoint::poll_transmit`],
//! [`Endpoint::poll_event`], [`Endpoint::poll_close`] and [`Endpoint::poll_alias`] until they are empty: one mutation, then
//! drain. Nothing waits, nothing reads a clock, and the same inputs with the same seed give the same outputs.

mod command;
mod config;
pub(crate) mod core;
pub(crate) mod envelope;
mod event;
mod flow;
mod gate;
mod keep_alive;
pub(crate) mod probe;
mod receive;
mod register;
mod reuse;
pub(crate) mod servers;
mod timers;

pub use crate::dialog::DialogSnapshot;
pub use crate::digest::Credential;
pub use crate::digest::server::{Account, AccountId};
pub use crate::identity::{InstanceId, LegKey};
pub use command::{
    CommandError, Conduct, External, Invite, Orphan, OrphanInvite, OrphanStage, Probe, Refer, Registration, Rejection,
    StreamError, Watch,
};
pub use config::Config;
pub use event::{
    Body, Counters, EndedBy, Event, Failure, FailureCause, Health, IncomingInvite, IncomingRefer, ProbeId,
    RecoveryOutcome, Redirection, ReferEnd, ReferId, ReferProgress, RegistrationId, RegistrationState, SessionId,
    WatchId,
};
pub use flow::{Flow, FlowSyntax, Listener, ListenerId, PeerName, Transmit, TransmitId, Transport};
pub use gate::{Callers, Shedding};
pub use receive::Seen;
pub use reuse::Alias;
pub use timers::{SessionTimer, WakeReason};

use crate::guard::Glance;
use crate::health::{Rebound, Watcher};
use crate::message::header::{Reason, Tag};
use crate::message::{StatusCode, StreamFramer};
use crate::registration::Binding;
use crate::session::{Session, Stage};
use crate::transaction::TransactionId;
use core::{Core, Delivery, Owner};
use gate::Gate;
use keep_alive::KeptFlows;
use probe::{OpenProbe, Progress};
use reuse::Aliases;
use servers::ServerNews;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// A SIP user agent for any number of calls, registrations and probes. See the module's text for how it is driven.
#[derive(Debug)]
pub struct Endpoint {
    core: Core,
    sessions: BTreeMap<SessionId, Session>,
    /// Sessions by our tag, which no two of them share.
    by_tag: BTreeMap<Tag, SessionId>,
    /// Sessions that have not had their terminal event.
    live: usize,
    registrations: BTreeMap<RegistrationId, Binding>,
    probes: BTreeMap<ProbeId, OpenProbe>,
    watchers: BTreeMap<WatchId, Watcher>,
    streams: BTreeMap<Flow, StreamFramer>,
    kept: KeptFlows,
    aliases: Aliases,
    gate: Gate,
}

impl Endpoint {
    /// An endpoint without listeners. `seed` feeds every tag, nonce and jitter that does not derive from a leg: take it
    /// from the system's entropy, and never twice except in tests.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            gate: Gate::new(seed),
            core: Core::new(config, seed),
            sessions: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            live: 0,
            registrations: BTreeMap::new(),
            probes: BTreeMap::new(),
            watchers: BTreeMap::new(),
            streams: BTreeMap::new(),
            kept: KeptFlows::default(),
            aliases: Aliases::default(),
        }
    }

    /// Tells of a listening socket, or of its new advertised address.
    pub fn add_listener(&mut self, listener: Listener) {
        self.core.add_listener(listener);
    }

    // --- input ---

    /// A datagram arrived. Anything may be in it.
    pub fn handle_datagram(&mut self, now: Instant, listener: ListenerId, peer: SocketAddr, bytes: &[u8]) {
        self.receive_datagram(now, Flow { listener, transport: Transport::Udp, peer }, bytes);
    }

    /// Bytes arrived on a connection; over a websocket those of one frame.
    ///
    /// # Errors
    /// The shell closes the connection and says so by [`handle_closed`](Self::handle_closed). All other connections,
    /// and the calls that were set up over this one, live on.
    pub fn handle_stream(&mut self, now: Instant, flow: Flow, bytes: &[u8]) -> Result<(), StreamError> {
        self.receive_stream(now, flow, bytes, &mut |_, _| true, None)
    }

    /// As [`handle_stream`](Self::handle_stream), but only messages that `admits` lets in are served. It is also told whether
    /// a message belongs to a call of ours. The others are dropped without an answer. Whole messages that are let in are
    /// shown to `seen` before they are served.
    ///
    /// # Errors
    /// As [`handle_stream`](Self::handle_stream).
    pub fn handle_stream_with(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &[u8],
        admits: &mut dyn FnMut(&Glance<'_>, bool) -> bool,
        seen: Option<Seen<'_>>,
    ) -> Result<(), StreamError> {
        self.receive_stream(now, flow, bytes, admits, seen)
    }

    /// A connection closed, from either side.
    pub fn handle_closed(&mut self, now: Instant, flow: Flow) {
        self.streams.remove(&flow);
        self.forget_kept(flow);
        self.aliases.forget(flow);
        self.core.outbound.retain(|(kept, _)| *kept != flow);
        for id in self.core.unanswered_on(flow) {
            let delivery = self.core.on_client_fault(now, id, true);
            self.dispatch(now, delivery);
        }
        for binding in self.registrations.values_mut() {
            binding.on_closed(&mut self.core, now, flow);
        }
    }

    /// A message could not be sent. `written` says whether any byte of it may have left this host: only what provably
    /// has not is reported as [`FailureCause::NotSent`].
    pub fn handle_send_failed(&mut self, now: Instant, id: TransmitId, written: bool) {
        let id = TransactionId(id.0);
        if self.core.client(id).is_some() {
            let delivery = self.core.on_client_fault(now, id, written);
            self.dispatch(now, delivery);
        } else {
            let session = self.core.servers.session(id);
            let news = self.core.on_server_fault(now, id);
            self.on_server_news(session, id, news);
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Earlier calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(reason) = self.core.timers.take_due(now) {
            match reason {
                WakeReason::Transaction(id, timer) => {
                    if let Some(owner) = self.core.client_owner(id) {
                        let delivery = self.core.on_client_timer(now, id, timer);
                        self.dispatch(now, delivery);
                        if let Owner::Session(session, _) = owner {
                            self.settle(session);
                        }
                    } else {
                        let session = self.core.servers.session(id);
                        let news = self.core.on_server_timer(now, id, timer);
                        self.on_server_news(session, id, news);
                    }
                }
                WakeReason::Session(id, deadline) => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.on_deadline(&mut self.core, now, deadline);
                    }
                    self.settle(id);
                }
                WakeReason::Register(id) => self.on_register_deadline(now, id),
                WakeReason::KeepAlive(id) => self.on_keep_alive(now, id),
                WakeReason::Watch(id) => {
                    if let Some(watcher) = self.watchers.get_mut(&id) {
                        watcher.on_deadline(&mut self.core, now);
                    }
                }
                WakeReason::Registration(id) => {
                    if let Some(binding) = self.registrations.get_mut(&id) {
                        binding.on_deadline(&mut self.core, now);
                    }
                }
            }
        }
    }

    // --- output ---

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, WakeReason)> {
        self.core.timers.next()
    }

    /// The next message to send. At most four times [`Config::max_transactions`] wait here; what comes beyond is
    /// dropped and counted, as a network would.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.pop_transmit()
    }

    /// The next event. See [`Config::max_events`] for what happens when nobody fetches them.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.pop_event()
    }

    /// Counters since the endpoint was made.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.core.counters
    }

    /// Sessions that have not ended.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.live
    }

    /// Transactions in progress or absorbing retransmissions.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.core.transaction_count()
    }

    /// The dialog of an answered session as it stands, to be stored again when its CSeq has moved.
    #[must_use]
    pub fn dialog(&self, session: SessionId) -> Option<DialogSnapshot> {
        self.sessions.get(&session)?.snapshot()
    }

    // --- commands ---

    /// Starts an outgoing call.
    ///
    /// # Errors
    /// [`CommandError::UnknownListener`], also for [`Conduct::large_over`] that is not TCP, [`CommandError::DuplicateKey`]
    /// or [`CommandError::Full`]; nothing was sent.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<SessionId, CommandError> {
        self.admit(invite.flow, &invite.key)?;
        if let Some(large_over) = invite.conduct.large_over
            && self.core.listener(large_over).is_none_or(|listener| listener.transport != Transport::Tcp)
        {
            return Err(CommandError::UnknownListener(large_over));
        }
        let id = SessionId(self.core.fresh_id());
        let session = Session::call(&mut self.core, now, id, invite);
        self.insert(session);
        Ok(id)
    }

    /// Gives up an outgoing call that is not answered. It ends with [`FailureCause::Cancelled`] when its final
    /// response comes, or 64*T1 after the CANCEL; an answer that crosses is [`Event::Answered`] with
    /// `cancel_crossed`. Before the first provisional response nothing is sent (RFC 3261 9.1).
    ///
    /// # Errors
    /// [`CommandError::NoSession`] or [`CommandError::WrongState`].
    pub fn cancel(&mut self, now: Instant, id: SessionId, reason: Option<Reason>) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.cancel(core, now, reason))
    }

    /// Lets a call go on to whom [`Event::Redirected`] named, over `flow` (RFC 3261 8.1.3.4): the same Call-ID, From and To,
    /// the next CSeq. Credentials go to no other host than the first.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], [`CommandError::WrongState`] if no redirection waits, or
    /// [`CommandError::UnknownListener`]: then it still waits.
    pub fn follow(&mut self, now: Instant, id: SessionId, flow: Flow) -> Result<(), CommandError> {
        if self.core.listener(flow.listener).is_none() {
            return Err(CommandError::UnknownListener(flow.listener));
        }
        self.with_session(id, |core, session| session.follow(core, now, flow))
    }

    /// Does not let a call go on to whom [`Event::Redirected`] named. The next contact is named, or the call ends.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], or [`CommandError::WrongState`] if no redirection waits.
    pub fn pass_over(&mut self, now: Instant, id: SessionId) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.pass_over(core, now))
    }

    /// Ends an answered call. [`Event::Ended`] follows at once; the BYE is seen to.
    ///
    /// # Errors
    /// [`CommandError::NoSession`] or [`CommandError::WrongState`].
    pub fn bye(&mut self, now: Instant, id: SessionId, reason: Option<Reason>) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.bye(core, now, reason))
    }

    /// Ends a session whatever its state: CANCEL, BYE, or 480 for an incoming call that is not answered.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], or [`CommandError::WrongState`] if it has ended.
    pub fn hang_up(&mut self, now: Instant, id: SessionId, reason: Option<Reason>) -> Result<(), CommandError> {
        self.with_session(id, |core, session| match &session.stage {
            Stage::Calling(_) => session.cancel(core, now, reason),
            Stage::Ringing(_) => {
                let rejection = Rejection { reason, ..Rejection::default() };
                session.reject(core, now, StatusCode::TEMPORARILY_UNAVAILABLE, &rejection)
            }
            Stage::Up(_) | Stage::Over => session.bye(core, now, reason),
        })
    }

    /// Sends a provisional response to an incoming call: 180, or 183 with early media.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], [`CommandError::WrongState`], or [`CommandError::WrongStatus`] outside 101..=199.
    pub fn ring(
        &mut self,
        now: Instant,
        id: SessionId,
        status: StatusCode,
        body: Option<Body>,
    ) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.ring(core, now, status, body.as_ref()))
    }

    /// Answers an incoming call; `body` is left out where a PRACK has settled an offer of ours. [`Event::Acknowledged`] follows, or [`Event::Ended`] if no ACK comes. A call that it takes
    /// the place of ([`IncomingInvite::replaces`]) ends.
    ///
    /// # Errors
    /// [`CommandError::NoSession`] or [`CommandError::WrongState`].
    pub fn accept(&mut self, now: Instant, id: SessionId, body: Body) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.accept(core, now, body))?;
        self.take_over(now, id);
        Ok(())
    }

    /// Refuses an incoming call. [`Event::Failed`] with [`FailureCause::Rejected`] follows at once.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], [`CommandError::WrongState`], or [`CommandError::WrongStatus`] outside 300..=699.
    pub fn reject(
        &mut self,
        now: Instant,
        id: SessionId,
        status: StatusCode,
        rejection: Rejection,
    ) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.reject(core, now, status, &rejection))
    }

    /// Answers [`Event::Reoffer`]: with a session description, or with the status that refuses it (the session goes
    /// on as it was).
    ///
    /// # Errors
    /// [`CommandError::NoSession`], [`CommandError::WrongState`], or [`CommandError::WrongStatus`].
    pub fn answer_reoffer(
        &mut self,
        now: Instant,
        id: SessionId,
        answer: Result<Body, StatusCode>,
    ) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.answer_reoffer(core, now, answer))
    }

    /// Changes a session: a re-INVITE with a new offer, once nothing else is in progress in the dialog. Before the answer it is
    /// an UPDATE (RFC 3311), where the far side allows that and the first offer was answered reliably; of several callees
    /// it goes to the one that was heard of last. [`Event::Reoffered`] tells what came of it.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], or [`CommandError::WrongState`] if it cannot be changed yet or another offer is open.
    pub fn reoffer(&mut self, now: Instant, id: SessionId, offer: Body) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.reoffer(core, now, offer))
    }

    /// Asks the far side of an answered call to call somebody else (RFC 3515). [`Event::Refer`] tells how it goes. The
    /// call stays up: end it with `bye` once it is of no more use.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], or [`CommandError::WrongState`] if it is not answered or another REFER is open.
    pub fn refer(&mut self, now: Instant, id: SessionId, refer: Refer) -> Result<ReferId, CommandError> {
        let name = ReferId(self.core.fresh_id());
        self.with_session(id, |core, session| session.refer(core, now, name, &refer))?;
        Ok(name)
    }

    /// Sends INFO within an answered call. What is answered to it is not told: 481 and silence end the call.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], [`CommandError::WrongState`] if it is not answered, or [`CommandError::Full`].
    pub fn info(&mut self, now: Instant, id: SessionId, body: &Body) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.info(core, now, body))
    }

    /// The far side of an incoming call sees us at this address: it stands in Via and Contact of whatever leaves for it from
    /// now on. For a call of ours [`Conduct::external`] says so from the beginning.
    ///
    /// # Errors
    /// [`CommandError::NoSession`].
    pub fn known_as(&mut self, id: SessionId, external: External) -> Result<(), CommandError> {
        self.with_session(id, |_, session| {
            session.known_as(external);
            Ok(())
        })
    }

    /// Tells the far side how the call goes that it asked for ([`Event::Referred`]). 100 was told already; a final status
    /// is the last.
    ///
    /// # Errors
    /// [`CommandError::NoSession`], or [`CommandError::WrongState`] if nobody waits to be told.
    pub fn notify_refer(&mut self, now: Instant, id: SessionId, status: StatusCode) -> Result<(), CommandError> {
        self.with_session(id, |core, session| session.notify_refer(core, now, status))
    }

    /// Ends a leg that an earlier life of this process left behind: CANCEL where no answer is known, BYE where there
    /// is a dialog. A 2xx that still arrives gets ACK and BYE. [`Event::Recovered`] tells the outcome.
    ///
    /// # Errors
    /// As [`invite`](Self::invite), and [`CommandError::BadSnapshot`].
    pub fn recover(&mut self, now: Instant, orphan: Orphan) -> Result<SessionId, CommandError> {
        let flow = match &orphan.stage {
            OrphanStage::Early(invite) => invite.flow,
            OrphanStage::Confirmed(dialog) => dialog.flow,
        };
        self.admit(flow, &orphan.key)?;
        if let OrphanStage::Confirmed(dialog) = &orphan.stage
            && self.by_tag.contains_key(&Tag::from_bytes(&dialog.local_tag))
        {
            return Err(CommandError::DuplicateKey);
        }
        let id = SessionId(self.core.fresh_id());
        let session = Session::recover(&mut self.core, now, id, orphan)?;
        self.insert(session);
        Ok(id)
    }

    /// Sends an OPTIONS request; [`Event::ProbeResult`] follows.
    ///
    /// # Errors
    /// [`CommandError::UnknownListener`] or [`CommandError::Full`].
    pub fn ping(&mut self, now: Instant, probe: Probe) -> Result<ProbeId, CommandError> {
        self.room_on(probe.flow)?;
        let id = ProbeId(self.core.fresh_id());
        self.probes.insert(id, OpenProbe::send(&mut self.core, now, Owner::Probe(id), probe));
        Ok(id)
    }

    /// Watches a peer until [`unwatch`](Self::unwatch): [`Event::Health`] tells each change of the verdict.
    ///
    /// # Errors
    /// [`CommandError::UnknownListener`], or [`CommandError::Full`], also at [`Config::max_watches`].
    pub fn watch(&mut self, now: Instant, watch: Watch) -> Result<WatchId, CommandError> {
        self.room_on(watch.flow)?;
        if self.watchers.len() >= self.core.config.max_watches {
            return Err(CommandError::Full);
        }
        let id = WatchId(self.core.fresh_id());
        self.watchers.insert(id, Watcher::start(&mut self.core, now, id, watch));
        Ok(id)
    }

    /// Watches a peer no longer. Does nothing for a watch that is gone.
    pub fn unwatch(&mut self, id: WatchId) {
        if let Some(mut watcher) = self.watchers.remove(&id) {
            watcher.stop(&mut self.core);
        }
    }

    /// Keeps a binding at a registrar until [`unregister`](Self::unregister).
    ///
    /// # Errors
    /// [`CommandError::UnknownListener`] or [`CommandError::Full`].
    pub fn register(&mut self, now: Instant, registration: Registration) -> Result<RegistrationId, CommandError> {
        self.room_on(registration.flow)?;
        let id = RegistrationId(self.core.fresh_id());
        // Those of one address are told apart (RFC 5626 section 4.2).
        let taken: Vec<u32> = self.registrations.values().filter_map(|other| other.reg_id_at(&registration)).collect();
        let reg_id = (1..).find(|number| !taken.contains(number)).unwrap_or(1);
        self.registrations.insert(id, Binding::start(&mut self.core, now, id, registration, reg_id));
        Ok(id)
    }

    /// Takes a binding back; [`RegistrationState::Unregistered`] follows, also when the registrar does not answer.
    /// Does nothing for a registration that is gone.
    pub fn unregister(&mut self, now: Instant, id: RegistrationId) {
        if let Some(binding) = self.registrations.get_mut(&id) {
            binding.leave(&mut self.core, now);
        }
    }

    // --- within ---

    fn room_on(&self, flow: Flow) -> Result<(), CommandError> {
        if self.core.listener(flow.listener).is_none() {
            return Err(CommandError::UnknownListener(flow.listener));
        }
        if !self.core.has_room(false) {
            return Err(CommandError::Full);
        }
        Ok(())
    }

    fn admit(&self, flow: Flow, key: &LegKey) -> Result<(), CommandError> {
        self.room_on(flow)?;
        if self.live >= self.core.config.max_sessions {
            return Err(CommandError::Full);
        }
        if self.by_tag.contains_key(&key.local_tag()) {
            return Err(CommandError::DuplicateKey);
        }
        Ok(())
    }

    fn insert(&mut self, session: Session) {
        let id = session.id;
        self.by_tag.insert(session.local_tag.clone(), id);
        self.live += 1;
        self.sessions.insert(id, session);
        self.settle(id);
    }

    fn with_session(
        &mut self,
        id: SessionId,
        command: impl FnOnce(&mut Core, &mut Session) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let session = self.sessions.get_mut(&id).ok_or(CommandError::NoSession(id))?;
        let done = command(&mut self.core, session);
        self.settle(id);
        done
    }

    /// Hands the news of a client transaction to whom it concerns.
    fn dispatch(&mut self, now: Instant, delivery: Option<Delivery>) {
        let Some(Delivery { owner, transaction, what, last }) = delivery else { return };
        match owner {
            Owner::Session(id, purpose) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.on_delivery(&mut self.core, now, purpose, transaction, what);
                }
            }
            Owner::Probe(id) => {
                let probe = self.probes.get_mut(&id);
                let progress = probe.map(|probe| probe.on_delivery(&mut self.core, now, transaction, &what));
                if let Some(Progress::Over { status, took }) = progress {
                    self.probes.remove(&id);
                    self.core.emit_progress(Event::ProbeResult { probe: id, status, took });
                }
            }
            Owner::Watch(id) => {
                let watcher = self.watchers.get_mut(&id);
                let rebound = watcher.and_then(|watcher| {
                    let rebound = watcher.on_delivery(&mut self.core, now, transaction, &what)?;
                    Some((watcher.spec.flow, rebound))
                });
                if let Some((flow, rebound)) = rebound {
                    self.on_rebound(now, flow, rebound);
                }
            }
            Owner::Registration(id) => {
                let gone = match self.registrations.get_mut(&id) {
                    Some(binding) => binding.on_delivery(&mut self.core, now, transaction, &what),
                    None => false,
                };
                if gone {
                    self.registrations.remove(&id);
                }
                self.heed_flow_news(now, id);
                let flow = self.registrations.get_mut(&id).and_then(|binding| binding.take_rebound());
                if let Some((flow, rebound)) = flow {
                    let Rebound { was, is } = rebound;
                    self.core.emit_progress(Event::Rebound { flow, was, is });
                }
            }
        }
        if last {
            self.core.forget_client(transaction);
        }
        if let Owner::Session(id, _) = owner {
            self.settle(id);
        }
    }

    /// A registrar that sends calls to the address it saw has to see the new one.
    fn on_rebound(&mut self, now: Instant, flow: Flow, Rebound { was, is }: Rebound) {
        self.core.emit_progress(Event::Rebound { flow, was, is });
        for binding in self.registrations.values_mut() {
            if binding.flow() == flow {
                binding.refresh(&mut self.core, now);
            }
        }
    }

    fn on_server_news(&mut self, session: Option<SessionId>, transaction: TransactionId, news: ServerNews) {
        let Some(id) = session else { return };
        match news {
            ServerNews::Failed(_) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.on_undeliverable(&mut self.core, transaction);
                }
                self.settle(id);
            }
            ServerNews::Quiet | ServerNews::Acknowledged => {}
        }
    }

    /// After a session was touched: counts its end, and forgets it once nothing is left to do.
    fn settle(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.ended && !std::mem::replace(&mut session.counted_out, true) {
            self.live -= 1;
        }
        if session.is_done(&self.core) {
            self.core.timers.clear_session(id);
            self.by_tag.remove(&session.local_tag);
            self.sessions.remove(&id);
        } else {
            session.check(&self.core);
        }
        debug_assert!(self.live <= self.sessions.len(), "live sessions are sessions");
    }

    /// Checks every session against what must hold; tests call it when they stop. Debug builds check each touched
    /// session anyway.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let live = self.sessions.values().filter(|session| !session.ended).count();
        assert_eq!(live, self.live, "the count of live sessions");
        assert_eq!(self.sessions.len(), self.by_tag.len(), "each session is found by its tag");
        for session in self.sessions.values() {
            assert_eq!(self.by_tag.get(&session.local_tag), Some(&session.id));
            session.check(&self.core);
        }
    }

    /// How many messages and events fit into the queues without another allocation.
    #[cfg(test)]
    pub(crate) fn queue_room(&self) -> (usize, usize) {
        self.core.room()
    }

    /// What is left in memory: sessions, transactions, deadlines.
    #[cfg(test)]
    pub(crate) fn leftovers(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.core.transaction_count(), self.core.timers.len())
    }
}
