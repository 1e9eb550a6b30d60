//! Writing.

use std::io::{self, Seek, Write};
use std::time::Duration;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::frame::{FRAME, PcmFrame, Rate};

/// Frames after which the header is brought up to date: one second.
const FRAMES_PER_FLUSH: u32 = 50;

/// Longest recording, in frames: 18 hours. The lengths in a WAV header would wrap after 18.6 hours at 16 kHz.
const MAX_FRAMES: u64 = 18 * 3_600 * 50;

/// Why a recording stopped. The call goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// No space left, or a quota used up: whoever runs the server has to act.
    #[error("no space left for the recording")]
    Full(#[source] io::Error),
    /// The file could not be written for another reason.
    #[error("recording cannot be written")]
    Io(#[source] io::Error),
    /// A frame at another rate than the recording's; nothing was written.
    #[error("a frame is not of the recording's rate")]
    Rate,
    /// Longer than 18 hours.
    #[error("the recording is longer than 18 hours")]
    TooLong,
    /// An earlier write failed; what was written until then can be played.
    #[error("the recording has stopped after a failure")]
    Stopped,
}

/// Writes one call into anything that can be written and sought; give it a buffered file.
///
/// The header tells players how much there is. It is brought up to date each second, after the samples it speaks of,
/// so a file whose writer was killed plays up to its last whole second.
pub struct StereoRecorder<W: Write + Seek> {
    writer: WavWriter<W>,
    rate: Rate,
    frames: u64,
    /// Of these, how many have not been given to the disk.
    unflushed: u32,
    stopped: bool,
}

impl<W: Write + Seek> std::fmt::Debug for StereoRecorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StereoRecorder").field("frames", &self.frames).field("stopped", &self.stopped).finish()
    }
}

impl<W: Write + Seek> StereoRecorder<W> {
    /// Begins a recording at 8 kHz at the writer's position, which should be its start, and makes it a playable empty
    /// file.
    pub fn new(writer: W) -> Result<Self, RecordingError> {
        Self::at(writer, Rate::Hz8000)
    }

    /// [`new`](Self::new) at another rate.
    pub fn at(writer: W, rate: Rate) -> Result<Self, RecordingError> {
        let sample_rate = rate.hertz();
        let spec = WavSpec { channels: 2, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::new(writer, spec).map_err(fault)?;
        writer.flush().map_err(fault)?;
        Ok(Self { writer, rate, frames: 0, unflushed: 0, stopped: false })
    }

    /// Adds the 20 ms of one tick. After an error other than [`RecordingError::Rate`] nothing more is written.
    pub fn push(&mut self, heard: &PcmFrame, said: &PcmFrame) -> Result<(), RecordingError> {
        if heard.rate() != self.rate || said.rate() != self.rate {
            return Err(RecordingError::Rate);
        }
        let (heard, said) = (heard.samples(), said.samples());
        self.attempt(|recorder| recorder.write(heard.iter().zip(said).map(|(&heard, &said)| (heard, said))))
    }

    /// Adds silence on both sides for ticks that did not happen.
    pub fn skip(&mut self, frames: u32) -> Result<(), RecordingError> {
        let silence = std::iter::repeat_n((0, 0), self.rate.samples());
        self.attempt(|recorder| (0..frames).try_for_each(|_| recorder.write(silence.clone())))
    }

    /// Length so far; after an error that which is [sure](Self::sure).
    #[must_use]
    pub fn duration(&self) -> Duration {
        FRAME * u32::try_from(self.frames).unwrap_or(u32::MAX)
    }

    /// Length that the disk has taken, and that the header tells of.
    #[must_use]
    pub fn sure(&self) -> Duration {
        FRAME * u32::try_from(self.frames - u64::from(self.unflushed)).unwrap_or(u32::MAX)
    }

    /// Ends the recording and returns its length.
    pub fn finalize(self) -> Result<Duration, RecordingError> {
        let duration = self.duration();
        if self.stopped {
            return Err(RecordingError::Stopped);
        }
        self.writer.finalize().map_err(fault)?;
        Ok(duration)
    }

    fn attempt(&mut self, write: impl FnOnce(&mut Self) -> Result<(), RecordingError>) -> Result<(), RecordingError> {
        if self.stopped {
            return Err(RecordingError::Stopped);
        }
        let result = write(self);
        if result.is_err() {
            self.stopped = true;
            self.frames -= u64::from(std::mem::take(&mut self.unflushed));
        }
        result
    }

    fn write(&mut self, samples: impl Iterator<Item = (i16, i16)>) -> Result<(), RecordingError> {
        if self.frames >= MAX_FRAMES {
            return Err(RecordingError::TooLong);
        }
        let mut frame = self.writer.get_i16_writer(2 * self.rate.samples() as u32);
        for (left, right) in samples {
            frame.write_sample(left);
            frame.write_sample(right);
        }
        frame.flush().map_err(fault)?;
        self.frames += 1;
        self.unflushed += 1;
        if self.unflushed == FRAMES_PER_FLUSH {
            self.writer.flush().map_err(fault)?;
            self.unflushed = 0;
        }
        Ok(())
    }
}

fn fault(error: hound::Error) -> RecordingError {
    let error = match error {
        hound::Error::IoError(error) => error,
        // These speak of formats and of odd sample counts, and whole frames of a fixed format are written here.
        hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat => io::Error::other(error),
    };
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    if full.contains(&error.kind()) { RecordingError::Full(error) } else { RecordingError::Io(error) }
}
