//! Who of several vendors answers one request, pure.
//!
//! The first one is asked. Each time nobody has spoken for the length of the patience, the next one is asked as well; when
//! one fails and nobody else is running, the next one is asked at once. Who speaks first wins, the others are dropped.
//! Vendors with an open circuit come last, and only when all others have failed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::provider::error::Error;

/// A race for one request.
#[derive(Clone, Debug)]
pub struct Race {
    patience: Duration,
    runners: Vec<Runner>,
    /// Those that were not asked yet, the best first.
    waiting: VecDeque<usize>,
    /// When the next one is asked although somebody runs.
    next: Option<Instant>,
    over: bool,
    acts: VecDeque<Act>,
}

#[derive(Clone, Copy, Debug)]
struct Runner {
    admitted: bool,
    since: Option<Instant>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask this one.
    Start(usize),
    /// It has won; its first word took so long.
    Won(usize, Duration),
    /// It has lost after so long: cancel it.
    Drop(usize, Duration),
    /// All have failed; the last one like this.
    Lost(Error),
}

impl Race {
    /// A race between vendors in the order of preference. `admitted` says whose circuit is closed.
    #[must_use]
    pub fn new(now: Instant, patience: Duration, admitted: &[bool]) -> Self {
        let places = |wanted: bool| (0..admitted.len()).filter(move |&at| admitted[at] == wanted);
        let mut race = Self {
            patience,
            runners: admitted.iter().map(|&admitted| Runner { admitted, since: None }).collect(),
            waiting: places(true).chain(places(false)).collect(),
            next: None,
            over: false,
            acts: VecDeque::new(),
        };
        race.start(now);
        race
    }

    /// A vendor gave its first word.
    pub fn spoke(&mut self, now: Instant, runner: usize) {
        let Some(since) = self.runners[runner].since else { return };
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.acts.push_back(Act::Won(runner, now.saturating_duration_since(since)));
        for (other, state) in self.runners.iter_mut().enumerate().filter(|(other, _)| *other != runner) {
            if let Some(since) = state.since.take() {
                self.acts.push_back(Act::Drop(other, now.saturating_duration_since(since)));
            }
        }
    }

    /// A vendor failed before its first word.
    pub fn failed(&mut self, now: Instant, runner: usize, error: Error) {
        if self.over || self.runners[runner].since.take().is_none() {
            return;
        }
        let alone = self.runners.iter().all(|runner| runner.since.is_none());
        if alone && !self.start(now) {
            self.over = true;
            self.acts.push_back(Act::Lost(error));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.start(now);
        }
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When to [`tick`](Self::tick) at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // One that fails anyway is no help against one that is late.
        let helps = self.waiting.front().is_some_and(|&next| self.runners[next].admitted);
        self.next.filter(|_| helps && !self.over)
    }

    fn start(&mut self, now: Instant) -> bool {
        let Some(next) = self.waiting.pop_front() else { return false };
        self.runners[next].since = Some(now);
        self.next = Some(now + self.patience);
        self.acts.push_back(Act::Start(next));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::error::ErrorKind;
    use crate::time;

    const PATIENCE: Duration = Duration::from_millis(900);
    const MS: Duration = Duration::from_millis(1);

    fn race(admitted: &[bool]) -> (Race, Instant) {
        let now = time::now().mono;
        (Race::new(now, PATIENCE, admitted), now)
    }

    fn acts(race: &mut Race) -> Vec<Act> {
        std::iter::from_fn(|| race.poll_act()).collect()
    }

    fn error(of: &'static str) -> Error {
        Error::new(of, ErrorKind::Broken, "no")
    }

    #[test]
    fn one_that_speaks_in_time_runs_alone() {
        let (mut race, now) = race(&[true, true]);
        assert_eq!(acts(&mut race), [Act::Start(0)]);
        race.tick(now + 899 * MS);
        race.spoke(now + 899 * MS, 0);
        assert_eq!(acts(&mut race), [Act::Won(0, 899 * MS)]);
        assert_eq!(race.poll_timeout(), None);
    }

    #[test]
    fn a_late_one_meets_a_second_and_the_first_to_speak_wins() {
        for winner in [0, 1] {
            let (mut race, now) = race(&[true, true, true]);
            assert_eq!(race.poll_timeout(), Some(now + PATIENCE));
            race.tick(now + PATIENCE);
            assert_eq!(acts(&mut race), [Act::Start(0), Act::Start(1)]);
            assert_eq!(race.poll_timeout(), Some(now + 2 * PATIENCE), "the third waits as long again");
            race.spoke(now + 1000 * MS, winner);
            let waits = [1000 * MS, 100 * MS];
            assert_eq!(acts(&mut race), [Act::Won(winner, waits[winner]), Act::Drop(1 - winner, waits[1 - winner])]);
            race.spoke(now + 1001 * MS, 1 - winner);
            assert_eq!(acts(&mut race), [], "nobody wins twice");
        }
    }

    #[test]
    fn a_failure_asks_the_next_at_once_unless_somebody_runs() {
        let (mut race, now) = race(&[true, true, true]);
        race.failed(now + 5 * MS, 0, error("a"));
        assert_eq!(acts(&mut race), [Act::Start(0), Act::Start(1)]);
        race.tick(now + 5 * MS + PATIENCE);
        assert_eq!(acts(&mut race), [Act::Start(2)]);
        race.failed(now + 906 * MS, 1, error("b"));
        assert_eq!(acts(&mut race), []);
        race.failed(now + 907 * MS, 2, error("c"));
        assert_eq!(acts(&mut race), [Act::Lost(error("c"))]);
    }

    #[test]
    fn an_open_circuit_is_passed_by_until_nothing_else_is_left() {
        let (mut race, now) = race(&[false, true]);
        assert_eq!(acts(&mut race), [Act::Start(1)]);
        assert_eq!(race.poll_timeout(), None, "one that fails anyway is no help against one that is late");
        race.failed(now, 1, error("b"));
        assert_eq!(acts(&mut race), [Act::Start(0)]);
        race.spoke(now, 0);
        assert_eq!(acts(&mut race), [Act::Won(0, Duration::ZERO)]);
    }

    #[test]
    fn with_every_circuit_open_the_best_is_asked_all_the_same() {
        let (mut race, _) = race(&[false, false]);
        assert_eq!(acts(&mut race), [Act::Start(0)]);
    }
}
