//! Frames from one thread to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use super::JointCount;
use crate::frame::PcmFrame;

/// Frames a pipe holds while nobody pulls: 160 ms.
const PLACES: usize = 8;

/// Frames that may wait once both sides run: 60 ms.
const DEEPEST: usize = 3;

/// What was never needed for so many pulls (5 s) is delay for nothing, and goes.
const WINDOW: u32 = 250;

#[derive(Debug)]
struct Shared {
    frames: ArrayQueue<PcmFrame>,
    dropped: AtomicU64,
    writer_gone: AtomicBool,
}

/// A pipe; its writing and its reading end.
pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let frames = ArrayQueue::new(PLACES);
    let shared = Arc::new(Shared { frames, dropped: AtomicU64::new(0), writer_gone: AtomicBool::new(false) });
    (
        PipeWriter { shared: Arc::clone(&shared) },
        PipeReader { shared, missing: 0, started: false, spare: PLACES, pulls: 0 },
    )
}

/// The end frames go into.
#[derive(Debug)]
pub(super) struct PipeWriter {
    shared: Arc<Shared>,
}

impl PipeWriter {
    /// Puts a frame in; the oldest goes when there is no place.
    pub(super) fn push(&self, frame: PcmFrame) {
        if self.shared.frames.force_push(frame).is_some() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.shared.writer_gone.store(true, Ordering::Release);
    }
}

/// The end frames come out of, one for each tick.
#[derive(Debug)]
pub(super) struct PipeReader {
    shared: Arc<Shared>,
    missing: u64,
    /// A frame has come.
    started: bool,
    /// The fewest frames left over after a pull in this window.
    spare: usize,
    pulls: u32,
}

/// What a pull gives.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all pulls give a frame, and a box would allocate for each")]
pub(super) enum Pulled {
    /// The next frame.
    Frame(PcmFrame),
    /// None is there now.
    Nothing,
    /// None is there and none will come.
    Gone,
}

impl PipeReader {
    /// Takes the next frame.
    ///
    /// The first frame is played as soon as it is there. A tick that finds nothing makes a pause of 20 ms, and with it
    /// the room in which frames may be so late again. Room that was not needed for 5 s is given up.
    pub(super) fn pull(&mut self) -> Pulled {
        let gone = self.shared.writer_gone.load(Ordering::Acquire);
        let deepest = if self.started { DEEPEST } else { 1 };
        self.drop_down_to(deepest);
        let Some(frame) = self.shared.frames.pop() else {
            self.missing += u64::from(self.started && !gone);
            return if gone { Pulled::Gone } else { Pulled::Nothing };
        };
        self.started = true;
        self.spare = self.spare.min(self.shared.frames.len());
        self.pulls += 1;
        if self.pulls == WINDOW {
            if self.spare > 0 {
                self.drop_down_to(self.shared.frames.len().saturating_sub(1));
            }
            (self.spare, self.pulls) = (PLACES, 0);
        }
        Pulled::Frame(frame)
    }

    pub(super) fn counted(&self) -> JointCount {
        JointCount { dropped: self.shared.dropped.load(Ordering::Relaxed), missing: self.missing }
    }

    fn drop_down_to(&self, most: usize) {
        while self.shared.frames.len() > most && self.shared.frames.pop().is_some() {
            if self.started {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
