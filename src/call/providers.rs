//! The seam to whoever knows which vendors serve a call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::agent::assistant::Assistant;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::llm::LanguageModel;
use crate::provider::s2s::SpeechToSpeech;
use crate::provider::stt::SpeechToText;
use crate::provider::tts::{TextToSpeech, Voice};

/// Knows the vendors. Several behind one seam (one that stands in for another, a second one that is asked when the
/// first is slow) look like one from here.
pub trait Providers: Send + Sync {
    /// Who serves a call of this assistant.
    ///
    /// # Errors
    /// [`NoProvider`] when the assistant names one that is not there: no call should be made.
    fn lineup(&self, assistant: &Assistant) -> Result<Lineup, NoProvider>;

    /// Calls at one time that can be served, whatever their assistants.
    fn capacity(&self) -> usize;
}

/// Who serves one call.
#[derive(Clone)]
pub struct Lineup {
    /// Recognises.
    pub stt: Arc<dyn SpeechToText>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// With this voice.
    pub voice: Voice,
    /// Thinks, where the assistant has a model.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// Hears and speaks by itself, where the assistant has such a model.
    pub s2s: Option<Arc<dyn SpeechToSpeech>>,
}

/// An assistant names a provider that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no provider {0}")]
pub struct NoProvider(pub String);

/// The recogniser and the voice that come with the server; no model.
pub struct Offline {
    /// Recognises.
    pub stt: Arc<dyn SpeechToText>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
}

impl Providers for Offline {
    fn lineup(&self, assistant: &Assistant) -> Result<Lineup, NoProvider> {
        let named = &assistant.providers;
        let all = named.stt.iter().chain(&named.llm).chain(&named.tts).chain(&named.s2s);
        match all.into_iter().next() {
            Some(name) => Err(NoProvider(name.clone())),
            None => Ok(Lineup {
                stt: Arc::clone(&self.stt),
                tts: Arc::clone(&self.tts),
                voice: Voice { name: assistant.voice.clone(), language: assistant.language.clone() },
                llm: None,
                s2s: None,
            }),
        }
    }

    /// Each call may need a recogniser at any moment.
    fn capacity(&self) -> usize {
        self.stt.capacity().total
    }
}

/// Calls into a provider: a panic there is an error here, and costs no call.
pub(super) fn guarded<T>(open: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(Error::new("a provider", ErrorKind::Broken, "it panicked")))
}
