//! An endpoint under a sequence of operations: a shell that commands anything and a peer that says anything, read from
//! bytes. Shared by the fuzz target and by the test that replays the corpus.

mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use callwright_sip::callerid::{DiversionReason, Diverted, tell_stations};
use callwright_sip::endpoint::{
    Body, CommandError, Conduct, Config, Credential, Endpoint, Event, External, InstanceId, Invite, LegKey, Listener,
    ListenerId, Orphan, OrphanInvite, OrphanStage, PeerName, Probe, Refer, ReferId, ReferProgress, Registration,
    RegistrationId, RegistrationState, Rejection, SessionId, TransmitId, Transport, Watch, WatchId,
};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Headers, HostPort, Uri, parse};
use callwright_sip::registrar::{RegisterAnswer, RegisterId};

const LIMIT: usize = 40;
const LISTENERS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls(PeerName::NONE), Transport::Ws, Transport::Wss];

/// Runs a sequence. Nothing panics; the endpoint's own checks hold (they run in builds with debug assertions); what leaves
/// is SIP, over the transport of its listener; each session, recovery, registration, REFER and new offer ends as often as its
/// event says; what waits stays within the limits; and when everything was hung up nothing is left.
pub(crate) fn run(data: &[u8]) {
    let mut play = Play::new(data);
    let mut steps = 0;
    while let Some(operation) = play.byte()
        && steps < 400
    {
        steps += 1;
        match operation % 12 {
            0 | 1 => play.request(),
            2 | 3 => play.response(),
            4 => play.garble(),
            5 => play.call(),
            6 | 7 => play.command(),
            8 => play.network(),
            9 => play.peers(),
            10 => play.registers(),
            _ => play.wait(),
        }
        play.look();
    }
    play.end();
}

struct Play<'a> {
    data: &'a [u8],
    now: Instant,
    endpoint: Endpoint,
    heard: peer::Heard,
    sessions: Vec<SessionId>,
    ended: BTreeSet<SessionId>,
    /// Legs of an earlier life, and whether they are seen to.
    recoveries: BTreeMap<SessionId, bool>,
    /// REFERs of ours that have not ended.
    refers: BTreeMap<ReferId, SessionId>,
    /// Sessions with an offer of ours that is open.
    offers: BTreeSet<SessionId>,
    watches: Vec<WatchId>,
    /// Registrations of ours, and whether they are taken back.
    registrations: BTreeMap<RegistrationId, bool>,
    registers: Vec<RegisterId>,
    sent: Vec<TransmitId>,
    keys: u8,
}

impl<'a> Play<'a> {
    fn new(data: &'a [u8]) -> Self {
        let config = Config {
            max_transactions: LIMIT,
            max_sessions: 8,
            max_streams: 3,
            instance: Some(InstanceId([7; 16])),
            max_watches: 3,
            max_forks: 3,
            max_events: 64,
            referable: data.len().is_multiple_of(2),
            replaceable: data.len().is_multiple_of(2),
            registrar: data.len().is_multiple_of(3),
            reusable: data.len().is_multiple_of(5),
            ..Config::default()
        };
        let mut endpoint = Endpoint::new(config, [3; 32]);
        for (id, transport) in (0..).zip(LISTENERS) {
            let advertised = HostPort::parse(b"198.51.100.1:5060").expect("an address");
            endpoint.add_listener(Listener { id: ListenerId(id), transport, advertised });
        }
        #[allow(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
        let now = Instant::now();
        Self {
            data,
            now,
            endpoint,
            heard: peer::Heard::default(),
            sessions: Vec::new(),
            ended: BTreeSet::new(),
            recoveries: BTreeMap::new(),
            refers: BTreeMap::new(),
            offers: BTreeSet::new(),
            watches: Vec::new(),
            registrations: BTreeMap::new(),
            registers: Vec::new(),
            sent: Vec::new(),
            keys: 0,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.data.split_first()?;
        self.data = rest;
        Some(*first)
    }

    /// A number below this one, and below 256.
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % limit
    }

