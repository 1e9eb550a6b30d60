//! Documents searched by meaning: vectors are made in the background by a simulated vendor, and a question that shares
//! no word with its answer finds it.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::knowledge::chunk::Chunk;
use callwright::id::{KnowledgeId, OrgId};
use callwright::lookup::{self, Lookups};
use callwright::provider::catalog::{Catalog, Fixed, Kind, Sealer};
use callwright::provider::prompts::Prompts;
use callwright::provider::vendor::Vendor;
use callwright::shutdown::Shutdown;
use callwright::store::knowledge::{self, Document, Source};
use callwright::store::{Db, org};
use callwright_loadtest::vendors::embeddings::Script as Meaning;
use callwright_loadtest::vendors::faults::{Fault, Injection, Vendor as Simulated};
use callwright_loadtest::vendors::log::Event;
use callwright_loadtest::vendors::{self, Config, Running, Script};
use serde_json::{Map, json};

use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_paraphrase_is_found_that_words_miss,
    vectors_are_made_on_from_where_they_were,
    a_late_vendor_costs_the_vectors_and_not_the_answer,
    another_model_makes_all_vectors_anew,
);

const PATIENCE: Duration = Duration::from_secs(20);

/// A vendor that knows that some words mean the same.
async fn vendor() -> Running {
    let synonyms = [["park", "leave"], ["vehicle", "car"], ["house", "building"]];
    let synonyms = synonyms.map(|group| group.map(str::to_owned).to_vec()).to_vec();
    let embeddings = Meaning { dimensions: 256, synonyms, ..Meaning::default() };
    let script = Script { embeddings, ..Script::default() };
    vendors::start(Config { script, ..Config::default() }).await.expect("loopback binds")
}

/// A server with a provider of embeddings, as far as documents are concerned.
struct Server {
    lookups: Lookups,
    shutdown: Shutdown,
    prompts: std::path::PathBuf,
}

impl Server {
    fn start(db: &Db, running: &Running, model: &str) -> Self {
        let mut options = Map::new();
        options.insert("batch".to_owned(), json!(2));
        let vendor = Vendor {
            base_url: format!("http://{}/v1", running.address),
            key: Some(vendors::KEY.into()),
            model: model.to_owned(),
            options,
            ..Vendor::named("meaning")
        };
        let fixed = vec![Fixed { kind: Kind::OpenaiEmbeddings, vendor }];
        let id = KnowledgeId::generate();
        let prompts = std::env::temp_dir().join(format!("callwright-meaning-{}-{id}", std::process::id()));
        let kept = Arc::new(Prompts::open(prompts.clone(), 1 << 20).expect("a folder"));
        let lookups = Lookups::new(db.clone(), Some(Catalog::new(fixed, Sealer::new([7; 32]), kept)));
        let shutdown = Shutdown::default();
        tokio::spawn(lookup::keep(lookups.clone(), shutdown.clone()));
        Self { lookups, shutdown, prompts }
    }

    /// Headings of what is found for a question, and whether meaning had a part in it.
    async fn find(&self, org: OrgId, id: KnowledgeId, question: &str, limit: Duration) -> (Vec<String>, bool) {
        let found = self.lookups.search(org, &[id], question, 2, limit).await.expect("the database answers");
        (found.passages.iter().map(|passage| passage.heading.clone()).collect(), found.by_meaning)
    }

