//! Vectors of documents.

use std::time::Duration;

use callwright::agent::knowledge::chunk::Chunk;
use callwright::agent::knowledge::vector::Vector;
use callwright::id::{KnowledgeId, OrgId};
use callwright::store::Tx;
use callwright::store::embedding::{self, Task};
use callwright::store::knowledge::{self, Document};

use crate::db::TestDb;
use crate::world::World;

crate::on_both!(
    vectors_are_made_batch_by_batch_and_read_back,
    one_works_on_a_document_at_a_time,
    another_text_or_model_makes_vectors_anew,
    pieces_are_read_in_the_order_asked_for,
);

const LEASE: Duration = Duration::from_secs(60);

fn chunks(count: usize) -> Vec<Chunk> {
    (0..count).map(|n| Chunk { heading: format!("Part {n}"), text: format!("Words of part {n}.") }).collect()
}

async fn add(tx: &mut Tx, org: OrgId, count: usize) -> KnowledgeId {
    let chunks = chunks(count);
    let document = Document { title: "Book", kind: "text", url: None, language: "en", digest: "", chunks: &chunks };
    knowledge::insert(tx, org, &document).await.expect("it is kept").id
}

async fn claim(tx: &mut Tx, org: OrgId, model: &str) -> Option<Task> {
    embedding::claim(tx, org, model, LEASE).await.expect("the database answers")
}

/// Makes vectors for the next pieces; how many there were.
async fn make(tx: &mut Tx, task: &Task, model: &str, most: usize) -> usize {
    let pieces = embedding::missing(tx, task.source, most).await.expect("pieces");
    let vector = |seq: u32| Vector::new(&[1.0, seq as f32, -0.5]).expect("a vector");
    let vectors: Vec<_> = pieces.iter().map(|piece| (piece.seq, vector(piece.seq))).collect();
    assert!(embedding::keep(tx, task, model, &vectors, LEASE).await.expect("kept"));
    pieces.len()
}

async fn progress(tx: &mut Tx, org: OrgId, id: KnowledgeId) -> (u32, Option<String>, Option<String>) {
    let source = knowledge::get(tx, org, id).await.expect("the document");
    (source.embedded, source.embedding_model, source.embedding_error)
}

async fn vectors_are_made_batch_by_batch_and_read_back(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let id = add(&mut tx, world.org, 450).await;
    assert_eq!(progress(&mut tx, world.org, id).await, (0, None, None));
    let task = claim(&mut tx, world.org, "small").await.expect("it is due");
    assert_eq!((task.source, task.title.as_str(), task.failures), (id, "Book", 0));
    assert_eq!(make(&mut tx, &task, "small", 250).await, 250);
    assert_eq!(progress(&mut tx, world.org, id).await, (250, Some("small".to_owned()), None));
    assert_eq!(make(&mut tx, &task, "small", 250).await, 200);
    assert_eq!(embedding::missing(&mut tx, id, 10).await.expect("pieces"), []);
    embedding::release(&mut tx, &task).await.expect("released");
    assert_eq!(claim(&mut tx, world.org, "small").await, None, "nothing lacks a vector");

    let standing = embedding::standings(&mut tx, world.org, &[id, KnowledgeId::generate()]).await.expect("standings");
    assert_eq!((standing.len(), standing[0].embedded), (1, 450));
    assert_eq!(embedding::standings(&mut tx, OrgId::generate(), &[id]).await.expect("standings"), []);
    let first = embedding::vectors(&mut tx, id, 0, 300).await.expect("vectors");
    let rest = embedding::vectors(&mut tx, id, 300, 300).await.expect("vectors");
    let seqs: Vec<u32> = first.iter().chain(&rest).map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (0..450).collect::<Vec<_>>());
    assert_eq!(rest[0].1, Vector::new(&[1.0, 300.0, -0.5]).expect("a vector"));
    knowledge::delete(&mut tx, world.org, id).await.expect("removed with its vectors");
}

async fn one_works_on_a_document_at_a_time(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let id = add(&mut tx, world.org, 3).await;
    let task = claim(&mut tx, world.org, "small").await.expect("it is due");
    assert_eq!(claim(&mut tx, world.org, "small").await, None, "somebody works on it");
    let due = embedding::next_due(&mut tx).await.expect("a time").expect("the lease ends");
    assert!(due > Duration::from_secs(30) && due <= LEASE, "{due:?}");
    embedding::failed(&mut tx, &task, "429 rate_limit_exceeded", Duration::from_secs(5)).await.expect("noted");
    let (embedded, _, error) = progress(&mut tx, world.org, id).await;
    assert_eq!((embedded, error.as_deref()), (0, Some("429 rate_limit_exceeded")));
    assert_eq!(claim(&mut tx, world.org, "small").await, None, "it is left alone for a while");
    tx.commit().await.expect("committed");

    // Whoever worked on it has died, or the pause is over.
    test.db.shift_clock(i64::try_from(LEASE.as_micros()).expect("short") + 1);
    let mut tx = test.db.begin().await.expect("a transaction");
    let task = claim(&mut tx, world.org, "small").await.expect("it is due again");
    assert_eq!(task.failures, 1);
    assert_eq!(make(&mut tx, &task, "small", 10).await, 3);
    assert_eq!(progress(&mut tx, world.org, id).await, (3, Some("small".to_owned()), None), "it went well after all");
}

async fn another_text_or_model_makes_vectors_anew(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let id = add(&mut tx, world.org, 3).await;
    let old = claim(&mut tx, world.org, "small").await.expect("it is due");
    make(&mut tx, &old, "small", 10).await;
    embedding::release(&mut tx, &old).await.expect("released");
    tx.commit().await.expect("committed");
    test.db.shift_clock(1_000_000);
    let mut tx = test.db.begin().await.expect("a transaction");
    let task = claim(&mut tx, world.org, "large").await.expect("vectors of another model are of no use");
    assert_eq!(progress(&mut tx, world.org, id).await, (0, Some("large".to_owned()), None));
    let late = [(0, Vector::new(&[1.0]).expect("a vector"))];
    assert!(!embedding::keep(&mut tx, &task, "small", &late, LEASE).await.expect("answered"), "of the model before");
    make(&mut tx, &task, "large", 10).await;

    let chunks = chunks(2);
    let document = Document { title: "Book 2", kind: "text", url: None, language: "en", digest: "", chunks: &chunks };
    knowledge::replace(&mut tx, world.org, id, &document).await.expect("replaced");
    assert_eq!(progress(&mut tx, world.org, id).await, (0, None, None));
    assert!(!embedding::keep(&mut tx, &task, "large", &late, LEASE).await.expect("answered"), "of the text before");
    assert_eq!(embedding::vectors(&mut tx, id, 0, 10).await.expect("vectors"), []);
    let task = claim(&mut tx, world.org, "large").await.expect("at once");
    assert_eq!(make(&mut tx, &task, "large", 10).await, 2);
}

async fn pieces_are_read_in_the_order_asked_for(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let (one, two) = (add(&mut tx, world.org, 5).await, add(&mut tx, world.org, 5).await);
    let wanted = [(two, 3), (one, 4), (two, 0), (one, 99)];
    let found = embedding::passages(&mut tx, &wanted).await.expect("passages");
    let found: Vec<_> = found.iter().map(|passage| (passage.source, passage.seq, passage.name())).collect();
    let name = |n: u32| format!("Book › Part {n}");
    assert_eq!(found, [(two, 3, name(3)), (one, 4, name(4)), (two, 0, name(0))]);
    assert_eq!(embedding::passages(&mut tx, &[]).await.expect("none"), []);
}
