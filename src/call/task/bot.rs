//! A bot of somebody else's that leads the call: the caller's voice goes there, what it sends is played.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::frame::FRAME_8K;
use callwright_media::session::{ClipId, MediaEvent};
use tokio::time::sleep_until;

use super::CallTask;
use super::line::Line;
use crate::agent::external::{ExternalNews, ExternalOrder, FIRST_CLIP, MOST_MARKS, Playback, Step};
use crate::agent::input::Input;
use crate::call::event::{CallInput, MediaNotice};
use crate::call::providers::guarded;
use crate::net::media_leg::MediaCommand;
use crate::provider::bot::{Bot, BotEvent, BotInput, BotRequest};
use crate::provider::error::{Error, ErrorKind};
use crate::time;

/// Frames that wait behind a bot that takes none; then the oldest goes.
const WAITING: usize = 32;
/// Samples that are handed over in one piece, where so many came at once.
const PIECE: usize = 8_000;
/// What a bot had sent when it hung up may be played for so long.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long the bot's voice takes to die away when it is cut.
const FADE: Duration = Duration::from_millis(15);

/// The bot of one call, if it has one.
pub(super) struct BotLine {
    bot: Option<Arc<dyn Bot>>,
    request: BotRequest,
    line: Option<Line<BotInput, BotEvent>>,
    playback: Playback,
    /// An event that came along with audio and is looked at next.
    held: Option<BotEvent>,
    /// It could not be opened.
    failed: bool,
    /// It has hung up; by then that is told.
    hung_up: Option<Instant>,
    dropped: u64,
}

impl BotLine {
    pub(super) fn new(bot: Option<Arc<dyn Bot>>, request: BotRequest) -> Self {
        Self {
            bot,
            request,
            line: None,
            playback: Playback::default(),
            held: None,
            failed: false,
            hung_up: None,
            dropped: 0,
        }
    }

    /// Whether a bot leads the call.
    pub(super) const fn leads(&self) -> bool {
        self.bot.is_some()
    }

    pub(super) fn order(&mut self, order: ExternalOrder) {
        match order {
            ExternalOrder::Open { parameters } => {
                self.request.parameters = parameters;
                self.open();
            }
            ExternalOrder::Floor(floor) => self.playback.set_floor(floor),
            ExternalOrder::Key(key) => self.tell(BotInput::Key(key)),
        }
    }

    /// Takes 20 ms of the caller.
    pub(super) fn hear(&mut self, samples: &[i16; FRAME_8K]) {
        if let Some(line) = &mut self.line {
            let is_audio = |input: &BotInput| matches!(input, BotInput::Audio(_));
            let dropped = line.send_audio(BotInput::Audio(Arc::from(&samples[..])), is_audio, WAITING);
            self.dropped += u64::from(dropped);
        }
    }

    /// Ends the session.
    pub(super) fn close(&mut self) {
        self.line = None;
        self.held = None;
        self.hung_up = None;
        self.playback.set_floor(false);
    }

    /// Frames that the bot did not take in time.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What it sends, and what is to be done about it.
    pub(super) fn playback(&mut self) -> &mut Playback {
        &mut self.playback
    }

    /// Whether a clip is the bot's.
    pub(super) const fn is_clip(clip: ClipId) -> bool {
        clip.0 >= FIRST_CLIP
    }

    /// Tells the bot that it was heard up to a mark.
    pub(super) fn tell(&mut self, input: BotInput) {
        if let Some(line) = &mut self.line {
            line.send(input);
        }
    }

    /// What becomes of it next; nothing when only its playback has changed. Waits for ever when there is no bot.
    pub(super) async fn next(&mut self) -> Option<ExternalNews> {
        if std::mem::take(&mut self.failed) {
            return Some(ExternalNews::Dead);
        }
        if self.hung_up.is_some() && self.playback.is_idle() {
            self.hung_up = None;
            return Some(ExternalNews::HungUp);
        }
        if let Some(event) = self.held.take() {
            return self.happened(Some(event));
        }
        tokio::select! {
            biased;
            event = next_event(&mut self.line) => self.happened(event),
            () = until(self.hung_up) => {
                self.hung_up = None;
                Some(ExternalNews::HungUp)
            }
        }
    }

    fn open(&mut self) {
        let request = self.request.clone();
        let opened = match self.bot.clone() {
            Some(bot) => guarded(move || bot.open(request)),
            None => Err(Error::new("no bot", ErrorKind::NotInstalled, "the assistant has no bot")),
        };
        match opened {
            // All marks that wait come back at one time when the bot is cleared.
            Ok(session) => self.line = Some(Line::new(session.input, session.events).with_room_for(MOST_MARKS)),
            Err(error) => {
                log(&error);
                self.failed = true;
            }
        }
    }

