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

/// A moment on the clock that goes on while the machine sleeps (CLOCK_BOOTTIME), which `Now::mono` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boot(Duration);

impl Boot {
    /// The moment so much later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// The last moment at which something may be done, on both clocks: a process that was stopped, or a machine that slept,
/// does not do it late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// On the monotonic clock.
    pub mono: Instant,
    /// On the one that sleep does not stop.
    pub boot: Boot,
}

impl Latest {
    /// The same moment on both clocks, unless the machine sleeps from now on.
    #[must_use]
    pub fn at(mono: Instant) -> Self {
        Self { mono, boot: boot().after(mono.saturating_duration_since(now().mono)) }
    }
}

/// Reads the clock that goes on while the machine sleeps.
#[must_use]
pub fn boot() -> Boot {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Boot(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// Reads both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
pub fn now() -> Now {
    Now { mono: Instant::now(), wall: Timestamp::now() }
}
