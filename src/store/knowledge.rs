//! Documents that assistants look things up in, and the search in them.
//!
//! SQLite searches with FTS5, PostgreSQL with a tsvector; both match the same terms ([`Terms`]).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::db::{Kind, Listing, Page, Row};
use super::{StoreError, Tx, Wake};
use crate::agent::knowledge::Passage;
use crate::agent::knowledge::chunk::Chunk;
use crate::agent::knowledge::rank::{self, Hits, LIST};
use crate::agent::knowledge::terms::Terms;
use crate::args;
use crate::id::{KnowledgeId, OrgId};
use crate::pii::Pii;

/// Most documents that one search looks in.
pub const MAX_SOURCES: usize = 50;
/// Most passages that one search gives.
pub const MAX_PASSAGES: usize = 20;
/// PostgreSQL looks for so many documents inside its index.
const FEW: usize = 4;
/// Chunks written with one statement.
const BATCH: usize = 100;

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: KnowledgeId,
    /// What people and transcripts call it.
    pub title: String,
    /// What it was written in: the wire name of a format, or `web`.
    pub kind: String,
    /// Where it was fetched from.
    pub url: Option<String>,
    /// BCP 47.
    pub language: String,
    /// SHA-256 of its text, in hexadecimal.
    pub digest: String,
    /// Characters of its text.
    pub characters: u32,
    /// Pieces it was cut into.
    pub chunks: u32,
    /// Those of them that have a vector.
    pub embedded: u32,
    /// The model that their vectors are of.
    pub embedding_model: Option<String>,
    /// Why the last attempt to make vectors failed.
    pub embedding_error: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its text last changed.
    pub updated_at: Timestamp,
}

/// A document to be kept.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// As [`Source::title`].
    pub title: &'a str,
    /// As [`Source::kind`].
    pub kind: &'a str,
    /// As [`Source::url`].
    pub url: Option<&'a str>,
    /// As [`Source::language`].
    pub language: &'a str,
    /// As [`Source::digest`].
    pub digest: &'a str,
    /// Its pieces.
    pub chunks: &'a [Chunk],
}

impl Document<'_> {
    fn characters(&self) -> u32 {
        self.chunks.iter().map(|chunk| count(chunk.text.chars().count())).sum()
    }
}

/// Adds a document.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, document: &Document<'_>) -> Result<Source, StoreError> {
    let (id, now) = (KnowledgeId::generate(), tx.now().await?);
    let Document { title, kind, url, language, digest, chunks } = document;
    let url = url.map(str::to_owned);
    tx.execute(
        "INSERT INTO knowledge_source (id, org_id, title, kind, url, language, digest, characters, chunks, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        args![id, org, title, kind, url, language, digest, document.characters(), count(chunks.len()), now],
    )
    .await?;
    write_chunks(tx, id, document).await?;
    tx.wake(Wake::Knowledge);
    get(tx, org, id).await
}

/// Puts another text in the place of a document's.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn replace(tx: &mut Tx, org: OrgId, id: KnowledgeId, document: &Document<'_>) -> Result<Source, StoreError> {
    let now = tx.now().await?;
    let Document { title, kind, url, language, digest, chunks } = document;
    let url = url.map(str::to_owned);
    let written = tx
        .execute(
            "UPDATE knowledge_source SET title = $3, kind = $4, url = $5, language = $6, digest = $7, characters = $8, \
             chunks = $9, updated_at = $10, embed_model = NULL, embedded = 0, embed_failures = 0, embed_error = NULL, \
             embed_after = 0 WHERE org_id = $1 AND id = $2",
            args![org, id, title, kind, url, language, digest, document.characters(), count(chunks.len()), now],
        )
        .await?;
    if written == 0 {
        return Err(StoreError::NotFound);
    }
    remove_chunks(tx, id).await?;
    write_chunks(tx, id, document).await?;
    tx.wake(Wake::Knowledge);
    get(tx, org, id).await
}

