//! What a sound was like since its onset, frame by frame.

use super::features::{self, Features};
use crate::frame::FRAME_8K;
use crate::predict::{Autocorrelation, LAGS};
use crate::vad::Verdict;
use crate::vector::dot;

/// Frames of a sound that are kept, the last ones: half a second is judged.
pub(super) const LONGEST: usize = 25;

/// A frame whose best period repeats it this well is a voice's.
const HARMONIC: f32 = 0.6;

/// Share of its frames that are harmonic when a short sound is a voice's.
const VOICE: f32 = 0.5;

/// Samples a second at which periods are looked for: keeps the harmonics that matter and costs a quarter.
const HALF_RATE: f32 = 4_000.0;

/// One frame of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In dB under full scale.
    pub(super) level: f32,
    pub(super) voiced: bool,
    /// What the voice detector's network believes.
    pub(super) probability: f32,
    /// First correlation.
    pub(super) tilt: f32,
    /// How well it is predicted from its own past, in dB.
    pub(super) gain: f32,
    /// How well it repeats itself after its best period, 0 to 1.
    pub(super) harmonicity: f32,
    /// That period, in samples at 4 kHz.
    period: f32,
    pub(super) cepstrum: [f32; 8],
}

impl Moment {
    /// Looks at a frame with the one before it.
    pub(super) fn of(window: &[f32; 2 * FRAME_8K], verdict: &Verdict) -> Self {
        let spectrum = Autocorrelation::<LAGS>::of(window);
        let (harmonicity, period) = best_period(window);
        Self {
            level: verdict.level_dbfs,
            voiced: verdict.voiced,
            probability: verdict.probability,
            tilt: spectrum.tilt(),
            gain: spectrum.prediction_gain_db(8),
            harmonicity,
            period,
            cepstrum: spectrum.cepstrum(),
        }
    }

    pub(super) fn is_harmonic(&self) -> bool {
        self.harmonicity > HARMONIC
    }

    /// Its pitch over 147 Hz.
    pub(super) fn octaves(&self) -> f32 {
        (HALF_RATE / self.period.max(1.0)).log2() - 7.2
    }

    /// How different two of them sound, whatever their levels.
    pub(super) fn distance(&self, other: &Self) -> f32 {
        distance(&self.cepstrum, &other.cepstrum)
    }
}

pub(super) fn distance(a: &[f32; 8], b: &[f32; 8]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
}

/// A sound from its onset on.
#[derive(Debug, Default)]
pub(super) struct Sound(Vec<Moment>);

impl Sound {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(LONGEST))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a frame; beyond half a second the first ones are forgotten.
    pub(super) fn push(&mut self, moment: Moment) {
        if self.0.len() == LONGEST {
            self.0.remove(0);
        }
        self.0.push(moment);
    }

    /// Whether it is a voice's, however short.
    pub(super) fn is_voice(&self) -> bool {
        features::harmonic_share(&self.0) >= VOICE
    }

    /// The numbers of the sound, which has lasted `frames` frames.
    pub(super) fn features(&self, frames: u32) -> Features {
        features::features(&self.0, frames)
    }
}

/// How well a stretch repeats itself after its best period of 2.5 to 17 ms, 0 to 1, and that period at 4 kHz.
fn best_period(window: &[f32; 2 * FRAME_8K]) -> (f32, f32) {
    let half: [f32; FRAME_8K] = std::array::from_fn(|n| window[2 * n] + window[2 * n + 1]);
    let mean = half.iter().sum::<f32>() / FRAME_8K as f32;
    let half = half.map(|sample| sample - mean);
    // Energy of the first n samples: that of every stretch is a difference.
    let mut energy = [0.0f32; FRAME_8K + 1];
    for (n, sample) in half.iter().enumerate() {
        energy[n + 1] = energy[n] + sample * sample;
    }
    let mut best = (0.0f32, 0);
    for lag in 10..70 {
        let (late, early) = (energy[FRAME_8K] - energy[lag], energy[FRAME_8K - lag]);
        let score = dot(&half[lag..], &half[..FRAME_8K - lag]) / ((late.max(0.0) * early).sqrt() + 1.0);
        if score > best.0 {
            best = (score, lag);
        }
    }
    (best.0, best.1 as f32)
}
