//! Knowledge: documents and web pages that an assistant looks things up in while it talks.
//!
//! Pure steps from a file to passages: [`mod@extract`] makes text with headings of it, [`chunk`] cuts that into pieces
//! small enough to be read to a model, [`terms`] reduces words to what is searched for. The database finds; [`mod@brief`]
//! puts what was found before the model, and what is found carries its source's name, which the transcript shows.

pub mod brief;
pub mod chunk;
pub mod extract;
pub mod rank;
pub mod terms;
pub mod vector;

use serde::{Deserialize, Serialize};

use crate::id::KnowledgeId;
use crate::pii::Pii;

/// A piece of a document that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The document.
    pub source: KnowledgeId,
    /// Its title.
    pub title: String,
    /// The heading the piece stands under; empty when there is none.
    pub heading: String,
    /// Its number within the document, from 0.
    pub seq: u32,
    /// The piece.
    pub text: Pii<String>,
}

impl Passage {
    /// How the transcript names it: `Opening hours › Holidays`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.heading.is_empty() { self.title.clone() } else { format!("{} › {}", self.title, self.heading) }
    }
}
