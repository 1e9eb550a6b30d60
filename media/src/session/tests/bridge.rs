//! Two legs joined, each with its own peer, network and worker, on one virtual clock.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{Network, World, config, ms, vowel};
use crate::bridge::bridge;
use crate::digit::Digit;
use crate::frame::{FRAME_8K, PcmFrame, Rate};
use crate::hold::music;
use crate::level::rms_dbfs;
use crate::session::{ClipId, MediaEvent};

const STILL: f32 = -80.0;

/// Two legs; the caller's is the first.
struct Legs {
    caller: World,
    target: World,
}

impl Legs {
    fn new(seed: u64) -> Self {
        let mut caller = World::new(seed, Network::CLEAN, config());
        let mut target = World::new(seed + 1_000, Network::CLEAN, config());
        caller.peer.signal = low;
        target.peer.signal = high;
        Self { caller, target }
    }

    fn join(&mut self, agent_along: bool) {
        let (caller, target) = bridge(agent_along);
        self.caller.session.join(caller);
        self.target.session.join(target);
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.caller.run(ms(1));
            self.target.run(ms(1));
        }
    }

    /// The last second of what left at each leg, as it was encoded.
    fn last_second(&self) -> (Vec<i16>, Vec<i16>) {
        let tail = |world: &World| {
            let audio = world.sent_audio();
            audio[audio.len() - 8_000..].to_vec()
        };
        (tail(&self.caller), tail(&self.target))
    }
}

fn tone(n: u64, hertz: f64) -> i16 {
    (6_000.0 * (std::f64::consts::TAU * hertz * n as f64 / 8_000.0).sin()) as i16
}

fn low(n: u64) -> i16 {
    tone(n, 410.0)
}

fn high(n: u64) -> i16 {
    tone(n, 1_310.0)
}

/// Nothing, then a knock, each second.
fn knock(n: u64) -> i16 {
    if n % 8_000 < 160 { 12_000 } else { 0 }
}

fn quiet(_: u64) -> i16 {
    0
}

/// How strong a pure tone is in a sound, in dB relative to the tones these peers send.
fn share(sound: &[i16], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / 8_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        real += f64::from(*sample) * (step * n as f64).cos();
        imaginary += f64::from(*sample) * (step * n as f64).sin();
    }
    let amplitude = 2.0 * (real * real + imaginary * imaginary).sqrt() / sound.len() as f64;
    20.0 * (amplitude.max(0.001) / 6_000.0).log10()
}

fn hears(sound: &[i16], hertz: f64) -> bool {
    let db = share(sound, hertz);
    assert!(!(-40.0..-3.0).contains(&db), "neither there nor away: {db} dB of {hertz} Hz");
    db > -3.0
}

#[test]
fn both_parties_hear_each_other_and_not_themselves() {
    for seed in 0..10 {
        let mut legs = Legs::new(seed);
        legs.run(ms(500));
        legs.join(false);
        legs.run(Duration::from_secs(2));
        let (caller, target) = legs.last_second();
        assert_eq!((hears(&caller, 410.0), hears(&caller, 1_310.0)), (false, true), "seed {seed}");
        assert_eq!((hears(&target, 410.0), hears(&target, 1_310.0)), (true, false), "seed {seed}");
        for leg in [&legs.caller, &legs.target] {
            let stats = leg.session.stats();
            assert_eq!((stats.bridge_dropped, stats.bridge_missing), (0, 0), "seed {seed}: one clock, no drift");
        }
    }
}

#[test]
fn a_bridge_adds_at_most_two_frames_to_what_a_listener_hears() {
    for seed in 0..40 {
        let mut legs = Legs::new(seed);
        (legs.caller.peer.signal, legs.target.peer.signal) = (knock, quiet);
        legs.run(ms(300));
        legs.join(false);
        legs.run(Duration::from_secs(4));
        let onset = |sound: &[i16], from: usize| sound[from..].iter().position(|s| s.abs() > 6_000).map(|at| from + at);
        // Both are written at 20 ms a tick from about the same start.
        let heard = onset(&legs.caller.heard, 20_000).expect("the knock is heard");
        let left = onset(&legs.target.said, 20_000).expect("the knock is passed on");
        let delay = left as i64 - heard as i64;
        assert!((-160..=320).contains(&delay), "seed {seed}: {delay} samples");
    }
}

/// Ticks of two workers, each late by its own draw, and one of them now and then stalled: the bridge takes what room it
/// needs and gives it back.
#[test]
fn late_workers_cost_a_pause_and_not_a_growing_delay() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (caller, target) = bridge(false);
        let (mut caller, mut target) = (caller, target);
        let mut due: Vec<(u64, bool, u64)> = Vec::new();
        let phase = rng.random_range(0..20_000);
        let mut stall = 0;
        for n in 0..3_000u64 {
            if n % 1_000 == 500 {
                stall = n * 20_000 + 200_000;
            }
            let mut at = |slot: u64, stalled: bool| {
                let at = slot + rng.random_range(0..4_000);
                if stalled { at.max(stall) } else { at }
            };
            due.push((at(n * 20_000, false), true, n));
            // A stalled worker ticks once and goes on, it does not catch up.
            let slot = n * 20_000 + phase;
            if slot >= stall || n % 1_000 == 500 {
                due.push((at(slot, true), false, n));
            }
        }
        due.sort_unstable();
        let mut deepest_late = 0;
        for (at, is_caller, n) in due {
            let mut said = PcmFrame::silence(Rate::Hz8000);
            if is_caller {
                let heard = PcmFrame::from_samples(Rate::Hz8000, &[(n % 30_000) as i16 + 1; FRAME_8K]);
                assert!(caller.exchange(&heard.expect("a frame"), &mut said));
            } else {
                assert!(target.exchange(&PcmFrame::silence(Rate::Hz8000), &mut said));
                let first = said.samples()[0];
                let behind = at / 20_000 + 1 - u64::try_from(first).expect("counts go up");
                if first != 0 && n > 2_900 {
                    deepest_late = deepest_late.max(behind);
                }
            }
        }
        assert!(deepest_late <= 2, "seed {seed}: {deepest_late} frames behind long after the last stall");
        assert!(target.counted().missing <= 6, "seed {seed}: {:?}", target.counted());
    }
}

