//! The audio of the leg: started, followed, closed.

use std::time::{Duration, Instant};

use callwright_media::detect::greeting::GreetingConfig;
use callwright_media::detect::phrases::PhraseBook;
use callwright_media::detect::{Callee, Detection, Refusal, Signal};
use callwright_media::frame::{FRAME, PcmFrame, Rate};
use callwright_media::session::{MediaEvent, Session, SessionConfig, Stats};
use tokio::time::timeout;

use super::bot::BotLine;
use super::leg_ear::LegEar;
use super::player::Ended;
use super::{CallTask, LAST_WORD};
use crate::agent::ear::{self, VOICE};
use crate::agent::input::{Heard, Input, Party};
use crate::call::event::{CallInput, MediaNotice};
use crate::call::listen::to_listeners;
use crate::call::outcome::NetworkTone;
use crate::call::record::RecordingSink;
use crate::call::transfer::TargetParty;
use crate::call::transfer::second::SecondNews;
use crate::campaign::states::AnsweredBy;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::{CloseCause, MediaNews};
use crate::net::reports::reports;
use crate::provider::stt::Transcript;
use crate::siprec::RecordedCall;
use crate::siprec::metadata::CallFacts;
use crate::time::{self, Now};

/// So long after the answer the words of the callee may tell who that is.
const TELLING: Duration = Duration::from_secs(60);

