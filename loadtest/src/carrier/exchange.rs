//! The carrier's switch: one UDP socket, one SIP endpoint, and what each call gets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use callwright_media::codec::Codec;
use callwright_media::negotiated::Direction;
use callwright_media::rtcp::{Cname, NtpTime};
use callwright_media::sdp::{self, Encryption, LocalMedia};
use callwright_media::session::{ReportConfig, Session, SessionConfig};
use callwright_sip::endpoint::{
    Body, Config, EndedBy, Endpoint, Event as SipEvent, FailureCause, IncomingInvite, Listener, ListenerId, Rejection,
    SessionId, Transport,
};
use callwright_sip::message::header::{CallId, From};
use callwright_sip::message::{HostPort, Message, Method, StatusCode, parse};
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::callee::Callee;
use super::challenge::{Arrival, Doorman};
use super::clock::WallClock;
use super::log::{Event, Log, Parties};
use super::persona::{Persona, Population};
use super::phone::{News, Phone};
use super::script::Script;
use super::voice::{Studio, Voice};

/// Phones that may wait to tell the exchange something; then they wait a frame longer.
const NEWS: usize = 4096;
/// Datagrams handled before timers and phones get their turn.
const BURST: usize = 64;
const LISTENER: ListenerId = ListenerId(1);

/// A running carrier.
pub(crate) struct Exchange {
    endpoint: Endpoint,
    socket: UdpSocket,
    population: Population,
    script: Script,
    studio: Studio,
    log: Log,
    clock: WallClock,
    calls: BTreeMap<SessionId, Call>,
    /// How often each number was called.
    dialed: BTreeMap<String, u32>,
    /// Call-IDs of callees that have vanished: nothing goes to them or comes from them any more.
    vanished: BTreeSet<String>,
    /// Asks strangers for credentials, if the carrier does.
    doorman: Option<Doorman>,
    /// What to do at a later time, in its order.
    later: BTreeMap<(Instant, SessionId), Later>,
    news: Channel,
}

/// From the phones; both ends are kept, so that it never closes.
type Channel = (mpsc::Sender<(SessionId, News)>, mpsc::Receiver<(SessionId, News)>);

struct Call {
    parties: Parties,
    nth: u32,
    offer: Option<Body>,
    /// Dropped to put the phone down.
    phone: Option<oneshot::Sender<()>>,
    over: bool,
}

/// What a ringing phone comes to.
#[derive(Clone, Copy, Debug)]
enum Later {
    Answer,
    Decline,
}

