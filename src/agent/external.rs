//! A bot of somebody else's, as the conversation and the call's task see it.
//!
//! The bot leads: it decides when it speaks, when it falls silent and when the call is over. The conversation decides
//! whether it is heard at all. [`Playback`] keeps the order of what it sends and knows what was heard of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::pii::Pii;

/// Samples at 8 kHz that may wait to be played: two minutes. What comes beyond is dropped and counted.
pub const MOST_AUDIO: u64 = 120 * 8_000;
/// Marks that may wait. Further ones are dropped and counted.
pub const MOST_MARKS: usize = 1_024;
/// The first of the clips that a bot's audio is played in; all others have smaller numbers.
pub const FIRST_CLIP: u64 = 1 << 41;
/// Clips that the leg has before it at one time.
const AHEAD: usize = 128;
/// Pieces of one clip.
const PIECES: usize = 4_096;
/// Pieces that wait behind the clips.
const BACKLOG: usize = 16_384;
/// A bot that has sent nothing for so long begins something new: it is heard at once.
const LULL: Duration = Duration::from_millis(200);
/// Samples in a millisecond.
const PER_MS: u64 = 8;

/// What a bot is told; its audio does not pass the conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalOrder {
    /// Open the session. The bot hears the caller from here on.
    Open {
        /// What it is let know.
        parameters: BTreeMap<String, Pii<String>>,
    },
    /// What it sends is played from now on, or nothing of it is.
    Floor(bool),
    /// The caller pressed a key.
    Key(char),
}

/// What becomes of a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalNews {
    /// The session stands.
    Ready,
    /// Something of it leaves, for the first time after a silence.
    Spoke {
        /// Since the tick it left at.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// It has hung up, and what it had sent was played.
    HungUp,
    /// The session is over, or never began.
    Dead,
}

/// What is to be done about what a bot sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Queue a clip that is appended to.
    Open(u64),
    /// Append to it.
    Append(u64, Arc<[i16]>),
    /// Nothing follows in it.
    Close(u64),
    /// Stop all that is queued.
    Stop,
    /// Tell the bot that it was heard up to this mark, or will not be.
    Played(Pii<String>),
}

/// What a bot sends, on its way to the leg.
///
/// Each stretch up to a mark is a clip of its own: clips follow each other without a gap, and the end of one is known to
/// the tick.
#[derive(Debug, Default)]
pub struct Playback {
    floor: bool,
    clips: VecDeque<Clip>,
    /// What waits behind the clips.
    backlog: VecDeque<Piece>,
    backlog_samples: u64,
    /// Marks that wait.
    marks: usize,
    made: u64,
    /// No more comes.
    finished: bool,
    steps: VecDeque<Step>,
    dropped: Dropped,
}

/// What a bot sent too much of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Samples at 8 kHz.
    pub samples: u64,
    /// Marks.
    pub marks: u64,
}

#[derive(Debug)]
struct Clip {
    id: u64,
    samples: u64,
    pieces: usize,
    /// More follows.
    open: bool,
    /// So much was played by then.
    played: u64,
    /// Since when it goes on from there; nothing while it stands still.
    since: Option<Instant>,
    starved: Option<Instant>,
    marks: Vec<Pii<String>>,
}

#[derive(Debug)]
enum Piece {
    Audio(Arc<[i16]>),
    Mark(Pii<String>),
}

impl Playback {
    /// From now on what comes is played, or nothing of it: what waits is dropped, and marks come back at once.
    pub fn set_floor(&mut self, floor: bool) {
        if !floor {
            self.clear();
        }
        self.floor = floor;
    }

    /// The bot sends audio.
    pub fn audio(&mut self, now: Instant, pcm: Arc<[i16]>) {
        if !self.floor || pcm.is_empty() {
            return;
        }
        if self.waiting(now) + pcm.len() as u64 > MOST_AUDIO || self.backlog.len() >= BACKLOG {
            self.dropped.samples += pcm.len() as u64;
            return;
        }
        if self.backlog.is_empty() {
            self.take(now, Piece::Audio(pcm));
        } else {
            self.backlog_samples += pcm.len() as u64;
            self.backlog.push_back(Piece::Audio(pcm));
        }
    }

    /// The bot wants to be told when all before was heard.
    pub fn mark(&mut self, now: Instant, name: Pii<String>) {
        if self.is_idle() {
            self.steps.push_back(Step::Played(name));
        } else if self.marks >= MOST_MARKS {
            self.dropped.marks += 1;
        } else {
            self.marks += 1;
            if self.backlog.is_empty() {
                self.take(now, Piece::Mark(name));
            } else {
                self.backlog.push_back(Piece::Mark(name));
            }
        }
    }

