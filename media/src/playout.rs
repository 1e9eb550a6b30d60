//! What is played to the caller, known to the sample.
//!
//! Clips have a rate of their own; all lengths and places are counted at 8 kHz.

mod clip;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::clip::Clip;
use crate::convert::Converter;
use crate::frame::{FRAME_8K, MAX_SAMPLES, Rate};
use crate::session::{ClipId, MediaEvent};

/// Clips that may wait, the one being played included.
pub const MAX_CLIPS: usize = 1_024;

/// Samples that may wait in one clip, counted at 8 kHz: two minutes.
pub const MAX_WAITING: usize = 120 * 8_000;

/// Pieces of audio that may wait in one clip.
pub const MAX_PIECES: usize = 8_192;

/// After a clip ran dry, playing goes on when so many samples are there: 50 ms, so that a source which is a little too
/// slow is heard with a few pauses and not with a hundred. The first samples of a clip wait for nothing.
const REFILL: usize = 400;

/// Longest fade: 1 s.
const MAX_FADE: Duration = Duration::from_secs(1);

/// As many clips wait as may. The caller's mistake: it queues faster than it is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_CLIPS} clips are waiting to be played")]
pub struct PlayoutFull;

/// Audio was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No clip of this name takes audio: it was complete, has ended, was stopped, or never was opened.
    #[error("the clip takes no more audio")]
    Closed,
    /// More than [`MAX_WAITING`] samples or [`MAX_PIECES`] pieces would wait. The clip ends behind what it has, for what
    /// follows would come after a gap.
    #[error("too much audio waits in the clip")]
    Full,
}

/// Clips in the order they are played, without a gap between them.
#[derive(Debug)]
pub(crate) struct Playout {
    rate: Rate,
    /// For clips of the other rate, once there was one.
    other: Option<Converter>,
    clips: VecDeque<Clip>,
    stopping: Option<Stopping>,
    muted: bool,
    starved: u64,
}

/// The first so many clips are to end.
#[derive(Clone, Copy, Debug)]
struct Stopping {
    clips: usize,
    /// Samples of the fade left, and all of them.
    left: usize,
    fade: usize,
}

