//! The same search by words and by meaning: 10,000 vectors in memory, a model of embeddings on this machine that answers
//! at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright::agent::knowledge::vector::{Vector, Vectors};
use callwright::id::{KnowledgeId, OrgId};
use callwright::lookup::Lookups;
use callwright::provider::catalog::{Catalog, Fixed, Kind, Sealer};
use callwright::provider::prompts::Prompts;
use callwright::provider::vendor::Vendor;
use callwright::store::embedding;
use callwright_loadtest::vendors::embeddings::Script as Meaning;
use callwright_loadtest::vendors::{self, Config, Running, Script};

use crate::db::TestDb;
use crate::figures::Figure;
use crate::{CHUNKS, DOCUMENTS, SEARCHES, Words, figures_of, now};

const DIMENSIONS: usize = 1_536;
const MODEL: &str = "small";
/// Longer than any search takes: it is the search that is measured and not its limit.
const LIMIT: Duration = Duration::from_secs(10);

/// Gives every piece a vector and searches by words and meaning.
pub(crate) async fn measure(
    name: &str,
    test: &TestDb,
    (org, sources): (OrgId, &[KnowledgeId]),
    words: &mut Words,
) -> anyhow::Result<Vec<Figure>> {
    fill(test, org, words).await?;
    let running = vendor().await?;
    let folder = std::env::temp_dir().join(format!("callwright-bench-{}", std::process::id()));
    let catalog =
        Catalog::new(vec![fixed(&running)], Sealer::new([7; 32]), Arc::new(Prompts::open(folder.clone(), 1)?));
    let lookups = Lookups::new(test.db.clone(), Some(catalog));
    while !lookups.search(org, sources, "nothing", 3, LIMIT).await?.by_meaning {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut times = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let question = words.text(12);
        let began = now();
        let found = lookups.search(org, sources, &question, 3, LIMIT).await?;
        times.push(began.elapsed());
        anyhow::ensure!(found.by_meaning && found.passages.len() == 3, "{} passages", found.passages.len());
    }
    let _ = std::fs::remove_dir_all(folder);
    let conditions = format!("as above, and {DIMENSIONS} dimensions a passage, a vendor on this machine without delay");
    Ok(figures_of(&format!("search by words and meaning in 10,000 passages, {name}"), times, &conditions).into())
}

/// The part of it that is in memory, alone.
pub(crate) fn measure_memory(words: &mut Words) -> anyhow::Result<Vec<Figure>> {
    let mut vectors = Vectors::default();
    for piece in 0..DOCUMENTS * CHUNKS {
        vectors.push(u32::try_from(piece)?, &vector(words)?);
    }
    let mut times: Vec<Duration> = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let question = vector(words)?;
        let began: Instant = now();
        let found = vectors.nearest(&question, 20, -1.0);
        times.push(began.elapsed());
        anyhow::ensure!(found.len() == 20, "{} found", found.len());
    }
    let conditions = format!("{} vectors of {DIMENSIONS} dimensions, a byte each, on one core", vectors.len());
    Ok(figures_of("nearest of 10,000 vectors in memory", times, &conditions).into())
}

async fn fill(test: &TestDb, org: OrgId, words: &mut Words) -> anyhow::Result<()> {
    let lease = Duration::from_secs(600);
    loop {
        let mut tx = test.db.begin().await?;
        let Some(task) = embedding::claim(&mut tx, org, MODEL, lease).await? else { return Ok(()) };
        let pieces = embedding::missing(&mut tx, task.source, CHUNKS).await?;
        let mut made = Vec::with_capacity(pieces.len());
        for piece in pieces {
            made.push((piece.seq, vector(words)?));
        }
        anyhow::ensure!(embedding::keep(&mut tx, &task, MODEL, &made, lease).await?, "the document stays as it is");
        embedding::release(&mut tx, &task).await?;
        tx.commit().await?;
    }
}

fn vector(words: &mut Words) -> anyhow::Result<Vector> {
    let values: Vec<f32> = (0..DIMENSIONS).map(|_| words.share() as f32 - 0.5).collect();
    Vector::new(&values).ok_or_else(|| anyhow::anyhow!("numbers are a vector"))
}

async fn vendor() -> anyhow::Result<Running> {
    let embeddings = Meaning { dimensions: DIMENSIONS, ..Meaning::default() };
    let script = Script { embeddings, ..Script::default() };
    vendors::start(Config { script, keep_log: false, ..Config::default() }).await
}

fn fixed(running: &Running) -> Fixed {
    let mut vendor = Vendor {
        base_url: format!("http://{}/v1", running.address),
        key: Some(vendors::KEY.into()),
        model: MODEL.to_owned(),
        ..Vendor::named("meaning")
    };
    // Vectors drawn at random are near to nothing.
    vendor.options.insert("min_similarity".to_owned(), (-1).into());
    Fixed { kind: Kind::OpenaiEmbeddings, vendor }
}
