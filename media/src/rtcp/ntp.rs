//! Times as RTCP writes them.

use std::time::{Duration, Instant};

/// Seconds from the epoch of NTP, 1900, to that of Unix.
const UNIX_EPOCH: u64 = 2_208_988_800;

/// A wall-clock time (RFC 3550 section 4): seconds since 1900 in the upper half, which comes round in 2036, and their
/// fraction in the lower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The time so long after the beginning of 1970.
    #[must_use]
    pub const fn from_unix(since: Duration) -> Self {
        Self(since.as_secs().wrapping_add(UNIX_EPOCH) << 32).after(Duration::from_nanos(since.subsec_nanos() as u64))
    }

    /// The time so much later.
    #[must_use]
    pub const fn after(self, passed: Duration) -> Self {
        let fraction = ((passed.subsec_nanos() as u64) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(passed.as_secs() << 32).wrapping_add(fraction))
    }

    /// Its middle 32 bits, in units of 1/65536 s, by which reports refer to each other.
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// A time in units of 1/65536 s; at most what fits, 18 hours.
#[must_use]
pub fn short(time: Duration) -> u32 {
    u32::try_from((time.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// The time of so many units of 1/65536 s.
#[must_use]
pub fn from_short(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}

/// The wall clock of a leg, which is told the time once and then goes by the clock of the media.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NtpClock {
    epoch: Instant,
    time: NtpTime,
}

impl NtpClock {
    /// It is `time` at `epoch`.
    pub(crate) const fn new(epoch: Instant, time: NtpTime) -> Self {
        Self { epoch, time }
    }

    pub(crate) fn at(self, now: Instant) -> NtpTime {
        self.time.after(now.saturating_duration_since(self.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_rfc() {
        // RFC 3550 section 6.4.1, figure 2: 10 Nov 1995 11:33:25.125 UTC.
        let time = NtpTime::from_unix(Duration::from_millis(816_003_205_125));
        assert_eq!(time.0, 0xb44d_b705_2000_0000);
        assert_eq!(time.middle(), 0xb705_2000);
        // The report came back at 11:33:36.5, 5.25 s after it was got: 6.125 s on the way.
        let back = NtpTime(0xb44d_b710_8000_0000);
        assert_eq!(time.after(Duration::from_millis(11_375)), back);
        let delay = short(Duration::from_millis(5_250));
        assert_eq!(delay, 0x0005_4000);
        assert_eq!(from_short(back.middle() - time.middle() - delay), Duration::from_millis(6_125));
    }

    #[test]
    fn seconds_come_round_in_2036() {
        let last = NtpTime::from_unix(Duration::from_secs((1 << 32) - UNIX_EPOCH - 1));
        assert_eq!(last.0 >> 32, u64::from(u32::MAX));
        assert_eq!(last.after(Duration::from_millis(1_500)).0, 1 << 31);
        assert_eq!(short(Duration::from_secs(100_000)), u32::MAX);
    }
}
