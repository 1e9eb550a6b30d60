//! Speech to speech: the seam. One model hears the caller and answers in its own voice.
//!
//! The model decides when the caller has finished. We decide what was heard: audio comes faster than it is played, and
//! after an interruption [`S2sInput::Truncate`] tells the model how far it got.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::error::Error;
use super::llm::{ToolCall, ToolSpec, Usage};
use super::probe::{self, Probing};
use crate::pii::Pii;

/// Frames and commands that wait for the model. Audio is dropped by the caller of `try_send` when it is full, and
/// counted; commands wait.
pub const INPUT_QUEUE: usize = 128;

/// Events that wait for the call: a model faster than its reader waits.
pub const EVENT_QUEUE: usize = 128;

/// A model that hears and speaks.
pub trait SpeechToSpeech: Send + Sync {
    /// Opens a session for one call; the connection is made in the background.
    ///
    /// # Errors
    /// `Unauthorised` without a key, `Busy` when no place is free.
    fn open(&self, request: S2sRequest) -> Result<Session, Error>;

    /// Tries the provider out with its smallest request: an operator's button, and what a circuit closes by.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// What a session is opened with.
#[derive(Clone, Debug, PartialEq)]
pub struct S2sRequest {
    /// The prompt.
    pub instructions: Pii<String>,
    /// The vendor's name of a voice; its default when empty.
    pub voice: String,
    /// BCP 47; the vendor's own judgement when empty.
    pub language: String,
    /// What it may call.
    pub tools: Arc<[ToolSpec]>,
}

/// One call's connection.
#[derive(Debug)]
pub struct Session {
    /// Towards the model.
    pub input: mpsc::Sender<S2sInput>,
    /// From it.
    pub events: mpsc::Receiver<S2sEvent>,
}

/// What a model is told.
#[derive(Clone, Debug)]
pub enum S2sInput {
    /// The caller's voice, 8 kHz.
    Audio(Arc<[i16]>),
    /// Answer now, following these instructions (a greeting, an idle prompt) or none.
    Respond {
        /// For this answer only.
        instructions: Option<Pii<String>>,
    },
    /// Stop answering.
    Cancel,
    /// So much of an item was heard.
    Truncate {
        /// The item.
        item: String,
        /// From the item's beginning.
        heard: Duration,
    },
    /// A tool's result; the model goes on with [`S2sInput::Respond`].
    ToolResult {
        /// The call.
        call: String,
        /// JSON, or text.
        result: Pii<String>,
    },
    /// Something the model shall know and the caller does not hear.
    Note(Pii<String>),
}

/// What a model reports.
#[derive(Clone, Debug, PartialEq)]
pub enum S2sEvent {
    /// The session stands.
    Ready,
    /// The caller began to speak: playing stops.
    CallerStarted,
    /// The caller has finished.
    CallerStopped,
    /// What the caller said, all of it, once known.
    CallerSaid(Pii<String>),
    /// More audio of an answer.
    Audio {
        /// The item it belongs to.
        item: String,
        /// 8 kHz.
        pcm: Arc<[i16]>,
    },
    /// More words of an answer.
    Words {
        /// The item.
        item: String,
        /// The next words, spaces and all.
        text: Pii<String>,
    },
    /// An item has all its audio.
    ItemFinished {
        /// The item.
        item: String,
    },
    /// A tool is called.
    Call(ToolCall),
    /// The answer is complete.
    Finished {
        /// What it cost, where the vendor tells.
        usage: Option<Usage>,
    },
    /// The connection broke and is being made again, with the context it had.
    Interrupted {
        /// Why.
        error: Error,
    },
    /// The session is over.
    Dead {
        /// Why.
        error: Error,
    },
}
