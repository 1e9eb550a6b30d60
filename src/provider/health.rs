//! How a vendor is doing, pure: one circuit for each, and how long its first word takes.
//!
//! ```text
//!            3 failures more than successes, a 429, a refused key
//!   Closed ───────────────────────────────────────────────────────► Open
//!     ▲  ▲                                                          │  ▲
//!     │  └───────────── a request went well after all ──────────────┤  │ the trial failed: twice as long
//!     │                                                     time is up │
//!     │                 the trial went well                         ▼  │
//!     └────────────────────────────────────────────────────────── HalfOpen
//! ```
//!
//! The trial of a half-open circuit is the adapter's probe and never a caller.

mod handle;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Error, ErrorKind};

pub use self::handle::Health;

/// So many failures more than successes open the circuit.
const FAILURES: u32 = 3;
/// A failure this old says nothing any more.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// First time away; it doubles with every trial that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest time away that we choose.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// First time away from a vendor that somebody has to mend: a key, funds, a program.
const MENDING_PAUSE: Duration = Duration::from_secs(30);
/// Longest time away from one.
const LONGEST_MENDING: Duration = Duration::from_secs(300);
/// A vendor's own wish is obeyed up to here.
const LONGEST_WISH: Duration = Duration::from_secs(300);
/// A trial whose end was never told is over by then.
const TRIAL: Duration = Duration::from_secs(60);
/// First words that are remembered.
const WAITS: usize = 64;
/// First words that are needed to judge by.
const ENOUGH: usize = 8;

/// Whether a vendor may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    Closed,
    /// It is left alone for a while.
    Open,
    /// It is being tried out.
    HalfOpen,
}

/// The circuit of one vendor. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Circuit {
    state: State,
    /// Failures more than successes.
    score: u32,
    last_failure: Option<Instant>,
    /// The next time away, when it is ours to choose.
    pause: Duration,
    since: Option<Instant>,
    error: Option<Error>,
    waits: VecDeque<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        began: Instant,
    },
}

/// How a vendor is doing, for those who look.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Whether it may be asked.
    pub standing: Standing,
    /// Since when; unknown for one that never failed.
    pub since: Option<Instant>,
    /// When it will be tried again, for an open circuit.
    pub until: Option<Instant>,
    /// Its last failure, unless all went well since.
    pub error: Option<Error>,
    /// From a request to its first word or byte: median and 95th percentile of the latest.
    pub first: Option<(Duration, Duration)>,
}

