//! Reading back, for checks and transcripts.

use std::io::Read;
use std::time::Duration;

use hound::{SampleFormat, WavReader};

use super::SIDES;
use crate::frame::Rate;
use crate::level::rms_dbfs;

/// Why a file is no recording of ours.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not a WAV file, or one that ends within its header.
    #[error("not a WAV file")]
    NotWav(#[source] hound::Error),
    /// A WAV file of another shape.
    #[error("a recording has two channels of 16 bit at 8 or 16 kHz")]
    Format,
}

/// Loudness of both sides over one window, in dBFS (see [`rms_dbfs`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Of the caller (left).
    pub heard: f32,
    /// Of the agent (right).
    pub said: f32,
}

/// A recording being read: an iterator over (heard, said) samples. A file cut short ends where it was cut.
pub struct RecordingReader<R: Read> {
    samples: hound::WavIntoSamples<R, i16>,
    rate: Rate,
}

impl<R: Read> RecordingReader<R> {
    /// Opens a recording; buffer files.
    pub fn new(reader: R) -> Result<Self, ReadError> {
        let reader = WavReader::new(reader).map_err(ReadError::NotWav)?;
        let spec = reader.spec();
        let ours = usize::from(spec.channels) == SIDES
            && spec.bits_per_sample == 16
            && spec.sample_format == SampleFormat::Int;
        let rate = Rate::of(spec.sample_rate).filter(|_| ours).ok_or(ReadError::Format)?;
        Ok(Self { samples: reader.into_samples(), rate })
    }

    /// The rate of its samples.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Loudness window by window, the last one as long as what is left. Holds one window in memory.
    pub fn levels(mut self, window: Duration) -> impl Iterator<Item = Levels> {
        let hertz = self.rate.hertz() as usize;
        let length = (window.as_millis() as usize * hertz / 1000).clamp(1, hertz * 60);
        std::iter::from_fn(move || {
            let (heard, said): (Vec<i16>, Vec<i16>) = self.by_ref().take(length).unzip();
            (!heard.is_empty()).then(|| Levels { heard: rms_dbfs(&heard), said: rms_dbfs(&said) })
        })
    }
}

impl<R: Read> Iterator for RecordingReader<R> {
    type Item = (i16, i16);

    fn next(&mut self) -> Option<Self::Item> {
        let mut sample = || self.samples.next()?.ok();
        Some((sample()?, sample()?))
    }
}
