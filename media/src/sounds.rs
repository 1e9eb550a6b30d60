//! Sounds for tests: clips of speech that went through G.711, and what must not be taken for speech.
//!
//! The clips under `tests/data` are raw μ-law at 8 kHz, spoken by espeak-ng (`sox … gain -n -6 -e mu-law`).

use std::f64::consts::TAU;

/// "Hello? Yes, who is calling please? I would like to know more about it." A man, 4.7 s.
pub(crate) fn caller_man() -> Vec<i16> {
    decode(include_bytes!("../tests/data/caller-man.ulaw"))
}

/// "Yes. No, thank you. Maybe tomorrow afternoon." A woman, 3.7 s.
pub(crate) fn caller_woman() -> Vec<i16> {
    decode(include_bytes!("../tests/data/caller-woman.ulaw"))
}

/// "Hello?" 0.9 s.
pub(crate) fn hello() -> Vec<i16> {
    decode(include_bytes!("../tests/data/hello.ulaw"))
}

/// "Yes." 0.8 s.
pub(crate) fn yes() -> Vec<i16> {
    decode(include_bytes!("../tests/data/yes.ulaw"))
}

/// "Hello, this is Dave speaking." 2.4 s.
pub(crate) fn hello_dave() -> Vec<i16> {
    decode(include_bytes!("../tests/data/hello-dave.ulaw"))
}

/// "Hello, you have reached the voicemail of Anna Bell. I am sorry that I cannot take your call right now…" 12.5 s.
pub(crate) fn voicemail_greeting() -> Vec<i16> {
    decode(include_bytes!("../tests/data/voicemail-greeting.ulaw"))
}

/// Nothing.
pub(crate) fn silence(ms: usize) -> Vec<i16> {
    vec![0; 8 * ms]
}

/// Sum of sines of equal strength, `peak` at most.
pub(crate) fn chord(frequencies: &[f64], peak: f64, ms: usize) -> Vec<i16> {
    let each = peak / frequencies.len() as f64;
    (0..ms * 8)
        .map(|n| frequencies.iter().map(|hz| each * (TAU * hz * n as f64 / 8_000.0).sin()).sum::<f64>() as i16)
        .collect()
}

/// Sum of buzzing (sawtooth) notes: what an organ sounds like to a telephone.
pub(crate) fn organ(frequencies: &[f64], peak: f64, ms: usize) -> Vec<i16> {
    let each = peak / frequencies.len() as f64;
    (0..ms * 8)
        .map(|n| {
            frequencies.iter().map(|hz| each * (2.0 * (hz * n as f64 / 8_000.0).fract() - 1.0)).sum::<f64>() as i16
        })
        .collect()
}

/// White noise with samples in `-peak..=peak`.
pub(crate) fn white(seed: u64, peak: f64, ms: usize) -> Vec<i16> {
    let mut noise = Noise(seed);
    (0..ms * 8).map(|_| (peak * noise.step()) as i16).collect()
}

/// Brown noise (a leaking random walk), scaled so that its loudest sample is `peak`.
pub(crate) fn brown(seed: u64, peak: f64, ms: usize) -> Vec<i16> {
    let (mut noise, mut level) = (Noise(seed), 0.0);
    let walk: Vec<f64> = (0..ms * 8)
        .map(|_| {
            level = 0.995 * level + noise.step();
            level
        })
        .collect();
    scale(&walk, peak)
}

/// Pink noise: white noise through three leaky sums of different memory.
pub(crate) fn pink(seed: u64, peak: f64, ms: usize) -> Vec<i16> {
    let (mut noise, mut sums) = (Noise(seed), [0.0; 3]);
    let mixed: Vec<f64> = (0..ms * 8)
        .map(|_| {
            let step = noise.step();
            sums[0] = 0.997 * sums[0] + 0.0297 * step;
            sums[1] = 0.985 * sums[1] + 0.0648 * step;
            sums[2] = 0.570 * sums[2] + 0.1980 * step;
            sums[0] * 3.0 + sums[1] * 2.0 + sums[2] + 0.1 * step
        })
        .collect();
    scale(&mixed, peak)
}

/// Sound with noise under it.
pub(crate) fn mixed(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

/// Sound `db` decibels louder (or quieter, when negative).
pub(crate) fn gained(samples: &[i16], db: f64) -> Vec<i16> {
    samples.iter().map(|&sample| (f64::from(sample) * 10f64.powf(db / 20.0)) as i16).collect()
}

/// The sound after a G.711 μ-law line.
pub(crate) fn through_line(samples: &[i16]) -> Vec<i16> {
    use audio_codec_algorithms::{decode_ulaw, encode_ulaw};
    samples.iter().map(|&sample| decode_ulaw(encode_ulaw(sample))).collect()
}

fn decode(ulaw: &[u8]) -> Vec<i16> {
    ulaw.iter().map(|&byte| audio_codec_algorithms::decode_ulaw(byte)).collect()
}

fn scale(samples: &[f64], peak: f64) -> Vec<i16> {
    let loudest = samples.iter().fold(1e-9f64, |loudest, sample| loudest.max(sample.abs()));
    samples.iter().map(|sample| (sample / loudest * peak) as i16).collect()
}

/// Uniform noise in -1..1 from a xorshift generator, so that every run hears the same.
struct Noise(u64);

impl Noise {
    fn step(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