/// A document.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: KnowledgeId) -> Result<Source, StoreError> {
    const SQL: &str = "SELECT id, title, kind, url, language, digest, characters, chunks, created_at, updated_at, \
                       embed_model, embedded, embed_error FROM knowledge_source WHERE org_id = $1 AND id = $2";
    read(&tx.one(SQL, args![org, id]).await?)
}

/// The documents.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    page: Page<KnowledgeId>,
) -> Result<Listing<Source, KnowledgeId>, StoreError> {
    let select = "SELECT id, title, kind, url, language, digest, characters, chunks, created_at, updated_at, \
                  embed_model, embedded, embed_error FROM knowledge_source WHERE org_id = $1";
    tx.page(select, args![org], "id", page, read, |source| source.id).await
}

/// Removes a document and what was found in it.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: KnowledgeId) -> Result<(), StoreError> {
    get(tx, org, id).await?;
    remove_chunks(tx, id).await?;
    tx.execute("DELETE FROM knowledge_source WHERE org_id = $1 AND id = $2", args![org, id]).await?;
    Ok(())
}

/// The passages of `sources` that fit a question best, best first. No more than [`MAX_SOURCES`] are looked in and
/// [`MAX_PASSAGES`] given. A question without a word to search for finds nothing.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    sources: &[KnowledgeId],
    question: &str,
    limit: usize,
) -> Result<Vec<Passage>, StoreError> {
    let known = known(tx, org, sources).await?;
    let languages: BTreeSet<&str> = known.iter().map(|(_, language, _)| language.as_str()).collect();
    let terms: BTreeSet<String> = languages.iter().flat_map(|language| Terms::of(language).query(question)).collect();
    let (terms, limit) = (Vec::from_iter(terms), limit.min(MAX_PASSAGES));
    if known.is_empty() || terms.is_empty() {
        return Ok(Vec::new());
    }
    let total = known.iter().map(|(_, _, chunks)| u64::from(*chunks)).sum();
    let ids: Vec<KnowledgeId> = known.into_iter().map(|(id, _, _)| id).collect();
    let each: Vec<&[String]> = terms.chunks(1).collect();
    let mut hits = find(tx, &ids, &each).await?;
    // Words that are all common say something together.
    if terms.len() > 1 && hits.iter().all(|hits| hits.passages.is_empty() || hits.is_common()) {
        let present = terms.iter().zip(&hits).filter(|(_, hits)| hits.is_common()).map(|(term, _)| term.clone());
        let present: Vec<String> = present.collect();
        if !present.is_empty() {
            let together = find(tx, &ids, &[&present]).await?;
            hits.extend(together.into_iter().map(Hits::as_rare));
        }
    }
    read_passages(tx, &rank::best(&hits, total, limit)).await
}

/// Those of `sources` that the organisation has: their languages and numbers of chunks.
async fn known(
    tx: &mut Tx,
    org: OrgId,
    sources: &[KnowledgeId],
) -> Result<Vec<(KnowledgeId, String, u32)>, StoreError> {
    let asked = &sources[..sources.len().min(MAX_SOURCES)];
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let places = places(2, asked.len());
    let sql = format!("SELECT id, language, chunks FROM knowledge_source WHERE org_id = $1 AND id IN ({places})");
    let mut bound = args![org];
    bound.extend(asked.iter().flat_map(|id| args![id]));
    let rows = tx.all_built(sql, bound).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("language")?, row.get("chunks")?))).collect()
}

