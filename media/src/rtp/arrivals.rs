//! What the arrival times of packets say about the network.

use std::time::{Duration, Instant};

/// Samples a second of every timestamp here.
const RATE: i64 = 8_000;

/// Buckets of the sliding minimum, each of [`BUCKET`].
const BUCKETS: usize = 8;

/// Samples of time in a bucket: 1.25 s, so that the minimum looks back 8.75 to 10 s. At a drift of 200 ppm that is 2 ms.
const BUCKET: i64 = 10_000;

/// Packets that the lateness percentile looks back on: 10 s of 20 ms packets. A late packet counts at once, and is
/// forgotten with the last of them.
const RECENT: usize = 512;

/// Width of a lateness class in samples: 2 ms.
const CLASS: i64 = 16;

/// Lateness classes; the last takes everything above 254 ms.
const CLASSES: usize = 128;

/// One packet in this many may come later than the buffer aims at; it is caught by waiting for it.
const MISSED: usize = 100;

/// A packet that is earlier than any before by more than this is believed when the next is as early: 40 ms. A single
/// wild timestamp would otherwise pass for a faster route for ten seconds.
const EARLY: i64 = 320;

/// Packets in a row that must be later than the first of a stream by more than [`EARLY`] for the first to have been the
/// wild one.
const LONELY: usize = 3;

/// Arrival statistics of one stream. Times are in samples at 8 kHz, from the beginning of the session.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    /// Least transit (arrival less timestamp) per stretch of time.
    minima: [i64; BUCKETS],
    stretch: i64,
    /// Transit of a packet that nothing delayed.
    base: i64,
    lateness: [u8; RECENT],
    counts: [u16; CLASSES],
    seen: usize,
    /// Transit of an early packet that is not believed yet.
    early: Option<i64>,
    /// Packets since the first, and the least transit of them, while none has been as early as the first.
    lonely: Option<(usize, i64)>,
    transit: i64,
    /// RFC 3550 jitter, times 16.
    jitter: i64,
}

impl Arrivals {
    /// Begins with a stream's first packet, which is noted.
    pub(crate) fn starting(arrived: i64, timestamp: i64) -> Self {
        let transit = arrived - timestamp;
        let mut minima = [i64::MAX; BUCKETS];
        let stretch = arrived.div_euclid(BUCKET);
        minima[slot(stretch)] = transit;
        let mut counts = [0; CLASSES];
        counts[0] = 1;
        Self {
            minima,
            stretch,
            base: transit,
            lateness: [0; RECENT],
            counts,
            seen: 1,
            early: None,
            lonely: Some((0, i64::MAX)),
            transit,
            jitter: 0,
        }
    }

    /// Takes note of an audio packet.
    pub(crate) fn note(&mut self, arrived: i64, timestamp: i64) {
        let transit = arrived - timestamp;
        if transit < self.base - EARLY && self.early.is_none_or(|early| (transit - early).abs() > EARLY) {
            self.early = Some(transit);
            return;
        }
        self.early = None;
        self.note_jitter(transit);
        self.note_minimum(arrived, transit);
        self.doubt_the_first(transit);
        let class = ((transit - self.base) / CLASS).clamp(0, CLASSES as i64 - 1) as u8;
        let place = self.seen % RECENT;
        if self.seen >= RECENT {
            self.counts[usize::from(self.lateness[place])] -= 1;
        }
        self.lateness[place] = class;
        self.counts[usize::from(class)] += 1;
        self.seen += 1;
    }

    /// How long after its timestamp's own time a packet arrived that nothing delayed.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// How far a transit is from the undelayed one; beyond the network's doing it means a new time line.
    pub(crate) fn lateness(&self, arrived: i64, timestamp: i64) -> i64 {
        arrived - timestamp - self.base
    }

    /// The lateness that all but one recent packet in a hundred stay under, in samples.
    pub(crate) fn usual_lateness(&self) -> i64 {
        let mut allowed = self.seen.min(RECENT) / MISSED;
        for (class, &count) in self.counts.iter().enumerate().rev() {
            if usize::from(count) > allowed {
                return (class as i64 + 1) * CLASS;
            }
            allowed -= usize::from(count);
        }
        0
    }

    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub(crate) fn jitter(&self) -> Duration {
        duration(self.jitter / 16)
    }

    /// Forgets a first packet that all after it are far behind: what is measured from it would be late for ten seconds.
    fn doubt_the_first(&mut self, transit: i64) {
        let Some((seen, least)) = self.lonely else { return };
        let (seen, least) = (seen + 1, least.min(transit));
        self.lonely = (least > self.base + EARLY).then_some((seen, least));
        if self.lonely.is_some() && seen == LONELY {
            self.lonely = None;
            self.minima = [i64::MAX; BUCKETS];
            self.minima[slot(self.stretch)] = least;
            self.base = least;
            self.counts = [0; CLASSES];
            self.seen = 0;
        }
    }

    // J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16, with the rounding of RFC 3550 appendix A.8.
    fn note_jitter(&mut self, transit: i64) {
        let difference = (transit - self.transit).abs();
        self.transit = transit;
        self.jitter += difference - ((self.jitter + 8) >> 4);
    }