impl Circuit {
    /// Whether live requests may go to the vendor.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.state == State::Closed
    }

    /// A request went well, a trial's or a caller's.
    pub fn succeeded(&mut self, now: Instant) {
        if self.state != State::Closed {
            *self = Self { since: Some(now), waits: std::mem::take(&mut self.waits), ..Self::default() };
            return;
        }
        self.score = self.score.saturating_sub(1);
        if self.score == 0 {
            self.error = None;
            self.pause = Duration::ZERO;
        }
    }

    /// A request had its first word or byte after `wait`.
    pub fn began(&mut self, wait: Duration) {
        if self.waits.len() == WAITS {
            self.waits.pop_front();
        }
        self.waits.push_back(wait);
    }

    /// A request failed, a trial's or a caller's.
    pub fn failed(&mut self, now: Instant, error: &Error) {
        if self.last_failure.is_some_and(|last| now.saturating_duration_since(last) > FORGOTTEN) {
            self.score = 0;
        }
        self.last_failure = Some(now);
        self.error = Some(error.clone());
        self.score = (self.score + 1).min(FAILURES);
        let mending = matches!(error.kind, ErrorKind::Unauthorised | ErrorKind::NotInstalled);
        let at_once = mending || error.kind == ErrorKind::Busy;
        match self.state {
            State::Closed if at_once || self.score == FAILURES => self.open(now, mending, error.after),
            State::Closed => {}
            State::HalfOpen { .. } => self.open(now, mending, error.after),
            // Somebody asked all the same. Only the vendor's own wish counts: its failing was known.
            State::Open { until } => {
                let wish = error.after.map_or(until, |after| now + after.min(LONGEST_WISH));
                self.state = State::Open { until: until.max(wish) };
            }
        }
    }

    /// Whether a trial is to be made now. If so the circuit waits for its end.
    pub fn take_trial(&mut self, now: Instant) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            self.state = State::HalfOpen { began: now };
        }
        due
    }

    /// When the next trial is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Open { until } => Some(until),
            State::HalfOpen { began } => Some(began + TRIAL),
        }
    }

    /// Whether half of the latest first words took longer than `patience`. Says no while too few are known.
    #[must_use]
    pub fn is_slow(&self, patience: Duration) -> bool {
        self.waits.len() >= ENOUGH && self.quantile(0.5).is_some_and(|median| median > patience)
    }

    /// How it is doing.
    #[must_use]
    pub fn report(&self) -> Report {
        let (standing, until) = match self.state {
            State::Closed => (Standing::Closed, None),
            State::Open { until } => (Standing::Open, Some(until)),
            State::HalfOpen { .. } => (Standing::HalfOpen, None),
        };
        let first = self.quantile(0.5).zip(self.quantile(0.95));
        Report { standing, since: self.since, until, error: self.error.clone(), first }
    }

    fn open(&mut self, now: Instant, mending: bool, wish: Option<Duration>) {
        let (first, longest) = if mending { (MENDING_PAUSE, LONGEST_MENDING) } else { (FIRST_PAUSE, LONGEST_PAUSE) };
        let pause = self.pause.clamp(first, longest);
        self.pause = pause * 2;
        let away = wish.map_or(pause, |wish| wish.min(LONGEST_WISH));
        if self.state == State::Closed {
            self.since = Some(now);
        }
        self.state = State::Open { until: now + away };
    }

    fn quantile(&self, share: f64) -> Option<Duration> {
        let mut waits: Vec<Duration> = self.waits.iter().copied().collect();
        waits.sort_unstable();
        let last = waits.len().checked_sub(1)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 64 and not negative")]
        let at = (last as f64 * share).ceil() as usize;
        waits.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    const SECOND: Duration = Duration::from_secs(1);

    fn error(kind: ErrorKind) -> Error {
        Error::new("vendor", kind, "no")
    }

    fn broken() -> Error {
        error(ErrorKind::Broken)
    }

    #[test]
    fn three_failures_more_than_successes_open_it() {
        let (mut circuit, now) = (Circuit::default(), time::now().mono);
        for outcome in [false, true, false, false] {
            if outcome {
                circuit.succeeded(now)
            } else {
                circuit.failed(now, &broken())
            }
            assert!(circuit.admits());
        }
        circuit.failed(now, &broken());
        assert!(!circuit.admits());
        let mut patient = Circuit::default();
        for minutes in 0..9 {
            patient.failed(now + SECOND * 61 * minutes, &broken());
            assert!(patient.admits(), "once in a minute is no outage");
        }
    }

    #[test]
    fn a_limit_and_a_refused_key_open_it_at_once() {
        let now = time::now().mono;
        let until = |error: Error| {
            let mut circuit = Circuit::default();
            circuit.failed(now, &error);
            circuit.report().until.map(|until| until - now)
        };
        assert_eq!(until(error(ErrorKind::Busy)), Some(FIRST_PAUSE));
        assert_eq!(until(Error { after: Some(SECOND * 20), ..error(ErrorKind::Busy) }), Some(SECOND * 20));
        assert_eq!(until(Error { after: Some(SECOND * 9_999), ..error(ErrorKind::Busy) }), Some(LONGEST_WISH));
        assert_eq!(until(error(ErrorKind::Unauthorised)), Some(MENDING_PAUSE));
        assert_eq!(until(error(ErrorKind::Refused)), None, "one request may be wrong by itself");
    }

    #[test]
    fn only_trials_lead_back_and_failing_ones_take_longer_each_time() {
        let (mut circuit, mut now) = (Circuit::default(), time::now().mono);
        circuit.failed(now, &error(ErrorKind::Busy));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let until = circuit.poll_timeout().expect("a trial is due some time");
            assert!(!circuit.take_trial(until - Duration::from_millis(1)));
            assert!(circuit.take_trial(until) && !circuit.take_trial(until), "one at a time");
            assert!(!circuit.admits(), "nobody else is let in meanwhile");
            pauses.push((until - now).as_secs());
            now = until;
            circuit.failed(now, &broken());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        let until = circuit.poll_timeout().expect("open");
        assert!(circuit.take_trial(until));
        circuit.succeeded(until);
        assert!(circuit.admits());
        circuit.failed(until, &error(ErrorKind::Busy));
        assert_eq!(circuit.poll_timeout(), Some(until + FIRST_PAUSE), "the past is forgotten");
    }

    #[test]
    fn a_caller_who_was_served_all_the_same_closes_it() {
        let (mut circuit, now) = (Circuit::default(), time::now().mono);
        circuit.failed(now, &error(ErrorKind::Unauthorised));
        circuit.failed(now, &broken());
        assert_eq!(circuit.poll_timeout(), Some(now + MENDING_PAUSE), "a failure that was to be expected adds nothing");
        circuit.succeeded(now);
        assert!(circuit.admits());
        assert_eq!(circuit.report().error, None);
    }

    #[test]
    fn a_trial_that_never_ended_is_made_again() {
        let (mut circuit, now) = (Circuit::default(), time::now().mono);
        circuit.failed(now, &error(ErrorKind::Busy));
        assert!(circuit.take_trial(now + SECOND * 2));
        assert!(!circuit.take_trial(now + SECOND * 61));
        assert!(circuit.take_trial(now + SECOND * 62));
    }

    #[test]
    fn first_words_are_judged_by_the_latest() {
        let mut circuit = Circuit::default();
        (0..ENOUGH - 1).for_each(|_| circuit.began(SECOND));
        assert!(!circuit.is_slow(SECOND / 2), "too few to tell");
        circuit.began(SECOND);
        assert!(circuit.is_slow(SECOND / 2));
        (1..=100).for_each(|count| circuit.began(Duration::from_millis(count)));
        assert!(!circuit.is_slow(SECOND / 2));
        let (median, high) = circuit.report().first.expect("known");
        assert_eq!((median.as_millis(), high.as_millis()), (69, 97), "of 37 to 100");
    }
}
