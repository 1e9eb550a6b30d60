//! What the caller said lately, for a recogniser that was not there.

use std::collections::VecDeque;
use std::sync::Arc;

/// Audio that is kept, in samples: 10 s, which is 160 KB.
const KEPT: usize = 10 * 8_000;

#[derive(Debug, Default)]
pub(super) struct Past {
    pieces: VecDeque<Arc<[i16]>>,
    samples: usize,
    /// The beginning of the turn is gone.
    is_short: bool,
}

impl Past {
    /// Keeps more audio. `wanted` says whether a turn is open or owed, so that nothing of it may be lost.
    pub(super) fn push(&mut self, samples: &Arc<[i16]>, wanted: bool) {
        self.pieces.push_back(Arc::clone(samples));
        self.samples += samples.len();
        self.is_short |= self.shorten(KEPT) && wanted;
    }

    /// A turn begins or is over: only so many samples may belong to the next.
    pub(super) fn keep(&mut self, most: usize) {
        self.shorten(most);
        self.is_short = false;
    }

    pub(super) fn forget(&mut self) {
        self.pieces.clear();
        self.samples = 0;
    }

    /// All of it, and whether that is the whole turn.
    pub(super) fn take(&mut self) -> (VecDeque<Arc<[i16]>>, bool) {
        self.samples = 0;
        (std::mem::take(&mut self.pieces), !self.is_short)
    }

    /// Lets the oldest go down to so many samples; true when that was necessary.
    fn shorten(&mut self, most: usize) -> bool {
        let before = self.pieces.len();
        while self.samples > most
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.samples -= oldest.len();
        }
        self.pieces.len() < before
    }
}
