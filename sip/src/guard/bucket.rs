//! How much one sender may send.

use std::time::Instant;

/// So many messages a second in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second, at least 1.
    pub per_second: u32,
    /// Messages at once, at least 1.
    pub burst: u32,
}

/// A token bucket. It counts in millionths of a message, so that no rate loses anything by rounding.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    millionths: u64,
    at: Instant,
}

const ONE: u64 = 1_000_000;

impl Bucket {
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self { millionths: u64::from(rate.burst) * ONE, at: now }
    }

    /// Takes one message's worth, if it is there.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let micros = now.saturating_duration_since(self.at).as_micros();
        let gained = u64::try_from(micros).unwrap_or(u64::MAX).saturating_mul(u64::from(rate.per_second));
        self.millionths = self.millionths.saturating_add(gained).min(u64::from(rate.burst) * ONE);
        self.at = self.at.max(now);
        let taken = self.millionths >= ONE;
        if taken {
            self.millionths -= ONE;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_never_more() {
        let rate = Rate { per_second: 7, burst: 20 };
        let mut now = crate::tests::epoch();
        let mut bucket = Bucket::full(rate, now);
        let mut taken = 0;
        // A hundred a second for ten seconds.
        for _ in 0..1_000 {
            taken += u32::from(bucket.take(rate, now));
            now += Duration::from_millis(10);
        }
        assert_eq!(taken, 20 + 69, "the burst and what came in during 9.99 s");
        now += Duration::from_secs(3_600);
        assert_eq!((0..100).filter(|_| bucket.take(rate, now)).count(), 20, "no more is kept than the burst");
        assert!(!bucket.take(rate, now - Duration::from_secs(1)), "time that runs back gives nothing");
    }
}
