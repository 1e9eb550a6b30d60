//! Throats that the detector was built on.

use std::f64::consts::TAU;
use std::ops::Range;

use super::{RATE, Sound, level, pulse, resonate, silence};
use crate::dice::Dice;

/// Coughs in a row: a burst, noise through an open throat, and often the voice falling in at the end.
pub(super) fn cough(dice: &mut Dice, times: usize, length: Range<f64>, voiced: bool) -> Sound {
    let mut sound = Vec::new();
    let throat = [(dice.within(450.0, 800.0), 180.0), (dice.within(1_200.0, 1_700.0), 250.0), (2_600.0, 400.0)];
    for _ in 0..times {
        let seconds = dice.within(length.start, length.end);
        let length = (RATE * seconds) as usize;
        let mut air: Sound = (0..length)
            .map(|n| {
                let t = n as f64 / length as f64;
                let burst = if n < 160 { 1.0 } else { 0.55 };
                burst * (1.0 - t).powf(1.4) * (n as f64 / 24.0).min(1.0) * dice.noise()
            })
            .collect();
        if voiced {
            let pitch = dice.within(90.0, 180.0);
            let tail = (RATE * dice.within(0.05, 0.12)) as usize;
            let begin = air.len().saturating_sub(tail / 2);
            air.resize(begin + tail, 0.0);
            for (n, sample) in air[begin..].iter_mut().enumerate() {
                let t = n as f64 / tail as f64;
                *sample += 0.5 * (1.0 - t) * pulse(n as f64 * pitch * (1.0 - 0.3 * t) / RATE);
            }
        }
        let mut formed = resonate(&air, &throat);
        for (formed, air) in formed.iter_mut().zip(&air) {
            *formed += 0.1 * air;
        }
        sound.extend(formed);
        sound.extend(silence(dice.within(0.12, 0.3)));
    }
    level(sound)
}

/// "Ha ha ha": breath and voice at a steady beat.
pub(super) fn laugh(dice: &mut Dice, beat: Range<f64>, pitch: Range<f64>) -> Sound {
    let mut sound = Vec::new();
    let mouth = [
        (dice.within(420.0, 900.0), 120.0),
        (dice.within(1_000.0, 2_200.0), 160.0),
        (dice.within(2_400.0, 2_900.0), 300.0),
    ];
    let (beat, mut pitch) = (dice.within(beat.start, beat.end), dice.within(pitch.start, pitch.end));
    let (share, hoarse) = (dice.within(0.25, 0.6), dice.within(0.02, 0.4));
    let (fade, fall) = (dice.within(0.78, 1.0), dice.within(0.9, 1.04));
    let mut strength = 1.0;
    for _ in 0..4 + dice.roll(5) {
        let length = (RATE * beat * dice.within(0.88, 1.12)) as usize;
        let breath = (length as f64 * share * dice.within(0.8, 1.2)) as usize;
        let source: Sound = (0..length)
            .map(|n| {
                if n < breath {
                    0.25 * dice.noise() * (n as f64 / breath as f64)
                } else {
                    let t = (n - breath) as f64 / (length - breath) as f64;
                    (TAU / 2.0 * t).sin() * (pulse(n as f64 * pitch / RATE) + hoarse * dice.noise())
                }
            })
            .map(|sample| strength * sample)
            .collect();
        sound.extend(resonate(&source, &mouth));
        pitch *= fall * dice.within(0.96, 1.04);
        strength *= fade * dice.within(0.85, 1.15);
    }
    level(sound)
}

/// Air through the nose or the mouth.
pub(super) fn breath(dice: &mut Dice, seconds: Range<f64>, centre: f64) -> Sound {
    let length = (RATE * dice.within(seconds.start, seconds.end)) as usize;
    let air: Sound = (0..length).map(|n| (TAU / 2.0 * n as f64 / length as f64).sin().powi(2) * dice.noise()).collect();
    level(resonate(&air, &[(centre * dice.within(0.8, 1.25), 700.0), (2_400.0, 900.0)]))
}

/// A rough, low voice.
pub(super) fn clearing(dice: &mut Dice) -> Sound {
    let length = (RATE * dice.within(0.3, 0.5)) as usize;
    let pitch = dice.within(55.0, 85.0);
    let source: Sound = (0..length)
        .map(|n| {
            let t = n as f64 / length as f64;
            (TAU / 2.0 * t).sin() * (pulse(n as f64 * pitch / RATE + 0.15 * dice.noise()) + 0.8 * dice.noise())
        })
        .collect();
    level(resonate(&source, &[(500.0, 200.0), (1_400.0, 300.0)]))
}

/// A voice without a word: a groan, a yawn, a grunt. `air` says how breathy it is.
pub(super) fn moan(dice: &mut Dice, seconds: Range<f64>, air: f64) -> Sound {
    let length = (RATE * dice.within(seconds.start, seconds.end)) as usize;
    let (pitch, bend) = (dice.within(80.0, 260.0), dice.within(-0.35, 0.2));
    let air = air * dice.within(0.5, 1.5);
    let mut phase = 0.0;
    let source: Sound = (0..length)
        .map(|n| {
            let t = n as f64 / length as f64;
            phase += pitch * (1.0 + bend * t) / RATE;
            (TAU / 2.0 * t).sin().sqrt() * (pulse(phase) + air * dice.noise())
        })
        .collect();
    level(resonate(
        &source,
        &[(dice.within(300.0, 800.0), 130.0), (dice.within(900.0, 1_500.0), 200.0), (2_500.0, 300.0)],
    ))
}
