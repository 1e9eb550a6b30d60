//! Who waits in a campaign, and who of them is next: by priority, then the list or the retries, then each in its own order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// Somebody who waits, with what decides when it is their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of the target.
    pub(super) target: usize,
    /// What a person set; higher is dialed first.
    pub(super) priority: i64,
    /// When they are due.
    pub(super) due: Timestamp,
    /// Where the list has them; none for those who are taken by the time they are due.
    pub(super) listed: Option<i64>,
}

/// Those of one campaign.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    levels: BTreeMap<i64, Level>,
    /// All of them.
    all: BTreeSet<(Timestamp, usize)>,
}

/// Those of one priority.
#[derive(Clone, Debug, Default)]
struct Level {
    /// By their place in the list, as far as they were found due.
    open: BTreeSet<(i64, usize)>,
    /// By when they are due, with their place.
    closed: BTreeSet<(Timestamp, i64, usize)>,
    timed: BTreeSet<(Timestamp, usize)>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Who is due first, and when.
    pub(super) fn first(&self) -> Option<(Timestamp, usize)> {
        self.all.first().copied()
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = usize> {
        self.all.iter().map(|&(_, target)| target)
    }

    pub(super) fn insert(&mut self, place: Place) {
        let Place { target, priority, due, listed } = place;
        self.all.insert((due, target));
        let level = self.levels.entry(priority).or_default();
        match listed {
            Some(at) => level.closed.insert((due, at, target)),
            None => level.timed.insert((due, target)),
        };
    }

    pub(super) fn remove(&mut self, place: Place) {
        let Place { target, priority, due, listed } = place;
        self.all.remove(&(due, target));
        let Some(level) = self.levels.get_mut(&priority) else { return };
        match listed {
            Some(at) => level.closed.remove(&(due, at, target)) || level.open.remove(&(at, target)),
            None => level.timed.remove(&(due, target)),
        };
        if level.is_empty() {
            self.levels.remove(&priority);
        }
    }

    /// At most `most` of those who are due and whose priority is above `floor`, in the order in which they are dialed.
    pub(super) fn due(&mut self, now: Timestamp, retries_first: bool, floor: Option<i64>, most: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for (&priority, level) in self.levels.iter_mut().rev() {
            if floor.is_some_and(|floor| priority <= floor) || found.len() >= most {
                break;
            }
            level.open_up_to(now);
            let listed = level.open.iter().map(|&(_, target)| target);
            let timed = level.timed.iter().take_while(|(due, _)| *due <= now).map(|&(_, target)| target);
            let room = most - found.len();
            if retries_first {
                found.extend(timed.chain(listed).take(room));
            } else {
                found.extend(listed.chain(timed).take(room));
            }
        }
        found
    }

    /// When the first is due whose priority is above `floor`.
    pub(super) fn first_above(&self, floor: i64, now: Timestamp) -> Option<Timestamp> {
        self.levels.iter().filter(|(priority, _)| **priority > floor).filter_map(|(_, level)| level.first(now)).min()
    }

    /// The highest priority of which one is due.
    pub(super) fn highest_due(&self, now: Timestamp) -> Option<i64> {
        let due = |level: &Level| level.first(now).is_some_and(|due| due <= now);
        self.levels.iter().rev().find(|(_, level)| due(level)).map(|(priority, _)| *priority)
    }
}

impl Level {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty() && self.timed.is_empty()
    }

    fn open_up_to(&mut self, now: Timestamp) {
        while let Some(&(due, at, target)) = self.closed.first()
            && due <= now
        {
            self.closed.pop_first();
            self.open.insert((at, target));
        }
    }

    /// When the first of them is due; `now` where somebody has been for a while.
    fn first(&self, now: Timestamp) -> Option<Timestamp> {
        let open = self.open.first().map(|_| now);
        let closed = self.closed.first().map(|&(due, ..)| due);
        let timed = self.timed.first().map(|&(due, _)| due);
        [open, closed, timed].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn place(target: usize, priority: i64, due: i64, listed: Option<i64>) -> Place {
        Place { target, priority, due: at(due), listed }
    }

    #[test]
    fn priority_then_the_list_then_the_retries() {
        let mut waiting = Waiting::default();
        for one in [
            place(0, 0, 5, None),
            place(1, 0, 3, None),
            place(2, 0, 9, Some(1)),
            place(3, 0, 0, Some(7)),
            place(4, 0, 99, Some(0)),
            place(5, 4, 2, None),
            place(6, 9, 50, Some(3)),
        ] {
            waiting.insert(one);
        }
        assert_eq!(waiting.due(at(10), false, None, 9), [5, 2, 3, 1, 0]);
        assert_eq!(waiting.due(at(10), true, None, 4), [5, 1, 0, 2]);
        assert_eq!((waiting.first_above(4, at(10)), waiting.highest_due(at(10))), (Some(at(50)), Some(4)));
        assert_eq!(waiting.due(at(60), false, Some(0), 9), [6, 5]);
        assert_eq!(waiting.first(), Some((at(0), 3)));
        // Somebody who was found due leaves as well as somebody who was not.
        waiting.remove(place(2, 0, 9, Some(1)));
        waiting.remove(place(4, 0, 99, Some(0)));
        assert_eq!(waiting.due(at(100), false, None, 9), [6, 5, 3, 1, 0]);
        assert_eq!(waiting.targets().collect::<Vec<_>>(), [3, 5, 1, 0, 6]);
    }
}
