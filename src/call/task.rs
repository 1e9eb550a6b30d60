//! The task of one call: it owns the call's cores, carries out what they ask for, and tells them what happens.

mod bites;
mod bot;
mod brain;
mod converse;
mod ears;
mod keys;
mod leg_ear;
mod line;
mod media;
mod player;
mod recording;
mod redirect;
mod replaced;
mod takeover;
mod tools;
mod track;
mod transfer;
mod voice;

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::session::Stats;
use callwright_sip::endpoint::{Body, Credential, Event, Rejection, SessionId};
use callwright_sip::message::StatusCode;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use self::bot::BotLine;
use self::brain::Brain;
use self::ears::Ears;
use self::keys::Keys;
use self::player::Player;
use self::recording::Recording;
use self::redirect::{Onward, next_onward};
pub(super) use self::takeover::Seat;
use self::takeover::{Taken, next_taken};
use self::tools::Tools;
use self::transfer::{Handing, first_gone, next_handing};
use self::voice::Voice;
use super::call::Call;
use super::event::{Advice, CallAction, CallInput, LegEnd, LegEvent, Progress, Withdrawal};
use super::insight::beside;
use super::leg::Leg;
use super::listen::{Happening, Listeners};
use super::outcome::CallOutcome;
use super::place::{AttemptEvent, NotPlaced, RecordingFile};
use super::providers::Lineup;
use super::quality::MediaQuality;
use super::record::RecordingFault;
use super::registry::{Calls, Control, LegSession, Services, Stage, Supervised, Supervision};
use super::tools::ToolContext;
use super::transfer::TransferInput;
use super::transfer::came::CameBy;
use super::transfer::desk::Transferred;
use super::transfer::second::{SecondNews, SecondSide};
use crate::agent::action::Ending;
use crate::agent::assistant::Mode;
use crate::agent::conversation::Conversation;
use crate::agent::external::Dropped;
use crate::agent::input::Input;
use crate::agent::record::Outcome;
use crate::campaign::disconnection::DisconnectionReason;
use crate::id::LegId;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::{Closed, MediaNews};
use crate::net::media_worker::MediaLeg;
use crate::net::ports::RtpSocket;
use crate::net::sip_driver::InviteError;
use crate::net::webrtc::link::LinkEvent;
use crate::net::webrtc::sessions::BrowserSide;
use crate::provider::bot::BotRequest;
use crate::provider::stt::{ListenRequest, SpeechToText};
use crate::replay::observed::{Observed, Seen};
use crate::siprec;
use crate::stir::passport::Attestation;
use crate::stir::service::unix;
use crate::telemetry::spans::CallFacts;
use crate::time::{self, Latest};
use crate::trunk::media::DtmfMode;
use crate::trunk::plan::{InvitePlan, leg_key};

/// How long the end of a call waits for the media worker's last word, and for a file that is still being made.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What a call is made of when it begins.
pub(super) struct Parts {
    pub(super) call: Call,
    pub(super) conversation: Conversation,
    pub(super) lineup: Lineup,
    pub(super) context: Arc<ToolContext>,
    pub(super) leg: Leg,
    /// The offer of our INVITE, or the answer of our 200.
    pub(super) body: Option<Body>,
    pub(super) rtp: RtpSocket,
    /// Where the recording goes, relative to the folder of recordings.
    pub(super) recording: PathBuf,
    /// How keys pressed are told and heard.
    pub(super) dtmf: DtmfMode,
}

/// What a call has left when it is over.
pub(super) struct Remains {
    pub(super) outcome: CallOutcome,
    pub(super) conversation: Outcome,
    pub(super) recording: Option<RecordingFile>,
    pub(super) recording_fault: Option<RecordingFault>,
    /// The file that runs it again.
    pub(super) replay: Option<PathBuf>,
    pub(super) transfer: Option<Transferred>,
    pub(super) media: Option<Stats>,
    pub(super) quality: Option<MediaQuality>,
    /// How well we vouched for the caller of a call we made.
    pub(super) signed: Option<Attestation>,
}

/// An INVITE that may leave.
pub(super) struct Dial {
    pub(super) leg: LegId,
    pub(super) invite: InvitePlan,
    pub(super) credentials: Option<Credential>,
    pub(super) send_before: Latest,
}