    fn note_minimum(&mut self, arrived: i64, transit: i64) {
        let stretch = arrived.div_euclid(BUCKET);
        let passed = (stretch - self.stretch).clamp(0, BUCKETS as i64);
        for step in 1..=passed {
            self.minima[slot(self.stretch + step)] = i64::MAX;
        }
        self.stretch = self.stretch.max(stretch);
        let current = &mut self.minima[slot(self.stretch)];
        *current = (*current).min(transit);
        self.base = self.minima.iter().copied().min().unwrap_or(transit);
    }
}

fn slot(stretch: i64) -> usize {
    stretch.rem_euclid(BUCKETS as i64) as usize
}

/// Samples at 8 kHz from `epoch` to `at`, rounded down; 0 when `at` is earlier.
pub(crate) fn samples_between(epoch: Instant, at: Instant) -> i64 {
    let micros = at.saturating_duration_since(epoch).as_micros();
    i64::try_from(micros * RATE as u128 / 1_000_000).unwrap_or(i64::MAX)
}

/// The time so many samples take at 8 kHz; zero for a negative number.
pub(crate) fn duration(samples: i64) -> Duration {
    Duration::from_micros(samples.max(0).unsigned_abs() * 1_000_000 / RATE.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_no_jitter_and_no_lateness() {
        let mut arrivals = Arrivals::starting(5_000, 0);
        for n in 0..500 {
            arrivals.note(5_000 + n * 160, n * 160);
        }
        assert_eq!(arrivals.base(), 5_000);
        assert_eq!(arrivals.usual_lateness(), CLASS);
        assert_eq!(arrivals.jitter(), Duration::ZERO);
    }

    #[test]
    fn jitter_approaches_the_mean_difference() {
        let mut arrivals = Arrivals::starting(0, 0);
        for n in 0..500i64 {
            // Every second packet 10 ms late: consecutive transits differ by 10 ms.
            arrivals.note(n * 160 + (n % 2) * 80, n * 160);
        }
        let jitter = arrivals.jitter();
        assert!(jitter > Duration::from_millis(9) && jitter <= Duration::from_millis(10), "{jitter:?}");
        assert!((80..=80 + 2 * CLASS).contains(&arrivals.usual_lateness()), "{}", arrivals.usual_lateness());
    }

    #[test]
    fn one_packet_in_a_hundred_may_be_later_than_usual() {
        let late_every = |every: i64| {
            let mut arrivals = Arrivals::starting(0, 0);
            for n in 0..RECENT as i64 {
                let late = if n % every == every - 1 { 800 } else { 0 };
                arrivals.note(n * 160 + late, n * 160);
            }
            arrivals.usual_lateness()
        };
        assert!(late_every(120) <= CLASS);
        assert!(late_every(80) >= 800);
    }

    #[test]
    fn lateness_counts_at_once_and_is_forgotten_slowly() {
        let mut arrivals = Arrivals::starting(0, 0);
        let mut note = |from: i64, to: i64, late: i64| {
            (from..to).for_each(|n| arrivals.note(n * 160 + late, n * 160));
            arrivals.usual_lateness()
        };
        assert!(note(0, 600, 0) <= CLASS);
        assert!(note(600, 606, 480) >= 480, "six of the last 512");
        assert!(note(606, 1_112, 0) >= 480, "still");
        assert!(note(1_112, 1_120, 0) <= CLASS);
    }

    #[test]
    fn one_early_packet_is_not_believed_and_two_are() {
        let mut arrivals = Arrivals::starting(0, 0);
        for n in 0..50 {
            arrivals.note(n * 160, n * 160);
        }
        arrivals.note(8_000, 10_885);
        assert_eq!(arrivals.base(), 0);
        arrivals.note(8_160, 8_160);
        arrivals.note(8_320, 9_320);
        assert_eq!(arrivals.base(), 0);
        arrivals.note(8_480, 9_480);
        assert_eq!(arrivals.base(), -1_000);
    }

    #[test]
    fn a_wild_first_packet_is_forgotten_and_one_before_a_stall_is_not() {
        let mut arrivals = Arrivals::starting(0, 1_520);
        for n in 1..3i64 {
            arrivals.note(n * 240, n * 240);
            assert_eq!(arrivals.base(), -1_520);
        }
        arrivals.note(720, 720);
        assert_eq!((arrivals.base(), arrivals.usual_lateness()), (0, CLASS));
        arrivals.note(960, 960);
        assert_eq!((arrivals.base(), arrivals.usual_lateness()), (0, CLASS));

        let mut arrivals = Arrivals::starting(0, 0);
        for n in 1..=10i64 {
            arrivals.note((n * 160).max(1_600), n * 160);
        }
        assert_eq!(arrivals.base(), 0, "what a stall held back comes at once, up to the one that is on time");
    }

    #[test]
    fn the_base_follows_a_drifting_clock_and_a_new_route() {
        let mut arrivals = Arrivals::starting(0, 0);
        // 200 ppm slow: the transit grows by 1.6 samples a second.
        for n in 0..30_000i64 {
            arrivals.note(n * 160 + n * 160 / 5_000, n * 160);
        }
        let newest = 30_000 * 160 / 5_000;
        assert!(newest - arrivals.base() <= 17, "{} behind", newest - arrivals.base());
        for n in 30_000..30_600i64 {
            arrivals.note(n * 160 + newest + 400, n * 160);
        }
        assert_eq!(arrivals.base(), newest + 400, "50 ms more, believed once the old route is forgotten");
    }
}
