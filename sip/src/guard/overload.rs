//! When new calls are turned away, so that the others are served in time.
//!
//! What is watched is delay: how long messages wait, and how late the processor gets to us. The least delay of a window
//! tells a queue that stands from one that a burst has left and that is about to go (the idea of RFC 8289). While it is
//! above the target, a growing share of new calls gets 503; the share shrinks as soon as the delay is gone, in steps
//! small enough that the load settles just below what can be served (the loss-based scheme of RFC 7339 section 7, carried
//! out by ourselves because carriers rarely do it for us).

use std::time::{Duration, Instant};

/// Knobs of [`Overload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverloadConfig {
    /// The delay that is borne.
    pub target: Duration,
    /// How long a window lasts.
    pub window: Duration,
    /// Calls that may wait at one time for their first answer from us; further ones are turned away.
    pub most_waiting: usize,
}

impl Default for OverloadConfig {
    fn default() -> Self {
        Self { target: Duration::from_millis(50), window: Duration::from_millis(200), most_waiting: 256 }
    }
}

/// Shares are in thousandths.
const ALL: u32 = 1_000;
/// Even then one in twenty gets through, to show whether things have got better.
const MOST: u32 = 950;
/// How much more is turned away after a window with the target's delay; more delay, more, up to four times.
const STEP_UP: u32 = 60;
/// How much less after a window without.
const STEP_DOWN: u32 = 40;
/// A window with fewer looks than this tells nothing.
const LOOKS: u32 = 3;
/// After so many windows without a look nobody remembers what was.
const FORGET: u32 = 25;

/// Decides which new calls are turned away.
#[derive(Debug, Clone)]
pub struct Overload {
    config: OverloadConfig,
    window: Option<Window>,
    shed: u32,
    credit: u32,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Instant,
    least: Duration,
    looks: u32,
}

impl Overload {
    /// Nothing is turned away.
    #[must_use]
    pub const fn new(config: OverloadConfig) -> Self {
        Self { config, window: None, shed: 0, credit: 0 }
    }

    /// Takes note of a delay.
    pub fn observe(&mut self, now: Instant, delay: Duration) {
        let length = self.config.window;
        let fresh = Window { ends: now + length, least: delay, looks: 1 };
        match &mut self.window {
            Some(window) if now < window.ends => {
                window.least = window.least.min(delay);
                window.looks += 1;
            }
            Some(window) => {
                let ended = *window;
                *window = fresh;
                if now.saturating_duration_since(ended.ends) > length * FORGET {
                    self.shed = 0;
                } else if ended.looks >= LOOKS {
                    self.settle(ended.least);
                }
            }
            None => self.window = Some(fresh),
        }
    }

    fn settle(&mut self, least: Duration) {
        let target = self.config.target;
        if least > target {
            let times = least.as_micros() / target.as_micros().max(1);
            let step = STEP_UP * u32::try_from(times).unwrap_or(u32::MAX).clamp(1, 4);
            self.shed = (self.shed + step).min(MOST);
        } else if least <= target / 2 {
            self.shed = self.shed.saturating_sub(STEP_DOWN);
        }
    }

    /// Whether a new call is let in while so many wait for their first answer. The share that is not is spread evenly.
    pub fn lets_in(&mut self, waiting: usize) -> bool {
        if waiting >= self.config.most_waiting {
            return false;
        }
        self.credit += ALL - self.shed;
        let lets_in = self.credit >= ALL;
        if lets_in {
            self.credit -= ALL;
        }
        lets_in
    }

    /// Whether probes are turned away.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.shed > 0
    }

    /// What part of new calls is turned away, in thousandths.
    #[must_use]
    pub const fn share(&self) -> u32 {
        self.shed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes `cost` for a call and gets `rate` calls a second; served, refused, and the longest delay after
    /// the first five seconds. A refusal costs a twentieth.
    fn run(rate: u64, cost: Duration, seconds: u64) -> (u64, u64, Duration) {
        let start = crate::tests::epoch();
        let mut overload = Overload::new(OverloadConfig::default());
        let (mut served, mut refused, mut worst) = (0, 0, Duration::ZERO);
        let mut free_at = start;
        for number in 0..rate * seconds {
            let now = start + Duration::from_micros(number * 1_000_000 / rate);
            let delay = free_at.saturating_duration_since(now);
            overload.observe(now, delay);
            let settled = now > start + Duration::from_secs(5);
            free_at = free_at.max(now);
            if overload.lets_in(0) {
                free_at += cost;
                served += u64::from(settled);
                worst = if settled { worst.max(delay) } else { worst };
            } else {
                free_at += cost / 20;
                refused += u64::from(settled);
            }
        }
        (served, refused, worst)
    }

    #[test]
    fn below_saturation_nobody_is_turned_away() {
        let (served, refused, worst) = run(90, Duration::from_millis(10), 30);
        assert_eq!(refused, 0, "{served} served");
        assert!(worst < Duration::from_millis(20), "{worst:?}");
    }

    #[test]
    fn at_twice_saturation_most_of_the_peak_is_served_and_in_time() {
        for (times, percent) in [(2, 90), (4, 80)] {
            let (served, refused, worst) = run(times * 100, Duration::from_millis(10), 65);
            // A hundred a second for a minute is what can be served at all; refusing takes its part of the time.
            let most = 60 * (100 - (times - 1) * 100 / 20);
            assert!(served * 100 >= most * percent, "{times} times: {served} of {most} served, {refused} refused");
            assert!(worst < Duration::from_millis(500), "{times} times: {worst:?}");
        }
    }

    #[test]
    fn a_burst_alone_turns_nobody_away_and_a_quiet_hour_is_forgotten() {
        let start = crate::tests::epoch();
        let mut overload = Overload::new(OverloadConfig::default());
        let at = |millis| start + Duration::from_millis(millis);
        for millis in (0..2_000).step_by(10) {
            // A queue of a hundred milliseconds each second that is gone after half of a window.
            let delay = if millis % 1_000 < 100 { 100 } else { 1 };
            overload.observe(at(millis), Duration::from_millis(delay));
        }
        assert_eq!(overload.share(), 0);
        for millis in (2_000..4_000).step_by(10) {
            overload.observe(at(millis), Duration::from_millis(300));
        }
        assert!(overload.is_on() && overload.share() >= 900, "{}", overload.share());
        overload.observe(at(3_604_000), Duration::ZERO);
        assert_eq!(overload.share(), 0);
    }

    #[test]
    fn too_many_that_wait_are_enough() {
        let mut overload = Overload::new(OverloadConfig { most_waiting: 2, ..OverloadConfig::default() });
        assert!(overload.lets_in(1) && !overload.lets_in(2) && overload.lets_in(0));
    }
}
