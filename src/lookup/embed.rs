//! Makes the vectors of documents in the background: batch by batch, with pauses after failures, and on from where it
//! was after a restart.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Lookups;
use crate::id::OrgId;
use crate::pii::Pii;
use crate::provider::catalog::Meaning;
use crate::provider::embeddings::Purpose;
use crate::provider::error::Error;
use crate::shutdown::Shutdown;
use crate::store::embedding::{self, Task};
use crate::store::{StoreError, Wake, org};

/// A document is held for so long by whoever works on it; a server that died gives it back that way.
const LEASE: Duration = Duration::from_secs(90);
/// First pause after a failure; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// It is looked for work so often without any sign of there being some.
const ROUND: Duration = Duration::from_secs(60);
/// Most characters of one text: more than any piece has with its title and heading.
const LONGEST: usize = 2_000;

/// How working on a document ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vendor(#[from] Error),
}

/// Makes vectors for every organisation that has a model of embeddings, until the server stops.
pub async fn keep(lookups: Lookups, shutdown: Shutdown) {
    let work = async {
        let mut wakeups = lookups.db.wakeups();
        loop {
            if let Err(error) = lookups.embed_all().await {
                tracing::warn!(%error, "documents without vectors cannot be looked for");
            }
            let due = lookups.next_due().await.unwrap_or(ROUND).clamp(Duration::from_millis(100), ROUND);
            let woken = async {
                loop {
                    match wakeups.next().await {
                        Wake::Knowledge | Wake::Providers | Wake::Everything => return,
                        Wake::Campaigns | Wake::Targets(_) | Wake::Halt(_) | Wake::HangUp(_) | Wake::Room => {}
                    }
                }
            };
            // Time passing is a reason too.
            let _ = tokio::time::timeout(due, woken).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = shutdown.stop.cancelled() => {}
    }
}

impl Lookups {
    /// Works on everything that is due.
    async fn embed_all(&self) -> Result<(), StoreError> {
        let orgs = {
            let mut tx = self.db.read().await?;
            org::limits(&mut tx).await?
        };
        for org in orgs.into_keys() {
            let mut seen = BTreeSet::new();
            while let Some(meaning) = self.meaning(org).filter(Meaning::admits) {
                let Some(task) = self.claim(org, &meaning).await? else { break };
                if !seen.insert((task.source, task.updated_at)) {
                    // Its count is wrong: not again and again.
                    break;
                }
                self.embed(&task, &meaning).await?;
            }
        }
        Ok(())
    }

    async fn claim(&self, org: OrgId, meaning: &Meaning) -> Result<Option<Task>, StoreError> {
        let mut tx = self.db.begin().await?;
        let task = embedding::claim(&mut tx, org, meaning.embedder.model(), LEASE).await?;
        tx.commit().await?;
        Ok(task)
    }

    /// Works on one document to its end, or to a failure.
    async fn embed(&self, task: &Task, meaning: &Meaning) -> Result<(), StoreError> {
        let broken = match self.embed_pieces(task, meaning).await {
            Ok(()) => {
                let mut tx = self.db.begin().await?;
                embedding::release(&mut tx, task).await?;
                return tx.commit().await;
            }
            Err(Broken::Store(error)) => return Err(error),
            Err(Broken::Vendor(error)) => error,
        };
        let pause = broken.after.unwrap_or_else(|| pause(task.failures));
        tracing::warn!(error = %broken, seconds = pause.as_secs(), "vectors of a document are not made; tried again");
        let mut tx = self.db.begin().await?;
        embedding::failed(&mut tx, task, &broken.to_string(), pause).await?;
        tx.commit().await
    }

    async fn embed_pieces(&self, task: &Task, meaning: &Meaning) -> Result<(), Broken> {
        loop {
            let pieces = {
                let mut tx = self.db.read().await?;
                embedding::missing(&mut tx, task.source, meaning.embedder.batch()).await?
            };
            if pieces.is_empty() {
                return Ok(());
            }
            let text = |piece: &embedding::Piece| {
                let parts = [task.title.as_str(), &piece.heading, piece.words.expose()];
                let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
                Pii::new(text.chars().take(LONGEST).collect::<String>())
            };
            let outcome = meaning.embedder.embed(pieces.iter().map(text).collect(), Purpose::Passage).await;
            meaning.note(&outcome);
            let vectors: Vec<_> = pieces.iter().map(|piece| piece.seq).zip(outcome?).collect();
            let mut tx = self.db.begin().await?;
            let kept = embedding::keep(&mut tx, task, meaning.embedder.model(), &vectors, LEASE).await?;
            tx.commit().await?;
            if !kept {
                // Another text or another model by now: it is due again.
                return Ok(());
            }
        }
    }

    async fn next_due(&self) -> Option<Duration> {
        let mut tx = self.db.read().await.ok()?;
        embedding::next_due(&mut tx).await.ok()?
    }
}

/// The pause after so many failures before.
fn pause(failures: u32) -> Duration {
    // Servers that failed together do not come back together.
    let spread = rand::random::<f64>() / 4.0;
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(LONGEST_PAUSE).mul_f64(1.0 + spread)
}
