//! The audio of the leg: started, followed, closed.

use std::time::{Duration, Instant};

use callwright_media::detect::Detection;
use callwright_media::detect::greeting::GreetingConfig;
use callwright_media::session::{MediaEvent, Session, SessionConfig, Stats};
use callwright_media::vad::SegmenterConfig;
use tokio::time::timeout;

use super::{CallTask, LAST_WORD};
use crate::agent::input::{Input, Party};
use crate::call::event::{CallInput, MediaNotice};
use crate::call::record::RecordingSink;
use crate::campaign::states::AnsweredBy;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::{CloseCause, MediaNews};
use crate::time;

/// How the caller's speech is cut into turns.
const VOICE: SegmenterConfig = SegmenterConfig { start_ms: 200, stop_ms: 200 };

impl CallTask {
    /// Starts the session with the description in force, or changes it over.
    pub(super) async fn start_media(&mut self, now: Instant) {
        let Some(negotiated) = self.leg.negotiated().cloned() else { return };
        let started = if let Some(media) = &self.media {
            media.control.send(MediaCommand::Renegotiate(negotiated)).await
        } else if let Some(rtp) = self.rtp.take() {
            let config = SessionConfig {
                negotiated,
                ssrc: rand::random(),
                sequence: rand::random(),
                timestamp: rand::random(),
                vad: Some(VOICE),
                uplink: true,
            };
            self.services.workers.add(rtp, Session::new(now, config)).await.map(|media| self.media = Some(media))
        } else {
            return;
        };
        if started.is_err() {
            self.tell(CallInput::Media(MediaNotice::Failed));
        }
    }

    /// Gives the leg a command; false when there is no leg that could take it.
    pub(super) async fn order(&self, command: MediaCommand) -> bool {
        match &self.media {
            Some(media) => media.control.send(command).await.is_ok(),
            None => false,
        }
    }

    /// Listens for who answered, on calls we placed.
    pub(super) async fn detect_callee(&self) {
        if self.order.is_some() {
            self.order(MediaCommand::DetectCallee(GreetingConfig::default())).await;
        }
    }

    /// Begins to record, from the answer on, also when the file came a little later.
    pub(super) async fn record(&mut self, sink: Option<RecordingSink>) {
        let Some(mut sink) = sink else { return };
        sink.lead_in(self.call.answered_at().map_or(Duration::ZERO, |at| time::now().mono.duration_since(at)));
        if !self.order(MediaCommand::Record(Box::new(sink))).await {
            self.recording.give_up();
        }
    }

    /// Takes everything that waits in the ring: it was filled in one go.
    pub(super) fn heard(&mut self, first: Option<MediaNews>) {
        let mut next = first;
        if next.is_none() {
            self.media = None;
        }
        while let Some(news) = next {
            match news {
                MediaNews::Audio { at, frame } => self.ears.hear(at, &frame),
                MediaNews::Event(event) => self.media_event(*event),
                MediaNews::Closed(closed) => {
                    self.closed = Some(closed);
                    match closed.cause {
                        CloseCause::Stopped => {}
                        CloseCause::Overrun | CloseCause::Panicked | CloseCause::Worker => {
                            self.tell(CallInput::Media(MediaNotice::Failed));
                        }
                    }
                }
            }
            next = self.media.as_mut().and_then(|media| media.news.try_recv());
        }
    }

    fn media_event(&mut self, event: MediaEvent) {
        let now = time::now().mono;
        let ago = |at: Instant| now.saturating_duration_since(at);
        let (notice, input) = match event {
            MediaEvent::FirstPacket { .. } | MediaEvent::Resumed { .. } => (Some(MediaNotice::Flowing), None),
            MediaEvent::Stalled { since } => (Some(MediaNotice::Stalled { since }), None),
            MediaEvent::VoiceStarted { at } => {
                // It takes so much voice to be sure of it.
                let since = at.checked_sub(Duration::from_millis(VOICE.start_ms.into())).unwrap_or(at);
                (Some(MediaNotice::CallerSpoke), Some(Input::VoiceStarted { ago: ago(since) }))
            }
            MediaEvent::VoiceStopped { last_voice, .. } => (None, Some(Input::VoiceStopped { ago: ago(last_voice) })),
            MediaEvent::DtmfReceived { digit, at } => {
                (None, Some(Input::Dtmf { digit: digit.as_char(), ago: ago(at) }))
            }
            MediaEvent::ClipStarted { clip, at } => {
                let reply = self.voice.reply(clip).map(|(reply, _)| Input::SpeechStarted { reply, ago: ago(at) });
                (Some(MediaNotice::AgentSpoke), reply)
            }
            // An open clip is appended to as soon as there is more.
            MediaEvent::ClipStarved { .. } => (None, None),
            MediaEvent::ClipFinished { clip, at, .. } => {
                (None, self.voice.end(clip).map(|(reply, _)| Input::SpeechFinished { reply, ago: ago(at) }))
            }
            MediaEvent::ClipCut { clip, samples, at } => {
                let cut = |(reply, from)| Input::SpeechCut { reply, heard: samples.saturating_sub(from), ago: ago(at) };
                (None, self.voice.end(clip).map(cut))
            }
            MediaEvent::Detected(detection) => (None, Some(self.detected(detection))),
            MediaEvent::Uplink(_) | MediaEvent::Parted { .. } | MediaEvent::SourceChanged { .. } => (None, None),
        };
        if let Some(notice) = notice {
            self.tell(CallInput::Media(notice));
        }
        if let Some(input) = input {
            self.conversation.handle(now, input);
        }
    }

    fn detected(&mut self, detection: Detection) -> Input {
        let (answered_by, party) = match detection {
            Detection::Human { .. } => (AnsweredBy::Human, Party::Human),
            Detection::Machine { .. } => (AnsweredBy::Voicemail, Party::Machine),
            Detection::Beep { .. } => (AnsweredBy::Voicemail, Party::Beep),
            Detection::Ringback { .. } => (AnsweredBy::FalseAnswer, Party::Ringback),
        };
        self.tell(CallInput::AnsweredBy(answered_by));
        Input::Detected(party)
    }

    /// Closes the leg and waits for what it has counted.
    pub(super) async fn close_media(&mut self) -> Option<Stats> {
        if let Some(mut media) = self.media.take() {
            let _ = media.control.send(MediaCommand::Close).await;
            let _ = timeout(LAST_WORD, async {
                while let Some(news) = media.news.recv().await {
                    if let MediaNews::Closed(closed) = news {
                        self.closed.get_or_insert(closed);
                    }
                }
            })
            .await;
        }
        self.closed.map(|closed| closed.stats)
    }
}
