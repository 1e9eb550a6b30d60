//! Recordings of calls: stereo WAV, 16 bit, at the rate of the leg. Left is what was heard (the caller), right what was
//! said (the agent).
//!
//! One frame a side is written per tick of the leg, so the agent's send clock is the clock of the file and the caller
//! lies on it as the agent heard them.

mod reader;
mod writer;

pub use reader::{Levels, ReadError, RecordingReader};
pub use writer::{RecordingError, StereoRecorder};

#[cfg(test)]
mod tests;
