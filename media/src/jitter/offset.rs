//! How packets lie in frames.

/// Frames over which the offset of packets in frames is looked at.
const OFFSET_FRAMES: u32 = 256;

/// Packets of any usual length begin and end on a grid of 10 ms.
const GRID: i64 = 80;

/// The largest offset of a packet's beginning in a frame, over the last 256 to 512 frames.
#[derive(Debug, Default)]
pub(super) struct Offset {
    before: i64,
    current: i64,
    latest: i64,
    frames: u32,
}

impl Offset {
    /// Packets begin there from now on.
    pub(super) fn at(offset: i64) -> Self {
        Self { current: offset, latest: offset, ..Self::default() }
    }

    pub(super) fn note(&mut self, offset: i64) {
        self.current = self.current.max(offset);
        self.latest = offset;
    }

    pub(super) fn end_frame(&mut self) {
        self.frames += 1;
        if self.frames == OFFSET_FRAMES {
            *self = Self { before: self.current, current: 0, frames: 0, ..*self };
        }
    }

    pub(super) fn largest(&self) -> i64 {
        self.before.max(self.current)
    }

    /// How far the latest packet began from where packets of the usual lengths do.
    pub(super) fn off_grid(&self) -> i64 {
        self.latest % GRID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_offset_is_forgotten_after_512_frames() {
        let mut offset = Offset::default();
        offset.note(80);
        offset.note(40);
        (0..2 * OFFSET_FRAMES - 1).for_each(|_| offset.end_frame());
        assert_eq!(offset.largest(), 80);
        offset.end_frame();
        assert_eq!(offset.largest(), 0);
    }
}
