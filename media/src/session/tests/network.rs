//! What is heard and recognised over good and bad networks.

use super::world::{Network, World, address, config, ms, speech, vowel};
use crate::codec::Codec;
use crate::level::rms_dbfs;
use crate::session::{MediaEvent, Stats};

/// Calls of each kind, each with its own seed.
const SEEDS: std::ops::Range<u64> = 0..12;

fn run(seed: u64, network: Network, seconds: u64, prepare: impl FnOnce(&mut World)) -> (World, Stats) {
    let mut world = World::new(seed, network, config());
    prepare(&mut world);
    world.run(ms(seconds * 1_000));
    let stats = world.session.stats();
    (world, stats)
}

#[test]
fn a_clean_network_adds_at_most_forty_milliseconds_and_loses_nothing() {
    for ptime in [80, 160, 240, 320, 480] {
        for seed in SEEDS {
            let (world, stats) = run(seed, Network::CLEAN, 20, |world| world.peer.ptime = ptime);
            let case = format!("seed {seed}, {} ms packets: {stats:?}", ptime / 8);
            assert!(world.deepest <= ms(40), "{case}");
            assert!(stats.delay <= ms(if ptime % 160 == 0 { 26 } else { 36 }), "{case}");
            assert_eq!((stats.lost, stats.late, stats.dropped.total()), (0, 0, 0), "{case}");
            assert_eq!(stats.shortened, ms(0), "{case}");
            // Packets that begin inside a frame make it complete later, which is found out once.
            let once = if ptime % 160 == 0 { ms(0) } else { ms(20) };
            assert!(stats.lengthened + stats.concealed <= once, "{case}");
            assert_contains(&world.heard, speech, 16_000, &case);
        }
    }
}

#[test]
fn every_jitter_up_to_a_hundred_milliseconds_is_absorbed() {
    for jitter in [10, 30, 60, 100] {
        for seed in SEEDS {
            let network = Network { jitter: ms(jitter), ..Network::CLEAN };
            let (world, stats) = run(seed, network, 60, |_| ());
            let case = format!("seed {seed}, jitter {jitter} ms: {stats:?}");
            assert!(stats.target_delay <= ms(jitter + 15), "{case}");
            assert!(world.deepest <= ms(jitter + 75), "deepest {:?}, {case}", world.deepest);
            // One packet in fifty may miss its time, each costs a frame; the beginning costs some more.
            assert!(stats.concealed <= ms(60_000 / 50 + 300), "{case}");
            assert!(stats.late <= 3_000 / 50, "{case}");
            assert!(stats.lost <= 5, "overtaken ones at the end: {case}");
        }
    }
}

#[test]
fn losses_are_concealed_one_for_one() {
    for (loss, burst) in [(0.01, 1), (0.05, 1), (0.2, 1), (0.05, 3), (0.05, 8)] {
        for seed in SEEDS {
            let network = Network { jitter: ms(10), loss, burst, ..Network::CLEAN };
            let (mut world, _) = run(seed, network, 30, |_| ());
            let stats = world.settle();
            let case = format!("seed {seed}, loss {loss} in bursts of {burst}, {} lost: {stats:?}", world.lost);
            assert!(stats.lost.abs_diff(world.lost) <= 3 + u64::from(burst), "{case}");
            assert!(stats.concealed <= ms(20 * world.lost + 400), "{case}");
            assert!(world.deepest <= ms(100), "{case}");
            let filled = stats.uplink_filled.as_millis() as u64 / 20;
            assert!(filled.abs_diff(world.lost) <= 8, "{case}");
        }
    }
}

#[test]
fn a_drifting_clock_is_followed_for_ten_minutes() {
    for ppm in [-200, 200] {
        for seed in 0..3 {
            let network = Network { jitter: ms(5), ..Network::CLEAN };
            let (world, stats) = run(seed, network, 600, |world| world.peer.ppm = ppm);
            let case = format!("seed {seed}, {ppm} ppm: {stats:?}");
            // 120 ms of drift: six frames are left out or put in, in the pauses between words.
            assert!(world.deepest <= ms(55), "deepest {:?}, {case}", world.deepest);
            assert!(stats.shortened + stats.lengthened <= ms(200) && stats.concealed <= ms(60), "{case}");
            assert_eq!((stats.late, stats.lost), (0, 0), "{case}");
            let drift = world.uplink.len() as i64 - 600 * 8_000;
            let expected = 600 * 8_000 * ppm / 1_000_000;
            assert!((drift - expected).abs() < 1_600, "the uplink counts the peer's time: {drift}, {case}");
        }
    }
}

