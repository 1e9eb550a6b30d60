//! Samples at the vendors: their encodings, and where there is sound in them.

use std::time::Instant;

use callwright_media::codec::g711;
use serde::Serialize;

use super::log::Log;

/// Samples from this amplitude on are sound; line noise and the steps of G.711 around zero are below.
const LOUD: u16 = 400;

/// Sound with a pause of this many milliseconds is two stretches.
const PAUSE_MS: u64 = 200;

/// How samples are written in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// G.711 μ-law.
    Mulaw,
    /// G.711 A-law.
    Alaw,
    /// Signed 16 bit, little-endian.
    Linear16,
}

impl Encoding {
    /// Appends the samples of `bytes`. A sample that is cut in two is left out.
    pub fn decode(self, bytes: &[u8], samples: &mut Vec<i16>) {
        match self {
            Self::Mulaw => samples.extend(bytes.iter().map(|byte| g711::ULAW_TO_LINEAR[usize::from(*byte)])),
            Self::Alaw => samples.extend(bytes.iter().map(|byte| g711::ALAW_TO_LINEAR[usize::from(*byte)])),
            Self::Linear16 => {
                samples.extend(bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)));
            }
        }
    }

    /// Appends the bytes of `samples`.
    pub fn encode(self, samples: &[i16], bytes: &mut Vec<u8>) {
        match self {
            Self::Mulaw => bytes.extend(samples.iter().map(|sample| g711::encode_ulaw(*sample))),
            Self::Alaw => bytes.extend(samples.iter().map(|sample| g711::encode_alaw(*sample))),
            Self::Linear16 => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        }
    }
}

/// A stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// When the message with its first loud sample came or went, in microseconds since the start.
    pub first_us: u64,
    /// The same of its last loud sample.
    pub last_us: u64,
    /// The first loud sample, counted from the beginning of the connection.
    pub first_sample: u64,
    /// The last loud sample.
    pub last_sample: u64,
}

/// Finds the stretches of sound in what passes.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    samples: u64,
    current: Option<Run>,
}

impl Runs {
    /// Takes samples that came or went at `at`, and gives the stretch that is over with them.
    pub(crate) fn push(&mut self, log: &Log, at: Instant, samples: &[i16], rate: u32) -> Option<Run> {
        let base = self.samples;
        self.samples += samples.len() as u64;
        let loud = |sample: &i16| sample.unsigned_abs() >= LOUD;
        let Some(first) = samples.iter().position(loud) else {
            let pause = PAUSE_MS * u64::from(rate) / 1000;
            return self.current.take_if(|run| run.last_sample + pause < self.samples);
        };
        let last = samples.iter().rposition(loud).unwrap_or(first);
        let (first_sample, last_sample, now) = (base + first as u64, base + last as u64, log.micros(at));
        let new = Run { first_us: now, last_us: now, first_sample, last_sample };
        let pause = PAUSE_MS * u64::from(rate) / 1000;
        match &mut self.current {
            Some(run) if run.last_sample + pause >= first_sample => {
                run.last_us = now;
                run.last_sample = last_sample;
                None
            }
            current => current.replace(new),
        }
    }

    /// The stretch that is not over yet.
    pub(crate) const fn finish(&mut self) -> Option<Run> {
        self.current.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_come_back() {
        let samples = [0_i16, 1_000, -1_000, 20_000, -20_000];
        for encoding in [Encoding::Mulaw, Encoding::Alaw, Encoding::Linear16] {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            encoding.encode(&samples, &mut bytes);
            encoding.decode(&bytes, &mut back);
            assert_eq!(back.len(), samples.len());
            for (sample, back) in samples.iter().zip(&back) {
                assert!((sample - back).abs() <= 20 + sample.abs() / 25, "{encoding:?}: {sample} became {back}");
            }
        }
    }

    #[test]
    fn a_pause_parts_two_stretches() {
        let log = Log::open(None, false).expect("memory is always writable");
        let now = Instant::now();
        let mut runs = Runs::default();
        let mut found = Vec::new();
        let (loud, quiet) = ([3_000_i16; 160], [0_i16; 160]);
        for frame in [&quiet, &loud, &quiet, &loud].into_iter().chain([&quiet; 15]).chain([&loud]) {
            found.extend(runs.push(&log, now, frame, 8_000));
        }
        found.extend(runs.finish());
        let samples: Vec<(u64, u64)> = found.iter().map(|run| (run.first_sample, run.last_sample)).collect();
        assert_eq!(samples, [(160, 639), (3_040, 3_199)]);
    }
}
