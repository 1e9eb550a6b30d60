//! Audio between the packets and the listener.

use crate::frame::FRAME_8K;
use crate::packets::Reader;
use crate::scale;
use crate::stream::Stream;
use crate::unpacker::Unpacker;

/// Audio that was read ahead of its time.
#[derive(Debug)]
pub(super) struct Ahead {
    samples: [i16; 2 * FRAME_8K + scale::MOST],
    length: usize,
}

impl Ahead {
    pub(super) const fn new() -> Self {
        Self { samples: [0; 2 * FRAME_8K + scale::MOST], length: 0 }
    }

    pub(super) fn length(&self) -> i64 {
        self.length as i64
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
        if self.length < wanted {
            self.length += unpacker.follow(reader, stream.packets(), &mut self.samples[self.length..wanted]);
        }
        self.length == wanted
    }

    /// By how many samples it has changed.
    pub(super) fn shorten(&mut self, alike: f32) -> i64 {
        let before = self.length();
        self.length = scale::shorten(&mut self.samples[..self.length], alike);
        self.length() - before
    }

    /// By how many samples it has changed.
    pub(super) fn lengthen(&mut self, alike: f32) -> i64 {
        let before = self.length();
        self.length = scale::lengthen(&mut self.samples, self.length, alike);
        self.length() - before
    }

    /// Fills the beginning of a frame and returns how many samples were written.
    pub(super) fn take(&mut self, frame: &mut [i16; FRAME_8K]) -> usize {
        let count = self.length.min(FRAME_8K);
        frame[..count].copy_from_slice(&self.samples[..count]);
        self.drop(count as i64);
        count
    }

    /// Goes on without the first `samples`, and returns of how many there was something.
    pub(super) fn drop(&mut self, samples: i64) -> i64 {
        let count = usize::try_from(samples).unwrap_or(self.length).min(self.length);
        self.samples.copy_within(count..self.length, 0);
        self.length -= count;
        count as i64
    }
}
