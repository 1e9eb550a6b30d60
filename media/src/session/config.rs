//! What a session is started with.

use crate::negotiated::Negotiated;
use crate::vad::SegmenterConfig;

/// Everything a session needs to know at the start. The random-looking numbers are arguments so that a test can
/// repeat a run; a server draws them fresh for every leg (RFC 3550 section 5.1).
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What the offer and the answer agreed on.
    pub negotiated: Negotiated,
    /// Synchronisation source of the stream this side sends.
    pub ssrc: u32,
    /// Sequence number of the first packet sent.
    pub sequence: u16,
    /// Timestamp of the first packet sent.
    pub timestamp: u32,
    /// How the caller's speech is cut into [`MediaEvent::VoiceStarted`](super::MediaEvent::VoiceStarted) and its
    /// counterpart; `None` does not listen for it.
    pub vad: Option<SegmenterConfig>,
    /// Whether the caller's audio is handed out as [`MediaEvent::Uplink`](super::MediaEvent::Uplink). Without it and
    /// without `vad` an incoming packet is decoded once instead of twice.
    pub uplink: bool,
}
