//! The task of one call: it owns the call's cores, carries out what they ask for, and tells them what happens.

mod converse;
mod ears;
mod media;
mod recording;
mod voice;

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::session::Stats;
use callwright_sip::endpoint::{Body, Event, Rejection, SessionId};
use callwright_sip::message::StatusCode;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

pub(super) use self::ears::Ears;
use self::recording::Recording;
pub(super) use self::voice::Voice;
use super::call::Call;
use super::event::{Advice, CallAction, CallInput, LegEnd, LegEvent, Progress, Withdrawal};
use super::leg::sip::SipLeg;
use super::outcome::CallOutcome;
use super::place::{AttemptEvent, NotPlaced, PlaceCall, RecordingFile};
use super::registry::{Control, Services, Stage};
use crate::agent::conversation::Conversation;
use crate::agent::input::Input;
use crate::agent::record::Outcome;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::{Closed, MediaNews};
use crate::net::media_worker::MediaLeg;
use crate::net::ports::RtpSocket;
use crate::net::sip_driver::InviteError;
use crate::time;
use crate::trunk::plan::leg_key;

/// How long the end of a call waits for the media worker's last word, and for a file that is still being made.
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
    pub(super) recording: PathBuf,
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
    recording: Recording,
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
            recording: Recording::new(recording),
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
            sink = self.recording.opened() => self.record(sink).await,
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
                self.order(MediaCommand::Close).await;
            }
            CallAction::Advise(advice) => {
                let input = match advice {
                    Advice::Answered => {
                        if let Some(recorder) = self.services.recorder.clone() {
                            self.recording.open(recorder, &self.services.recordings);
                        }
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
        let sink = self.recording.opened_within(LAST_WORD).await;
        self.record(sink).await;
        let media = self.close_media().await;
        let recording = self.recording.finished().await;
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

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}
