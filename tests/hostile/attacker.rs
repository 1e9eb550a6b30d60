//! Those who want to hurt.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use callwright::time;
use callwright_sip::message::{Message, Method, parse};

use crate::dice::Dice;

const METHODS: [&str; 12] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "PRACK",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
];

/// Somebody with a socket at an address of his own.
pub(crate) struct Attacker {
    socket: UdpSocket,
    target: SocketAddr,
    dice: Dice,
    count: u64,
}

impl Attacker {
    pub(crate) fn at(address: [u8; 4], target: SocketAddr, seed: u64) -> Self {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::from(address), 0)).expect("loopback binds");
        socket.set_nonblocking(true).expect("a socket");
        Self { socket, target, dice: Dice::new(seed), count: 0 }
    }

    /// Sends a message that was right before something was done to it. One that still begins a call is not sent.
    pub(crate) fn send_broken(&mut self) {
        loop {
            self.count += 1;
            let text = self.valid();
            let broken = self.mutate(text.into_bytes());
            let calls = matches!(parse(&broken), Ok(Message::Request(request)) if request.method == Method::Invite);
            if !calls && !broken.is_empty() {
                self.send(&broken);
                return;
            }
        }
    }

    /// What has come back.
    pub(crate) fn hears(&self) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        std::iter::from_fn(|| {
            let (length, _) = self.socket.recv_from(&mut buffer).ok()?;
            Some(buffer[..length].to_vec())
        })
        .collect()
    }

    fn send(&self, bytes: &[u8]) {
        // What does not fit is tried again: nothing is saved up on the way.
        for _ in 0..1_000 {
            match self.socket.send_to(bytes, self.target) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn valid(&mut self) -> String {
        let method = self.dice.pick(&METHODS);
        let (count, us) = (self.count, self.socket.local_addr().expect("bound"));
        let tag = if self.dice.roll(3) == 0 { ";tag=guessed" } else { "" };
        let body = if self.dice.roll(2) == 0 { "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" } else { "" };
        format!(
            "{method} sip:+493012345678@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{count}x;rport\r\n\
             Max-Forwards: 70\r\nFrom: \"A\" <sip:a@{us}>;tag=t{count}\r\nTo: <sip:b@{target}>{tag}\r\n\
             Call-ID: c{count}@{us}\r\nCSeq: {count} {method}\r\nContact: <sip:a@{us}>\r\nSupported: timer, 100rel\r\n\
             Session-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}",
            target = self.target,
            length = body.len(),
        )
    }

    fn mutate(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.dice.roll(3) {
            if bytes.is_empty() {
                break;
            }
            let length = bytes.len() as u64;
            let at = self.dice.roll(length) as usize;
            let end = (at + 1 + self.dice.roll(40) as usize).min(bytes.len());
            match self.dice.roll(9) {
                0 => bytes[at] = self.dice.roll(256) as u8,
                1 => bytes[at] ^= 1 << self.dice.roll(8),
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                5 => {
                    let many = vec![bytes[at]; 1 + self.dice.roll(9_000) as usize];
                    bytes.splice(at..at, many);
                }
                6 => drop(bytes.splice(at..end, *b"\r\n")),
                7 => drop(bytes.splice(at..end, *b"999999999999999999999")),
                _ => drop(bytes.splice(at..at, [0, 255, b'"', b'<', b',', b';'])),
            }
        }
        bytes.truncate(60_000);
        bytes
    }
}

/// Garbage, OPTIONS, REGISTER and INVITE from many strangers, from a thread of their own.
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    /// So many messages a second, or as many as the machine lets through.
    pub(crate) fn begin(target: SocketAddr, per_second: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || flood(target, per_second, &stopping));
        Self { stop, thread }
    }

    /// How many were sent.
    pub(crate) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the flood has no fault of its own")
    }
}

fn flood(target: SocketAddr, per_second: u64, stop: &AtomicBool) -> u64 {
    let mut strangers: Vec<_> = (2..18).map(|last| Attacker::at([127, 0, 1, last], target, last.into())).collect();
    let start = time::now().mono;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = (time::now().mono - start).as_millis() as u64 * per_second / 1_000;
        while sent < due {
            let number = (sent % strangers.len() as u64) as usize;
            let stranger = &mut strangers[number];
            stranger.count += 1;
            let text = match sent % 4 {
                0 => format!("garbage {sent}\r\n\r\n").into_bytes(),
                1 => stranger.valid().into_bytes(),
                2 => stranger.valid().replacen("Max-Forwards: 70", "User-Agent: friendly-scanner", 1).into_bytes(),
                _ => vec![0; 200],
            };
            stranger.send(&text);
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    sent
}

/// Memory of this process that is in use, in KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is told");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
