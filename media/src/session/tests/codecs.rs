//! Legs in other codecs than G.711, and changes in the middle of a call.

use std::time::Duration;

use super::world::{DTMF, Network, World, config, ms, negotiated, rtp, vowel};
use crate::codec::{Codec, Encoder, OpusTerms};
use crate::digit::Digit;
use crate::frame::Rate;
use crate::level::rms_dbfs;
use crate::negotiated::Negotiated;
use crate::rtp::RtpPacket;
use crate::session::{ClipId, DropReason, MediaEvent, Received, SessionConfig};

const OPUS: Codec = Codec::Opus(OpusTerms::OURS);

const ALL: [Codec; 6] =
    [Codec::Pcmu, Codec::Pcma, Codec::G722, OPUS, Codec::L16(Rate::Hz8000), Codec::L16(Rate::Hz16000)];

fn world(codec: Codec, ptime_ms: u8, network: Network) -> World {
    let negotiated = Negotiated { ptime_ms, ..negotiated(codec) };
    let mut world = World::new(3, network, SessionConfig { negotiated, ..config() });
    world.peer.signal = vowel;
    world.peer.ptime = usize::from(codec.packet_ms(ptime_ms)) * 8;
    world
}

fn ours(samples: usize) -> std::sync::Arc<[i16]> {
    (0..samples as u64).map(vowel).collect()
}

/// The vowel is about -17 dBFS throughout, a little less after codecs that do not keep all of it.
fn is_heard(samples: &[i16], name: &str) {
    for (n, frame) in samples.chunks_exact(800).enumerate() {
        let level = rms_dbfs(frame);
        assert!((-22.0..-13.0).contains(&level), "{name}: 100 ms number {n} are {level} dBFS");
    }
}

#[test]
fn both_sides_are_heard_in_every_codec_and_every_length_of_packet() {
    for codec in ALL {
        for ptime_ms in [10, 20, 30, 40, 60] {
            let name = format!("{codec:?} of {ptime_ms} ms");
            let mut world = world(codec, ptime_ms, Network::CLEAN);
            world.session.play(ClipId(1), ours(24_000)).expect("room");
            world.run(ms(2_500));
            is_heard(&world.heard[4_000..16_000], &name);
            is_heard(&world.uplink[4_000..16_000], &name);
            is_heard(&world.sent_audio()[800..16_000], &name);
            let stats = world.session.stats();
            assert_eq!((stats.dropped.total(), stats.lost, stats.uplink_filled), (0, 0, Duration::ZERO), "{name}");
            let length = u64::from(codec.packet_ms(ptime_ms));
            assert!((2_440 / length..=2_520 / length).contains(&stats.sent), "{name}: {} packets", stats.sent);
            let step = u32::from(codec.packet_ms(ptime_ms)) * 8 * codec.units();
            for pair in world.sent.windows(2) {
                let header = |at: usize| RtpPacket::parse(&pair[at].2).expect("RTP").header;
                assert_eq!(header(1).sequence, header(0).sequence.wrapping_add(1), "{name}");
                assert_eq!(header(1).timestamp, header(0).timestamp.wrapping_add(step), "{name}");
            }
        }
    }
}

#[test]
fn losses_are_filled_in_every_codec() {
    for codec in ALL {
        let network = Network { loss: 0.05, jitter: ms(15), ..Network::CLEAN };
        let mut world = world(codec, 20, network);
        world.run(ms(6_000));
        assert!(world.lost > 5);
        let heard = &world.heard[8_000..];
        let weak = heard.chunks_exact(160).filter(|frame| rms_dbfs(frame) < -26.0).count();
        assert!(weak * 50 < heard.len() / 160, "{codec:?}: {weak} of {} frames are weak", heard.len() / 160);
        assert!(world.session.stats().concealed > ms(60), "{codec:?}");
    }
}

