//! How predictable a stretch of sound is from its own past, which tells tones, noises and voices apart cheaply.

use crate::vector::dot;

/// Lags that [`Autocorrelation::prediction_gain_db`] of order 8 needs, on a signal and on its first difference.
pub(crate) const LAGS: usize = 10;

/// Longest window that can be analysed: 40 ms at 8 kHz.
const MAX_WINDOW: usize = 320;

/// Autocorrelation of a Hann-windowed stretch at lags `0..N`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Autocorrelation<const N: usize>([f64; N]);

impl<const N: usize> Autocorrelation<N> {
    /// Analyses up to 320 samples; of a longer stretch the rest is ignored.
    pub(crate) fn of(samples: &[f32]) -> Self {
        let length = samples.len().min(MAX_WINDOW);
        let mut windowed = [0.0f32; MAX_WINDOW];
        let step = std::f32::consts::TAU / length.max(1) as f32;
        // cos((n + 1/2) step) by rotation: one multiplication a sample instead of a call.
        let (sin, cos) = step.sin_cos();
        let (mut x, mut y) = ((step / 2.0).cos(), (step / 2.0).sin());
        for (slot, &sample) in windowed.iter_mut().zip(&samples[..length]) {
            *slot = sample * (0.5 - 0.5 * x);
            (x, y) = (x * cos - y * sin, x * sin + y * cos);
        }
        Self(std::array::from_fn(|lag| f64::from(dot(&windowed[lag.min(length)..length], &windowed[..length]))))
    }

    /// The autocorrelation of the signal's first difference: 6 dB an octave steeper, so a slope of brown noise becomes
    /// flat. Its last lag is not known and left at what the neighbours suggest, so use orders below `N - 1`.
    pub(crate) fn of_difference(&self) -> Self {
        let lags = &self.0;
        Self(std::array::from_fn(|lag| {
            let before = lags[lag.abs_diff(1)];
            let after = lags[(lag + 1).min(N - 1)];
            2.0 * lags[lag] - before - after
        }))
    }

    /// Ratio, in dB, of the signal's power to what is left after predicting each sample from the `order` before it.
    /// 0 for white noise, 5 to 20 for speech, over 30 for a few steady sines.
    pub(crate) fn prediction_gain_db(&self, order: usize) -> f32 {
        // A floor of -90 dB under the signal keeps the recursion stable for exact sines.
        let power = self.0[0] * (1.0 + 1e-9) + f64::MIN_POSITIVE;
        let (_, error) = self.predictor(order, power);
        (10.0 * (power / error).log10()) as f32
    }

    /// The first correlation: near 1 for hums and hisses through a closed mouth, near 0 for white noise, below it for
    /// what hisses above 2 kHz.
    pub(crate) fn tilt(&self) -> f32 {
        (self.0[1] / (self.0[0] + f64::MIN_POSITIVE)) as f32
    }

    /// Cepstrum 1 to 8 of the best predictor of order 8: the shape of the spectrum without its level. The distance
    /// between two of them tells how different two sounds are.
    pub(crate) fn cepstrum(&self) -> [f32; 8] {
        const ORDER: usize = 8;
        // A floor of -40 dB under the signal: what lies lower is the line and not the mouth.
        let (taps, _) = self.predictor(ORDER, self.0[0] * 1.0001 + 1.0);
        let tap = |n: usize| taps.get(n).copied().unwrap_or_default();
        let mut cepstrum = [0.0f64; ORDER + 1];
        for n in 1..=ORDER {
            let known: f64 = (1..n).map(|k| k as f64 / n as f64 * cepstrum[k] * tap(n - k)).sum();
            cepstrum[n] = tap(n) + known;
        }
        std::array::from_fn(|n| cepstrum[n + 1] as f32)
    }

    /// Frequency of the strongest resonance, as a part of the sampling rate: exact for one sine, in the middle of two
    /// that lie close together. 0 for silence.
    pub(crate) fn resonance(&self) -> f64 {
        let [r0, r1, r2] = [self.0[0], self.0[1], self.0[2]];
        let scale = r0 * r0 - r1 * r1;
        // The poles of the best predictor from two samples lie at e^(±jω), drawn inwards by the window.
        let (first, second) = (r1 * (r0 - r2) / scale, (r1 * r1 - r0 * r2) / scale);
        let cosine = first / (2.0 * second.max(f64::MIN_POSITIVE).sqrt());
        if cosine.is_finite() { cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::TAU } else { 0.0 }
    }

    /// The best predictor from the `order` samples before (Durbin's recursion), its taps from 1 on, and the power of what
    /// it leaves of a signal of `power`, which is a little more than that of the signal.
    fn predictor(&self, order: usize, power: f64) -> ([f64; N], f64) {
        let (lags, mut error, mut taps) = (&self.0, power, [0.0f64; N]);
        for step in 1..=order.min(N - 1) {
            let known: f64 = (1..step).map(|tap| taps[tap] * lags[step - tap]).sum();
            let reflection = (lags[step] - known) / error;
            let before = taps;
            taps[step] = reflection;
            for tap in 1..step {
                taps[tap] = before[tap] - reflection * before[step - tap];
            }
            error = (error * (1.0 - reflection * reflection)).max(power * 1e-9);
        }
        (taps, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain(samples: impl Iterator<Item = f64>) -> f32 {
        let samples: Vec<f32> = samples.take(MAX_WINDOW).map(|sample| sample as f32).collect();
        Autocorrelation::<LAGS>::of(&samples).prediction_gain_db(8)
    }

    fn noise() -> impl Iterator<Item = f64> {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        })
    }

    #[test]
    fn sines_are_predictable_and_white_noise_is_not() {
        let wave = |hz: f64, n: usize| (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin();
        assert!(gain((0..).map(|n| 9_000.0 * wave(440.0, n))) > 45.0);
        assert!(gain((0..).map(|n| 5_000.0 * (wave(350.0, n) + wave(440.0, n)))) > 45.0);
        assert!(gain(noise().map(|sample| 20_000.0 * sample)) < 1.0);
    }

    #[test]
    fn the_difference_of_brown_noise_is_white() {
        let mut level = 0.0;
        let brown: Vec<f32> = noise()
            .map(|step| {
                level = 0.995 * level + 3_000.0 * step;
                level as f32
            })
            .skip(1_000)
            .take(MAX_WINDOW)
            .collect();
        let brown = Autocorrelation::<LAGS>::of(&brown);
        assert!(brown.prediction_gain_db(8) > 8.0, "{}", brown.prediction_gain_db(8));
        assert!(brown.of_difference().prediction_gain_db(8) < 1.0);
    }

    #[test]
    fn the_resonance_of_a_sine_is_its_frequency() {
        for hz in [350.0f64, 425.0, 1_000.0, 1_400.0, 2_500.0, 3_700.0] {
            let sine: Vec<f32> = (0..MAX_WINDOW)
                .map(|n| (8_000.0 * (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin()) as f32)
                .collect();
            let found = Autocorrelation::<LAGS>::of(&sine).resonance() * 8_000.0;
            assert!((found - hz).abs() < 2.0, "{found} for {hz}");
        }
        assert_eq!(Autocorrelation::<LAGS>::of(&[0.0; 320]).resonance(), 0.0);
    }

    #[test]
    fn silence_and_short_stretches_have_no_gain() {
        assert_eq!(gain(std::iter::repeat(0.0)), 0.0);
        for length in 0..4 {
            let gain = Autocorrelation::<LAGS>::of(&vec![100.0; length]).prediction_gain_db(8);
            assert!(gain.is_finite() && gain >= 0.0, "{length}: {gain}");
        }
    }
}
