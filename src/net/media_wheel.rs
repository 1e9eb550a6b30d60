//! The clock of a media worker.

use std::time::{Duration, Instant};

/// Slots of the wheel.
const SLOTS: usize = 5;
/// Time of one slot, in ms; the wheel turns once in 20 ms.
const SLOT_MS: u64 = 4;
/// The same.
pub(super) const SLOT: Duration = Duration::from_millis(SLOT_MS);

/// A wheel of slots that turns on absolute time: slot `s` is due at `epoch + (4 s + 20 n) ms` for every `n`.
pub(super) struct Wheel {
    epoch: Instant,
    /// The next slot to be served, counted from the epoch.
    next: u64,
    slots: [Vec<usize>; SLOTS],
    filled: usize,
}

impl Wheel {
    /// An empty wheel.
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, next: 0, slots: std::array::from_fn(|_| Vec::new()), filled: 0 }
    }

    /// Puts a leg into an emptiest slot.
    pub(super) fn insert(&mut self, index: usize) {
        let slot = self.slots.iter_mut().min_by_key(|slot| slot.len()).expect("a wheel has slots");
        slot.push(index);
        self.filled += 1;
    }

    /// Takes a leg out.
    pub(super) fn remove(&mut self, index: usize) {
        for slot in &mut self.slots {
            if let Some(position) = slot.iter().position(|member| *member == index) {
                slot.swap_remove(position);
                self.filled -= 1;
            }
        }
    }

    /// How long until the next slot with members is due; `None` when there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        if self.filled == 0 {
            return None;
        }
        let ahead = (0..SLOTS as u64).find(|ahead| !self.slots[slot_of(self.next + ahead)].is_empty())?;
        Some(self.time_of(self.next + ahead).saturating_duration_since(now))
    }

    /// After a stall of a whole turn or more, goes to where each slot is due once. Returns the slots with members
    /// that were passed over.
    pub(super) fn catch_up(&mut self, now: Instant) -> u64 {
        let current = self.number_at(now);
        let earliest = (current + 1).saturating_sub(SLOTS as u64);
        let mut skipped = 0;
        if self.next < earliest {
            if self.filled > 0 {
                let turns = (earliest - self.next) / SLOTS as u64;
                let rest = (earliest - self.next) % SLOTS as u64;
                let filled = self.slots.iter().filter(|slot| !slot.is_empty()).count() as u64;
                let partly = (0..rest).filter(|ahead| !self.slots[slot_of(self.next + ahead)].is_empty()).count();
                skipped = turns * filled + partly as u64;
            }
            self.next = earliest;
        }
        skipped
    }

    /// The next slot that is due, with the time it was due at.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Instant, usize)> {
        let number = self.next;
        let at = self.time_of(number);
        (at <= now).then(|| {
            self.next += 1;
            (at, slot_of(number))
        })
    }

    /// The legs of a slot.
    pub(super) fn members(&self, slot: usize) -> &[usize] {
        &self.slots[slot]
    }

    fn number_at(&self, now: Instant) -> u64 {
        let slots = now.saturating_duration_since(self.epoch).as_micros() / SLOT.as_micros();
        u64::try_from(slots).expect("a process does not run for millions of years")
    }

    fn time_of(&self, number: u64) -> Instant {
        self.epoch + Duration::from_millis(number * SLOT_MS)
    }
}

fn slot_of(number: u64) -> usize {
    usize::try_from(number % SLOTS as u64).expect("below 5")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn wheel(legs: usize) -> (Wheel, Instant) {
        let epoch = time::now().mono;
        let mut wheel = Wheel::new(epoch);
        (0..legs).for_each(|leg| wheel.insert(leg));
        (wheel, epoch)
    }

    /// Ticks of each leg when the worker wakes at these milliseconds.
    fn served(wheel: &mut Wheel, epoch: Instant, wakes: &[u64]) -> Vec<Vec<u64>> {
        let mut ticks = vec![Vec::new(); wheel.filled];
        for wake in wakes {
            let now = epoch + Duration::from_millis(*wake);
            wheel.catch_up(now);
            while let Some((at, slot)) = wheel.due(now) {
                for leg in &wheel.slots[slot] {
                    ticks[*leg].push(u64::try_from(at.duration_since(epoch).as_millis()).expect("small"));
                }
            }
        }
        ticks
    }

    #[test]
    fn legs_are_spread_over_the_slots() {
        let (wheel, _) = wheel(50);
        let lengths: Vec<usize> = wheel.slots.iter().map(Vec::len).collect();
        assert!(lengths.iter().all(|length| *length == 10), "{lengths:?}");
    }

    #[test]
    fn a_leg_ticks_every_20_ms_on_absolute_time_however_late_the_wake_ups() {
        let (mut wheel, epoch) = wheel(1);
        let late: Vec<u64> = (0..50).map(|n| n * 20 + (n * 7) % 19).collect();
        assert_eq!(served(&mut wheel, epoch, &late)[0], (0..50).map(|n| n * 20).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_stall_each_leg_ticks_once_and_is_back_in_its_slot() {
        let (mut wheel, epoch) = wheel(20);
        let ticks = served(&mut wheel, epoch, &[19, 1_005, 1_025]);
        for (leg, ticks) in ticks.iter().enumerate() {
            assert_eq!(ticks.len(), 3, "leg {leg}: {ticks:?}");
            assert!(ticks.iter().all(|tick| tick % 20 == ticks[0]), "leg {leg}: {ticks:?}");
            assert_eq!(ticks[2] - ticks[1], 20, "leg {leg}: {ticks:?}");
        }
    }

    #[test]
    fn what_a_stall_passes_over_is_counted() {
        let (mut wheel, epoch) = wheel(3);
        served(&mut wheel, epoch, &[19]);
        // From 20 to 119 every slot comes round five times; the last of them is still served.
        assert_eq!(wheel.catch_up(epoch + Duration::from_millis(119)), 3 * 4);
    }

    #[test]
    fn an_empty_wheel_waits_for_ever_and_a_filled_one_for_its_next_member() {
        let (mut wheel, epoch) = wheel(1);
        assert_eq!(wheel.wait(epoch), Some(Duration::ZERO));
        served(&mut wheel, epoch, &[3]);
        assert_eq!(wheel.wait(epoch + Duration::from_millis(3)), Some(Duration::from_millis(17)));
        wheel.remove(0);
        assert_eq!(wheel.wait(epoch), None);
    }
}
