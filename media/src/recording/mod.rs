//! Recordings of calls: stereo WAV, 16 bit, while the call goes on; Ogg/Opus after it; both at the rate of the leg. Left is
//! what was heard (the caller), right what was said (the agent).
//!
//! One frame a side is written per tick of the leg, so the agent's send clock is the clock of the file and the caller
//! lies on it as the agent heard them. Nothing here opens a file: readers and writers come in.

mod agreement;
mod decode;
mod encode;
mod reader;
mod waveform;
mod writer;

pub use agreement::{Agreement, Disagreement, SideAgreement, verify};
pub use decode::{DecodeError, EncodedReader};
pub use encode::{EncodeError, encode};
pub use reader::{Levels, ReadError, RecordingReader};
pub use waveform::{MAX_BUCKETS, NoWaveform, Waveform, WaveformBuilder};
pub use writer::{RecordingError, StereoRecorder};

/// What Opus counts in, whatever the rate of the sound (RFC 7845 section 4).
const OPUS_RATE: u32 = 48_000;
/// The caller and the agent.
const SIDES: usize = 2;

#[cfg(test)]
mod encoded_tests;
#[cfg(test)]
mod tests;
