//! What is played to the caller, known to the sample.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::frame::FRAME_8K;
use crate::session::{ClipId, MediaEvent};

/// Clips that may wait, the one being played included.
pub const MAX_CLIPS: usize = 1_024;

/// Longest fade: 1 s.
const MAX_FADE: Duration = Duration::from_secs(1);

/// As many clips wait as may. The caller's mistake: it queues faster than it is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_CLIPS} clips are waiting to be played")]
pub struct PlayoutFull;

/// Clips in the order they are played, without a gap between them.
#[derive(Debug, Default)]
pub(crate) struct Playout {
    clips: VecDeque<Clip>,
    stopping: Option<Stopping>,
    muted: bool,
}

#[derive(Debug)]
struct Clip {
    id: ClipId,
    pcm: Arc<[i16]>,
    /// Sample played next.
    at: usize,
    started: bool,
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
    /// Queues a clip, from its sample `from` on.
    pub(crate) fn play(&mut self, id: ClipId, pcm: Arc<[i16]>, from: usize) -> Result<(), PlayoutFull> {
        if self.clips.len() >= MAX_CLIPS {
            return Err(PlayoutFull);
        }
        let at = from.min(pcm.len());
        self.clips.push_back(Clip { id, pcm, at, started: false });
        Ok(())
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
        self.clips.front().filter(|clip| clip.started).map(|clip| (clip.id, clip.at as u64))
    }

    /// What leaves in the packet of this tick. With `held` (nothing leaves, or something else does) nothing moves on,
    /// and clips that were stopped end at once, for nobody would hear them fade.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        held: bool,
        frame: &mut [i16; FRAME_8K],
        say: &mut impl FnMut(MediaEvent),
    ) {
        frame.fill(0);
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
            if !clip.started {
                clip.started = true;
                say(MediaEvent::ClipStarted { clip: clip.id, at: now });
            }
            let room = frame.len() - filled;
            let room = self.stopping.map_or(room, |stopping| stopping.left.min(room));
            let rest = &clip.pcm[clip.at..];
            let step = rest.len().min(room);
            frame[filled..filled + step].copy_from_slice(&rest[..step]);
            clip.at += step;
            if let Some(stopping) = &mut self.stopping {
                stopping.apply(&mut frame[filled..filled + step]);
            }
            filled += step;
            if clip.at == clip.pcm.len() {
                say(MediaEvent::ClipFinished { clip: clip.id, at: now });
                self.drop_first();
            }
        }
    }

    /// Ends stopped clips that have not begun, and the first one when its fade is over.
    fn drop_stopped(&mut self, now: Instant, say: &mut impl FnMut(MediaEvent)) {
        while let Some(stopping) = self.stopping {
            let Some(clip) = self.clips.front().filter(|clip| !clip.started || stopping.left == 0) else { return };
            let samples = if clip.started { clip.at as u64 } else { 0 };
            say(MediaEvent::ClipCut { clip: clip.id, samples, at: now });
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
    fn apply(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = (i64::from(*sample) * self.left as i64 / self.fade.max(1) as i64) as i16;
            self.left -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
