//! One endpoint against a peer whose every message the test writes itself.

use crate::endpoint::{
    Conduct, Config, EndedBy, Endpoint, Event, Failure, Flow, Invite, LegKey, Listener, ListenerId, SessionId,
    Transport,
};
use crate::message::header::{NameAddr, Tag, To};
use crate::message::{HeaderName, Headers, HostPort, Message, Method, Request, Response, StatusCode};
use crate::tests::epoch;
use crate::tests::pair::{sdp, uri};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The peer's address.
pub(crate) const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 5060);

/// An endpoint at 198.51.100.1 and the peer at [`PEER`].
pub(crate) struct Puppet {
    pub(crate) now: Instant,
    pub(crate) endpoint: Endpoint,
    pub(crate) transport: Transport,
    sent: VecDeque<Message>,
    events: VecDeque<Event>,
}

impl Puppet {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut endpoint = Endpoint::new(config, [5; 32]);
        let advertised = HostPort::parse(b"198.51.100.1:5060").expect("an address of this test");
        for (id, transport) in [(0, Transport::Udp), (1, Transport::Tcp)] {
            endpoint.add_listener(Listener { id: ListenerId(id), transport, advertised: advertised.clone() });
        }
        let (sent, events) = (VecDeque::new(), VecDeque::new());
        Self { now: epoch(), endpoint, transport: Transport::Udp, sent, events }
    }

    pub(crate) fn flow(&self) -> Flow {
        let listener = ListenerId(u16::from(self.transport.is_reliable()));
        Flow { listener, transport: self.transport, peer: SocketAddr::from(PEER) }
    }

    pub(crate) fn invitation(&self) -> Invite {
        Invite {
            key: LegKey([9; 32]),
            flow: self.flow(),
            uri: uri("sip:callee@example.org"),
            from: NameAddr::new(uri("sip:caller@198.51.100.1")),
            to: NameAddr::new(uri("sip:callee@example.org")),
            headers: Headers::new(),
            body: sdp("offer"),
            credentials: None,
            session_expires: None,
            conduct: Conduct::default(),
        }
    }

    /// Places a call; the INVITE that left.
    pub(crate) fn call(&mut self) -> (SessionId, Request) {
        let invite = self.invitation();
        self.call_with(invite)
    }

    pub(crate) fn call_with(&mut self, invite: Invite) -> (SessionId, Request) {
        let session = self.act(|endpoint, now| endpoint.invite(now, invite)).expect("there is room");
        (session, self.request(&Method::Invite))
    }

    pub(crate) fn act<T>(&mut self, command: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let done = command(&mut self.endpoint, self.now);
        self.drain();
        done
    }

    /// The peer says something.
    pub(crate) fn say(&mut self, message: impl AsRef<[u8]>) {
        let flow = self.flow();
        match self.transport {
            Transport::Udp => {
                self.endpoint.handle_datagram(self.now, flow.listener, flow.peer, message.as_ref());
            }
            Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss => {
                self.endpoint.handle_stream(self.now, flow, message.as_ref()).expect("the test frames well");
            }
        }
        self.drain();
    }

    /// The peer answers a request.
    pub(crate) fn answer(&mut self, request: &Request, status: u16, tag: &str) {
        let response = response(request, status, tag);
        self.say(response.to_bytes());
    }

    /// The next request that left; it must be of this method.
    pub(crate) fn request(&mut self, method: &Method) -> Request {
        let message = self.sent.pop_front();
        let Some(Message::Request(request)) = message else { panic!("expected {method}, got {message:?}") };
        assert_eq!(request.method, *method, "{request:?}");
        request
    }

    /// Waits for a request of this method.
    pub(crate) fn await_request(&mut self, method: &Method, within: Duration) -> Request {
        let deadline = self.now + within;
        while self.sent.is_empty() && self.now < deadline {
            self.run_for(Duration::from_millis(1));
        }
        self.request(method)
    }

    /// The next response that left; it must have this status.
    pub(crate) fn response(&mut self, status: u16) -> Response {
        let message = self.sent.pop_front();
        let Some(Message::Response(response)) = message else { panic!("expected {status}, got {message:?}") };
        assert_eq!(response.status.code(), status, "{response:?}");
        response
    }

    /// All requests that left and were not looked at; responses are dropped.
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        let requests = self.sent.drain(..).filter_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        });
        requests.collect()
    }

    /// All events that were not looked at.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Nothing (more) left.
    pub(crate) fn expect_quiet(&self) {
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }

    /// Drops what left and was not looked at.
    pub(crate) fn ignore(&mut self) {
        self.sent.clear();
        self.events.clear();
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next event that is what is looked for; others are dropped.
    pub(crate) fn expect<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut passed = Vec::new();
        while let Some(event) = self.event() {
            if let Some(found) = wanted(&event) {
                return found;
            }
            passed.push(event);
        }
        panic!("no such event among {passed:?}")
    }

    /// Waits for a call to come in.
    pub(crate) fn incoming(&mut self) -> SessionId {
        self.expect(|event| if let Event::Incoming { session, .. } = event { Some(*session) } else { None })
    }

    /// A call from the peer, answered and acknowledged: the session and the To tag of its dialog.
    pub(crate) fn call_in(&mut self) -> (SessionId, String) {
        self.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
        let session = self.incoming();
        self.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
        self.response(100);
        let tag = to_tag(&self.response(200));
        self.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
        self.ignore();
        (session, tag)
    }

    pub(crate) fn expect_failure(&mut self) -> Box<Failure> {
        self.expect(|event| if let Event::Failed { failure, .. } = event { Some(failure.clone()) } else { None })
    }

    pub(crate) fn expect_end(&mut self) -> EndedBy {
        self.expect(|event| if let Event::Ended { by, .. } = event { Some(*by) } else { None })
    }

    /// Whether the next answer has the flag `cancel_crossed`.
    pub(crate) fn expect_answered(&mut self) -> bool {
        self.expect(
            |event| {
                if let Event::Answered { cancel_crossed, .. } = event { Some(*cancel_crossed) } else { None }
            },
        )
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// All timers had their time: nothing is left, and nobody was told anything more.
    pub(crate) fn expect_clean(&mut self) {
        self.events.clear();
        self.run_for(Duration::from_secs(200));
        self.endpoint.check_invariants();
        assert_eq!(self.endpoint.leftovers(), (0, 0, 0));
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            match crate::message::parse(&transmit.bytes) {
                Ok(message) => self.sent.push_back(message),
                // A refusal repeats the broken header for which it refuses.
                Err(error) => assert!(transmit.bytes.starts_with(b"SIP/2.0 "), "{error}"),
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push_back(event);
        }
    }
}

