//! What a recording looks like: the highest sample of each stretch of both sides, of a number of stretches that does not
//! grow with the call.

use crate::frame::Rate;

/// Most stretches. When there are more, each two become one.
pub const MAX_BUCKETS: usize = 2_000;
/// What stored bytes begin with.
const VERSION: u8 = 1;

/// The peaks of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    /// Length of each stretch in milliseconds: 20, 40, 80 and so on. The last one may be shorter.
    pub bucket_ms: u32,
    /// Of the caller (left): highest absolute sample of each stretch, 255 for full scale.
    pub heard: Vec<u8>,
    /// Of the agent (right), as many.
    pub said: Vec<u8>,
}

/// The bytes are no stored peaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are no peaks of a recording")]
pub struct NoWaveform;

impl Waveform {
    /// As it is stored: a version, the length of a stretch, the caller's peaks, the agent's. 4,005 bytes at most.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.bucket_ms.to_le_bytes());
        bytes.extend(&self.heard);
        bytes.extend(&self.said);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// They are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoWaveform> {
        let [VERSION, a, b, c, d, peaks @ ..] = bytes else { return Err(NoWaveform) };
        let bucket_ms = u32::from_le_bytes([*a, *b, *c, *d]);
        if bucket_ms == 0 || !peaks.len().is_multiple_of(2) || peaks.len() > 2 * MAX_BUCKETS {
            return Err(NoWaveform);
        }
        let (heard, said) = peaks.split_at(peaks.len() / 2);
        Ok(Self { bucket_ms, heard: heard.to_vec(), said: said.to_vec() })
    }
}

/// Finds the peaks of samples that pass by.
#[derive(Clone, Debug)]
pub struct WaveformBuilder {
    /// Samples of a stretch.
    bucket: usize,
    bucket_ms: u32,
    filled: usize,
    peaks: [u16; 2],
    sides: [Vec<u16>; 2],
}

impl WaveformBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { bucket: rate.samples(), bucket_ms: 20, filled: 0, peaks: [0; 2], sides: Default::default() }
    }

    /// Takes one sample of each side.
    pub fn add(&mut self, heard: i16, said: i16) {
        for (peak, sample) in self.peaks.iter_mut().zip([heard, said]) {
            *peak = (*peak).max(sample.unsigned_abs());
        }
        self.filled += 1;
        if self.filled == self.bucket {
            self.close();
        }
    }

    /// The peaks so far.
    #[must_use]
    pub fn finish(mut self) -> Waveform {
        if self.filled > 0 {
            self.close();
        }
        let [heard, said] = self.sides.map(|side| side.into_iter().map(scaled).collect());
        Waveform { bucket_ms: self.bucket_ms, heard, said }
    }

    fn close(&mut self) {
        if self.sides[0].len() == MAX_BUCKETS {
            for side in &mut self.sides {
                *side = side.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
            }
            self.bucket *= 2;
            self.bucket_ms *= 2;
            // This stretch is the first half of a longer one now.
            return;
        }
        for (side, peak) in self.sides.iter_mut().zip(std::mem::take(&mut self.peaks)) {
            side.push(peak);
        }
        self.filled = 0;
    }
}

/// 32,768 is 255; what is not silent is not 0.
fn scaled(peak: u16) -> u8 {
    u8::try_from(u32::from(peak).saturating_mul(255).div_ceil(32_768)).unwrap_or(u8::MAX)
}
