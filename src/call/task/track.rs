//! The audio of one streamed source, kept so that it can be played again from any sample.

use std::collections::VecDeque;
use std::sync::Arc;

use callwright_media::session::ClipId;

/// So much of one source is kept, in samples at 8 kHz: a minute. Of a longer one the oldest goes.
const KEPT: u64 = 60 * 8_000;
/// The conversation is told of so much new audio at a time, half a second.
const STEP: u64 = 4_000;

/// What there is of one source.
#[derive(Debug, Default)]
pub(super) struct Track {
    pieces: VecDeque<Arc<[i16]>>,
    /// Number of the first sample kept.
    first: u64,
    /// Samples there are so far, the dropped ones included.
    samples: u64,
    complete: bool,
    /// The clip that plays it and gets what comes.
    clip: Option<ClipId>,
    /// How much the conversation was told of.
    told: u64,
}

impl Track {
    /// Adds audio. True when the conversation should hear of it.
    pub(super) fn push(&mut self, pcm: Arc<[i16]>) -> bool {
        self.samples += pcm.len() as u64;
        self.pieces.push_back(pcm);
        while self.samples - self.first > KEPT
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.first += oldest.len() as u64;
        }
        let tell = self.told == 0 || self.samples - self.told >= STEP;
        if tell {
            self.told = self.samples;
        }
        tell
    }

    /// Nothing more comes.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    pub(super) fn clip(&self) -> Option<ClipId> {
        self.clip
    }

    pub(super) fn set_clip(&mut self, clip: Option<ClipId>) {
        self.clip = clip;
    }

    /// What there is from sample `from` on: pieces, each with the first sample of it that counts.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = (Arc<[i16]>, usize)> {
        let mut at = self.first;
        self.pieces.iter().filter_map(move |piece| {
            let skip = usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX).min(piece.len());
            at += piece.len() as u64;
            (skip < piece.len()).then(|| (Arc::clone(piece), skip))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(track: &Track, from: u64) -> Vec<i16> {
        track.from(from).flat_map(|(piece, skip)| piece[skip..].to_vec()).collect()
    }

    #[test]
    fn it_is_played_again_from_any_sample() {
        let mut track = Track::default();
        for piece in [&[0, 1, 2][..], &[3], &[4, 5, 6, 7]] {
            track.push(piece.into());
        }
        for from in 0..=8 {
            assert_eq!(heard(&track, from), (from as i16..8).collect::<Vec<_>>(), "from {from}");
        }
    }

    #[test]
    fn the_conversation_hears_of_the_first_audio_and_then_of_half_seconds() {
        let mut track = Track::default();
        let told: Vec<bool> = (0..30).map(|_| track.push(vec![0; 400].into())).collect();
        let at: Vec<usize> = told.iter().enumerate().filter(|(_, told)| **told).map(|(n, _)| n).collect();
        assert_eq!(at, [0, 10, 20]);
    }

    #[test]
    fn no_more_than_a_minute_is_kept() {
        let mut track = Track::default();
        for n in 0..70 {
            track.push(vec![n; 8_000].into());
        }
        assert_eq!(track.samples(), 70 * 8_000);
        assert_eq!(heard(&track, 0).len(), 60 * 8_000);
        assert_eq!(heard(&track, 0)[0], 10, "the oldest went");
        assert_eq!(heard(&track, 69 * 8_000), vec![69; 8_000]);
    }
}
