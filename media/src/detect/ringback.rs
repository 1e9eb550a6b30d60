//! The ringing tone of the network: 425 Hz, 440 and 480 Hz, or 400 and 450 Hz, on and off.

use super::tone::Tone;

/// Where ringing tones lie, measured in the middle when there are two.
const BAND: std::ops::RangeInclusive<f32> = 400.0..=485.0;

/// Frames of one ring: from the double ring's 0.4 s to 2 s, with room for edges.
const RING: std::ops::RangeInclusive<u32> = 16..=115;

/// Frames of the pause between two rings: from the double ring's 0.2 s to 5 s.
const PAUSE: std::ops::RangeInclusive<u32> = 5..=260;

/// Frames that a tone must last before it counts as a ring that has begun.
const ONSET: u32 = 5;

/// Finds the second ring.
#[derive(Debug, Clone, Default)]
pub(super) struct RingbackDetector {
    state: State,
}

/// ```text
///   Quiet ──tone──▶ Ringing ──pause──▶ Paused ──tone for ONSET──▶ said
///     ▲                │ too short or long │ too long or short
///     └────────────────┴───────────────────┘
/// ```
#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Quiet,
    Ringing {
        frames: u32,
    },
    Paused {
        frames: u32,
        again: u32,
    },
    Said,
}

impl RingbackDetector {
    /// Takes the tone of the next window. True once, when a second ring has begun.
    pub(super) fn push(&mut self, tone: Option<Tone>) -> bool {
        let rings = tone.is_some_and(|tone| BAND.contains(&tone.hz));
        self.state = match self.state {
            State::Quiet if rings => State::Ringing { frames: 1 },
            State::Quiet => State::Quiet,
            State::Ringing { frames } if rings => State::Ringing { frames: frames.saturating_add(1) },
            State::Ringing { frames } if RING.contains(&frames) => State::Paused { frames: 1, again: 0 },
            State::Ringing { .. } => State::Quiet,
            State::Paused { frames, again } if rings => match again + 1 {
                ONSET.. if PAUSE.contains(&frames) => {
                    self.state = State::Said;
                    return true;
                }
                again @ ONSET.. => State::Ringing { frames: again },
                again => State::Paused { frames, again },
            },
            State::Paused { frames, again } if frames + again >= *PAUSE.end() => State::Quiet,
            State::Paused { frames, again } => State::Paused { frames: frames + again + 1, again: 0 },
            State::Said => State::Said,
        };
        false
    }
}
