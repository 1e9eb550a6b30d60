//! The one task that owns the SIP endpoint: datagrams, stream bytes and commands in, messages and events out.

mod handle;
mod registrations;
mod warden;
mod watches;

use handle::{Command, Registered};
pub use handle::{InviteError, SipHandle, SipStopped, Started};
pub use registrations::{OurRegistration, RegisterRequest};
use warden::Warden;
pub use warden::{GuardReport, Protection};
pub use watches::{OurWatch, Verdict};

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{
    CommandError, Config, Endpoint, Event, Flow, IncomingInvite, Listener, ListenerId, PeerName, ProbeId,
    RecoveryOutcome, RegistrationId, RegistrationState, Rejection, SessionId, Transport, WatchId,
};
use callwright_sip::guard::Offence;
use callwright_sip::message::{HostPort, StatusCode};
use callwright_sip::trace::Way;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::sip_stream::{StreamEvent, Streams};
use super::sip_tls::SipTls;
use super::sip_udp::UdpListener;
use crate::config::{ListenerConfig, SipTransport, TlsFiles, WebsocketConfig};
use crate::sight::tap::Tap;
use crate::time;

/// Commands that wait for the driver; further callers wait.
const COMMANDS: usize = 1_024;
/// Events that wait for one call. A call that does not take them is hung up.
const EVENTS: usize = 64;
/// Incoming calls that wait to be looked at; further ones get 503.
const INCOMING: usize = 256;
/// Inputs of one kind handled per wake, so that no source starves the others.
const BUDGET: usize = 64;
/// Datagrams read per wake and listener: more than are served, so that what has to go first is not left behind in the
/// kernel.
const ARRIVALS: usize = 128;
/// How often sessions whose call is gone are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// The longest SIP message over UDP.
const DATAGRAM: usize = 65_536;

/// What [`start`] has set up.
#[derive(Debug)]
pub struct SipService {
    /// The way in.
    pub handle: SipHandle,
    /// Calls that come in.
    pub incoming: mpsc::Receiver<IncomingCall>,
    /// REGISTER requests that come in, where [`Config::registrar`] is set.
    pub registers: mpsc::Receiver<RegisterRequest>,
    /// The listeners and the addresses they are bound to, in the order of the configuration.
    pub bound: Vec<BoundListener>,
    /// Ends after the stop token was cancelled and what was queued is sent.
    pub task: tokio::task::JoinHandle<()>,
}

/// One listener as it came up.
#[derive(Clone, Debug)]
pub struct BoundListener {
    /// Its name in flows.
    pub id: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// The address it is bound to; the port is a real one even where the configuration says 0.
    pub local: SocketAddr,
    /// Whether it is bound. One for TLS is not without a certificate: connections only leave from its address. One for secure
    /// websockets is of no use then.
    pub listens: bool,
    /// The address that peers are told in Via and Contact.
    pub advertised: SocketAddr,
    /// The address announced in SDP.
    pub media: std::net::IpAddr,
}

/// What those who connect to us find, beside the sockets.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Who we are, and whom we trust.
    pub tls: SipTls,
    /// What is asked of those who open websockets.
    pub websocket: WebsocketConfig,
}

impl From<SipTls> for Doors {
    /// With websockets as they are when nothing is set.
    fn from(tls: SipTls) -> Self {
        Self { tls, websocket: WebsocketConfig::default() }
    }
}

/// A call that comes in.
#[derive(Debug)]
pub struct IncomingCall {
    /// Its session.
    pub session: SessionId,
    /// What arrived.
    pub invite: Box<IncomingInvite>,
    /// What the session says from here on.
    pub events: mpsc::Receiver<Event>,
}

/// [`start_with`] without a certificate of ours.
///
/// # Errors
/// A listener cannot be bound.
pub async fn start(
    listeners: &[ListenerConfig],
    config: Config,
    seed: [u8; 32],
    stop: CancellationToken,
) -> io::Result<SipService> {
    let tls = SipTls::new(&TlsFiles::default()).map_err(io::Error::other)?;
    start_with(listeners, tls, config, Protection::off(), seed, stop).await
}

