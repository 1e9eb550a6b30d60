//! What one endpoint and its guard take of a processor, without sockets: a look at a stranger's datagram, a call set up and
//! ended in each direction, and a call that is turned away. Time is virtual; what is counted is CPU of this thread.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{
    Body, Conduct, Config, Endpoint, Event, Flow, Invite, LegKey, Listener, ListenerId, Shedding, Transport,
};
use callwright_sip::guard::{Admission, Guard, GuardConfig, Networks};
use callwright_sip::message::header::{NameAddr, Tag, To};
use callwright_sip::message::{HeaderName, Headers, HostPort, Message, Method, Response, StatusCode, Uri, parse};

/// Each thing is done so often in a round.
const TIMES: u32 = 20_000;
/// The quietest of so many rounds counts: on a shared machine noise only adds.
const ROUNDS: usize = 5;
const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 5060);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

fn main() -> io::Result<()> {
    type Bench = fn() -> io::Result<f64>;
    let benches: [(&str, Bench, f64); 5] = [
        ("a stranger's datagram, dropped", stranger, 2.0),
        ("a banned sender's datagram, dropped", banned, 1.0),
        ("a call turned away by 503", turned_away, 100.0),
        ("a call in, set up and ended", call_in, 500.0),
        ("a call out, set up and ended", call_out, 500.0),
    ];
    let mut missed = 0;
    let mut lines = Vec::new();
    for (name, bench, budget) in benches {
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            least = least.min(bench()?);
        }
        let holds = least <= budget;
        missed += u32::from(!holds);
        writeln!(io::stdout(), "{name:40} {least:10.2} us  budget {budget:.0} {}", if holds { "" } else { "MISSED" })?;
        lines.push(format!(
            "{{\"name\":\"{name}\",\"value\":{least:.3},\"unit\":\"CPU us\",\"cmp\":\"<=\",\"budget\":{budget},\"holds\":{holds},\
             \"conditions\":\"one thread, {TIMES} times, quietest of {ROUNDS} rounds\"}}"
        ));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("endpoint.json"), format!("{{\"figures\":[{}]}}\n", lines.join(",")))?;
    if missed > 0 { Err(io::Error::other(format!("{missed} budgets missed"))) } else { Ok(()) }
}

/// Microseconds of CPU that one of [`TIMES`] takes.
fn measure(mut once: impl FnMut(u32)) -> io::Result<f64> {
    let before = cpu()?;
    for number in 0..TIMES {
        once(number);
    }
    Ok((cpu()? - before).as_secs_f64() * 1e6 / f64::from(TIMES))
}

/// CPU time of this thread, from the scheduler's own count. It counts at its ticks and when a thread gives way: without that
/// what takes less than a tick would take nothing.
fn cpu() -> io::Result<Duration> {
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other("schedstat says nothing"))
}

/// The start of virtual time.
#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
fn epoch() -> Instant {
    Instant::now()
}

fn request(method: &str, number: u32, to_tag: &str, cseq: u32) -> String {
    let (body, kind) = if method == "INVITE" { (SDP, "Content-Type: application/sdp\r\n") } else { ("", "") };
    format!(
        "{method} sip:+493012345678@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{number}x{cseq}{method};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+493012340001@192.0.2.9>;tag=t{number}\r\nTo: <sip:+493012345678@198.51.100.1>{to_tag}\r\n\
         Call-ID: call-{number}@192.0.2.9\r\nCSeq: {cseq} {method}\r\nContact: <sip:peer@192.0.2.9:5060>\r\nSupported: timer\r\n\
         User-Agent: Carrier/1.0\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn stranger() -> io::Result<f64> {
    let (now, text) = (epoch(), request("INVITE", 1, "", 1));
    let mut guard = Guard::new(GuardConfig::default());
    let mut known = Networks::default();
    known.add(PEER.0.into());
    guard.set_known(known, false);
    measure(|number| {
        let from = [10, (number >> 16) as u8, (number >> 8) as u8, number as u8];
        let admission = guard.admit(now, from.into(), text.as_bytes(), |_| false);
        assert!(matches!(admission, Admission::Out(_)));
    })
}

fn banned() -> io::Result<f64> {
    let (now, text) = (epoch(), request("OPTIONS", 1, "", 1));
    let mut guard = Guard::new(GuardConfig::default());
    let from = [203, 0, 113, 7].into();
    assert!(guard.ban(now, from, None).is_ok());
    measure(|_| assert!(matches!(guard.admit(now, from, text.as_bytes(), |_| false), Admission::Out(_))))
}

struct Peer {
    endpoint: Endpoint,
    now: Instant,
}

impl Peer {
    fn new() -> Self {
        let mut endpoint = Endpoint::new(Config::default(), [5; 32]);
        let advertised = HostPort::from(SocketAddr::from(([198, 51, 100, 1], 5060)));
        endpoint.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
        Self { endpoint, now: epoch() }
    }

    /// Time for timers, as a server at a hundred calls a second has.
    fn passes(&mut self) {
        self.now += Duration::from_millis(10);
        self.endpoint.handle_timeout(self.now);
    }

    fn says(&mut self, text: &[u8]) {
        self.endpoint.handle_datagram(self.now, ListenerId(0), PEER.into(), text);
    }

    /// What the endpoint has sent.
    fn hears(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.bytes).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }
}

