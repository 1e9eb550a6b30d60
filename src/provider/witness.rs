//! Who serves a call at present, stage by stage: told by those who choose among vendors, read by whoever writes the
//! call's trace.

use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::Stage;

/// A vendor as a trace names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name that the operator gave it.
    pub name: Arc<str>,
    /// Whose product it is, such as `deepgram`.
    pub system: &'static str,
    /// The vendor's name of the model; empty where it was left to the vendor.
    pub model: Arc<str>,
}

/// Who served each stage last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Recognised.
    pub stt: Option<Arc<Who>>,
    /// Thought.
    pub llm: Option<Arc<Who>>,
    /// Spoke.
    pub tts: Option<Arc<Who>>,
    /// Heard and spoke by itself.
    pub s2s: Option<Arc<Who>>,
}

/// What is known of one call. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<Mutex<Serving>>);

impl Witness {
    /// Who serves now.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this one serves a stage.
    pub fn saw(&self, stage: Stage, who: &Arc<Who>) {
        let mut serving = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match stage {
            Stage::Stt => &mut serving.stt,
            Stage::Llm => &mut serving.llm,
            Stage::Tts => &mut serving.tts,
            Stage::S2s => &mut serving.s2s,
            // It serves documents, not a turn; and nothing is known of a bot's turns.
            Stage::Embeddings | Stage::Bot => return,
        };
        if place.as_ref() != Some(who) {
            *place = Some(Arc::clone(who));
        }
    }
}

/// A vendor that may serve a stage of a call, and whom it is told when it does.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whom.
    pub witness: Witness,
    /// The stage.
    pub stage: Stage,
    /// The vendor.
    pub who: Arc<Who>,
}

impl Seen {
    /// It serves.
    pub fn serves(&self) {
        self.witness.saw(self.stage, &self.who);
    }
}
