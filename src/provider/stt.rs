//! Speech to text: the seam.
//!
//! A call opens one [`Session`] and keeps it for its whole life; dropping it ends everything behind it. Recognisers
//! differ in two ways that their [`Manner`] tells:
//!
//! * One that works *turn by turn* hears only what lies between [`SttInput::Begin`] and [`SttInput::End`]. A *continuous*
//!   one hears the caller all the time and reports words as they come; `Begin` and `End` tell it what our side thinks
//!   of the turns.
//! * A continuous one may *detect turns* itself. Then its [`SttEvent::TurnEnded`] ends the caller's turn, and `End`
//!   only overrules it.
//!
//! Either way exactly one [`SttEvent::Final`] or [`SttEvent::Failed`] with its turn answers each `End`, and none answers
//! an [`SttInput::Abandon`].
//!
//! Words are cumulative per turn: every [`SttEvent::Partial`], [`SttEvent::EagerEnd`], [`SttEvent::TurnEnded`] and
//! [`SttEvent::Final`] carries all words since the turn before was answered, so that a receiver replaces and never
//! appends. Words that come late, after the answer, are the first words of the next turn: nothing is lost, nothing
//! comes twice.

pub mod dialect;
pub mod feed;
pub mod ledger;
pub mod listener;
#[cfg(test)]
pub(crate) mod oddity;
pub mod remote;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::error::Error;
use super::probe::{self, Probing};
use crate::pii::Pii;

/// Frames and commands that wait for a recogniser; about 2.5 s of audio. When it is full, audio is dropped by the
/// caller of `try_send` and counted; commands are sent with `send` and wait.
pub const INPUT_QUEUE: usize = 128;

/// Events that wait for the call.
pub const EVENT_QUEUE: usize = 32;

/// A recogniser.
pub trait SpeechToText: Send + Sync {
    /// How it hears.
    fn manner(&self) -> Manner;

    /// Places: how many calls it can serve at once and how many more it could take now.
    fn capacity(&self) -> Capacity;

    /// Takes one place for one call. The place is given back when the session is dropped. A connection it needs is made
    /// in the background, so that this can be called while the phone rings.
    ///
    /// # Errors
    /// [`super::error::ErrorKind::Busy`] when no place is free, `NotInstalled` when the program or its model is missing.
    fn open(&self, request: &ListenRequest) -> Result<Session, Error>;

    /// Tries the provider out with its smallest request: an operator's button, and what a circuit closes by.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// How a recogniser hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner {
    /// It wants the caller's audio all the time, also between turns.
    pub continuous: bool,
    /// It reports [`SttEvent::TurnStarted`] and [`SttEvent::TurnEnded`] by itself.
    pub detects_turns: bool,
    /// It answers every [`SttInput::End`], if only to say that nobody spoke. From others no news may be a noise, or words
    /// that are still on their way.
    #[serde(default)]
    pub replies: bool,
    /// From the end of speech until its last words are usually there, at the 99th percentile: what a turn's end waits
    /// for at least. Zero for one that is asked with `End`.
    #[serde(with = "crate::nanos")]
    pub lag: Duration,
}

impl Manner {
    /// Asked turn by turn.
    pub const TURN_BY_TURN: Self = Self { continuous: false, detects_turns: false, replies: true, lag: Duration::ZERO };
}

/// What a call wants from a recogniser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenRequest {
    /// BCP 47: `en`, `de-AT`. Empty: the recogniser's default.
    pub language: String,
    /// Words that are likely: names, products. At most 50.
    pub keyterms: Vec<Pii<String>>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The caller's voice in order, 8 kHz, signed 16 bit, any length up to a second; turn by turn first the pre-roll,
    /// which starts some 300 ms before the voice.
    Audio(Arc<[i16]>),
    /// The turn is over: answer with what was said.
    End {
        /// The turn.
        turn: TurnId,
    },
    /// Nobody wants the answer any more. A continuous recogniser forgets the words of the turn.
    Abandon {
        /// The turn.
        turn: TurnId,
    },
    /// How long this caller may pause inside a turn from now on; for recognisers that detect turns.
    Patience(Patience),
}

/// How long a caller may pause inside a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// As in talk.
    #[default]
    Talk,
    /// A number, an address, a name is being spelt out: pauses between groups are no end.
    Dictation,
}

/// What a recogniser reports.
#[derive(Clone, Debug, PartialEq)]
pub enum SttEvent {
    /// The caller began to speak, by the recogniser's own judgement. Only from one that detects turns.
    TurnStarted,
    /// The words of the turn so far; replaces the partial before.
    Partial {
        /// All words since the turn before was answered.
        words: Pii<String>,
    },
    /// The turn may be over: a reply can be prepared, but not spoken. Only from one that detects turns.
    EagerEnd {
        /// All words of the turn.
        words: Pii<String>,
    },
    /// It was not over after all. Only after an `EagerEnd`.
    Resumed,
    /// The turn is over. The words equal those of an `EagerEnd` just before it. Only from one that detects turns.
    TurnEnded {
        /// All words of the turn.
        words: Pii<String>,
    },
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
    /// The connection broke and is being made again; what the caller says meanwhile is kept and sent after it. Only for
    /// the log and the waterfall: the session goes on.
    Interrupted {
        /// Why.
        error: Error,
    },
    /// The recogniser has given up: the session is over.
    Dead {
        /// Why.
        error: Error,
    },
}

/// What a recogniser made of one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transcript {
    /// These words. Lower case, separated by one space, from a recogniser that works with grammars; as written, with
    /// capitals and punctuation where it has them, from one that writes free speech.
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
/// The sentences of the grammar are `[lead] phrase [tail]` for every phrase, its sequences, and its decoys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    /// Sentences of several parts: digits one after the other, dates.
    pub sequences: Vec<Sequence>,
}

/// The parts of a sentence in their order.
pub type Sequence = Vec<Slot>;

/// One part of a sentence: any of these phrases.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Slot {
    /// Lower-case phrases whose words are all in the dictionary.
    pub phrases: Vec<String>,
    /// It may be missing.
    pub optional: bool,
}

#[cfg(test)]
mod tests;
