//! Counters that wrap, made into ones that do not.

/// Extends 16-bit sequence numbers: each is read as the value nearest to the newest one seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    newest: i64,
}

impl Sequence {
    /// Begins one cycle up, so that packets from before the first have positive numbers too.
    pub(crate) fn starting_at(sequence: u16) -> Self {
        Self { newest: (1 << 16) + i64::from(sequence) }
    }

    pub(crate) fn newest(self) -> i64 {
        self.newest
    }

    /// The extended number of `sequence`, without taking note of it.
    pub(crate) fn extend(self, sequence: u16) -> i64 {
        let ahead = sequence.wrapping_sub(self.newest as u16).cast_signed();
        self.newest + i64::from(ahead)
    }

    /// Takes note of an extended number.
    pub(crate) fn advance(&mut self, extended: i64) {
        self.newest = self.newest.max(extended);
    }
}

/// Extends 32-bit timestamps onto a line of samples that starts where the owner says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timestamp {
    wrapped: u32,
    extended: i64,
}

impl Timestamp {
    /// `wrapped` lies at `extended` on the line.
    pub(crate) fn starting_at(wrapped: u32, extended: i64) -> Self {
        Self { wrapped, extended }
    }

    /// The newest place noted.
    pub(crate) fn newest(self) -> i64 {
        self.extended
    }

    /// Where `wrapped` lies on the line: the place nearest to the newest one.
    pub(crate) fn extend(self, wrapped: u32) -> i64 {
        let ahead = wrapped.wrapping_sub(self.wrapped).cast_signed();
        self.extended + i64::from(ahead)
    }

    /// Takes note of an extended timestamp.
    pub(crate) fn advance(&mut self, wrapped: u32, extended: i64) {
        if extended > self.extended {
            *self = Self { wrapped, extended };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_run_on_past_the_wrap_in_any_order() {
        let mut sequence = Sequence::starting_at(65_534);
        let first = sequence.newest();
        for (wrapped, expected) in [(65_535, 1), (1, 3), (0, 2), (2, 4), (65_530, -4)] {
            let extended = sequence.extend(wrapped);
            assert_eq!(extended - first, expected);
            sequence.advance(extended);
        }
        assert_eq!(sequence.newest() - first, 4);
    }

    #[test]
    fn timestamps_run_on_past_the_wrap_in_any_order() {
        let mut line = Timestamp::starting_at(u32::MAX - 159, 1_000);
        for (wrapped, expected) in [(0, 1_160), (320, 1_480), (160, 1_320), (u32::MAX - 159, 1_000)] {
            assert_eq!(line.extend(wrapped), expected);
            line.advance(wrapped, expected);
        }
    }
}
