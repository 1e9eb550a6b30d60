//! Vectors of documents' pieces, and who makes them.
//!
//! A document says which model its vectors are of and how many it has. Whoever makes them holds it for a while
//! (`embed_after`), so that two servers do not pay for the same vectors; what was made is kept batch by batch.

use std::time::Duration;

use jiff::Timestamp;

use super::db::Row;
use super::{StoreError, Tx};
use crate::agent::knowledge::Passage;
use crate::agent::knowledge::vector::Vector;
use crate::args;
use crate::id::{KnowledgeId, OrgId};
use crate::pii::Pii;

/// Rows read or written with one statement.
const BATCH: usize = 200;
/// Longest reason that is kept, in characters.
const REASON: usize = 300;

/// A document whose vectors are to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The document.
    pub source: KnowledgeId,
    /// Which of its texts.
    pub updated_at: Timestamp,
    /// Its title.
    pub title: String,
    /// Failures one after another.
    pub failures: u32,
}

/// A piece without a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its number in the document.
    pub seq: u32,
    /// The heading it stands under.
    pub heading: String,
    /// Its words.
    pub words: Pii<String>,
}

/// What is known of the vectors of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The document.
    pub source: KnowledgeId,
    /// Which of its texts.
    pub updated_at: Timestamp,
    /// The model they are of.
    pub model: Option<String>,
    /// How many there are.
    pub embedded: u32,
}

/// Takes a document that lacks vectors of `model` for `lease`: nobody else is given it meanwhile. Vectors of another
/// model are thrown away. Nothing when none is due.
///
/// # Errors
/// When the database fails.
pub async fn claim(tx: &mut Tx, org: OrgId, model: &str, lease: Duration) -> Result<Option<Task>, StoreError> {
    const DUE: &str = "SELECT id, updated_at, title, embed_model, embed_failures FROM knowledge_source \
                       WHERE org_id = $1 AND embed_after <= $3 \
                       AND (embed_model IS NULL OR embed_model <> $2 OR embedded < chunks) ORDER BY id LIMIT 1";
    let now = tx.now().await?;
    let Some(row) = tx.optional(DUE, args![org, model, now]).await? else { return Ok(None) };
    let (source, before): (KnowledgeId, Option<String>) = (row.get("id")?, row.get("embed_model")?);
    let taken = tx
        .execute(
            "UPDATE knowledge_source SET embed_after = $2 WHERE id = $1 AND embed_after <= $3",
            args![source, later(now, lease), now],
        )
        .await?;
    if taken == 0 {
        return Ok(None);
    }
    if before.as_deref() != Some(model) {
        tx.execute("DELETE FROM knowledge_vector WHERE source_id = $1", args![source]).await?;
        tx.execute("UPDATE knowledge_source SET embed_model = $2, embedded = 0 WHERE id = $1", args![source, model])
            .await?;
    }
    let (updated_at, title, failures) = (row.get("updated_at")?, row.get("title")?, row.get("embed_failures")?);
    Ok(Some(Task { source, updated_at, title, failures }))
}

/// The next pieces of a document that have no vector.
///
/// # Errors
/// When the database fails.
pub async fn missing(tx: &mut Tx, source: KnowledgeId, most: usize) -> Result<Vec<Piece>, StoreError> {
    const SQL: &str = "SELECT c.seq, c.heading, c.words FROM knowledge_chunk c WHERE c.source_id = $1 AND NOT EXISTS \
                       (SELECT 1 FROM knowledge_vector v WHERE v.source_id = c.source_id AND v.seq = c.seq) \
                       ORDER BY c.seq LIMIT $2";
    let rows = tx.all(SQL, args![source, i64::try_from(most).unwrap_or(i64::MAX)]).await?;
    let piece = |row: &Row| Ok(Piece { seq: row.get("seq")?, heading: row.get("heading")?, words: row.get("words")? });
    rows.iter().map(piece).collect()
}

/// Keeps vectors of a document that was taken, and holds it for another `lease` unless it has them all. False when its text or its model is
/// another one by now: they are of no use.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    tx: &mut Tx,
    task: &Task,
    model: &str,
    vectors: &[(u32, Vector)],
    lease: Duration,
) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let current = tx
        .execute(
            "UPDATE knowledge_source SET embed_after = $4, embed_failures = 0, embed_error = NULL \
             WHERE id = $1 AND updated_at = $2 AND embed_model = $3",
            args![task.source, task.updated_at, model, later(now, lease)],
        )
        .await?;
    if current == 0 {
        return Ok(false);
    }
    for batch in vectors.chunks(BATCH) {
        let places: Vec<String> =
            (0..batch.len()).map(|at| format!("($1, ${}, ${})", 2 * at + 2, 2 * at + 3)).collect();
        let sql = format!(
            "INSERT INTO knowledge_vector (source_id, seq, vector) VALUES {} ON CONFLICT (source_id, seq) DO NOTHING",
            places.join(", ")
        );
        let mut bound = args![task.source];
        bound.extend(batch.iter().flat_map(|(seq, vector)| args![seq, vector.to_bytes()]));
        tx.execute_built(sql, bound).await?;
    }
    tx.execute(
        "UPDATE knowledge_source SET embedded = (SELECT COUNT(*) FROM knowledge_vector WHERE source_id = $1) \
         WHERE id = $1",
        args![task.source],
    )
    .await?;
    tx.execute("UPDATE knowledge_source SET embed_after = 0 WHERE id = $1 AND embedded >= chunks", args![task.source])
        .await?;
    Ok(true)
}