/// [`start_tapped`] with nobody who sees the messages.
///
/// # Errors
/// A listener cannot be bound.
pub async fn start_with(
    listeners: &[ListenerConfig],
    tls: SipTls,
    config: Config,
    protection: Protection,
    seed: [u8; 32],
    stop: CancellationToken,
) -> io::Result<SipService> {
    start_tapped(listeners, tls, config, protection, seed, None, stop).await
}

/// Binds the listeners and starts the driver. `seed` feeds what must not be guessable: tags, branches, nonces. A listener for
/// TLS without a certificate is not bound: connections only leave from it. Every message is shown to the `tap`.
///
/// # Errors
/// A listener cannot be bound.
pub async fn start_tapped(
    listeners: &[ListenerConfig],
    doors: impl Into<Doors>,
    config: Config,
    protection: Protection,
    seed: [u8; 32],
    tap: Option<Tap>,
    stop: CancellationToken,
) -> io::Result<SipService> {
    let doors = doors.into();
    let can_listen = doors.tls.can_listen();
    // Without a certificate nobody could tell whose connection it is that we offer.
    let mut endpoint = Endpoint::new(Config { reusable: can_listen, ..config }, seed);
    let (mut streams, stream_events) = Streams::new(doors);
    let mut udp = Vec::new();
    let mut bound = Vec::new();
    for (number, listener) in (0..).zip(listeners) {
        let id = ListenerId(number);
        let transport = spoken(listener.transport);
        let listens = can_listen || !transport.is_secure();
        let local = if transport == Transport::Udp {
            let socket = UdpSocket::bind(listener.bind).await?;
            let local = socket.local_addr()?;
            udp.push(UdpListener::new(id, socket));
            local
        } else if listens {
            let socket = TcpListener::bind(listener.bind).await?;
            let local = socket.local_addr()?;
            streams.listen(id, transport, socket, stop.clone())?;
            local
        } else {
            streams.leave_from(id, listener.bind.ip());
            listener.bind
        };
        let external = listener.external.unwrap_or(local);
        endpoint.add_listener(Listener { id, transport, advertised: HostPort::from(external) });
        let media = listener.advertised_media();
        bound.push(BoundListener { id, transport, local, listens, advertised: external, media });
    }
    let (commands, command_receiver) = mpsc::channel(COMMANDS);
    let (incoming, incoming_receiver) = mpsc::channel(INCOMING);
    let (registers, registers_receiver) = mpsc::channel(registrations::REGISTERS);
    let mut driver = Driver {
        endpoint,
        udp,
        streams,
        stream_events,
        tap,
        commands: command_receiver,
        incoming,
        registers,
        registrations: BTreeMap::new(),
        watches: BTreeMap::new(),
        sessions: BTreeMap::new(),
        recoveries: BTreeMap::new(),
        probes: BTreeMap::new(),
        timer: Box::pin(tokio::time::sleep(SWEEP)),
        sweep_at: time::now().mono + SWEEP,
        buffer: vec![0; DATAGRAM],
        warden: Warden::new(protection),
    };
    let task = tokio::spawn(async move {
        tokio::select! {
            () = poll_fn(|cx| driver.poll(cx)) => {}
            () = stop.cancelled() => {}
        }
    });
    let handle = SipHandle { commands };
    Ok(SipService { handle, incoming: incoming_receiver, registers: registers_receiver, bound, task })
}

/// What is spoken at a listener.
const fn spoken(transport: SipTransport) -> Transport {
    match transport {
        SipTransport::Udp => Transport::Udp,
        SipTransport::Tcp => Transport::Tcp,
        SipTransport::Tls => Transport::Tls(PeerName::NONE),
        SipTransport::Ws => Transport::Ws,
        SipTransport::Wss => Transport::Wss,
    }
}

