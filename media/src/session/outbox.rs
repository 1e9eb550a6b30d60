//! Events waiting to be fetched.

use std::collections::VecDeque;

use super::MediaEvent;
use crate::frame::PcmFrame;

/// Most events that wait.
const MAX_EVENTS: usize = 64;

/// Most uplink frames that wait: 2.56 s.
const MAX_FRAMES: usize = 128;

/// Events for which there is room from the beginning: what one packet and one tick tell at most.
const USUAL_EVENTS: usize = 8;

/// Two bounded queues, because frames are many and large. When one is full its oldest entry goes.
#[derive(Debug)]
pub(super) struct Outbox {
    events: VecDeque<MediaEvent>,
    frames: VecDeque<PcmFrame>,
    lost_events: u64,
    lost_frames: u64,
}

impl Default for Outbox {
    fn default() -> Self {
        let events = VecDeque::with_capacity(USUAL_EVENTS);
        Self { events, frames: VecDeque::new(), lost_events: 0, lost_frames: 0 }
    }
}

impl Outbox {
    pub(super) fn push(&mut self, event: MediaEvent) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
            self.lost_events += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn push_frame(&mut self, frame: PcmFrame) {
        if self.frames.len() == MAX_FRAMES {
            self.frames.pop_front();
            self.lost_frames += 1;
        }
        self.frames.push_back(frame);
    }

    pub(super) fn pop(&mut self) -> Option<MediaEvent> {
        self.events.pop_front().or_else(|| self.frames.pop_front().map(MediaEvent::Uplink))
    }

    /// Events and frames dropped unfetched.
    pub(super) fn overflows(&self) -> (u64, u64) {
        (self.lost_events, self.lost_frames)
    }
}
