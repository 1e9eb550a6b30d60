//! Encrypted legs: two sessions that talk to each other, and a stranger in between.

use std::net::SocketAddr;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::world::{PEER, address, config, ms, negotiated, rtp, speech};
use crate::codec::{Codec, OpusTerms};
use crate::frame::{FRAME, Rate};
use crate::level::rms_dbfs;
use crate::negotiated::Negotiated;
use crate::rtp::{HEADER_LENGTH, RtpPacket};
use crate::session::{ClipId, DropReason, MAX_PACKET, MediaEvent, Received, Session, SessionConfig};
use crate::srtp::{MAX_OVERHEAD, MasterKey, RemoteKey, SrtpKeys, SrtpSender, Suite};

const OURS: &str = "192.0.2.2:5000";

fn key(suite: Suite, seed: u64) -> MasterKey {
    MasterKey::generate(suite, &mut StdRng::seed_from_u64(seed))
}

/// What the side with key `local` agreed on with the one that has key `remote`.
fn secure(at: &str, suite: Suite, local: u64, remote: u64) -> Negotiated {
    let keys = SrtpKeys { local: key(suite, local), remote: RemoteKey { key: key(suite, remote), mki: None } };
    Negotiated { remote: Some(address(at)), srtp: Some(Box::new(keys)), ..negotiated(Codec::Pcma) }
}

/// Two legs and the wire between them.
struct Pair {
    now: Instant,
    ours: Session,
    theirs: Session,
    heard: Vec<i16>,
    events: Vec<MediaEvent>,
    /// The packets we sent.
    wire: Vec<Vec<u8>>,
    /// Those that the other side sent.
    back: Vec<Vec<u8>>,
}

impl Pair {
    fn new(ours: Negotiated, theirs: Negotiated) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let session =
            |negotiated, ssrc| Session::new(now, SessionConfig { negotiated, ssrc, uplink: false, ..config() });
        let (mut ours, mut theirs) = (session(ours, 1), session(theirs, 2));
        let talk: Vec<i16> = (0..60 * 8_000).map(speech).collect();
        ours.play(ClipId(1), talk.clone().into()).expect("room");
        theirs.play(ClipId(1), talk.into()).expect("room");
        Self { now, ours, theirs, heard: Vec::new(), events: Vec::new(), wire: Vec::new(), back: Vec::new() }
    }

    fn run(&mut self, frames: usize) {
        for _ in 0..frames {
            let mut packet = [0; MAX_PACKET];
            let tick = self.ours.tick(self.now, &mut packet);
            self.heard.extend(tick.heard.samples());
            let (_, length) = tick.transmit.expect("an address is known");
            self.wire.push(packet[..length].to_vec());
            self.theirs.receive(self.now, address(OURS), &packet[..length]);
            let (_, length) = self.theirs.tick(self.now, &mut packet).transmit.expect("an address is known");
            self.back.push(packet[..length].to_vec());
            self.ours.receive(self.now, address(PEER), &packet[..length]);
            self.events.extend(std::iter::from_fn(|| self.ours.poll_event()));
            self.now += FRAME;
        }
    }

    /// Whether the last half second heard is somebody talking.
    fn hears(&self) -> bool {
        let last = &self.heard[self.heard.len() - 6_400..];
        rms_dbfs(last) > -40.0
    }
}

#[test]
fn encrypted_legs_hear_each_other_and_nobody_else_does() {
    for suite in Suite::ALL {
        let mut pair = Pair::new(secure(PEER, suite, 1, 2), secure(OURS, suite, 2, 1));
        let mut open =
            Pair::new(negotiated(Codec::Pcma), Negotiated { remote: Some(address(OURS)), ..negotiated(Codec::Pcma) });
        pair.run(200);
        open.run(200);
        assert!(pair.hears() && open.hears(), "{suite:?}");
        let stats = pair.ours.stats();
        assert_eq!((stats.dropped.total(), stats.sent), (0, 200), "{stats:?}");
        let overhead = if suite == Suite::AesCm128HmacSha1_32 {
            4
        } else if suite == Suite::AeadAes128Gcm {
            16
        } else {
            10
        };
        for (secret, plain) in pair.wire.iter().zip(&open.wire) {
            assert_eq!(secret.len(), plain.len() + overhead);
            assert_eq!(RtpPacket::parse(plain).expect("RTP").payload, &plain[HEADER_LENGTH..]);
            let same = secret[HEADER_LENGTH..].iter().zip(&plain[HEADER_LENGTH..]).filter(|(a, b)| a == b).count();
            assert!(same < 12, "{same} of 160 bytes are as if they were not encrypted");
        }
    }
}