    fn call(&mut self) {
        self.keys = self.keys.wrapping_add(self.byte().unwrap_or(1) % 2);
        let flow = peer::flow(self.byte().unwrap_or(0));
        let options = self.byte().unwrap_or(0);
        let uri = if options & 32 > 0 { "sips:callee@example.org" } else { "sip:callee@example.org" };
        let uri = address(uri);
        let invite = Invite {
            key: LegKey([self.keys % 100; 32]),
            flow,
            from: NameAddr::new(uri.clone()),
            to: NameAddr::new(uri.clone()),
            uri,
            headers: if options & 6 == 6 { diverted() } else { Headers::new() },
            body: Body::sdp(if options & 16 > 0 { vec![b'x'; 1400] } else { b"offer".to_vec() }),
            credentials: (options & 1 > 0).then(credential),
            session_expires: (options & 2 > 0).then_some(90),
            conduct: Conduct {
                redirectable: options & 4 > 0,
                large_over: (options & 8 > 0).then_some(ListenerId(1)),
                feature: (options & 64 > 0).then_some("+sip.src"),
                external: (options & 128 > 0)
                    .then_some(External { address: Ipv4Addr::new(203, 0, 113, 7).into(), port: None }),
            },
        };
        if let Ok(session) = self.endpoint.invite(self.now, invite) {
            self.sessions.push(session);
        }
    }

    /// Refusals of commands are as good as their success.
    fn command(&mut self) {
        if self.sessions.is_empty() {
            return;
        }
        let last = self.sessions.len() - 1;
        let back = self.below(last + 1);
        let id = self.sessions[last - back];
        let (status, flow) = (self.status(), peer::flow(self.byte().unwrap_or(0)));
        let (which, now, endpoint) = (self.byte().unwrap_or(0), self.now, &mut self.endpoint);
        let body = || Body::sdp(b"answer".to_vec());
        let _: Result<(), CommandError> = match which % 15 {
            0 => endpoint.ring(now, id, status, None),
            1 => endpoint.ring(now, id, status, Some(body())),
            2 | 3 => endpoint.accept(now, id, body()),
            4 => endpoint.reject(now, id, status, Rejection::default()),
            5 => endpoint.cancel(now, id, None),
            6 => endpoint.bye(now, id, None),
            7 => endpoint.hang_up(now, id, None),
            8 => endpoint.answer_reoffer(now, id, Ok(body())),
            9 => endpoint.answer_reoffer(now, id, Err(status)),
            10 => endpoint.reoffer(now, id, body()).map(|()| assert!(self.offers.insert(id), "two offers at a time")),
            11 => {
                let refer = Refer { to: NameAddr::new(address("sip:third@example.org")), by: None };
                endpoint.refer(now, id, refer).map(|refer| assert_eq!(self.refers.insert(refer, id), None))
            }
            12 => endpoint.notify_refer(now, id, status),
            13 => endpoint.follow(now, id, flow),
            _ => endpoint.pass_over(now, id),
        };
    }

    /// Connections come and go, messages do not leave.
    fn network(&mut self) {
        let flow = peer::flow(self.byte().unwrap_or(0));
        match self.below(3) {
            0 => self.endpoint.handle_opened(self.now, flow),
            1 => self.endpoint.handle_closed(self.now, flow),
            _ => {
                let back = self.below(usize::MAX);
                let Some(last) = self.sent.len().checked_sub(1) else { return };
                let written = self.below(2) == 0;
                self.endpoint.handle_send_failed(self.now, self.sent[last - back % (last + 1)], written);
            }
        }
    }