struct Driver {
    endpoint: Endpoint,
    udp: Vec<UdpListener>,
    streams: Streams,
    stream_events: mpsc::Receiver<StreamEvent>,
    /// Who sees every message.
    tap: Option<Tap>,
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Sender<IncomingCall>,
    registers: mpsc::Sender<RegisterRequest>,
    registrations: BTreeMap<RegistrationId, watch::Sender<Option<RegistrationState>>>,
    watches: BTreeMap<WatchId, watch::Sender<Verdict>>,
    sessions: BTreeMap<SessionId, mpsc::Sender<Event>>,
    recoveries: BTreeMap<SessionId, oneshot::Sender<Result<RecoveryOutcome, CommandError>>>,
    probes: BTreeMap<ProbeId, oneshot::Sender<Option<StatusCode>>>,
    timer: Pin<Box<Sleep>>,
    sweep_at: Instant,
    buffer: Vec<u8>,
    warden: Warden,
}

impl Driver {
    /// Inputs, then time, then outputs; at most [`BUDGET`] inputs of a kind, and woken again when there are more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = time::now().mono;
        let due = self.timer.deadline().into_std();
        if due <= now {
            self.warden.late(now, now - due);
        }
        let mut more = self.poll_datagrams(cx, now);
        more |= self.poll_streams(cx, now);
        match self.poll_commands(cx, now) {
            Poll::Ready(()) => return Poll::Ready(()),
            Poll::Pending => {}
        }
        if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.sweep(now);
        self.dispatch(now);
        while let Some(dead) = self.endpoint.poll_close() {
            let lost = self.streams.close(dead);
            self.lose(now, lost);
        }
        while let Some(alias) = self.endpoint.poll_alias() {
            self.streams.offer(alias);
        }
        // What could not be sent makes the endpoint speak again: it gets another round.
        more |= self.transmit(cx, now);
        more |= self.arm(cx, now);
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_datagrams(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut more = false;
        for listener in &mut self.udp {
            let mut budget = ARRIVALS;
            while budget > 0 {
                let Poll::Ready((peer, length)) = listener.poll_receive(cx, &mut self.buffer) else { break };
                let is_ours = |tag: &[u8]| self.endpoint.owns_tag(tag);
                self.warden.receive(now, listener.id, peer, &self.buffer[..length], is_ours);
                budget -= 1;
            }
            more |= budget == 0;
        }
        more |= self.serve(now);
        more
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        for _ in 0..BUDGET {
            let Poll::Ready(Some(event)) = self.stream_events.poll_recv(cx) else { return false };
            match event {
                // Whoever is banned finds the connection closed.
                StreamEvent::Accepted { flow, .. } if self.warden.is_banned(now, flow.peer.ip()) => {}
                StreamEvent::Accepted { flow, stream, shown, place } => {
                    let lost = self.streams.adopt(flow, stream, shown, place);
                    self.lose(now, lost);
                }
                StreamEvent::Opened { flow, connection } => {
                    if self.streams.is_current(flow, connection) {
                        self.endpoint.handle_opened(now, flow);
                    }
                }
                StreamEvent::Bytes { flow, connection, bytes } => {
                    let current = self.streams.is_current(flow, connection);
                    if current && !self.serve_stream(now, flow, &bytes) {
                        self.close(now, flow);
                    }
                }
                StreamEvent::Closed { flow, connection } => {
                    if self.streams.is_current(flow, connection) {
                        self.close(now, flow);
                    }
                }
                StreamEvent::NotSent { id, written } => self.endpoint.handle_send_failed(now, id, written),
            }
        }
        true
    }

    fn close(&mut self, now: Instant, flow: Flow) {
        let lost = self.streams.close(flow);
        self.lose(now, std::iter::once(flow).chain(lost));
    }

    /// These flows have no connection any more.
    fn lose(&mut self, now: Instant, lost: impl IntoIterator<Item = Flow>) {
        for flow in lost {
            self.endpoint.handle_closed(now, flow);
        }
    }

