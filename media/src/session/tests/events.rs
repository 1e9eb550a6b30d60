//! What a session tells, and what it refuses.

use std::sync::LazyLock;

use super::world::{DTMF, Network, World, address, config, ms, rtp};
use crate::detect::greeting::GreetingConfig;
use crate::detect::{Callee, Detection};
use crate::digit::Digit;
use crate::frame::FRAME_8K;
use crate::negotiated::Direction;
use crate::rtp::RtpPacket;
use crate::session::{ClipId, DropReason, MediaEvent, Received, SendDtmfError};
use crate::vad::SegmenterConfig;

#[test]
fn datagrams_are_refused_for_the_reason_that_is_theirs() {
    let mut world = World::new(1, Network::CLEAN, config());
    world.run(ms(500));
    let peer = world.peer.from;
    let (sequence, timestamp, ssrc) = (world.peer.sequence.wrapping_sub(2), world.peer.timestamp, world.peer.ssrc);
    let cases = [
        (vec![0x80; 5], Received::Dropped(DropReason::Malformed)),
        (rtp(96, sequence, timestamp, ssrc, &[0; 160]), Received::Dropped(DropReason::PayloadType)),
        (rtp(0, sequence, timestamp, ssrc, &[]), Received::Dropped(DropReason::Size)),
        (rtp(0, sequence, timestamp, ssrc, &[0; 961]), Received::Dropped(DropReason::Size)),
        (rtp(0, sequence.wrapping_sub(3), timestamp, ssrc, &[0; 160]), Received::Dropped(DropReason::Duplicate)),
        (vec![0x80, 200, 0, 6, 0, 0, 0, 0], Received::Rtcp),
    ];
    for (bytes, expected) in cases {
        assert_eq!(world.deliver(peer, &bytes), expected);
    }
    let stranger = address("203.0.113.9:9");
    let packet = rtp(0, sequence, timestamp, ssrc, &[0; 160]);
    assert_eq!(world.deliver(stranger, &packet), Received::Dropped(DropReason::Source));
    let stats = world.session.stats();
    assert_eq!((stats.dropped.total(), stats.rtcp, stats.dropped.size), (6, 1, 2), "{stats:?}");
}

#[test]
fn a_peer_on_hold_is_neither_heard_nor_missed() {
    let mut config = config();
    config.negotiated.direction = Direction::SendOnly;
    let mut world = World::new(1, Network::CLEAN, config);
    world.run(ms(5_000));
    assert_eq!(world.events, []);
    assert_eq!(world.session.stats().dropped.direction, world.session.stats().dropped.total());
    assert!(world.heard.iter().all(|&sample| sample == 0));
}

#[test]
fn silence_from_the_beginning_is_a_stall_since_the_beginning() {
    let mut world = World::new(1, Network::CLEAN, config());
    let since = world.now;
    world.peer.talking = false;
    world.run(ms(10_000));
    assert_eq!(world.events, [MediaEvent::Stalled { since }]);
}

#[test]
fn events_nobody_fetches_are_bounded_and_counted() {
    let mut world = World::new(1, Network::CLEAN, config());
    for n in 0..1_000u16 {
        let packet = rtp(0, n, u32::from(n) * 160, 1, &[0; 160]);
        world.session.receive(world.now + ms(20) * u32::from(n), address(super::world::PEER), &packet);
    }
    assert_eq!(world.session.stats().uplink_overflow, 1_000 - 128);
    let waiting = std::iter::from_fn(|| world.session.poll_event()).count();
    assert_eq!(waiting, 128 + 1, "the frames and the news of the first packet");
}

/// Presses a key for `packets` packets of 20 ms, the last sent three times.
fn press(world: &mut World, event: u8, packets: u16) {
    world.peer.talking = false;
    let start = world.peer.timestamp.wrapping_add(world.peer.sent as u32);
    for n in 1..=packets + 2 {
        let end = if n >= packets { 0x80 } else { 0 };
        let [high, low] = (160 * n.min(packets)).to_be_bytes();
        world.post(DTMF, start, &[event, end | 10, high, low]);
        world.run(ms(20));
    }
    world.peer.talking = true;
}

