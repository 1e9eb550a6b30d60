//! ElevenLabs.

pub mod speech;
