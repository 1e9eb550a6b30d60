//! Legs that work at 16 kHz.

use std::f64::consts::TAU;

use super::world::{Network, World, config, ms, negotiated, vowel};
use crate::bridge::bridge;
use crate::codec::{Codec, OpusTerms};
use crate::frame::Rate;
use crate::level::rms_dbfs;
use crate::session::{ClipId, MediaEvent, SessionConfig};
use crate::sounds::caller_man;
use crate::vad::SegmenterConfig;

const OPUS: Codec = Codec::Opus(OpusTerms::OURS);
const WIDE: [Codec; 3] = [Codec::G722, OPUS, Codec::L16(Rate::Hz16000)];

fn world(codec: Codec, network: Network, rate: Rate) -> World {
    World::at(3, network, SessionConfig { negotiated: negotiated(codec), ..config() }, rate)
}

fn tone(n: u64, hertz: f64, rate: f64) -> i16 {
    (8_000.0 * (TAU * hertz * n as f64 / rate).sin()) as i16
}

/// What a telephone line cuts off.
fn whistle(n: u64) -> i16 {
    tone(n, 6_000.0, 16_000.0)
}

/// The vowel of the other tests, which are at 8 kHz: it has nothing above 1.4 kHz.
fn wide_vowel(n: u64) -> i16 {
    i32::midpoint(i32::from(vowel(n / 2)), i32::from(vowel(n.div_ceil(2)))) as i16
}

fn wide_caller(n: u64) -> i16 {
    static SAID: std::sync::LazyLock<Vec<i16>> =
        std::sync::LazyLock::new(|| crate::resample::convert(&caller_man(), 8_000, 16_000).expect("both are known"));
    SAID.get(n as usize).copied().unwrap_or(0)
}

/// The level of a tone in samples at 16 kHz.
fn level_of(samples: &[i16], hertz: f64) -> f64 {
    let sum = |part: fn(f64) -> f64| -> f64 {
        let turn = TAU * hertz / 16_000.0;
        samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * part(turn * n as f64)).sum()
    };
    let amplitude = 2.0 * sum(f64::sin).hypot(sum(f64::cos)) / samples.len() as f64;
    20.0 * (amplitude.max(1.0) / 32_768.0).log10()
}

#[test]
fn what_lies_above_4_khz_goes_through_both_ways() {
    let said = level_of(&(0..16_000).map(whistle).collect::<Vec<_>>(), 6_000.0);
    for codec in WIDE {
        let mut world = world(codec, Network::CLEAN, Rate::Hz16000);
        world.peer.signal = whistle;
        let clip: Vec<i16> = (0..40_000).map(whistle).collect();
        world.session.play_at(ClipId(1), Rate::Hz16000, clip.into(), 0).expect("room");
        world.run(ms(2_500));
        for (what, samples) in
            [("heard", &world.heard), ("uplink", &world.uplink), ("said", &world.said), ("sent", &world.sent_audio())]
        {
            let level = level_of(&samples[16_000..32_000], 6_000.0);
            assert!((level - said).abs() < 3.0, "{codec:?}, {what}: {level} dB of {said}");
        }
        let stats = world.session.stats();
        assert_eq!((stats.dropped.total(), stats.lost, stats.concealed), (0, 0, ms(0)), "{codec:?}");
    }
}

#[test]
fn a_leg_at_8_khz_hears_nothing_of_it() {
    for codec in WIDE {
        let mut world = world(codec, Network::CLEAN, Rate::Hz16000);
        world.peer.signal = whistle;
        world.session =
            crate::session::Session::new(world.now, SessionConfig { negotiated: negotiated(codec), ..config() });
        world.run(ms(2_500));
        let level = rms_dbfs(&world.heard[8_000..16_000]);
        assert!(level < -40.0, "{codec:?}: {level}");
    }
}

#[test]
fn every_codec_is_heard_at_16_khz_and_losses_are_filled() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, OPUS, Codec::L16(Rate::Hz8000), Codec::L16(Rate::Hz16000)] {
        let network = Network { loss: 0.05, jitter: ms(15), ..Network::CLEAN };
        let mut world = world(codec, network, Rate::Hz16000);
        world.peer.signal = wide_vowel;
        world.run(ms(6_000));
        assert!(world.lost > 5);
        for (what, samples) in [("heard", &world.heard), ("uplink", &world.uplink)] {
            let samples = &samples[16_000..];
            let weak = samples.chunks_exact(320).filter(|frame| rms_dbfs(frame) < -26.0).count();
            assert!(weak * 50 < samples.len() / 320, "{codec:?}, {what}: {weak} frames are weak");
        }
        assert!(world.session.stats().concealed > ms(60), "{codec:?}");
        assert_eq!(world.heard.len(), world.said.len());
    }
}

