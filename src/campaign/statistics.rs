//! What the calls of a campaign came to, in the numbers that people look at.
//!
//! A *call* is one whose INVITE was sent. It was *answered* when a person took it: what a mailbox, a screening service, a menu
//! or a fax machine answered is none, and stays out of everything that is divided by. *Call success*: marked within the call.
//! *Interrupted*: the contact hung up or said goodbye before the script was complete, however soon.

use crate::campaign::wire::wire_enum;

/// From how many percent on a rate is good, and from how many on it is fair.
const SUCCESS: (f64, f64) = (70.0, 40.0);
/// Up to how many percent interruptions are few, and up to how many they are bearable.
const INTERRUPTED: (f64, f64) = (10.0, 30.0);

wire_enum! {
    /// How a rate is to be seen.
    pub enum Badge is "badge" {
        /// Good.
        Green = "green",
        /// Fair.
        Yellow = "yellow",
        /// Bad.
        Red = "red",
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// That many.
    pub count: u64,
    /// Of these.
    pub of: u64,
}

impl Rate {
    /// In percent; none of nothing.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 * 100.0 / self.of as f64)
    }

    /// The more the better.
    #[must_use]
    pub fn as_success(self) -> Option<Badge> {
        let (good, fair) = SUCCESS;
        self.percent().map(|percent| match percent {
            percent if percent >= good => Badge::Green,
            percent if percent >= fair => Badge::Yellow,
            _ => Badge::Red,
        })
    }

    /// The fewer the better.
    #[must_use]
    pub fn as_interruption(self) -> Option<Badge> {
        let (few, bearable) = INTERRUPTED;
        self.percent().map(|percent| match percent {
            percent if percent <= few => Badge::Green,
            percent if percent <= bearable => Badge::Yellow,
            _ => Badge::Red,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_seen_by_their_limits() {
        let rate = |count| Rate { count, of: 1000 };
        for (count, success, interruption) in [
            (1000, Badge::Green, Badge::Red),
            (700, Badge::Green, Badge::Red),
            (699, Badge::Yellow, Badge::Red),
            (400, Badge::Yellow, Badge::Red),
            (399, Badge::Red, Badge::Red),
            (301, Badge::Red, Badge::Red),
            (300, Badge::Red, Badge::Yellow),
            (101, Badge::Red, Badge::Yellow),
            (100, Badge::Red, Badge::Green),
            (0, Badge::Red, Badge::Green),
        ] {
            assert_eq!(rate(count).as_success(), Some(success), "{count}");
            assert_eq!(rate(count).as_interruption(), Some(interruption), "{count}");
        }
        assert_eq!(rate(125).percent(), Some(12.5));
        let nothing = Rate::default();
        assert_eq!((nothing.percent(), nothing.as_success(), nothing.as_interruption()), (None, None, None));
    }
}