/// For each of `wanted`, up to [`LIST`] chunks that hold all of its terms. One statement, for each one more would cost the
/// caller a way to the database and back, and one row for each of `wanted`, for thousands take longer to hand over than
/// to find.
async fn find(tx: &mut Tx, sources: &[KnowledgeId], wanted: &[&[String]]) -> Result<Vec<Hits>, StoreError> {
    let mut bound = args![i64::try_from(LIST).unwrap_or(i64::MAX)];
    let first = bound.len() + 1;
    let mut of_sources = String::new();
    let one = match tx.kind() {
        Kind::Sqlite => {
            bound.extend(wanted.iter().flat_map(|terms| args![fts_query(sources, terms)]));
            "SELECT {n} AS term, group_concat(number) AS numbers FROM \
             (SELECT rowid AS number FROM knowledge_search WHERE knowledge_search MATCH ${p} LIMIT $1)"
        }
        Kind::Postgres => {
            // Reading a chunk's tsvector costs far more than the planner believes: only the index may find.
            tx.execute("SET LOCAL enable_seqscan = off", args![]).await?;
            let few = sources.len() <= FEW;
            bound.extend(wanted.iter().flat_map(|terms| args![ts_query(if few { sources } else { &[] }, terms)]));
            if few {
                "SELECT CAST({n} AS BIGINT) AS term, string_agg(CAST(number AS TEXT), ',') AS numbers FROM \
                 (SELECT number FROM knowledge_chunk WHERE search @@ to_tsquery('simple', ${p}) LIMIT $1) AS t{n}"
            } else {
                // The index would walk through all chunks of all these documents for each term. Without them it finds
                // the term at once; the concatenation keeps it from looking for the documents first.
                of_sources = places(bound.len() + 1, sources.len());
                bound.extend(sources.iter().flat_map(|source| args![source]));
                "SELECT CAST({n} AS BIGINT) AS term, string_agg(CAST(number AS TEXT), ',') AS numbers FROM \
                 (SELECT number FROM knowledge_chunk WHERE search @@ to_tsquery('simple', ${p}) \
                 AND source_id || '' IN ({s}) LIMIT $1) AS t{n}"
            }
        }
    };
    let part = |n: usize| one.replace("{n}", &n.to_string()).replace("{p}", &(first + n).to_string());
    let parts = (0..wanted.len()).map(|n| part(n).replace("{s}", &of_sources));
    let rows = tx.all_built(parts.collect::<Vec<_>>().join(" UNION ALL "), bound).await?;
    let mut hits = vec![Hits { passages: Vec::new() }; wanted.len()];
    for row in rows {
        let term: u32 = row.get("term")?;
        let hits = hits.get_mut(term as usize).ok_or(StoreError::Corrupt { column: "term" })?;
        let numbers: Option<String> = row.get("numbers")?;
        let numbers = numbers.iter().flat_map(|numbers| numbers.split(',')).map(str::parse);
        hits.passages = numbers.collect::<Result<_, _>>().map_err(|_| StoreError::Corrupt { column: "numbers" })?;
    }
    Ok(hits)
}

/// What FTS5 is asked. Terms are letters and digits only; quotes keep its own words (AND, NEAR) from meaning anything.
fn fts_query(sources: &[KnowledgeId], terms: &[String]) -> String {
    let quoted = |tokens: &[String], with: &str| {
        tokens.iter().map(|token| format!("\"{token}\"")).collect::<Vec<_>>().join(with)
    };
    let sources: Vec<String> = sources.iter().map(|source| token(*source)).collect();
    format!("{{source}} : ({}) AND {{terms}} : ({})", quoted(&sources, " OR "), quoted(terms, " AND "))
}

/// What PostgreSQL is asked, of all documents when none is named. Terms are letters and digits only, so none of its
/// operators can be among them.
fn ts_query(sources: &[KnowledgeId], terms: &[String]) -> String {
    let sources: Vec<String> = sources.iter().map(|source| format!("s{}", token(*source))).collect();
    let of_sources = if sources.is_empty() { String::new() } else { format!("({}) & ", sources.join(" | ")) };
    format!("{of_sources}{}", terms.join(" & "))
}

