//! Text to speech: the seam.
//!
//! Two ways to be spoken to. [`TextToSpeech::speak`] makes a whole text into audio: greetings, fixed prompts, all that is
//! known while the phone rings. [`TextToSpeech::open`] gives a [`Session`] for the length of a call, into which text is
//! written as a model finds it and out of which audio comes before the text is complete.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::error::Error;
use super::probe::{self, Probing};
use crate::pii::Pii;

/// The rate of all speech that crosses this seam, in samples per second.
pub const RATE: u32 = 8_000;

/// Commands that wait for a synthesiser; further ones make the sender wait.
pub const INPUT_QUEUE: usize = 64;

/// Events that wait for the call: a synthesiser faster than its reader waits.
pub const EVENT_QUEUE: usize = 64;

/// A speech synthesiser.
pub trait TextToSpeech: Send + Sync {
    /// Says one text. Dropping the future gives up.
    fn speak(&self, request: SpeechRequest) -> Speaking<'_>;

    /// Opens a session for one call; a connection it needs is made in the background, so that this can be called while
    /// the phone rings. Dropping the session ends everything behind it.
    ///
    /// # Errors
    /// `Unauthorised` without a key, `Busy` when no place is free.
    fn open(self: Arc<Self>, voice: &Voice) -> Result<Session, Error>;

    /// Tries the provider out with its smallest request: an operator's button, and what a circuit closes by.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// Speech being made.
pub type Speaking<'a> = Pin<Box<dyn Future<Output = Result<Speech, Error>> + Send + 'a>>;

/// A voice.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voice {
    /// The provider's name of it, such as `en-us+f3` or `aura-2-thalia-en`. Empty: the provider's default.
    pub name: String,
    /// BCP 47. Empty: whatever the voice speaks.
    pub language: String,
}

/// What to say and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeechRequest {
    /// The words.
    pub text: Pii<String>,
    /// Who says it.
    pub voice: Voice,
}

/// A text spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// 8 kHz, signed 16 bit, mono.
    pub pcm: Arc<[i16]>,
    /// Where each word ends, in the order of the words, where the provider tells; else empty.
    pub marks: Arc<[WordMark]>,
}

/// A word of the text and where it ends in the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordMark {
    /// Bytes of the text up to and including this word.
    pub text_end: usize,
    /// Samples up to the end of this word.
    pub sample_end: u64,
}

/// One call's connection to a synthesiser.
#[derive(Debug)]
pub struct Session {
    /// What to say.
    pub input: mpsc::Sender<TtsInput>,
    /// Audio and its marks.
    pub events: mpsc::Receiver<TtsEvent>,
}

/// Numbers what is said through one session: one utterance is one reply of the agent, from its first word to its last.
/// Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UtteranceId(pub u32);

/// What a synthesiser is told. Utterances follow each other: one is finished or cancelled before the next begins.
#[derive(Clone, Debug)]
pub enum TtsInput {
    /// More text of an utterance, verbatim, spaces included: whole sentences or clauses, so that it can be spoken at
    /// once. The first text of a new number begins the utterance.
    Text {
        /// The utterance.
        utterance: UtteranceId,
        /// The words.
        text: Pii<String>,
    },
    /// No more text follows.
    Finish {
        /// The utterance.
        utterance: UtteranceId,
    },
    /// Nobody listens any more: forget what is not yet spoken. No event of the utterance follows for certain, but some
    /// may still be on their way.
    Cancel {
        /// The utterance.
        utterance: UtteranceId,
        /// How much of its audio was heard, for vendors that keep what was said.
        heard: Duration,
    },
}

/// What a synthesiser reports. Events of a cancelled utterance may still arrive and are to be ignored.
#[derive(Clone, Debug, PartialEq)]
pub enum TtsEvent {
    /// More audio: 8 kHz, signed 16 bit, mono, at least one sample.
    Audio {
        /// The utterance.
        utterance: UtteranceId,
        /// The samples.
        pcm: Arc<[i16]>,
    },
    /// Where words end. Offsets count from the beginning of the utterance (all its texts put together, all its audio);
    /// marks come in the order of the words, some time before or after their audio. After a `Cancel` a vendor that
    /// keeps account of what was played tells it as one last mark: up to there the text was heard.
    Marks {
        /// The utterance.
        utterance: UtteranceId,
        /// The words.
        marks: Vec<WordMark>,
    },
    /// All audio of the utterance has come; after `Finish` only.
    Finished {
        /// The utterance.
        utterance: UtteranceId,
    },
    /// The utterance could not be spoken to its end; what came stands. The session may be used for the next one.
    Failed {
        /// The utterance.
        utterance: UtteranceId,
        /// Why.
        error: Error,
    },
    /// The synthesiser has given up: the session is over.
    Dead {
        /// Why.
        error: Error,
    },
}