#[test]
fn a_clock_that_drifts_is_followed_as_at_8_khz() {
    for codec in [Codec::Pcma, Codec::G722, OPUS] {
        for ppm in [-500, 500] {
            let network = Network { jitter: ms(5), ..Network::CLEAN };
            let mut world = world(codec, network, Rate::Hz16000);
            world.peer.ppm = ppm;
            world.peer.signal = wide_vowel;
            world.run(ms(120_000));
            let stats = world.session.stats();
            let case = format!("{codec:?}, {ppm} ppm, deepest {:?}: {stats:?}", world.deepest);
            assert!(world.deepest <= ms(75), "{case}");
            assert_eq!((stats.late, stats.lost), (0, 0), "{case}");
            assert!(stats.concealed <= ms(160), "{case}");
            let weak = world.heard[16_000..].chunks_exact(320).filter(|frame| rms_dbfs(frame) < -26.0).count();
            assert!(weak <= 6, "{weak} weak frames, {case}");
        }
    }
}

#[test]
fn places_are_counted_at_8_khz_whatever_the_rates_of_leg_and_clip() {
    for leg in [Rate::Hz8000, Rate::Hz16000] {
        let mut world = world(Codec::L16(leg), Network::CLEAN, leg);
        let clip = |rate: Rate| -> Vec<i16> {
            (0..u64::from(rate.hertz())).map(|n| tone(n, 1_000.0, f64::from(rate.hertz()))).collect()
        };
        for (n, rate) in [Rate::Hz8000, Rate::Hz16000].into_iter().enumerate() {
            world.session.play_at(ClipId(n as u64), rate, clip(rate).into(), rate.samples()).expect("room");
        }
        world.session.open_at(ClipId(2), Rate::Hz16000, 800).expect("room");
        world.session.append(ClipId(2), clip(Rate::Hz16000).into(), 0, false).expect("it is open");
        world.run(ms(2_500));
        world.session.stop(ms(40));
        world.run(ms(100));
        let ended: Vec<_> = world
            .events
            .iter()
            .filter_map(|event| {
                let (MediaEvent::ClipFinished { clip, samples, .. } | MediaEvent::ClipCut { clip, samples, .. }) =
                    event
                else {
                    return None;
                };
                Some((clip.0, *samples))
            })
            .collect();
        let [(0, 8_000), (1, 8_000), (2, cut)] = ended[..] else { panic!("{leg:?}: {ended:?}") };
        // 2.5 s less the two clips, from 0.1 s on, and a fade.
        assert!((800 + 4_320..=800 + 4_320 + 640).contains(&cut), "{leg:?}: {cut}");
        // Neither a gap nor a step between clips of different rates, apart from 2 ms of the converter's.
        let said = &world.said[..leg.samples() * 120];
        for (n, piece) in said.chunks_exact(leg.samples()).enumerate() {
            let level = rms_dbfs(piece);
            assert!((level + 15.2).abs() < 2.5, "{leg:?}: frame {n} has {level} dBFS");
        }
    }
}

#[test]
fn legs_of_both_rates_hear_each_other() {
    let mut near = world(Codec::G722, Network::CLEAN, Rate::Hz16000);
    let mut far = world(Codec::Pcma, Network::CLEAN, Rate::Hz8000);
    near.peer.signal = wide_vowel;
    far.peer.signal = vowel;
    let (here, there) = bridge(true);
    near.session.join(here);
    far.session.join(there);
    for _ in 0..3_000 {
        near.run(ms(1));
        far.run(ms(1));
    }
    for (name, said, rate) in [("near", &near.said, Rate::Hz16000), ("far", &far.said, Rate::Hz8000)] {
        for (n, frame) in said[rate.hertz() as usize..].chunks_exact(5 * rate.samples()).enumerate() {
            let level = rms_dbfs(frame);
            assert!((-21.0..-14.0).contains(&level), "{name}, 100 ms number {n}: {level}");
        }
    }
}

#[test]
fn speech_and_music_are_found_and_played_at_16_khz() {
    let config =
        SessionConfig { negotiated: negotiated(Codec::G722), vad: Some(SegmenterConfig::default()), ..config() };
    let mut world = World::at(1, Network::CLEAN, config, Rate::Hz16000);
    world.peer.signal = wide_caller;
    world.session.hold(Some(crate::hold::music()));
    world.run(ms(6_500));
    let spoke = |event: &MediaEvent| matches!(event, MediaEvent::VoiceStarted { .. });
    let stopped = |event: &MediaEvent| matches!(event, MediaEvent::VoiceStopped { .. });
    assert!(world.events.iter().any(spoke) && world.events.iter().any(stopped), "{:?}", world.events);
    let music = rms_dbfs(&world.sent_audio()[16_000..64_000]);
    assert!((-32.0..-18.0).contains(&music), "{music}");
    assert!(world.said.iter().all(|sample| *sample == 0), "music is not said");
}
