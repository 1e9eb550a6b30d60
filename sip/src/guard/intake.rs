//! Messages that wait to be served: what belongs to calls that are up goes before what would make new ones.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How soon a message is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Belongs to something under way: responses, ACK, CANCEL, and requests within dialogs.
    Underway,
    /// Would begin something.
    Fresh,
    /// Asks whether we are there (OPTIONS): the first to be turned away.
    Probe,
}

/// What may wait at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Messages of things under way.
    pub underway: usize,
    /// Messages that would begin something. Probes get in while this half is half empty.
    pub fresh: usize,
    /// Bytes of all.
    pub bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { underway: 4_096, fresh: 1_024, bytes: 8 * 1024 * 1024 }
    }
}

/// Two queues with one end for each.
#[derive(Debug)]
pub struct Intake<T> {
    room: Room,
    underway: VecDeque<Waiting<T>>,
    fresh: VecDeque<Waiting<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    since: Instant,
    urgency: Urgency,
    bytes: usize,
    what: T,
}

impl<T> Intake<T> {
    /// Nothing waits.
    #[must_use]
    pub fn new(room: Room) -> Self {
        Self { room, underway: VecDeque::new(), fresh: VecDeque::new(), bytes: 0 }
    }

    /// Lets a message of so many bytes wait.
    ///
    /// # Errors
    /// There is no room for it: it is dropped. Whoever sent it sends it again.
    pub fn push(&mut self, now: Instant, urgency: Urgency, bytes: usize, what: T) -> Result<(), T> {
        let (queue, most) = match urgency {
            Urgency::Underway => (&mut self.underway, self.room.underway),
            Urgency::Fresh => (&mut self.fresh, self.room.fresh),
            Urgency::Probe => (&mut self.fresh, self.room.fresh / 2),
        };
        // What would begin something leaves a quarter of the bytes to what is under way.
        let most_bytes = if urgency == Urgency::Underway { self.room.bytes } else { self.room.bytes / 4 * 3 };
        if queue.len() >= most || self.bytes + bytes > most_bytes {
            return Err(what);
        }
        self.bytes += bytes;
        queue.push_back(Waiting { since: now, urgency, bytes, what });
        Ok(())
    }

    /// The next message to be served.
    pub fn pop(&mut self) -> Option<(Urgency, T)> {
        let next = self.underway.pop_front().or_else(|| self.fresh.pop_front())?;
        self.bytes -= next.bytes;
        Some((next.urgency, next.what))
    }

    /// How long the message has waited that has waited longest among those that would begin something.
    #[must_use]
    pub fn delay(&self, now: Instant) -> Duration {
        self.fresh.front().map_or(Duration::ZERO, |first| now.saturating_duration_since(first.since))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.underway.len() + self.fresh.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_are_up_go_first_and_each_queue_is_bounded() {
        let now = crate::tests::epoch();
        let mut intake = Intake::new(Room { underway: 2, fresh: 4, bytes: 1_000 });
        for (name, urgency, fits) in [
            ("fresh 1", Urgency::Fresh, true),
            ("probe 1", Urgency::Probe, true),
            ("probe 2", Urgency::Probe, false),
            ("fresh 2", Urgency::Fresh, true),
            ("fresh 3", Urgency::Fresh, true),
            ("fresh 4", Urgency::Fresh, false),
            ("up 1", Urgency::Underway, true),
            ("up 2", Urgency::Underway, true),
            ("up 3", Urgency::Underway, false),
        ] {
            assert_eq!(intake.push(now, urgency, 10, name).is_ok(), fits, "{name}");
        }
        assert_eq!(intake.delay(now + Duration::from_millis(30)), Duration::from_millis(30));
        let order: Vec<_> = std::iter::from_fn(|| intake.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["up 1", "up 2", "fresh 1", "probe 1", "fresh 2", "fresh 3"]);
        assert_eq!((intake.bytes, intake.is_empty(), intake.delay(now)), (0, true, Duration::ZERO));
    }

    #[test]
    fn large_messages_leave_bytes_to_what_is_under_way() {
        let now = crate::tests::epoch();
        let mut intake = Intake::new(Room { underway: 9, fresh: 9, bytes: 1_000 });
        assert!(intake.push(now, Urgency::Fresh, 700, ()).is_ok());
        assert!(intake.push(now, Urgency::Fresh, 100, ()).is_err());
        assert!(intake.push(now, Urgency::Underway, 300, ()).is_ok());
        assert!(intake.push(now, Urgency::Underway, 1, ()).is_err());
    }
}
