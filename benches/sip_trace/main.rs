//! What the sight of SIP costs: the tap, for the task that owns SIP, and everything behind it, for a task of its own.

#[path = "../support/figures.rs"]
mod figures;

use std::time::{Duration, Instant};

use callwright::sight::tap::{Tapping, tap};
use callwright_sip::endpoint::{Flow, ListenerId, Transport};
use callwright_sip::trace::hep::{self, Agent};
use callwright_sip::trace::{Limits, Recorder, Seen, Way};
use figures::{Cmp, Figure};

/// Messages of one run; they fit into the queue of the tap.
const RUN: usize = 4_000;
/// The quietest run counts: on a shared machine noise only adds.
const RUNS: usize = 200;

fn main() -> anyhow::Result<()> {
    let invite = invite();
    let conditions = format!("an INVITE of {} bytes, quietest of {RUNS} runs of {RUN} messages", invite.len());
    let at_most = |name: &str, cost: Duration, budget: f64| Figure {
        name: name.to_owned(),
        value: cost.as_secs_f64() * 1e9 / RUN as f64,
        unit: "ns per message",
        cmp: Cmp::AtMost,
        budget,
        conditions: conditions.clone(),
    };
    let figures = [
        at_most("tap, in the SIP task", tapped(&invite), 1_000.0),
        at_most("redaction", redacted(&invite), 20_000.0),
        at_most("redaction, recorder and HEP3", kept(&invite), 40_000.0),
    ];
    figures::settle("sip_trace", &figures)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

fn quietest(mut run: impl FnMut() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().expect("there are runs")
}

fn tapped(invite: &[u8]) -> Duration {
    let (tap, mut tapping) = tap();
    let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, peer: ([192, 0, 2, 1], 5060).into() };
    quietest(|| {
        let began = now();
        for _ in 0..RUN {
            tap.show(began, Way::Sent, flow, invite);
        }
        let took = began.elapsed();
        assert_eq!((drained(&mut tapping), tapping.dropped()), (RUN, 0), "all of them were taken");
        took
    })
}

fn drained(tapping: &mut Tapping) -> usize {
    std::iter::from_fn(|| tapping.waiting()).count()
}

fn redacted(invite: &[u8]) -> Duration {
    quietest(|| {
        let mut messages: Vec<_> = (0..RUN).map(|_| invite.to_vec()).collect();
        let began = now();
        for message in &mut messages {
            callwright_sip::trace::redact(message);
        }
        let took = began.elapsed();
        assert_ne!(messages[RUN - 1], invite);
        took
    })
}

/// Twenty messages a call.
fn kept(invite: &[u8]) -> Duration {
    let agent = Agent { id: 1, key: None };
    quietest(|| {
        let seen: Vec<_> = (0..RUN).map(|number| seen(invite, number / 20)).collect();
        let mut recorder = Recorder::<()>::new(Limits { strangers: RUN, ..Limits::default() });
        let (began, mut told) = (now(), 0);
        for seen in seen {
            let message = seen.redacted();
            told += hep::encode(&message, &agent, b"x").map_or(0, |packet| packet.len());
            recorder.keep(began, message);
        }
        let took = began.elapsed();
        assert!(told > RUN * invite.len() && recorder.counts().no_call == 0);
        took
    })
}

fn seen(invite: &[u8], call: usize) -> Seen {
    let text = String::from_utf8_lossy(invite).replace("Call-ID: 0", &format!("Call-ID: {call}"));
    Seen {
        at_us: 0,
        way: Way::Sent,
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        peer: ([192, 0, 2, 2], 5060).into(),
        bytes: text.into_bytes(),
    }
}

/// An INVITE with credentials and a description, as long as those of calls.
fn invite() -> Vec<u8> {
    "INVITE sip:+442079460001@carrier.example.org SIP/2.0\r\n\
     Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef0123456789abcdef;rport\r\n\
     Max-Forwards: 70\r\n\
     From: <sip:+442079460999@carrier.example.org>;tag=0123456789abcdef0123456789abcdef\r\n\
     To: <sip:+442079460001@carrier.example.org>\r\n\
     Call-ID: 0@192.0.2.1\r\n\
     CSeq: 2 INVITE\r\n\
     Contact: <sip:+442079460999@192.0.2.1:5060>\r\n\
     Proxy-Authorization: Digest username=\"trunk\", realm=\"carrier.example.org\", nonce=\"0123456789abcdef\", \
     uri=\"sip:+442079460001@carrier.example.org\", response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, \
     cnonce=\"0123456789abcdef\", qop=auth, nc=00000001\r\n\
     Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY\r\n\
     Supported: timer, 100rel, replaces\r\n\
     Session-Expires: 1800\r\n\
     Content-Type: application/sdp\r\n\
     Content-Length: 266\r\n\r\n\
     v=0\r\no=- 4611686018427387904 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
     m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
     a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
        .as_bytes()
        .to_vec()
}
