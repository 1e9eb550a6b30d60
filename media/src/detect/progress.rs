//! What the network plays before there is an answer.

use std::time::Instant;

use super::signal::SignalDetector;
use super::sit::SitDetector;
use super::tone::ToneMeter;
use super::{Callee, Detection, Signal};

/// Listens to early media until the answer.
#[derive(Debug, Clone, Default)]
pub struct ProgressDetector {
    meter: ToneMeter,
    signals: SignalDetector,
    sit: SitDetector,
    said: Option<Callee>,
}

impl ProgressDetector {
    /// Takes the next 20 ms at 8 kHz. Says what is played when that is known, and again only when it changes: a line may
    /// ring before it is engaged. Does not allocate.
    pub fn push(&mut self, now: Instant, frame: &[i16]) -> Option<Detection> {
        let tone = self.meter.push(frame);
        let signal = self.signals.push(tone);
        let found = match (self.sit.push(tone), signal) {
            (Some(refusal), _) => (Callee::Refused(refusal), 95),
            (None, Some(signal @ Signal::Ringback)) => (Callee::Network(signal), 90),
            (None, Some(signal @ (Signal::Busy | Signal::Congestion))) => (Callee::Network(signal), 85),
            (None, None) => return None,
        };
        let (callee, confidence) = found;
        // Only ringing turns into something else. After three tones comes a voice, and an engaged tone that ends is cut off.
        let over = self.said.is_some_and(|said| said != Callee::Network(Signal::Ringback));
        (!over && self.said.replace(callee) != Some(callee)).then_some(Detection { callee, at: now, confidence })
    }
}