/// The chunks of these numbers, in this order.
async fn read_passages(tx: &mut Tx, numbers: &[i64]) -> Result<Vec<Passage>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let select = tx.pick(
        "SELECT f.rowid AS number, c.source_id, c.seq, c.heading, c.words, s.title FROM knowledge_search f \
         JOIN knowledge_chunk c ON c.source_id = f.source_id AND c.seq = f.seq \
         JOIN knowledge_source s ON s.id = c.source_id WHERE f.rowid",
        "SELECT c.number, c.source_id, c.seq, c.heading, c.words, s.title FROM knowledge_chunk c \
         JOIN knowledge_source s ON s.id = c.source_id WHERE c.number",
    );
    let bound = numbers.iter().flat_map(|number| args![*number]).collect();
    let rows = tx.all_built(format!("{select} IN ({})", places(1, numbers.len())), bound).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let number: i64 = row.get("number")?;
        found.push((numbers.iter().position(|wanted| *wanted == number), passage(row)?));
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, passage)| passage).collect())
}

async fn write_chunks(tx: &mut Tx, id: KnowledgeId, document: &Document<'_>) -> Result<(), StoreError> {
    let terms = Terms::of(document.language);
    let title = terms.index(document.title);
    for (batch, chunks) in document.chunks.chunks(BATCH).enumerate() {
        let rows: Vec<(u32, &Chunk, String)> = chunks
            .iter()
            .zip(count(batch * BATCH)..)
            .map(|(chunk, seq)| {
                let own = format!("{title} {} {}", terms.index(&chunk.heading), terms.index(&chunk.text));
                (seq, chunk, own)
            })
            .collect();
        let bound = rows.iter().flat_map(|(seq, chunk, terms)| args![id, seq, chunk.heading, chunk.text, terms]);
        let sql = format!(
            "INSERT INTO knowledge_chunk (source_id, seq, heading, words, terms) VALUES {}",
            tuples(rows.len(), 5)
        );
        tx.execute_built(sql, bound.collect()).await?;
        if tx.kind() == Kind::Sqlite {
            let bound = rows.iter().flat_map(|(seq, _, terms)| args![token(id), terms, id, seq]);
            let sql = format!(
                "INSERT INTO knowledge_search (source, terms, source_id, seq) VALUES {}",
                tuples(rows.len(), 4)
            );
            tx.execute_built(sql, bound.collect()).await?;
        }
    }
    Ok(())
}

async fn remove_chunks(tx: &mut Tx, id: KnowledgeId) -> Result<(), StoreError> {
    if tx.kind() == Kind::Sqlite {
        tx.execute(
            "DELETE FROM knowledge_search WHERE rowid IN \
             (SELECT rowid FROM knowledge_search WHERE knowledge_search MATCH $1)",
            args![format!("{{source}} : \"{}\"", token(id))],
        )
        .await?;
    }
    tx.execute("DELETE FROM knowledge_vector WHERE source_id = $1", args![id]).await?;
    tx.execute("DELETE FROM knowledge_chunk WHERE source_id = $1", args![id]).await?;
    Ok(())
}

/// The id as one word of the index.
fn token(id: KnowledgeId) -> String {
    id.to_string().replace('-', "")
}

/// Text of a document is bounded far below.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `$first, $first+1, …`
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// `($1, $2), ($3, $4), …`
fn tuples(rows: usize, columns: usize) -> String {
    (0..rows).map(|row| format!("({})", places(row * columns + 1, columns))).collect::<Vec<_>>().join(", ")
}

fn read(row: &Row) -> Result<Source, StoreError> {
    Ok(Source {
        id: row.get("id")?,
        title: row.get("title")?,
        kind: row.get("kind")?,
        url: row.get("url")?,
        language: row.get("language")?,
        digest: row.get("digest")?,
        characters: row.get("characters")?,
        chunks: row.get("chunks")?,
        embedded: row.get("embedded")?,
        embedding_model: row.get("embed_model")?,
        embedding_error: row.get("embed_error")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(super) fn passage(row: &Row) -> Result<Passage, StoreError> {
    Ok(Passage {
        source: row.get("source_id")?,
        title: row.get("title")?,
        heading: row.get("heading")?,
        seq: row.get("seq")?,
        text: Pii::new(row.get("words")?),
    })
}
