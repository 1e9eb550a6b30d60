//! What each vendor's recogniser adds to the common part: its messages.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::feed::Pace;
use super::ledger::Text;
use super::{ListenRequest, Manner, Patience};
use crate::provider::error::Error;
use crate::provider::socket::{Close, Closing, Endpoint, Message, usual};
use crate::provider::vendor::Vendor;

/// One vendor's recogniser: messages and what they mean, nothing else.
pub trait Dialect: Clone + Send + Sync + 'static {
    /// Reads the options.
    ///
    /// # Errors
    /// Without a key, or when the address is none.
    fn new(vendor: Vendor) -> Result<Self, Error>;

    /// Whom the errors name.
    fn vendor(&self) -> &Vendor;

    /// What it is like.
    fn profile(&self) -> Profile;

    /// What one call wants, before its first connection.
    fn prepare(&mut self, request: &ListenRequest);

    /// Where to connect.
    ///
    /// # Errors
    /// Without a key, or when the address is none.
    fn endpoint(&self) -> Result<Endpoint, Error>;

    /// The connection stands: forgets the one before and gives the first messages.
    fn opened(&mut self) -> Vec<Message>;

    /// Caller's audio in μ-law, as long as the profile's pieces.
    fn audio(&self, mulaw: Bytes) -> Message;

    /// Wants all words now. None where that cannot be asked.
    fn flush(&mut self) -> Option<Message>;

    /// How long the caller may pause from now on. None where the vendor does not end turns.
    fn patience(&mut self, _patience: Patience) -> Option<Message> {
        None
    }

    /// Keeps the connection when there is no audio; for [`Idle::KeepAlive`].
    fn keep_alive(&self) -> Option<Message> {
        None
    }

    /// Ends in order.
    fn goodbye(&self) -> Option<Message> {
        None
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When it is none of this vendor's.
    fn read(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Unreadable>;

    /// Whether the vendor is bound to say something about audio at the moment; for [`Profile::talk`].
    fn is_talking(&self) -> bool {
        true
    }

    /// What a close frame means.
    fn judge(&self, close: &Close) -> Closing {
        usual(self.vendor(), close)
    }
}

/// A vendor's [`Manner`] lag: its option `lag_ms`, or what is usual.
#[must_use]
pub fn lag(vendor: &Vendor, usual: u64) -> Duration {
    let millis = vendor.number("lag_ms").filter(|millis| (0.0..=5_000.0).contains(millis));
    millis.map_or(Duration::from_millis(usual), |millis| Duration::from_secs_f64(millis / 1_000.0))
}

/// An option as one that stands in a query, whatever its type; empty when it is left out.
#[must_use]
pub fn query_option(vendor: &Vendor, option: &str) -> String {
    match vendor.options.get(option) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

/// What a recogniser is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How it hears.
    pub manner: Manner,
    /// How it wants its audio.
    pub pace: Pace,
    /// Time from asking for all words until the answer is given with what has come.
    pub flush: Duration,
    /// What it needs when there is no audio.
    pub idle: Idle,
    /// It must say something so long after it was fed. None for one that is silent while the caller is.
    pub talk: Option<Duration>,
}

/// What a connection needs when there is no audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Nothing.
    Nothing,
    /// A message after so long.
    KeepAlive(Duration),
    /// Silence in place of the audio: its clock is the audio's.
    Silence,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The vendor has accepted us: key, model and settings.
    Alive,
    /// A unit reads like this now.
    Revised(Text),
    /// A unit reads like this for good.
    Settled(Text),
    /// The words up to here, in seconds of this connection's audio, are certain.
    Until(f64),
    /// What was asked for by [`Dialect::flush`] is all there.
    Flushed,
    /// The caller began to speak.
    TurnStarted,
    /// The turn may be over.
    TurnEndedEarly,
    /// It was not.
    TurnResumed,
    /// The turn is over.
    TurnEnded,
    /// The connection is to be ended.
    End(Closing),
}

/// A message that is none of the vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;
