//! Throats, lines and music out of grains: every pulse of a voice and every puff of air is a handful of sines that die
//! away, added where it falls. No filter is run over anything.

use std::f64::consts::TAU;
use std::ops::Range;

use super::{RATE, Sound, level, semitone, sine};
use crate::dice::Dice;

/// A mouth: centre in Hz, width in Hz and strength of each resonance.
type Mouth = [(f64, f64, f64); 4];

/// A mouth with its first two resonances here.
fn mouth(first: f64, second: f64, dice: &mut Dice) -> Mouth {
    [
        (first, dice.within(70.0, 130.0), 1.0),
        (second, dice.within(90.0, 180.0), dice.within(0.3, 0.8)),
        (dice.within(2_300.0, 2_900.0), 220.0, dice.within(0.1, 0.35)),
        (dice.within(3_200.0, 3_600.0), 300.0, dice.within(0.03, 0.15)),
    ]
}

/// Adds one pulse through a mouth.
fn pulse(sound: &mut [f64], at: f64, strength: f64, mouth: &Mouth) {
    let begin = at.ceil() as usize;
    for (centre, width, share) in mouth {
        let last = (RATE / width * 2.0) as usize;
        for (n, sample) in sound.iter_mut().enumerate().skip(begin).take(last) {
            let t = (n as f64 - at) / RATE;
            // It takes half a millisecond to rise.
            let rise = 0.5 - 0.5 * (TAU / 2.0 * (t / 0.000_5).min(1.0)).cos();
            *sample += strength * share * rise * (-TAU / 2.0 * width * t).exp() * (TAU * centre * t).sin();
        }
    }
}

/// Adds a voice from one sample to another: pitch and strength by how far it has come, 0 to 1.
fn voice(
    sound: &mut [f64],
    from: usize,
    length: usize,
    mouth: &Mouth,
    dice: &mut Dice,
    shape: impl Fn(f64) -> (f64, f64),
) {
    let mut at = 0.0;
    while at < length as f64 {
        let (pitch, strength) = shape(at / length as f64);
        pulse(sound, from as f64 + at, strength * dice.within(0.9, 1.1), mouth);
        at += RATE / pitch.max(40.0) * dice.within(0.985, 1.015);
    }
}

/// Adds air: puffs as dense as noise, at frequencies around a centre.
fn air(sound: &mut [f64], from: usize, length: usize, band: (f64, f64), dice: &mut Dice, shape: impl Fn(f64) -> f64) {
    const PUFFS_A_MS: f64 = 1.6;
    let puffs = (length as f64 / 8.0 * PUFFS_A_MS) as usize;
    for _ in 0..puffs {
        let place = dice.within(0.0, 1.0);
        let strength = shape(place) * dice.noise();
        let hz = (band.0 + band.1 * dice.noise()).clamp(80.0, 3_900.0);
        let (fade, phase) = (dice.within(8.0, 40.0), dice.within(0.0, TAU));
        let begin = from + (place * length as f64) as usize;
        for (n, sample) in sound.iter_mut().skip(begin).take((4.0 * fade) as usize).enumerate() {
            *sample += strength * (-(n as f64) / fade).exp() * (TAU * hz * n as f64 / RATE + phase).sin();
        }
    }
}

fn samples(seconds: f64) -> usize {
    (RATE * seconds) as usize
}

/// An arch: up in this part of it, down in the rest.
fn arch(t: f64, up: f64) -> f64 {
    if t < up { t / up } else { (1.0 - t) / (1.0 - up) }
}

/// A laugh of which no two beats are alike: pitch, length and mouth wander.
pub(super) fn laugh(dice: &mut Dice, beat: Range<f64>, pitch: Range<f64>, first: Range<f64>) -> Sound {
    let beats = 3 + dice.roll(5) as usize;
    let (beat, pitch) = (dice.within(beat.start, beat.end), dice.within(pitch.start, pitch.end));
    let (peak, breathy) = (dice.roll(beats as u64) as f64, dice.within(0.1, 0.5));
    let mut sound = vec![0.0; samples(beat * 1.4) * (beats + 1)];
    let (mut at, mut formant) = (0, dice.within(first.start, first.end));
    let second = dice.within(1_100.0, 1_900.0);
    for n in 0..beats {
        let length = samples(beat * dice.within(0.8, 1.25));
        let puff = (length as f64 * dice.within(0.2, 0.45)) as usize;
        formant = (formant * dice.within(0.93, 1.07)).clamp(first.start, first.end);
        let mouth = mouth(formant, second * dice.within(0.95, 1.05), dice);
        let strength = 1.0 - 0.13 * (n as f64 - peak).abs();
        let height = pitch * (1.0 - 0.03 * (n as f64 - peak).abs()) * dice.within(0.94, 1.06);
        air(&mut sound, at, puff, (1_500.0, 1_200.0), dice, |t| 0.5 * breathy * strength * t);
        voice(&mut sound, at + puff, length - puff, &mouth, dice, |t| {
            (height * (1.08 - 0.2 * t), strength * arch(t, 0.3))
        });
        at += length;
    }
    level(sound)
}

