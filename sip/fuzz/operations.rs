//! An endpoint under a sequence of operations: a shell that commands anything and a peer that says anything, read from
//! bytes. Shared by the fuzz target and by the test that replays the corpus.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{
    Body, CommandError, Conduct, Config, Credential, Endpoint, Event, Flow, Invite, LegKey, Listener, ListenerId,
    Probe, Refer, Rejection, SessionId, Transport, Watch, WatchId,
};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Headers, HostPort, Message, Request, StatusCode, Uri, parse};

const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 5060);
const LIMIT: usize = 40;
const METHODS: [&str; 12] =
    ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "OPTIONS", "REGISTER", "STRANGE"];
const LINES: [&str; 17] = [
    "Require: 100rel\r\n",
    "Supported: timer, 100rel\r\n",
    "Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n",
    "Session-Expires: 90;refresher=uas\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n",
    "Event: refer\r\nSubscription-State: active;expires=60\r\n",
    "Refer-To: <sip:x@example.org>\r\n",
    "Record-Route: <sip:192.0.2.9;lr>\r\n",
    "Contact: <sip:elsewhere@192.0.2.99;transport=tcp>\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "RSeq: 2\r\nRequire: 100rel\r\n",
    "Retry-After: 3\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
    "Proxy-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=SHA-256, stale=true\r\n",
    "Min-SE: 400\r\n",
    "Contact: <sip:x@example.org>;q=0.5, <sip:y@example.org>\r\n",
];
const STATUSES: [u16; 16] = [100, 180, 183, 199, 200, 202, 302, 401, 407, 408, 422, 481, 486, 491, 503, 603];

