//! What must hold for any input. Shared by the fuzz targets and by the test that replays the corpus.
#![allow(dead_code, unused_imports, reason = "each fuzz target uses one of them")]

mod jitter;

pub(crate) use jitter::jitter;

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use callwright_media::clip::{MAX_SECONDS, decode_wav};
use callwright_media::codec::{Codec, OpusTerms};
use callwright_media::digit::Digit;
use callwright_media::frame::{FRAME, Rate};
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::recording::RecordingReader;
use callwright_media::rtcp::{Cname, Compound, NtpTime, Packet};
use callwright_media::sdp::{Encryption, LocalMedia, MAX_BYTES, MAX_MEDIA, accept_answer, answer};
use callwright_media::session::{ClipId, MAX_PACKET, Port, Received, ReportConfig, Session, SessionConfig};
use callwright_media::srtp::{LocalKeys, MasterKey, Suite};
use callwright_media::vad::SegmenterConfig;

/// Reading one description with encryption off, offered and required.
pub(crate) fn sdp(data: &[u8]) {
    let key = |suite: Suite| MasterKey::new(suite, &vec![7; suite.material()]).expect("as long as it has to be");
    let keys = Box::new(LocalKeys::new(key));
    for encryption in [Encryption::Off, Encryption::Offered(keys.clone()), Encryption::Required(keys)] {
        describe(data, encryption);
    }
}

/// Our answer has a stream for each of the offer, one of them switched on, and can itself be answered with the same
/// outcome. What is encrypted is so by both accounts.
fn describe(data: &[u8], encryption: Encryption) {
    let local = LocalMedia {
        address: Ipv4Addr::new(192, 0, 2, 1).into(),
        port: 20_000,
        codecs: vec![
            Codec::Pcma,
            Codec::Pcmu,
            Codec::Opus(OpusTerms::OURS),
            Codec::G722,
            Codec::L16(Rate::Hz16000),
            Codec::L16(Rate::Hz8000),
        ],
        dtmf: true,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption,
    };
    let accepted = accept_answer(&local, data);
    match answer(&local, data) {
        Ok((body, negotiated)) => {
            assert!(data.len() <= MAX_BYTES && body.len() <= 2 * MAX_BYTES);
            assert!(negotiated.payload_type < 128 && negotiated.dtmf.is_none_or(|number| number < 128));
            assert!(negotiated.remote.is_some() || !negotiated.direction.sends());
            let text = String::from_utf8(body.clone()).expect("an answer is text");
            let streams: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
            assert!(streams.len() <= MAX_MEDIA);
            assert_eq!(streams.iter().filter(|line| line.starts_with("m=audio 20000 ")).count(), 1, "{text}");
            let (_, mirrored) = answer(&local, &body).expect("our own answer is a good offer");
            assert!(mirrored.codec.is_same_format(negotiated.codec));
            assert_eq!(mirrored.payload_type, negotiated.payload_type);
            assert!((10..=200).contains(&negotiated.ptime_ms));
            if let Codec::Opus(terms) = negotiated.codec {
                assert!(terms.max_bitrate.is_none_or(|rate| (6_000..=510_000).contains(&rate)));
                assert!((8_000..=48_000).contains(&terms.max_playback_rate));
            }
            assert_eq!(mirrored.direction, negotiated.direction.reversed());
            let suite = |negotiated: &Negotiated| negotiated.srtp.as_ref().map(|keys| keys.remote.key.suite());
            assert_eq!(suite(&mirrored), suite(&negotiated));
            // A stream that is refused is answered in the words it was offered in, whatever they say.
            let keys = text.lines().any(|line| line.starts_with("a=crypto:"));
            assert_eq!(negotiated.srtp.is_some(), keys, "{text}");
            match &local.encryption {
                Encryption::Off => assert!(negotiated.srtp.is_none()),
                Encryption::Offered(_) => {}
                Encryption::Required(_) => assert!(negotiated.srtp.is_some()),
            }
        }
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            if fault.is_malformed() {
                assert!(accepted.is_err());
            }
        }
    }
}

