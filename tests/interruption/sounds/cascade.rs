//! Throats, lines and music made in other ways: mouths are resonances one behind the other here, and voices are sums of
//! harmonics.

use std::f64::consts::TAU;

use super::{RATE, Sound, level, semitone, silence, sine};
use crate::dice::Dice;

/// "Ah… tchoo!": a drawn breath with some voice, a burst of air, and a short vowel behind it.
pub(super) fn sneeze(dice: &mut Dice) -> Sound {
    let pitch = dice.within(130.0, 280.0);
    let draw = (RATE * dice.within(0.2, 0.4)) as usize;
    let rise: Sound = (0..draw)
        .map(|n| {
            let t = n as f64 / draw as f64;
            t * (0.4 * dice.noise() + 0.3 * harmonics(n as f64 * pitch * (1.0 + 0.3 * t) / RATE, 10))
        })
        .collect();
    let rise = cascade(&rise, &[(700.0, 150.0), (1_300.0, 200.0)]);
    let burst = (RATE * dice.within(0.12, 0.25)) as usize;
    let burst: Sound = (0..burst).map(|n| (1.0 - n as f64 / burst as f64).sqrt() * dice.noise()).collect();
    let burst = cascade(&burst, &[(dice.within(1_800.0, 2_800.0), 700.0)]);
    let vowel = (RATE * dice.within(0.1, 0.2)) as usize;
    let vowel: Sound = (0..vowel)
        .map(|n| (1.0 - n as f64 / vowel as f64) * (harmonics(n as f64 * pitch / RATE, 12) + 0.3 * dice.noise()))
        .collect();
    let vowel = cascade(&vowel, &[(380.0, 120.0), (900.0, 180.0)]);
    let scaled = |sound: Sound, gain: f64| -> Sound { level(sound).into_iter().map(|sample| gain * sample).collect() };
    let gap = silence(dice.within(0.03, 0.12));
    level([scaled(rise, 0.35), gap, scaled(burst, 1.0), scaled(vowel, 0.5)].concat())
}

/// A squeak that is cut off, once to three times.
pub(super) fn hiccup(dice: &mut Dice) -> Sound {
    let pitch = dice.within(180.0, 380.0);
    let mut sound = Vec::new();
    for _ in 0..=dice.roll(3) {
        let length = (RATE * dice.within(0.06, 0.12)) as usize;
        let source: Sound = (0..length)
            .map(|n| {
                let t = n as f64 / length as f64;
                (8.0 * t).min(1.0) * harmonics(n as f64 * pitch * (1.0 + 0.6 * t) / RATE, 12) + 0.1 * dice.noise()
            })
            .collect();
        sound.extend(cascade(&source, &[(dice.within(400.0, 650.0), 120.0), (1_500.0, 200.0)]));
        sound.extend(silence(dice.within(0.5, 1.0)));
    }
    level(sound)
}

/// A laugh behind closed lips.
pub(super) fn chuckle(dice: &mut Dice) -> Sound {
    let (pitch, beat) = (dice.within(80.0, 200.0), dice.within(0.16, 0.26));
    let mut sound = Vec::new();
    for n in 0..3 + dice.roll(4) {
        let length = (RATE * beat * dice.within(0.9, 1.1)) as usize;
        let pitch = pitch * (1.0 - 0.03 * n as f64);
        let source = (0..length).map(|n| {
            let t = n as f64 / length as f64;
            let open = (TAU / 2.0 * (t / 0.6)).sin().max(0.0) * f64::from(u8::from(t < 0.6));
            open * (harmonics(n as f64 * pitch / RATE, 8) + 0.15 * dice.noise()) + 0.04 * (1.0 - open) * dice.noise()
        });
        sound.extend(cascade(&source.collect::<Sound>(), &[(270.0, 90.0), (1_100.0, 500.0)]));
    }
    level(sound)
}

