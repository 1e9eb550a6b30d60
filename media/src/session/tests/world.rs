//! A peer, a network and a session on one virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::codec::{Codec, Decoder, Encoder, LONGEST_PAYLOAD};
use crate::frame::{FRAME_8K, Rate};
use crate::negotiated::{Direction, Negotiated, RtcpPath};
use crate::rtp::{HEADER_LENGTH, RtpHeader, RtpPacket};
use crate::session::{MAX_PACKET, MediaEvent, Received, Session, SessionConfig, Stats, Tick};

pub(super) const PEER: &str = "192.0.2.1:4000";
pub(super) const DTMF: u8 = 101;

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("test addresses are well formed")
}

pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn negotiated(codec: Codec) -> Negotiated {
    Negotiated {
        codec,
        payload_type: codec.payload_type(),
        dtmf: Some(DTMF),
        remote: Some(address(PEER)),
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    }
}

pub(super) fn config() -> SessionConfig {
    SessionConfig {
        negotiated: negotiated(Codec::Pcmu),
        ssrc: 0x5e55,
        sequence: 65_530,
        timestamp: u32::MAX - 1_000,
        vad: None,
        uplink: true,
    }
}

/// What the network does to packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) delay: Duration,
    /// Each packet is later by an even draw from zero to this; packets overtake each other.
    pub(super) jitter: Duration,
    /// Share lost, 0 to 1.
    pub(super) loss: f64,
    /// Packets lost in a row when one is, on the average: above 1 the model of Gilbert and Elliott, with a state in which
    /// all is lost.
    pub(super) burst: u32,
    /// Share that comes twice.
    pub(super) duplicates: f64,
    /// Whether packets wait behind earlier ones instead of overtaking them.
    pub(super) queue: bool,
}

impl Network {
    pub(super) const CLEAN: Self = Self {
        delay: Duration::from_millis(30),
        jitter: Duration::ZERO,
        loss: 0.0,
        burst: 1,
        duplicates: 0.0,
        queue: false,
    };
}

/// A peer that sends the samples of a signal, whatever it is asked.
pub(super) struct Peer {
    /// Its samples, at the rate of the world.
    pub(super) signal: fn(u64) -> i16,
    pub(super) codec: Codec,
    rate: Rate,
    encoder: Encoder,
    pub(super) payload_type: u8,
    /// Samples of a packet.
    pub(super) ptime: usize,
    /// By how much its clock is fast, in parts per million.
    pub(super) ppm: i64,
    pub(super) from: SocketAddr,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Samples sent so far.
    pub(super) sent: u64,
    pub(super) packets: u64,
    /// While not, no packets are sent and its clock runs on.
    pub(super) talking: bool,
    /// Whether the next packet is marked as the first after a pause.
    pub(super) marker: bool,
    started: Instant,
}

/// All of it together.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) session: Session,
    pub(super) peer: Peer,
    pub(super) network: Network,
    seed: u64,
    next_tick: Instant,
    rng: StdRng,
    wire: BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>,
    posted: u64,
    losing: bool,
    pub(super) heard: Vec<i16>,
    pub(super) said: Vec<i16>,
    pub(super) uplink: Vec<i16>,
    /// When each uplink frame was handed out.
    pub(super) uplink_at: Vec<Instant>,
    pub(super) events: Vec<MediaEvent>,
    /// What the session sent: when, to where, the packet.
    pub(super) sent: Vec<(Instant, SocketAddr, Vec<u8>)>,
    pub(super) lost: u64,
    delivered: u64,
    /// Largest buffer delay seen.
    pub(super) deepest: Duration,
    place: i64,
    /// Whether the peer sends nothing wild, so that nothing may overflow.
    pub(super) orderly: bool,
}

impl World {
    pub(super) fn new(seed: u64, network: Network, config: SessionConfig) -> Self {
        Self::at(seed, network, config, Rate::Hz8000)
    }

