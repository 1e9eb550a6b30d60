//! Calls in numbers, from one thread and one socket, and cheap: the machine's cores are the server's.
//!
//! What is sent is written by hand, and of what comes back only what a caller needs is read. INVITEs and BYEs are sent again
//! as RFC 3261 section 17.1.1.2 asks for, doubling from 500 ms, until 32 s are over.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use callwright::time;

use crate::server::{Run, SDP};

/// First interval after which something is sent again, and when it is given up.
const T1: Duration = Duration::from_millis(500);
const GIVEN_UP: Duration = Duration::from_secs(32);
/// The longest wait for an answer before the clock is looked at again.
const NAP: Duration = Duration::from_millis(1);

/// Calls `target` at a rate, ends each call when it is answered, and tells how all went.
pub(crate) fn run(target: SocketAddr, rate: u64, seconds: u64) -> io::Result<Run> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(NAP))?;
    let us = socket.local_addr()?;
    let mut callers = Callers {
        socket,
        us,
        target,
        tag: time::now().wall.as_microsecond(),
        calls: HashMap::new(),
        again: BinaryHeap::new(),
        waits: Vec::new(),
        run: Run { offered: rate * seconds, seconds: seconds as f64, ..Run::default() },
    };
    let start = time::now().mono;
    let due = |number: u64| start + Duration::from_micros(number * 1_000_000 / rate);
    let (mut begun, mut datagram) = (0, vec![0; 4_096]);
    while begun < callers.run.offered || !callers.calls.is_empty() {
        let now = time::now().mono;
        // What has come goes before what is new: nothing is dropped for want of room.
        while begun < callers.run.offered && due(begun) <= now {
            callers.begin(begun, due(begun), now)?;
            begun += 1;
            if begun % 8 == 0 {
                break;
            }
        }
        callers.send_again(now)?;
        match callers.socket.recv(&mut datagram) {
            Ok(length) => callers.heard(&datagram[..length])?,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    let Callers { mut run, mut waits, .. } = callers;
    waits.sort_unstable();
    run.late_ms = waits.get(waits.len() * 19 / 20).map_or(0.0, |wait: &Duration| wait.as_secs_f64() * 1_000.0);
    Ok(run)
}

struct Callers {
    socket: UdpSocket,
    us: SocketAddr,
    target: SocketAddr,
    /// Tells these calls from those of other runs.
    tag: i64,
    calls: HashMap<u64, Call>,
    /// What is sent again, and when.
    again: BinaryHeap<Reverse<(Instant, u64)>>,
    waits: Vec<Duration>,
    run: Run,
}

struct Call {
    /// When it was to begin.
    due: Instant,
    /// When the request that is open was sent first, and how long until it is sent again.
    since: Instant,
    pause: Duration,
    /// The address and the To of its dialog, once it is answered.
    answered: Option<(String, String)>,
    /// Something has come for the open INVITE: it is not sent again.
    heard: bool,
}

impl Callers {
    fn begin(&mut self, number: u64, due: Instant, now: Instant) -> io::Result<()> {
        self.calls.insert(number, Call { due, since: now, pause: T1, answered: None, heard: false });
        self.again.push(Reverse((now + T1, number)));
        self.invite(number)
    }

    fn send_again(&mut self, now: Instant) -> io::Result<()> {
        while let Some(&Reverse((at, number))) = self.again.peek() {
            if at > now {
                return Ok(());
            }
            self.again.pop();
            let Some(call) = self.calls.get_mut(&number) else { continue };
            if now.saturating_duration_since(call.since) >= GIVEN_UP {
                self.calls.remove(&number);
                self.run.lost += 1;
                continue;
            }
            call.pause *= 2;
            self.again.push(Reverse((now + call.pause, number)));
            let (bye, heard) = (call.answered.clone(), call.heard);
            match bye {
                Some((uri, to)) => self.send("BYE", 2, number, &uri, &to)?,
                None if heard => {}
                None => self.invite(number)?,
            }
        }
        Ok(())
    }

    fn heard(&mut self, datagram: &[u8]) -> io::Result<()> {
        let Ok(text) = std::str::from_utf8(datagram) else { return Ok(()) };
        let header = |name: &str| {
            let found =
                text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)));
            found.map_or("", |(_, value)| value.trim())
        };
        let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let call_id = header("Call-ID").split('@').next().unwrap_or_default();
        let Some(number) = call_id.split_once('-').filter(|(tag, _)| *tag == self.tag.to_string()) else {
            return Ok(());
        };
        let Ok(number) = number.1.parse::<u64>() else { return Ok(()) };
        let (to, invite) = (header("To"), header("CSeq").ends_with("INVITE"));
        let now = time::now().mono;
        let Some(call) = self.calls.get_mut(&number) else { return Ok(()) };
        match status {
            100..200 => call.heard = true,
            200 if invite => {
                let uri = header("Contact").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let first = call.answered.is_none();
                call.answered = Some((uri.clone(), to.to_owned()));
                if first {
                    self.waits.push(now.saturating_duration_since(call.due));
                    (call.since, call.pause) = (now, T1);
                    self.again.push(Reverse((now + T1, number)));
                }
                self.send("ACK", 1, number, &uri, to)?;
                if first {
                    self.send("BYE", 2, number, &uri, to)?;
                }
            }
            200 => {
                self.calls.remove(&number);
                self.run.answered += 1;
            }
            status => {
                if invite {
                    let uri = self.called();
                    self.send("ACK", 1, number, &uri, to)?;
                }
                self.calls.remove(&number);
                if status == 503 { self.run.refused += 1 } else { self.run.lost += 1 }
            }
        }
        Ok(())
    }

    fn called(&self) -> String {
        format!("sip:+493012345678@{}", self.target)
    }

    fn invite(&self, number: u64) -> io::Result<()> {
        let uri = self.called();
        self.send("INVITE", 1, number, &uri, &format!("<{uri}>"))
    }

    /// The branch of an ACK to a refusal is that of the INVITE (section 17.1.1.3); that to an answer may be any other.
    fn send(&self, method: &str, cseq: u8, number: u64, uri: &str, to: &str) -> io::Result<()> {
        let Self { us, tag, .. } = self;
        let dialog = if method == "ACK" && uri != self.called() { "-ack" } else { "" };
        let body = if method == "INVITE" { SDP } else { &[] };
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{tag}-{number}-{cseq}{dialog};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+493012340001@{us}>;tag={number}\r\nTo: {to}\r\nCall-ID: {tag}-{number}@127.0.0.1\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{us}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        text.extend_from_slice(body);
        self.socket.send(&text).map(drop)
    }
}
