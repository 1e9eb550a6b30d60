//! Deepgram.

pub mod speak_v1;
pub mod speak_v2;
