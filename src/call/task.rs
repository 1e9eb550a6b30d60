//! The task of one call: it owns the call's cores, carries out what they ask for, and tells them what happens.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::detect::Detection;
use callwright_media::detect::greeting::GreetingConfig;
use callwright_media::session::{MediaEvent, Session, SessionConfig, Stats};
use callwright_media::vad::SegmenterConfig;
use callwright_sip::endpoint::{Body, Event, Rejection, SessionId};
use callwright_sip::message::StatusCode;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use super::call::Call;
use super::ears::Ears;
use super::event::{Advice, CallAction, CallInput, LegEnd, LegEvent, MediaNotice, Progress, Withdrawal};
use super::leg::sip::SipLeg;
use super::outcome::CallOutcome;
use super::place::{AttemptEvent, NotPlaced, PlaceCall, RecordingFile};
use super::record::{RecordError, RecordingHandle, RecordingSink};
use super::registry::{Control, Services, Stage};
use super::voice::Voice;
use crate::agent::action::{Action, Source};
use crate::agent::conversation::Conversation;
use crate::agent::input::{Input, Party};
use crate::agent::record::Outcome;
use crate::campaign::states::AnsweredBy;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::{CloseCause, Closed, MediaNews};
use crate::net::media_worker::MediaLeg;
use crate::net::ports::RtpSocket;
use crate::net::sip_driver::InviteError;
use crate::time;
use crate::trunk::plan::leg_key;

/// How the caller's speech is cut into turns.
const VOICE: SegmenterConfig = SegmenterConfig { start_ms: 200, stop_ms: 200 };
/// How long the end of a call waits for its recording to be on disk.
const RECORDING: Duration = Duration::from_secs(10);
/// How long it waits for the media worker's last word.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a call is made of when it begins.
pub(super) struct Parts {
    pub(super) call: Call,
    pub(super) conversation: Conversation,
    pub(super) voice: Voice,
    pub(super) ears: Ears,
    pub(super) leg: SipLeg,
    /// The offer of our INVITE, or the answer of our 200.
    pub(super) body: Body,
    pub(super) rtp: RtpSocket,
    /// Where the recording goes, relative to the folder of recordings.
    pub(super) recording: std::path::PathBuf,
}

/// What a call has left when it is over.
pub(super) struct Remains {
    pub(super) outcome: CallOutcome,
    pub(super) conversation: Outcome,
    pub(super) recording: Option<RecordingFile>,
    pub(super) media: Option<Stats>,
}

/// The task of one call.
pub(super) struct CallTask {
    services: Arc<Services>,
    call: Call,
    conversation: Conversation,
    voice: Voice,
    ears: Ears,
    leg: SipLeg,
    body: Option<Body>,
    order: Option<Box<PlaceCall>>,
    session: Option<SessionId>,
    events: Option<mpsc::Receiver<Event>>,
    rtp: Option<RtpSocket>,
    media: Option<MediaLeg>,
    closed: Option<Closed>,
    recording_path: std::path::PathBuf,
    opening: Option<JoinHandle<Result<(RecordingSink, RecordingHandle), RecordError>>>,
    recording: Option<RecordingHandle>,
    control: mpsc::Receiver<Control>,
    /// Whoever asked for the call; nobody for an inbound one.
    reports: Option<mpsc::Sender<AttemptEvent>>,
    stage: watch::Sender<Stage>,
    outcome: Option<CallOutcome>,
    not_placed: Option<NotPlaced>,
}

impl CallTask {
    pub(super) fn new(
        services: Arc<Services>,
        parts: Parts,
        control: mpsc::Receiver<Control>,
        stage: watch::Sender<Stage>,
    ) -> Self {
        let Parts { call, conversation, voice, ears, leg, body, rtp, recording } = parts;
        Self {
            services,
            call,
            conversation,
            voice,
            ears,
            leg,
            body: Some(body),
            order: None,
            session: None,
            events: None,
            rtp: Some(rtp),
            media: None,
            closed: None,
            recording_path: recording,
            opening: None,
            recording: None,
            control,
            reports: None,
            stage,
            outcome: None,
            not_placed: None,
        }
    }

