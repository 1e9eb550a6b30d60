//! What calls leave behind in memory: nothing, once the timers of their transactions have ended.

use callwright_sip::endpoint::{Body, Config, Endpoint, Event, Listener, ListenerId, Transport};
use callwright_sip::message::{HostPort, StatusCode};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 5060);
/// Longer than any timer of a transaction or an ended session lasts.
const ALL_TIMERS: Duration = Duration::from_secs(200);

#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
fn epoch() -> Instant {
    Instant::now()
}

fn request(method: &str, number: u32, to_tag: &str, cseq: u32) -> String {
    let body = if method == "INVITE" { "offer" } else { "" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:us@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{number}x{cseq}{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:peer@192.0.2.9>;tag=t{number}\r\nTo: <sip:us@198.51.100.1>{to_tag}\r\n\
         Call-ID: call-{number}\r\nCSeq: {cseq} {method}\r\nContact: <sip:peer@192.0.2.9:5060>\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

struct Server {
    endpoint: Endpoint,
    now: Instant,
    calls: u32,
    most: usize,
}

impl Server {
    fn new() -> Self {
        let mut endpoint = Endpoint::new(Config::default(), [5; 32]);
        let advertised = HostPort::from(SocketAddr::from(([198, 51, 100, 1], 5060)));
        endpoint.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
        Self { endpoint, now: epoch(), calls: 0, most: 0 }
    }

    /// So many calls, a hundred a second: one of four is refused, one hangs up before it is answered, two are answered.
    fn takes(&mut self, calls: u32) {
        for _ in 0..calls {
            self.calls += 1;
            let number = self.calls;
            self.passes(Duration::from_millis(10));
            self.says(&request("INVITE", number, "", 1));
            let Some(Event::Incoming { session, .. }) = self.endpoint.poll_event() else { panic!("a call comes in") };
            let (endpoint, now) = (&mut self.endpoint, self.now);
            let done = match number % 4 {
                0 => endpoint.reject(now, session, StatusCode::BUSY_HERE, Default::default()),
                1 => Ok(()),
                _ => endpoint.accept(now, session, Body::sdp(b"answer".to_vec())),
            };
            done.expect("it rings");
            let tag = self.hears();
            match number % 4 {
                // Both are for the transaction of the INVITE, and have its branch.
                0 => self.says(&request("ACK", number, &tag, 1).replace("x1ACK", "x1INVITE")),
                1 => self.says(&request("CANCEL", number, "", 1).replace("x1CANCEL", "x1INVITE")),
                _ => {
                    self.says(&request("ACK", number, &tag, 1));
                    self.says(&request("BYE", number, &tag, 2));
                }
            }
            self.hears();
            while self.endpoint.poll_event().is_some() {}
        }
    }

    fn says(&mut self, text: &str) {
        self.endpoint.handle_datagram(self.now, ListenerId(0), PEER.into(), text.as_bytes());
        self.most = self.most.max(self.endpoint.transactions());
    }

    /// Drops what was sent; the To tag of the last of it.
    fn hears(&mut self) -> String {
        let mut tag = String::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let text = String::from_utf8(transmit.bytes).expect("text in this test");
            let to = text.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
            tag = to.split_once(";tag=").map(|(_, tag)| format!(";tag={tag}")).unwrap_or_default();
        }
        tag
    }

    fn passes(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.hears();
            while self.endpoint.poll_event().is_some() {}
        }
        self.now = end;
    }
}

#[test]
fn twenty_five_thousand_calls_leave_nothing_behind() {
    let mut server = Server::new();
    // What is kept for good is there after the first ones.
    server.takes(200);
    server.passes(ALL_TIMERS);
    let counted = allocation_counter::measure(|| {
        server.takes(25_000);
        assert!(server.most > 2_000, "transactions that linger were there: {}", server.most);
        server.passes(ALL_TIMERS);
    });
    assert_eq!((server.endpoint.transactions(), server.endpoint.live_sessions()), (0, 0));
    assert!(server.endpoint.poll_timeout().is_none(), "no timer is left");
    assert!(counted.bytes_max > 1_000_000, "it was not nothing: {counted:?}");
    assert!(counted.bytes_current.abs() <= 8 * 1024, "bytes are left behind: {counted:?}");
}
