//! Lines and rooms that the detector was built on.

use std::f64::consts::TAU;

use super::{RATE, Sound, pulse, sine};
use crate::dice::Dice;

/// Bursts of hiss of random length.
pub(super) fn bursts(length: usize, dice: &mut Dice) -> Sound {
    let mut on = 0i64;
    (0..length)
        .map(|_| {
            if on == 0 {
                on = dice.roll(2_400) as i64 - 1_200;
            }
            on -= on.signum();
            if on > 0 { dice.noise() } else { 0.02 * dice.noise() }
        })
        .collect()
}

/// Mains.
pub(super) fn hum(length: usize, dice: &mut Dice) -> Sound {
    let base = [50.0, 60.0][dice.roll(2) as usize];
    (0..length).map(|n| (1..12).map(|k| sine(n, base * f64::from(k)) / f64::from(k)).sum()).collect()
}

/// A mobile phone beside the set: bursts 217 times a second.
pub(super) fn buzz(length: usize) -> Sound {
    (0..length)
        .map(|n| {
            let frame = (n as f64 * 217.0 / RATE).fract();
            let slow = (n as f64 * 8.0 / RATE).fract() < 0.7;
            if slow && frame < 0.125 { 1.0 } else { 0.0 }
        })
        .map(|sample| sample - 0.08)
        .collect()
}

/// Gusts into the microphone.
pub(super) fn wind(length: usize, dice: &mut Dice) -> Sound {
    let mut slow = 0.0;
    let mut gust = 0.5;
    (0..length)
        .map(|_| {
            slow = 0.97 * slow + dice.noise();
            gust = f64::clamp(gust + 0.002 * dice.noise(), 0.05, 1.0);
            gust * slow
        })
        .collect()
}

/// Something heavy passes by: noise that swells, with an engine in it.
pub(super) fn street(length: usize, dice: &mut Dice) -> Sound {
    let engine = dice.within(28.0, 45.0);
    let mut slow = 0.0;
    (0..length)
        .map(|n| {
            let t = n as f64 / length as f64;
            slow = 0.92 * slow + dice.noise();
            (TAU / 2.0 * t).sin() * (slow + 2.0 * pulse(n as f64 * engine / RATE))
        })
        .collect()
}

/// Knocks that ring: so many a second on average, each dying away in so many milliseconds.
pub(super) fn knocks(length: usize, dice: &mut Dice, per_second: f64, ms: f64, ring: f64) -> Sound {
    let mut sound = vec![0.0; length];
    let mut at = 0.0;
    loop {
        at += dice.within(0.2, 1.8) * RATE / per_second;
        let begin = at as usize;
        if begin >= length {
            return sound;
        }
        let strength = dice.within(0.3, 1.0);
        let ring = ring * dice.within(0.8, 1.25);
        let last = (ms * 8.0 * 5.0) as usize;
        for (n, sample) in sound[begin..].iter_mut().take(last).enumerate() {
            let fade = (-(n as f64) / (ms * 8.0)).exp();
            *sample += strength * fade * (0.5 * dice.noise() + sine(n, ring));
        }
    }
}