impl Playout {
    /// Plays in frames of this rate.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, other: None, clips: VecDeque::new(), stopping: None, muted: false, starved: 0 }
    }

    /// Queues a clip, from its sample `from` on.
    pub(crate) fn play(&mut self, id: ClipId, rate: Rate, pcm: Arc<[i16]>, from: usize) -> Result<(), PlayoutFull> {
        let from = from.min(pcm.len());
        self.open(id, rate, (from / rate.factor()) as u64)?;
        if let Some(clip) = self.clips.back_mut() {
            clip.append(pcm, from, true);
        }
        Ok(())
    }

    /// Queues a clip that is appended to while it plays. Its first sample has the number `first`.
    pub(crate) fn open(&mut self, id: ClipId, rate: Rate, first: u64) -> Result<(), PlayoutFull> {
        if self.clips.len() >= MAX_CLIPS {
            return Err(PlayoutFull);
        }
        if rate != self.rate {
            self.other.get_or_insert_with(|| Converter::new(rate, self.rate));
        }
        self.clips.push_back(Clip::open(id, rate, first));
        Ok(())
    }

    /// Appends audio, from its sample `from` on, to a clip that was opened; after the `last` of it nothing follows.
    pub(crate) fn append(&mut self, id: ClipId, pcm: Arc<[i16]>, from: usize, last: bool) -> Result<(), AppendError> {
        let stopped = self.stopping.map_or(0, |stopping| stopping.clips);
        let open = self.clips.iter_mut().skip(stopped).rev().find(|clip| clip.id == id && !clip.is_complete());
        let clip = open.ok_or(AppendError::Closed)?;
        if clip.append(pcm, from, last) { Ok(()) } else { Err(AppendError::Full) }
    }

    /// Ends everything queued so far: what is being played fades out, the rest is not heard at all.
    pub(crate) fn stop(&mut self, fade: Duration) {
        if self.clips.is_empty() {
            return;
        }
        let fade = usize::try_from(fade.min(MAX_FADE).as_micros() * 8 / 1_000).unwrap_or(0);
        let running = self.stopping.filter(|stopping| stopping.left <= fade);
        self.stopping =
            Some(Stopping { clips: self.clips.len(), ..running.unwrap_or(Stopping { clips: 0, left: fade, fade }) });
    }

    /// While muted there is silence and nothing moves on.
    pub(crate) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether a clip is playing or waits.
    pub(crate) fn is_busy(&self) -> bool {
        !self.clips.is_empty()
    }

    /// The clip that has begun and not ended, and how far it has been sent.
    pub(crate) fn position(&self) -> Option<(ClipId, u64)> {
        self.clips.front().filter(|clip| clip.has_begun()).map(|clip| (clip.id, clip.position()))
    }

    /// Samples of silence that left in the middle of clips because more of them had not come.
    pub(crate) fn starved(&self) -> u64 {
        self.starved
    }

    /// What leaves in the packet of this tick, a frame of the leg's rate. With `held` (nothing leaves, or something else
    /// does) nothing moves on, and clips that were stopped end at once, for nobody would hear them fade.
    pub(crate) fn next(&mut self, now: Instant, held: bool, frame: &mut [i16], say: &mut impl FnMut(MediaEvent)) {
        let mut sheet = Sheet { narrow: [0; FRAME_8K], wide: [0; MAX_SAMPLES] };
        self.fill(now, held, &mut sheet, say);
        let (own, other) = match self.rate {
            Rate::Hz8000 => (&sheet.narrow[..], &sheet.wide[..]),
            Rate::Hz16000 => (&sheet.wide[..], &sheet.narrow[..]),
        };
        frame.copy_from_slice(own);
        if let Some(converter) = &mut self.other {
            let converted = converter.convert(other);
            frame.iter_mut().zip(converted).for_each(|(to, from)| *to = to.saturating_add(*from));
        }
    }

    /// Writes down 20 ms of clips, each at its rate.
    fn fill(&mut self, now: Instant, held: bool, sheet: &mut Sheet, say: &mut impl FnMut(MediaEvent)) {
        let held = held || self.muted;
        if held && let Some(stopping) = &mut self.stopping {
            stopping.left = 0;
        }
        let mut filled = 0;
        loop {
            self.drop_stopped(now, say);
            if held || filled == FRAME_8K {
                return;
            }
            let Some(clip) = self.clips.front_mut() else { return };
            let room = FRAME_8K - filled;
            let room = self.stopping.map_or(room, |stopping| stopping.left.min(room));
            let (begun, starved) = (clip.has_begun(), clip.was_starved());
            let factor = clip.rate().factor();
            let room_for = sheet.room(clip.rate(), filled, room);
            let written = clip.fill(now, room_for);
            let step = written.div_ceil(factor);
            let over = clip.is_over();
            if !begun && (step > 0 || over) {
                say(MediaEvent::ClipStarted { clip: clip.id, at: now });
            }
            if starved && step > 0 {
                say(MediaEvent::ClipFed { clip: clip.id, at: now });
            }
            if let Some(stopping) = &mut self.stopping {
                stopping.apply(&mut room_for[..written], factor);
            }
            filled += step;
            if over {
                let at = clip.last_at().unwrap_or(now);
                say(MediaEvent::ClipFinished { clip: clip.id, samples: clip.position(), at });
                self.drop_first();
            } else if step < room {
                if let Some(stopping) = &mut self.stopping {
                    // What is left of it is silence already.
                    stopping.left = 0;
                    continue;
                }
                if clip.starve() {
                    say(MediaEvent::ClipStarved { clip: clip.id, at: clip.last_at().unwrap_or(now) });
                }
                if clip.has_begun() {
                    self.starved += (FRAME_8K - filled) as u64;
                }
                return;
            }
        }
    }

    /// Ends stopped clips that have not begun, and the first one when its fade is over.
    fn drop_stopped(&mut self, now: Instant, say: &mut impl FnMut(MediaEvent)) {
        while let Some(stopping) = self.stopping {
            let Some(clip) = self.clips.front().filter(|clip| !clip.has_begun() || stopping.left == 0) else { return };
            let (samples, at) = clip.last_at().map_or((0, now), |at| (clip.position(), at));
            say(MediaEvent::ClipCut { clip: clip.id, samples, at });
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        self.clips.pop_front();
        self.stopping = self
            .stopping
            .map(|stopping| Stopping { clips: stopping.clips.saturating_sub(1), ..stopping })
            .filter(|stopping| stopping.clips > 0);
    }
}

impl Stopping {
    /// Fades samples of which `factor` are one at 8 kHz.
    fn apply(&mut self, samples: &mut [i16], factor: usize) {
        for together in samples.chunks_mut(factor) {
            for sample in together {
                *sample = (i64::from(*sample) * self.left as i64 / self.fade.max(1) as i64) as i16;
            }
            self.left -= 1;
        }
    }
}

/// A frame at both rates, whose sum is heard.
struct Sheet {
    narrow: [i16; FRAME_8K],
    wide: [i16; MAX_SAMPLES],
}

impl Sheet {
    /// The place `from`, for so many samples, both counted at 8 kHz.
    fn room(&mut self, rate: Rate, from: usize, room: usize) -> &mut [i16] {
        let samples = match rate {
            Rate::Hz8000 => &mut self.narrow[..],
            Rate::Hz16000 => &mut self.wide[..],
        };
        &mut samples[from * rate.factor()..(from + room) * rate.factor()]
    }
}

#[cfg(test)]
mod tests;
