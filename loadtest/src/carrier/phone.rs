//! The phone of one callee: an RTP socket, a media session and the person (or machine) that uses them.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::digit::Digit;
use callwright_media::frame::FRAME;
use callwright_media::level::rms_dbfs;
use callwright_media::session::{ClipId, MAX_PACKET, MediaEvent, Port, ReportOut, Session};
use callwright_sip::endpoint::SessionId;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::callee::{Action, Callee, Perception, Utterance};
use super::clock::WallClock;
use super::log::Event;
use super::voice::{Studio, Voice};

/// Level above which the other side counts as speaking.
const SPEECH_DBFS: f32 = -45.0;
/// Silence that ends a stretch of speech in the log.
const GAP: Duration = Duration::from_millis(300);
/// A key and the pause after it, as [`Session::send_dtmf`] sends them.
const KEY: Duration = Duration::from_millis(200);

/// What a phone tells the exchange.
#[derive(Debug)]
pub(crate) enum News {
    /// To be written down.
    Log(Event, Instant),
    /// The callee hangs up.
    HangUp,
    /// The callee vanishes.
    Vanish,
}

/// One answered call.
pub(crate) struct Phone {
    /// Its name at the exchange.
    pub(crate) id: SessionId,
    /// RTP.
    pub(crate) socket: UdpSocket,
    /// Media.
    pub(crate) session: Session,
    /// Behaviour.
    pub(crate) callee: Callee,
    /// Where its words are made.
    pub(crate) studio: Studio,
    /// How they sound.
    pub(crate) voice: Voice,
    /// The log's clock.
    pub(crate) clock: WallClock,
    /// To the exchange. When it is full the phone waits: the exchange does nothing slow.
    pub(crate) news: mpsc::Sender<(SessionId, News)>,
}

impl Phone {
    /// Lives until `over` is dropped, then tells what was under way.
    pub(crate) async fn run(mut self, mut over: oneshot::Receiver<()>) {
        let answered = Instant::now();
        let mut frames = interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut state = State::default();
        let mut buffer = [0; 2048];
        loop {
            tokio::select! {
                _ = &mut over => return self.put_down(state).await,
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = received {
                        self.session.receive(Instant::now(), from, &buffer[..length]);
                    }
                }
                _ = frames.tick() => {
                    if !self.frame(&mut state, answered).await {
                        return;
                    }
                }
            }
        }
    }

    /// Writes down what the end of the call cut off.
    async fn put_down(&self, mut state: State) {
        let now = Instant::now();
        let heard = state
            .hears
            .take()
            .map(|(first, last)| Event::Heard { start: self.clock.unix(first), end: self.clock.unix(last + FRAME) });
        let said = state.playing.take().and_then(|playing| {
            let start = self.clock.unix(playing.began?);
            Some(Event::Said { text: playing.text, start, end: self.clock.unix(now) })
        });
        for event in heard.into_iter().chain(said) {
            drop(self.news.send((self.id, News::Log(event, now))).await);
        }
    }

    /// One frame; false when the exchange is gone.
    async fn frame(&mut self, state: &mut State, answered: Instant) -> bool {
        let now = Instant::now();
        let mut packet = [0; MAX_PACKET];
        let tick = self.session.tick(now, &mut packet);
        if let Some((to, length)) = tick.transmit {
            // A full socket buffer loses a packet, as networks do.
            let _: io::Result<usize> = self.socket.try_send_to(&packet[..length], to);
        }
        // It has no port for reports alone, and takes part in them only over that of RTP.
        if let Some(ReportOut { to, from: Port::Rtp, length }) = self.session.poll_report(now, &mut packet) {
            let _: io::Result<usize> = self.socket.try_send_to(&packet[..length], to);
        }
        let speaking = rms_dbfs(tick.heard.samples()) > SPEECH_DBFS;
        let mut lines = Vec::new();
        if let Some((first, last)) = state.hear(now, speaking) {
            let (start, end) = (self.clock.unix(first), self.clock.unix(last + FRAME));
            lines.push(Event::Heard { start, end });
        }
        while let Some(event) = self.session.poll_event() {
            if let Some((text, began, ended)) = state.speak(event) {
                lines.push(Event::Said { text, start: self.clock.unix(began), end: self.clock.unix(ended + FRAME) });
            }
        }
        for event in lines {
            if self.news.send((self.id, News::Log(event, now))).await.is_err() {
                return false;
            }
        }
        self.play_what_is_ready(state).await;
        let seen = Perception { at: now.duration_since(answered), hears_speech: speaking, busy: state.busy(now) };
        match self.callee.step(seen) {
            Some(action) => self.act(state, action, now).await,
            None => true,
        }
    }

    async fn act(&mut self, state: &mut State, action: Action, now: Instant) -> bool {
        let news = match action {
            Action::Speak(utterance) => {
                state.rendering = Some(self.render(utterance));
                return true;
            }
            Action::Press(digits) => {
                let keys: Vec<_> = digits.chars().filter_map(Digit::from_char).collect();
                if let Err(error) = self.session.send_dtmf(&keys) {
                    tracing::warn!(%error, "keys were not sent");
                    return true;
                }
                state.pressing_until = Some(now + KEY * u32::try_from(keys.len()).unwrap_or(u32::MAX));
                News::Log(Event::Dtmf { digits }, now)
            }
            Action::HangUp => News::HangUp,
            Action::Vanish => News::Vanish,
        };
        self.news.send((self.id, news)).await.is_ok()
    }

    fn render(&self, utterance: Utterance) -> Rendering {
        let (studio, voice) = (self.studio.clone(), self.voice.clone());
        tokio::spawn(async move {
            let pcm = studio.render(&utterance, &voice).await?;
            Ok((utterance, pcm))
        })
    }

    async fn play_what_is_ready(&mut self, state: &mut State) {
        let Some(rendering) = state.rendering.take_if(|rendering| rendering.is_finished()) else { return };
        let rendered = match rendering.await {
            Ok(Ok(rendered)) => rendered,
            Ok(Err(error)) => return tracing::error!("the callee stays silent: {error:#}"),
            Err(error) => return tracing::error!(%error, "the callee stays silent"),
        };
        let (utterance, pcm) = rendered;
        state.clips += 1;
        match self.session.play(ClipId(state.clips), pcm) {
            Ok(()) => state.playing = Some(Playing { text: utterance.text(), began: None }),
            Err(error) => tracing::warn!(%error, "the callee stays silent"),
        }
    }
}