    /// Makes it the task of a call we place.
    pub(super) fn placing(mut self, order: PlaceCall, reports: mpsc::Sender<AttemptEvent>) -> Self {
        self.order = Some(Box::new(order));
        self.reports = Some(reports);
        self
    }

    /// Makes it the task of a call we were offered.
    pub(super) fn taking(mut self, session: SessionId, events: mpsc::Receiver<Event>) -> Self {
        self.session = Some(session);
        self.events = Some(events);
        self
    }

    /// Runs the call to its end.
    pub(super) async fn run(mut self) -> Result<Remains, NotPlaced> {
        loop {
            self.carry_out().await;
            if let Some(why) = self.not_placed.take() {
                return Err(why);
            }
            if let Some(outcome) = self.outcome.take() {
                return Ok(self.wind_up(outcome).await);
            }
            self.wait().await;
            let now = time::now().mono;
            self.call.handle_timeout(now);
            self.conversation.handle_timeout(now);
        }
    }

    /// Waits for one thing to happen and tells the cores.
    async fn wait(&mut self) {
        let wake = [self.call.poll_timeout().map(|(at, _)| at), self.conversation.poll_timeout().map(|(at, _)| at)];
        let wake = wake.into_iter().flatten().min();
        tokio::select! {
            biased;
            Some(control) = self.control.recv() => self.controlled(control),
            event = next_event(&mut self.events) => self.signalled(event).await,
            opened = next_opened(&mut self.opening) => self.record(opened).await,
            news = next_news(&mut self.media) => self.heard(news),
            input = self.ears.next() => self.conversation.handle(time::now().mono, input),
            input = self.voice.next() => self.spoken(input),
            () = sleep(wake) => {}
        }
    }

    fn controlled(&mut self, control: Control) {
        let why = match control {
            Control::HangUp => Withdrawal::Person,
            Control::Drain => Withdrawal::Shutdown,
        };
        self.tell(CallInput::Withdraw(why));
    }

    async fn signalled(&mut self, event: Option<Event>) {
        let Some(event) = event else {
            self.events = None;
            self.tell(CallInput::Leg(LegEvent::Ended { by: LegEnd::Fault, q850: None }));
            return;
        };
        let news = self.leg.handle(event);
        if let (Some(session), Some(answer)) = (self.session, news.reoffer) {
            let _ = self.services.sip.answer_reoffer(session, answer).await;
        }
        let now = time::now().mono;
        if let Some(digit) = news.digit {
            self.conversation.handle(now, Input::Dtmf { digit: digit.as_char(), ago: Duration::ZERO });
        }
        if let Some(event) = news.event {
            self.call.handle(now, CallInput::Leg(event));
        }
    }

