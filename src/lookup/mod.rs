//! Looking things up in documents: by their words, and by their meaning where somebody makes vectors.
//!
//! Words are searched in the database, vectors in memory; what both find is put into one order by its places in theirs
//! (reciprocal rank fusion). Whoever asks says how long it may take: a question whose vector comes too late is answered
//! by words alone.

mod embed;
mod index;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use self::index::Index;
use crate::agent::knowledge::Passage;
use crate::agent::knowledge::rank::fuse;
use crate::agent::knowledge::vector::{Vector, Vectors};
use crate::id::{KnowledgeId, OrgId};
use crate::pii::Pii;
use crate::provider::catalog::{Catalog, Meaning};
use crate::provider::embeddings::Purpose;
use crate::store::embedding::{self, Standing};
use crate::store::knowledge::{self, MAX_SOURCES};
use crate::store::{Db, StoreError};
use crate::time;

pub use self::embed::keep;

/// Passages of each kind of search that are put into one order.
const RANKED: usize = 20;
/// What is left of the time when the vector of the question is there: for the search in memory and the passages' text.
const REST: Duration = Duration::from_millis(12);
/// A question's vector that takes longer than this is wanted by nobody.
const LONGEST: Duration = Duration::from_secs(5);

/// Looks things up. Cloning shares it.
#[derive(Clone)]
pub struct Lookups {
    db: Db,
    catalog: Option<Catalog>,
    index: Index,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Best first.
    pub passages: Vec<Passage>,
    /// Whether vectors had a part in it.
    pub by_meaning: bool,
}

impl Lookups {
    /// In these documents; with vectors by the models of `catalog`.
    #[must_use]
    pub fn new(db: Db, catalog: Option<Catalog>) -> Self {
        Self { index: Index::new(db.clone()), db, catalog }
    }

    /// A call begins that may look into these documents: what is needed in memory is read, and a connection made.
    /// Returns at once.
    pub fn warm(&self, org: OrgId, sources: &[KnowledgeId]) {
        let Some(meaning) = self.meaning(org) else { return };
        meaning.embedder.warm();
        let (this, sources) = (self.clone(), bounded(sources));
        tokio::spawn(async move {
            if let Ok(standings) = this.standings(org, &sources).await {
                this.index.get(&standings, meaning.embedder.model());
            }
        });
    }

    /// The passages of `sources` that fit a question best. It takes longer than `limit` only where the database does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(
        &self,
        org: OrgId,
        sources: &[KnowledgeId],
        question: &str,
        most: usize,
        limit: Duration,
    ) -> Result<Found, StoreError> {
        let sources = bounded(sources);
        let until = time::now().mono + limit.saturating_sub(REST);
        let Some(meaning) = self.meaning(org) else {
            let passages = self.by_words(org, &sources, question, most).await?;
            return Ok(Found { passages, by_meaning: false });
        };
        let (words, near) = tokio::join!(
            self.by_words(org, &sources, question, RANKED),
            self.by_meaning(org, &sources, question, &meaning, until)
        );
        let (mut words, near) = (words?, near?);
        let Some(near) = near else {
            words.truncate(most);
            return Ok(Found { passages: words, by_meaning: false });
        };
        let named = |passage: &Passage| (passage.source, passage.seq);
        let best = fuse(&[words.iter().map(named).collect(), near], most);
        let unread: Vec<_> =
            best.iter().filter(|key| !words.iter().any(|known| named(known) == **key)).copied().collect();
        if !unread.is_empty() {
            let mut tx = self.db.read().await?;
            words.extend(embedding::passages(&mut tx, &unread).await?);
        }
        let passages = best.iter().filter_map(|key| words.iter().find(|passage| named(passage) == *key).cloned());
        Ok(Found { passages: passages.collect(), by_meaning: true })
    }

    async fn by_words(
        &self,
        org: OrgId,
        sources: &[KnowledgeId],
        question: &str,
        most: usize,
    ) -> Result<Vec<Passage>, StoreError> {
        let mut tx = self.db.read().await?;
        knowledge::search(&mut tx, org, sources, question, most).await
    }

    /// Pieces by their meaning, nearest first; nothing when there are no vectors, or the question's is late or cannot be
    /// had.
    async fn by_meaning(
        &self,
        org: OrgId,
        sources: &[KnowledgeId],
        question: &str,
        meaning: &Meaning,
        until: Instant,
    ) -> Result<Option<Vec<(KnowledgeId, u32)>>, StoreError> {
        let standings = self.standings(org, sources).await?;
        let documents = self.index.get(&standings, meaning.embedder.model());
        if documents.is_empty() || question.trim().is_empty() {
            return Ok(None);
        }
        let Some(question) = ask(meaning, question, until).await else { return Ok(None) };
        let least = meaning.embedder.least();
        let search = move || {
            let mut found: Vec<((KnowledgeId, u32), f32)> = Vec::new();
            for (source, vectors) in documents {
                let near = vectors.nearest(&question, RANKED, least);
                found.extend(near.into_iter().map(|(piece, cosine)| ((source, piece), cosine)));
            }
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            found.into_iter().take(RANKED).map(|(key, _)| key).collect()
        };
        // Millions of products: not between the tasks of calls.
        Ok(tokio::task::spawn_blocking(search).await.ok())
    }

    async fn standings(&self, org: OrgId, sources: &[KnowledgeId]) -> Result<Vec<Standing>, StoreError> {
        let mut tx = self.db.read().await?;
        embedding::standings(&mut tx, org, sources).await
    }

    fn meaning(&self, org: OrgId) -> Option<Meaning> {
        self.catalog.as_ref()?.meaning(org)
    }
}

/// The vector of a question; nothing when it is not there in time. The request goes on for a while: its connection is
/// of use to the next one.
async fn ask(meaning: &Meaning, question: &str, until: Instant) -> Option<Vector> {
    let place = meaning.place()?;
    let (meaning, question) = (meaning.clone(), Pii::new(question.to_owned()));
    let asking = tokio::spawn(async move {
        let _place = place;
        let embedding = meaning.embedder.embed(vec![question], Purpose::Question);
        let outcome = tokio::time::timeout(LONGEST, embedding).await.ok()?;
        meaning.note(&outcome);
        outcome.ok()?.pop()
    });
    timeout_at(until.into(), asking).await.ok()?.ok()?
}

fn bounded(sources: &[KnowledgeId]) -> Vec<KnowledgeId> {
    sources[..sources.len().min(MAX_SOURCES)].to_vec()
}

/// A document's vectors in memory.
type Document = (KnowledgeId, Arc<Vectors>);
