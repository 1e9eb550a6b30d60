//! A supervisor takes the call over from a browser, and hands it back.
//!
//! Their leg is joined with the caller's while the agent is silent and hears both: what the caller says as ever, what the supervisor
//! says by a recogniser of its own. With the word it has back, the agent knows what was said.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::bridge::bridge;
use callwright_media::frame::PcmFrame;
use callwright_media::session::{MediaEvent, Session, SessionConfig};

use super::CallTask;
use super::ears::Ears;
use super::leg_ear::LegEar;
use crate::agent::ear::VOICE;
use crate::agent::input::{Heard, Input};
use crate::call::event::{CallInput, LegEvent};
use crate::call::leg::webrtc::WebRtcLeg;
use crate::call::listen::Happening;
use crate::call::registry::Control;
use crate::call::transfer::Handover;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::MediaNews;
use crate::net::media_worker::MediaLeg;
use crate::net::reports::reports;
use crate::net::webrtc::link::LinkEvent;
use crate::net::webrtc::sessions::{BrowserLeg, BrowserSide};
use crate::pii::Pii;
use crate::provider::stt::{Grammar, ListenRequest, Transcript, TurnId};
use crate::time::{self, Now};

/// The supervisor's sentence is over when they have been silent for so long.
const PAUSE: Duration = Duration::from_millis(600);

/// The supervisor who has the call.
pub(super) struct Taken {
    side: BrowserSide,
    leg: WebRtcLeg,
    media: MediaLeg,
    scribe: Scribe,
}

/// Writes down what the supervisor says.
struct Scribe {
    ear: LegEar,
    ears: Ears,
    turns: u32,
    open: Option<TurnId>,
    /// When the open turn is over unless the voice goes on.
    ends: Option<Instant>,
}

/// Something became of the supervisor.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub(super) enum TakenNews {
    Link(Option<LinkEvent>),
    Media(Option<MediaNews>),
    Understood(Input),
    Paused,
}

/// What happens next to the supervisor, if there is one.
pub(super) async fn next_taken(taken: &mut Option<Taken>) -> TakenNews {
    let Some(Taken { side, media, scribe, .. }) = taken else { return pending().await };
    let ends = scribe.ends;
    tokio::select! {
        news = side.next() => TakenNews::Link(news),
        news = media.news.recv() => TakenNews::Media(news),
        input = scribe.ears.next() => TakenNews::Understood(input),
        () = super::sleep(ends) => TakenNews::Paused,
    }
}

impl CallTask {
    /// A supervisor's browser is connected: it has the call from now on. Nothing comes of it when the call is not theirs to take:
    /// not answered, being handed over, or taken already. Their session then ends.
    pub(super) async fn take_over(&mut self, browser: BrowserLeg) {
        let free = self.media.is_some()
            && self.call.answered_at().is_some()
            && self.handing.is_none()
            && self.second.is_none()
            && self.taken.is_none();
        if !free {
            return;
        }
        let BrowserLeg { negotiated, rtp, side } = browser;
        let now = time::now().mono;
        let config = SessionConfig {
            negotiated: negotiated.clone(),
            ssrc: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            vad: Some(VOICE),
            uplink: true,
        };
        let rate = negotiated.codec.rate();
        let mut session = Session::at(now, config, rate);
        session.report(now, reports(Now { mono: now, ..time::now() }));
        let Ok(media) = self.services.workers.add(rtp, session).await else { return };
        self.inform(Input::Muted(true));
        let (ours, theirs) = bridge(false);
        self.order(MediaCommand::Join(Box::new(ours))).await;
        let _ = media.control.send(MediaCommand::Join(Box::new(theirs))).await;
        let listen =
            ListenRequest { language: self.context.assistant.definition.language.clone(), ..ListenRequest::default() };
        let mut ears = Ears::new(Arc::clone(&self.stt), None, listen);
        ears.open();
        ears.answer();
        let scribe = Scribe { ear: LegEar::of(rate), ears, turns: 0, open: None, ends: None };
        self.taken = Some(Taken { side, leg: WebRtcLeg::new(negotiated), media, scribe });
        self.supervised.take(true);
        // The agent's clocks mean nothing meanwhile.
        self.tell(CallInput::Handover(Handover::Begun));
        self.tell(CallInput::Handover(Handover::Joined));
        self.listeners.tell(|| Happening::Changed);
    }

