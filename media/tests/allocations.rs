//! Proves that a leg in full swing asks for no memory: not per packet, not per tick, not per event.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use callwright_media::codec::{Codec, Encoder, OpusTerms};
use callwright_media::frame::{FRAME, Rate};
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::rtcp::{Cname, MAX_COMPOUND, NtpTime, Reporting, write};
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::session::{ClipId, MAX_PACKET, Received, ReportConfig, Session, SessionConfig};
use callwright_media::srtp::{MAX_OVERHEAD, MasterKey, RemoteKey, SrtpKeys, SrtpSender, Suite};
use callwright_media::vad::SegmenterConfig;

const EVENTS: u8 = 101;

/// Longest packet here: 20 ms of linear samples at 16 kHz.
const LONGEST: usize = HEADER_LENGTH + 640;

/// One leg and a peer that loses, swaps and repeats packets, presses keys and pauses.
struct Leg {
    session: Session,
    now: Instant,
    peer: SocketAddr,
    sequence: u16,
    timestamp: u32,
    held_back: Option<Packet>,
    accepted: u32,
    events: u32,
    codec: Codec,
    /// What the peer encodes with; noise of its own making when it is none.
    encoder: Option<Encoder>,
    /// Protects what the peer sends.
    guard: Option<SrtpSender>,
}

/// A datagram of the peer.
#[derive(Clone, Copy)]
struct Packet {
    bytes: [u8; LONGEST + MAX_OVERHEAD],
    length: usize,
}

impl Deref for Packet {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Leg {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(srtp: Option<Box<SrtpKeys>>) -> Self {
        Self::of(Codec::Pcma, srtp)
    }

    fn of(codec: Codec, srtp: Option<Box<SrtpKeys>>) -> Self {
        Self::at(codec, Rate::Hz8000, srtp)
    }

    fn at(codec: Codec, rate: Rate, srtp: Option<Box<SrtpKeys>>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let negotiated = Negotiated {
            codec,
            payload_type: codec.payload_type(),
            dtmf: Some(EVENTS),
            remote: Some(peer),
            rtcp: RtcpPath::default(),
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp,
        };
        let vad = Some(SegmenterConfig::default());
        let config = SessionConfig { negotiated, ssrc: 1, sequence: 1, timestamp: 1, vad, uplink: true };
        let mut session = Session::at(now, config, rate);
        session.report(now, ReportConfig::new(NtpTime::from_unix(Duration::ZERO), Cname::new([1; 12]), 1));
        let encoder = (codec != Codec::Pcma).then(|| Encoder::new(codec, Rate::Hz8000));
        Self {
            session,
            now,
            peer,
            sequence: 0,
            timestamp: 0,
            held_back: None,
            accepted: 0,
            events: 0,
            codec,
            encoder,
            guard: None,
        }
    }

