//! What a network and a sender can do to a stream, written in bytes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright_media::codec::{Codec, Encoder, LONGEST_PAYLOAD, OpusTerms};
use callwright_media::frame::{FRAME, Rate};
use callwright_media::negotiated::Negotiated;
use callwright_media::session::{MAX_PACKET, MediaEvent, Session, SessionConfig, Stats};

use super::{Script, config, some_instant};

/// Packets that the network holds back at once.
const MAX_HELD: usize = 16;

/// One stream through a life written in `data`, of which the first byte may say in which codec. The delay stays within
/// its bound, each datagram is counted once, no counter goes back; and whatever was done to it, four seconds of orderly
/// packets later the sender is heard again.
pub(crate) fn jitter(data: &[u8]) {
    let mut script = Script(data);
    let codec = data.first().and_then(|&first| codec(first));
    if codec.is_some() {
        script.byte();
    }
    let mut line = Line::new(codec.unwrap_or(Codec::Pcmu));
    while let Some(happens) = script.byte() {
        let mut next = || script.byte().unwrap_or(0);
        match happens % 16 {
            0..=6 => line.speak(next()),
            7 => line.release(next()),
            8 => line.set_ptime([10, 20, 30, 40, 50, 60][usize::from(next() % 6)]),
            9 => line.pause(next(), true),
            10 => {
                line.pause(next(), false);
                line.marker = true;
            }
            11 => line.timestamp = line.timestamp.wrapping_add_signed(jump(next(), next())),
            12 => line.sequence = line.sequence.wrapping_add_signed((jump(next(), next()) / 64) as i16),
            13 => line.ssrc = u32::from(next() % 4),
            14 => line.stall(next()),
            _ => line.send(&[next() % 16, next(), 0, 160], 101),
        }
    }
    line.is_heard_again();
}

/// The highest numbers name a codec.
fn codec(first: u8) -> Option<Codec> {
    Some(match first.checked_sub(0xf8)? {
        0 | 1 => Codec::G722,
        2 | 3 => Codec::Opus(OpusTerms::OURS),
        4 => Codec::L16(Rate::Hz8000),
        5 => Codec::L16(Rate::Hz16000),
        6 => Codec::Pcma,
        _ => Codec::Pcmu,
    })
}

/// From a sample to more than two seconds, either way.
fn jump(by: u8, shift: u8) -> i32 {
    i32::from(by.cast_signed()) << (shift % 12)
}

struct Line {
    leg: Session,
    now: Instant,
    next_tick: Instant,
    peer: SocketAddr,
    codec: Codec,
    encoder: Encoder,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    /// Samples at 8 kHz.
    ptime: usize,
    held: Vec<Vec<u8>>,
    given: u64,
    before: Stats,
    /// Frames in which something was heard.
    loud: u32,
}

impl Line {
    fn new(codec: Codec) -> Self {
        let peer = SocketAddr::from(([198, 51, 100, 1], 4_000));
        let now = some_instant();
        let config = config(peer);
        let negotiated = Negotiated { codec, payload_type: codec.payload_type(), ..config.negotiated };
        Self {
            leg: Session::at(now, SessionConfig { negotiated, ..config }, codec.rate()),
            now,
            next_tick: now,
            peer,
            codec,
            encoder: Encoder::new(codec, Rate::Hz8000),
            ssrc: 7,
            sequence: 65_000,
            timestamp: u32::MAX - 9_000,
            marker: false,
            ptime: 160,
            held: Vec::new(),
            given: 0,
            before: Stats::default(),
            loud: 0,
        }
    }

    fn set_ptime(&mut self, wanted_ms: u8) {
        self.ptime = usize::from(self.codec.packet_ms(wanted_ms)) * 8;
    }

    /// Timestamps go on by so many samples.
    fn count(&mut self, samples: usize) {
        let units = self.codec.clock_rate() / 8_000;
        self.timestamp = self.timestamp.wrapping_add(samples as u32 * units);
    }

