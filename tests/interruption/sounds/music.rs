//! Music that the detector was built on.

use super::{RATE, Sound, saw, semitone, sine};

const CHORDS: [[f64; 3]; 4] = [[0.0, 4.0, 7.0], [5.0, 9.0, 12.0], [7.0, 11.0, 14.0], [-3.0, 0.0, 4.0]];

pub(super) fn organ(length: usize, root: f64) -> Sound {
    notes(length, 0.6, |n, note| CHORDS[note % 4].iter().map(|step| saw(n, root * semitone(*step))).sum())
}

pub(super) fn plucked(length: usize, root: f64) -> Sound {
    notes(length, 0.25, |n, note| {
        let step = CHORDS[(note / 4) % 4][note % 3];
        let fade = (-(n as f64) / 1_200.0).exp();
        (1..5).map(|k| fade * sine(n, f64::from(k) * root * semitone(step)) / f64::from(k)).sum()
    })
}

pub(super) fn waltz(length: usize, root: f64) -> Sound {
    notes(length, 0.32, |n, note| {
        let chord = CHORDS[(note / 3) % 4];
        let fade = (-(n as f64) / 1_600.0).exp();
        if note % 3 == 0 {
            fade * saw(n, root / 2.0 * semitone(chord[0]))
        } else {
            chord.iter().map(|step| fade * sine(n, root * semitone(*step)) * 0.5).sum()
        }
    })
}

pub(super) fn strings(length: usize, root: f64) -> Sound {
    notes(length, 0.9, |n, note| {
        let vibrato = 1.0 + 0.004 * sine(n, 5.5) / 5.5;
        let swell = (n as f64 / 2_400.0).min(1.0);
        swell * CHORDS[note % 4].iter().map(|step| saw(n, root * semitone(*step) * vibrato)).sum::<f64>()
    })
}

/// One note after the other: `voice` is asked for a sample of a note by its number.
pub(super) fn notes(length: usize, seconds: f64, voice: impl Fn(usize, usize) -> f64) -> Sound {
    let each = (RATE * seconds) as usize;
    (0..length).map(|n| voice(n % each, n / each)).collect()
}