#[test]
fn wrong_keys_are_silence_and_counted() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut pair = Pair::new(secure(PEER, suite, 1, 9), secure(OURS, suite, 2, 1));
    pair.run(200);
    assert!(!pair.hears());
    let stats = pair.ours.stats();
    assert_eq!((stats.received, stats.dropped.unauthentic, stats.dropped.total()), (0, 200, 200));
    assert!(pair.events.iter().any(|event| matches!(event, MediaEvent::Stalled { .. })), "{:?}", pair.events);
    let mut pair =
        Pair::new(secure(PEER, suite, 1, 2), Negotiated { remote: Some(address(OURS)), ..negotiated(Codec::Pcma) });
    pair.run(200);
    assert!(!pair.hears(), "what is not encrypted is not taken");
    assert_eq!(pair.ours.stats().dropped.unauthentic, 200);
}

#[test]
fn whoever_has_no_key_never_moves_the_source() {
    let stranger: SocketAddr = address("203.0.113.66:6000");
    let mut pair =
        Pair::new(secure(PEER, Suite::AesCm128HmacSha1_80, 1, 2), secure(OURS, Suite::AesCm128HmacSha1_80, 2, 1));
    pair.run(50);
    let recorded = pair.back.clone();
    // The peer falls silent, so that the question of its address is open again.
    for n in 0..300u16 {
        let mut packet = [0; MAX_PACKET];
        pair.ours.tick(pair.now, &mut packet);
        let plain = rtp(8, 9_000 + n, u32::from(n) * 160, 3, &[0x55; 160]);
        assert_eq!(pair.ours.receive(pair.now, stranger, &plain), Received::Dropped(DropReason::Unauthentic));
        let old = &recorded[usize::from(n) % recorded.len()];
        assert_eq!(pair.ours.receive(pair.now, stranger, old), Received::Dropped(DropReason::Replayed));
        let report = [&[0x80, 200, 0, 6][..], &[0; 60]].concat();
        assert_eq!(pair.ours.receive(pair.now, stranger, &report), Received::Dropped(DropReason::Unauthentic));
        pair.events.extend(std::iter::from_fn(|| pair.ours.poll_event()));
        pair.now += FRAME;
    }
    let stats = pair.ours.stats();
    assert_eq!((stats.dropped.unauthentic, stats.dropped.replayed, stats.rtcp), (600, 300, 0));
    assert!(!pair.events.iter().any(|event| matches!(event, MediaEvent::SourceChanged { .. })), "{:?}", pair.events);
    // The peer itself may move, as behind address translation.
    let moved = address("203.0.113.7:7000");
    for _ in 0..20 {
        let mut packet = [0; MAX_PACKET];
        let (_, length) = pair.theirs.tick(pair.now, &mut packet).transmit.expect("an address is known");
        pair.ours.receive(pair.now, moved, &packet[..length]);
        pair.now += FRAME;
    }
    pair.events.extend(std::iter::from_fn(|| pair.ours.poll_event()));
    assert!(pair.events.contains(&MediaEvent::SourceChanged { to: moved }), "{:?}", pair.events);
}