type Rendering = JoinHandle<anyhow::Result<(Utterance, Arc<[i16]>)>>;

/// What goes on at the phone.
#[derive(Default)]
struct State {
    /// First and last frame of the speech that is heard.
    hears: Option<(Instant, Instant)>,
    rendering: Option<Rendering>,
    pressing_until: Option<Instant>,
    playing: Option<Playing>,
    clips: u64,
}

/// What the callee is saying.
struct Playing {
    text: String,
    began: Option<Instant>,
}

impl State {
    fn busy(&self, now: Instant) -> bool {
        self.rendering.is_some() || self.playing.is_some() || self.pressing_until.is_some_and(|until| now < until)
    }

    /// Follows the other side's speech; first and last frame of a stretch that has ended.
    fn hear(&mut self, now: Instant, speaking: bool) -> Option<(Instant, Instant)> {
        if speaking {
            self.hears.get_or_insert((now, now)).1 = now;
            return None;
        }
        self.hears.take_if(|(_, last)| now.duration_since(*last) > GAP)
    }

    /// Follows the callee's own speech; words, first and last packet of a clip that has ended.
    fn speak(&mut self, event: MediaEvent) -> Option<(String, Instant, Instant)> {
        match event {
            MediaEvent::ClipStarted { at, .. } => {
                if let Some(playing) = &mut self.playing {
                    playing.began = Some(at);
                }
                None
            }
            MediaEvent::ClipFinished { at, .. } | MediaEvent::ClipCut { at, .. } => {
                let Playing { text, began } = self.playing.take()?;
                Some((text, began?, at))
            }
            MediaEvent::FirstPacket { .. }
            | MediaEvent::Uplink(_)
            | MediaEvent::VoiceStarted { .. }
            | MediaEvent::VoiceStopped { .. }
            | MediaEvent::Overlap { .. }
            | MediaEvent::DtmfReceived { .. }
            | MediaEvent::Detected(_)
            | MediaEvent::ClipStarved { .. }
            | MediaEvent::ClipFed { .. }
            | MediaEvent::DtmfSent { .. }
            | MediaEvent::Stalled { .. }
            | MediaEvent::Resumed { .. }
            | MediaEvent::Parted { .. }
            | MediaEvent::SourceChanged { .. } => None,
        }
    }
}