fn keys(world: &World) -> String {
    world
        .events
        .iter()
        .filter_map(
            |event| if let MediaEvent::DtmfReceived { digit, .. } = event { Some(digit.as_char()) } else { None },
        )
        .collect()
}

#[test]
fn each_key_is_told_once_over_a_bad_network() {
    let mut told = 0;
    for seed in 0..20 {
        let network = Network { jitter: ms(40), loss: 0.1, duplicates: 0.1, ..Network::CLEAN };
        let mut world = World::new(seed, network, config());
        world.run(ms(500));
        for event in [1, 1, 11, 0] {
            press(&mut world, event, 5);
            world.run(ms(200));
        }
        world.run(ms(500));
        assert_eq!(keys(&world), "11#0", "seed {seed}");
        told += world.session.stats().concealed.as_millis();
    }
    assert!(told < 20 * 600, "keys are no losses: {told} ms made up in twenty calls");
}

#[test]
fn keys_under_a_source_number_of_their_own_are_told_and_leave_the_audio_alone() {
    let mut world = World::new(1, Network::CLEAN, config());
    world.run(ms(1_000));
    for n in 0..7u16 {
        let end = if n >= 4 { 0x80 } else { 0 };
        let packet = rtp(DTMF, n, 5_000, 0xabcd, &[9, end, 0, 40 * n.min(5) as u8]);
        assert_eq!(world.deliver(address(super::world::PEER), &packet), Received::Accepted);
        world.run(ms(20));
    }
    world.run(ms(1_000));
    assert_eq!(keys(&world), "9");
    let stats = world.session.stats();
    assert_eq!((stats.restarts, stats.dropped.total(), stats.concealed), (0, 0, ms(0)), "{stats:?}");
}

#[test]
fn hook_flash_is_no_key() {
    let mut world = World::new(1, Network::CLEAN, config());
    world.run(ms(500));
    press(&mut world, 16, 3);
    world.run(ms(100));
    assert_eq!(keys(&world), "");
    assert_eq!(world.session.stats().strange_keys, 5);
}

#[test]
fn keys_take_the_place_of_audio_and_clips_wait_for_them() {
    let mut world = World::new(1, Network::CLEAN, config());
    world.session.play(ClipId(1), vec![8_000; 10 * FRAME_8K].into()).expect("room");
    world.run(ms(80));
    let digits: Vec<Digit> = "4#".chars().filter_map(Digit::from_char).collect();
    world.session.send_dtmf(&digits).expect("negotiated");
    world.run(ms(1_000));
    let headers: Vec<_> = world.sent.iter().map(|(_, _, bytes)| RtpPacket::parse(bytes).expect("RTP")).collect();
    let shape: String = headers
        .iter()
        .map(|packet| match (packet.header.payload_type, packet.payload[0]) {
            (DTMF, 4) => '4',
            (DTMF, 11) => '#',
            (0, 0xff) => '.',
            (0, _) => 'c',
            _ => '?',
        })
        .collect();
    assert_eq!(shape.trim_end_matches('.'), "cccc4444444...#######cccccc");
    let first = headers[4].header;
    assert!(first.marker && headers[4..11].iter().all(|packet| packet.header.timestamp == first.timestamp));
    assert!(headers[5..11].iter().all(|packet| !packet.header.marker));
    let after = headers[11].header;
    assert_eq!(after.timestamp, first.timestamp.wrapping_add(7 * 160), "audio goes on where its clock is");
    for (n, packet) in headers.iter().enumerate() {
        assert_eq!(packet.header.sequence, headers[0].header.sequence.wrapping_add(n as u16));
    }
}

#[test]
fn keys_that_were_not_negotiated_are_refused() {
    let mut config = config();
    config.negotiated.dtmf = None;
    let mut world = World::new(1, Network::CLEAN, config);
    assert_eq!(world.session.send_dtmf(&[Digit::from_event(1).expect("a key")]), Err(SendDtmfError::NotNegotiated));
    world.run(ms(500));
    press(&mut world, 5, 3);
    assert_eq!(keys(&world), "");
    assert!(world.session.stats().dropped.payload_type > 0);
}