/// "He he he": every beat with an arch of its own, the first one the longest.
pub(super) fn cackle(dice: &mut Dice) -> Sound {
    let (pitch, beat) = (dice.within(190.0, 380.0), dice.within(0.13, 0.2));
    let mouth = [(dice.within(480.0, 640.0), 90.0), (dice.within(1_600.0, 2_000.0), 140.0), (2_700.0, 250.0)];
    let mut sound = Vec::new();
    for count in 0..4 + dice.roll(4) {
        let seconds = beat * if count == 0 { 1.5 } else { dice.within(0.85, 1.15) };
        let length = (RATE * seconds) as usize;
        let mut phase = 0.0;
        let source: Sound = (0..length)
            .map(|n| {
                let t = n as f64 / length as f64;
                phase += pitch * (0.9 + 0.25 * (TAU / 2.0 * t).sin()) / RATE;
                let voice = ((t - 0.3) / 0.5).clamp(0.0, 1.0) * (4.0 * (1.0 - t)).min(1.0);
                voice * harmonics(phase, 10) + 0.12 * (1.0 - voice) * dice.noise()
            })
            .collect();
        sound.extend(cascade(&source, &mouth));
    }
    level(sound)
}

/// Air through the nose, in jerks.
pub(super) fn snort(dice: &mut Dice) -> Sound {
    let jerks = dice.within(18.0, 40.0);
    let length = (RATE * dice.within(0.25, 0.6)) as usize;
    let air: Sound = (0..length)
        .map(|n| {
            let t = n as f64 / length as f64;
            t.sqrt() * (1.0 - t) * (1.0 + 0.8 * sine(n, jerks)) * dice.noise()
        })
        .collect();
    level(cascade(&air, &[(dice.within(900.0, 1_500.0), 500.0)]))
}

/// From deep down: a burst, rattling air, a groan.
pub(super) fn chest_cough(dice: &mut Dice) -> Sound {
    let mut sound = Vec::new();
    for _ in 0..1 + dice.roll(3) {
        let length = (RATE * dice.within(0.2, 0.4)) as usize;
        let pitch = dice.within(70.0, 140.0);
        let mut phase = 0.0;
        let source: Sound = (0..length)
            .map(|n| {
                let t = n as f64 / length as f64;
                phase += pitch * (1.0 + 0.25 * dice.noise()) / RATE;
                let burst = (-(n as f64) / 200.0).exp();
                let rattle = (TAU / 2.0 * t).sin() * harmonics(phase, 14);
                burst * dice.noise() + (1.0 - t) * (0.3 * dice.noise() + 0.4 * rattle)
            })
            .collect();
        sound.extend(cascade(&source, &[(dice.within(350.0, 600.0), 150.0), (1_250.0, 300.0)]));
        sound.extend(silence(dice.within(0.08, 0.25)));
    }
    level(sound)
}

/// Blades that turn.
pub(super) fn fan(length: usize, dice: &mut Dice) -> Sound {
    let blades = dice.within(70.0, 180.0);
    let mut slow = 0.0;
    (0..length)
        .map(|n| {
            slow = 0.7 * slow + dice.noise();
            (1.0 + 0.4 * sine(n, blades)) * slow + 0.6 * sine(n, blades) + 0.3 * sine(n, 2.0 * blades)
        })
        .collect()
}

/// Paper, or a telephone in a pocket.
pub(super) fn rustle(length: usize, dice: &mut Dice) -> Sound {
    let mut strength = 0.0;
    (0..length)
        .map(|n| {
            if n % 240 == 0 {
                strength = dice.within(0.0, 1.0).powi(3);
            }
            strength * dice.noise()
        })
        .collect()
}

/// Somebody works next door.
pub(super) fn hammer(length: usize, dice: &mut Dice) -> Sound {
    let (each, ring) = ((RATE * dice.within(0.25, 0.6)) as usize, dice.within(280.0, 700.0));
    (0..length)
        .map(|n| {
            let since = (n % each) as f64;
            (-since / 90.0).exp() * dice.noise() + 0.6 * (-since / 400.0).exp() * sine(n % each, ring)
        })
        .collect()
}