/// After the caller has fallen silent, every frame counts for so long: a vendor may be about to end the turn.
const HURRY: Duration = Duration::from_secs(3);

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
            let rate = config.negotiated.codec.rate();
            self.ear = LegEar::of(rate);
            self.listeners.works_at(rate);
            let mut session = Session::at(now, config, rate);
            session.report(now, reports(Now { mono: now, ..time::now() }));
            if self.dtmf.hears_sound() {
                session.listen_for_keys();
            }
            let added = self.services.workers.add(rtp, session).await;
            added.map(|media| {
                self.player.attach(media.control.clone());
                self.tell_first(SecondNews::Media(media.control.clone()));
                media.news.hurry(self.bot.leads());
                self.media = Some(media);
            })
        } else {
            return;
        };
        if started.is_err() {
            self.tell(CallInput::Media(MediaNotice::Failed));
        }
        if self.off_record {
            self.order(MediaCommand::OffRecord(true)).await;
        }
        if self.dial.is_some() && self.call.answered_at().is_none() {
            self.order(MediaCommand::DetectProgress).await;
        }
        self.let_listen().await;
    }

    /// Samples a second of the leg's sound: what it works at, or before it has begun, what it would by what is agreed on.
    pub(super) fn rate(&self) -> Rate {
        let agreed = || self.leg.negotiated().map(|negotiated| negotiated.codec.rate());
        self.ear.rate().or_else(agreed).unwrap_or(Rate::Hz8000)
    }

    /// Lets whoever wants to listen hear the leg, from the answer on.
    pub(super) async fn let_listen(&mut self) {
        let (Some(answered), true) = (self.call.answered_at(), self.media.is_some()) else { return };
        let Some((sound, rate)) = self.listeners.wants_sound() else { return };
        let frames = time::now().mono.saturating_duration_since(answered).as_millis() / FRAME.as_millis();
        let position = u64::try_from(frames).unwrap_or(u64::MAX).saturating_mul(rate.samples() as u64);
        let feed = to_listeners(&self.listeners, (sound, rate), position);
        self.order(MediaCommand::Listen(Box::new(feed))).await;
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
        if self.dial.is_some() {
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

    /// Begins to send the call to the recorder of its trunk, if it has one. The second leg of a transfer is heard on the
    /// first.
    pub(super) fn copy(&mut self) {
        let (Some(recorders), Some(media), Some(trunk)) = (self.calls.recorders(), &self.media, self.context.trunk)
        else {
            return;
        };
        if !self.records || self.second.is_some() {
            return;
        }
        let facts = CallFacts {
            call: self.context.call,
            answered: time::now().wall,
            contact: self.context.contact.clone(),
            ours: self.context.ours.clone(),
            assistant: self.context.assistant.definition.name.clone(),
        };
        self.copied = recorders.begin(RecordedCall { trunk, facts, media: media.control.clone() });
    }

    /// Takes everything that waits in the ring: it was filled in one go.
    pub(super) async fn heard(&mut self, first: Option<MediaNews>) {
        let mut next = first;
        if next.is_none() {
            self.media = None;
        }
        while let Some(news) = next {
            match news {
                MediaNews::Audio { at, frame } => self.hear(at, &frame),
                MediaNews::Event(event) => self.media_event(*event).await,
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

    /// Takes 20 ms of the caller.
    fn hear(&mut self, at: Instant, frame: &PcmFrame) {
        if self.hurry_until.is_some_and(|until| at > until) {
            self.hurry(None);
        }
        let samples = self.ear.narrowed(frame);
        self.ears.hear(at, samples);
        self.brain.hear(samples);
        self.bot.hear(samples);
    }

    async fn media_event(&mut self, event: MediaEvent) {
        let now = time::now().mono;
        let ago = |at: Instant| now.saturating_duration_since(at);
        let input = match event {
            MediaEvent::FirstPacket { .. } | MediaEvent::Resumed { .. } => {
                self.tell(CallInput::Media(MediaNotice::Flowing));
                None
            }
            MediaEvent::Stalled { since } => {
                self.tell(CallInput::Media(MediaNotice::Stalled { since }));
                None
            }
            MediaEvent::VoiceStarted { .. } => {
                self.hurry(None);
                self.tell(CallInput::Media(MediaNotice::CallerSpoke));
                ear::told(now, &event)
            }
            MediaEvent::VoiceStopped { .. } => {
                self.hurry(Some(now + HURRY));
                ear::told(now, &event)
            }
            MediaEvent::Overlap { .. } => ear::told(now, &event),
            // What the line gives back of our own keys was not pressed by the far side.
            MediaEvent::DtmfReceived { .. } if self.keys.are_sounding() => None,
            MediaEvent::DtmfReceived { digit, .. } if self.relay(digit) => None,
            MediaEvent::DtmfReceived { digit, at } => Some(Input::Dtmf { digit: digit.as_char(), ago: ago(at) }),
            MediaEvent::DtmfSent { .. } => {
                self.pressed().await;
                None
            }
            MediaEvent::ClipStarted { clip, .. }
            | MediaEvent::ClipStarved { clip, .. }
            | MediaEvent::ClipFed { clip, .. }
            | MediaEvent::ClipFinished { clip, .. }
            | MediaEvent::ClipCut { clip, .. }
                if BotLine::is_clip(clip) =>
            {
                self.bot_clip(&event).await;
                None
            }
            MediaEvent::ClipStarted { clip, at } => self.player.started(clip, at).map(|reply| {
                self.hurry(None);
                self.tell(CallInput::Media(MediaNotice::AgentSpoke));
                Input::SpeechStarted { reply, ago: ago(at) }
            }),
            MediaEvent::ClipStarved { clip, at } => {
                self.player.reply(clip).map(|reply| Input::SpeechStarved { reply, ago: ago(at) })
            }
            MediaEvent::ClipFed { clip, at } => {
                self.player.reply(clip).map(|reply| Input::SpeechFed { reply, ago: ago(at) })
            }
            MediaEvent::ClipFinished { clip, .. } | MediaEvent::ClipCut { clip, .. } if self.keys.is_clip(clip) => {
                self.pressed().await;
                None
            }
            MediaEvent::ClipFinished { clip, samples, at } => {
                let ended = self.player.ended(clip, samples, false);
                ended.map(|Ended { reply, .. }| Input::SpeechFinished { reply, ago: ago(at) })
            }
            MediaEvent::ClipCut { clip, samples, at } => {
                let ended = self.player.ended(clip, samples, true);
                ended.map(|Ended { reply, heard }| Input::SpeechCut { reply, heard, ago: ago(at) })
            }
            MediaEvent::Detected(detection) => self.detected(detection),
            MediaEvent::Parted { .. } => {
                self.parted();
                None
            }
            MediaEvent::Uplink(_) | MediaEvent::SourceChanged { .. } => None,
        };
        if let Some(input) = input {
            self.inform_at(now, input);
        }
    }

    /// The leg has pressed the keys it was given.
    async fn pressed(&mut self) {
        if self.keys.is_pressing() {
            self.press().await;
        }
    }

    /// Hands up what the caller says without delay until then, or in bites again. Only while somebody judges by it when
    /// the caller has finished is it worth the work.
    fn hurry(&mut self, until: Option<Instant>) {
        let until = until.filter(|_| self.ears.is_continuous() || self.brain.hears());
        if until.is_some() || self.hurry_until.is_some() {
            self.ears.hurry(until.is_some());
            self.brain.hurry(until.is_some());
            if let Some(media) = &self.media {
                media.news.hurry(until.is_some() || self.bot.leads());
            }
        }
        self.hurry_until = until;
    }

    fn detected(&mut self, detection: Detection) -> Option<Input> {
        if self.call.answered_at().is_none() {
            self.network_plays(detection.callee);
            return None;
        }
        let (answered_by, party) = match detection.callee {
            Callee::Human => (AnsweredBy::Human, Party::Human),
            Callee::Machine => (AnsweredBy::Voicemail, Party::Machine),
            Callee::Beep => (AnsweredBy::Voicemail, Party::Beep),
            Callee::Screening => (AnsweredBy::Screening, Party::Screening),
            Callee::Menu => (AnsweredBy::Ivr, Party::Menu),
            Callee::Fax => (AnsweredBy::Fax, Party::Fax),
            Callee::Network(Signal::Ringback) => (AnsweredBy::FalseAnswer, Party::Ringback),
            Callee::Network(Signal::Busy | Signal::Congestion) | Callee::Refused(_) => {
                self.network_plays(detection.callee);
                return None;
            }
        };
        self.tell(CallInput::AnsweredBy(answered_by));
        match party {
            Party::Human => self.tell_first(SecondNews::Judged(TargetParty::Human)),
            Party::Machine | Party::Beep | Party::Screening | Party::Menu | Party::Fax => {
                self.tell_first(SecondNews::Judged(TargetParty::Machine));
            }
            Party::Ringback => {}
        }
        Some(Input::Detected(party))
    }

    /// Tells the call of a tone that stands for a final response. Ringing does not.
    fn network_plays(&mut self, callee: Callee) {
        let tone = match callee {
            Callee::Network(Signal::Busy) => NetworkTone::Engaged,
            Callee::Network(Signal::Congestion) => NetworkTone::Congested,
            Callee::Refused(Refusal::Intercept | Refusal::Vacant) => NetworkTone::NoSuchNumber,
            Callee::Refused(Refusal::Reorder | Refusal::NoCircuit) => NetworkTone::Congested,
            Callee::Refused(Refusal::Unspecified) => NetworkTone::Announcement,
            Callee::Network(Signal::Ringback)
            | Callee::Human
            | Callee::Machine
            | Callee::Beep
            | Callee::Screening
            | Callee::Menu
            | Callee::Fax => return,
        };
        self.tell(CallInput::Tone(tone));
    }

    /// Tells what a recogniser makes of the callee: the conversation, and the leg as long as that finds out who answered.
    pub(super) async fn understood(&mut self, input: Input) {
        let words =
            if let Input::Heard(Heard::Partial { words } | Heard::EagerEnd { words } | Heard::TurnEnded { words })
            | Input::Understood { transcript: Transcript::Words { text: words, .. }, .. } = &input
            {
                Some(words.clone())
            } else {
                None
            };
        let now = time::now().mono;
        let answered = self.call.answered_at().filter(|at| now.saturating_duration_since(*at) < TELLING);
        if let (Some(words), Some(_), Some(_)) = (words, answered, &self.dial) {
            let book = PhraseBook::of(&self.context.assistant.definition.language);
            self.order(MediaCommand::CalleeSaid { book, words }).await;
        }
        self.inform(input);
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
