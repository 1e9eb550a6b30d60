//! Documents and the search in them.

use callwright::agent::knowledge::Passage;
use callwright::agent::knowledge::chunk::Chunk;
use callwright::id::{KnowledgeId, OrgId};
use callwright::store::knowledge::{self, Document};
use callwright::store::{Page, StoreError, Tx};

use crate::db::TestDb;
use crate::world::World;

crate::on_both!(
    what_was_asked_for_is_found_first,
    a_rare_word_weighs_more_than_common_ones,
    only_the_named_documents_of_the_organisation_are_looked_in,
    many_documents_are_looked_in_like_few,
    a_replaced_text_is_found_and_the_old_one_is_not,
    nothing_in_a_question_means_anything_to_the_database,
);

const CLINIC: &[(&str, &str)] = &[
    ("Opening hours", "We are open Monday to Friday from eight to six. On Saturdays we close at noon."),
    ("Parking", "Parking is free for two hours behind the house."),
    ("What to bring", "Please bring your insurance card and a list of the medicines that you take."),
    ("Cancellation", "An appointment can be cancelled free of charge up to one day before it."),
    ("", "The clinic was founded in 1987 and has twelve doctors."),
];

fn chunks(pieces: &[(&str, &str)]) -> Vec<Chunk> {
    pieces.iter().map(|(heading, text)| Chunk { heading: (*heading).into(), text: (*text).into() }).collect()
}

fn document<'a>(title: &'a str, language: &'a str, chunks: &'a [Chunk]) -> Document<'a> {
    Document { title, kind: "text", url: None, language, digest: "d", chunks }
}

async fn add(tx: &mut Tx, org: OrgId, title: &str, language: &str, pieces: &[(&str, &str)]) -> KnowledgeId {
    let chunks = chunks(pieces);
    knowledge::insert(tx, org, &document(title, language, &chunks)).await.expect("it is kept").id
}

async fn find(tx: &mut Tx, org: OrgId, sources: &[KnowledgeId], question: &str) -> Vec<Passage> {
    knowledge::search(tx, org, sources, question, 3).await.expect("a search")
}

async fn what_was_asked_for_is_found_first(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let clinic = add(&mut tx, world.org, "The clinic", "en", CLINIC).await;
    let questions = [
        ("When do you open on a Saturday?", "Opening hours"),
        ("is there any place where I can park my car", "Parking"),
        ("do I need to bring my insurance", "What to bring"),
        ("Can I still cancel my appointment tomorrow?", "Cancellation"),
        ("how many doctors work there", ""),
    ];
    for (question, heading) in questions {
        let found = find(&mut tx, world.org, &[clinic], question).await;
        assert_eq!(found.first().map(|passage| passage.heading.as_str()), Some(heading), "{question}");
    }
    let found = find(&mut tx, world.org, &[clinic], "parking").await;
    assert_eq!((found.len(), found[0].name().as_str(), found[0].seq), (1, "The clinic › Parking", 1));
    assert_eq!(find(&mut tx, world.org, &[clinic], "do you sell bicycles").await, []);
    assert_eq!(find(&mut tx, world.org, &[clinic], "what is that").await, [], "no word to search for");
}

async fn a_rare_word_weighs_more_than_common_ones(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let common = "Our price list names the price of every product and service of this house. ".repeat(3);
    let mut pieces: Vec<(&str, &str)> = vec![("Prices", &common); 400];
    pieces.push(("Shipping", "The price of shipping a zither is higher, because it is fragile."));
    let shop = add(&mut tx, world.org, "Shop", "en", &pieces).await;
    let found = find(&mut tx, world.org, &[shop], "what is the price of the zither product").await;
    assert_eq!(found[0].heading, "Shipping");
    assert_eq!(found.len(), 3);
}

async fn only_the_named_documents_of_the_organisation_are_looked_in(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let clinic = add(&mut tx, world.org, "Clinic", "en", CLINIC).await;
    let german = [("Parken", "Hinter dem Haus stehen Parkplätze zur Verfügung.")];
    let praxis = add(&mut tx, world.org, "Praxis", "de", &german).await;
    let found = find(&mut tx, world.org, &[praxis], "Gibt es einen Parkplatz?").await;
    assert_eq!(found.iter().map(|passage| passage.source).collect::<Vec<_>>(), [praxis]);
    assert_eq!(find(&mut tx, world.org, &[praxis], "insurance card").await, []);
    assert_eq!(find(&mut tx, world.org, &[], "parking").await, []);
    assert_eq!(find(&mut tx, OrgId::generate(), &[clinic, praxis], "parking").await, [], "another organisation's");
    let both = find(&mut tx, world.org, &[clinic, praxis, KnowledgeId::generate()], "parking").await;
    assert_eq!(both.len(), 2, "the stem is the same in both languages: {both:?}");
}

async fn many_documents_are_looked_in_like_few(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let mut houses = Vec::new();
    for number in 0..9 {
        let text = format!("Parking is behind house number {number}.");
        houses.push(add(&mut tx, world.org, &format!("House {number}"), "en", &[("Parking", &text)]).await);
    }
    for count in 1..9 {
        // One that is not named has the word too.
        let found = find(&mut tx, world.org, &houses[..count], "where is the parking").await;
        assert_eq!(found.len(), count.min(3), "in {count} documents");
        assert!(found.iter().all(|passage| houses[..count].contains(&passage.source)), "{found:?}");
        let last = find(&mut tx, world.org, &houses[..count], &format!("house number {}", count - 1)).await;
        assert_eq!(last[0].source, houses[count - 1], "in {count} documents");
        assert_eq!(find(&mut tx, OrgId::generate(), &houses[..count], "parking").await, []);
    }
}

async fn a_replaced_text_is_found_and_the_old_one_is_not(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let id = add(&mut tx, world.org, "Clinic", "en", CLINIC).await;
    let kept = add(&mut tx, world.org, "Other", "en", CLINIC).await;
    let new = chunks(&[("Parking", "There is a garage with forty places.")]);
    let source = knowledge::replace(&mut tx, world.org, id, &document("Clinic 2", "en", &new)).await.expect("replaced");
    assert_eq!((source.title.as_str(), source.chunks, source.characters), ("Clinic 2", 1, 36));
    assert_eq!(find(&mut tx, world.org, &[id], "insurance card").await, []);
    assert_eq!(find(&mut tx, world.org, &[id], "garage").await[0].name(), "Clinic 2 › Parking");
    knowledge::delete(&mut tx, world.org, id).await.expect("removed");
    assert_eq!(find(&mut tx, world.org, &[id], "garage").await, []);
    assert_eq!(find(&mut tx, world.org, &[kept], "insurance card").await.len(), 1, "the other one stays");
    let gone = knowledge::delete(&mut tx, world.org, id).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    let listing = knowledge::list(&mut tx, world.org, Page::first(10)).await.expect("a page");
    assert_eq!(listing.items.iter().map(|source| source.id).collect::<Vec<_>>(), [kept]);
}

async fn nothing_in_a_question_means_anything_to_the_database(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let clinic = add(&mut tx, world.org, "Clinic", "en", CLINIC).await;
    let questions = [
        "parking\" OR \"1",
        "'; DROP TABLE knowledge_chunk; -- parking",
        "NEAR(parking AND NOT) {terms} : parking* ^parking",
        "parking & | ! <-> :* \\ $1 \u{0} 🦀",
    ];
    for question in questions {
        let found = find(&mut tx, world.org, &[clinic], question).await;
        assert_eq!(found.first().map(|passage| passage.heading.as_str()), Some("Parking"), "{question}");
    }
}
