//! From a media worker to a call: a bounded ring in which only audio can be lost.
//!
//! The worker never waits. Audio has a place for one second of it; when that is full the oldest frame goes and is
//! counted. Everything else has its own place and is never dropped: a call that leaves hundreds of events lying is
//! hung, and its leg is closed with [`CloseCause::Overrun`], which always fits. The order of all of it is kept.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use callwright_media::frame::PcmFrame;
use callwright_media::session::{MediaEvent, Stats};
use tokio::sync::Notify;

/// Frames of audio kept: one second.
const AUDIO: usize = 50;
/// Events kept.
const EVENTS: usize = 256;
/// Audio is due when so many frames wait, 80 ms of them: a recogniser takes longer bites than one packet, and waking a
/// task is the dearest part of handing one over. Any event wakes at once and takes the audio along. While a call is
/// [in a hurry](NewsReceiver::hurry) every frame wakes it.
const AUDIO_BATCH: usize = 4;

/// What a media worker tells a call about its leg.
#[derive(Debug)]
pub enum MediaNews {
    /// 20 ms of the caller, for a recogniser.
    Audio {
        /// When it was complete: the arrival of its packet.
        at: Instant,
        /// The samples.
        frame: PcmFrame,
    },
    /// Anything else a session says; never [`MediaEvent::Uplink`].
    Event(Box<MediaEvent>),
    /// The leg is closed; nothing follows.
    Closed(Closed),
}

/// The end of a leg's media.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// Why.
    pub cause: CloseCause,
    /// What the session counted.
    pub stats: Stats,
    /// Frames for the recogniser that nobody took in time.
    pub audio_dropped: u64,
}

/// Why a leg's media ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseCause {
    /// Asked for.
    Stopped,
    /// The call has stopped taking events.
    Overrun,
    /// The leg's processing panicked: a bug, kept to this leg.
    Panicked,
    /// The worker ends or could not serve the socket.
    Worker,
}

/// A ring; the worker's end and the call's end.
pub(super) fn ring() -> (RingSender, NewsReceiver) {
    let shared = Arc::new(Shared::default());
    (RingSender { shared: Arc::clone(&shared) }, NewsReceiver { shared })
}

#[derive(Debug, Default)]
struct Shared {
    ring: Mutex<Ring>,
    news: Notify,
    abandoned: AtomicBool,
    hurry: AtomicBool,
}

#[derive(Debug, Default)]
struct Ring {
    audio: VecDeque<(u64, Instant, PcmFrame)>,
    events: VecDeque<(u64, Box<MediaEvent>)>,
    next: u64,
    audio_dropped: u64,
    closed: Option<Closed>,
    closed_taken: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct RingSender {
    shared: Arc<Shared>,
}

/// The call has stopped taking events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrun;

/// What is to be done about what was put into a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Nothing: the call knows of it, or it can wait.
    Done,
    /// The call is to be [woken](RingSender::wake) soon, best together with others.
    AudioDue,
}

impl RingSender {
    /// Puts an event into the ring; `now` is the time of the packet or tick it came from.
    pub(super) fn push(&self, now: Instant, event: MediaEvent) -> Result<Pushed, Overrun> {
        match event {
            MediaEvent::Uplink(frame) => {
                let hurry = self.shared.hurry.load(Ordering::Relaxed);
                let waiting = self.shared.lock().push_audio(now, frame);
                if !hurry {
                    return Ok(if waiting < AUDIO_BATCH { Pushed::Done } else { Pushed::AudioDue });
                }
            }
            other @ (MediaEvent::FirstPacket { .. }
            | MediaEvent::VoiceStarted { .. }
            | MediaEvent::VoiceStopped { .. }
            | MediaEvent::Overlap { .. }
            | MediaEvent::DtmfReceived { .. }
            | MediaEvent::Detected(_)
            | MediaEvent::ClipStarted { .. }
            | MediaEvent::ClipStarved { .. }
            | MediaEvent::ClipFed { .. }
            | MediaEvent::DtmfSent { .. }
            | MediaEvent::ClipFinished { .. }
            | MediaEvent::ClipCut { .. }
            | MediaEvent::Stalled { .. }
            | MediaEvent::Resumed { .. }
            | MediaEvent::Parted { .. }
            | MediaEvent::SourceChanged { .. }) => {
                self.shared.lock().push_event(Box::new(other))?;
            }
        }
        self.wake();
        Ok(Pushed::Done)
    }

