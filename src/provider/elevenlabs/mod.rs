//! ElevenLabs.

pub mod scribe;
pub mod speech;

/// Where ElevenLabs is.
pub const PUBLIC: &str = "https://api.elevenlabs.io";