#[test]
fn duplicates_are_told_and_dropped() {
    for seed in SEEDS {
        let network = Network { jitter: ms(30), duplicates: 0.1, ..Network::CLEAN };
        let (_, stats) = run(seed, network, 30, |_| ());
        assert!((90..=220).contains(&stats.dropped.duplicate), "seed {seed}: {stats:?}");
        assert!(stats.reordered > 50, "seed {seed}: {stats:?}");
        assert!(stats.lost <= 3, "seed {seed}: {stats:?}");
    }
}

#[test]
fn after_a_spike_the_delay_comes_down_in_the_pauses() {
    for seed in SEEDS {
        let (mut world, before) = run(seed, Network::CLEAN, 5, |_| ());
        world.network = Network { delay: ms(150), queue: true, ..world.network };
        world.run(ms(100));
        world.network.delay = ms(30);
        world.run(ms(500));
        assert!(world.deepest > ms(80), "seed {seed}: the packets were waited for, {:?}", world.deepest);
        world.run(ms(12_000));
        let after = world.session.stats();
        assert!(after.delay <= before.delay + ms(20), "seed {seed}: {after:?}");
        assert!(after.shortened > ms(0), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_peer_that_sends_only_when_it_talks_is_heard_at_once_again() {
    for comfort_noise in [false, true] {
        for seed in SEEDS {
            let (mut world, _) = run(seed, Network::CLEAN, 2, |world| world.peer.signal = vowel);
            for _ in 0..5 {
                world.peer.talking = false;
                if comfort_noise {
                    let timestamp = world.peer.timestamp.wrapping_add(world.peer.sent as u32);
                    world.post(13, timestamp, &[60]);
                }
                world.run(ms(1_500));
                let quiet = world.heard.len() - 4_000;
                // Comfort noise is heard as loud as the peer says it is.
                let loudest = if comfort_noise { -58.0 } else { -90.0 };
                assert!(rms_dbfs(&world.heard[quiet..]) < loudest, "seed {seed}: silence while nothing is sent");
                world.peer.talking = true;
                world.run(ms(1_000));
            }
            let stats = world.session.stats();
            assert!(stats.delay <= ms(30), "seed {seed}: {stats:?}");
            assert_eq!((stats.lost, stats.late), (0, 0), "seed {seed}: {stats:?}");
            if comfort_noise {
                assert_eq!(stats.concealed, ms(0), "seed {seed}: {stats:?}");
            }
            let told = world.uplink.len() as u64;
            assert!(told.abs_diff(world.peer.sent) <= 640, "the uplink has the pauses in it: {told}");
        }
    }
}

#[test]
fn the_uplink_has_each_packet_the_moment_it_comes() {
    let (world, _) = run(7, Network { delay: ms(30), ..Network::CLEAN }, 10, |_| ());
    // Packet n leaves at 20 (n + 1) ms and takes 30 ms.
    let start = world.uplink_at[0];
    for (n, &at) in world.uplink_at.iter().enumerate() {
        assert_eq!(at, start + ms(20) * n as u32, "frame {n}");
    }
    assert_contains(&world.uplink, speech, 1_600, "uplink");
}

#[test]
fn a_gap_in_the_uplink_waits_sixty_milliseconds_and_no_longer() {
    let (mut world, _) = run(1, Network::CLEAN, 1, |world| world.peer.signal = vowel);
    let frames = world.uplink_at.len();
    world.network.loss = 1.0;
    world.run(ms(20));
    world.network.loss = 0.0;
    world.run(ms(400));
    assert_eq!(world.lost, 1);
    let waits: Vec<u128> =
        world.uplink_at[frames - 1..].windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    let longest = waits.iter().max().copied().expect("frames came");
    // The packet behind the gap came 40 ms after the last; 60 ms more, and up to a tick to notice.
    assert!((100..=120).contains(&longest), "{waits:?}");
    let stats = world.session.stats();
    assert_eq!(stats.uplink_filled, ms(20));
}

#[test]
fn another_source_number_or_clock_is_followed_from_its_second_packet() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 4] = [
        ("ssrc", |world| {
            world.peer.ssrc += 1;
            world.peer.sequence = 7;
            world.peer.timestamp = 99;
        }),
        ("sequence", |world| world.peer.sequence = world.peer.sequence.wrapping_add(20_000)),
        ("timestamp forward", |world| world.peer.timestamp = world.peer.timestamp.wrapping_add(1 << 30)),
        ("timestamp back", |world| world.peer.timestamp = world.peer.timestamp.wrapping_sub(1 << 30)),
    ];
    for (what, change) in changes {
        let (mut world, before) = run(3, Network::CLEAN, 3, |world| world.peer.signal = vowel);
        change(&mut world);
        world.run(ms(3_000));
        let after = world.session.stats();
        assert_eq!(after.restarts, 1, "{what}: {after:?}");
        assert_eq!(after.dropped.discontinuity, 1, "{what}: {after:?}");
        assert_eq!(after.received - before.received, 149, "{what}: {after:?}");
        assert!(after.delay <= ms(30), "{what}: {after:?}");
        let end = world.heard.len();
        assert!(rms_dbfs(&world.heard[end - 8_000..]) > -20.0, "{what}: the new stream is heard");
        assert!(world.uplink.len().abs_diff(6 * 8_000) < 800, "{what}: {}", world.uplink.len());
    }
}

#[test]
fn a_clock_set_back_a_little_is_believed_after_two_hundred_milliseconds() {
    let (mut world, _) = run(3, Network::CLEAN, 3, |world| world.peer.signal = vowel);
    world.peer.timestamp = world.peer.timestamp.wrapping_sub(4_000);
    world.run(ms(2_000));
    let stats = world.session.stats();
    assert_eq!(stats.restarts, 1, "{stats:?}");
    assert!(stats.dropped.late < 15, "{stats:?}");
    assert!(rms_dbfs(&world.heard[world.heard.len() - 8_000..]) > -20.0);
}

#[test]
fn a_single_wild_packet_changes_nothing() {
    let (mut world, _) = run(4, Network::CLEAN, 2, |_| ());
    let (peer, sequence, timestamp) = (world.peer.from, world.peer.sequence, world.peer.timestamp);
    for (ssrc, sequence, timestamp) in
        [(1, sequence, timestamp), (world.peer.ssrc, sequence.wrapping_add(9_000), timestamp)]
    {
        world.deliver(peer, &super::world::rtp(0, sequence, timestamp, ssrc, &[0xff; 160]));
    }
    world.run(ms(2_000));
    let stats = world.session.stats();
    assert_eq!((stats.restarts, stats.dropped.discontinuity), (0, 2), "{stats:?}");
    assert_eq!((stats.lost, stats.concealed), (0, ms(0)), "{stats:?}");
}

#[test]
fn a_stall_and_its_end_are_told_once() {
    let (mut world, _) = run(5, Network::CLEAN, 1, |_| ());
    world.peer.talking = false;
    world.run(ms(5_000));
    world.peer.talking = true;
    world.run(ms(1_000));
    let kinds: Vec<&MediaEvent> = world.events.iter().collect();
    assert!(
        matches!(kinds[..], [MediaEvent::FirstPacket { .. }, MediaEvent::Stalled { .. }, MediaEvent::Resumed { .. }]),
        "{kinds:?}"
    );
}

#[test]
fn a_stranger_is_neither_heard_nor_answered() {
    let (mut world, before) = run(6, Network::CLEAN, 1, |_| ());
    for n in 0..500 {
        world.deliver(address("203.0.113.9:9"), &super::world::rtp(0, n, u32::from(n) * 160, 77, &[0x10; 160]));
        world.run(ms(2));
    }
    let after = world.session.stats();
    assert_eq!(after.dropped.source - before.dropped.source, 500);
    assert_eq!(after.concealed, ms(0));
    assert!(world.sent.iter().all(|(_, to, _)| *to == world.peer.from));
}

#[test]
fn both_laws_are_heard() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut config = config();
        config.negotiated = super::world::negotiated(codec);
        let mut world = World::new(1, Network::CLEAN, config);
        world.run(ms(3_000));
        assert_contains(&world.heard, speech, 8_000, &format!("{codec:?}"));
    }
}

/// Asserts that a stretch of `heard` from `from` on is the signal at some delay, up to the codec's rounding.
fn assert_contains(heard: &[i16], signal: fn(u64) -> i16, from: usize, case: &str) {
    let stretch = &heard[from..from + 8_000];
    let matches = |start: u64| {
        stretch.iter().enumerate().all(|(n, &sample)| {
            let truth = i32::from(signal(start + n as u64));
            (i32::from(sample) - truth).abs() <= 16 + truth.abs() / 16
        })
    };
    let found = (0..from as u64 + 8_000).any(matches);
    assert!(found, "the signal is not there undisturbed: {case}");
}
