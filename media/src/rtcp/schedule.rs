//! When a report leaves (RFC 3550 sections 6.2 and 6.3, appendix A.7).

use std::time::{Duration, Instant};

/// The usual least interval between reports, before it is varied.
pub(crate) const MINIMUM: Duration = Duration::from_secs(5);

/// What RTCP may take: 5 % of 80 kbit/s, G.711 with its headers, in bytes a second.
const BANDWIDTH: f64 = 500.0;

/// Bytes of the headers of IP and UDP, which count.
const HEADERS: f64 = 28.0;

/// The size our first report is reckoned with.
const FIRST_SIZE: f64 = 80.0 + HEADERS;

/// Makes up for reconsideration, which on the whole delays reports: e − 3/2.
const COMPENSATION: f64 = std::f64::consts::E - 1.5;

/// Who shares the bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Population {
    /// Sources, ours included.
    pub(crate) members: u32,
    /// Those of them that send RTP.
    pub(crate) senders: u32,
    /// Ours is one of these.
    pub(crate) we_sent: bool,
}

/// The timer of one leg. Which interval follows is drawn from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    minimum: Duration,
    draws: u64,
    average: f64,
    initial: bool,
    last: Instant,
    next: Instant,
}

impl Schedule {
    /// Begins to count; the first report comes after half the time.
    pub(crate) fn new(now: Instant, minimum: Duration, seed: u64) -> Self {
        let mut schedule = Self { minimum, draws: seed, average: FIRST_SIZE, initial: true, last: now, next: now };
        schedule.next = now + schedule.interval(Population { members: 1, senders: 0, we_sent: false });
        schedule
    }

    /// Whether the timer has run out, without a look at who is there.
    pub(crate) fn rings(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Whether a report leaves now that the timer has run out: if as many had been there all along it may not have yet,
    /// and it runs on (section 6.3.6).
    pub(crate) fn is_due(&mut self, now: Instant, population: Population) -> bool {
        let due = self.last + self.interval(population);
        if due > now {
            self.next = due;
        }
        due <= now
    }

    /// A report of this size has left.
    pub(crate) fn sent(&mut self, now: Instant, size: usize, population: Population) {
        self.note_size(size);
        self.initial = false;
        self.last = now;
        self.next = now + self.interval(population);
    }

    /// A report, ours or the peer's, has this size.
    pub(crate) fn note_size(&mut self, size: usize) {
        self.average += (size as f64 + HEADERS - self.average) / 16.0;
    }

    fn interval(&mut self, population: Population) -> Duration {
        let Population { members, senders, we_sent } = population;
        // While few of many send, a quarter of the bandwidth is theirs.
        let (sharers, share) = match senders * 4 <= members {
            true if we_sent => (senders, 0.25),
            true => (members - senders, 0.75),
            false => (members, 1.0),
        };
        let minimum = if self.initial { self.minimum / 2 } else { self.minimum };
        let least = minimum.as_secs_f64();
        let fair = self.average * f64::from(sharers) / (BANDWIDTH * share);
        Duration::from_secs_f64(fair.max(least) * (0.5 + self.draw()) / COMPENSATION)
    }

    /// The next number of a splitmix64 stream, from 0 to 1.
    fn draw(&mut self) -> f64 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.draws;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Population = Population { members: 2, senders: 2, we_sent: true };

    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// When reports leave in ten minutes of 20 ms ticks.
    fn times(seed: u64, minimum: Duration, population: Population) -> Vec<Duration> {
        let start = origin();
        let mut schedule = Schedule::new(start, minimum, seed);
        let mut times = Vec::new();
        for tick in 0..30_000 {
            let now = start + Duration::from_millis(20) * tick;
            if schedule.rings(now) && schedule.is_due(now, population) {
                schedule.sent(now, 80, population);
                times.push(now - start);
            }
        }
        times
    }

    #[test]
    fn two_parties_report_about_every_five_seconds_and_never_in_step() {
        let mut all = Vec::new();
        for seed in 0..50 {
            let times = times(seed, MINIMUM, TWO);
            assert!((90..=150).contains(&times.len()), "seed {seed}: {} in ten minutes", times.len());
            assert!(times[0] >= Duration::from_millis(1_020) && times[0] <= Duration::from_millis(3_100), "{times:?}");
            let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
            all.extend(gaps.inspect(|gap| assert!((2.05..=6.2).contains(gap), "seed {seed}: {gap}")));
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert!((4.5..=5.5).contains(&mean), "a mean of {mean}");
        assert_ne!(times(1, MINIMUM, TWO), times(2, MINIMUM, TWO));
        assert_eq!(times(1, MINIMUM, TWO), times(1, MINIMUM, TWO));
    }

    #[test]
    fn many_parties_keep_to_their_share_of_the_bandwidth() {
        let crowd = Population { members: 200, senders: 2, we_sent: false };
        // 108 bytes, 198 of 200 members in three quarters of the bandwidth: 57 s on the whole.
        let reports: usize = (0..20).map(|seed| times(seed, MINIMUM, crowd).len()).sum();
        assert!((8..=14).contains(&(reports / 20)), "{reports} in twenty runs");
        let speaker = Population { we_sent: true, ..crowd };
        assert!(times(1, MINIMUM, speaker).len() > 80, "two senders share a quarter");
    }

    #[test]
    fn a_reduced_minimum_is_kept_to() {
        let times = times(3, Duration::from_millis(500), TWO);
        assert!((900..=1_500).contains(&times.len()), "{}", times.len());
    }
}
