//! How often somebody may try to sign in: the rule, without a clock.
//!
//! A try is taken before the password is looked at, and given back when it was right. So of many tries at the same time no
//! more get through than of tries in turn.

use jiff::{SignedDuration, Timestamp};

/// Tries for one account: five, then a pause after each that fails.
pub const ACCOUNT: Rule =
    Rule { free: 5, pauses: &[minutes(1), minutes(5), minutes(15), minutes(60)], forget: minutes(24 * 60) };
/// Tries from one network address: many people may sit behind it.
pub const ADDRESS: Rule = Rule { free: 50, pauses: &[minutes(15)], forget: minutes(15) };

/// So many tries, so long a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The failure after which the first pause begins.
    pub free: u32,
    /// How long the pauses are, one after the other; the last one comes again and again.
    pub pauses: &'static [SignedDuration],
    /// How long after the last failure everything is forgotten.
    pub forget: SignedDuration,
}

/// Tries that have not succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last: Timestamp,
    /// Until when there is no other one.
    pub locked_until: Option<Timestamp>,
}

impl Rule {
    /// The tries with one more, which is taken for a failure until it is known better.
    ///
    /// # Errors
    /// Until when nobody may try.
    pub fn take(&self, before: Option<Tries>, now: Timestamp) -> Result<Tries, Timestamp> {
        let before = before.filter(|tries| now.duration_since(tries.last) < self.forget);
        if let Some(until) = before.and_then(|tries| tries.locked_until).filter(|until| *until > now) {
            return Err(until);
        }
        let failures = before.map_or(0, |tries| tries.failures).saturating_add(1);
        Ok(Tries {
            failures,
            last: now,
            locked_until: self.pause(failures).and_then(|pause| now.checked_add(pause).ok()),
        })
    }

    /// The tries without the one that turned out to be right. Earlier failures stay: who can sign in to one account has
    /// no more tries at others for it.
    #[must_use]
    pub fn give_back(&self, tries: Tries) -> Tries {
        let failures = tries.failures.saturating_sub(1);
        Tries { failures, locked_until: tries.locked_until.filter(|_| failures >= self.free), ..tries }
    }

    fn pause(&self, failures: u32) -> Option<SignedDuration> {
        let over = usize::try_from(failures.checked_sub(self.free)?).unwrap_or(usize::MAX);
        self.pauses.get(over).or(self.pauses.last()).copied()
    }
}

const fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries as often as it may from `now` on, and tells when each try was, in minutes.
    fn at_once(rule: &Rule, count: usize) -> Vec<i64> {
        let (mut now, mut tries, mut taken) = (Timestamp::UNIX_EPOCH, None, Vec::new());
        while taken.len() < count {
            match rule.take(tries, now) {
                Ok(next) => {
                    taken.push(now.duration_since(Timestamp::UNIX_EPOCH).as_mins());
                    tries = Some(next);
                }
                Err(until) => now = until,
            }
        }
        taken
    }

    #[test]
    fn whoever_goes_on_guessing_waits_longer_and_longer() {
        assert_eq!(at_once(&ACCOUNT, 10), [0, 0, 0, 0, 0, 1, 6, 21, 81, 141]);
        let many = at_once(&ADDRESS, 101);
        assert_eq!((many[49], many[50], many[99], many[100]), (0, 15, 15, 30));
    }

    #[test]
    fn failures_are_forgotten_and_a_right_try_is_none() {
        let start = Timestamp::UNIX_EPOCH;
        let four = (0..4).fold(None, |tries, _| ACCOUNT.take(tries, start).ok());
        assert_eq!(four.map(|tries| (tries.failures, tries.locked_until)), Some((4, None)));
        let fifth = ACCOUNT.take(four, start).expect("it is free");
        assert_eq!(fifth.locked_until, Some(start + minutes(1)));
        assert_eq!(ACCOUNT.give_back(fifth), four.expect("four"), "the fifth was right");
        let later = ACCOUNT.take(Some(fifth), start + ACCOUNT.forget).expect("forgotten");
        assert_eq!((later.failures, later.locked_until), (1, None));
    }
}