/// A re-INVITE changes the codec while both talk: nothing is lost on either way.
#[test]
fn a_change_of_the_codec_leaves_no_gap() {
    for from in ALL {
        for to in ALL.into_iter().filter(|to| *to != from) {
            let name = format!("{from:?} to {to:?}");
            let mut world = world(from, 20, Network::CLEAN);
            world.session.play(ClipId(1), ours(32_000)).expect("room");
            world.run(ms(1_500));
            let before = world.sent.len();
            world.session.renegotiate(world.now, negotiated(to));
            // The peer goes over a moment later.
            world.run(ms(130));
            let place = world.peer.timestamp.wrapping_add(world.peer.sent as u32 * from.units());
            (world.peer.codec, world.peer.payload_type) = (to, to.payload_type());
            world.peer.timestamp = place.wrapping_sub(world.peer.sent as u32 * to.units());
            world.run(ms(1_500));
            let heard = &world.heard[8_000..world.heard.len() - 800];
            let silent = heard.chunks_exact(80).filter(|piece| rms_dbfs(piece) < -30.0).count();
            assert!(silent <= 1, "{name}: {silent} pieces of 10 ms are silent");
            let stats = world.session.stats();
            assert_eq!((stats.dropped.total(), stats.lost, stats.restarts), (0, 0, 0), "{name}");
            assert!(stats.concealed <= ms(20), "{name}: {stats:?}");
            world.sent.drain(..before);
            is_heard(&world.sent_audio()[1_600..9_600], &name);
            let headers: Vec<_> =
                world.sent.iter().map(|(_, _, bytes)| RtpPacket::parse(bytes).expect("RTP")).collect();
            assert!(headers.iter().all(|packet| packet.header.payload_type == to.payload_type()));
            let same_source = headers[0].header.ssrc == config().ssrc;
            assert_eq!(same_source, from.units() == to.units(), "{name}: another clock is another source");
        }
    }
}

#[test]
fn packets_of_the_format_before_are_understood_for_a_while() {
    let mut world = world(Codec::Pcmu, 20, Network::CLEAN);
    world.run(ms(500));
    world.peer.talking = false;
    world.run(ms(100));
    let next = world.peer.timestamp.wrapping_add(world.peer.sent as u32);
    world.session.renegotiate(world.now, negotiated(Codec::Pcma));
    let from = world.peer.from;
    let packet =
        |number: u16, payload_type| rtp(payload_type, world.peer.sequence + number, next, 0x9ee2, &[0x55; 160]);
    let (old, late, dynamic) = (packet(0, 0), packet(1, 0), packet(2, 96));
    assert_eq!(world.deliver(from, &old), Received::Accepted);
    assert_eq!(world.deliver(from, &dynamic), Received::Dropped(DropReason::PayloadType));
    world.run(ms(2_000));
    assert_eq!(world.deliver(from, &late), Received::Dropped(DropReason::PayloadType));
}

/// An answer may have numbers of its own for what it wants to get, and be sent by ours.
#[test]
fn our_own_numbers_are_understood_beside_the_peers() {
    let negotiated = Negotiated { payload_type: 96, dtmf: Some(100), ..negotiated(OPUS) };
    let mut world = World::new(1, Network::CLEAN, SessionConfig { negotiated, ..config() });
    world.peer.signal = vowel;
    world.peer.payload_type = 111;
    world.run(ms(1_000));
    world.peer.payload_type = 96;
    world.run(ms(1_000));
    is_heard(&world.heard[4_000..], "both numbers");
    assert_eq!(world.session.stats().dropped.total(), 0);
    assert!(world.sent.iter().all(|(_, _, bytes)| bytes[1] & 0x7f == 96), "ours go by the peer's");
}

/// Events beside Opus go by its clock of 48 kHz (RFC 4733 section 2.1).
#[test]
fn keys_go_by_the_clock_of_the_codec_both_ways() {
    for codec in [Codec::Pcma, OPUS, Codec::L16(Rate::Hz16000)] {
        let units = codec.units();
        let mut world = world(codec, 20, Network::CLEAN);
        world.run(ms(200));
        world.session.send_dtmf(&[Digit::from_event(5).expect("a key")]).expect("room");
        let before = world.sent.len();
        world.run(ms(400));
        let keys: Vec<_> = world.sent[before..]
            .iter()
            .map(|(_, _, bytes)| RtpPacket::parse(bytes).expect("RTP"))
            .filter(|packet| packet.header.payload_type == DTMF)
            .map(|packet| (packet.header.timestamp, u16::from_be_bytes([packet.payload[2], packet.payload[3]])))
            .collect();
        assert_eq!(keys.len(), 7, "five reports of 20 ms, the last three times");
        assert!(keys.iter().all(|(timestamp, _)| *timestamp == keys[0].0));
        assert_eq!(u32::from(keys[6].1), 800 * units, "100 ms");
        // Back again: the same packets are one key.
        world.peer.talking = false;
        for (_, duration) in &keys {
            let at = world.peer.timestamp.wrapping_add(world.peer.sent as u32 * units);
            let [high, low] = duration.to_be_bytes();
            world.post(DTMF, at, &[5, 10, high, low]);
        }
        world.run(ms(200));
        let pressed = world.events.iter().filter(|event| matches!(event, MediaEvent::DtmfReceived { .. })).count();
        assert_eq!(pressed, 1, "{codec:?}");
    }
}

