//! What a leg's ears say, in the words of a conversation.

use std::time::Instant;

use callwright_media::session::MediaEvent;
use callwright_media::vad::SegmenterConfig;

use super::input::Input;

/// How the caller's speech is cut into turns.
pub const VOICE: SegmenterConfig = SegmenterConfig { start_ms: 200, stop_ms: 200 };

/// What the conversation is told at `now` of a sound of the caller's; `None` for everything else.
#[must_use]
pub fn told(now: Instant, event: &MediaEvent) -> Option<Input> {
    let ago = |at: Instant| now.saturating_duration_since(at);
    match *event {
        MediaEvent::VoiceStarted { since, .. } => Some(Input::VoiceStarted { ago: ago(since) }),
        MediaEvent::VoiceStopped { last_voice, .. } => Some(Input::VoiceStopped { ago: ago(last_voice) }),
        MediaEvent::Overlap { verdict, .. } => Some(Input::Overlap(verdict)),
        MediaEvent::FirstPacket { .. }
        | MediaEvent::Uplink(_)
        | MediaEvent::DtmfReceived { .. }
        | MediaEvent::DtmfSent { .. }
        | MediaEvent::Detected(_)
        | MediaEvent::ClipStarted { .. }
        | MediaEvent::ClipStarved { .. }
        | MediaEvent::ClipFed { .. }
        | MediaEvent::ClipFinished { .. }
        | MediaEvent::ClipCut { .. }
        | MediaEvent::Stalled { .. }
        | MediaEvent::Resumed { .. }
        | MediaEvent::Parted { .. }
        | MediaEvent::SourceChanged { .. } => None,
    }
}