/// The To tag of a response, as it stands there.
fn tag(responses: &[Vec<u8>]) -> String {
    let last = responses.last().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let to = last.lines().find(|line| line.starts_with("To:")).unwrap_or_default().to_owned();
    to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default()
}

fn call_in() -> io::Result<f64> {
    let mut peer = Peer::new();
    measure(|number| {
        peer.passes();
        peer.says(request("INVITE", number, "", 1).as_bytes());
        let Some(Event::Incoming { session, .. }) = peer.events().pop() else { panic!("a call comes in") };
        let body = Body::sdp(SDP.as_bytes().to_vec());
        assert!(peer.endpoint.ring(peer.now, session, StatusCode::RINGING, None).is_ok());
        assert!(peer.endpoint.accept(peer.now, session, body).is_ok());
        let tag = tag(&peer.hears());
        peer.says(request("ACK", number, &tag, 1).as_bytes());
        peer.says(request("BYE", number, &tag, 2).as_bytes());
        assert!(peer.events().iter().any(|event| matches!(event, Event::Ended { .. })));
        peer.hears();
    })
}

fn turned_away() -> io::Result<f64> {
    let mut peer = Peer::new();
    peer.endpoint.set_shedding(Shedding { calls: true, probes: true });
    measure(|number| {
        peer.passes();
        peer.says(request("INVITE", number, "", 1).as_bytes());
        assert!(peer.hears().iter().all(|bytes| bytes.starts_with(b"SIP/2.0 503")));
        peer.says(request("ACK", number, "", 1).as_bytes());
    })
}

fn call_out() -> io::Result<f64> {
    let mut peer = Peer::new();
    let name = |user: &[u8], host| NameAddr::new(Uri::sip(Some(user), HostPort::from(SocketAddr::from((host, 5060)))));
    let to = name(b"+493012345678", PEER.0);
    measure(|number| {
        peer.passes();
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let invite = Invite {
            key: LegKey(key),
            flow: Flow { listener: ListenerId(0), transport: Transport::Udp, peer: PEER.into() },
            uri: to.uri.clone(),
            from: name(b"+493012340001", [198, 51, 100, 1]),
            to: to.clone(),
            headers: Headers::new(),
            body: Body::sdp(SDP.as_bytes().to_vec()),
            credentials: None,
            session_expires: None,
            conduct: Conduct::default(),
        };
        let Ok(session) = peer.endpoint.invite(peer.now, invite) else { panic!("there is room") };
        answered(&mut peer, Method::Invite);
        peer.hears();
        assert!(peer.endpoint.bye(peer.now, session, None).is_ok());
        answered(&mut peer, Method::Bye);
        assert!(peer.events().iter().any(|event| matches!(event, Event::Ended { .. })));
    })
}

/// The far side takes what it is asked.
fn answered(peer: &mut Peer, method: Method) {
    let sent = peer.hears().pop().unwrap_or_default();
    let Ok(Message::Request(request)) = parse(&sent) else { panic!("a request leaves") };
    assert_eq!(request.method, method);
    let mut response = Response::answering(&request.headers, StatusCode::OK);
    if method == Method::Invite {
        let Ok(mut to) = response.headers.typed::<To>() else { panic!("requests have To") };
        to.0.set_tag(&Tag::from_bytes("callee"));
        response.headers.set_typed(&to);
        response.headers.push(HeaderName::Contact, "<sip:callee@192.0.2.9:5060>");
        response.headers.push(HeaderName::ContentType, "application/sdp");
        response.body = SDP.as_bytes().to_vec();
    }
    peer.says(&response.to_bytes());
}
