//! Against the simulated vendor, and what an answer may look like.

use callwright_loadtest::vendors::embeddings::Script as Meaning;
use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::{self, Config, Running, Script};
use serde_json::Map;

use super::*;

async fn simulated() -> Running {
    let synonyms = vec![vec!["parking".to_owned(), "garage".to_owned()]];
    let embeddings = Meaning { models: vec!["small".to_owned()], dimensions: 64, synonyms };
    let script = Script { embeddings, ..Script::default() };
    vendors::start(Config { script, ..Config::default() }).await.expect("loopback binds")
}

fn vendor(running: &Running, options: Value) -> Vendor {
    let options = options.as_object().cloned().unwrap_or_else(Map::new);
    Vendor {
        base_url: format!("http://{}/v1", running.address),
        key: Some(vendors::KEY.into()),
        model: "small".to_owned(),
        options,
        ..Vendor::named("meaning")
    }
}

fn texts(texts: &[&str]) -> Vec<Pii<String>> {
    texts.iter().map(|text| Pii::new((*text).to_owned())).collect()
}

/// The cosine between two vectors.
fn cosine(a: &Vector, b: &Vector) -> f32 {
    let mut one = crate::agent::knowledge::vector::Vectors::default();
    assert!(one.push(0, a));
    one.nearest(b, 1, -1.0)[0].1
}

#[tokio::test]
async fn texts_that_mean_the_same_are_near() {
    let running = simulated().await;
    let model = Embeddings::new(vendor(&running, json!({}))).expect("settings");
    let made = model.embed(texts(&["the parking is free", "a free garage", "bring your card"]), Purpose::Passage);
    let made = made.await.expect("vectors");
    assert_eq!((made.len(), made[0].dimensions(), model.model()), (3, 64, "small"));
    assert!(cosine(&made[0], &made[1]) > cosine(&made[0], &made[2]) + 0.2);
    let fewer = Embeddings::new(vendor(&running, json!({ "dimensions": 16 }))).expect("settings");
    let made = fewer.embed(texts(&["a question"]), Purpose::Question).await.expect("a vector");
    assert_eq!((made[0].dimensions(), fewer.model()), (16, "small@16"));
}

#[tokio::test]
async fn a_trial_says_which_step_fails() {
    let running = simulated().await;
    let step = async |vendor: Vendor| Embeddings::new(vendor).expect("settings").probe().await.map_err(|f| f.step);
    let good = vendor(&running, json!({}));
    assert_eq!(step(good.clone()).await, Ok(()));
    assert_eq!(step(Vendor { key: Some("wrong".into()), ..good.clone() }).await, Err(Step::Auth));
    assert_eq!(step(Vendor { model: "other".to_owned(), ..good.clone() }).await, Err(Step::Model));
    let elsewhere = format!("http://{}/v2", running.address);
    assert_eq!(step(Vendor { base_url: elsewhere, ..good.clone() }).await, Err(Step::Format));
    running.set_faults(vec![Injection::always(Simulated::OpenaiEmbeddings, Fault::TooMany { retry_after: Some(7) })]);
    assert_eq!(step(good).await, Err(Step::Quota));
}

#[tokio::test]
async fn faults_are_errors_of_their_kinds() {
    let running = simulated().await;
    let model = Embeddings::new(vendor(&running, json!({}))).expect("settings");
    let when = Moment { after_ms: 0, after_sent: 0 };
    let cases = [
        (Fault::Unauthorised, ErrorKind::Unauthorised),
        (Fault::TooMany { retry_after: Some(3) }, ErrorKind::Busy),
        (Fault::Refuse { status: 500 }, ErrorKind::Broken),
        (Fault::Garbage { when }, ErrorKind::Broken),
        (Fault::Cut { when }, ErrorKind::Broken),
    ];
    for (fault, kind) in cases {
        running.set_faults(vec![Injection::always(Simulated::OpenaiEmbeddings, fault.clone())]);
        let error = model.embed(texts(&["yes"]), Purpose::Question).await.expect_err("it is struck");
        assert_eq!(error.kind, kind, "{fault:?}: {error}");
    }
    running.set_faults(Vec::new());
    assert!(model.embed(texts(&["yes"]), Purpose::Question).await.is_ok());
}

#[test]
fn answers_of_all_sorts_are_read_or_refused() {
    let read = |data: Value, count| {
        let answer: Answer = serde_json::from_value(json!({ "data": data })).expect("the shape is right");
        answer.in_order(count).map(|vectors| vectors.len())
    };
    let one = |index: usize| json!({ "index": index, "embedding": [index as f64 + 1.0, 0.0] });
    assert_eq!(read(json!([one(1), one(0)]), 2), Ok(2));
    assert_eq!(read(json!([{ "embedding": [1.0] }, { "embedding": [2.0] }]), 2), Ok(2));
    assert!(read(json!([one(0)]), 2).is_err());
    assert!(read(json!([one(0), one(0)]), 2).is_err());
    assert!(read(json!([one(0), one(9)]), 2).is_err());
    assert!(read(json!([{ "embedding": [] }]), 1).is_err());
    assert!(read(json!([{ "embedding": [0.0, 0.0] }]), 1).is_err());
    assert!(read(json!([{ "embedding": [1.0, 0.0] }, { "embedding": [1.0] }]), 2).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let local = |options: Value| Vendor {
        base_url: "http://127.0.0.1:1/v1".to_owned(),
        options: options.as_object().cloned().unwrap_or_default(),
        ..Vendor::named("meaning")
    };
    for options in [json!({ "dimensions": 0 }), json!({ "batch": 5_000 }), json!({ "min_similarity": 2 })] {
        let refused = Embeddings::new(local(options.clone())).expect_err("it cannot work");
        assert_eq!(refused.kind, ErrorKind::Refused, "{options}");
    }
    let prefixed = Embeddings::new(local(json!({ "document_prefix": "passage: ", "query_prefix": "query: " })));
    let prefixed = prefixed.expect("settings");
    assert_ne!(prefixed.model(), Embeddings::new(local(json!({}))).expect("settings").model());
    assert_eq!(prefixed.body(&texts(&["where"]), Purpose::Question)["input"][0], "query: where");
    assert_eq!(Embeddings::new(Vendor::named("openai")).expect_err("no key").kind, ErrorKind::Unauthorised);
}