    /// Takes everything that waits in the ring: it was filled in one go.
    fn heard(&mut self, first: Option<MediaNews>) {
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
            MediaEvent::Uplink(_) | MediaEvent::SourceChanged { .. } => (None, None),
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

    fn spoken(&mut self, input: Input) {
        self.conversation.handle(time::now().mono, input);
        if self.voice.is_ready() {
            self.tell(CallInput::AgentReady);
        }
    }

    fn tell(&mut self, input: CallInput) {
        self.call.handle(time::now().mono, input);
    }

    /// Does what the cores ask for until both are quiet.
    async fn carry_out(&mut self) {
        loop {
            if let Some(action) = self.call.poll_action() {
                self.act(action).await;
            } else if let Some(action) = self.conversation.poll_action() {
                self.converse(action).await;
            } else {
                return;
            }
        }
    }

    async fn act(&mut self, action: CallAction) {
        let now = time::now().mono;
        match action {
            CallAction::Invite => self.invite().await,
            CallAction::Ring => {
                if let Some(session) = self.session {
                    let _ = self.services.sip.ring(session, StatusCode::RINGING, None).await;
                }
            }
            CallAction::Accept => {
                if let (Some(session), Some(body)) = (self.session, self.body.take()) {
                    let _ = self.services.sip.accept(session, body).await;
                }
            }
            CallAction::HangUp => {
                if let Some(session) = self.session {
                    let _ = self.services.sip.hang_up(session, None).await;
                }
            }
            CallAction::StartMedia => self.start_media(now).await,
            CallAction::StopMedia => {
                self.ears.close();
                if let Some(media) = &self.media {
                    let _ = media.control.send(MediaCommand::Close).await;
                }
            }
            CallAction::Advise(advice) => {
                let input = match advice {
                    Advice::Answered => {
                        self.open_recording();
                        self.detect_callee().await;
                        Input::Answered
                    }
                    Advice::TimeNearlyUp => Input::TimeNearlyUp,
                    Advice::HungUp { by_callee } => Input::HungUp { by_callee },
                };
                self.conversation.handle(now, input);
            }
            CallAction::Progress(progress) => self.report(now, progress),
            CallAction::Ended(outcome) => self.outcome = Some(outcome),
        }
    }

    async fn converse(&mut self, action: Action) {
        match action {
            Action::Prepare { prompt, text } => self.voice.prepare(prompt, text),
            Action::Speak { reply, source, from } => {
                let clip = match source {
                    Source::Prompt(prompt) => self.voice.begin(reply, prompt, from),
                    Source::Utterance(_) | Source::Item(_) => None,
                };
                let sent = match (&self.media, clip) {
                    (Some(media), Some((clip, pcm, from))) => {
                        media.control.send(MediaCommand::Play { clip, pcm, from }).await.is_ok()
                    }
                    (Some(_) | None, Some(_) | None) => false,
                };
                if !sent {
                    let cut = Input::SpeechCut { reply, heard: 0, ago: Duration::ZERO };
                    self.conversation.handle(time::now().mono, cut);
                }
            }
            Action::StopSpeaking { fade, .. } => {
                if let Some(media) = &self.media {
                    let _ = media.control.send(MediaCommand::Stop { fade }).await;
                }
            }
            Action::Listen { turn, grammar, ago } => {
                let now = time::now().mono;
                self.ears.begin(turn, grammar, now.checked_sub(ago).unwrap_or(now)).await;
            }
            Action::EndTurn { turn } => self.ears.end(turn).await,
            Action::AbandonTurn { turn } => self.ears.abandon(turn).await,
            // The conversation keeps them all; its outcome has them at the end.
            Action::Transcribed(_) | Action::Answered(_) | Action::Replied(_) => {}
            // Flows without a model, the only ones so far, ask for none of these.
            Action::Say { .. }
            | Action::SayNoMore { .. }
            | Action::Forget { .. }
            | Action::Patience(_)
            | Action::Generate { .. }
            | Action::CancelGeneration { .. }
            | Action::RunTool { .. }
            | Action::CancelTool { .. }
            | Action::SendDtmf { .. }
            | Action::Transfer(_)
            | Action::CancelTransfer
            | Action::Native(_)
            | Action::Record(_)
            | Action::OptOut { .. } => {}
            Action::End(ending) => self.tell(CallInput::AgentEnded(ending)),
        }
    }

    async fn invite(&mut self) {
        let (Some(order), Some(offer)) = (&self.order, self.body.take()) else { return };
        let key = leg_key(&self.services.secret, order.leg);
        let invite = order.invite.invite(key, order.credentials.clone(), offer);
        match self.services.sip.invite(invite, order.send_before).await {
            Ok((session, events)) => {
                self.session = Some(session);
                self.events = Some(events);
            }
            Err(InviteError::Refused(error)) => self.not_placed = Some(error.into()),
            Err(InviteError::TooLate) => self.not_placed = Some(NotPlaced::TooLate),
            Err(InviteError::Stopped(_)) => self.not_placed = Some(NotPlaced::Stopping),
        }
    }

    /// Starts the session with the description in force, or changes it over.
    async fn start_media(&mut self, now: Instant) {
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

    /// Listens for who answered, on calls we placed.
    async fn detect_callee(&self) {
        if let (Some(_), Some(media)) = (&self.order, &self.media) {
            let _ = media.control.send(MediaCommand::DetectCallee(GreetingConfig::default())).await;
        }
    }

    /// Makes the recording's file, off this thread: a slow disk does not hold up a call.
    fn open_recording(&mut self) {
        if let Some(recorder) = self.services.recorder.clone() {
            let path = self.services.recordings.join(&self.recording_path);
            self.opening = Some(tokio::task::spawn_blocking(move || recorder.begin(&path)));
        }
    }

    async fn record(&mut self, opened: Option<(RecordingSink, RecordingHandle)>) {
        let (Some((mut sink, handle)), Some(media)) = (opened, &self.media) else { return };
        // The recording begins with the answer, also when its file came a little later.
        let late = self.call.answered_at().map_or(Duration::ZERO, |answered| time::now().mono.duration_since(answered));
        sink.lead_in(late);
        if media.control.send(MediaCommand::Record(Box::new(sink))).await.is_ok() {
            self.recording = Some(handle);
        }
    }

    fn report(&mut self, at: Instant, progress: Progress) {
        let dialog = || self.leg.dialog().cloned().map(Box::new);
        let (stage, event) = match progress {
            Progress::Ringing => (Stage::Ringing, AttemptEvent::Ringing { at, dialog: dialog() }),
            Progress::Answered => (Stage::Answered { at }, AttemptEvent::Answered { at, dialog: dialog() }),
            Progress::InConversation => {
                let answered = self.call.answered_at().unwrap_or(at);
                (Stage::InConversation { answered }, AttemptEvent::InConversation { at })
            }
        };
        self.stage.send_replace(stage);
        if let Some(reports) = &self.reports {
            // The channel holds every event of an attempt; only a receiver that is gone can refuse one.
            let _ = reports.try_send(event);
        }
    }

    /// Collects what the call leaves behind. Its recording is on disk when this is done.
    async fn wind_up(mut self, outcome: CallOutcome) -> Remains {
        if let Some(opened) = timeout(LAST_WORD, next_opened_or_none(&mut self.opening)).await.ok().flatten() {
            self.record(Some(opened)).await;
        }
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
        let recording = match self.recording.take() {
            Some(handle) => timeout(RECORDING, handle.finished()).await.ok().flatten(),
            None => None,
        };
        let recording = recording.map(|recorded| RecordingFile {
            path: self.recording_path,
            duration: recorded.duration,
            complete: recorded.complete,
        });
        let media = self.closed.map(|closed| closed.stats);
        Remains { outcome, conversation: self.conversation.outcome().clone(), recording, media }
    }
}

/// Refuses an incoming call before it has a task.
pub(super) async fn refuse(services: &Services, session: SessionId, status: StatusCode, retry_after: Option<Duration>) {
    let _ = services.sip.reject(session, status, Rejection { retry_after, reason: None }).await;
}

async fn next_event(events: &mut Option<mpsc::Receiver<Event>>) -> Option<Event> {
    match events {
        Some(events) => events.recv().await,
        None => pending().await,
    }
}

async fn next_news(media: &mut Option<MediaLeg>) -> Option<MediaNews> {
    match media {
        Some(media) => media.news.recv().await,
        None => pending().await,
    }
}

type Opening = JoinHandle<Result<(RecordingSink, RecordingHandle), RecordError>>;

async fn next_opened(opening: &mut Option<Opening>) -> Option<(RecordingSink, RecordingHandle)> {
    match opening {
        Some(_) => next_opened_or_none(opening).await,
        None => pending().await,
    }
}

/// The recording, once its file is made; `None` when none is being made or it cannot be.
async fn next_opened_or_none(opening: &mut Option<Opening>) -> Option<(RecordingSink, RecordingHandle)> {
    let opened = opening.as_mut()?.await;
    *opening = None;
    match opened {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            tracing::error!(%error, "a call is not recorded");
            None
        }
        Err(_) => None,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}