/// How the registry and the task of a call tell each other.
pub(super) struct Ends {
    pub(super) control: mpsc::Receiver<Control>,
    pub(super) stage: watch::Sender<Stage>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) supervised: Arc<Supervised>,
    /// By which session others know it.
    pub(super) known: Arc<LegSession>,
}

/// The task of one call.
pub(super) struct CallTask {
    calls: Calls,
    services: Arc<Services>,
    context: Arc<ToolContext>,
    call: Call,
    conversation: Observed,
    player: Player,
    voice: Voice,
    ears: Ears,
    brain: Brain,
    bot: BotLine,
    tools: Tools,
    keys: Keys,
    dtmf: DtmfMode,
    onward: Onward,
    leg: Leg,
    body: Option<Body>,
    dial: Option<Box<Dial>>,
    session: Option<SessionId>,
    known: Arc<LegSession>,
    events: Option<mpsc::Receiver<Event>>,
    /// The far side is a browser.
    browser: Option<BrowserSide>,
    rtp: Option<RtpSocket>,
    media: Option<MediaLeg>,
    closed: Option<Closed>,
    recording: Recording,
    /// The call is sent to a recorder of somebody else's.
    copied: Option<siprec::Recording>,
    /// Whether the assistant's calls are recorded at all.
    records: bool,
    off_record: bool,
    /// Until when what the caller says goes up without delay.
    hurry_until: Option<Instant>,
    /// How the leg's sound is taken.
    ear: leg_ear::LegEar,
    control: mpsc::Receiver<Control>,
    /// Whoever asked for the call; nobody for an inbound one.
    reports: Option<mpsc::Sender<AttemptEvent>>,
    stage: watch::Sender<Stage>,
    listeners: Arc<Listeners>,
    supervised: Arc<Supervised>,
    /// Recognises what a supervisor says, too.
    stt: Arc<dyn SpeechToText>,
    /// A supervisor has the call.
    taken: Option<Taken>,
    /// By which way the caller came.
    came: Option<CameBy>,
    /// The caller is being handed over.
    handing: Option<Handing>,
    transferred: Option<Transferred>,
    /// This is the leg to whom somebody else's caller is handed over.
    second: Option<SecondSide>,
    /// How well we vouched for the caller.
    signed: Option<Attestation>,
    outcome: Option<CallOutcome>,
    not_placed: Option<NotPlaced>,
}

impl CallTask {
    pub(super) fn new(calls: Calls, parts: Parts, ends: Ends) -> Self {
        let Ends { control, stage, listeners, supervised, known } = ends;
        let Parts { call, conversation, lineup, context, leg, body, rtp, recording, dtmf } = parts;
        let assistant = &context.assistant.definition;
        let listen = ListenRequest { language: assistant.language.clone(), ..ListenRequest::default() };
        let speech = (lineup.voice.name.clone(), assistant.language.clone());
        let records = assistant.recording.audio;
        let services = Arc::clone(calls.services());
        let stt = Arc::clone(&lineup.stt);
        let ears = Ears::new(lineup.stt, lineup.stand_in, listen);
        let deaf = match assistant.mode {
            Mode::SpeechToSpeech => true,
            // The bot hears by itself; a recogniser only writes down what is said.
            Mode::External => assistant.providers.stt.is_empty(),
            Mode::Flow | Mode::Llm => false,
        };
        let ears = if deaf { ears.deaf() } else { ears };
        let request = BotRequest { call: context.call, org: context.org, parameters: BTreeMap::new() };
        let bot = lineup.bot.filter(|_| assistant.mode == Mode::External);
        let toolbox = Arc::clone(&services.toolbox);
        let insight = calls.insight();
        let traced = insight.spans.is_some();
        let conversation = insight.observe(conversation, &context, &lineup.witness, &services.recordings, &recording);
        Self {
            calls,
            services,
            context: Arc::clone(&context),
            call,
            conversation,
            player: Player::default(),
            voice: Voice::new(lineup.tts, lineup.voice),
            ears,
            brain: Brain::new(lineup.llm, lineup.s2s, speech),
            bot: BotLine::new(bot, request),
            tools: Tools::new(toolbox, context).traced(traced),
            keys: Keys::default(),
            dtmf,
            onward: Onward::default(),
            leg,
            body,
            dial: None,
            session: None,
            known,
            events: None,
            browser: None,
            rtp: Some(rtp),
            media: None,
            closed: None,
            recording: Recording::new(recording),
            copied: None,
            records,
            off_record: false,
            hurry_until: None,
            ear: leg_ear::LegEar::default(),
            control,
            reports: None,
            stage,
            listeners,
            supervised,
            stt,
            taken: None,
            came: None,
            handing: None,
            transferred: None,
            second: None,
            signed: None,
            outcome: None,
            not_placed: None,
        }
    }

