//! Sequence numbers and timestamps of what is sent.

use std::time::Instant;

use crate::frame::{FRAME, FRAME_8K};

/// Counts one frame per tick.
///
/// Ticks are due 20 ms apart from the first one on. A tick that comes less than a frame late counts as on time. After a
/// longer stall of the worker the frames it missed are skipped: timestamps move on over them, the next packet bears the
/// marker bit, and nothing is sent to catch up. What was to be played waits, so no sample of a clip is lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendClock {
    /// When the next tick is due; `None` before the first.
    due: Option<Instant>,
    /// Of the next packet. Its lowest 16 bits are the sequence number, those above count how often that came round.
    number: u64,
    /// Of the frame of the current tick, in units of the RTP clock, `units` of which are one sample at 8 kHz.
    timestamp: u32,
    units: u32,
    /// Whether the next packet begins a talk spurt (RFC 3551 section 4.1).
    marker: bool,
}

impl SendClock {
    pub(super) fn new(sequence: u16, timestamp: u32, units: u32) -> Self {
        Self { due: None, number: u64::from(sequence), timestamp, units, marker: true }
    }

    /// Goes over to another RTP clock. Timestamps go on from where they are.
    pub(super) fn set_units(&mut self, units: u32) {
        self.units = units;
    }

    /// Begins a tick and returns how many frames were missed before it.
    pub(super) fn tick(&mut self, now: Instant) -> u32 {
        let Some(due) = self.due else {
            self.due = Some(now + FRAME);
            return 0;
        };
        let missed = now.saturating_duration_since(due).as_millis() / FRAME.as_millis();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        // A worker that moved the leg to an earlier place in the 20 ms is followed.
        self.due = Some((due + FRAME * (missed + 1)).min(now + FRAME));
        self.timestamp = self.timestamp.wrapping_add((missed + 1).wrapping_mul(FRAME_8K as u32 * self.units));
        self.marker |= missed > 0;
        missed
    }

    /// What the timestamp is at `now`, a little after the last tick, at so many a second.
    pub(super) fn timestamp_at(&self, now: Instant, rate: u32) -> u32 {
        let since = self.due.and_then(|due| (now + FRAME).checked_duration_since(due)).unwrap_or_default();
        self.timestamp.wrapping_add((since.as_micros() * u128::from(rate) / 1_000_000) as u32)
    }

    /// The timestamp of this tick's frame.
    pub(super) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The timestamp of a packet that begins so many samples before the end of this tick's frame.
    pub(super) fn timestamp_before_end(&self, samples: usize) -> u32 {
        let end = self.timestamp.wrapping_add(FRAME_8K as u32 * self.units);
        end.wrapping_sub(samples as u32 * self.units)
    }

    /// Numbers a packet of this tick, and whether a talk spurt begins with it. The sequence number is the lowest 16 bits.
    pub(super) fn number(&mut self) -> (u64, bool) {
        let number = self.number;
        self.number += 1;
        (number, std::mem::take(&mut self.marker))
    }

    /// Nothing leaves in this tick: the next packet begins a talk spurt.
    pub(super) fn pause(&mut self) {
        self.marker = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Ticks at these milliseconds and returns the timestamp and the marker bit of each.
    fn run(at: &[u64]) -> Vec<(u32, bool)> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let t0 = Instant::now();
        let mut clock = SendClock::new(65_535, 0, 1);
        let mut expected = 65_535;
        at.iter()
            .map(|&ms| {
                clock.tick(t0 + Duration::from_millis(ms));
                let (number, marker) = clock.number();
                assert_eq!(number, expected, "numbers have no gap, and count on when the sequence number comes round");
                expected += 1;
                (clock.timestamp() / 160, marker)
            })
            .collect()
    }

    #[test]
    fn a_tick_is_a_frame_also_when_it_comes_a_little_late() {
        assert_eq!(run(&[0, 20, 59, 60, 80]), [(0, true), (1, false), (2, false), (3, false), (4, false)]);
    }

    #[test]
    fn after_a_stall_timestamps_skip_and_the_marker_is_set() {
        assert_eq!(run(&[0, 20, 125, 140, 160]), [(0, true), (1, false), (6, true), (7, false), (8, false)]);
    }

    #[test]
    fn timestamps_count_the_codecs_own_clock_and_go_on_when_it_changes() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let t0 = Instant::now();
        let mut clock = SendClock::new(0, 0, 1);
        clock.tick(t0);
        clock.tick(t0 + FRAME);
        assert_eq!(clock.timestamp(), 160);
        clock.set_units(6);
        clock.tick(t0 + FRAME * 2);
        assert_eq!(clock.timestamp(), 160 + 960);
        assert_eq!(clock.timestamp_before_end(240), 160 + 960 + 960 - 1_440, "30 ms that end with this tick");
    }

    #[test]
    fn a_leg_moved_to_an_earlier_place_keeps_its_count() {
        assert_eq!(run(&[15, 35, 40, 60, 80]), [(0, true), (1, false), (2, false), (3, false), (4, false)]);
    }
}
