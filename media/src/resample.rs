//! Sample rate conversion for voice: a streaming polyphase FIR with at most 2 ms of delay.
//!
//! A rate change by L/M is, in principle, "insert L-1 zeros, low-pass, keep every M-th". The polyphase form computes
//! only the samples that are kept and skips the zeros: output `n` lies at input time `n * M / L`, whose fraction picks
//! one of L short filters ("phases"). The low-pass is a Kaiser-windowed sinc whose length is fixed in time, not in
//! samples, so that every pair of rates has the same delay.

use std::sync::Arc;

use crate::vector::dot;

/// Rates that files and vendors deliver, in Hz.
const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// How much of the input one output sample looks at. Half of it is the delay.
const SPAN_MS: u32 = 4;

/// Window shape: about 60 dB of stop-band attenuation, 900 Hz wide between pass and stop at a span of 4 ms.
const KAISER_BETA: f64 = 5.65;

/// How far the middle of the transition lies below the lower Nyquist frequency. The pass band then ends at 3.4 kHz for
/// 8 kHz, where a telephone line ends too; what folds back lands above 3.7 kHz.
const CUTOFF_GUARD_HZ: f64 = 150.0;

/// A pair of rates outside the supported set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from} Hz to {to} Hz")]
pub struct UnsupportedRate {
    /// Rate of the input in Hz.
    pub from: u32,
    /// Rate of the output in Hz.
    pub to: u32,
}

/// The filter of one pair of rates. Building one costs up to a millisecond and 60 KiB (22.05 to 8 kHz; 8 to 16 kHz
/// needs 256 bytes), so streams that live at the same time share it.
#[derive(Debug)]
pub struct Filter {
    /// L: phases, and output samples per `decimation` input samples.
    interpolation: usize,
    /// M: input samples per `interpolation` output samples.
    decimation: usize,
    /// Taps of one phase.
    width: usize,
    /// Delay in output samples, a whole number by design.
    delay: usize,
    /// `interpolation` runs of `width` taps, each reversed so that it lines up with the window of input.
    taps: Vec<f32>,
}

impl Filter {
    /// Designs the filter for `from` → `to`, both in Hz. Known rates are 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 and
    /// 48 kHz.
    pub fn new(from: u32, to: u32) -> Result<Arc<Self>, UnsupportedRate> {
        if !RATES.contains(&from) || !RATES.contains(&to) {
            return Err(UnsupportedRate { from, to });
        }
        let divisor = gcd(from, to);
        let (interpolation, decimation) = ((to / divisor) as usize, (from / divisor) as usize);
        if interpolation == decimation {
            return Ok(Arc::new(Self { interpolation, decimation, width: 1, delay: 0, taps: vec![1.0] }));
        }
        let width = (from * SPAN_MS / 1000) as usize;
        // The middle of the filter goes to the last whole output sample before the middle of its span, so that a clip
        // can be lined up with its original without a fraction of a sample left over.
        let delay = (width * interpolation - 1) / 2 / decimation;
        let centre = delay * decimation;
        let taps = design(from, to, interpolation, width, centre);
        Ok(Arc::new(Self { interpolation, decimation, width, delay, taps }))
    }
}

/// One stream through a [`Filter`]. Input may be cut anywhere: the output does not depend on it.
#[derive(Debug, Clone)]
pub struct Resampler {
    filter: Arc<Filter>,
    /// The last `width - 1` input samples, then those not consumed yet.
    window: Vec<f32>,
    /// Index in `window` of the newest input sample that the next output needs.
    newest: usize,
    /// Phase of the next output, below `interpolation`.
    phase: usize,
}

impl Resampler {
    /// A stream with a filter of its own, `from` → `to` in Hz.
    pub fn new(from: u32, to: u32) -> Result<Self, UnsupportedRate> {
        Ok(Self::with_filter(Filter::new(from, to)?))
    }

    /// A stream that shares a filter.
    pub fn with_filter(filter: Arc<Filter>) -> Self {
        let history = filter.width - 1;
        Self { window: vec![0.0; history], newest: history, phase: 0, filter }
    }

    /// Converts `input` and appends what can be computed so far to `output`. Allocates only while its window and
    /// `output` grow to the size of a chunk.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        let Filter { interpolation, decimation, width, ref taps, .. } = *self.filter;
        self.window.extend(input.iter().map(|&sample| f32::from(sample)));
        output.reserve(input.len() * interpolation / decimation + 1);
        while self.newest < self.window.len() {
            let heard = &self.window[self.newest + 1 - width..=self.newest];
            output.push(quantize(dot(&taps[self.phase * width..(self.phase + 1) * width], heard)));
            self.phase += decimation;
            self.newest += self.phase / interpolation;
            self.phase %= interpolation;
        }
        let spent = (self.newest + 1 - width).min(self.window.len());
        self.window.drain(..spent);
        self.newest -= spent;
    }

    /// Forgets what was heard, for a new stream.
    pub fn reset(&mut self) {
        let history = self.filter.width - 1;
        self.window.clear();
        self.window.resize(history, 0.0);
        self.newest = history;
        self.phase = 0;
    }
}

/// Converts a whole clip, taking out the filter's delay: sample `n` of the result is time `n / to` of the clip, and the
/// result has `len * to / from` samples, rounded up.
pub fn convert(clip: &[i16], from: u32, to: u32) -> Result<Vec<i16>, UnsupportedRate> {
    let filter = Filter::new(from, to)?;
    let wanted = (clip.len() * filter.interpolation).div_ceil(filter.decimation);
    let delay = filter.delay;
    let tail = vec![0; filter.width];
    let mut stream = Resampler::with_filter(filter);
    let mut output = Vec::with_capacity(wanted + 2 * delay + 2);
    stream.process(clip, &mut output);
    stream.process(&tail, &mut output);
    output.drain(..delay.min(output.len()));
    output.truncate(wanted);
    Ok(output)
}

/// Phases of a Kaiser-windowed sinc, each normalised to a gain of one at 0 Hz so that a constant stays constant.
/// `centre` is the middle of the impulse response, counted at `interpolation` times the input rate.
fn design(from: u32, to: u32, interpolation: usize, width: usize, centre: usize) -> Vec<f32> {
    let centre = centre as f64;
    let rate = f64::from(from) * interpolation as f64;
    let cutoff = (f64::from(from.min(to)) / 2.0 - CUTOFF_GUARD_HZ) / rate;
    let prototype = |index: usize| {
        let distance = index as f64 - centre;
        let edge = distance / (centre + 0.5);
        sinc(2.0 * cutoff * distance) * bessel_i0(KAISER_BETA * (1.0 - edge * edge).max(0.0).sqrt())
    };
    let mut taps = Vec::with_capacity(width * interpolation);
    for phase in 0..interpolation {
        let own: Vec<f64> = (0..width).rev().map(|tap| prototype(phase + tap * interpolation)).collect();
        let gain: f64 = own.iter().sum();
        taps.extend(own.iter().map(|tap| (tap / gain) as f32));
    }
    taps
}

/// Rounds to the nearest sample, clipping at full scale.
///
/// In the lower bits of 1.5 * 2^23 plus a small number stands that number, rounded to the nearest integer: an addition
/// where `f32::round` is a call into the C library on processors without SSE 4.1.
fn quantize(value: f32) -> i16 {
    const ROUNDER: f32 = 12_582_912.0;
    (value.clamp(-32_768.0, 32_767.0) + ROUNDER).to_bits() as u16 as i16
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
}

/// Modified Bessel function of the first kind, order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..30 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
