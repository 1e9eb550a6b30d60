//! What a vendor's folder implements.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use super::address::Endpoint;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::vendor::Vendor;

/// One vendor's protocol: what our side says becomes messages, and messages become events. It reads no clock and does
/// nothing but write into the [`Outbox`].
pub trait Wire: Send + 'static {
    /// What the call tells the vendor.
    type Input: Send + 'static;
    /// What the call is told.
    type Event: Send + 'static;

    /// Whom the errors name.
    fn vendor(&self) -> &Vendor;

    /// Where to connect; asked before every connection.
    ///
    /// # Errors
    /// When there is no key, or the address is none: the session dies of it.
    fn endpoint(&mut self) -> Result<Endpoint, Error>;

    /// The connection stands. What has to come first is sent here.
    fn opened(&mut self, now: Instant, upgrade: &Upgrade, out: &mut Outbox<Self::Event>);

    /// The call tells something. The connection may be down: what must not be lost is kept until
    /// [`opened`](Self::opened), for messages written while it is down are dropped.
    fn told(&mut self, now: Instant, input: Self::Input, out: &mut Outbox<Self::Event>);

    /// A message came.
    fn received(&mut self, now: Instant, message: Message, out: &mut Outbox<Self::Event>);

    /// The vendor's machine answered a ping, or sent one: it lives, which says nothing of the program.
    fn pulse(&mut self, _now: Instant) {}

    /// The connection is gone and another is being made, or the first could not be made at once. Told once for every
    /// outage; without an error when the vendor closed as it does in its routine.
    fn lost(&mut self, now: Instant, error: Option<&Error>, out: &mut Outbox<Self::Event>);

    /// There will be no other connection: the last events are written here.
    fn dead(&mut self, error: Error, out: &mut Outbox<Self::Event>);

    /// What a close frame of this vendor means.
    fn judge(&self, close: &Close) -> Closing {
        usual(self.vendor(), close)
    }

    /// When [`timeout`](Self::timeout) is wanted, and why.
    fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// That moment has come.
    fn timeout(&mut self, _now: Instant, _out: &mut Outbox<Self::Event>) {}

    /// The call is over: the last messages are written here. A close frame follows by itself.
    fn goodbye(&mut self, _out: &mut Outbox<Self::Event>) {}
}

/// A message of either direction.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// Text: JSON, mostly.
    Text(String),
    /// Binary: audio.
    Binary(Bytes),
}

impl fmt::Debug for Message {
    /// Only the length: messages hold what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// How the vendor took the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Its number of the connection, to ask its support about.
    pub request: Option<String>,
}

/// A close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// RFC 6455 section 7.4; 1005 when the frame had none.
    pub code: u16,
    /// The vendor's words.
    pub reason: String,
}

/// What the end of a connection means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nothing is wrong: idle for long, or the longest session over. Costs no try.
    Routine,
    /// Something is. Its kind tells whether trying again makes sense.
    Failed(Error),
}

/// What a close frame means at most vendors.
#[must_use]
pub fn usual(vendor: &Vendor, close: &Close) -> Closing {
    let kind = match close.code {
        1000 | 1001 => return Closing::Routine,
        1008 | 3000 | 4001 | 4003 | 4401 | 4403 => ErrorKind::Unauthorised,
        1002 | 1003 | 1007 | 1009 | 1010 => ErrorKind::Refused,
        1012 | 1013 | 4029 | 4429 => ErrorKind::Busy,
        _ => ErrorKind::Broken,
    };
    Closing::Failed(close.error(vendor, kind))
}

impl Close {
    /// This end as an error. The vendor's words are in it only as far as they are a code, such as `NET-0001`: whole
    /// sentences may repeat what was said.
    #[must_use]
    pub fn error(&self, vendor: &Vendor, kind: ErrorKind) -> Error {
        let code = self.reason.split_whitespace().next().unwrap_or_default();
        let printable = code.len() <= 40 && code.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
        let code = if printable { code } else { "" };
        vendor.error(kind, format!("closed with {} {code}", self.code).trim_end())
    }
}

/// What a [`Wire`] wants done.
#[derive(Debug)]
pub struct Outbox<E> {
    pub(super) messages: VecDeque<Message>,
    pub(super) events: VecDeque<E>,
    pub(super) closing: Option<Closing>,
    /// A message went out that the vendor is bound to say something about.
    pub(super) fed: bool,
    /// A sign of life is wanted.
    pub(super) ping: bool,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), events: VecDeque::new(), closing: None, fed: false, ping: false }
    }
}

impl<E> Outbox<E> {
    /// Sends a message.
    pub fn send(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// Sends a message that a live vendor is bound to say something about within [`Limits::talk`](super::Limits::talk):
    /// audio, to a recogniser that reports all the time.
    pub fn feed(&mut self, message: Message) {
        self.fed = true;
        self.messages.push_back(message);
    }

    /// Sends a JSON message.
    pub fn json(&mut self, message: &serde_json::Value) {
        self.send(Message::Text(message.to_string()));
    }

    /// Asks for a sign of life, which [`Wire::pulse`] is told, or any message.
    pub fn ping(&mut self) {
        self.ping = true;
    }

    /// Whether a sign of life was asked for; only the first time.
    pub fn take_ping(&mut self) -> bool {
        std::mem::take(&mut self.ping)
    }

    /// Tells the call.
    pub fn event(&mut self, event: E) {
        self.events.push_back(event);
    }

    /// Ends this connection. Whether there is another is decided as if the vendor had closed it so.
    pub fn hang_up(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
    }

    /// The messages and events written so far, taken out: for tests of a wire without a connection.
    pub fn take(&mut self) -> (Vec<Message>, Vec<E>) {
        self.fed = false;
        (self.messages.drain(..).collect(), self.events.drain(..).collect())
    }

    /// The end that was asked for, taken out.
    pub fn take_closing(&mut self) -> Option<Closing> {
        self.closing.take()
    }
}
