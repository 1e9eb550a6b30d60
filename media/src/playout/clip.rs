//! One clip: audio that is there whole, or that is appended to while it plays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{MAX_PIECES, MAX_WAITING, REFILL};
use crate::frame::Rate;
use crate::session::ClipId;

/// A clip that waits or plays.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) id: ClipId,
    rate: Rate,
    /// What is still to be played, none of it empty.
    pieces: VecDeque<Piece>,
    /// Samples in them.
    waiting: usize,
    /// The number of the first sample, and how many have been played since.
    first: u64,
    played_samples: u64,
    /// Nothing more is appended.
    complete: bool,
    /// So much must wait before playing goes on: nothing, except after it ran dry.
    needed: usize,
    /// The tick of the latest sample.
    played: Option<Instant>,
}

#[derive(Debug)]
struct Piece {
    pcm: Arc<[i16]>,
    /// Sample played next.
    at: usize,
}

impl Clip {
    /// A clip without audio yet, whose first sample has this number, counted at 8 kHz.
    pub(super) fn open(id: ClipId, rate: Rate, first: u64) -> Self {
        Self {
            id,
            rate,
            pieces: VecDeque::new(),
            waiting: 0,
            first,
            played_samples: 0,
            complete: false,
            needed: 0,
            played: None,
        }
    }

    /// The rate of its audio.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Appends audio. False when it is too much, which ends the clip behind what it has.
    pub(super) fn append(&mut self, pcm: Arc<[i16]>, from: usize, last: bool) -> bool {
        let length = pcm.len().saturating_sub(from);
        let fits = self.waiting + length <= MAX_WAITING * self.rate.factor() && self.pieces.len() < MAX_PIECES;
        if fits && length > 0 {
            self.pieces.push_back(Piece { pcm, at: from });
            self.waiting += length;
        }
        self.complete |= last || !fits;
        fits
    }

    /// Whether what is played next comes after a gap.
    pub(super) fn was_starved(&self) -> bool {
        self.needed > 0
    }

    /// Plays into `room` and returns how many samples it was: fewer than there is room for at the end, and when nothing
    /// more is there.
    pub(super) fn fill(&mut self, now: Instant, room: &mut [i16]) -> usize {
        if self.is_dry() {
            return 0;
        }
        self.needed = 0;
        let mut filled = 0;
        while filled < room.len()
            && let Some(piece) = self.pieces.front_mut()
        {
            let rest = &piece.pcm[piece.at..];
            let step = rest.len().min(room.len() - filled);
            room[filled..filled + step].copy_from_slice(&rest[..step]);
            piece.at += step;
            filled += step;
            if piece.at == piece.pcm.len() {
                self.pieces.pop_front();
            }
        }
        self.waiting -= filled;
        self.played_samples += filled as u64;
        if filled > 0 {
            self.played = Some(now);
        }
        filled
    }

    /// Whether it cannot go on now.
    pub(super) fn is_dry(&self) -> bool {
        !self.complete && self.waiting < self.needed.max(1)
    }

    /// Whether everything has been played.
    pub(super) fn is_over(&self) -> bool {
        self.complete && self.waiting == 0
    }

    /// Notes that it ran dry in the middle; false when that was noted before.
    pub(super) fn starve(&mut self) -> bool {
        self.has_begun() && std::mem::replace(&mut self.needed, REFILL * self.rate.factor()) == 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn has_begun(&self) -> bool {
        self.played.is_some()
    }

    /// The tick that carried the latest sample.
    pub(super) fn last_at(&self) -> Option<Instant> {
        self.played
    }

    /// Sample played next, and so how many of the clip's audio have left, counted at 8 kHz.
    pub(super) fn position(&self) -> u64 {
        self.first + self.played_samples.div_ceil(self.rate.factor() as u64)
    }
}