    /// Both sides work at this rate.
    pub(super) fn at(seed: u64, network: Network, config: SessionConfig, rate: Rate) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        // Ticks and packets are out of phase, as they are on a wire.
        let mut rng = StdRng::seed_from_u64(seed);
        let phase = Duration::from_micros(rng.random_range(0..20_000));
        let codec = config.negotiated.codec;
        Self {
            now,
            peer: Peer {
                signal: speech,
                codec,
                rate,
                encoder: Encoder::new(codec, rate),
                payload_type: codec.payload_type(),
                ptime: FRAME_8K,
                ppm: 0,
                from: address(PEER),
                ssrc: 0x9ee2,
                sequence: 65_500,
                timestamp: u32::MAX - 8_000,
                sent: 0,
                packets: 0,
                talking: true,
                marker: false,
                started: now,
            },
            session: Session::at(now, config, rate),
            network,
            seed,
            next_tick: now + phase,
            rng,
            wire: BTreeMap::new(),
            posted: 0,
            losing: false,
            heard: Vec::new(),
            said: Vec::new(),
            uplink: Vec::new(),
            uplink_at: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            lost: 0,
            delivered: 0,
            deepest: Duration::ZERO,
            place: i64::MIN,
            orderly: true,
        }
    }

    /// Lets time pass: the peer sends, the network delivers, the session ticks.
    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let delivery = self.wire.keys().next().map(|&(at, _)| at);
            let sending = self.peer.due();
            let next = delivery.into_iter().chain([self.next_tick, sending]).min().expect("there is always a tick");
            if next > until {
                break;
            }
            self.now = next;
            if delivery == Some(next) {
                let ((_, _), (from, bytes)) = self.wire.pop_first().expect("it was there");
                self.deliver(from, &bytes);
            } else if sending == next {
                self.send_audio();
            } else {
                self.next_tick = next + ms(20);
                self.tick();
            }
        }
        self.now = until;
    }

    /// Half a second without losses, so that everything lost is known of; what was counted then.
    pub(super) fn settle(&mut self) -> Stats {
        self.network = Network { loss: 0.0, burst: 1, ..self.network };
        self.run(ms(500));
        self.session.stats()
    }

    /// Keeps the worker from ticking for so long; its deadlines stay on their grid.
    pub(super) fn stall(&mut self, frames: u32) {
        self.next_tick += ms(20) * frames;
    }

    pub(super) fn deliver(&mut self, from: SocketAddr, bytes: &[u8]) -> Received {
        let received = self.session.receive(self.now, from, bytes);
        self.delivered += 1;
        let stats = self.session.stats();
        let counted = stats.received + stats.rtcp + stats.dropped.total();
        assert_eq!(counted, self.delivered, "seed {}: each is counted once: {stats:?}", self.seed);
        self.drain();
        received
    }

    pub(super) fn tick(&mut self) -> Tick {
        let mut packet = [0; MAX_PACKET];
        let tick = self.session.tick(self.now, &mut packet);
        self.heard.extend(tick.heard.samples());
        self.said.extend(tick.said.samples());
        let mut transmit = tick.transmit;
        while let Some((to, length)) = transmit {
            self.sent.push((self.now, to, packet[..length].to_vec()));
            transmit = self.session.poll_transmit(&mut packet);
        }
        self.drain();
        self.check();
        tick
    }

    /// What must hold after every step.
    fn check(&mut self) {
        let stats = self.session.stats();
        self.deepest = self.deepest.max(stats.delay);
        let seed = self.seed;
        assert!(stats.delay <= ms(420), "seed {seed}: the buffer has run away: {stats:?}");
        assert!(stats.target_delay <= ms(180), "seed {seed}: {stats:?}");
        if let Some(place) = self.session.jitter.place() {
            assert!(place >= self.place, "seed {seed}: a sample would be heard twice");
            self.place = place;
        }
        assert!(!self.orderly || (stats.event_overflow, stats.uplink_overflow) == (0, 0), "seed {seed}: {stats:?}");
    }

    fn drain(&mut self) {
        while let Some(event) = self.session.poll_event() {
            if let MediaEvent::Uplink(frame) = event {
                self.uplink.extend(frame.samples());
                self.uplink_at.push(self.now);
            } else {
                self.events.push(event);
            }
        }
    }

    fn send_audio(&mut self) {
        let peer = &mut self.peer;
        let factor = peer.rate.factor() as u64;
        let place = peer.sent * factor;
        let samples: Vec<i16> = (0..peer.ptime as u64 * factor).map(|n| (peer.signal)(place + n)).collect();
        if peer.encoder.codec() != peer.codec {
            peer.encoder = Encoder::new(peer.codec, peer.rate);
        }
        let mut payload = vec![0; LONGEST_PAYLOAD];
        let length = peer.encoder.encode(&samples, &mut payload);
        payload.truncate(length);
        let timestamp = peer.timestamp.wrapping_add(peer.sent as u32 * peer.codec.units());
        let talking = peer.talking;
        peer.sent += peer.ptime as u64;
        if talking {
            let payload_type = peer.payload_type;
            self.post(payload_type, timestamp, &payload);
        }
    }

    /// Sends one packet of the peer through the network, with the next sequence number.
    pub(super) fn post(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut bytes = rtp(payload_type, self.peer.sequence, timestamp, self.peer.ssrc, payload);
        bytes[1] |= u8::from(std::mem::take(&mut self.peer.marker)) << 7;
        self.peer.sequence = self.peer.sequence.wrapping_add(1);
        self.peer.packets += 1;
        let Network { delay, jitter, loss, burst, duplicates, queue } = self.network;
        let burst = f64::from(burst);
        let stays = if self.losing { 1.0 - 1.0 / burst } else { (loss / (1.0 - loss) / burst).min(1.0) };
        // What is lost before the first packet nobody can count.
        self.losing = self.rng.random_bool(if burst > 1.0 { stays } else { loss }) && self.posted > 0;
        if self.losing {
            self.lost += 1;
            return;
        }
        let copies = if self.rng.random_bool(duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            let extra = Duration::from_micros(self.rng.random_range(0..=jitter.as_micros() as u64));
            self.posted += 1;
            let last = self.wire.keys().next_back().map(|&(at, _)| at).filter(|_| queue);
            let at = (self.now + delay + extra).max(last.unwrap_or(self.now));
            self.wire.insert((at, self.posted), (self.peer.from, bytes.clone()));
        }
    }

    /// The audio of the packets sent, decoded.
    pub(super) fn sent_audio(&self) -> Vec<i16> {
        let mut audio = Vec::new();
        let mut decoder = Decoder::new(self.peer.codec, self.peer.rate);
        for (_, _, bytes) in &self.sent {
            let packet = RtpPacket::parse(bytes).expect("what we send is RTP");
            let length = self.peer.codec.samples_in(packet.payload).expect("audio");
            let mut samples = vec![0; length * self.peer.rate.factor()];
            assert_eq!(decoder.decode(packet.payload, &mut samples), Ok(samples.len()));
            audio.extend(samples);
        }
        audio
    }
}

