//! What a caller's own pauses teach.

use std::time::Duration;

/// Pauses remembered.
const KEPT: usize = 12;

/// Fewer pauses than this say nothing yet.
const ENOUGH: usize = 2;

/// Nobody's pauses make the agent wait longer than this.
const MOST: Duration = Duration::from_millis(1_400);

/// So much longer than the pause that is to be survived.
const MARGIN: Duration = Duration::from_millis(100);

/// Pauses inside one caller's turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pauses {
    /// The newest last.
    recent: Vec<Duration>,
}

impl Pauses {
    /// The caller paused so long and then went on. Pauses beyond two seconds are something else.
    pub(crate) fn learn(&mut self, pause: Duration) {
        if pause > Duration::from_secs(2) {
            return;
        }
        if self.recent.len() == KEPT {
            self.recent.remove(0);
        }
        self.recent.push(pause);
    }

    /// The least silence that ends this caller's turns: a little more than four of five of the pauses. Zero as long
    /// as too few are known.
    pub(crate) fn least(&self) -> Duration {
        if self.recent.len() < ENOUGH {
            return Duration::ZERO;
        }
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * 4).div_ceil(5) - 1;
        (sorted[at] + MARGIN).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_caller_is_given_time_and_a_quick_one_is_not_made_to_wait() {
        let ms = Duration::from_millis;
        let mut pauses = Pauses::default();
        pauses.learn(ms(900));
        assert_eq!(pauses.least(), Duration::ZERO, "one pause is no habit");
        pauses.learn(ms(700));
        assert_eq!(pauses.least(), ms(1_000));
        for _ in 0..9 {
            pauses.learn(ms(300));
        }
        assert_eq!(pauses.least(), ms(400), "nine of eleven are short");
        pauses.learn(ms(5_000));
        assert_eq!(pauses.least(), ms(400), "that was no pause for breath");
        for _ in 0..KEPT {
            pauses.learn(ms(1_900));
        }
        assert_eq!(pauses.least(), MOST);
    }
}
