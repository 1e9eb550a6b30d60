//! What the jitter buffer does to speech: when it waits, what it leaves out, and where it begins anew.

use super::world::{Network, World, config, ms, speech, vowel};
use crate::level::rms_dbfs;

#[test]
fn spikes_that_come_back_are_waited_for_and_those_that_do_not_are_forgotten() {
    for seed in 0..6 {
        let mut world = World::new(seed, Network { queue: true, ..Network::CLEAN }, config());
        // One packet in 75: more often than the one in a hundred that may come too late.
        let spike = |world: &mut World| {
            world.network.delay = ms(90);
            world.run(ms(20));
            world.network.delay = ms(30);
            world.run(ms(1_480));
        };
        (0..5).for_each(|_| spike(&mut world));
        let before = world.session.stats();
        (0..20).for_each(|_| spike(&mut world));
        let after = world.session.stats();
        let case = format!("seed {seed}: {before:?}, {after:?}");
        assert!(after.concealed - before.concealed <= ms(20), "nothing has to be made up any more, {case}");
        assert!(after.delay >= ms(50) && world.deepest <= ms(110), "deepest {:?}, {case}", world.deepest);
        assert_eq!((after.lost, after.late), (0, 0), "{case}");
        world.run(ms(14_000));
        let rested = world.session.stats();
        assert!(rested.delay <= ms(30), "seed {seed}: {rested:?}");
    }
}

#[test]
fn whoever_speaks_without_a_pause_is_heard_sooner_by_whole_periods() {
    for seed in 0..6 {
        let mut world = World::new(seed, Network { queue: true, ..Network::CLEAN }, config());
        world.peer.signal = vowel;
        world.run(ms(2_000));
        world.network.delay = ms(180);
        world.run(ms(100));
        world.network.delay = ms(30);
        world.run(ms(1_000));
        let deep = world.session.stats();
        assert!(deep.delay > ms(100), "seed {seed}: {deep:?}");
        // The spike is remembered for ten seconds.
        world.run(ms(13_000));
        let after = world.session.stats();
        assert!(after.delay <= ms(55), "seed {seed}: {after:?}");
        assert!(after.shortened - deep.shortened >= ms(50), "seed {seed}: {after:?}");
        assert_eq!((after.late, after.lost), (0, 0), "seed {seed}: {after:?}");
        // The vowel goes on as evenly as ever: nothing in it is steeper, and no frame is quieter.
        let heard = &world.heard[24_000..];
        let steepest = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
        let own: Vec<i16> = (0..8_000).map(vowel).collect();
        assert!(steepest(heard).expect("samples") < steepest(&own).expect("samples") * 5 / 4, "seed {seed}");
        let level = rms_dbfs(&own);
        for (n, frame) in heard.chunks_exact(320).enumerate() {
            assert!((rms_dbfs(frame) - level).abs() < 3.0, "seed {seed}: frame {n} has {} dB", rms_dbfs(frame));
        }
    }
}

#[test]
fn a_clock_that_drifts_is_followed_without_a_pause_in_it() {
    for ppm in [-200, 200] {
        let network = Network { jitter: ms(5), ..Network::CLEAN };
        let mut world = World::new(3, network, config());
        world.peer.ppm = ppm;
        world.peer.signal = vowel;
        world.run(ms(600_000));
        let stats = world.session.stats();
        let case = format!("{ppm} ppm, deepest {:?}: {stats:?}", world.deepest);
        assert!(world.deepest <= ms(75), "{case}");
        assert_eq!((stats.late, stats.lost), (0, 0), "{case}");
        // 120 ms, a little of it waited for.
        assert!(stats.concealed <= ms(160), "{case}");
        if ppm > 0 {
            assert!((60..=200).contains(&(stats.shortened.as_millis() as u64)), "{case}");
        }
    }
}

#[test]
fn a_sender_whose_timestamps_stand_still_while_it_is_silent_loses_no_word() {
    for (seed, pause) in (0..6).flat_map(|seed| [300, 1_000, 1_900, 4_000].map(|pause| (seed, pause))) {
        let mut world = World::new(seed, Network { jitter: ms(10), ..Network::CLEAN }, config());
        world.peer.signal = vowel;
        world.run(ms(2_000));
        world.peer.talking = false;
        let from = world.peer.sent;
        world.run(ms(pause));
        world.peer.talking = true;
        world.peer.marker = true;
        world.peer.timestamp = world.peer.timestamp.wrapping_sub((world.peer.sent - from) as u32);
        let before = world.heard.len();
        world.run(ms(2_000));
        let stats = world.session.stats();
        let case = format!("seed {seed}, {pause} ms: {stats:?}");
        assert_eq!((stats.restarts, stats.late), (1, 0), "{case}");
        assert!(stats.dropped.total() <= u64::from(pause > 1_900), "{case}");
        assert!(stats.delay <= ms(45), "{case}");
        let silent = world.heard[before..].chunks_exact(160).filter(|frame| rms_dbfs(frame) < -40.0).count();
        assert!(silent <= 6, "{silent} frames until the voice is back, {case}");
    }
}

#[test]
fn packets_of_any_usual_length_in_any_order_are_played_once() {
    for (n, ptime) in [80, 160, 240, 320, 400, 480].into_iter().enumerate() {
        for burst in [1, 4] {
            let network = Network { jitter: ms(60), loss: 0.05, burst, duplicates: 0.05, ..Network::CLEAN };
            let mut world = World::new(n as u64, network, config());
            world.peer.ptime = ptime;
            world.peer.signal = speech;
            world.run(ms(60_000));
            let stats = world.settle();
            let case = format!("{} ms packets, bursts of {burst}, {} lost: {stats:?}", ptime / 8, world.lost);
            assert!(stats.lost.abs_diff(world.lost) <= 3 + u64::from(burst), "{case}");
            assert!(stats.target_delay <= ms(60 + ptime as u64 / 8 + 25), "{case}");
            assert!(world.deepest <= ms(60 + 2 * ptime as u64 / 8 + 150), "deepest {:?}, {case}", world.deepest);
            assert!(stats.late <= stats.received / 50, "{case}");
            assert_eq!(stats.restarts, 0, "{case}");
            // What was lost was made up, and little else.
            let lost = world.lost * ptime as u64 / 8;
            assert!(stats.concealed <= ms(lost + lost / 4 + 1_600), "{case}");
            assert!(burst > 1 || stats.concealed >= ms(lost / 2), "{case}");
        }
    }
}