#[test]
fn a_new_description_brings_new_keys_without_a_gap() {
    let (first, second) = (Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm);
    let mut pair = Pair::new(secure(PEER, first, 1, 2), secure(OURS, first, 2, 1));
    pair.run(100);
    // The peer's key is another, ours stays.
    pair.ours.renegotiate(pair.now, secure(PEER, first, 1, 3));
    pair.theirs.renegotiate(pair.now, secure(OURS, first, 3, 1));
    pair.run(100);
    assert!(pair.hears());
    // Both are, with another suite; and back, with keys that were used before.
    pair.ours.renegotiate(pair.now, secure(PEER, second, 4, 5));
    pair.theirs.renegotiate(pair.now, secure(OURS, second, 5, 4));
    pair.run(100);
    pair.ours.renegotiate(pair.now, secure(PEER, first, 1, 3));
    pair.theirs.renegotiate(pair.now, secure(OURS, first, 3, 1));
    pair.run(100);
    assert!(pair.hears());
    assert_eq!((pair.ours.stats().dropped.total(), pair.theirs.stats().dropped.total()), (0, 0));
    // In the clear, as both agreed.
    pair.ours.renegotiate(pair.now, negotiated(Codec::Pcma));
    pair.theirs.renegotiate(pair.now, Negotiated { remote: Some(address(OURS)), ..negotiated(Codec::Pcma) });
    pair.run(100);
    assert!(pair.hears());
    assert_eq!(pair.wire.last().map(Vec::len), Some(172));
    let mut seen: Vec<&[u8]> = pair.wire.iter().map(|packet| &packet[..HEADER_LENGTH]).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 500, "no number was used twice");
}

#[test]
fn a_new_codec_goes_on_under_the_same_keys() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut pair = Pair::new(secure(PEER, suite, 1, 2), secure(OURS, suite, 2, 1));
    for codec in [Codec::Opus(OpusTerms::OURS), Codec::L16(Rate::Hz16000), Codec::G722, Codec::Pcma] {
        pair.run(200);
        assert!(pair.hears());
        let (ours, theirs) = (secure(PEER, suite, 1, 2), secure(OURS, suite, 2, 1));
        let payload_type = codec.payload_type();
        pair.ours.renegotiate(pair.now, Negotiated { codec, payload_type, ..ours });
        pair.theirs.renegotiate(pair.now, Negotiated { codec, payload_type, ..theirs });
    }
    pair.run(200);
    assert!(pair.hears());
    assert_eq!((pair.ours.stats().received, pair.theirs.stats().received), (1_000, 1_000));
    assert_eq!((pair.ours.stats().restarts, pair.theirs.stats().dropped.total()), (0, 0));
}

#[test]
fn a_long_call_passes_the_end_of_the_sequence_numbers() {
    let suite = Suite::AesCm128HmacSha1_32;
    let mut pair = Pair::new(secure(PEER, suite, 1, 2), secure(OURS, suite, 2, 1));
    for _ in 0..110 {
        pair.wire.clear();
        pair.back.clear();
        pair.heard.clear();
        pair.run(1_000);
    }
    let stats = pair.ours.stats();
    assert_eq!((stats.sent, stats.received, stats.dropped.total()), (110_000, 110_000, 0), "{stats:?}");
    assert_eq!(pair.theirs.stats().dropped.total(), 0);
}

#[test]
fn reports_of_the_peer_are_known_by_its_key() {
    let suite = Suite::AesCm128HmacSha1_80;
    let mut pair = Pair::new(secure(PEER, suite, 1, 2), secure(OURS, suite, 2, 1));
    let mut report = [0; 28 + MAX_OVERHEAD];
    report[..8].copy_from_slice(&[0x80, 200, 0, 6, 0, 0, 0, 2]);
    let length = SrtpSender::new(&key(suite, 2)).protect_rtcp(&mut report, 28).expect("the first report");
    assert_eq!(pair.ours.receive(pair.now, address(PEER), &report[..length]), Received::Rtcp);
    let again = pair.ours.receive(pair.now + ms(1), address(PEER), &report[..length]);
    assert_eq!(again, Received::Dropped(DropReason::Replayed));
    assert_eq!(pair.ours.stats().rtcp, 1);
}
