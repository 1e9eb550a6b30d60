//! What the caller's audio means: speech, silence, who answered, and what a sound over the agent's voice is.

use std::time::Instant;

use super::MediaEvent;
use crate::detect::phrases::PhraseBook;
use crate::detect::{CalleeDetector, ProgressDetector};
use crate::frame::{FRAME, FRAME_8K};
use crate::overlap::{Heard, Overlap, OverlapDetector};
use crate::vad::{SegmenterConfig, Vad, VoiceActivity, VoiceChange};

/// Listens to the uplink, not to the jitter buffer: the caller has fallen silent when the last word has arrived.
#[derive(Debug)]
pub(super) struct Voice {
    vad: Vad,
    speech: Option<Speech>,
    callee: Option<CalleeDetector>,
    progress: Option<ProgressDetector>,
    last_voice: Instant,
}

/// Where speech begins and ends, and whether it wants the word.
#[derive(Debug)]
struct Speech {
    activity: VoiceActivity,
    overlap: Box<OverlapDetector>,
    /// The last verdict that was told of the voice that is heard.
    told: Option<Overlap>,
}

impl Voice {
    /// Without a `segmenter` nothing is said of speech and silence.
    pub(super) fn new(now: Instant, segmenter: Option<SegmenterConfig>) -> Self {
        let speech = |segmenter| Speech {
            activity: VoiceActivity::new(segmenter),
            overlap: Box::new(OverlapDetector::new()),
            told: None,
        };
        Self { vad: Vad::new(), speech: segmenter.map(speech), callee: None, progress: None, last_voice: now }
    }

    /// Takes the 20 ms that leave for the caller, after `skipped` ticks that were missed.
    pub(super) fn said(
        &mut self,
        now: Instant,
        frame: &[i16; FRAME_8K],
        skipped: u32,
        mut say: impl FnMut(MediaEvent),
    ) {
        let Some(speech) = &mut self.speech else { return };
        if let verdict @ Some(_) = speech.overlap.said(frame, skipped) {
            speech.tell(now, None, verdict, self.last_voice, &mut say);
        }
        if let Some(callee) = &mut self.callee {
            callee.agent_said(frame);
        }
    }

    pub(super) fn detect(&mut self, callee: CalleeDetector) {
        self.callee = Some(callee);
        self.progress = None;
    }

    pub(super) fn detect_progress(&mut self) {
        self.progress = Some(ProgressDetector::default());
    }

    pub(super) fn callee_said(&mut self, now: Instant, book: &PhraseBook, words: &str, say: impl FnOnce(MediaEvent)) {
        if let Some(detection) = self.callee.as_mut().and_then(|callee| callee.heard(now, book, words)) {
            say(MediaEvent::Detected(detection));
        }
    }

    /// Takes that a tick has passed, whatever has come.
    pub(super) fn tick(&mut self, now: Instant, say: impl FnOnce(MediaEvent)) {
        if let Some(detection) = self.callee.as_mut().and_then(|callee| callee.handle_tick(now)) {
            say(MediaEvent::Detected(detection));
        }
    }

    /// Takes the next frame of the caller, completed by a packet that came at `arrived`. True when it is nothing but the
    /// agent's own voice, come back.
    pub(super) fn push(
        &mut self,
        now: Instant,
        frame: &[i16; FRAME_8K],
        arrived: Instant,
        mut say: impl FnMut(MediaEvent),
    ) -> bool {
        let verdict = self.vad.push(frame);
        let heard = match &mut self.speech {
            Some(speech) => speech.overlap.heard(frame, verdict),
            None => Heard { voiced: verdict.voiced, echo: false, verdict: None },
        };
        if heard.voiced {
            self.last_voice = arrived;
        }
        if let Some(speech) = &mut self.speech {
            speech.follow(now, heard, self.last_voice, &mut say);
        }
        if let Some(detection) = self.callee.as_mut().and_then(|callee| callee.push(now, frame, heard.voiced)) {
            say(MediaEvent::Detected(detection));
        }
        self.callee.take_if(|callee| callee.is_done(now));
        if let Some(detection) = self.progress.as_mut().and_then(|progress| progress.push(now, frame)) {
            say(MediaEvent::Detected(detection));
        }
        heard.echo
    }
}

impl Speech {
    fn follow(&mut self, now: Instant, heard: Heard, last_voice: Instant, say: &mut impl FnMut(MediaEvent)) {
        let change = self.activity.push(heard.voiced);
        self.tell(now, change, heard.verdict, last_voice, say);
    }

    /// Tells what has changed, and the verdict that has just fallen.
    fn tell(
        &mut self,
        now: Instant,
        mut change: Option<VoiceChange>,
        fallen: Option<Overlap>,
        last_voice: Instant,
        say: &mut impl FnMut(MediaEvent),
    ) {
        let sound = self.overlap.frames().unwrap_or(0);
        if fallen == Some(Overlap::Speech) {
            // Whoever is known to talk need not talk for longer.
            change = change.or_else(|| self.activity.believe(sound));
        }
        match change {
            Some(VoiceChange::Started { frames }) => {
                // A word may begin with a breath or a hiss, which the detector of overlaps takes for its beginning.
                let since = now.checked_sub(FRAME * frames.max(sound)).unwrap_or(now);
                say(MediaEvent::VoiceStarted { at: now, since });
                self.told = None;
            }
            Some(VoiceChange::Stopped { .. }) => say(MediaEvent::VoiceStopped { at: now, last_voice }),
            None => {}
        }
        // A sound may be judged before it is long enough for a voice, and judged again when that has stopped. An echo is
        // told of in any case: a recogniser may be writing what it heard of it.
        let verdict = fallen.or_else(|| self.overlap.verdict());
        let echo = fallen == Some(Overlap::Echo);
        if let Some(verdict) = verdict
            && (self.activity.is_speaking() || self.told.is_some() || echo)
            && self.told.replace(verdict) != Some(verdict)
        {
            say(MediaEvent::Overlap { verdict, at: now });
        }
        if echo && self.activity.forget().is_some() {
            // It was no voice of the caller's: what comes next begins anew.
            say(MediaEvent::VoiceStopped { at: now, last_voice });
        }
        if verdict.is_none() && !self.activity.is_speaking() {
            self.told = None;
        }
    }
}
