//! A bot of somebody else's: the seam. A program elsewhere hears the caller and sends what is to be played.
//!
//! Nothing is known of what it says: it decides when to speak, when to fall silent and when the call is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::Error;
use super::probe::{self, Probing};
use crate::id::{CallId, OrgId};
use crate::pii::Pii;

/// Frames and commands that wait for the bot. Audio is dropped by the caller of `try_send` when it is full, and counted;
/// commands wait.
pub const INPUT_QUEUE: usize = 128;
/// Events that wait for the call: a bot faster than its reader waits.
pub const EVENT_QUEUE: usize = 128;

/// A program that leads calls.
pub trait Bot: Send + Sync {
    /// Opens a session for one call; the connection is made in the background.
    ///
    /// # Errors
    /// `Unauthorised` without a key that is needed, `Busy` when no place is free.
    fn open(&self, request: BotRequest) -> Result<Session, Error>;

    /// Tries it out: an operator's button, and what a circuit closes by.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// What a session is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotRequest {
    /// The call.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// What the assistant lets the bot know.
    pub parameters: BTreeMap<String, Pii<String>>,
}

/// One call's connection.
#[derive(Debug)]
pub struct Session {
    /// Towards the bot.
    pub input: mpsc::Sender<BotInput>,
    /// From it.
    pub events: mpsc::Receiver<BotEvent>,
}

/// What a bot is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotInput {
    /// 20 ms of the caller's voice, 8 kHz.
    Audio(Arc<[i16]>),
    /// The caller pressed a key.
    Key(char),
    /// What it sent before this mark was heard, or will not be.
    Played(Pii<String>),
}

/// What a bot sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotEvent {
    /// The session stands.
    Ready,
    /// More to play, 8 kHz.
    Audio(Arc<[i16]>),
    /// To be told when all before has been heard.
    Mark(Pii<String>),
    /// Nothing of what waits is to be played.
    Clear,
    /// It has hung up.
    HungUp,
    /// The session is over, or never began.
    Dead {
        /// Why.
        error: Error,
    },
}