    /// `Ready` when every handle is gone.
    fn poll_commands(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        for _ in 0..BUDGET {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.execute(now, command),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Commands to a session that has just ended are void: its call learns of the end from the event.
    fn execute(&mut self, now: Instant, command: Command) {
        if let Command::Ring(session, ..)
        | Command::Accept(session, ..)
        | Command::Reject(session, ..)
        | Command::HangUp(session, ..) = &command
        {
            self.warden.answered(*session);
        }
        let endpoint = &mut self.endpoint;
        let done = match command {
            Command::Invite { invite, send_before, reply } => {
                let started = match now <= send_before.mono && time::boot() <= send_before.boot {
                    true => endpoint.invite(now, *invite).map_err(InviteError::from),
                    false => Err(InviteError::TooLate),
                };
                let started = started.map(|session| {
                    let (sender, receiver) = mpsc::channel(EVENTS);
                    self.sessions.insert(session, sender);
                    (session, receiver)
                });
                // A caller that is gone leaves a closed channel, which the sweep hangs up.
                let _ = reply.send(started);
                return;
            }
            Command::Recover(orphan, reply) => {
                match endpoint.recover(now, *orphan) {
                    Ok(session) => drop(self.recoveries.insert(session, reply)),
                    Err(error) => drop(reply.send(Err(error))),
                }
                return;
            }
            Command::Ping(probe, reply) => {
                match endpoint.ping(now, *probe) {
                    Ok(probe) => drop(self.probes.insert(probe, reply)),
                    Err(_) => drop(reply.send(None)),
                }
                return;
            }
            Command::Guard(order) => return self.order_guard(order),
            Command::Register(registration, reply) => return self.register(now, *registration, reply),
            Command::Watch(watch, reply) => return self.watch(now, *watch, reply),
            Command::Unregister(registration) => return endpoint.unregister(now, registration),
            Command::AnswerRegister(register, answer) => endpoint.answer_register(now, register, &answer),
            Command::HangUp(session, reason) => endpoint.hang_up(now, session, reason),
            Command::Ring(session, status, body) => endpoint.ring(now, session, status, body),
            Command::Accept(session, body) => endpoint.accept(now, session, body),
            Command::Reject(session, status, more) => endpoint.reject(now, session, status, more),
            Command::AnswerReoffer(session, answer) => endpoint.answer_reoffer(now, session, answer),
            Command::Refer(session, refer, reply) => {
                let _ = reply.send(endpoint.refer(now, session, *refer));
                return;
            }
            Command::NotifyRefer(session, status) => endpoint.notify_refer(now, session, status),
            Command::Info(session, body) => endpoint.info(now, session, &body),
            Command::Follow(session, flow) => endpoint.follow(now, session, flow),
            Command::PassOver(session) => endpoint.pass_over(now, session),
            Command::KnownAs(session, external) => endpoint.known_as(session, external),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a command came too late for what it was about");
        }
    }

    /// Ends sessions whose call is gone without having hung up.
    fn sweep(&mut self, now: Instant) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP;
        self.sweep_registrations(now);
        self.sweep_watches();
        let abandoned: Vec<_> =
            self.sessions.iter().filter(|(_, sender)| sender.is_closed()).map(|(session, _)| *session).collect();
        for session in abandoned {
            self.sessions.remove(&session);
            let _ = self.endpoint.hang_up(now, session, None);
        }
    }

    fn dispatch(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match &event {
                Event::Incoming { .. } => self.offer(now, event),
                Event::Provisional { session, .. }
                | Event::Redirected { session, .. }
                | Event::Answered { session, .. }
                | Event::Acknowledged { session, .. }
                | Event::Reoffer { session, .. }
                | Event::Reanswered { session, .. }
                | Event::Reoffered { session, .. }
                | Event::Info { session, .. }
                | Event::Refer { session, .. }
                | Event::Referred { session, .. } => self.tell(now, *session, event),
                Event::Failed { session, .. } | Event::Cancelled { session, .. } | Event::Ended { session, .. } => {
                    let session = *session;
                    self.warden.answered(session);
                    self.tell(now, session, event);
                    self.sessions.remove(&session);
                }
                Event::Recovered { session, outcome } => {
                    if let Some(reply) = self.recoveries.remove(session) {
                        let _ = reply.send(Ok(*outcome));
                    }
                }
                Event::ProbeResult { probe, status, .. } => {
                    if let Some(reply) = self.probes.remove(probe) {
                        let _ = reply.send(*status);
                    }
                }
                Event::RegistrationState { registration, state } => self.on_registration_state(*registration, state),
                Event::Register { register, incoming } => {
                    if incoming.account.is_some() {
                        self.warden.vouch(now, incoming.flow);
                    }
                    self.offer_register(now, *register, incoming);
                }
                Event::Health { watch, health, status } => self.on_health(*watch, *health, *status),
                Event::Rebound { .. } => tracing::info!("a carrier sees us at another address than before"),
                Event::Unproved { flow } => {
                    tracing::debug!(peer = %flow.peer, "wrong credentials");
                    self.warden.offends(now, *flow, Offence::Digest);
                }
                Event::Malformed { flow, fault } => {
                    tracing::debug!(fault, "malformed SIP");
                    self.warden.offends(now, *flow, Offence::Malformed);
                }
            }
        }
    }