/// All of a document that was taken is done.
///
/// # Errors
/// When the database fails.
pub async fn release(tx: &mut Tx, task: &Task) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE knowledge_source SET embed_after = 0 WHERE id = $1 AND updated_at = $2",
        args![task.source, task.updated_at],
    )
    .await?;
    Ok(())
}

/// Vectors of a document that was taken could not be made; they are tried again after `pause`.
///
/// # Errors
/// When the database fails.
pub async fn failed(tx: &mut Tx, task: &Task, reason: &str, pause: Duration) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let reason: String = reason.chars().take(REASON).collect();
    tx.execute(
        "UPDATE knowledge_source SET embed_failures = embed_failures + 1, embed_error = $2, embed_after = $3 \
         WHERE id = $1 AND updated_at = $4",
        args![task.source, reason, later(now, pause), task.updated_at],
    )
    .await?;
    Ok(())
}

/// When the next document of anybody is due that waits for a lease or a pause to be over.
///
/// # Errors
/// When the database fails.
pub async fn next_due(tx: &mut Tx) -> Result<Option<Duration>, StoreError> {
    const SQL: &str = "SELECT MIN(embed_after) AS value FROM knowledge_source WHERE embed_after > $1";
    let now = tx.now().await?;
    let next: Option<Timestamp> = tx.value(SQL, args![now]).await?;
    Ok(next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default()))
}

/// What is known of the vectors of these documents, as far as the organisation has them.
///
/// # Errors
/// When the database fails.
pub async fn standings(tx: &mut Tx, org: OrgId, sources: &[KnowledgeId]) -> Result<Vec<Standing>, StoreError> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (0..sources.len()).map(|at| format!("${}", at + 2)).collect();
    let sql = format!(
        "SELECT id, updated_at, embed_model, embedded FROM knowledge_source WHERE org_id = $1 AND id IN ({})",
        places.join(", ")
    );
    let mut bound = args![org];
    bound.extend(sources.iter().flat_map(|id| args![id]));
    let rows = tx.all_built(sql, bound).await?;
    let standing = |row: &Row| {
        let (source, updated_at) = (row.get("id")?, row.get("updated_at")?);
        Ok(Standing { source, updated_at, model: row.get("embed_model")?, embedded: row.get("embedded")? })
    };
    rows.iter().map(standing).collect()
}

/// The vectors of a document from piece `from` on, at most `most`, in the order of the pieces.
///
/// # Errors
/// When the database fails.
pub async fn vectors(tx: &mut Tx, source: KnowledgeId, from: u32, most: u32) -> Result<Vec<(u32, Vector)>, StoreError> {
    const SQL: &str =
        "SELECT seq, vector FROM knowledge_vector WHERE source_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    let rows = tx.all(SQL, args![source, from, most]).await?;
    let vector = |row: &Row| {
        let bytes: Vec<u8> = row.get("vector")?;
        let vector = Vector::from_bytes(&bytes).ok_or(StoreError::Corrupt { column: "vector" })?;
        Ok((row.get("seq")?, vector))
    };
    rows.iter().map(vector).collect()
}

/// These pieces of documents, in this order; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub async fn passages(tx: &mut Tx, pieces: &[(KnowledgeId, u32)]) -> Result<Vec<Passage>, StoreError> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<String> =
        (0..pieces.len()).map(|at| format!("(c.source_id = ${} AND c.seq = ${})", 2 * at + 1, 2 * at + 2)).collect();
    let sql = format!(
        "SELECT c.source_id, c.seq, c.heading, c.words, s.title FROM knowledge_chunk c \
         JOIN knowledge_source s ON s.id = c.source_id WHERE {}",
        wanted.join(" OR ")
    );
    let bound = pieces.iter().flat_map(|(source, seq)| args![source, seq]).collect();
    let mut found =
        tx.all_built(sql, bound).await?.iter().map(super::knowledge::passage).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|passage| pieces.iter().position(|piece| *piece == (passage.source, passage.seq)));
    Ok(found)
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}
