//! Noises, made by rule: throats, lines, rooms, music. 8 kHz.

mod cascade;
mod grains;
mod line;
mod music;
mod throat;

use std::f64::consts::TAU;

use crate::dice::Dice;

const RATE: f64 = 8_000.0;

/// What a throat does beside speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throat {
    Cough,
    DoubleCough,
    Laugh,
    Breath,
    Clearing,
    DryCough,
    CoughFit,
    Giggle,
    Sigh,
    Sniff,
    Groan,
    Gasp,
    Yawn,
    Grunt,
    Sneeze,
    Hiccup,
    Chuckle,
    Cackle,
    Snort,
    ChestCough,
    Guffaw,
    Titter,
    Bark,
    Ahem,
    Sob,
    Sniffle,
}

/// What a line and a room do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bang {
    Hiss,
    Crackle,
    Hum,
    Wind,
    Keys,
    Door,
    Static,
    Clicks,
    Buzz,
    Street,
    Typing,
    Cup,
    Fan,
    Rustle,
    Hammer,
    Squeak,
    Dropouts,
    Engine,
    Rain,
    Drill,
    Steps,
    Kettle,
    Stutter,
    Dishes,
}

/// Music and tones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tune {
    Organ,
    Plucked,
    Beeps,
    Waltz,
    Strings,
    Ringing,
    Piano,
    Flute,
    Busy,
    Chimes,
    Choir,
    Reed,
}

/// Samples in -1 to 1.
type Sound = Vec<f64>;

/// A throat noise, its loudest stretch at 0 dB.
pub(crate) fn throat(kind: Throat, dice: &mut Dice) -> Sound {
    match kind {
        Throat::Cough => throat::cough(dice, 1, 0.10..0.22, true),
        Throat::DoubleCough => throat::cough(dice, 2, 0.10..0.20, true),
        Throat::DryCough => throat::cough(dice, 1, 0.06..0.14, false),
        Throat::CoughFit => {
            let times = 3 + dice.roll(2) as usize;
            let voiced = dice.roll(2) == 0;
            throat::cough(dice, times, 0.08..0.16, voiced)
        }
        Throat::Laugh => throat::laugh(dice, 0.15..0.24, 90.0..260.0),
        Throat::Giggle => throat::laugh(dice, 0.11..0.17, 220.0..420.0),
        Throat::Breath => throat::breath(dice, 0.5..0.9, 900.0),
        Throat::Sigh => throat::breath(dice, 0.8..1.3, 600.0),
        Throat::Sniff => {
            let first = throat::breath(dice, 0.15..0.25, 2_000.0);
            let gap = silence(dice.within(0.1, 0.2));
            let second = throat::breath(dice, 0.15..0.3, 2_000.0);
            [first, gap, second].concat()
        }
        Throat::Clearing => throat::clearing(dice),
        Throat::Groan => throat::moan(dice, 0.4..0.9, 0.15),
        Throat::Gasp => throat::breath(dice, 0.15..0.3, 1_300.0),
        Throat::Yawn => throat::moan(dice, 0.9..1.6, 0.6),
        Throat::Grunt => throat::moan(dice, 0.15..0.3, 0.3),
        Throat::Sneeze => cascade::sneeze(dice),
        Throat::Hiccup => cascade::hiccup(dice),
        Throat::Chuckle => cascade::chuckle(dice),
        Throat::Cackle => cascade::cackle(dice),
        Throat::Snort => cascade::snort(dice),
        Throat::ChestCough => cascade::chest_cough(dice),
        Throat::Guffaw => grains::laugh(dice, 0.17..0.28, 110.0..240.0, 560.0..850.0),
        Throat::Titter => grains::laugh(dice, 0.10..0.16, 260.0..420.0, 320.0..480.0),
        Throat::Bark => grains::bark(dice),
        Throat::Ahem => grains::ahem(dice),
        Throat::Sob => grains::sob(dice),
        Throat::Sniffle => grains::sniffle(dice),
    }
}

