//! Two endpoints, one clock, and a network that loses, delays, doubles and reorders by a seed.

use crate::endpoint::{
    Body, Conduct, Config, Credential, EndedBy, Endpoint, Event, Failure, Flow, Invite, LegKey, Listener, ListenerId,
    SessionId, Transmit, Transport,
};
use crate::message::header::NameAddr;
use crate::message::{Headers, HostPort, Uri};
use crate::tests::epoch;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) fn address(self) -> SocketAddr {
        match self {
            Self::A => SocketAddr::from(([10, 0, 0, 1], 5060)),
            Self::B => SocketAddr::from(([10, 0, 0, 2], 5060)),
        }
    }
}

/// What the network does to a datagram. Streams are only delayed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// Per cent that are lost.
    pub(crate) loss: u64,
    /// Per cent that arrive twice.
    pub(crate) duplicate: u64,
    /// Least and most delay in milliseconds; what is drawn between reorders.
    pub(crate) delay: (u64, u64),
}

impl Faults {
    pub(crate) const NONE: Self = Self { loss: 0, duplicate: 0, delay: (10, 10) };
}

/// Numbers for tests: SplitMix64 by its published constants.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        low + self.below(high - low + 1)
    }
}

/// What is on the wire.
#[derive(Debug)]
struct Packet {
    to: Side,
    transport: Transport,
    bytes: Vec<u8>,
}

/// Two endpoints and all between them.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) a: Endpoint,
    pub(crate) b: Endpoint,
    pub(crate) faults: Faults,
    pub(crate) dice: Dice,
    pub(crate) transport: Transport,
    /// Everything that was sent, lost or not: sender and first line.
    pub(crate) wire: Vec<(Duration, Side, String)>,
    /// Whether anything may pass at all.
    pub(crate) cut: bool,
    events: BTreeMap<Side, VecDeque<Event>>,
    in_flight: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    keys: u32,
}

