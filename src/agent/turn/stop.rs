//! When the caller has finished.

use std::time::{Duration, Instant};

use super::Timing;

/// What kind of turn is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A few words.
    Words,
    /// Free speech, with pauses to think, up to a limit.
    Free {
        /// The limit.
        max: Duration,
    },
}

/// When a turn is over if the voice that stopped at `last_voice` stays silent.
pub(crate) fn over_at(timing: &Timing, expected: Expected, last_voice: Instant) -> Instant {
    match expected {
        Expected::Words => last_voice + timing.end_of_turn,
        Expected::Free { .. } => last_voice + timing.end_of_open_turn,
    }
}

/// When a turn that began at `since` is cut off although the voice goes on.
pub(crate) fn longest_until(timing: &Timing, expected: Expected, since: Instant) -> Instant {
    match expected {
        Expected::Words => since + timing.longest_turn,
        Expected::Free { max } => since + max,
    }
}
