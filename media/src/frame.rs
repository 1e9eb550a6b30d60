//! Twenty milliseconds of mono audio.

use std::fmt;
use std::time::Duration;

/// How long every frame is, and how often a leg is ticked.
pub const FRAME: Duration = Duration::from_millis(20);

/// Samples of a frame at the telephone's own rate.
pub const FRAME_8K: usize = 160;

/// Samples of the widest frame.
pub(crate) const MAX_SAMPLES: usize = 320;

/// The widest [`Rate::factor`].
pub(crate) const MAX_FACTOR: usize = MAX_SAMPLES / FRAME_8K;

/// Sampling rates the product works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// 8,000 samples a second: the telephone network, G.711.
    Hz8000,
    /// 16,000 samples a second: wideband codecs and most recognisers.
    Hz16000,
}

impl Rate {
    /// The rate of so many samples a second, when it is one of these.
    #[must_use]
    pub const fn of(hertz: u32) -> Option<Self> {
        match hertz {
            8_000 => Some(Self::Hz8000),
            16_000 => Some(Self::Hz16000),
            _ => None,
        }
    }

    /// Samples a second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
        }
    }

    /// Samples in the time of one at 8 kHz, which time lines are counted in.
    pub(crate) const fn factor(self) -> usize {
        self.samples() / FRAME_8K
    }

    /// Samples in one 20 ms frame.
    #[must_use]
    pub const fn samples(self) -> usize {
        match self {
            Self::Hz8000 => FRAME_8K,
            Self::Hz16000 => MAX_SAMPLES,
        }
    }
}

/// Twenty milliseconds of 16-bit linear samples, held inline so that passing one on never allocates.
#[derive(Clone)]
pub struct PcmFrame {
    rate: Rate,
    samples: [i16; MAX_SAMPLES],
}

impl PcmFrame {
    /// A frame of digital silence.
    #[must_use]
    pub const fn silence(rate: Rate) -> Self {
        Self { rate, samples: [0; MAX_SAMPLES] }
    }

    /// A frame of exactly [`Rate::samples`] samples; `None` when the slice has another length.
    #[must_use]
    pub fn from_samples(rate: Rate, samples: &[i16]) -> Option<Self> {
        let mut frame = Self::silence(rate);
        (samples.len() == rate.samples()).then(|| {
            frame.samples_mut().copy_from_slice(samples);
            frame
        })
    }

    /// The sampling rate.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The samples: [`Rate::samples`] of them.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples[..self.rate.samples()]
    }

    /// The samples, to be written over.
    #[must_use]
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples[..self.rate.samples()]
    }
}

impl PartialEq for PcmFrame {
    fn eq(&self, other: &Self) -> bool {
        self.rate == other.rate && self.samples() == other.samples()
    }
}

impl Eq for PcmFrame {}

// What was said on a call is in the samples: a log gets the shape only.
impl fmt::Debug for PcmFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcmFrame").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_twenty_milliseconds_whatever_the_rate() {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            assert_eq!(rate.samples() as u32 * 50, rate.hertz());
            assert_eq!(PcmFrame::silence(rate).samples().len(), rate.samples());
        }
        assert_eq!(PcmFrame::from_samples(Rate::Hz8000, &[1; 159]), None);
        assert_eq!(PcmFrame::from_samples(Rate::Hz16000, &[1; 160]), None);
        let frame = PcmFrame::from_samples(Rate::Hz8000, &[7; 160]).expect("160 samples are a frame at 8 kHz");
        assert_eq!(frame.samples(), &[7; 160]);
        assert_ne!(frame, PcmFrame::silence(Rate::Hz8000));
    }
}
