//! The vectors of documents in memory, read from the database when they are first needed and again when they have
//! changed. Nobody waits for them: who comes before they are there does without.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Document;
use crate::agent::knowledge::vector::Vectors;
use crate::id::KnowledgeId;
use crate::store::embedding::{self, Standing};
use crate::store::{Db, StoreError};

/// Bytes of vectors that are kept: some sixteen times 10,000 passages with 1536 dimensions. Those that were not used
/// for the longest time go first.
const MOST: usize = 256 << 20;
/// Vectors read at once.
const PAGE: u32 = 2_000;

/// What is in memory. Cloning shares it.
#[derive(Clone)]
pub(super) struct Index {
    db: Db,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    documents: BTreeMap<KnowledgeId, Loaded>,
    loading: BTreeSet<KnowledgeId>,
    /// Counts uses, so that the oldest is known.
    clock: u64,
}

struct Loaded {
    standing: Standing,
    vectors: Arc<Vectors>,
    used: u64,
}

impl Index {
    pub(super) fn new(db: Db) -> Self {
        Self { db, shared: Arc::default() }
    }

    /// Those of the documents whose vectors of this model are in memory. The others begin to be read.
    pub(super) fn get(&self, standings: &[Standing], model: &str) -> Vec<Document> {
        let mut shared = self.lock();
        shared.clock += 1;
        let now = shared.clock;
        let mut found = Vec::new();
        for standing in standings.iter().filter(|standing| standing.model.as_deref() == Some(model)) {
            let source = standing.source;
            let loaded = shared.documents.get_mut(&source);
            let usable = loaded.filter(|loaded| {
                (&loaded.standing.model, loaded.standing.updated_at) == (&standing.model, standing.updated_at)
            });
            let complete = usable.is_some_and(|loaded| {
                loaded.used = now;
                if !loaded.vectors.is_empty() {
                    found.push((source, Arc::clone(&loaded.vectors)));
                }
                loaded.standing.embedded == standing.embedded
            });
            if !complete && standing.embedded > 0 && shared.loading.insert(source) {
                tokio::spawn(self.clone().load(standing.clone()));
            }
        }
        found
    }

    async fn load(self, standing: Standing) {
        let source = standing.source;
        let read = self.read(source).await;
        let mut shared = self.lock();
        shared.loading.remove(&source);
        match read {
            Ok(vectors) => {
                let used = shared.clock;
                shared.documents.insert(source, Loaded { standing, vectors: Arc::new(vectors), used });
                shared.shrink();
            }
            Err(error) => tracing::warn!(%error, "vectors cannot be read; words alone are searched"),
        }
    }

    async fn read(&self, source: KnowledgeId) -> Result<Vectors, StoreError> {
        let (mut vectors, mut from) = (Vectors::default(), 0);
        loop {
            let mut tx = self.db.read().await?;
            let page = embedding::vectors(&mut tx, source, from, PAGE).await?;
            drop(tx);
            let Some((last, _)) = page.last() else { return Ok(vectors) };
            from = last + 1;
            for (piece, vector) in &page {
                // Of other dimensions: a model that changed under its name.
                let _ = vectors.push(*piece, vector);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Lets go of what was not used for the longest time until the rest fits.
    fn shrink(&mut self) {
        let size = |loaded: &Loaded| loaded.vectors.bytes();
        while self.documents.len() > 1 && self.documents.values().map(size).sum::<usize>() > MOST {
            let oldest = self.documents.iter().min_by_key(|(_, loaded)| loaded.used).map(|(source, _)| *source);
            let Some(oldest) = oldest else { return };
            self.documents.remove(&oldest);
        }
    }
}