    /// Wakes the call.
    pub(super) fn wake(&self) {
        self.shared.news.notify_one();
    }

    /// Says the last word. Only the first call counts.
    pub(super) fn close(&self, cause: CloseCause, stats: Stats) {
        let mut ring = self.shared.lock();
        let audio_dropped = ring.audio_dropped;
        ring.closed.get_or_insert(Closed { cause, stats, audio_dropped });
        drop(ring);
        self.wake();
    }

    /// Nobody listens any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Relaxed)
    }
}

impl Drop for RingSender {
    /// A leg that never came to life, or went with its worker, is closed as well.
    fn drop(&mut self) {
        self.close(CloseCause::Worker, Stats::default());
    }
}

impl Ring {
    /// Returns how many frames wait.
    fn push_audio(&mut self, at: Instant, frame: PcmFrame) -> usize {
        // Few calls ever leave more lying; the places of those that do not would all be touched in turn.
        if self.audio.capacity() == 0 {
            self.audio.reserve_exact(2 * AUDIO_BATCH);
        }
        if self.audio.len() == AUDIO {
            self.audio.pop_front();
            self.audio_dropped += 1;
        }
        self.audio.push_back((self.next, at, frame));
        self.next += 1;
        self.audio.len()
    }

    fn push_event(&mut self, event: Box<MediaEvent>) -> Result<(), Overrun> {
        if self.events.len() == EVENTS {
            return Err(Overrun);
        }
        self.events.push_back((self.next, event));
        self.next += 1;
        Ok(())
    }

    fn pop(&mut self) -> Option<MediaNews> {
        let audio = self.audio.front().map(|(number, ..)| *number);
        let event = self.events.front().map(|(number, _)| *number);
        match (audio, event) {
            (Some(audio), Some(event)) if event < audio => self.pop_event(),
            (None, Some(_)) => self.pop_event(),
            (Some(_), Some(_) | None) => self.audio.pop_front().map(|(_, at, frame)| MediaNews::Audio { at, frame }),
            (None, None) if self.closed_taken => None,
            (None, None) => {
                self.closed_taken = self.closed.is_some();
                self.closed.map(MediaNews::Closed)
            }
        }
    }

    fn pop_event(&mut self) -> Option<MediaNews> {
        self.events.pop_front().map(|(_, event)| MediaNews::Event(event))
    }
}

/// The call's end. Dropping it ends the leg at its next tick.
#[derive(Debug)]
pub struct NewsReceiver {
    shared: Arc<Shared>,
}

impl NewsReceiver {
    /// The next news; `None` after [`MediaNews::Closed`]. Giving up the wait loses nothing.
    pub async fn recv(&mut self) -> Option<MediaNews> {
        loop {
            {
                let mut ring = self.shared.lock();
                if let Some(news) = ring.pop() {
                    return Some(news);
                }
                if ring.closed_taken {
                    return None;
                }
            }
            self.shared.news.notified().await;
        }
    }

    /// From now on every frame of audio wakes the call at once, or, when not in a hurry, four of them soon.
    pub fn hurry(&self, hurry: bool) {
        self.shared.hurry.store(hurry, Ordering::Relaxed);
    }

    /// The next news if there is one now.
    pub fn try_recv(&mut self) -> Option<MediaNews> {
        self.shared.lock().pop()
    }
}

impl Drop for NewsReceiver {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use callwright_media::frame::Rate;
    use futures_util::FutureExt;

    use super::*;
    use crate::time;