    fn offer(&mut self, now: Instant, event: Event) {
        let Event::Incoming { session, invite } = event else { return };
        if invite.account.is_some() {
            self.warden.vouch(now, invite.flow);
        }
        let (sender, events) = mpsc::channel(EVENTS);
        match self.incoming.try_send(IncomingCall { session, invite, events }) {
            Ok(()) => {
                self.warden.offered(session);
                self.sessions.insert(session, sender);
            }
            Err(_) => {
                let more = Rejection { retry_after: Some(Duration::from_secs(5)), ..Rejection::default() };
                let _ = self.endpoint.reject(now, session, StatusCode::SERVICE_UNAVAILABLE, more);
            }
        }
    }

    /// Hands an event to its call. A call that does not take its events hangs; its leg does not have to.
    fn tell(&mut self, now: Instant, session: SessionId, event: Event) {
        let Some(sender) = self.sessions.get(&session) else { return };
        if sender.try_send(event).is_err() {
            tracing::debug!("a call has stopped taking the events of its leg");
            self.sessions.remove(&session);
            let _ = self.endpoint.hang_up(now, session, None);
        }
    }

    /// Sends everything; `true` when something could not be sent.
    fn transmit(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut failed = Vec::new();
        for listener in &mut self.udp {
            listener.poll_flush(cx, &mut failed);
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let (id, listener) = (transmit.id, transmit.flow.listener);
            if let Some(tap) = &self.tap {
                tap.show(now, Way::Sent, transmit.flow, &transmit.bytes);
            }
            let sent = match transmit.flow.transport {
                Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss => {
                    self.streams.send(transmit).is_ok()
                }
                Transport::Udp => match self.udp.iter_mut().find(|udp| udp.id == listener) {
                    Some(udp) => udp.send(transmit).is_ok(),
                    None => false,
                },
            };
            if !sent {
                failed.push(id);
            }
        }
        for listener in &mut self.udp {
            listener.poll_flush(cx, &mut failed);
        }
        for id in &failed {
            self.endpoint.handle_send_failed(now, *id, false);
        }
        !failed.is_empty()
    }

    /// Sets the timer; `true` when something is due already.
    fn arm(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let next = self.endpoint.poll_timeout().map_or(self.sweep_at, |(at, _)| at.min(self.sweep_at));
        let next = self.warden.tick(now).map_or(next, |tick| tick.min(next));
        let next = tokio::time::Instant::from_std(next);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}

#[cfg(test)]
mod tests;
