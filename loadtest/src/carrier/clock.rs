//! One clock for the log: the wall time at the start plus monotonic time, so that lines never run backwards.

use std::time::{Instant, SystemTime};

/// Turns instants into seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    base: Instant,
    unix: f64,
}

impl WallClock {
    /// A clock that is right now.
    pub(crate) fn start() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { base: Instant::now(), unix }
    }

    /// Seconds since 1970 UTC at `at`, to the microsecond.
    pub(crate) fn unix(&self, at: Instant) -> f64 {
        let offset = match at.checked_duration_since(self.base) {
            Some(since) => since.as_secs_f64(),
            None => -self.base.duration_since(at).as_secs_f64(),
        };
        ((self.unix + offset) * 1e6).round() / 1e6
    }
}