    fn happened(&mut self, event: Option<BotEvent>) -> Option<ExternalNews> {
        let now = time::now().mono;
        match event {
            Some(BotEvent::Ready) => return Some(ExternalNews::Ready),
            Some(BotEvent::Audio(pcm)) => {
                let pcm = self.more(pcm);
                self.playback.audio(now, pcm);
            }
            Some(BotEvent::Mark(name)) => self.playback.mark(now, name),
            Some(BotEvent::Clear) => self.playback.clear(),
            Some(BotEvent::HungUp) => {
                self.line = None;
                self.playback.finish();
                self.hung_up = Some(now + LAST_WORDS);
            }
            Some(BotEvent::Dead { error }) => {
                log(&error);
                self.line = None;
                return Some(ExternalNews::Dead);
            }
            None => {
                self.line = None;
                return Some(ExternalNews::Dead);
            }
        }
        None
    }

    /// A piece of audio with those that wait behind it: handing one over costs the same whatever its length.
    fn more(&mut self, first: Arc<[i16]>) -> Arc<[i16]> {
        let mut all = Vec::new();
        while first.len() + all.len() < PIECE
            && let Some(event) = self.line.as_mut().and_then(Line::ready)
        {
            match event {
                BotEvent::Audio(pcm) => {
                    if all.is_empty() {
                        all.extend_from_slice(&first);
                    }
                    all.extend_from_slice(&pcm);
                }
                other @ (BotEvent::Ready
                | BotEvent::Mark(_)
                | BotEvent::Clear
                | BotEvent::HungUp
                | BotEvent::Dead { .. }) => {
                    self.held = Some(other);
                    break;
                }
            }
        }
        if all.is_empty() { first } else { all.into() }
    }
}

async fn next_event(line: &mut Option<Line<BotInput, BotEvent>>) -> Option<BotEvent> {
    match line {
        Some(line) => line.next().await,
        None => pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

fn log(error: &Error) {
    tracing::warn!(provider = %error.provider, kind = ?error.kind, %error, "a bot failed");
}

impl CallTask {
    /// The bot has sent something, or something has become of it.
    pub(super) async fn bot_sent(&mut self, news: Option<ExternalNews>) {
        self.play_bot().await;
        if let Some(news) = news {
            self.inform(Input::External(news));
        }
    }

    /// Does what is to be done about what the bot sends.
    pub(super) async fn play_bot(&mut self) {
        while let Some(step) = self.bot.playback().poll_step() {
            let command = match step {
                Step::Open(clip) => MediaCommand::Open { clip: ClipId(clip), first: 0 },
                Step::Append(clip, pcm) => MediaCommand::Append { clip: ClipId(clip), pcm, from: 0, last: false },
                Step::Close(clip) => {
                    MediaCommand::Append { clip: ClipId(clip), pcm: Arc::new([]), from: 0, last: true }
                }
                Step::Stop => MediaCommand::Stop { fade: FADE },
                Step::Played(name) => {
                    self.bot.tell(BotInput::Played(name));
                    continue;
                }
            };
            self.order(command).await;
        }
    }

    /// Something happened to a clip of the bot's.
    pub(super) async fn bot_clip(&mut self, event: &MediaEvent) {
        let now = time::now().mono;
        match *event {
            MediaEvent::ClipStarted { clip, at } => {
                if self.bot.playback().started(clip.0, at) {
                    self.bot_spoke(at);
                }
            }
            MediaEvent::ClipFed { clip, at } => self.bot.playback().fed(clip.0, at),
            MediaEvent::ClipStarved { clip, at } => self.bot.playback().starved(clip.0, at),
            MediaEvent::ClipFinished { clip, .. } | MediaEvent::ClipCut { clip, .. } => {
                self.bot.playback().ended(now, clip.0);
            }
            MediaEvent::FirstPacket { .. }
            | MediaEvent::Uplink(_)
            | MediaEvent::VoiceStarted { .. }
            | MediaEvent::VoiceStopped { .. }
            | MediaEvent::Overlap { .. }
            | MediaEvent::DtmfReceived { .. }
            | MediaEvent::DtmfSent { .. }
            | MediaEvent::Detected(_)
            | MediaEvent::Stalled { .. }
            | MediaEvent::Resumed { .. }
            | MediaEvent::Parted { .. }
            | MediaEvent::SourceChanged { .. } => {}
        }
        self.play_bot().await;
    }

    fn bot_spoke(&mut self, at: Instant) {
        let now = time::now().mono;
        self.tell(CallInput::Media(MediaNotice::AgentSpoke));
        let ago = now.saturating_duration_since(at);
        self.inform_at(now, Input::External(ExternalNews::Spoke { ago }));
    }
}