    /// Peers are asked whether they are there; legs of an earlier life are ended.
    fn peers(&mut self) {
        let flow = peer::flow(self.byte().unwrap_or(0));
        match self.below(5) {
            0 => {
                let (uri, key) = (address("sip:probe@example.org"), LegKey([200; 32]));
                let _ = self.endpoint.ping(self.now, Probe { uri, flow, key, credentials: Some(credential()) });
            }
            1 => {
                let watch = Watch::new(address("sip:watched@example.org"), flow);
                let watch = Watch { interval: Duration::ZERO, credentials: Some(credential()), ..watch };
                self.watches.extend(self.endpoint.watch(self.now, watch));
            }
            2 => {
                if let Some(watch) = self.watches.pop() {
                    self.endpoint.unwatch(watch);
                }
            }
            3 => {
                let uri = address("sip:callee@example.org");
                let (from, to) = (NameAddr::new(uri.clone()), NameAddr::new(uri.clone()));
                let invites = 1 + u32::from(self.byte().unwrap_or(0)) % Orphan::MOST_INVITES;
                let headers = Headers::new();
                let invite = OrphanInvite { flow, sent_by: None, uri, from, to, headers, invites, dialog: None };
                self.recover(OrphanStage::Early(Box::new(invite)));
            }
            _ => {
                let dialog = self.sessions.iter().rev().find_map(|session| self.endpoint.dialog(*session));
                if let Some(mut dialog) = dialog {
                    dialog.local_tag.push('x');
                    self.recover(OrphanStage::Confirmed(Box::new(dialog)));
                }
            }
        }
    }

    fn recover(&mut self, stage: OrphanStage) {
        self.keys = self.keys.wrapping_add(1);
        let orphan = Orphan { key: LegKey([100 + self.keys % 100; 32]), credentials: Some(credential()), stage };
        if let Ok(session) = self.endpoint.recover(self.now, orphan) {
            self.recoveries.insert(session, false);
        }
    }

    /// Registrations in both directions.
    fn registers(&mut self) {
        let flow = peer::flow(self.byte().unwrap_or(0));
        match self.below(4) {
            0 => {
                self.keys = self.keys.wrapping_add(1);
                let registration = Registration {
                    key: LegKey([201 + self.keys % 50; 32]),
                    flow,
                    registrar: address("sip:example.org"),
                    aor: NameAddr::new(address("sip:us@example.org")),
                    contact_user: "us".to_owned(),
                    credentials: Some(credential()),
                    expires: Duration::from_secs(60 + self.below(256) as u64),
                    external: None,
                };
                if let Ok(registration) = self.endpoint.register(self.now, registration) {
                    self.registrations.insert(registration, false);
                }
            }
            1 => {
                if let Some(registration) = self.registrations.keys().next_back() {
                    self.endpoint.unregister(self.now, *registration);
                }
            }
            which => {
                let Some(register) = self.registers.pop() else { return };
                let answer = match which {
                    2 => {
                        let contacts = vec![(address("sip:peer@192.0.2.9"), 60)];
                        RegisterAnswer::Bound { contacts, granted: Some(60) }
                    }
                    _ => RegisterAnswer::Refused(self.status()),
                };
                let _ = self.endpoint.answer_register(self.now, register, &answer);
            }
        }
    }

    fn wait(&mut self) {
        let pause = Duration::from_millis(u64::from(self.byte().unwrap_or(0)).pow(2));
        self.pass(pause);
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        let mut woken = 0;
        while let Some((at, why)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            assert!(self.endpoint.poll_timeout().is_none_or(|(next, _)| next > self.now), "{why:?} spins");
            self.look();
            woken += 1;
            assert!(woken < 200_000, "timers without end");
        }
        self.now = until;
    }

