//! What the agent says, on its way to the leg: kept audio becomes clips, and the fate of clips that of replies.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::session::ClipId;

use super::track::Track;
use crate::agent::action::Source;
use crate::agent::input::{PromptId, ReplyId};
use crate::net::media_leg::MediaCommand;
use crate::net::media_worker::MediaControl;

/// So much audio of a source may be ahead of what is played; then its provider waits. Half of what a track keeps, so
/// that what was just heard is still there.
const AHEAD: u64 = 30 * 8_000;
/// Sources kept that nobody has forgotten; one more, and the oldest that is not played goes.
const TRACKS: usize = 16;
/// Sources that were forgotten and may still get audio.
const FORGOTTEN: usize = 64;

/// The agent's mouth.
#[derive(Default)]
pub(super) struct Player {
    leg: Option<MediaControl>,
    prompts: BTreeMap<PromptId, Arc<[i16]>>,
    tracks: BTreeMap<Source, Track>,
    forgotten: VecDeque<Source>,
    playing: BTreeMap<ClipId, Playing>,
}

/// A reply under way.
#[derive(Debug)]
struct Playing {
    reply: ReplyId,
    source: Source,
    /// The first sample of the source: cut positions count from there.
    from: u64,
    started: Option<Instant>,
}

/// A reply that has ended, and where in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) reply: ReplyId,
    /// Samples of it that left.
    pub(super) heard: u64,
}

impl Player {
    /// From now on it plays on this leg.
    pub(super) fn attach(&mut self, leg: MediaControl) {
        self.leg = Some(leg);
    }

    /// Keeps a text that was made as a whole.
    pub(super) fn keep(&mut self, prompt: PromptId, pcm: Arc<[i16]>) {
        self.prompts.insert(prompt, pcm);
    }

    /// Expects audio of a source from now on.
    pub(super) fn expect(&mut self, source: Source) {
        if self.forgotten.contains(&source) || self.tracks.contains_key(&source) {
            return;
        }
        if self.tracks.len() == TRACKS
            && let Some(oldest) =
                self.tracks.iter().find(|(_, track)| track.clip().is_none()).map(|(old, _)| old.clone())
        {
            self.forget(&oldest);
        }
        self.tracks.insert(source, Track::default());
    }

    /// Adds audio to a source, and to what is played of it. The samples there are so far, when the conversation should
    /// hear of them; audio of a source that is not expected is dropped.
    pub(super) async fn append(&mut self, source: &Source, pcm: Arc<[i16]>) -> Option<u64> {
        let track = self.tracks.get_mut(source).filter(|track| !track.is_complete())?;
        let tell = track.push(Arc::clone(&pcm));
        let (clip, samples) = (track.clip(), track.samples());
        if let Some(clip) = clip {
            self.order(MediaCommand::Append { clip, pcm, from: 0, last: false }).await;
        }
        tell.then_some(samples)
    }

    /// No more audio of a source follows. The samples there are; `None` when that was known, or nobody wants them.
    pub(super) async fn complete(&mut self, source: &Source) -> Option<u64> {
        let track = self.tracks.get_mut(source).filter(|track| !track.is_complete())?;
        track.complete();
        let (clip, samples) = (track.clip(), track.samples());
        if let Some(clip) = clip {
            self.order(MediaCommand::Append { clip, pcm: Arc::new([]), from: 0, last: true }).await;
        }
        Some(samples)
    }

    /// A source is not played any more.
    pub(super) fn forget(&mut self, source: &Source) {
        self.tracks.remove(source);
        if self.forgotten.len() == FORGOTTEN {
            self.forgotten.pop_front();
        }
        self.forgotten.push_back(source.clone());
    }

    /// Plays a source from this sample on; false when there is nothing to play, or no leg.
    pub(super) async fn play(&mut self, reply: ReplyId, source: Source, from: u64) -> bool {
        let clip = ClipId(u64::from(reply.0));
        let sent = match &source {
            Source::Prompt(prompt) => match self.prompts.get(prompt) {
                Some(pcm) => {
                    let from = usize::try_from(from).unwrap_or(usize::MAX);
                    self.order(MediaCommand::Play { clip, pcm: Arc::clone(pcm), from }).await
                }
                None => false,
            },
            Source::Utterance(_) | Source::Item(_) => self.play_track(clip, &source, from).await,
        };
        if sent {
            self.playing.insert(clip, Playing { reply, source, from, started: None });
        }
        sent
    }

    async fn play_track(&mut self, clip: ClipId, source: &Source, from: u64) -> bool {
        let Some(track) = self.tracks.get_mut(source) else { return false };
        track.set_clip(Some(clip));
        let complete = track.is_complete();
        let pieces: Vec<_> = track.from(from).collect();
        let mut sent = self.order(MediaCommand::Open { clip, first: from }).await;
        for (pcm, from) in pieces {
            sent &= self.order(MediaCommand::Append { clip, pcm, from, last: false }).await;
        }
        if complete {
            sent &= self.order(MediaCommand::Append { clip, pcm: Arc::new([]), from: 0, last: true }).await;
        }
        sent
    }

    /// Stops what is played, with a fade.
    pub(super) async fn stop(&self, fade: Duration) {
        self.order(MediaCommand::Stop { fade }).await;
    }

    /// A clip has begun: the reply that it is.
    pub(super) fn started(&mut self, clip: ClipId, at: Instant) -> Option<ReplyId> {
        let playing = self.playing.get_mut(&clip)?;
        playing.started = Some(at);
        Some(playing.reply)
    }

    /// The reply that a clip is.
    pub(super) fn reply(&self, clip: ClipId) -> Option<ReplyId> {
        self.playing.get(&clip).map(|playing| playing.reply)
    }

    /// A clip has ended at a sample of its source. What was played to its end is not kept; what was cut is, until it is
    /// forgotten.
    pub(super) fn ended(&mut self, clip: ClipId, at: u64, cut: bool) -> Option<Ended> {
        let Playing { reply, source, from, .. } = self.playing.remove(&clip)?;
        match source {
            Source::Utterance(_) | Source::Item(_) if !cut => self.forget(&source),
            Source::Utterance(_) | Source::Item(_) => {
                if let Some(track) = self.tracks.get_mut(&source).filter(|track| track.clip() == Some(clip)) {
                    track.set_clip(None);
                }
            }
            Source::Prompt(_) => {}
        }
        Some(Ended { reply, heard: at.saturating_sub(from) })
    }

    /// Whether so much audio waits to be played that no more should be taken.
    pub(super) fn is_far_ahead(&self, now: Instant) -> bool {
        self.tracks.values().any(|track| {
            let playing = track.clip().and_then(|clip| self.playing.get(&clip));
            let played = playing.map_or(0, |playing| {
                let since = playing.started.map_or(Duration::ZERO, |started| now.saturating_duration_since(started));
                playing.from + u64::try_from(since.as_micros() / 125).unwrap_or(u64::MAX)
            });
            !track.is_complete() && track.samples().saturating_sub(played) > AHEAD
        })
    }

    async fn order(&self, command: MediaCommand) -> bool {
        match &self.leg {
            Some(leg) => leg.send(command).await.is_ok(),
            None => false,
        }
    }
}
