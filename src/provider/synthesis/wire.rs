//! A session over a websocket.

use std::time::Instant;

use super::dialect::{self, Frame};
use super::speaker::Speaker;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Close, Closing, Endpoint, Message, Outbox, Upgrade, Wire, usual};
use crate::provider::tts::{TtsEvent, TtsInput};
use crate::provider::vendor::Vendor;
use crate::time;

/// Carries a [`Speaker`] over the websocket that all vendors share.
pub(crate) struct SpeechWire {
    speaker: Speaker,
    endpoint: Endpoint,
}

impl SpeechWire {
    pub(crate) const fn new(speaker: Speaker, endpoint: Endpoint) -> Self {
        Self { speaker, endpoint }
    }

    fn pass_on(&mut self, out: &mut Outbox<TtsEvent>) {
        while let Some(frame) = self.speaker.poll_frame() {
            match frame {
                Frame::Text(text) => out.send(Message::Text(text)),
                Frame::Drop => {}
            }
        }
        while let Some(event) = self.speaker.poll_event() {
            out.event(event);
        }
        if let Some(error) = self.speaker.poll_reset() {
            // What was wrong with one text is not wrong with the next one.
            let kind = if error.kind.is_retryable() { error.kind } else { ErrorKind::Broken };
            let kind = if error.kind == ErrorKind::Unauthorised { error.kind } else { kind };
            out.hang_up(Closing::Failed(Error { kind, ..error }));
        }
    }
}

impl Wire for SpeechWire {
    type Input = TtsInput;
    type Event = TtsEvent;

    fn vendor(&self) -> &Vendor {
        self.speaker.vendor()
    }

    fn endpoint(&mut self) -> Result<Endpoint, Error> {
        Ok(self.endpoint.clone())
    }

    fn opened(&mut self, now: Instant, _: &Upgrade, out: &mut Outbox<TtsEvent>) {
        self.speaker.opened(now);
        self.pass_on(out);
    }

    fn told(&mut self, now: Instant, input: TtsInput, out: &mut Outbox<TtsEvent>) {
        self.speaker.command(now, input);
        self.pass_on(out);
    }

    fn received(&mut self, now: Instant, message: Message, out: &mut Outbox<TtsEvent>) {
        let message = match &message {
            Message::Text(text) => dialect::Message::Text(text),
            Message::Binary(bytes) => dialect::Message::Binary(bytes),
        };
        self.speaker.received(now, message);
        self.pass_on(out);
    }

    fn lost(&mut self, now: Instant, error: Option<&Error>, out: &mut Outbox<TtsEvent>) {
        let routine = || self.speaker.vendor().error(ErrorKind::Broken, "the vendor closed");
        let error = error.cloned().unwrap_or_else(routine);
        self.speaker.lost(now, &error);
        self.pass_on(out);
    }

    fn dead(&mut self, error: Error, out: &mut Outbox<TtsEvent>) {
        self.speaker.dead(time::now().mono, error);
        self.pass_on(out);
    }

    fn judge(&self, close: &Close) -> Closing {
        self.speaker.judge(close).unwrap_or_else(|| usual(self.speaker.vendor(), close))
    }

    fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.speaker.poll_timeout().map(|at| (at, "speech"))
    }

    fn timeout(&mut self, now: Instant, out: &mut Outbox<TtsEvent>) {
        self.speaker.timeout(now);
        self.pass_on(out);
    }

    fn goodbye(&mut self, out: &mut Outbox<TtsEvent>) {
        self.speaker.goodbye();
        self.pass_on(out);
    }
}
