//! ITU-T G.722 at 64 kbit/s: speech up to 7 kHz in two bands of 8 kHz each.
//!
//! A byte holds one sample of each band, the upper one in its two upper bits. Whoever works at 8 kHz needs the lower band
//! only, and no filter between the bands.

mod band;

use self::band::{Lower, Upper};
use crate::frame::Rate;

/// Half of the filter that parts the bands and joins them; the other half is its mirror image.
const FILTER: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Samples the filter looks at.
const SPAN: usize = 2 * FILTER.len();

/// Writes one stream.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    /// The last samples; none when the input is the lower band.
    past: Option<[i32; SPAN]>,
    lower: Lower,
    upper: Upper,
}

impl G722Encoder {
    /// Of samples at this rate.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self { past: past(rate), lower: Lower::new(), upper: Upper::new() }
    }

    /// Encodes as many samples as fit `payload` and returns how many bytes were written: one for each sample at 8 kHz, one
    /// for each pair at 16 kHz, of which an odd last one is left out.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let step = if self.past.is_some() { 2 } else { 1 };
        let bytes = payload.iter_mut().zip(samples.chunks_exact(step));
        bytes.map(|(byte, samples)| *byte = self.byte(samples)).count()
    }

    fn byte(&mut self, samples: &[i16]) -> u8 {
        let (lower, upper) = match &mut self.past {
            Some(past) => {
                let (even, odd) = filter(past, [i32::from(samples[0]), i32::from(samples[1])]);
                ((even + odd) >> 14, (even - odd) >> 14)
            }
            None => (i32::from(samples[0]) >> 1, 0),
        };
        self.upper.encode(upper) << 6 | self.lower.encode(lower)
    }
}

/// Reads one stream.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    /// What went into the filter last; none when the output is the lower band.
    past: Option<[i32; SPAN]>,
    lower: Lower,
    upper: Upper,
}

impl G722Decoder {
    /// Forgets what was heard.
    pub const fn reset(&mut self) {
        let rate = if self.past.is_some() { Rate::Hz16000 } else { Rate::Hz8000 };
        *self = Self::new(rate);
    }

    /// Into samples at this rate.
    #[must_use]
    pub const fn new(rate: Rate) -> Self {
        Self { past: past(rate), lower: Lower::new(), upper: Upper::new() }
    }

    /// Decodes as many bytes as fit `samples` and returns how many samples were written: one for each byte at 8 kHz, two
    /// at 16 kHz.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> usize {
        match &mut self.past {
            Some(past) => {
                let pairs = samples.chunks_exact_mut(2).zip(payload);
                2 * pairs
                    .map(|(pair, &byte)| {
                        let (lower, upper) = (self.lower.decode(byte), self.upper.decode(byte >> 6));
                        let (even, odd) = filter(past, [lower + upper, lower - upper]);
                        pair.copy_from_slice(&[narrow(even >> 11), narrow(odd >> 11)]);
                    })
                    .count()
            }
            None => {
                let bytes = samples.iter_mut().zip(payload);
                bytes.map(|(sample, &byte)| *sample = narrow(self.lower.decode(byte) << 1)).count()
            }
        }
    }
}

const fn past(rate: Rate) -> Option<[i32; SPAN]> {
    match rate {
        Rate::Hz8000 => None,
        Rate::Hz16000 => Some([0; SPAN]),
    }
}

/// Moves two values into the filter; the sums over its odd and its even places.
fn filter(past: &mut [i32; SPAN], fresh: [i32; 2]) -> (i32, i32) {
    past.copy_within(2.., 0);
    past[SPAN - 2..].copy_from_slice(&fresh);
    let (mut even, mut odd) = (0, 0);
    for (place, pair) in past.as_chunks::<2>().0.iter().enumerate() {
        odd += pair[0] * FILTER[place];
        even += pair[1] * FILTER[FILTER.len() - 1 - place];
    }
    (even, odd)
}

fn narrow(value: i32) -> i16 {
    value.clamp(-32_768, 32_767) as i16
}

#[cfg(test)]
mod tests;
