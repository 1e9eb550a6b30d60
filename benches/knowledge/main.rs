//! How long a search in 10,000 passages takes on each database: it runs between the caller's last word and the agent's
//! first.

#[path = "../../tests/support/db.rs"]
mod db;
#[path = "../support/figures.rs"]
mod figures;

use std::time::Instant;

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
        anyhow::Ok(())
    })?;
    figures::settle("knowledge", &figures)
}

async fn measure(name: &str, test: TestDb) -> anyhow::Result<[Figure; 2]> {
    let mut words = Words(0x9e37_79b9_7f4a_7c15);
    let (org, sources) = fill(&test, &mut words).await?;
    let mut times = Vec::with_capacity(SEARCHES);
    for _ in 0..SEARCHES {
        let question = words.text(12);
        let began = now();
        let mut tx = test.db.read().await?;
        let found = knowledge::search(&mut tx, org, &sources, &question, 3).await?;
        times.push(began.elapsed());
        anyhow::ensure!(found.len() == 3, "{} of 3 passages for {question}", found.len());
    }
    times.sort();
    let conditions = format!(
        "{} passages of {WORDS} words in {DOCUMENTS} documents, questions of 12 words, {SEARCHES} searches one after another",
        DOCUMENTS * CHUNKS
    );
    Ok([(50, 30.0), (95, 30.0)].map(|(percentile, budget)| Figure {
        name: format!("search in 10,000 passages, {name}, p{percentile}"),
        value: times[SEARCHES * percentile / 100].as_secs_f64() * 1_000.0,
        unit: "ms",
        cmp: Cmp::AtMost,
        budget,
        conditions: conditions.clone(),
    }))
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

    fn word(&mut self) -> String {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        let mut rank = (VOCABULARY as f64).powf(share) as usize;
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