#[test]
fn keys_wait_for_the_end_of_a_long_packet_and_no_sample_is_lost() {
    let mut world = world(Codec::L16(Rate::Hz8000), 60, Network::CLEAN);
    world.peer.talking = false;
    let clip: std::sync::Arc<[i16]> = (1..=4_000).collect();
    world.session.play(ClipId(1), std::sync::Arc::clone(&clip)).expect("room");
    world.run(ms(90));
    world.session.send_dtmf(&[Digit::from_event(1).expect("a key")]).expect("room");
    world.run(ms(1_000));
    world.sent.retain(|(_, _, bytes)| bytes[1] & 0x7f != DTMF);
    let mut wanted = clip.to_vec();
    // What was in the packet with the key's wish: silence, while the clip stands still.
    let sent = world.sent_audio();
    let held = sent.iter().position(|sample| *sample == 0).expect("a pause");
    let pause = sent[held..].iter().take_while(|sample| **sample == 0).count();
    wanted.splice(held..held, std::iter::repeat_n(0, pause));
    assert_eq!(sent[..wanted.len()], wanted);
    assert!(world.events.iter().any(|event| matches!(event, MediaEvent::DtmfSent { .. })));
}

#[test]
fn comfort_noise_is_heard_at_its_level_until_the_peer_speaks() {
    let mut world = world(Codec::Pcma, 20, Network::CLEAN);
    world.run(ms(500));
    world.peer.talking = false;
    let at = world.peer.timestamp.wrapping_add(world.peer.sent as u32);
    world.post(13, at, &[50]);
    world.run(ms(1_000));
    let noise = rms_dbfs(&world.heard[world.heard.len() - 4_000..]);
    assert!((noise + 50.0).abs() < 1.5, "{noise} dBFS");
    assert!(world.uplink[world.uplink.len() - 1_600..].iter().all(|sample| *sample == 0), "a recogniser gets silence");
    world.peer.talking = true;
    world.run(ms(600));
    is_heard(&world.heard[world.heard.len() - 2_400..], "after the noise");
    assert_eq!(world.session.stats().dropped.total(), 0);
}

/// An Opus peer that leaves packets out in silence is a line that goes on, not one that is lost.
#[test]
fn pauses_of_opus_are_silence_and_no_loss() {
    let mut world = world(OPUS, 20, Network::CLEAN);
    world.run(ms(1_000));
    world.peer.talking = false;
    let concealed = world.session.stats().concealed;
    // The end of speech, and what libopus sends when it stops: a frame of one byte.
    let mut encoder = Encoder::new(OPUS, Rate::Hz8000);
    let mut payload = [0; 400];
    let length = encoder.encode(&[3; 160], &mut payload);
    let at = |world: &World| world.peer.timestamp.wrapping_add(world.peer.sent as u32 * 6);
    let now = at(&world);
    world.post(111, now, &payload[..length]);
    world.post(111, now.wrapping_add(960), &payload[..1]);
    world.run(ms(1_000));
    assert!(rms_dbfs(&world.heard[world.heard.len() - 4_000..]) < -40.0);
    world.peer.talking = true;
    world.run(ms(500));
    is_heard(&world.heard[world.heard.len() - 2_400..], "after the pause");
    let stats = world.session.stats();
    assert!(stats.concealed <= concealed + ms(20), "{stats:?}");
    assert_eq!((stats.lost, stats.dropped.total()), (0, 0));
}