#[test]
fn the_agent_is_heard_by_both_when_it_goes_along_and_only_here_when_not() {
    for along in [true, false] {
        let mut legs = Legs::new(3);
        legs.join(along);
        let clip: Vec<i16> = (0..24_000).map(|n| tone(n, 2_570.0)).collect();
        legs.caller.session.play(ClipId(1), clip.into()).expect("room");
        legs.run(Duration::from_secs(2));
        let (caller, target) = legs.last_second();
        assert!(hears(&caller, 2_570.0) && hears(&caller, 1_310.0));
        assert!(hears(&target, 410.0));
        assert_eq!(hears(&target, 2_570.0), along);
        // The recording has the agent and the target on one side and the caller alone on the other.
        let said = &legs.caller.said[legs.caller.said.len() - 8_000..];
        let heard = &legs.caller.heard[legs.caller.heard.len() - 8_000..];
        assert!(hears(said, 2_570.0) && hears(said, 1_310.0) && !hears(said, 410.0));
        assert!(hears(heard, 410.0) && !hears(heard, 1_310.0));
    }
}

#[test]
fn whoever_waits_hears_music_that_is_not_recorded_and_gives_way() {
    let mut legs = Legs::new(4);
    legs.caller.peer.signal = vowel;
    legs.caller.session.hold(Some(music()));
    assert!(legs.caller.session.is_held());
    legs.run(Duration::from_secs(2));
    let (caller, target) = legs.last_second();
    assert!(rms_dbfs(&caller) > -32.0, "{} dBFS", rms_dbfs(&caller));
    assert!(rms_dbfs(&target) < STILL, "the other leg is private");
    assert!(legs.caller.said.iter().all(|sample| *sample == 0), "music is no part of what we said");
    // The agent says something in between.
    legs.caller.session.play(ClipId(1), vec![0; 24_000].into()).expect("room");
    legs.run(Duration::from_secs(2));
    let (caller, _) = legs.last_second();
    assert!(rms_dbfs(&caller) < STILL, "{} dBFS", rms_dbfs(&caller));
    // It goes on until the two are joined, also when nobody took it away.
    legs.run(Duration::from_secs(3));
    assert!(rms_dbfs(&legs.last_second().0) > -32.0);
    legs.join(false);
    legs.run(Duration::from_secs(2));
    let (caller, _) = legs.last_second();
    assert!(hears(&caller, 1_310.0));
    assert!((rms_dbfs(&caller) + 17.8).abs() < 0.5, "the tone alone: {} dBFS", rms_dbfs(&caller));
    legs.caller.session.hold(None);
    assert!(!legs.caller.session.is_held());
}

#[test]
fn two_who_shout_are_bent_and_not_broken() {
    let mut legs = Legs::new(5);
    (legs.caller.peer.signal, legs.target.peer.signal) = (quiet, |n| (tone(n, 400.0)).saturating_mul(5));
    legs.join(false);
    let clip: Vec<i16> = (0..24_000).map(|n| tone(n, 400.0).saturating_mul(5)).collect();
    legs.caller.session.play(ClipId(1), clip.into()).expect("room");
    legs.run(Duration::from_secs(2));
    let loud = legs.caller.said.iter().map(|sample| i32::from(*sample).abs()).max().unwrap_or(0);
    assert!((24_576..32_767).contains(&loud), "{loud}");
}

#[test]
fn a_leg_that_goes_away_is_told_and_silent() {
    let mut legs = Legs::new(6);
    legs.join(false);
    legs.run(ms(300));
    let gone = std::mem::replace(&mut legs.target, World::new(9, Network::CLEAN, config()));
    drop(gone);
    legs.run(ms(100));
    assert!(!legs.caller.session.is_joined());
    let parted = legs.caller.events.iter().filter(|event| matches!(event, MediaEvent::Parted { .. })).count();
    assert_eq!(parted, 1);
    legs.run(Duration::from_secs(1));
    assert!(rms_dbfs(&legs.last_second().0) < STILL);
    // The same when it parts by itself; who asked for it is not told.
    let mut legs = Legs::new(7);
    legs.join(false);
    legs.run(ms(300));
    legs.target.session.part();
    legs.run(ms(100));
    let told = |world: &World| world.events.iter().any(|event| matches!(event, MediaEvent::Parted { .. }));
    assert_eq!((told(&legs.caller), told(&legs.target)), (true, false));
    assert!(!legs.caller.session.is_joined() && !legs.target.session.is_joined());
}

#[test]
fn keys_interrupt_a_bridge_and_leave_no_delay_behind() {
    let mut legs = Legs::new(8);
    legs.join(false);
    legs.run(Duration::from_secs(1));
    let keys = ['1', '2', '#'].map(|key| Digit::from_char(key).expect("keys of this test"));
    legs.target.session.send_dtmf(&keys).expect("negotiated");
    legs.run(Duration::from_secs(3));
    assert!(hears(&legs.last_second().1, 410.0));
    let stats = legs.target.session.stats();
    assert_eq!((stats.bridge_dropped, stats.bridge_missing), (0, 0));
}