/// Two to three seconds of line or room noise, its loudest stretch at 0 dB.
pub(crate) fn bang(kind: Bang, dice: &mut Dice) -> Sound {
    let length = (RATE * dice.within(1.8, 3.0)) as usize;
    let sound = match kind {
        Bang::Hiss => (0..length).map(|_| dice.noise()).collect(),
        Bang::Static => line::bursts(length, dice),
        Bang::Crackle => line::knocks(length, dice, 25.0, 4.0, 1_800.0),
        Bang::Clicks => line::knocks(length, dice, 4.0, 2.0, 3_000.0),
        Bang::Keys => line::knocks(length, dice, 7.0, 18.0, 2_400.0),
        Bang::Typing => line::knocks(length, dice, 11.0, 10.0, 1_700.0),
        Bang::Door => line::knocks(length, dice, 0.8, 90.0, 180.0),
        Bang::Cup => line::knocks(length, dice, 1.5, 120.0, 2_900.0),
        Bang::Hum => line::hum(length, dice),
        Bang::Buzz => line::buzz(length),
        Bang::Wind => line::wind(length, dice),
        Bang::Street => line::street(length, dice),
        Bang::Fan => cascade::fan(length, dice),
        Bang::Rustle => cascade::rustle(length, dice),
        Bang::Hammer => cascade::hammer(length, dice),
        Bang::Squeak => cascade::squeak(length, dice),
        Bang::Dropouts => cascade::dropouts(length, dice),
        Bang::Engine => cascade::engine(length, dice),
        Bang::Rain => grains::rain(length, dice),
        Bang::Drill => grains::drill(length, dice),
        Bang::Steps => grains::steps(length, dice),
        Bang::Kettle => grains::kettle(length, dice),
        Bang::Stutter => grains::stutter(length, dice),
        Bang::Dishes => grains::dishes(length, dice),
    };
    level(sound)
}

/// Two to three seconds of music or signals, its loudest stretch at 0 dB.
pub(crate) fn tune(kind: Tune, dice: &mut Dice) -> Sound {
    let length = (RATE * dice.within(2.0, 3.0)) as usize;
    let root = 220.0 * semitone(dice.roll(12) as f64);
    let sound = match kind {
        Tune::Organ => music::organ(length, root),
        Tune::Plucked => music::plucked(length, root),
        Tune::Waltz => music::waltz(length, root),
        Tune::Strings => music::strings(length, root),
        Tune::Beeps => music::notes(length, 0.5, |n, _| if n < 1_600 { sine(n, 950.0) } else { 0.0 }),
        Tune::Ringing => {
            music::notes(length, 1.5, |n, _| if n < 8_000 { sine(n, 440.0) + sine(n, 480.0) } else { 0.0 })
        }
        Tune::Piano => cascade::piano(length, root),
        Tune::Flute => cascade::flute(length, root, dice),
        Tune::Chimes => grains::chimes(length, root, dice),
        Tune::Choir => grains::choir(length, root / 2.0, dice),
        Tune::Reed => grains::reed(length, root, dice),
        Tune::Busy => music::notes(length, 0.96, |n, _| if n < 3_840 { sine(n, 425.0) } else { 0.0 }),
    };
    level(sound)
}

fn silence(seconds: f64) -> Sound {
    vec![0.0; (RATE * seconds) as usize]
}

fn semitone(n: f64) -> f64 {
    2f64.powf(n / 12.0)
}

fn sine(n: usize, hz: f64) -> f64 {
    (TAU * hz * n as f64 / RATE).sin()
}

fn saw(n: usize, hz: f64) -> f64 {
    2.0 * (n as f64 * hz / RATE).fract() - 1.0
}

/// A glottal pulse train at this phase, in periods.
fn pulse(phase: f64) -> f64 {
    let t = phase.rem_euclid(1.0);
    if t < 0.4 { (TAU * t / 0.8).sin().powi(2) } else { -0.25 * (1.0 - t) }
}

/// Sound through parallel resonances of `(centre, width)` Hz.
fn resonate(source: &[f64], formants: &[(f64, f64)]) -> Sound {
    let mut sum = vec![0.0; source.len()];
    for (centre, width) in formants {
        let radius = (-TAU / 2.0 * width / RATE).exp();
        let (b, c) = (2.0 * radius * (TAU * centre / RATE).cos(), -radius * radius);
        let (mut y1, mut y2) = (0.0, 0.0);
        for (sum, source) in sum.iter_mut().zip(source) {
            let y = (1.0 - radius) * source + b * y1 + c * y2;
            (y2, y1) = (y1, y);
            *sum += y;
        }
    }
    sum
}

/// Scaled so that the loudest 20 ms have an RMS of 1.
fn level(mut sound: Sound) -> Sound {
    let loudest = sound
        .chunks(160)
        .map(|chunk| (chunk.iter().map(|x| x * x).sum::<f64>() / chunk.len() as f64).sqrt())
        .fold(1e-9, f64::max);
    sound.iter_mut().for_each(|sample| *sample /= loudest);
    sound
}
