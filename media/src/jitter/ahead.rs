//! Audio between the packets and the listener.

use crate::frame::{FRAME_8K, MAX_FACTOR, Rate};
use crate::packets::Reader;
use crate::scale;
use crate::stream::Stream;
use crate::unpacker::Unpacker;

/// Audio that was read ahead of its time.
#[derive(Debug)]
pub(super) struct Ahead {
    samples: [i16; MAX_FACTOR * (2 * FRAME_8K + scale::MOST)],
    length: usize,
    /// Samples in the time of one at 8 kHz.
    factor: usize,
}

impl Ahead {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { samples: [0; MAX_FACTOR * (2 * FRAME_8K + scale::MOST)], length: 0, factor: rate.factor() }
    }

    /// How long it is, as all that is told here, at 8 kHz.
    pub(super) fn length(&self) -> i64 {
        (self.length / self.factor) as i64
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Reads until there are so many samples; false when less has come.
    pub(super) fn read(
        &mut self,
        wanted: usize,
        unpacker: &mut Unpacker,
        reader: &mut Reader,
        stream: &Stream,
    ) -> bool {
        let wanted = wanted * self.factor;
        if self.length < wanted {
            self.length += unpacker.follow(reader, stream.packets(), &mut self.samples[self.length..wanted]);
        }
        self.length == wanted
    }

    /// By how many samples it has changed.
    pub(super) fn shorten(&mut self, alike: f32) -> i64 {
        let before = self.length();
        self.length = scale::shorten(&mut self.samples[..self.length], alike, self.factor);
        self.length() - before
    }

    /// By how many samples it has changed.
    pub(super) fn lengthen(&mut self, alike: f32) -> i64 {
        let before = self.length();
        self.length = scale::lengthen(&mut self.samples, self.length, alike, self.factor);
        self.length() - before
    }

    /// Fills the beginning of a frame and returns how many samples, of its own rate, were written.
    pub(super) fn take(&mut self, frame: &mut [i16]) -> usize {
        let count = self.length.min(frame.len());
        frame[..count].copy_from_slice(&self.samples[..count]);
        self.remove(count);
        count
    }

    /// Goes on without the first `samples`, and returns of how many there was something.
    pub(super) fn drop(&mut self, samples: i64) -> i64 {
        let count = usize::try_from(samples).map_or(self.length, |samples| samples.saturating_mul(self.factor));
        let count = count.min(self.length);
        self.remove(count);
        (count / self.factor) as i64
    }

    fn remove(&mut self, count: usize) {
        self.samples.copy_within(count..self.length, 0);
        self.length -= count;
    }
}
