//! One call's stream: what the call says becomes the bot's messages, and the other way round.
//!
//! A stream begins once. When its connection breaks the bot has lost the call, and another connection would find another
//! bot: the session is over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callwright_media::codec::g711::{ULAW_TO_LINEAR, encode_ulaw};
use callwright_media::resample::Resampler;

use super::message::{FromBot, Stream, read};
use super::settings::{Encoding, Settings};
use crate::provider::bot::{BotEvent, BotInput, BotRequest};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, Outbox, Upgrade, Wire, usual};
use crate::provider::vendor::Vendor;

/// Frames of the caller that are kept until the connection stands: two seconds. The oldest go.
const KEPT: usize = 100;
/// Messages that make no sense before the bot is given up.
const GARBAGE: u32 = 20;
/// Samples of the caller in a millisecond.
const PER_MS: u64 = 8;

type Out = Outbox<BotEvent>;

/// A stream. See the [module](super).
pub(super) struct StreamWire {
    vendor: Vendor,
    settings: Settings,
    request: BotRequest,
    stream: Stream,
    audio: Audio,
    /// The caller until the connection stands.
    waiting: VecDeque<Arc<[i16]>>,
    /// Samples of the caller that were sent.
    sent: u64,
    state: State,
    /// The bot closed as one does at the end. Noted where a close frame is judged.
    hung_up: AtomicBool,
    /// What the connection broke of.
    broken: Option<Error>,
    garbage: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection has stood yet.
    Connecting,
    /// It stands.
    Up,
    /// It stood.
    Over,
}

impl StreamWire {
    pub(super) fn new(vendor: Vendor, settings: Settings, request: BotRequest) -> Self {
        let stream = Stream::new(&request, rand::random(), settings.encoding);
        Self {
            audio: Audio::new(settings.encoding),
            vendor,
            settings,
            request,
            stream,
            waiting: VecDeque::new(),
            sent: 0,
            state: State::Connecting,
            hung_up: AtomicBool::new(false),
            broken: None,
            garbage: 0,
        }
    }

    fn send_audio(&mut self, pcm: &[i16], out: &mut Out) {
        let payload = STANDARD.encode(self.audio.encode(pcm));
        let message = self.stream.media(self.sent / PER_MS, payload);
        self.sent += pcm.len() as u64;
        out.json(&message);
    }

    fn garbage(&mut self, what: &str, out: &mut Out) {
        self.garbage += 1;
        if self.garbage == GARBAGE {
            let error = self.vendor.error(ErrorKind::Broken, format!("its {what} make no sense"));
            out.hang_up(Closing::Failed(error));
        }
    }
}

impl Wire for StreamWire {
    type Input = BotInput;
    type Event = BotEvent;

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn endpoint(&mut self) -> Result<Endpoint, Error> {
        match self.state {
            State::Connecting => Ok(self.settings.endpoint(&self.vendor)),
            // Not to be tried again, whatever it broke of.
            State::Up | State::Over => Err(self.vendor.error(ErrorKind::Refused, "its stream is over")),
        }
    }

    fn opened(&mut self, _: Instant, _: &Upgrade, out: &mut Out) {
        self.state = State::Up;
        out.json(&self.stream.connected());
        let start = self.stream.start(&self.request);
        out.json(&start);
        out.event(BotEvent::Ready);
        for pcm in std::mem::take(&mut self.waiting) {
            self.send_audio(&pcm, out);
        }
    }

