//! Who, or what, has answered: a person, a machine, a machine that is ready to record, or nobody yet.
//!
//! Three detectors listen side by side to the first 20 s after the answer, each blind to what the others are for:
//! [`greeting`] hears only speech and pauses, `beep` only single tones, `ringback` only the network's own tones.

mod beep;
pub mod greeting;
pub(crate) mod keys;
mod ringback;
mod tone;

use std::time::{Duration, Instant};

use beep::BeepDetector;
use greeting::{Greeting, GreetingConfig, GreetingVerdict};
use ringback::RingbackDetector;
use tone::ToneMeter;

/// How long after the answer is listened.
const LISTENING: Duration = Duration::from_secs(20);

/// Voiced frames that make speech out of clicks and coughs: 200 ms.
const SPEECH_FRAMES: u32 = 10;

/// Something was found out about who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detection {
    /// A person, or nothing that speaks for a machine within the deadline. Said once; a machine may still be found
    /// afterwards.
    Human {
        /// When it was decided.
        at: Instant,
    },
    /// A recorded greeting. Said once, possibly after [`Detection::Human`], which it then corrects.
    Machine {
        /// When it was decided.
        at: Instant,
    },
    /// The tone after a greeting has just ended: what is said now is recorded. Said once.
    Beep {
        /// When it was decided: the tone's end, found within 40 ms.
        at: Instant,
    },
    /// It is still ringing: the call was answered by a switch on the way, not by the callee. Said once, and only as
    /// long as nobody has spoken.
    Ringback {
        /// When it was decided: the beginning of the second ring.
        at: Instant,
    },
}

/// Listens to one callee from the answer on.
#[derive(Debug, Clone)]
pub struct CalleeDetector {
    answered: Instant,
    greeting: Greeting,
    meter: ToneMeter,
    beep: BeepDetector,
    ringback: RingbackDetector,
    voiced: u32,
    beep_said: bool,
}

impl CalleeDetector {
    /// A detector for a call that was answered at `now`.
    #[must_use]
    pub fn new(now: Instant, config: GreetingConfig) -> Self {
        Self {
            answered: now,
            greeting: Greeting::new(config),
            meter: ToneMeter::default(),
            beep: BeepDetector::default(),
            ringback: RingbackDetector::default(),
            voiced: 0,
            beep_said: false,
        }
    }

    /// Takes the next 20 ms at 8 kHz of what the callee says and whether there was voice in it
    /// ([`Vad::push`](crate::vad::Vad::push)). Does nothing any more 20 s after the answer. Does not allocate.
    pub fn push(&mut self, now: Instant, frame: &[i16], voiced: bool) -> Option<Detection> {
        if self.is_done(now) {
            return None;
        }
        self.voiced += u32::from(voiced);
        let tone = self.meter.push(frame);
        let spoken = self.voiced >= SPEECH_FRAMES;
        let beep = self.beep.push(tone) && spoken && !self.beep_said;
        let ringback = self.ringback.push(tone) && !spoken;
        let verdict = self.greeting.push(voiced);
        if beep {
            self.beep_said = true;
            return Some(Detection::Beep { at: now });
        }
        if ringback {
            return Some(Detection::Ringback { at: now });
        }
        verdict.map(|verdict| match verdict {
            GreetingVerdict::Human => Detection::Human { at: now },
            GreetingVerdict::Machine => Detection::Machine { at: now },
        })
    }

    /// Whether listening is over.
    #[must_use]
    pub fn is_done(&self, now: Instant) -> bool {
        self.beep_said || now.saturating_duration_since(self.answered) >= LISTENING
    }
}

#[cfg(test)]
mod tests;