/// A cough with a voice in it: one to three barks.
pub(super) fn bark(dice: &mut Dice) -> Sound {
    let barks = 1 + dice.roll(3) as usize;
    let mut sound = vec![0.0; samples(0.7) * barks];
    let mut at = 0;
    let throat = mouth(dice.within(450.0, 750.0), dice.within(1_000.0, 1_500.0), dice);
    for _ in 0..barks {
        let length = samples(dice.within(0.12, 0.26));
        let pitch = dice.within(110.0, 260.0);
        let rough = dice.within(0.2, 0.8);
        air(&mut sound, at, length, (dice.within(900.0, 1_600.0), 900.0), dice, |t| (1.0 - t).powi(3));
        let open = samples(dice.within(0.02, 0.06));
        voice(&mut sound, at + open, length - open, &throat, dice, |t| (pitch * (1.1 - 0.4 * t), rough * (1.0 - t)));
        at += length + samples(dice.within(0.1, 0.3));
    }
    level(sound)
}

/// "Ahem": a grating vowel, a stop, and a hum.
pub(super) fn ahem(dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; samples(1.0)];
    let pitch = dice.within(75.0, 190.0);
    let (grate, stop, hum) = (dice.within(0.1, 0.2), dice.within(0.04, 0.1), dice.within(0.15, 0.35));
    let (open, closed) = (mouth(600.0, 1_300.0, dice), mouth(260.0, 1_150.0, dice));
    voice(&mut sound, 0, samples(grate), &open, dice, |t| (0.6 * pitch, 0.7 * arch(t, 0.4)));
    air(&mut sound, samples(grate), samples(stop), (1_100.0, 700.0), dice, |t| 0.5 * (1.0 - t));
    voice(&mut sound, samples(grate + stop), samples(hum), &closed, dice, |t| (pitch * (1.1 - 0.25 * t), arch(t, 0.2)));
    level(sound)
}

/// Breath drawn in jerks, with a whimper behind it.
pub(super) fn sob(dice: &mut Dice) -> Sound {
    let jerks = 2 + dice.roll(3) as usize;
    let mut sound = vec![0.0; samples(0.22) * jerks + samples(1.0)];
    let mut at = 0;
    for _ in 0..jerks {
        let length = samples(dice.within(0.08, 0.16));
        air(&mut sound, at, length, (1_400.0, 1_000.0), dice, |t| 0.4 * arch(t, 0.7));
        at += length + samples(dice.within(0.02, 0.06));
    }
    let (pitch, mouth) = (dice.within(180.0, 380.0), mouth(dice.within(350.0, 600.0), 1_200.0, dice));
    voice(&mut sound, at, samples(dice.within(0.15, 0.5)), &mouth, dice, |t| (pitch * (1.15 - 0.3 * t), arch(t, 0.15)));
    level(sound)
}

/// A wet nose, two or three times.
pub(super) fn sniffle(dice: &mut Dice) -> Sound {
    let times = 2 + dice.roll(2) as usize;
    let mut sound = vec![0.0; samples(0.6) * times];
    let (mut at, rattle) = (0, dice.within(25.0, 60.0));
    for _ in 0..times {
        let length = samples(dice.within(0.12, 0.3));
        let band = (dice.within(1_500.0, 2_600.0), 1_000.0);
        air(&mut sound, at, length, band, dice, |t| {
            arch(t, 0.6) * (1.0 + 0.7 * (TAU * rattle * t * length as f64 / RATE).sin())
        });
        at += length + samples(dice.within(0.1, 0.3));
    }
    level(sound)
}

/// Drops on a window: more or less of them from second to second.
pub(super) fn rain(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; length];
    for begin in (0..length).step_by(800) {
        let strength = dice.within(0.3, 1.0);
        air(&mut sound, begin, 800, (2_200.0, 1_600.0), dice, |_| strength);
    }
    sound
}

/// A motor under load: its pitch sags and recovers.
pub(super) fn drill(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; length];
    let (turns, load) = (dice.within(70.0, 160.0), dice.within(0.6, 1.6));
    let body = mouth(dice.within(700.0, 1_100.0), dice.within(1_800.0, 2_400.0), dice);
    let seconds = length as f64 / RATE;
    voice(&mut sound, 0, length, &body, dice, |t| {
        let sag = (TAU * load * t * seconds).sin();
        (turns * (1.0 - 0.12 * sag), 0.8 + 0.2 * sag)
    });
    sound
}