    fn told(&mut self, _: Instant, input: BotInput, out: &mut Out) {
        match (input, self.state) {
            (BotInput::Audio(pcm), State::Up) => self.send_audio(&pcm, out),
            (BotInput::Audio(pcm), State::Connecting) => {
                if self.waiting.len() == KEPT {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(pcm);
            }
            (BotInput::Key(key), State::Up) => {
                let message = self.stream.key(key);
                out.json(&message);
            }
            (BotInput::Played(name), State::Up) => {
                let message = self.stream.mark(name.expose());
                out.json(&message);
            }
            (BotInput::Audio(_) | BotInput::Key(_) | BotInput::Played(_), State::Connecting | State::Over) => {}
        }
    }

    fn received(&mut self, _: Instant, message: Message, out: &mut Out) {
        let message = match &message {
            Message::Text(text) => read(text),
            Message::Binary(_) => None,
        };
        match message {
            Some(FromBot::Media(payload)) => match STANDARD.decode(payload) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => out.event(BotEvent::Audio(self.audio.decode(&bytes))),
                Err(_) => self.garbage("sounds", out),
            },
            Some(FromBot::Mark(name)) => out.event(BotEvent::Mark(name.into())),
            Some(FromBot::Clear) => {
                self.audio.clear();
                out.event(BotEvent::Clear);
            }
            Some(FromBot::Other) => {}
            None => self.garbage("messages", out),
        }
    }

    fn judge(&self, close: &Close) -> Closing {
        if self.state == State::Up && matches!(close.code, 1000 | 1001 | 1005) {
            self.hung_up.store(true, Ordering::Relaxed);
            return Closing::Failed(self.vendor.error(ErrorKind::Refused, "it has hung up"));
        }
        match usual(&self.vendor, close) {
            // Before the stream began that is no end but a refusal.
            Closing::Routine => Closing::Failed(close.error(&self.vendor, ErrorKind::Broken)),
            failed @ Closing::Failed(_) => failed,
        }
    }

    fn lost(&mut self, _: Instant, error: Option<&Error>, _: &mut Out) {
        if self.state == State::Up {
            self.state = State::Over;
            self.broken = error.cloned();
        }
    }

    fn dead(&mut self, error: Error, out: &mut Out) {
        self.state = State::Over;
        out.event(match self.hung_up.load(Ordering::Relaxed) {
            true => BotEvent::HungUp,
            false => BotEvent::Dead { error: self.broken.take().unwrap_or(error) },
        });
    }

    fn goodbye(&mut self, out: &mut Out) {
        if self.state == State::Up {
            let stop = self.stream.stop();
            out.json(&stop);
        }
    }
}

/// From and to the form in which the bot hears and speaks.
enum Audio {
    Mulaw,
    L16 {
        up: Resampler,
        down: Resampler,
        /// Half a sample that came at the end of a message.
        odd: Option<u8>,
    },
}

impl Audio {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Mulaw => Self::Mulaw,
            Encoding::L16 => {
                let resampler = |from, to| Resampler::new(from, to).expect("both rates are known");
                Self::L16 { up: resampler(8_000, 16_000), down: resampler(16_000, 8_000), odd: None }
            }
        }
    }

    fn encode(&mut self, pcm: &[i16]) -> Vec<u8> {
        match self {
            Self::Mulaw => pcm.iter().map(|&sample| encode_ulaw(sample)).collect(),
            Self::L16 { up, .. } => {
                let mut wide = Vec::with_capacity(2 * pcm.len());
                up.process(pcm, &mut wide);
                wide.iter().flat_map(|sample| sample.to_le_bytes()).collect()
            }
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> Arc<[i16]> {
        match self {
            Self::Mulaw => bytes.iter().map(|&byte| ULAW_TO_LINEAR[usize::from(byte)]).collect(),
            Self::L16 { down, odd, .. } => {
                let mut bytes: Vec<u8> = odd.take().into_iter().chain(bytes.iter().copied()).collect();
                if bytes.len() % 2 == 1 {
                    *odd = bytes.pop();
                }
                let wide: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                let mut narrow = Vec::with_capacity(wide.len() / 2);
                down.process(&wide, &mut narrow);
                narrow.into()
            }
        }
    }

    /// What follows has nothing to do with what came.
    fn clear(&mut self) {
        match self {
            Self::Mulaw => {}
            Self::L16 { down, odd, .. } => {
                down.reset();
                *odd = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
