//! What 20 ms of a sound are like.

use super::sound::BLOCKS;
use crate::frame::FRAME_8K;
use crate::predict::{Autocorrelation, LAGS};
use crate::vad::Verdict;
use crate::vector::dot;

/// A frame whose best period repeats it this well is a voice's.
const HARMONIC: f32 = 0.6;

/// Samples a second at which periods are looked for: keeps the harmonics that matter and costs a quarter.
const HALF_RATE: f32 = 4_000.0;

/// One frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// In dB under full scale.
    pub(super) level: f32,
    /// The same of each 5 ms of it.
    pub(super) blocks: [f32; BLOCKS],
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
        let spectrum = verdict.spectrum.unwrap_or_else(|| Autocorrelation::<LAGS>::of(window));
        let (harmonicity, period) = best_period(window);
        Self {
            level: verdict.level_dbfs,
            blocks: std::array::from_fn(|n| {
                const LENGTH: usize = FRAME_8K / BLOCKS;
                let block = &window[FRAME_8K + n * LENGTH..][..LENGTH];
                10.0 * (dot(block, block) / (LENGTH as f32 * 32_768.0 * 32_768.0) + 1e-9).log10()
            }),
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
        self.cepstrum.iter().zip(&other.cepstrum).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
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
