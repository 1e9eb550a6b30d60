//! Models of embeddings: the seam. They make vectors of texts, near to each other where the texts mean the same.

use std::pin::Pin;

use super::error::Error;
use super::probe::{self, Probing};
use crate::agent::knowledge::vector::Vector;
use crate::pii::Pii;

/// A model of embeddings.
pub trait Embedder: Send + Sync {
    /// Makes a vector of each text, in order.
    fn embed(&self, texts: Vec<Pii<String>>, purpose: Purpose) -> Embedding<'_>;

    /// What tells its vectors from those of others: vectors of two names cannot be compared.
    fn model(&self) -> &str;

    /// So many texts at once.
    fn batch(&self) -> usize;

    /// A cosine below this says that two texts have nothing to do with each other.
    fn least(&self) -> f32;

    /// Somebody will ask soon: makes the connection. Returns at once.
    fn warm(&self) {}

    /// Tries it out with its smallest request.
    fn probe(&self) -> Probing<'_> {
        probe::nothing_to_try()
    }
}

/// What a text is: some models are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A passage that is to be found.
    Passage,
    /// What is looked for.
    Question,
}

/// Vectors in the making.
pub type Embedding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vector>, Error>> + Send + 'a>>;