/// A chair, a hinge: a tone that slides and stutters.
pub(super) fn squeak(length: usize, dice: &mut Dice) -> Sound {
    let (from, to) = (dice.within(500.0, 1_200.0), dice.within(900.0, 2_200.0));
    let stutter = dice.within(15.0, 45.0);
    let mut phase = 0.0;
    (0..length)
        .map(|n| {
            let t = (n % 6_000) as f64 / 6_000.0;
            phase += (from + (to - from) * t) / RATE;
            let on = f64::from(u8::from(t < 0.5 && sine(n, stutter) > -0.5));
            on * (harmonics(phase, 3) + 0.1 * dice.noise())
        })
        .collect()
}

/// Hiss that comes and goes by packets.
pub(super) fn dropouts(length: usize, dice: &mut Dice) -> Sound {
    let mut on = true;
    (0..length)
        .map(|n| {
            if n % 160 == 0 {
                on = dice.roll(3) != 0;
            }
            if on { dice.noise() } else { 0.0 }
        })
        .collect()
}

/// A car that stands and runs.
pub(super) fn engine(length: usize, dice: &mut Dice) -> Sound {
    let turns = dice.within(22.0, 38.0);
    let mut phase = 0.0;
    let source: Sound = (0..length)
        .map(|_| {
            phase += turns * (1.0 + 0.02 * dice.noise()) / RATE;
            harmonics(phase, 40) + 0.5 * dice.noise()
        })
        .collect();
    cascade(&source, &[(160.0, 120.0)])
}

/// Struck strings.
pub(super) fn piano(length: usize, root: f64) -> Sound {
    const STEPS: [f64; 8] = [0.0, 7.0, 12.0, 16.0, 19.0, 16.0, 12.0, 7.0];
    let each = (RATE * 0.28) as usize;
    (0..length)
        .map(|n| {
            let hz = root * semitone(STEPS[(n / each) % 8]);
            let since = (n % each) as f64;
            (1..7)
                .map(|k| (-since * f64::from(k) / 2_400.0).exp() / f64::from(k * k) * sine(n, hz * f64::from(k)))
                .sum()
        })
        .collect()
}

/// A breathy tone with vibrato.
pub(super) fn flute(length: usize, root: f64, dice: &mut Dice) -> Sound {
    const STEPS: [f64; 5] = [12.0, 14.0, 16.0, 19.0, 14.0];
    let mut phase = 0.0;
    (0..length)
        .map(|n| {
            phase += root * semitone(STEPS[(n / 4_000) % 5]) * (1.0 + 0.01 * sine(n, 5.0)) / RATE;
            let swell = ((n % 4_000) as f64 / 600.0).min(1.0);
            swell * (harmonics(phase, 2) + 0.15 * dice.noise())
        })
        .collect()
}

/// Harmonics of a voice at this phase, in periods: each weaker than the one before it.
fn harmonics(phase: f64, count: u32) -> f64 {
    (1..=count).map(f64::from).map(|k| (TAU * k * phase).sin() / k).sum()
}

/// Sound through one resonance of `(centre, width)` Hz after the other.
fn cascade(source: &[f64], formants: &[(f64, f64)]) -> Sound {
    let mut sound = source.to_vec();
    for (centre, width) in formants {
        let radius = (-TAU / 2.0 * width / RATE).exp();
        let (b, c) = (2.0 * radius * (TAU * centre / RATE).cos(), -radius * radius);
        let (mut y1, mut y2) = (0.0, 0.0);
        for sample in &mut sound {
            let y = (1.0 - b - c) * *sample + b * y1 + c * y2;
            (y2, y1) = (y1, y);
            *sample = y;
        }
    }
    sound
}