    /// Makes it the task of a call we place.
    pub(super) fn placing(mut self, dial: Dial, reports: mpsc::Sender<AttemptEvent>) -> Self {
        self.dial = Some(Box::new(dial));
        self.reports = Some(reports);
        self
    }

    /// Makes it the task of a call we were offered.
    pub(super) fn taking(mut self, session: SessionId, events: mpsc::Receiver<Event>) -> Self {
        self.is_on(session, events);
        self.get_ready();
        self
    }

    /// Makes it the task of a call with a browser.
    pub(super) fn with_browser(mut self, browser: BrowserSide) -> Self {
        self.browser = Some(browser);
        self.get_ready();
        self
    }

    /// Runs the call to its end. Boxed, because a future keeps a copy of what is moved into it for each step on the way.
    pub(super) async fn run(mut self: Box<Self>) -> Result<Remains, NotPlaced> {
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
        let ahead = self.player.is_far_ahead(time::now().mono);
        tokio::select! {
            biased;
            Some(control) = self.control.recv() => self.controlled(control).await,
            event = next_event(&mut self.events) => self.signalled(event).await,
            news = next_browser(&mut self.browser) => self.browsed(news),
            sink = self.recording.opened() => self.record(sink).await,
            news = next_news(&mut self.media) => self.heard(news).await,
            input = self.ears.next() => self.understood(input).await,
            thought = self.brain.next(ahead) => self.thought(thought).await,
            news = self.bot.next() => self.bot_sent(news).await,
            spoken = self.voice.next(ahead) => self.spoken(spoken).await,
            input = self.tools.next() => self.inform(input),
            () = self.keys.pause_over() => self.press().await,
            flow = next_onward(&mut self.onward) => self.go_on(flow).await,
            news = next_handing(&mut self.handing) => self.handed(news).await,
            news = next_taken(&mut self.taken) => self.taken_news(news).await,
            () = first_gone(&self.second) => self.first_is_gone(),
            () = sleep(wake) => {}
        }
    }

    async fn controlled(&mut self, control: Control) {
        match control {
            Control::HangUp => self.tell(CallInput::Withdraw(Withdrawal::Person)),
            Control::Drain => self.tell(CallInput::Withdraw(Withdrawal::Shutdown)),
            Control::Handover(handover) => self.handed_over(handover),
            Control::Press(digit) => self.pass_on(digit).await,
            Control::Listen => self.let_listen().await,
            Control::TakeOver(Seat(browser)) => self.take_over(*browser).await,
            Control::HandBack => self.hand_back().await,
            Control::Replace(incoming) => self.replaced(*incoming).await,
            Control::Supervise(Supervision::Note(note)) => self.inform(Input::Note(note)),
            Control::Supervise(Supervision::Mute(muted)) => {
                self.inform(Input::Muted(muted));
                self.listeners.tell(|| Happening::Changed);
            }
            Control::Supervise(Supervision::OffRecord(off)) => {
                self.inform(Input::OffRecord(off));
                self.listeners.tell(|| Happening::Changed);
            }
        }
    }

    async fn signalled(&mut self, event: Option<Event>) {
        let Some(event) = event else {
            self.events = None;
            self.tell(CallInput::Leg(LegEvent::Ended { by: LegEnd::Fault, q850: None }));
            return;
        };
        if let Event::Redirected { redirection, .. } = event {
            return self.redirected(redirection.target.uri).await;
        }
        let Leg::Sip(leg) = &mut self.leg else { return };
        let news = leg.handle(event);
        if let (Some(session), Some(answer)) = (self.session, news.reoffer) {
            let _ = self.services.sip.answer_reoffer(session, answer).await;
        }
        if let Some(progress) = &news.refer {
            self.referred(progress);
        }
        if let Some(fault) = news.fault {
            let trunk = self.context.trunk;
            tracing::warn!(call = %self.context.call, ?trunk, %fault, "a description of the far side's is not taken");
        }
        if let Some(digit) = news.digit.filter(|_| self.dtmf.hears_info())
            && !self.relay(digit)
        {
            self.inform(Input::Dtmf { digit: digit.as_char(), ago: Duration::ZERO });
        }
        if let Some(event) = news.event {
            self.tell(CallInput::Leg(event));
        }
    }