    /// The sender says as much as a packet holds, a tone of 400 Hz or nothing, and the network does something to it.
    fn speak(&mut self, fate: u8) {
        let loudness = if fate & 0x40 == 0 { 8_000 } else { 0 };
        let samples: Vec<i16> = (0..self.ptime).map(|n| if n % 20 < 10 { loudness } else { -loudness }).collect();
        let mut payload = [0; LONGEST_PAYLOAD];
        let length = self.encoder.encode(&samples, &mut payload);
        let packet = self.packet(&payload[..length], self.codec.payload_type());
        self.count(self.ptime);
        match fate & 7 {
            0 => {}
            1 => {
                self.give(&packet);
                self.give(&packet);
            }
            2 | 3 if self.held.len() < MAX_HELD => self.held.push(packet),
            _ => self.give(&packet),
        }
        self.pass(Duration::from_micros(self.ptime as u64 * 125));
    }

    fn release(&mut self, which: u8) {
        if !self.held.is_empty() {
            let packet = self.held.swap_remove(usize::from(which) % self.held.len());
            self.give(&packet);
        }
    }

    /// The sender is silent; its clock goes on or stands still.
    fn pause(&mut self, frames: u8, goes_on: bool) {
        for _ in 0..frames {
            self.count(if goes_on { 160 } else { 0 });
            self.pass(FRAME);
        }
    }

    fn send(&mut self, payload: &[u8], payload_type: u8) {
        let packet = self.packet(payload, payload_type);
        self.give(&packet);
    }

    fn packet(&mut self, payload: &[u8], payload_type: u8) -> Vec<u8> {
        let marker = u8::from(std::mem::take(&mut self.marker)) << 7;
        let mut packet = vec![0x80, payload_type | marker];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    fn give(&mut self, packet: &[u8]) {
        self.given += 1;
        let _ = self.leg.receive(self.now, self.peer, packet);
        self.check();
    }

    /// Time passes, with a tick every 20 ms.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut packet = [0; MAX_PACKET];
        while self.next_tick <= end {
            self.now = self.next_tick;
            self.next_tick += FRAME;
            let tick = self.leg.tick(self.now, &mut packet);
            self.loud += u32::from(tick.heard.samples().iter().any(|sample| sample.unsigned_abs() > 4_000));
            self.check();
        }
        self.now = end;
    }

    /// Time passes without a tick.
    fn stall(&mut self, frames: u8) {
        self.now += FRAME * u32::from(frames);
        self.next_tick = self.next_tick.max(self.now);
    }

    fn check(&mut self) {
        while let Some(event) = self.leg.poll_event() {
            assert!(!matches!(event, MediaEvent::Parted { .. }), "it was never joined");
        }
        let (stats, before) = (self.leg.stats(), self.before);
        assert_eq!(stats.received + stats.rtcp + stats.dropped.total(), self.given, "each is counted once: {stats:?}");
        assert!(stats.delay <= Duration::from_millis(440), "{stats:?}");
        assert!(stats.target_delay <= Duration::from_millis(180), "{stats:?}");
        for (now, then) in [
            (stats.concealed, before.concealed),
            (stats.shortened, before.shortened),
            (stats.lengthened, before.lengthened),
            (stats.uplink_filled, before.uplink_filled),
        ] {
            assert!(now >= then, "{before:?}, {stats:?}");
        }
        assert!(stats.late >= before.late && stats.restarts >= before.restarts, "{before:?}, {stats:?}");
        self.before = stats;
    }

    fn is_heard_again(&mut self) {
        self.set_ptime(20);
        for _ in 0..200 {
            self.speak(4);
        }
        let (received, loud) = (self.before.received, self.loud);
        for _ in 0..50 {
            self.speak(4);
        }
        assert!(self.before.received - received >= 49, "{:?}", self.before);
        assert!(self.loud - loud >= 45, "{} frames are heard: {:?}", self.loud - loud, self.before);
    }
}
