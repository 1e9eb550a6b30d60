//! Frames of one rate as frames of the other.

use crate::frame::{FRAME_8K, Rate};
use crate::resample::Resampler;

/// Converts one stream of audio, piece by piece. What comes out is 2 ms behind.
#[derive(Clone, Debug)]
pub struct Converter {
    resampler: Resampler,
    converted: Vec<i16>,
}

impl Converter {
    /// From one rate to another, or the same.
    #[must_use]
    pub fn new(from: Rate, to: Rate) -> Self {
        let resampler = Resampler::new(from.hertz(), to.hertz()).expect("both rates are supported");
        Self { resampler, converted: Vec::with_capacity(to.samples()) }
    }

    /// The next piece at the other rate: as long as the one that went in, which must be whole samples of both.
    pub fn convert(&mut self, samples: &[i16]) -> &[i16] {
        self.converted.clear();
        self.resampler.process(samples, &mut self.converted);
        &self.converted
    }
}

/// A frame at 8 kHz: through `converter`, where there is one, and else as it is.
///
/// # Panics
/// On anything but 20 ms, at 8 kHz without a converter and at 16 kHz with one.
pub fn narrowed<'a>(converter: Option<&'a mut Converter>, frame: &'a [i16]) -> &'a [i16; FRAME_8K] {
    let narrow = match converter {
        Some(converter) => converter.convert(frame),
        None => frame,
    };
    narrow.try_into().expect("a frame of 20 ms at 8 kHz")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a tone is in a signal: half its amplitude squared, over all.
    fn share(samples: &[i16], hertz: f64, rate: f64) -> f64 {
        let turn = std::f64::consts::TAU * hertz / rate;
        let sum = |part: fn(f64) -> f64| -> f64 {
            samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * part(turn * n as f64)).sum()
        };
        let (sin, cos) = (sum(f64::sin), sum(f64::cos));
        let own: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        2.0 * (sin * sin + cos * cos) / (own.max(1.0) * samples.len() as f64)
    }

    #[test]
    fn frames_stay_as_long_and_tones_what_they_are() {
        for (from, to) in [(Rate::Hz8000, Rate::Hz16000), (Rate::Hz16000, Rate::Hz8000), (Rate::Hz8000, Rate::Hz8000)] {
            let mut converter = Converter::new(from, to);
            let mut out = Vec::new();
            let turn = std::f64::consts::TAU * 1_000.0 / f64::from(from.hertz());
            for n in 0..50 {
                let frame: Vec<i16> = (0..from.samples())
                    .map(|at| (8_000.0 * (turn * (n * from.samples() + at) as f64).sin()) as i16)
                    .collect();
                let converted = converter.convert(&frame);
                assert_eq!(converted.len(), to.samples());
                out.extend_from_slice(converted);
            }
            let share = share(&out[to.samples()..], 1_000.0, f64::from(to.hertz()));
            assert!(share > 0.999, "{from:?} to {to:?}: {share}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_left_out() {
        let mut converter = Converter::new(Rate::Hz16000, Rate::Hz8000);
        let turn = std::f64::consts::TAU * 6_000.0 / 16_000.0;
        let tone: Vec<i16> = (0..16_000).map(|n| (8_000.0 * (turn * f64::from(n)).sin()) as i16).collect();
        let out: Vec<i16> = tone.chunks(320).flat_map(|frame| converter.convert(frame).to_vec()).collect();
        assert!(crate::level::rms_dbfs(&out[160..]) < -70.0, "{}", crate::level::rms_dbfs(&out[160..]));
    }
}