impl Pair {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, Config::default(), Config::default())
    }

    pub(crate) fn with(seed: u64, a: Config, b: Config) -> Self {
        let now = epoch();
        let mut pair = Self {
            now,
            start: now,
            a: Endpoint::new(a, [1; 32]),
            b: Endpoint::new(b, [2; 32]),
            faults: Faults::NONE,
            dice: Dice(seed),
            transport: Transport::Udp,
            wire: Vec::new(),
            cut: false,
            events: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            keys: 0,
        };
        for side in [Side::A, Side::B] {
            for (id, transport) in [(0, Transport::Udp), (1, Transport::Tcp)] {
                let advertised = HostPort::from(side.address());
                pair.endpoint(side).add_listener(Listener { id: ListenerId(id), transport, advertised });
            }
        }
        pair
    }

    pub(crate) fn over_tcp(mut self) -> Self {
        self.transport = Transport::Tcp;
        self
    }

    pub(crate) fn endpoint(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// The flow from one side to the other.
    pub(crate) fn flow(&self, from: Side) -> Flow {
        let listener = ListenerId(u16::from(self.transport == Transport::Tcp));
        Flow { listener, transport: self.transport, peer: from.other().address() }
    }

    /// The key of the first call.
    pub(crate) fn first_key() -> LegKey {
        let mut key = [1; 32];
        key[..4].copy_from_slice(&1_u32.to_be_bytes());
        LegKey(key)
    }

    /// An outgoing call of A to B.
    pub(crate) fn invitation(&mut self) -> Invite {
        self.keys += 1;
        let mut key = [1; 32];
        key[..4].copy_from_slice(&self.keys.to_be_bytes());
        Invite {
            key: LegKey(key),
            flow: self.flow(Side::A),
            uri: uri("sip:callee@10.0.0.2"),
            from: NameAddr::new(uri("sip:caller@10.0.0.1")),
            to: NameAddr::new(uri("sip:callee@10.0.0.2")),
            headers: Headers::new(),
            body: sdp("offer"),
            credentials: None,
            session_expires: None,
            conduct: Conduct::default(),
        }
    }

    /// A calls B; the call is on its way.
    pub(crate) fn call(&mut self) -> SessionId {
        let invite = self.invitation();
        self.call_with(invite)
    }

    pub(crate) fn call_with(&mut self, invite: Invite) -> SessionId {
        let session = self.a.invite(self.now, invite).expect("the endpoint has room");
        self.drain();
        session
    }

    /// A calls B, B answers, both are up: the names of the session on both sides.
    pub(crate) fn connect(&mut self) -> (SessionId, SessionId) {
        let invite = self.invitation();
        self.connect_with(invite)
    }

    pub(crate) fn connect_with(&mut self, invite: Invite) -> (SessionId, SessionId) {
        let caller = self.call_with(invite);
        let callee = self.incoming();
        self.act(Side::B, |endpoint, now| endpoint.accept(now, callee, sdp("answer")).expect("it rings"));
        self.expect(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
        self.expect(Side::B, |event| matches!(event, Event::Acknowledged { .. }).then_some(()));
        (caller, callee)
    }

    /// Waits for the call to arrive at B.
    pub(crate) fn incoming(&mut self) -> SessionId {
        self.expect(Side::B, |event| if let Event::Incoming { session, .. } = event { Some(*session) } else { None })
    }

    /// One command to one side, then drain.
    pub(crate) fn act<T>(&mut self, side: Side, command: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let now = self.now;
        let done = command(self.endpoint(side), now);
        self.drain();
        done
    }

    /// Runs until an event of one side is what is looked for; events before it are dropped. Fails after an hour.
    pub(crate) fn expect<T>(&mut self, side: Side, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = self.now + Duration::from_secs(3600);
        loop {
            while let Some(event) = self.next_event(side) {
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
            assert!(self.step(deadline), "{side:?} never saw the event; on the wire: {:#?}", self.wire);
        }
    }

    /// Waits for the failure of a session of this side.
    pub(crate) fn expect_failure(&mut self, side: Side) -> Box<Failure> {
        self.expect(side, |event| if let Event::Failed { failure, .. } = event { Some(failure.clone()) } else { None })
    }

    /// Waits for the end of an answered session of this side.
    pub(crate) fn expect_end(&mut self, side: Side) -> EndedBy {
        self.expect(side, |event| if let Event::Ended { by, .. } = event { Some(*by) } else { None })
    }

    /// Lets a span of time pass.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let deadline = self.now + span;
        while self.step(deadline) {}
        self.now = deadline;
    }

    /// The events of one side that were not looked at.
    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        self.drain();
        self.events.entry(side).or_default().drain(..).collect()
    }

    pub(crate) fn next_event(&mut self, side: Side) -> Option<Event> {
        self.drain();
        self.events.entry(side).or_default().pop_front()
    }

    /// Goes to the next moment at which anything happens; `false` if that is after `deadline`.
    pub(crate) fn step(&mut self, deadline: Instant) -> bool {
        self.drain();
        let arrival = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        let timers = [self.a.poll_timeout(), self.b.poll_timeout()];
        let timer = timers.iter().flatten().map(|(at, _)| *at).min();
        let Some(next) = arrival.into_iter().chain(timer).min().filter(|at| *at <= deadline) else { return false };
        self.now = self.now.max(next);
        while let Some(entry) = self.in_flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let packet = entry.remove();
            self.deliver(packet);
        }
        let now = self.now;
        self.a.handle_timeout(now);
        self.b.handle_timeout(now);
        self.drain();
        true
    }

    fn deliver(&mut self, packet: Packet) {
        let now = self.now;
        let peer = packet.to.other().address();
        match packet.transport {
            Transport::Udp => {
                self.endpoint(packet.to).handle_datagram(now, ListenerId(0), peer, &packet.bytes);
            }
            Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss => {
                let flow = Flow { listener: ListenerId(1), transport: Transport::Tcp, peer };
                self.endpoint(packet.to).handle_stream(now, flow, &packet.bytes).expect("endpoints frame well");
            }
        }
    }

    /// Moves what the endpoints have to say onto the wire and into the event lists.
    pub(crate) fn drain(&mut self) {
        for side in [Side::A, Side::B] {
            while let Some(transmit) = self.endpoint(side).poll_transmit() {
                self.send(side, &transmit);
            }
            while let Some(event) = self.endpoint(side).poll_event() {
                self.events.entry(side).or_default().push_back(event);
            }
        }
    }

    fn send(&mut self, from: Side, transmit: &Transmit) {
        let line = transmit.bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        self.wire.push((self.now - self.start, from, String::from_utf8_lossy(line).into_owned()));
        if self.cut || transmit.flow.peer != from.other().address() {
            return;
        }
        let copies = if self.transport == Transport::Tcp {
            1
        } else if self.dice.percent(self.faults.loss) {
            0
        } else {
            1 + u64::from(self.dice.percent(self.faults.duplicate))
        };
        for _ in 0..copies {
            self.sent += 1;
            let delay = match transmit.flow.transport {
                Transport::Udp => self.dice.between(self.faults.delay),
                Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss => self.faults.delay.0,
            };
            let at = self.now + Duration::from_millis(delay);
            let packet = Packet { to: from.other(), transport: transmit.flow.transport, bytes: transmit.bytes.clone() };
            self.in_flight.insert((at, self.sent), packet);
        }
    }

    /// How often a first line with this beginning was sent by one side.
    pub(crate) fn sent(&self, from: Side, beginning: &str) -> usize {
        self.wire.iter().filter(|(_, side, line)| *side == from && line.starts_with(beginning)).count()
    }

    /// Nothing is left on either side after all timers had their time.
    pub(crate) fn expect_clean(&mut self) {
        self.run_for(Duration::from_secs(200));
        for side in [Side::A, Side::B] {
            self.endpoint(side).check_invariants();
            assert_eq!(
                self.endpoint(side).leftovers(),
                (0, 0, 0),
                "{side:?} has sessions, transactions or timers left"
            );
        }
    }
}

pub(crate) fn uri(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).expect("a URI of this test")
}

pub(crate) fn sdp(text: &str) -> Body {
    Body::sdp(text.as_bytes().to_vec())
}

pub(crate) fn credential(username: &str, password: &str) -> Credential {
    Credential { username: username.to_owned(), password: password.to_owned(), realm: None }
}

/// The session and a word for the kind, if the event ends a session.
pub(crate) fn terminal(event: &Event) -> Option<(SessionId, &'static str)> {
    match event {
        Event::Failed { session, .. } => Some((*session, "failed")),
        Event::Cancelled { session, .. } => Some((*session, "cancelled")),
        Event::Ended { session, .. } => Some((*session, "ended")),
        Event::Recovered { session, .. } => Some((*session, "recovered")),
        Event::Incoming { .. }
        | Event::Provisional { .. }
        | Event::Redirected { .. }
        | Event::Answered { .. }
        | Event::Acknowledged { .. }
        | Event::Reoffer { .. }
        | Event::Reanswered { .. }
        | Event::Reoffered { .. }
        | Event::Info { .. }
        | Event::Refer { .. }
        | Event::Referred { .. }
        | Event::Health { .. }
        | Event::Rebound { .. }
        | Event::ProbeResult { .. }
        | Event::Register { .. }
        | Event::RegistrationState { .. }
        | Event::Unproved { .. }
        | Event::Malformed { .. } => None,
    }
}