    /// The bot wants nothing played of what waits. Its marks come back, in order.
    pub fn clear(&mut self) {
        if !self.clips.is_empty() {
            self.steps.push_back(Step::Stop);
        }
        let backlog = std::mem::take(&mut self.backlog).into_iter().filter_map(|piece| match piece {
            Piece::Mark(name) => Some(name),
            Piece::Audio(_) => None,
        });
        let marks = std::mem::take(&mut self.clips).into_iter().flat_map(|clip| clip.marks).chain(backlog);
        self.steps.extend(marks.map(Step::Played));
        (self.backlog_samples, self.marks) = (0, 0);
    }

    /// The bot sends no more.
    pub fn finish(&mut self) {
        self.finished = true;
        self.close_last();
    }

    /// A clip has begun. Whether it is one of these.
    pub fn started(&mut self, clip: u64, at: Instant) -> bool {
        let Some(clip) = self.clip(clip) else { return false };
        clip.since = Some(at);
        true
    }

    /// A clip has nothing more to play.
    pub fn starved(&mut self, clip: u64, at: Instant) {
        if let Some(clip) = self.clip(clip) {
            (clip.played, clip.since, clip.starved) = (clip.samples, None, Some(at));
        }
    }

    /// It plays on.
    pub fn fed(&mut self, clip: u64, at: Instant) {
        if let Some(clip) = self.clip(clip) {
            (clip.since, clip.starved) = (Some(at), None);
        }
    }

    /// A clip has ended, having been played to its end or cut by somebody else: marks behind it come back.
    pub fn ended(&mut self, now: Instant, clip: u64) {
        if !self.clips.iter().any(|known| known.id == clip) {
            return;
        }
        while let Some(ended) = self.clips.pop_front() {
            self.marks -= ended.marks.len();
            self.steps.extend(ended.marks.into_iter().map(Step::Played));
            if ended.id == clip {
                break;
            }
        }
        while self.clips.len() < AHEAD
            && let Some(piece) = self.backlog.pop_front()
        {
            if let Piece::Audio(pcm) = &piece {
                self.backlog_samples -= pcm.len() as u64;
            }
            self.take(now, piece);
        }
        if self.finished {
            self.close_last();
        }
    }

    /// Whether nothing waits or is being played.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.clips.is_empty() && self.backlog.is_empty()
    }

    /// What was dropped because too much waited.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// The next thing to do.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    fn close_last(&mut self) {
        if let Some(clip) = self.clips.back_mut().filter(|_| self.backlog.is_empty()) {
            close(clip, &mut self.steps);
        }
    }

    fn clip(&mut self, id: u64) -> Option<&mut Clip> {
        self.clips.iter_mut().find(|clip| clip.id == id)
    }

    /// Samples that wait to be played.
    fn waiting(&self, now: Instant) -> u64 {
        let rest = |clip: &Clip| {
            let since = clip.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
            let played = clip.played + u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_mul(PER_MS);
            clip.samples.saturating_sub(played)
        };
        self.clips.iter().map(rest).sum::<u64>() + self.backlog_samples
    }

    /// Puts a piece behind what the leg has, or behind what waits for it.
    fn take(&mut self, now: Instant, piece: Piece) {
        let pcm = match piece {
            Piece::Audio(pcm) => pcm,
            Piece::Mark(name) => match self.clips.back_mut() {
                Some(clip) => {
                    close(clip, &mut self.steps);
                    return clip.marks.push(name);
                }
                None => {
                    self.marks -= 1;
                    return self.steps.push_back(Step::Played(name));
                }
            },
        };
        let lull = |clip: &Clip| clip.starved.is_some_and(|since| now.saturating_duration_since(since) >= LULL);
        if let Some(clip) = self.clips.back_mut()
            && (lull(clip) || clip.pieces >= PIECES)
        {
            close(clip, &mut self.steps);
        }
        if self.clips.back().is_none_or(|clip| !clip.open) {
            if self.clips.len() >= AHEAD {
                self.backlog_samples += pcm.len() as u64;
                return self.backlog.push_front(Piece::Audio(pcm));
            }
            let id = FIRST_CLIP + self.made;
            self.made += 1;
            self.clips.push_back(Clip {
                id,
                samples: 0,
                pieces: 0,
                open: true,
                played: 0,
                since: None,
                starved: None,
                marks: Vec::new(),
            });
            self.steps.push_back(Step::Open(id));
        }
        if let Some(clip) = self.clips.back_mut() {
            clip.samples += pcm.len() as u64;
            clip.pieces += 1;
            self.steps.push_back(Step::Append(clip.id, pcm));
        }
    }
}

fn close(clip: &mut Clip, steps: &mut VecDeque<Step>) {
    if std::mem::replace(&mut clip.open, false) {
        steps.push_back(Step::Close(clip.id));
    }
}

#[cfg(test)]
mod tests;
