//! The only file that reads a clock. Shells read [`Now`] once per wake-up and pass it down.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// One moment on both clocks: `mono` for intervals on this machine, `wall` for calendars and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for deadlines inside this process.
    pub mono: Instant,
    /// Civil time in UTC, microseconds matter.
    pub wall: Timestamp,
}

impl Now {
    /// Both clocks moved by the same duration, as virtual time does.
    ///
    /// # Panics
    /// When the result leaves the range of either clock (year 9999), which no schedule reaches.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self { mono: self.mono + by, wall: self.wall + by }
    }

    /// The time of day of an instant at or after this moment; this moment's for an earlier one.
    #[must_use]
    pub fn wall_at(self, at: Instant) -> Timestamp {
        let after = at.saturating_duration_since(self.mono);
        self.wall.saturating_add(after).unwrap_or(self.wall)
    }

    /// Microseconds since 1970 UTC: the unit of every time column.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.wall.as_microsecond()
    }
}

/// Reads both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
pub fn now() -> Now {
    Now { mono: Instant::now(), wall: Timestamp::now() }
}
