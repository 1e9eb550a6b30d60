//! When the caller speaks.

use std::time::Instant;

use super::MediaEvent;
use crate::frame::FRAME_8K;
use crate::vad::{SegmenterConfig, Vad, VoiceActivity, VoiceChange};

/// Listens to the uplink, not to the jitter buffer: the caller has fallen silent when the last word has arrived.
#[derive(Debug)]
pub(super) struct Voice {
    vad: Vad,
    activity: VoiceActivity,
    last_voice: Instant,
}

impl Voice {
    pub(super) fn new(now: Instant, config: SegmenterConfig) -> Self {
        Self { vad: Vad::new(), activity: VoiceActivity::new(config), last_voice: now }
    }

    /// Takes the next frame of the caller, completed by a packet that came at `arrived`.
    pub(super) fn push(&mut self, now: Instant, frame: &[i16; FRAME_8K], arrived: Instant) -> Option<MediaEvent> {
        let voiced = self.vad.push(frame).voiced;
        if voiced {
            self.last_voice = arrived;
        }
        self.activity.push(voiced).map(|change| match change {
            VoiceChange::Started { .. } => MediaEvent::VoiceStarted { at: now },
            VoiceChange::Stopped { .. } => MediaEvent::VoiceStopped { at: now, last_voice: self.last_voice },
        })
    }
}