/// Two seconds of silence, "yes", silence.
fn word(n: u64) -> i16 {
    static WORD: LazyLock<Vec<i16>> = LazyLock::new(crate::sounds::yes);
    n.checked_sub(16_000).and_then(|n| WORD.get(n as usize).copied()).unwrap_or(0)
}

#[test]
fn a_person_who_answers_is_told_from_the_answer_on() {
    let mut config = config();
    config.uplink = false;
    let mut world = World::new(1, Network::CLEAN, config);
    world.peer.signal = word;
    world.run(ms(1_900));
    let answered = world.now;
    world.session.detect_callee(answered, GreetingConfig::default());
    world.run(ms(30_000));
    let events = &world.events[1..];
    let [MediaEvent::Detected(Detection { callee: Callee::Human, at, .. })] = events else { panic!("{events:?}") };
    let taken = *at - answered;
    assert!(taken > ms(800) && taken < ms(2_200), "a word and the pause after it: {taken:?}");
}

#[test]
fn speech_starts_and_stops_with_the_arrival_of_its_last_packet() {
    for network in [Network::CLEAN, Network { jitter: ms(60), loss: 0.03, ..Network::CLEAN }] {
        for seed in 0..5 {
            let mut config = config();
            config.vad = Some(SegmenterConfig::default());
            config.uplink = false;
            let mut world = World::new(seed, network, config);
            world.peer.signal = word;
            let start = world.now + network.delay;
            world.run(ms(5_000));
            let voice: Vec<&MediaEvent> = world
                .events
                .iter()
                .filter(|event| matches!(event, MediaEvent::VoiceStarted { .. } | MediaEvent::VoiceStopped { .. }))
                .collect();
            let [MediaEvent::VoiceStarted { at: started, since }, MediaEvent::VoiceStopped { at: stopped, last_voice }] =
                voice[..]
            else {
                panic!("seed {seed}, {network:?}: {voice:?}");
            };
            let case = format!("seed {seed}, {network:?}");
            assert!(*started > start + ms(2_000) && *started < start + ms(2_600), "{case}");
            assert!(*since >= start + ms(1_900) && *started >= *since + ms(200), "{case}");
            assert!(*last_voice > *started && *last_voice < start + ms(2_900), "{case}");
            let decided = *stopped - *last_voice;
            assert!(decided >= ms(200 - 80) && decided <= ms(280 + 60), "{decided:?}, {case}");
            assert!(world.uplink.is_empty(), "nobody asked for it: {case}");
        }
    }
}

/// "1" and "5" as sound, 100 ms each with 100 ms between them, after a second of silence.
fn keys_as_sound(n: u64) -> i16 {
    static KEYS: LazyLock<Vec<i16>> = LazyLock::new(|| {
        let digits: Vec<Digit> = "15".chars().filter_map(Digit::from_char).collect();
        crate::dtmf::in_band(&digits)
    });
    let place = usize::try_from(n).ok().and_then(|n| n.checked_sub(8_000));
    place.and_then(|place| KEYS.get(place)).copied().unwrap_or(0)
}

#[test]
fn keys_are_heard_in_the_audio_where_that_is_asked_for_and_there_are_no_events() {
    let pressed = |listens: bool, dtmf: Option<u8>| {
        let mut config = config();
        config.negotiated.dtmf = dtmf;
        config.uplink = false;
        let mut world = World::new(1, Network::CLEAN, config);
        world.peer.signal = keys_as_sound;
        if listens {
            world.session.listen_for_keys();
        }
        world.run(ms(2_000));
        let mut keys = String::new();
        for event in &world.events {
            if let MediaEvent::DtmfReceived { digit, .. } = event {
                keys.push(digit.as_char());
            }
        }
        keys
    };
    assert_eq!(pressed(true, None), "15");
    assert_eq!(pressed(true, Some(DTMF)), "", "they would come as events");
    assert_eq!(pressed(false, None), "");
}