/// Runs a sequence. Nothing panics; the endpoint's own checks hold (they run in builds with debug assertions); each session
/// ends at most once; what waits stays within the limits; and when everything was hung up nothing is left.
pub(crate) fn run(data: &[u8]) {
    let mut play = Play::new(data);
    let mut steps = 0;
    while let Some(operation) = play.byte()
        && steps < 400
    {
        steps += 1;
        match operation % 8 {
            0 => play.request(),
            1 => play.response(),
            2 => play.garble(),
            3 => play.call(),
            4 | 5 => play.command(),
            6 => play.fault(),
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
    sessions: Vec<SessionId>,
    ended: BTreeMap<SessionId, u32>,
    /// Requests of ours, and our tags, that the peer knows of.
    asked: Vec<Request>,
    tags: Vec<String>,
    sent: Vec<callwright_sip::endpoint::TransmitId>,
    watches: Vec<WatchId>,
    keys: u8,
}

impl<'a> Play<'a> {
    fn new(data: &'a [u8]) -> Self {
        let config = Config {
            max_transactions: LIMIT,
            max_sessions: 8,
            max_streams: 3,
            max_watches: 3,
            max_forks: 3,
            max_events: 64,
            referable: data.len().is_multiple_of(2),
            replaceable: data.len().is_multiple_of(2),
            registrar: data.len().is_multiple_of(3),
            ..Config::default()
        };
        let mut endpoint = Endpoint::new(config, [3; 32]);
        for (id, transport) in [(0, Transport::Udp), (1, Transport::Tcp)] {
            let advertised = HostPort::parse(b"198.51.100.1:5060").expect("an address");
            endpoint.add_listener(Listener { id: ListenerId(id), transport, advertised });
        }
        #[allow(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
        let now = Instant::now();
        Self {
            data,
            now,
            endpoint,
            sessions: Vec::new(),
            ended: BTreeMap::new(),
            asked: Vec::new(),
            tags: vec![String::new()],
            sent: Vec::new(),
            watches: Vec::new(),
            keys: 0,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.data.split_first()?;
        self.data = rest;
        Some(*first)
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = usize::from(self.byte().unwrap_or(0));
        (!from.is_empty()).then(|| from[index % from.len()].clone())
    }

    fn flow(&mut self) -> Flow {
        let tcp = self.byte().unwrap_or(0) % 4 == 3;
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        Flow { listener: ListenerId(u16::from(tcp)), transport, peer: SocketAddr::from(PEER) }
    }

    fn say(&mut self, mut bytes: Vec<u8>) {
        let flow = self.flow();
        // Now and then a byte is another one.
        if let Some(at) = self.byte().filter(|at| at % 4 == 0) {
            let (place, value) =
                (usize::from(self.byte().unwrap_or(0)) * 3 + usize::from(at), self.byte().unwrap_or(0));
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place % length) {
                *byte = value;
            }
        }
        if flow.transport == Transport::Tcp {
            if self.endpoint.handle_stream(self.now, flow, &bytes).is_err() {
                self.endpoint.handle_closed(self.now, flow);
            }
        } else {
            self.endpoint.handle_datagram(self.now, flow.listener, flow.peer, &bytes);
        }
    }

    fn request(&mut self) {
        let method = self.pick(&METHODS).unwrap_or("INVITE");
        let tags = self.tags.clone();
        let (tag, branch) = (self.pick(&tags).unwrap_or_default(), self.byte().unwrap_or(0) % 16);
        let (call, cseq) = (self.byte().unwrap_or(0) % 4, self.byte().unwrap_or(0) % 8);
        let (line, body) = (self.pick(&LINES).unwrap_or(""), self.byte().unwrap_or(0) % 3);
        let to_tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        // Within a call of ours the peer is the callee, and the Call-ID is ours.
        let call_id = self.asked.iter().rev().find(|_| call == 3).and_then(|request| {
            request
                .headers
                .get(&callwright_sip::message::HeaderName::CallId)
                .map(|id| String::from_utf8_lossy(id).into_owned())
        });
        let call_id = call_id.unwrap_or_else(|| format!("call{call}"));
        let body = ["", "offer", "another"][usize::from(body)];
        let content =
            if body.is_empty() || line.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        self.say(
            format!(
                "{method} sip:us@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:peer@192.0.2.9>;tag=peer{call}\r\nTo: <sip:us@198.51.100.1>{to_tag}\r\n\
                 Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:peer@192.0.2.9:5060>\r\n{line}{content}\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        );
    }

    fn response(&mut self) {
        let asked = self.asked.clone();
        let Some(request) = self.pick(&asked) else { return };
        let status = self.pick(&STATUSES).and_then(StatusCode::new).unwrap_or(StatusCode::OK);
        let (fork, line, body) =
            (self.byte().unwrap_or(0) % 4, self.pick(&LINES).unwrap_or(""), self.byte().unwrap_or(0) % 2);
        let response = callwright_sip::message::Response::answering(&request.headers, status).to_bytes();
        let text = String::from_utf8_lossy(&response).into_owned();
        let tagged: Vec<String> = text
            .split("\r\n")
            .map(|each| {
                let untagged = each.starts_with("To:") && !each.contains(";tag=") && fork > 0;
                if untagged { format!("{each};tag=peer{fork}") } else { each.to_owned() }
            })
            .filter(|each| !each.starts_with("Content-Length"))
            .collect();
        let head = tagged.join("\r\n").trim_end().to_owned();
        let (content, body) = if body == 1 { ("Content-Type: application/sdp\r\n", "answer") } else { ("", "") };
        self.say(
            format!(
                "{head}\r\nContact: <sip:callee@192.0.2.9:5060>\r\n{line}{content}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        );
    }

    fn garble(&mut self) {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.data.len());
        let (bytes, rest) = self.data.split_at(length);
        let bytes = bytes.to_vec();
        self.data = rest;
        self.say(bytes);
    }

    fn call(&mut self) {
        self.keys = self.keys.wrapping_add(self.byte().unwrap_or(1) % 2);
        let flow = self.flow();
        let uri = Uri::parse(b"sip:callee@example.org").expect("an address");
        let options = self.byte().unwrap_or(0);
        let invite = Invite {
            key: LegKey([self.keys; 32]),
            flow,
            from: NameAddr::new(uri.clone()),
            to: NameAddr::new(uri.clone()),
            uri,
            headers: Headers::new(),
            body: Body::sdp(if options & 16 > 0 { vec![b'x'; 1400] } else { b"offer".to_vec() }),
            credentials: (options & 1 > 0).then(credential),
            session_expires: (options & 2 > 0).then_some(90),
            conduct: Conduct {
                redirectable: options & 4 > 0,
                large_over: (options & 8 > 0).then_some(ListenerId(1)),
                ..Conduct::default()
            },
        };
        if let Ok(session) = self.endpoint.invite(self.now, invite) {
            self.sessions.push(session);
        }
    }

    /// Refusals of commands are as good as their success.
    fn command(&mut self) {
        let sessions = self.sessions.clone();
        let Some(id) = self.pick(&sessions) else { return };
        let status = self.pick(&STATUSES).and_then(StatusCode::new).unwrap_or(StatusCode::RINGING);
        let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, peer: SocketAddr::from(PEER) };
        let (which, now, endpoint) = (self.byte().unwrap_or(0), self.now, &mut self.endpoint);
        let body = || Body::sdp(b"answer".to_vec());
        let _: Result<(), CommandError> = match which % 14 {
            0 => endpoint.ring(now, id, status, None),
            1 => endpoint.ring(now, id, status, Some(body())),
            2 => endpoint.accept(now, id, body()),
            3 => endpoint.reject(now, id, status, Rejection::default()),
            4 => endpoint.cancel(now, id, None),
            5 => endpoint.bye(now, id, None),
            6 => endpoint.hang_up(now, id, None),
            7 => endpoint.answer_reoffer(now, id, Ok(body())),
            10 => endpoint.reoffer(now, id, body()),
            8 => endpoint.answer_reoffer(now, id, Err(status)),
            9 => {
                let to = NameAddr::new(Uri::parse(b"sip:third@example.org").expect("an address"));
                endpoint.refer(now, id, Refer { to, by: None }).map(drop)
            }
            11 => endpoint.notify_refer(now, id, status),
            12 => endpoint.follow(now, id, flow),
            _ => endpoint.pass_over(now, id),
        };
    }

    fn fault(&mut self) {
        let sent = self.sent.clone();
        let flow = self.flow();
        match self.byte().unwrap_or(0) % 5 {
            0 => self
                .endpoint
                .handle_closed(self.now, Flow { listener: ListenerId(1), transport: Transport::Tcp, ..flow }),
            1 => {
                if let Some(id) = self.pick(&sent) {
                    let written = self.byte().unwrap_or(0).is_multiple_of(2);
                    self.endpoint.handle_send_failed(self.now, id, written);
                }
            }
            2 => {
                let uri = Uri::parse(b"sip:probe@example.org").expect("an address");
                let probe = Probe { uri, flow, key: LegKey([200; 32]), credentials: Some(credential()) };
                let _ = self.endpoint.ping(self.now, probe);
            }
            3 => {
                let uri = Uri::parse(b"sip:watched@example.org").expect("an address");
                let watch =
                    Watch { interval: Duration::ZERO, credentials: Some(credential()), ..Watch::new(uri, flow) };
                self.watches.extend(self.endpoint.watch(self.now, watch));
            }
            _ => {
                if let Some(watch) = self.watches.pop() {
                    self.endpoint.unwatch(watch);
                }
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
            self.sent.push(transmit.id);
            if let Ok(Message::Request(request)) = parse(&transmit.bytes) {
                self.asked.push(request);
            } else if let Ok(Message::Response(response)) = parse(&transmit.bytes) {
                let to = response.headers.typed::<callwright_sip::message::header::To>();
                if let Some(tag) = to.ok().and_then(|to| to.tag()) {
                    self.tags.push(tag.to_string());
                }
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Incoming { session, .. } = &event {
                self.sessions.push(*session);
            }
            let over = if let Event::Failed { session, .. }
            | Event::Cancelled { session, .. }
            | Event::Ended { session, .. } = &event
            {
                Some(*session)
            } else {
                None
            };
            if let Some(session) = over {
                let times = self.ended.entry(session).or_default();
                *times += 1;
                assert_eq!(*times, 1, "a session ends once");
            }
        }
        assert!(
            self.endpoint.transactions() <= LIMIT + LIMIT / 8 + 64,
            "{} transactions",
            self.endpoint.transactions()
        );
        assert!(self.endpoint.live_sessions() <= 8);
    }

    fn end(&mut self) {
        for watch in std::mem::take(&mut self.watches) {
            self.endpoint.unwatch(watch);
        }
        for round in 0..2 {
            for session in self.sessions.clone() {
                let _ = self.endpoint.hang_up(self.now, session, None);
            }
            self.look();
            self.pass(Duration::from_secs(400 + 400 * round));
        }
        for session in &self.sessions {
            assert_eq!(self.ended.get(session), Some(&1), "a session never ends");
        }
        assert_eq!(self.endpoint.live_sessions(), 0);
        assert_eq!(self.endpoint.transactions(), 0);
    }
}

fn credential() -> Credential {
    Credential { username: "u".to_owned(), password: "p".to_owned(), realm: None }
}