    /// The agent has the word again.
    pub(super) async fn hand_back(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        taken.side.end();
        self.order(MediaCommand::Part).await;
        let _ = taken.media.control.send(MediaCommand::Close).await;
        self.supervised.take(false);
        self.tell(CallInput::Handover(Handover::Failed));
        self.inform(Input::Muted(false));
        self.listeners.tell(|| Happening::Changed);
    }

    /// The call ends: so does the supervisor's session.
    pub(super) fn let_go(&mut self) {
        if let Some(taken) = self.taken.take() {
            taken.side.end();
            self.supervised.take(false);
        }
    }

    /// Something became of the supervisor. One who goes hands the call back.
    pub(super) async fn taken_news(&mut self, news: TakenNews) {
        let Some(taken) = &mut self.taken else { return };
        match news {
            TakenNews::Link(news) => match taken.leg.handle(news) {
                Some(LegEvent::Renegotiated { .. }) => {
                    let negotiated = taken.leg.negotiated().clone();
                    let _ = taken.media.control.send(MediaCommand::Renegotiate(negotiated)).await;
                }
                Some(LegEvent::Ended { .. }) => self.hand_back().await,
                Some(LegEvent::Provisional { .. } | LegEvent::Answered { .. } | LegEvent::Failed(_)) | None => {}
            },
            TakenNews::Media(None | Some(MediaNews::Closed(_))) => self.hand_back().await,
            TakenNews::Media(Some(MediaNews::Audio { at, frame })) => taken.scribe.hear(at, &frame),
            TakenNews::Media(Some(MediaNews::Event(event))) => {
                if let MediaEvent::DtmfReceived { digit, .. } = *event {
                    self.order(MediaCommand::SendDtmf(vec![digit])).await;
                } else {
                    taken.scribe.note(time::now().mono, &event);
                }
            }
            TakenNews::Paused => taken.scribe.end(),
            TakenNews::Understood(input) => {
                if let Some(words) = taken.scribe.words(input) {
                    self.inform(Input::Colleague(words));
                }
            }
        }
    }
}

impl Scribe {
    fn hear(&mut self, at: Instant, frame: &PcmFrame) {
        self.ears.hear(at, self.ear.narrowed(frame));
    }

    fn note(&mut self, now: Instant, event: &MediaEvent) {
        if let MediaEvent::VoiceStarted { since, .. } = event {
            self.ends = None;
            if self.open.is_none() {
                self.turns = self.turns.saturating_add(1);
                let turn = TurnId(self.turns);
                self.open = Some(turn);
                self.ears.begin(turn, Arc::<Grammar>::default(), *since);
            }
        } else if let MediaEvent::VoiceStopped { .. } = event
            && self.open.is_some()
        {
            self.ends = Some(now + PAUSE);
        }
    }

    fn end(&mut self) {
        self.ends = None;
        if let Some(turn) = self.open.take() {
            self.ears.end(turn);
        }
    }

    /// The words of a sentence. A recogniser that ends turns by itself says them when it does.
    fn words(&self, input: Input) -> Option<Pii<String>> {
        let words = if let Input::Heard(Heard::TurnEnded { words }) = input {
            words
        } else if let Input::Understood { transcript: Transcript::Words { text, .. }, .. } = input
            && !self.ears.detects_turns()
        {
            text
        } else {
            return None;
        };
        Some(words).filter(|words| !words.expose().trim().is_empty())
    }
}

/// A supervisor's browser on its way to the call. Two of them are never the same.
#[derive(Debug)]
pub(in crate::call) struct Seat(pub(in crate::call) Box<BrowserLeg>);

impl From<BrowserLeg> for Control {
    fn from(leg: BrowserLeg) -> Self {
        Self::TakeOver(Seat(Box::new(leg)))
    }
}