impl Exchange {
    /// A carrier on `listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(crate) async fn open(
        listen: SocketAddr,
        population: Population,
        script: Script,
        studio: Studio,
        log: Log,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let local = socket.local_addr()?;
        let config = Config { user_agent: "Callwright-Carrier".to_owned(), session_expires: None, ..Config::default() };
        let mut endpoint = Endpoint::new(config, rand::random());
        endpoint.add_listener(Listener { id: LISTENER, transport: Transport::Udp, advertised: HostPort::from(local) });
        Ok(Self {
            endpoint,
            socket,
            population,
            script,
            studio,
            log,
            clock: WallClock::start(),
            calls: BTreeMap::new(),
            dialed: BTreeMap::new(),
            vanished: BTreeSet::new(),
            doorman: None,
            later: BTreeMap::new(),
            news: mpsc::channel(NEWS),
        })
    }

    /// The same carrier, which asks for credentials or does not.
    pub(crate) fn challenging(self, challenging: bool) -> Self {
        Self { doorman: challenging.then(Doorman::default), ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket does not know.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until the process ends.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut buffer = vec![0; 65_536];
        loop {
            let sleep = tokio::time::sleep_until(self.wake_at().into());
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, peer)) = received {
                        self.datagram(peer, &buffer[..length]);
                    }
                    for _ in 0..BURST {
                        let Ok((length, peer)) = self.socket.try_recv_from(&mut buffer) else { break };
                        self.datagram(peer, &buffer[..length]);
                    }
                }
                Some((session, news)) = self.news.1.recv() => self.hear(session, news),
                () = sleep => {}
            }
            let now = Instant::now();
            self.endpoint.handle_timeout(now);
            self.come_to(now).await;
            self.drain().await;
        }
    }

    fn wake_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let endpoint = self.endpoint.poll_timeout().map_or(far, |(at, _)| at);
        let later = self.later.keys().next().map_or(far, |(at, _)| *at);
        endpoint.min(later)
    }

    fn datagram(&mut self, peer: SocketAddr, bytes: &[u8]) {
        let now = Instant::now();
        match self.doorman.as_mut().map_or(Arrival::Other, |doorman| doorman.look(bytes)) {
            Arrival::Other => {}
            Arrival::Settled => return,
            Arrival::Stranger { answer, news } => {
                if let Err(error) = self.socket.try_send_to(&answer, peer) {
                    tracing::debug!(%error, "a challenge was not sent; the INVITE comes again");
                }
                if let Some([call_id, to, from]) = news {
                    let persona = self.population.persona(&to);
                    let parties = Parties { call_id, to, from, persona };
                    self.log.write(self.clock.unix(now), &parties, &Event::Invite);
                }
                return;
            }
        }
        if !self.vanished.is_empty()
            && let Ok(message) = parse(bytes)
        {
            let (headers, method) = match &message {
                Message::Request(request) => (&request.headers, Some(&request.method)),
                Message::Response(response) => (&response.headers, None),
            };
            let call_id = headers.typed::<CallId>().map(|id| id.to_string()).unwrap_or_default();
            if self.vanished.contains(&call_id) {
                if method == Some(&Method::Bye) {
                    self.end_vanished(&call_id, now);
                }
                return;
            }
        }
        self.endpoint.handle_datagram(now, LISTENER, peer, bytes);
    }

    /// The server gives up a call whose callee has vanished: the wire has seen its end, the callee has not.
    fn end_vanished(&mut self, call_id: &str, now: Instant) {
        let found = self.calls.iter().find(|(_, call)| call.parties.call_id == call_id).map(|(id, _)| *id);
        if let Some(session) = found {
            self.end(session, Event::Bye { by: "server" }, now);
        }
    }

    async fn drain(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            self.sip(event);
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let from_vanished =
                !self.vanished.is_empty() && self.vanished.iter().any(|id| memory_has(&transmit.bytes, id.as_bytes()));
            if !from_vanished && let Err(error) = self.socket.send_to(&transmit.bytes, transmit.flow.peer).await {
                tracing::debug!(%error, "a message was not sent");
            }
        }
    }

    fn sip(&mut self, event: SipEvent) {
        let now = Instant::now();
        match event {
            SipEvent::Incoming { session, invite } => self.ring(session, &invite, now),
            SipEvent::Cancelled { session, .. } => {
                self.note(session, &Event::Cancel, now);
                self.end(session, Event::Final { status: 487 }, now);
            }
            SipEvent::Failed { session, failure } => match failure.cause {
                FailureCause::Rejected => {}
                FailureCause::Response
                | FailureCause::NoResponse
                | FailureCause::NotSent
                | FailureCause::Cancelled
                | FailureCause::ConnectionLost
                | FailureCause::LocalError => self.end(session, Event::Bye { by: "callee" }, now),
            },
            SipEvent::Ended { session, by, .. } => {
                let by = match by {
                    EndedBy::Remote => "server",
                    EndedBy::Local | EndedBy::SessionTimer | EndedBy::Error => "callee",
                };
                self.end(session, Event::Bye { by }, now);
            }
            SipEvent::Reoffer { session, .. } => {
                // Nothing a callee does depends on a changed description: it keeps the one it has.
                if let Err(error) = self.endpoint.answer_reoffer(now, session, Err(StatusCode::NOT_ACCEPTABLE_HERE)) {
                    tracing::debug!(%error, "a new offer was not answered");
                }
            }
            SipEvent::Provisional { .. }
            | SipEvent::Redirected { .. }
            | SipEvent::Answered { .. }
            | SipEvent::Acknowledged { .. }
            | SipEvent::Reanswered { .. }
            | SipEvent::Reoffered { .. }
            | SipEvent::Info { .. }
            | SipEvent::Refer { .. }
            | SipEvent::Referred { .. }
            | SipEvent::Recovered { .. }
            | SipEvent::ProbeResult { .. }
            | SipEvent::Health { .. }
            | SipEvent::Rebound { .. }
            | SipEvent::Register { .. }
            | SipEvent::RegistrationState { .. }
            | SipEvent::Unproved { .. }
            | SipEvent::Malformed { .. } => {}
        }
    }

    fn ring(&mut self, session: SessionId, invite: &IncomingInvite, now: Instant) {
        let to = user(invite.request.uri.user_text().as_deref());
        let from = invite.request.headers.typed::<From>().ok();
        let from = user(from.as_ref().and_then(|from| from.0.uri.user_text()).as_deref());
        let nth = self.dialed.entry(to.clone()).or_default();
        let (persona, calls_before) = (self.population.persona(&to), *nth);
        *nth += 1;
        let parties = Parties { call_id: invite.dialog.call_id.clone(), to, from, persona };
        let call = Call { parties, nth: calls_before, offer: invite.body.clone(), phone: None, over: false };
        self.calls.insert(session, call);
        self.note(session, &Event::Invite, now);
        let mut rng = self.rng(session, 1);
        let ringing = Duration::from_millis(rng.random_range(800..2200));
        match persona {
            Persona::Busy if calls_before == 0 => self.refuse(session, StatusCode::BUSY_HERE, None, now),
            Persona::Unavailable if calls_before == 0 => {
                self.refuse(session, StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(2)), now);
            }
            Persona::Invalid => self.refuse(session, StatusCode::NOT_FOUND, None, now),
            Persona::Spam => self.refuse_with(session, 607, None, now),
            Persona::Fails => self.refuse(session, StatusCode::SERVER_INTERNAL_ERROR, None, now),
            Persona::NoAnswer => self.send_ringing(session, now),
            Persona::Declines => {
                self.send_ringing(session, now);
                self.later.insert((now + ringing, session), Later::Decline);
            }
            Persona::SaysYes
            | Persona::SaysNo
            | Persona::Chooses
            | Persona::Mumbles
            | Persona::Strays
            | Persona::Interrupts
            | Persona::Presses
            | Persona::HangsUp
            | Persona::Silent
            | Persona::Busy
            | Persona::Voicemail
            | Persona::Unavailable
            | Persona::Drops => {
                self.send_ringing(session, now);
                self.later.insert((now + ringing, session), Later::Answer);
            }
        }
    }

    fn send_ringing(&mut self, session: SessionId, now: Instant) {
        match self.endpoint.ring(now, session, StatusCode::RINGING, None) {
            Ok(()) => self.note(session, &Event::Ringing, now),
            Err(error) => tracing::debug!(%error, "the call is gone"),
        }
    }

    fn refuse_with(&mut self, session: SessionId, status: u16, retry_after: Option<Duration>, now: Instant) {
        if let Some(status) = StatusCode::new(status) {
            self.refuse(session, status, retry_after, now);
        }
    }

    fn refuse(&mut self, session: SessionId, status: StatusCode, retry_after: Option<Duration>, now: Instant) {
        match self.endpoint.reject(now, session, status, Rejection { retry_after, ..Rejection::default() }) {
            Ok(()) => self.end(session, Event::Final { status: status.code() }, now),
            Err(error) => tracing::debug!(%error, "the call is gone"),
        }
    }

    async fn come_to(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let ((_, session), what) = entry.remove_entry();
            match what {
                Later::Decline => self.refuse(session, StatusCode::DECLINE, None, now),
                Later::Answer => {
                    if let Err(error) = self.answer(session, now).await {
                        tracing::error!("a call was not answered: {error:#}");
                        self.refuse(session, StatusCode::NOT_ACCEPTABLE_HERE, None, now);
                    }
                }
            }
        }
    }

    async fn answer(&mut self, session: SessionId, now: Instant) -> anyhow::Result<()> {
        let Some(call) = self.calls.get(&session).filter(|call| !call.over) else { return Ok(()) };
        let (persona, offer) = (call.parties.persona, call.offer.clone());
        let socket = UdpSocket::bind(SocketAddr::new(self.address()?.ip(), 0)).await.context("no RTP port")?;
        let local = socket.local_addr()?;
        let media = LocalMedia {
            address: local.ip(),
            port: local.port(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            dtmf: true,
            session_id: session.0,
            version: 1,
            ptime_ms: 20,
            direction: Direction::SendRecv,
            encryption: Encryption::Off,
        };
        let offer = offer.context("the INVITE carries no offer")?;
        let (answer, negotiated) = sdp::answer(&media, &offer.bytes)?;
        let mut rng = self.rng(session, 2);
        let config = SessionConfig {
            negotiated,
            ssrc: rng.random(),
            sequence: rng.random(),
            timestamp: rng.random(),
            vad: None,
            uplink: false,
        };
        // Draws of its own: those of lines and voices stay what they are.
        let mut draws = rand::rngs::StdRng::seed_from_u64(config.ssrc.into());
        let mut leg = Session::new(now, config);
        let time = NtpTime::from_unix(Duration::from_secs_f64(self.clock.unix(now)));
        leg.report(now, ReportConfig::new(time, Cname::new(draws.random()), draws.random()));
        self.endpoint.accept(now, session, Body::sdp(answer))?;
        self.note(session, &Event::Answer, now);
        let phone = Phone {
            id: session,
            socket,
            session: leg,
            callee: Callee::new(persona, self.script.lines(persona, &mut rng), self.rng(session, 3)),
            studio: self.studio.clone(),
            voice: Voice::draw(&mut rng),
            clock: self.clock,
            news: self.news.0.clone(),
        };
        if let Some(call) = self.calls.get_mut(&session) {
            let (hold, over) = oneshot::channel();
            tokio::spawn(phone.run(over));
            call.phone = Some(hold);
        }
        Ok(())
    }

    fn hear(&mut self, session: SessionId, news: News) {
        let now = Instant::now();
        match news {
            News::Log(event, at) => self.note(session, &event, at),
            News::HangUp => {
                if let Err(error) = self.endpoint.hang_up(now, session, None) {
                    tracing::debug!(%error, "the call is gone");
                }
            }
            News::Vanish => {
                if let Some(call) = self.calls.get_mut(&session) {
                    self.vanished.insert(call.parties.call_id.clone());
                    call.phone = None;
                }
            }
        }
    }

    /// The randomness of one aspect of a call: the same in every run with the same seed.
    fn rng(&self, session: SessionId, aspect: u32) -> rand::rngs::StdRng {
        let call = self.calls.get(&session);
        let (number, nth) = call.map_or(("", 0), |call| (call.parties.to.as_str(), call.nth));
        self.population.rng(number, nth * 4 + aspect)
    }

    fn note(&mut self, session: SessionId, event: &Event, at: Instant) {
        if let Some(call) = self.calls.get(&session) {
            self.log.write(self.clock.unix(at), &call.parties, event);
        }
    }

    /// Writes the end of a call, once, and puts its phone down.
    fn end(&mut self, session: SessionId, event: Event, at: Instant) {
        let Some(call) = self.calls.get_mut(&session) else { return };
        if call.over {
            return;
        }
        call.over = true;
        call.phone = None;
        self.later.retain(|(_, id), _| *id != session);
        self.note(session, &event, at);
    }
}

/// The user part of a URI as text.
fn user(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn memory_has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
