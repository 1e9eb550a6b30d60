//! Packet indices: how a receiver tells them from sequence numbers, and which of them it has seen.

/// Indices of 48 bits end here.
const INDEX_END: u64 = 1 << 48;

/// The index that a sequence number most likely means, next to the highest one seen (RFC 3711 section 3.3.1); `None`
/// when it lies before the first or behind the last there is.
pub(super) fn estimate(highest: u64, sequence: u16) -> Option<u64> {
    let (rollover, newest) = (highest >> 16, highest as u16);
    let rollover = if newest < 0x8000 {
        if sequence > newest && sequence - newest > 0x8000 { rollover.checked_sub(1)? } else { rollover }
    } else if newest - 0x8000 > sequence {
        rollover + 1
    } else {
        rollover
    };
    Some(rollover << 16 | u64::from(sequence)).filter(|index| *index < INDEX_END)
}

/// Which of the newest indices have been seen: the replay list of section 3.3.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    highest: u64,
    /// Bit n stands for `highest - n`.
    seen: u128,
}

/// Indices so far behind the highest count as seen. The RFC asks for at least 64.
const WIDTH: u64 = 128;

impl Window {
    /// With one index seen.
    pub(super) const fn new(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// The highest index seen.
    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether the index may have been seen.
    pub(super) const fn contains(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => false,
            Some(behind) => behind >= WIDTH || self.seen >> behind & 1 == 1,
        }
    }

    /// Notes an index that was authentic.
    pub(super) fn insert(&mut self, index: u64) {
        if let Some(behind) = self.highest.checked_sub(index) {
            self.seen |= if behind < WIDTH { 1 << behind } else { 0 };
            return;
        }
        let ahead = index - self.highest;
        self.seen = if ahead < WIDTH { self.seen << ahead | 1 } else { 1 };
        self.highest = index;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_number_means_the_nearest_index() {
        assert_eq!(estimate(5, 6), Some(6));
        assert_eq!(estimate(0xfffe, 1), Some(0x1_0001), "it rolled over");
        assert_eq!(estimate(0x1_0001, 0xffff), Some(0xffff), "a late one from before");
        assert_eq!(estimate(1, 0xffff), None, "nothing is before the beginning");
        assert_eq!(estimate(INDEX_END - 1, 0), None, "nothing is behind the end");
        assert_eq!(estimate(INDEX_END - 1, 0xfff0), Some(INDEX_END - 16));
    }

    proptest! {
        #[test]
        fn every_index_less_than_half_a_turn_away_is_found(highest in 0u64..1 << 40, ahead in -0x7fff_i64..0x7fff) {
            if let Some(index) = highest.checked_add_signed(ahead) {
                prop_assert_eq!(estimate(highest, index as u16), Some(index));
            }
        }

        #[test]
        fn a_window_knows_the_newest_it_has_seen(first in 0u64..1_000, later in prop::collection::vec(0u64..1_000, 0..300)) {
            let mut window = Window::new(first);
            let mut seen = BTreeSet::from([first]);
            for index in later {
                window.insert(index);
                seen.insert(index);
                let newest = *seen.last().expect("it is not empty");
                prop_assert_eq!(window.highest(), newest);
                for index in newest.saturating_sub(WIDTH - 1)..newest + 2 {
                    prop_assert_eq!(window.contains(index), seen.contains(&index));
                }
                prop_assert!(newest < WIDTH || window.contains(newest - WIDTH));
            }
        }
    }
}