    /// Something became of the browser.
    fn browsed(&mut self, news: Option<LinkEvent>) {
        if news.is_none() {
            self.browser = None;
        }
        let Leg::WebRtc(leg) = &mut self.leg else { return };
        if let Some(event) = leg.handle(news) {
            self.tell(CallInput::Leg(event));
        }
    }

    /// Tells the conversation. Every input of it passes here.
    fn inform(&mut self, input: Input) {
        self.inform_at(time::now().mono, input);
    }

    fn inform_at(&mut self, now: Instant, input: Input) {
        self.conversation.handle(now, input);
    }

    fn tell(&mut self, input: CallInput) {
        let now = time::now().mono;
        self.conversation.note(now, || format!("the call is told: {input:?}"));
        self.call.handle(now, input);
    }

    /// Does what the cores ask for until both are quiet.
    async fn carry_out(&mut self) {
        loop {
            if let Some(action) = self.call.poll_action() {
                self.act(action).await;
            } else if let Some(action) = self.conversation.poll_action() {
                self.converse(action).await;
            } else if let Some(action) = self.next_order() {
                self.hand(action).await;
            } else {
                return;
            }
        }
    }

    async fn act(&mut self, action: CallAction) {
        let now = time::now().mono;
        self.conversation.note(now, || format!("the call asks for: {action:?}"));
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
                if let Some(browser) = &self.browser {
                    browser.end();
                }
            }
            CallAction::StartMedia => self.start_media(now).await,
            CallAction::StopMedia => {
                self.transfer(TransferInput::CallerGone);
                self.let_go();
                self.ears.close();
                self.brain.close();
                self.bot.close();
                self.voice.close();
                self.order(MediaCommand::Close).await;
            }
            CallAction::Advise(advice) => {
                let input = match advice {
                    Advice::Answered => {
                        self.answered().await;
                        Input::Answered
                    }
                    Advice::TimeNearlyUp => Input::TimeNearlyUp,
                    Advice::HungUp { by_callee } => Input::HungUp { by_callee },
                };
                self.inform_at(now, input);
            }
            CallAction::Progress(progress) => self.report(now, progress),
            CallAction::Ended(outcome) => {
                self.tell_first(SecondNews::Over(Box::new(outcome.clone())));
                self.listeners.end(outcome.reason, outcome.ended_by);
                self.outcome = Some(outcome);
            }
        }
    }

    /// The phone rings: everything that the talk will need makes its connections.
    fn get_ready(&mut self) {
        self.ears.open();
        self.brain.ring();
        if self.brain.has_model() {
            self.voice.open();
        }
        self.tools.ask();
    }

    async fn answered(&mut self) {
        if let Some(recorder) = self.services.recorder.clone().filter(|_| self.records) {
            self.recording.open(recorder, &self.services.recordings, self.rate());
        }
        self.copy();
        self.get_ready();
        self.ears.answer();
        self.brain.answer();
        self.detect_callee().await;
        self.let_listen().await;
    }

    /// The session that its leg is, from now on.
    fn is_on(&mut self, session: SessionId, events: mpsc::Receiver<Event>) {
        self.known.set(session);
        self.session = Some(session);
        self.events = Some(events);
    }

    async fn invite(&mut self) {
        let (Some(dial), Some(offer)) = (&self.dial, self.body.take()) else { return };
        let key = leg_key(&self.services.secret, dial.leg);
        let mut invite = dial.invite.invite(key, dial.credentials.clone(), offer);
        if let (Some(identity), Some(vouching)) = (self.calls.identity(), &dial.invite.attest) {
            let (org, secret) = (self.context.org, &self.services.secret);
            let signed = identity.vouch(&mut invite, vouching, org, secret, unix(time::now()));
            self.signed = signed.then_some(vouching.level);
        }
        match self.services.sip.invite(invite, dial.send_before).await {
            Ok((session, events)) => {
                self.is_on(session, events);
            }
            Err(InviteError::Refused(error)) => self.not_placed = Some(error.into()),
            Err(InviteError::TooLate) => self.not_placed = Some(NotPlaced::TooLate),
            Err(InviteError::Stopped(_)) => self.not_placed = Some(NotPlaced::Stopping),
        }
    }

    fn come_to(&self, stage: Stage) {
        self.stage.send_replace(stage);
        self.listeners.tell(|| Happening::Changed);
    }

    fn report(&mut self, at: Instant, progress: Progress) {
        if progress == Progress::Ringing {
            self.get_ready();
        }
        let dialog = || self.leg.dialog().cloned().map(Box::new);
        let (stage, event) = match progress {
            Progress::Ringing => (Stage::Ringing, AttemptEvent::Ringing { at, dialog: dialog() }),
            Progress::Answered => (Stage::Answered { at }, AttemptEvent::Answered { at, dialog: dialog() }),
            Progress::InConversation => {
                let answered = self.call.answered_at().unwrap_or(at);
                (Stage::InConversation { answered }, AttemptEvent::InConversation { at })
            }
        };
        self.come_to(stage);
        match progress {
            Progress::Ringing => self.tell_first(SecondNews::Ringing),
            Progress::Answered => self.tell_first(SecondNews::Answered),
            Progress::InConversation => {}
        }
        if let Some(reports) = &self.reports {
            // The channel holds every event of an attempt; only a receiver that is gone can refuse one.
            let _ = reports.try_send(event);
        }
    }

    /// Collects what the call leaves behind. Its recording is on disk when this is done.
    async fn wind_up(mut self: Box<Self>, outcome: CallOutcome) -> Remains {
        self.copied = None;
        let sink = self.recording.opened_within(LAST_WORD).await;
        self.record(sink).await;
        let media = self.close_media().await;
        let dropped = self.ears.dropped() + self.brain.dropped() + self.bot.dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "a provider did not keep up with the caller's audio");
        }
        let Dropped { samples, marks } = self.bot.playback().dropped();
        if samples + marks > 0 {
            tracing::warn!(samples, marks, "a bot sent more than may wait to be played");
        }
        self.tools.finish().await;
        let now = time::now().mono;
        if let Some(stats) = &media {
            self.conversation.note(now, || format!("the leg has counted: {stats:?}"));
        }
        let failed = outcome.technical || self.conversation.outcome().ending.as_ref().is_some_and(is_failure);
        let replay = beside(self.recording.path());
        let seen = self.conversation.finish(now, failed).await;
        let Seen { outcome: conversation, replay: kept, trail } = seen;
        let quality = self.leg.negotiated().zip(media.as_ref()).map(|(agreed, stats)| MediaQuality::of(agreed, stats));
        if let (Some(trail), Some(spans)) = (&trail, &self.calls.insight().spans) {
            let (context, outbound, conversation) = (&*self.context, self.dial.is_some(), &conversation);
            let quality = quality.as_ref();
            spans.send(&CallFacts { context, outbound, outcome: &outcome, conversation, quality, trail });
        }
        let (recording, recording_fault) = self.recording.finished().await;
        let transfer = self.transferred.filter(|_| outcome.reason == DisconnectionReason::CallTransfer);
        let replay = kept.then_some(replay);
        let signed = self.signed;
        Remains { outcome, conversation, recording, recording_fault, replay, transfer, media, quality, signed }
    }
}

/// Whether a conversation ended because something of ours or of a vendor's failed.
const fn is_failure(ending: &Ending) -> bool {
    matches!(ending, Ending::SpeechFailed | Ending::ModelFailed | Ending::RecogniserFailed)
}

/// Refuses an incoming call before it has a task.
pub(super) async fn refuse(services: &Services, session: SessionId, status: StatusCode, rejection: Rejection) {
    let _ = services.sip.reject(session, status, rejection).await;
}

async fn next_event(events: &mut Option<mpsc::Receiver<Event>>) -> Option<Event> {
    match events {
        Some(events) => events.recv().await,
        None => pending().await,
    }
}

async fn next_browser(browser: &mut Option<BrowserSide>) -> Option<LinkEvent> {
    match browser {
        Some(browser) => browser.next().await,
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