impl Peer {
    /// When the sample after those sent is spoken.
    pub(super) fn speaks(&self) -> Instant {
        self.at(self.sent)
    }

    /// When the next packet leaves: once its last sample has been spoken, by the peer's own clock.
    fn due(&self) -> Instant {
        self.at(self.sent + self.ptime as u64)
    }

    fn at(&self, samples: u64) -> Instant {
        let nanos = u128::from(samples) * 125_000 * 1_000_000 / (1_000_000 + i128::from(self.ppm)) as u128;
        self.started + Duration::from_nanos(nanos as u64)
    }
}

pub(super) fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LENGTH];
    let header = bytes.first_chunk_mut().expect("12 bytes were made");
    RtpHeader { marker: false, payload_type, sequence, timestamp, ssrc }.write(header);
    bytes.extend_from_slice(payload);
    bytes
}

/// Half a second of a vowel, 0.3 s of faint noise, and again.
pub(super) fn speech(n: u64) -> i16 {
    if n % 6_400 < 4_000 { vowel(n) } else { (n.wrapping_mul(2_654_435_761) >> 7 & 15) as i16 - 8 }
}

/// A vowel without end.
pub(super) fn vowel(n: u64) -> i16 {
    let t = n as f64 / 8_000.0 * std::f64::consts::TAU;
    let sum: f64 = [(1.0, 0.5), (2.0, 0.3), (5.0, 0.6), (6.0, 0.4), (11.0, 0.2)]
        .iter()
        .map(|&(harmonic, weight)| weight * (t * 120.0 * harmonic).sin())
        .sum();
    (sum * 5_000.0) as i16
}