/// Shoes on a floor, heel and toe.
pub(super) fn steps(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; length];
    let (stride, floor) = (dice.within(0.42, 0.65), mouth(dice.within(180.0, 400.0), 1_300.0, dice));
    let mut at = 0.0;
    while at * RATE < length as f64 {
        pulse(&mut sound, at * RATE, dice.within(0.7, 1.0), &floor);
        pulse(&mut sound, (at + dice.within(0.06, 0.1)) * RATE, 0.5, &floor);
        at += stride * dice.within(0.93, 1.07);
    }
    sound
}

/// Water that begins to boil, and the whistle.
pub(super) fn kettle(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; length];
    air(&mut sound, 0, length, (1_200.0, 900.0), dice, |t| 0.3 + 0.4 * t);
    let (from, to) = (dice.within(800.0, 1_300.0), dice.within(1_500.0, 2_300.0));
    let mut phase = 0.0;
    for (n, sample) in sound.iter_mut().enumerate() {
        let t = n as f64 / length as f64;
        phase += (from + (to - from) * t.sqrt()) / RATE;
        *sample += (2.0 * t).min(1.0) * (TAU * phase).sin() * (1.0 + 0.2 * sine(n, 9.0));
    }
    sound
}

/// A codec that has lost its way: the same 20 ms again and again, another ones after a while.
pub(super) fn stutter(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = Vec::with_capacity(length);
    while sound.len() < length {
        let mut piece = vec![0.0; 160];
        air(&mut piece, 0, 160, (dice.within(400.0, 2_500.0), 500.0), dice, |_| 1.0);
        let times = 2 + dice.roll(9) as usize;
        sound.extend(piece.repeat(times));
        sound.extend(vec![0.0; 160 * dice.roll(8) as usize]);
    }
    sound.truncate(length);
    sound
}

/// Plates and knives.
pub(super) fn dishes(length: usize, dice: &mut Dice) -> Sound {
    let mut sound = vec![0.0; length];
    let mut at = 0.0;
    while at < length as f64 {
        let plate = [
            (dice.within(900.0, 1_700.0), 12.0, 1.0),
            (dice.within(1_900.0, 2_700.0), 18.0, 0.7),
            (dice.within(2_800.0, 3_300.0), 25.0, 0.5),
            (dice.within(3_400.0, 3_800.0), 40.0, 0.3),
        ];
        pulse(&mut sound, at, dice.within(0.2, 1.0), &plate);
        at += RATE * dice.within(0.05, 0.6);
    }
    sound
}

/// Bells, each on its own time.
pub(super) fn chimes(length: usize, root: f64, dice: &mut Dice) -> Sound {
    const NOTES: [f64; 5] = [0.0, 4.0, 7.0, 9.0, 14.0];
    let mut sound = vec![0.0; length];
    let mut at = 0.0;
    while at < length as f64 {
        let hz = root * semitone(dice.pick(&NOTES));
        let bell = [(hz, 2.0, 1.0), (2.76 * hz, 4.0, 0.5), (5.4 * hz, 8.0, 0.2), (0.5 * hz, 2.0, 0.3)];
        pulse(&mut sound, at, dice.within(0.5, 1.0), &bell.map(|(hz, width, share)| (hz.min(3_800.0), width, share)));
        at += RATE * dice.within(0.12, 0.4);
    }
    sound
}

/// Three voices on "ah", a chord at a time.
pub(super) fn choir(length: usize, root: f64, dice: &mut Dice) -> Sound {
    const CHORDS: [[f64; 3]; 4] = [[0.0, 4.0, 7.0], [0.0, 5.0, 9.0], [2.0, 7.0, 11.0], [0.0, 4.0, 7.0]];
    let mut sound = vec![0.0; length];
    let each = samples(0.7);
    for (n, begin) in (0..length).step_by(each).enumerate() {
        for tone in CHORDS[n % CHORDS.len()] {
            let (pitch, mouth) = (root * semitone(tone), mouth(dice.within(600.0, 750.0), 1_150.0, dice));
            voice(&mut sound, begin, each.min(length - begin), &mouth, dice, |t| {
                (pitch * (1.0 + 0.012 * (TAU * 4.0 * t).sin()), arch(t, 0.2).min(0.3))
            });
        }
    }
    sound
}

/// A melody on a reed.
pub(super) fn reed(length: usize, root: f64, dice: &mut Dice) -> Sound {
    const MELODY: [f64; 6] = [0.0, 2.0, 3.0, 7.0, 5.0, 3.0];
    let mut sound = vec![0.0; length];
    let each = samples(dice.within(0.22, 0.4));
    let bell = mouth(900.0, 1_600.0, dice);
    for (n, begin) in (0..length).step_by(each).enumerate() {
        let pitch = root * semitone(MELODY[n % MELODY.len()]);
        voice(&mut sound, begin, each.min(length - begin), &bell, dice, |t| (pitch, arch(t, 0.1).min(0.6)));
    }
    sound
}