    /// Runs for so many frames of 20 ms.
    fn run(&mut self, frames: u32) {
        for n in 0..frames {
            match n % 97 {
                // Lost.
                13 => {}
                // A key: four reports of it.
                20..24 => self.send_key((n % 97 - 19) as u16),
                // Comfort noise and a pause.
                40 => self.send(13, &[60]),
                41..50 => {}
                // Overtaken by the next, which also comes twice.
                60 => self.held_back = Some(self.packet()),
                61 => {
                    let packet = self.packet();
                    self.receive(&packet);
                    self.receive(&packet);
                    let late = self.held_back.take().expect("the packet before was held back");
                    self.receive(&late);
                }
                _ => {
                    let packet = self.packet();
                    self.receive(&packet);
                }
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.timestamp = self.timestamp.wrapping_add(self.units() * 160);
            let mut packet = [0; MAX_PACKET];
            let tick = self.session.tick(self.now + Duration::from_millis(7), &mut packet);
            assert!(tick.transmit.is_some());
            let _ = self.session.poll_report(self.now + Duration::from_millis(7), &mut packet);
            if n % 250 == 100 {
                self.report();
            }
            self.drain();
            self.now += FRAME;
        }
    }

    fn units(&self) -> u32 {
        self.codec.clock_rate() / 8_000
    }

    fn packet(&mut self) -> Packet {
        let mut bytes = [0; LONGEST + MAX_OVERHEAD];
        let header = bytes.first_chunk_mut().expect("longer than a header");
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let payload_type = self.codec.payload_type();
        RtpHeader { marker: false, payload_type, sequence, timestamp, ssrc: 7 }.write(header);
        let noise = |n: usize| (n as u8).wrapping_mul(sequence as u8) ^ 0x55;
        let length = match &mut self.encoder {
            Some(encoder) => {
                let samples: [i16; 160] = std::array::from_fn(|n| i16::from(noise(n)) * 40);
                encoder.encode(&samples, &mut bytes[HEADER_LENGTH..LONGEST])
            }
            None => {
                bytes[HEADER_LENGTH..172].iter_mut().enumerate().for_each(|(n, byte)| *byte = noise(n));
                160
            }
        };
        self.protected(bytes, HEADER_LENGTH + length)
    }

    /// The peer reports.
    fn report(&mut self) {
        let cname = Cname::new([2; 12]);
        let mut bytes = [0; MAX_COMPOUND + MAX_OVERHEAD];
        let out = bytes.first_chunk_mut().expect("longer than a report");
        let length = write(&Reporting { ssrc: 7, cname: &cname, sender: None, block: None, goodbye: false }, out);
        let length = match &mut self.guard {
            Some(guard) => guard.protect_rtcp(&mut bytes, length).expect("few reports"),
            None => length,
        };
        let from = SocketAddr::new(self.peer.ip(), self.peer.port() + 1);
        assert_eq!(self.session.receive_report(self.now, from, &bytes[..length]), Received::Rtcp);
    }

    fn protected(&mut self, mut bytes: [u8; LONGEST + MAX_OVERHEAD], length: usize) -> Packet {
        let length = match &mut self.guard {
            Some(guard) => guard.protect(&mut bytes, length, 0).expect("numbers go up"),
            None => length,
        };
        Packet { bytes, length }
    }

    fn send_key(&mut self, report: u16) {
        let [high, low] = (report * 160 * self.units() as u16).to_be_bytes();
        let end = if report == 4 { 0x80 } else { 0 };
        let start = self.timestamp.wrapping_sub(u32::from(report) * 160 * self.units());
        let timestamp = std::mem::replace(&mut self.timestamp, start);
        self.send(EVENTS, &[5, end, high, low]);
        self.timestamp = timestamp;
    }

    fn send(&mut self, payload_type: u8, payload: &[u8]) {
        let mut bytes = [0; LONGEST + MAX_OVERHEAD];
        let header = bytes.first_chunk_mut().expect("longer than a header");
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        RtpHeader { marker: false, payload_type, sequence, timestamp, ssrc: 7 }.write(header);
        bytes[HEADER_LENGTH..HEADER_LENGTH + payload.len()].copy_from_slice(payload);
        let packet = self.protected(bytes, HEADER_LENGTH + payload.len());
        self.receive(&packet);
    }

    fn receive(&mut self, datagram: &[u8]) {
        let received = self.session.receive(self.now, self.peer, datagram);
        self.accepted += u32::from(received == Received::Accepted);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.events += 1;
            std::hint::black_box(event);
        }
    }
}

#[test]
fn a_leg_in_full_swing_allocates_nothing() {
    let mut leg = Leg::new();
    leg.session.play(ClipId(1), vec![1_000; 60 * 8_000].into()).expect("room");
    // Warm-up: every queue has been as long as it gets.
    leg.run(1_000);
    let (accepted, events, before) = (leg.accepted, leg.events, leg.session.stats());
    let counted = allocation_counter::measure(|| leg.run(2_000));
    let after = leg.session.stats();
    assert!(
        after.rtcp_sent - before.rtcp_sent >= 5 && after.rtcp - before.rtcp == 8,
        "reports were exchanged: {after:?}"
    );
    assert!(leg.accepted - accepted > 1_700, "packets came: {}", leg.accepted - accepted);
    assert!(leg.events - events > 1_900, "events were told: {}", leg.events - events);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_leg_of_any_codec_allocates_nothing() {
    let opus = Codec::Opus(OpusTerms::OURS);
    for codec in [Codec::G722, opus, Codec::L16(Rate::Hz8000), Codec::L16(Rate::Hz16000)] {
        let mut leg = Leg::of(codec, None);
        leg.session.play(ClipId(1), vec![1_000; 60 * 8_000].into()).expect("room");
        leg.run(1_000);
        let (accepted, events) = (leg.accepted, leg.events);
        let counted = allocation_counter::measure(|| leg.run(2_000));
        assert!(leg.accepted - accepted > 1_700, "{codec:?}: packets came: {}", leg.accepted - accepted);
        assert!(leg.events - events > 1_900, "{codec:?}: events were told: {}", leg.events - events);
        assert_eq!(counted.count_total, 0, "{codec:?}: {counted:?}");
    }
}

#[test]
fn a_wideband_leg_allocates_nothing() {
    for codec in [Codec::Pcma, Codec::G722, Codec::Opus(OpusTerms::OURS), Codec::L16(Rate::Hz16000)] {
        let mut leg = Leg::at(codec, Rate::Hz16000, None);
        leg.session.play(ClipId(1), vec![1_000; 40 * 8_000].into()).expect("room");
        leg.session.play_at(ClipId(2), Rate::Hz16000, vec![1_000; 60 * 16_000].into(), 0).expect("room");
        leg.run(1_000);
        let accepted = leg.accepted;
        let counted = allocation_counter::measure(|| leg.run(2_000));
        assert!(leg.accepted - accepted > 1_700, "{codec:?}: packets came: {}", leg.accepted - accepted);
        assert_eq!(counted.count_total, 0, "{codec:?}: {counted:?}");
    }
}

#[test]
fn an_encrypted_leg_allocates_nothing() {
    for suite in Suite::ALL {
        let key = MasterKey::new(suite, &vec![7; suite.material()]).expect("as long as it has to be");
        let keys = SrtpKeys { local: key.clone(), remote: RemoteKey { key: key.clone(), mki: None } };
        let mut leg = Leg::with(Some(Box::new(keys)));
        leg.guard = Some(SrtpSender::new(&key));
        leg.run(1_000);
        let accepted = leg.accepted;
        let counted = allocation_counter::measure(|| leg.run(2_000));
        assert!(leg.accepted - accepted > 1_700, "packets came: {}", leg.accepted - accepted);
        assert!(leg.session.stats().dropped.replayed > 0, "what comes twice is taken once");
        assert_eq!(leg.session.stats().dropped.unauthentic, 0);
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}

#[test]
fn a_stream_that_plays_and_runs_dry_allocates_nothing() {
    let mut leg = Leg::new();
    leg.run(1_000);
    let piece: std::sync::Arc<[i16]> = vec![1_000; 480].into();
    leg.session.open(ClipId(1), 0).expect("room");
    // Three seconds, then a gap.
    for _ in 0..50 {
        leg.session.append(ClipId(1), std::sync::Arc::clone(&piece), 0, false).expect("it is open");
    }
    let counted = allocation_counter::measure(|| leg.run(200));
    assert_eq!(leg.session.position(), Some((ClipId(1), 24_000)));
    assert_eq!(leg.session.stats().starved, Duration::from_secs(1));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn joined_legs_allocate_nothing_nor_does_music() {
    let (mut caller, mut target) = (Leg::new(), Leg::new());
    caller.run(1_000);
    target.run(1_000);
    let (here, there) = callwright_media::bridge::bridge(true);
    caller.session.join(here);
    target.session.join(there);
    let run = |caller: &mut Leg, target: &mut Leg| {
        for _ in 0..500 {
            caller.run(1);
            target.run(1);
        }
    };
    run(&mut caller, &mut target);
    let counted = allocation_counter::measure(|| run(&mut caller, &mut target));
    assert!(caller.session.is_joined() && target.session.is_joined());
    assert_eq!(counted.count_total, 0, "{counted:?}");
    caller.session.part();
    caller.session.hold(Some(vec![1_000; 1_234].into()));
    let counted = allocation_counter::measure(|| caller.run(500));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn refused_datagrams_allocate_nothing() {
    let mut leg = Leg::new();
    leg.run(200);
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    let mut extended = [0; 40];
    // Two contributing sources and a header extension.
    extended[..4].copy_from_slice(&[0x92, 8, 0, 1]);
    extended[20..24].copy_from_slice(&[0xbe, 0xde, 0, 2]);
    let packet = leg.packet();
    let before = leg.session.stats().dropped.total();
    let counted = allocation_counter::measure(|| {
        for datagram in [&packet[..], &extended, &packet[..7], &[0; 20], &[0x80, 200, 0, 6]] {
            leg.session.receive(leg.now, stranger, datagram);
        }
    });
    assert_eq!(leg.session.stats().dropped.total() - before, 5, "{:?}", leg.session.stats());
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