/// Reading one file, as a clip and as a recording: no more comes out than went in.
pub(crate) fn wav(data: &[u8]) {
    if let Ok(clip) = decode_wav(data) {
        assert!(clip.len() <= MAX_SECONDS * 8_000 && clip.len() <= data.len());
    }
    if let Ok(recording) = RecordingReader::new(Cursor::new(data)) {
        assert!(recording.count() <= data.len() / 4);
    }
    if let Ok(recording) = RecordingReader::new(Cursor::new(data)) {
        let levels: Vec<_> = recording.levels(Duration::from_millis(20)).collect();
        assert!(levels.len() <= data.len() / 640 + 1);
        assert!(levels.iter().all(|levels| levels.heard.is_finite() && levels.said.is_finite()));
    }
}

/// Events that may wait between two calls into a session.
const MAX_EVENTS: usize = 1_000;

/// One leg through a life written in `data`: each byte is something that happens, followed by its arguments. What
/// leaves is RTP of ours, two packets a tick at most, to the address that was agreed on or learnt.
pub(crate) fn rtp(data: &[u8]) {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        live(data, rate);
    }
}

fn live(data: &[u8], rate: Rate) {
    let peer = SocketAddr::from(([198, 51, 100, 1], 4_000));
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    let mut now = some_instant();
    let mut leg = Session::at(now, config(peer), rate);
    let mut packet = [0; MAX_PACKET];
    let mut script = Script(data);
    let mut clips = 0;
    let mut payload_type = 0;
    while let Some(happens) = script.byte() {
        if let Some(next) = renegotiated(peer, happens) {
            payload_type = next.payload_type;
            leg.renegotiate(now, next);
            continue;
        }
        match happens % 16 {
            0..=5 => {
                let length = usize::from(script.byte().unwrap_or(0));
                let _ = leg.receive(now, peer, script.bytes(length));
            }
            6 => {
                let _ = leg.receive(now, peer, &script.rtp(payload_type));
            }
            7 => {
                let _ = leg.receive(now, stranger, &script.rtp(payload_type));
            }
            8..=11 => {
                now += FRAME;
                let tick = leg.tick(now, &mut packet);
                assert_eq!((tick.heard.rate(), tick.said.rate()), (rate, rate));
                let mut transmit = tick.transmit;
                let mut packets = 0;
                while let Some((to, length)) = transmit {
                    assert!(to == peer || to == stranger, "a packet for an address nobody sent from");
                    assert!((12..=MAX_PACKET).contains(&length) && packet[0] == 0x80);
                    packets += 1;
                    transmit = leg.poll_transmit(&mut packet);
                }
                assert!(packets <= 2, "{packets} packets in 20 ms");
            }
            12 => now += Duration::from_millis(u64::from(script.byte().unwrap_or(0)) * 20),
            13 => {
                clips += 1;
                let clip = if clips % 2 == 0 { Rate::Hz8000 } else { Rate::Hz16000 };
                let _ = leg.play_at(ClipId(clips), clip, vec![1_000; 701].into(), 0);
            }
            14 => leg.stop(Duration::from_millis(script.byte().unwrap_or(0).into())),
            _ => {
                let digit = Digit::from_event(script.byte().unwrap_or(0) & 15).expect("below 16");
                let _ = leg.send_dtmf(&[digit]);
            }
        }
        let events = std::iter::from_fn(|| leg.poll_event()).take(MAX_EVENTS + 1).count();
        assert!(events <= MAX_EVENTS, "{events} events at once");
    }
}

/// What the highest numbers of a script agree on: each codec, in packets of three lengths.
fn renegotiated(peer: SocketAddr, happens: u8) -> Option<Negotiated> {
    let number = happens.checked_sub(0xee)?;
    let codec = match number % 6 {
        0 => Codec::Pcmu,
        1 => Codec::Pcma,
        2 => Codec::G722,
        3 => Codec::Opus(OpusTerms::OURS),
        4 => Codec::L16(Rate::Hz8000),
        _ => Codec::L16(Rate::Hz16000),
    };
    let ptime_ms = [20, 10, 60][usize::from(number / 6)];
    Some(Negotiated { codec, payload_type: codec.payload_type(), ptime_ms, ..config(peer).negotiated })
}

