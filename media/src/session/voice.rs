//! What the caller's audio means: speech, silence, and who answered.

use std::time::Instant;

use super::MediaEvent;
use crate::detect::CalleeDetector;
use crate::frame::FRAME_8K;
use crate::vad::{SegmenterConfig, Vad, VoiceActivity, VoiceChange};

/// Listens to the uplink, not to the jitter buffer: the caller has fallen silent when the last word has arrived.
#[derive(Debug)]
pub(super) struct Voice {
    vad: Vad,
    activity: Option<VoiceActivity>,
    callee: Option<CalleeDetector>,
    last_voice: Instant,
}

impl Voice {
    /// Without a `segmenter` nothing is said of speech and silence.
    pub(super) fn new(now: Instant, segmenter: Option<SegmenterConfig>) -> Self {
        Self { vad: Vad::new(), activity: segmenter.map(VoiceActivity::new), callee: None, last_voice: now }
    }

    pub(super) fn detect(&mut self, callee: CalleeDetector) {
        self.callee = Some(callee);
    }

    /// Takes the next frame of the caller, completed by a packet that came at `arrived`.
    pub(super) fn push(
        &mut self,
        now: Instant,
        frame: &[i16; FRAME_8K],
        arrived: Instant,
        mut say: impl FnMut(MediaEvent),
    ) {
        let voiced = self.vad.push(frame).voiced;
        if voiced {
            self.last_voice = arrived;
        }
        match self.activity.as_mut().and_then(|activity| activity.push(voiced)) {
            Some(VoiceChange::Started { .. }) => say(MediaEvent::VoiceStarted { at: now }),
            Some(VoiceChange::Stopped { .. }) => {
                say(MediaEvent::VoiceStopped { at: now, last_voice: self.last_voice });
            }
            None => {}
        }
        if let Some(detection) = self.callee.as_mut().and_then(|callee| callee.push(now, frame, voiced)) {
            say(MediaEvent::Detected(detection));
        }
        self.callee.take_if(|callee| callee.is_done(now));
    }
}
