//! Text to speech: the seam.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::error::Error;
use crate::pii::Pii;

/// The rate of all speech that crosses this seam, in samples per second.
pub const RATE: u32 = 8_000;

/// A speech synthesiser.
pub trait TextToSpeech: Send + Sync {
    /// Says one text. Dropping the future gives up.
    fn speak(&self, request: SpeechRequest) -> Speaking<'_>;
}

/// Speech being made.
pub type Speaking<'a> = Pin<Box<dyn Future<Output = Result<Speech, Error>> + Send + 'a>>;

/// What to say and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeechRequest {
    /// The words.
    pub text: Pii<String>,
    /// The provider's name of a voice, such as `en-us` or `en-us+f3`.
    pub voice: String,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordMark {
    /// Bytes of the text up to and including this word.
    pub text_end: usize,
    /// Samples up to the end of this word.
    pub sample_end: u64,
}