    fn frame(level: i16) -> MediaEvent {
        let frame = PcmFrame::from_samples(Rate::Hz8000, &[level; 160]).expect("160 samples are a frame");
        MediaEvent::Uplink(frame)
    }

    fn resumed() -> MediaEvent {
        MediaEvent::Resumed { at: time::now().mono }
    }

    fn drain(receiver: &mut NewsReceiver) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv())
            .map(|news| match news {
                MediaNews::Audio { frame, .. } => frame.samples()[0].to_string(),
                MediaNews::Event(_) => "event".to_owned(),
                MediaNews::Closed(closed) => format!("{:?}, {} dropped", closed.cause, closed.audio_dropped),
            })
            .collect()
    }

    #[test]
    fn order_is_kept_between_audio_and_events() {
        let (sender, mut receiver) = ring();
        for event in [frame(1), resumed(), frame(2), frame(3), resumed()] {
            assert_eq!(sender.push(time::now().mono, event), Ok(Pushed::Done));
        }
        sender.close(CloseCause::Stopped, Stats::default());
        assert_eq!(drain(&mut receiver), ["1", "event", "2", "3", "event", "Stopped, 0 dropped"]);
    }

    #[test]
    fn the_oldest_audio_goes_and_is_counted_while_events_stay() {
        let (sender, mut receiver) = ring();
        assert_eq!(sender.push(time::now().mono, resumed()), Ok(Pushed::Done));
        for level in 0..60 {
            assert!(sender.push(time::now().mono, frame(level)).is_ok());
        }
        sender.close(CloseCause::Stopped, Stats::default());
        let seen = drain(&mut receiver);
        assert_eq!(seen.first().map(String::as_str), Some("event"));
        assert_eq!(seen[1], "10", "the ten oldest frames went");
        assert_eq!(seen.last().map(String::as_str), Some("Stopped, 10 dropped"));
        assert_eq!(seen.len(), 1 + 50 + 1);
    }

    #[test]
    fn a_call_that_takes_no_events_is_told_so_and_loses_none_it_was_given() {
        let (sender, mut receiver) = ring();
        for _ in 0..EVENTS {
            assert_eq!(sender.push(time::now().mono, resumed()), Ok(Pushed::Done));
        }
        assert_eq!(sender.push(time::now().mono, resumed()), Err(Overrun));
        sender.close(CloseCause::Overrun, Stats::default());
        let seen = drain(&mut receiver);
        assert_eq!(seen.len(), EVENTS + 1);
        assert_eq!(seen.last().map(String::as_str), Some("Overrun, 0 dropped"));
    }

    #[test]
    fn audio_is_due_in_fours_and_wakes_at_once_in_a_hurry() {
        let (sender, receiver) = ring();
        let woken = || receiver.shared.news.notified().now_or_never().is_some();
        let say = |level| (sender.push(time::now().mono, frame(level)), woken());
        let (waits, due) = ((Ok(Pushed::Done), false), (Ok(Pushed::AudioDue), false));
        assert_eq!([say(1), say(2), say(3), say(4)], [waits, waits, waits, due]);
        sender.wake();
        assert!(woken());
        receiver.shared.lock().audio.clear();
        receiver.hurry(true);
        assert_eq!(say(5), (Ok(Pushed::Done), true));
        receiver.shared.lock().audio.clear();
        receiver.hurry(false);
        assert_eq!(say(6), waits);
    }

    #[tokio::test]
    async fn the_last_word_comes_once() {
        let (sender, mut receiver) = ring();
        sender.close(CloseCause::Panicked, Stats::default());
        sender.close(CloseCause::Stopped, Stats::default());
        let last = receiver.recv().await;
        assert!(matches!(last, Some(MediaNews::Closed(Closed { cause: CloseCause::Panicked, .. }))));
        assert!(receiver.recv().await.is_none());
        assert!(!sender.is_abandoned());
        drop(receiver);
        assert!(sender.is_abandoned());
    }
}
