//! How long a search in 10,000 passages takes on each database, by words and by meaning: it runs between the caller's last word and the agent's
//! first.

#[path = "../../tests/support/db.rs"]
mod db;
#[path = "../support/figures.rs"]
mod figures;

mod meaning;

use std::time::{Duration, Instant};

use callwright::agent::knowledge::chunk::Chunk;
use callwright::id::{KnowledgeId, OrgId};
use callwright::store::knowledge::{self, Document};
use callwright::store::org;
use figures::{Cmp, Figure};

use self::db::TestDb;

const DOCUMENTS: usize = 20;
const CHUNKS: usize = 500;
const WORDS: usize = 110;
/// Different words; the nth most frequent one comes about 1/n as often as the first, as in any language.
const VOCABULARY: usize = 20_000;
const SEARCHES: usize = 300;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures = Vec::new();
    runtime.block_on(async {
        figures.extend(measure("SQLite", TestDb::sqlite().await).await?);
        figures.extend(measure("PostgreSQL", TestDb::postgres().await).await?);
        figures.extend(meaning::measure_memory(&mut Words(0x2545_f491_4f6c_dd1d))?);
        anyhow::Ok(())
    })?;
    figures::settle("knowledge", &figures)
}

async fn measure(name: &str, test: TestDb) -> anyhow::Result<Vec<Figure>> {
    let mut words = Words(0x9e37_79b9_7f4a_7c15);
    let (org, sources) = fill(&test, &mut words).await?;
    let mut times = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let question = words.text(12);
        let began = now();
        let mut tx = test.db.read().await?;
        let found = knowledge::search(&mut tx, org, &sources, &question, 3).await?;
        drop(tx);
        times.push(began.elapsed());
        anyhow::ensure!(found.len() == 3, "{} of 3 passages for {question}", found.len());
    }
    let conditions = format!(
        "{} passages of {WORDS} words in {DOCUMENTS} documents, questions of 12 words, {SEARCHES} searches one after another",
        DOCUMENTS * CHUNKS
    );
    let mut figures = figures_of(&format!("search by words in 10,000 passages, {name}"), times, &conditions).to_vec();
    figures.extend(meaning::measure(name, &test, (org, &sources), &mut words).await?);
    Ok(figures)
}

/// Percentiles of times against the budget of a look-up.
fn figures_of(name: &str, mut times: Vec<Duration>, conditions: &str) -> [Figure; 3] {
    times.sort();
    [50, 95, 99].map(|percentile| Figure {
        name: format!("{name}, p{percentile}"),
        value: times[times.len() * percentile / 100].as_secs_f64() * 1_000.0,
        unit: "ms",
        cmp: Cmp::AtMost,
        budget: 30.0,
        conditions: conditions.to_owned(),
    })
}

async fn fill(test: &TestDb, words: &mut Words) -> anyhow::Result<(OrgId, Vec<KnowledgeId>)> {
    let mut tx = test.db.begin().await?;
    let org = org::ensure_default(&mut tx).await?.id;
    let mut sources = Vec::new();
    for number in 0..DOCUMENTS {
        let title = format!("Document {number}");
        let chunks: Vec<Chunk> =
            (0..CHUNKS).map(|_| Chunk { heading: words.text(3), text: words.text(WORDS) }).collect();
        let document = Document { title: &title, kind: "text", url: None, language: "cs", digest: "", chunks: &chunks };
        sources.push(knowledge::insert(&mut tx, org, &document).await?.id);
    }
    tx.commit().await?;
    Ok((org, sources))
}

/// Draws words; the same ones in every run.
struct Words(u64);

impl Words {
    fn text(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn word(&mut self) -> String {
        let mut rank = (VOCABULARY as f64).powf(self.share()) as usize;
        // Letters only, so that it is one word.
        let mut word = String::from("w");
        while rank > 0 {
            word.push(char::from(b'a' + (rank % 26) as u8));
            rank /= 26;
        }
        word
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}