/// The RTCP of one leg: each byte of `data` is something that happens, followed by its arguments. What leaves is a
/// compound packet of ours to the peer's host; whatever comes, counters stay within what can be.
pub(crate) fn rtcp(data: &[u8]) {
    let peer = SocketAddr::from(([198, 51, 100, 1], 4_000));
    let beside = SocketAddr::from(([198, 51, 100, 1], 4_001));
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    let mut now = some_instant();
    let mut leg = Session::new(now, config(peer));
    leg.report(now, ReportConfig::new(NtpTime::from_unix(Duration::from_secs(1)), Cname::new([1; 12]), 1));
    let mut packet = [0; MAX_PACKET];
    let mut script = Script(data);
    while let Some(happens) = script.byte() {
        let length = usize::from(script.byte().unwrap_or(0));
        let received = match happens % 8 {
            0 | 1 => Some(leg.receive_report(now, beside, script.bytes(length))),
            2 => Some(leg.receive(now, peer, script.bytes(length))),
            3 => {
                let received = leg.receive_report(now, stranger, script.bytes(length));
                assert!(matches!(received, Received::Dropped(_)), "a stranger is believed");
                None
            }
            4 => {
                let _ = leg.receive(now, peer, &script.rtp(8));
                None
            }
            5 | 6 => {
                for _ in 0..length {
                    now += FRAME;
                    leg.tick(now, &mut packet);
                    if let Some(report) = leg.poll_report(now, &mut packet) {
                        assert!(report.to == beside && report.from == Port::Rtcp, "{report:?}");
                        let compound = Compound::parse(&packet[..report.length]).expect("what leaves is a compound");
                        assert_eq!(compound.packets().count(), 2);
                    }
                }
                None
            }
            _ => {
                let _ = leg.goodbye(now, &mut packet);
                None
            }
        };
        let stats = leg.stats();
        if received == Some(Received::Rtcp) {
            assert!(stats.rtcp > 0);
        }
        if let Some(round_trip) = stats.round_trip {
            assert!(round_trip.least <= round_trip.mean && round_trip.mean <= round_trip.most, "{round_trip:?}");
            assert!(round_trip.most <= Duration::from_secs(10), "{round_trip:?}");
        }
        assert!(stats.far.is_none_or(|far| far.lost < 1 << 23 && far.jitter <= far.jitter_peak), "{stats:?}");
        while leg.poll_event().is_some() {}
    }
    if let Ok(compound) = Compound::parse(data) {
        for packet in compound.packets() {
            match packet {
                Packet::Sender { blocks, .. } | Packet::Receiver { blocks, .. } => assert!(blocks.count() <= 31),
                Packet::Goodbye(sources) => assert!(sources.count() <= 31),
                Packet::Other => {}
            }
        }
    }
}

fn config(peer: SocketAddr) -> SessionConfig {
    SessionConfig {
        negotiated: Negotiated {
            codec: Codec::Pcmu,
            payload_type: 0,
            dtmf: Some(101),
            remote: Some(peer),
            rtcp: RtcpPath::default(),
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp: None,
        },
        ssrc: 0x1234_5678,
        sequence: 65_530,
        timestamp: u32::MAX - 1_000,
        vad: Some(SegmenterConfig::default()),
        uplink: true,
    }
}

#[allow(clippy::disallowed_methods, reason = "an Instant can only be had from the clock; which one does not matter")]
fn some_instant() -> Instant {
    Instant::now()
}

/// The rest of a script.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// A packet that is RTP, of a stream that mostly goes on: sequence number (one byte), kind, and a fill.
    fn rtp(&mut self, audio: u8) -> Vec<u8> {
        let sequence = self.byte().unwrap_or(0);
        let kind = self.byte().unwrap_or(0);
        let fill = self.byte().unwrap_or(0);
        let payload_type = if kind & 1 == 0 { audio } else { 101 };
        let mut packet = vec![0x80, payload_type | (kind & 0x80), 0, sequence];
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7 + (kind >> 1 & 1)]);
        match kind & 1 {
            0 => packet.extend(vec![fill; if kind & 4 == 0 { 160 } else { usize::from(fill) }]),
            _ => packet.extend([fill & 15, kind & 0xc0, 0, sequence]),
        }
        packet
    }
}