    /// The same, once the vectors are in memory.
    async fn find_by_meaning(&self, org: OrgId, id: KnowledgeId, question: &str) -> Vec<String> {
        let found = async {
            loop {
                if let (found, true) = self.find(org, id, question, PATIENCE).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the vectors are read in time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.prompts);
    }
}

async fn handbook(db: &Db) -> (OrgId, KnowledgeId) {
    let pieces = [
        ("Parking", "You can leave your vehicle behind the building."),
        ("Opening hours", "We are open from eight until six on weekdays."),
        ("Payment", "Bills are settled by card or in cash."),
        ("Dogs", "Dogs wait outside, please."),
        ("Lifts", "There is a lift to every floor."),
    ];
    let chunks = pieces.map(|(heading, text)| Chunk { heading: heading.to_owned(), text: text.to_owned() });
    let mut tx = db.begin().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
    let document = Document { title: "Handbook", kind: "text", url: None, language: "en", digest: "", chunks: &chunks };
    let id = knowledge::insert(&mut tx, org, &document).await.expect("it is kept").id;
    tx.commit().await.expect("committed");
    (org, id)
}

async fn source(db: &Db, org: OrgId, id: KnowledgeId) -> Source {
    let mut tx = db.read().await.expect("a transaction");
    knowledge::get(&mut tx, org, id).await.expect("the document")
}

/// Waits until the document is so.
async fn until(db: &Db, org: OrgId, id: KnowledgeId, is_so: impl Fn(&Source) -> bool) {
    let wait = async {
        while !is_so(&source(db, org, id).await) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{:?}", source(db, org, id).await);
}

/// How many texts the vendor made vectors of.
fn made(running: &Running) -> usize {
    let entries = running.log.entries();
    let sent = entries.iter().filter_map(|entry| {
        let Event::Sent { message } = &entry.event else { return None };
        message["data"].as_array().map(Vec::len)
    });
    sent.sum()
}

/// Shares no word with its answer, not even a stem.
const QUESTION: &str = "where should my car go near the house";

async fn a_paraphrase_is_found_that_words_miss(test: TestDb) {
    let running = vendor().await;
    let (org, id) = handbook(&test.db).await;
    let words = Lookups::new(test.db.clone(), None);
    let found = words.search(org, &[id], QUESTION, 2, PATIENCE).await.expect("a search");
    assert_eq!((found.passages, found.by_meaning), (Vec::new(), false), "no word of it is in the handbook");

    let server = Server::start(&test.db, &running, "small");
    until(&test.db, org, id, |source| source.embedded == source.chunks).await;
    assert_eq!(server.find_by_meaning(org, id, QUESTION).await.first().map(String::as_str), Some("Parking"));
    let both = server.find_by_meaning(org, id, "can I pay bills by card").await;
    assert_eq!(both.first().map(String::as_str), Some("Payment"), "what both find comes first");
    assert_eq!(made(&running), 7, "five pieces, two questions");
}

async fn vectors_are_made_on_from_where_they_were(test: TestDb) {
    let running = vendor().await;
    // The first batch of two goes well, then the vendor is away.
    let mut away = Injection::always(Simulated::OpenaiEmbeddings, Fault::Refuse { status: 500 });
    away.skip = 1;
    running.set_faults(vec![away]);
    let (org, id) = handbook(&test.db).await;
    let server = Server::start(&test.db, &running, "small");
    until(&test.db, org, id, |source| source.embedding_error.is_some()).await;
    let stuck = source(&test.db, org, id).await;
    assert_eq!((stuck.embedded, stuck.embedding_model.as_deref()), (2, Some("small")));
    let reason = stuck.embedding_error.expect("a reason");
    assert!(reason.contains("500"), "{reason}");
    drop(server);

    running.set_faults(Vec::new());
    test.db.shift_clock(1_000_000_000);
    let _server = Server::start(&test.db, &running, "small");
    until(&test.db, org, id, |source| source.embedded == source.chunks).await;
    assert_eq!(source(&test.db, org, id).await.embedding_error, None);
    assert_eq!(made(&running), 5, "none was made twice");
}

async fn a_late_vendor_costs_the_vectors_and_not_the_answer(test: TestDb) {
    let running = vendor().await;
    let (org, id) = handbook(&test.db).await;
    let server = Server::start(&test.db, &running, "small");
    until(&test.db, org, id, |source| source.embedded == source.chunks).await;
    server.find_by_meaning(org, id, QUESTION).await;
    for fault in [Fault::Hang, Fault::SlowFirstByte { ms: 30_000 }, Fault::Unauthorised] {
        running.set_faults(vec![Injection::always(Simulated::OpenaiEmbeddings, fault.clone())]);
        let (found, by_meaning) = server.find(org, id, "are dogs allowed", Duration::from_millis(300)).await;
        assert_eq!((found, by_meaning), (vec!["Dogs".to_owned()], false), "{fault:?}");
    }
}

async fn another_model_makes_all_vectors_anew(test: TestDb) {
    let running = vendor().await;
    let (org, id) = handbook(&test.db).await;
    let before = Server::start(&test.db, &running, "small");
    until(&test.db, org, id, |source| source.embedded == source.chunks).await;
    drop(before);
    let after = Server::start(&test.db, &running, "large");
    let is_new = |source: &Source| source.embedding_model.as_deref() == Some("large");
    until(&test.db, org, id, |source| is_new(source) && source.embedded == source.chunks).await;
    assert_eq!(made(&running), 10);
    assert_eq!(after.find_by_meaning(org, id, QUESTION).await.first().map(String::as_str), Some("Parking"));
}