/// A response of the peer, with what a response that makes a dialog needs.
pub(crate) fn response(request: &Request, status: u16, tag: &str) -> Response {
    let status = StatusCode::new(status).expect("a status of this test");
    let mut response = Response::answering(&request.headers, status);
    if status != StatusCode::TRYING {
        let mut to: To = response.headers.typed().expect("requests have To");
        to.0.set_tag(&Tag::from_bytes(tag));
        response.headers.set_typed(&to);
    }
    response.headers.push(HeaderName::Contact, "<sip:callee@192.0.2.9:5060>");
    if status.is_success() && request.method == Method::Invite {
        response.headers.push(HeaderName::ContentType, "application/sdp");
        response.body = b"answer".to_vec();
    }
    response
}

/// A request of the peer in its one call.
pub(crate) fn request(method: &str, branch: &str, cseq: &str, to_tag: &str, body: &str) -> String {
    request_with(method, branch, cseq, to_tag, "Supported: timer\r\n", body)
}

/// [`request`] with header lines of one's own.
pub(crate) fn request_with(method: &str, branch: &str, cseq: &str, to_tag: &str, more: &str, body: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let content_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:us@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:peer@192.0.2.9>;tag=peer\r\nTo: <sip:us@198.51.100.1>{to_tag}\r\n\
         Call-ID: call-of-the-peer\r\nCSeq: {cseq}\r\nContact: <sip:peer@192.0.2.9:5060>\r\n{more}{content_type}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request of the callee within the call that this INVITE made.
pub(crate) fn within(invite: &Request, method: &str, cseq: &str, tag: &str, body: &str) -> String {
    let content_type = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let number = cseq.split(' ').next().unwrap_or_default();
    format!(
        "{method} sip:caller@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKtheirs{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:callee@example.org>;tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq}\r\n\
         Contact: <sip:callee@192.0.2.9:5060>\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
        header(&invite.headers, &HeaderName::From),
        header(&invite.headers, &HeaderName::CallId),
        body.len()
    )
}

/// The To tag of a response.
pub(crate) fn to_tag(response: &Response) -> String {
    let to: To = response.headers.typed().expect("responses have To");
    to.tag().expect("it has a tag").to_string()
}

/// A header of a message as text.
pub(crate) fn header<'a>(headers: &'a Headers, name: &HeaderName) -> &'a str {
    headers.get(name).map_or("", |value| std::str::from_utf8(value).expect("text in this test"))
}