    /// Takes what the endpoint has to say.
    fn look(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let listener = LISTENERS[usize::from(transmit.flow.listener.0)];
            assert!(listener.is_like(transmit.flow.transport), "{:?}", transmit.flow);
            self.sent.push(transmit.id);
            if transmit.bytes.iter().all(|byte| b"\r\n".contains(byte)) {
                assert!(transmit.flow.transport.is_reliable(), "a ping in a datagram");
                continue;
            }
            match parse(&transmit.bytes) {
                Ok(message) => self.heard.takes(message),
                // The refusal of a request that cannot be read has its headers as they came.
                Err(_) if [b"SIP/2.0 4", b"SIP/2.0 5"].iter().any(|head| transmit.bytes.starts_with(*head)) => {}
                Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&transmit.bytes)),
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.hear(&event);
        }
        while self.endpoint.poll_close().is_some() {}
        while let Some(alias) = self.endpoint.poll_alias() {
            assert_eq!(alias.flow.transport, Transport::Tls(PeerName::NONE), "nobody else proves anything");
        }
        let transactions = self.endpoint.transactions();
        assert!(transactions <= LIMIT + LIMIT / 8 + 64, "{transactions} transactions");
        assert!(self.endpoint.live_sessions() <= 8);
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Incoming { session, .. } => self.sessions.push(*session),
            Event::Failed { session, .. } | Event::Cancelled { session, .. } | Event::Ended { session, .. } => {
                assert!(self.ended.insert(*session), "a session ends once");
                assert!(!self.refers.values().any(|of| of == session), "a REFER outlives its session");
                self.offers.remove(session);
            }
            Event::Reoffered { session, .. } => assert!(self.offers.remove(session), "nobody offered anything"),
            Event::Refer { session, refer, progress } => {
                let of = match progress {
                    ReferProgress::Ended(_) => self.refers.remove(refer),
                    ReferProgress::Accepted | ReferProgress::Trying { .. } => self.refers.get(refer).copied(),
                };
                assert_eq!(of, Some(*session), "a REFER ends once");
            }
            Event::Recovered { session, .. } => {
                assert_eq!(self.recoveries.insert(*session, true), Some(false), "a leg is recovered once");
            }
            Event::Register { register, .. } => self.registers.push(*register),
            Event::RegistrationState { registration, state } => {
                let over = *state == RegistrationState::Unregistered;
                assert_eq!(self.registrations.insert(*registration, over), Some(false), "nothing follows the end");
            }
            Event::Provisional { .. }
            | Event::Redirected { .. }
            | Event::Answered { .. }
            | Event::Acknowledged { .. }
            | Event::Reoffer { .. }
            | Event::Reanswered { .. }
            | Event::Info { .. }
            | Event::Referred { .. }
            | Event::ProbeResult { .. }
            | Event::Health { .. }
            | Event::Rebound { .. }
            | Event::Malformed { .. }
            | Event::Unproved { .. } => {}
        }
    }

    fn end(&mut self) {
        for watch in std::mem::take(&mut self.watches) {
            self.endpoint.unwatch(watch);
        }
        for registration in self.registrations.keys() {
            self.endpoint.unregister(self.now, *registration);
        }
        for round in 0..2 {
            for session in self.sessions.clone() {
                let _ = self.endpoint.hang_up(self.now, session, None);
            }
            self.look();
            self.pass(Duration::from_secs(400 + 400 * round));
        }
        assert!(self.sessions.iter().all(|session| self.ended.contains(session)), "a session never ends");
        assert!(self.recoveries.values().all(|over| *over), "a leg is never recovered");
        assert!(self.registrations.values().all(|over| *over), "a registration is never taken back");
        assert_eq!(self.endpoint.live_sessions(), 0);
        assert_eq!(self.endpoint.transactions(), 0);
    }
}

fn address(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).expect("an address")
}

/// What a call says that others were called for before.
fn diverted() -> Headers {
    let station = |user: &str, withheld| Diverted {
        from: NameAddr::new(address(user)),
        reason: DiversionReason::UserBusy,
        withheld,
    };
    let mut headers = Headers::new();
    let stations = [station("tel:+49301", true), station("sip:second@example.org", false)];
    tell_stations(&mut headers, &stations, &address("sip:callee@example.org"));
    headers
}

fn credential() -> Credential {
    Credential { username: "u".to_owned(), password: "p".to_owned(), realm: None }
}
