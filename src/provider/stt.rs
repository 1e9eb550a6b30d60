//! Speech to text: the seam.
//!
//! A call opens one [`Session`] and keeps it for its whole life. Each turn of the caller is announced with
//! [`SttInput::Begin`], fed with audio and closed with [`SttInput::End`]; exactly one [`SttEvent::Final`] or
//! [`SttEvent::Failed`] answers each `End`, none answers an [`SttInput::Abandon`]. Dropping the session ends
//! everything behind it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::Error;
use crate::pii::Pii;

/// Frames and commands that wait for a recogniser; about 2.5 s of audio. When it is full, audio is dropped by the
/// caller of `try_send` and counted; commands are sent with `send` and wait.
pub const INPUT_QUEUE: usize = 128;

/// Events that wait for the call.
pub const EVENT_QUEUE: usize = 32;

/// A recogniser.
pub trait SpeechToText: Send + Sync {
    /// Places: how many calls it can serve at once and how many more it could take now.
    fn capacity(&self) -> Capacity;

    /// Takes one place for one call. The place is given back when the session is dropped.
    ///
    /// # Errors
    /// [`super::error::ErrorKind::Busy`] when no place is free, `NotInstalled` when the program or its model is missing.
    fn open(&self) -> Result<Session, Error>;
}

/// How many calls a provider can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Calls it serves at most.
    pub total: usize,
    /// Calls it could take now on top of those it serves.
    pub free: usize,
}

/// One call's connection to a recogniser.
#[derive(Debug)]
pub struct Session {
    /// Audio and turns, towards the recogniser.
    pub input: mpsc::Sender<SttInput>,
    /// What it understood.
    pub events: mpsc::Receiver<SttEvent>,
}

/// Numbers the caller's turns within one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TurnId(pub u32);

/// What a recogniser is told.
#[derive(Clone, Debug)]
pub enum SttInput {
    /// A turn begins; what can sensibly be said in it is in the grammar. A turn still open is abandoned.
    Begin {
        /// The turn.
        turn: TurnId,
        /// What the caller may say.
        grammar: Arc<Grammar>,
    },
    /// The caller's voice in order, 8 kHz, signed 16 bit, any length up to a second; first the pre-roll, which starts
    /// some 300 ms before the voice.
    Audio(Arc<[i16]>),
    /// The turn is over: answer with what was said.
    End {
        /// The turn.
        turn: TurnId,
    },
    /// Nobody wants the answer any more.
    Abandon {
        /// The turn.
        turn: TurnId,
    },
}

/// What a recogniser reports.
#[derive(Clone, Debug, PartialEq)]
pub enum SttEvent {
    /// The answer to an `End`.
    Final {
        /// The turn it answers.
        turn: TurnId,
        /// What was said.
        transcript: Transcript,
    },
    /// The turn could not be understood for a technical reason.
    Failed {
        /// The turn it answers.
        turn: TurnId,
        /// Why.
        error: Error,
    },
}

/// What a recogniser made of one turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Transcript {
    /// These words, lower case, separated by one space.
    Words {
        /// The words.
        text: Pii<String>,
        /// How sure the recogniser is, 0 to 1, where it can tell.
        confidence: Option<f32>,
    },
    /// Speech, but none that the grammar covers.
    OutOfGrammar,
    /// No speech at all.
    Nothing,
}

/// What a caller may say in one turn, for a recogniser that works with grammars and as hints for one that does not.
///
/// The sentences of the grammar are `[lead] phrase [tail]` for every phrase.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grammar {
    /// The language of the dictionary, such as `en`.
    pub language: String,
    /// What is listened for: lower-case phrases whose words are all in the dictionary.
    pub phrases: Vec<String>,
    /// What may stand before a phrase: "um", "in the".
    pub leads: Vec<String>,
    /// What may stand after a phrase: "please".
    pub tails: Vec<String>,
    /// Whole sentences that are likely but are no answer ("who is this"): they keep such speech from being pressed
    /// into an answer.
    pub decoys: Vec<String>,
}
