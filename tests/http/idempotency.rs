//! Requests that are sent again.

use axum::body::Body;
use callwright::store::contact::{self, ContactData};
use callwright::store::db::held::{Held, hold};
use callwright::store::idempotency::{self, Claim, Earlier};
use callwright::store::{Page, StoreError, org};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Client, assistant};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_request_that_is_sent_again_takes_effect_once,
    requests_at_the_same_time_take_effect_once,
    what_was_refused_leaves_its_key_free,
    a_request_that_was_cut_off_is_told_as_such,
    a_request_of_several_steps_is_answered_again,
    effect_and_answer_are_one_transaction,
);

const CONTACTS: &str = "/api/v1/contacts";

async fn post(client: &Client, key: &str, path: &str, body: Value) -> Answer {
    let body = Body::from(body.to_string());
    client.send_with(&[("idempotency-key", key)], "POST", path, Some("application/json"), body).await
}

async fn contacts(client: &Client) -> usize {
    client.get(CONTACTS).await.json["items"].as_array().expect("contacts").len()
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["code"].as_str().unwrap_or(""))
}

async fn a_request_that_is_sent_again_takes_effect_once(db: TestDb) {
    let client = Client::new(db).await;
    let ada = json!({"name": "Ada", "phone": "+442079460001"});
    let first = post(&client, "k1", CONTACTS, ada.clone()).await;
    let again = post(&client, "k1", CONTACTS, ada.clone()).await;
    assert_eq!((first.status, &first.bytes, &first.content_type), (again.status, &again.bytes, &again.content_type));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    assert_eq!((first.status, contacts(&client).await), (201, 1));

    let other = post(&client, "k1", CONTACTS, json!({"name": "Bo"})).await;
    assert_eq!((other.status, &other.json["errors"][0]["pointer"]), (422, &json!("Idempotency-Key")), "{}", other.json);
    assert_eq!(other.json["errors"][0]["code"], "reused");
    assert!(other.json["errors"][0]["reason"].as_str().is_some_and(|reason| reason.contains("a new key")));
    assert_eq!(
        post(&client, "k1", "/api/v1/suppressions", json!({"phone": "+442079460001"})).await.status,
        201,
        "per route"
    );
    assert_eq!(post(&client, "k2", CONTACTS, ada.clone()).await.status, 201);
    assert_eq!(contacts(&client).await, 2);
    for wrong in ["", "a b", &"k".repeat(256)] {
        let refused = post(&client, wrong, CONTACTS, ada.clone()).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (422, &json!("invalid")), "{wrong}");
    }

    client.db.db.shift_clock(23 * 3_600_000_000);
    assert_eq!(post(&client, "k1", CONTACTS, ada.clone()).await.bytes, first.bytes);
    client.db.db.shift_clock(3_601_000_000);
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    let late = post(&client, "k1", CONTACTS, ada).await;
    assert_eq!((late.status, contacts(&client).await), (201, 3), "after a day it is a new request");
}

async fn requests_at_the_same_time_take_effect_once(db: TestDb) {
    let client = Client::new(db).await;
    for (path, body) in [
        (CONTACTS, json!({"name": "Ada"})),
        // The second of them runs into the name of the first.
        ("/api/v1/assistants", assistant("Survey")),
    ] {
        let send = || post(&client, "at-once", path, body.clone());
        let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
        for answer in [&b, &c, &d] {
            assert_eq!((answer.status, &answer.json), (201, &a.json), "{path}");
        }
        assert_eq!(client.get(path).await.json["items"].as_array().expect("items").len(), 1, "{path}");
    }
}

async fn what_was_refused_leaves_its_key_free(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = |verb: &str| format!("/api/v1/campaigns/{campaign}/{verb}");
    assert_eq!(code(&post(&client, "go", &path("pause"), json!({})).await), (409, "not_allowed_in_state"));
    assert_eq!(post(&client, "go", &path("start"), json!({})).await.json["state"], "in_progress");
    assert_eq!(post(&client, "go", &path("pause"), json!({})).await.json["state"], "paused");
    assert_eq!(client.post(&path("resume"), json!({})).await.json["state"], "in_progress");
    let again = post(&client, "go", &path("pause"), json!({})).await;
    assert_eq!((again.status, &again.json["state"]), (200, &json!("paused")), "the answer of then");
    assert_eq!(
        client.get(&format!("/api/v1/campaigns/{campaign}")).await.json["state"],
        "in_progress",
        "and no effect"
    );
    let contact = client.get(&path("contacts")).await.json["items"][0]["contact_id"].clone();
    let call = post(&client, "call", &path("call"), json!({"contact_id": contact})).await;
    let again = post(&client, "call", &path("call"), json!({"contact_id": contact})).await;
    assert_eq!((call.status, &call.bytes), (again.status, &again.bytes), "{}", call.json);
}

async fn a_request_that_was_cut_off_is_told_as_such(db: TestDb) {
    let client = Client::new(db).await;
    let body = json!({"name": "Ada"});
    let digest = Sha256::digest(format!("{CONTACTS}\n{body}").as_bytes());
    let claim = Claim {
        org: client.org,
        key: "cut".to_owned(),
        route: format!("POST {CONTACTS}"),
        request: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        token: "of a process that is gone".to_owned(),
    };
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("a clock");
    claim.mark(now).leave(&mut tx).await.expect("kept");
    tx.commit().await.expect("committed");
    assert_eq!(code(&post(&client, "cut", CONTACTS, body.clone()).await), (409, "in_progress"));
    client.db.db.shift_clock(60_000_000);
    let told = post(&client, "cut", CONTACTS, body.clone()).await;
    assert_eq!(code(&told), (409, "interrupted"));
    assert!(told.json["detail"].as_str().is_some_and(|detail| detail.contains("a new key")), "{}", told.json);
    assert_eq!(contacts(&client).await, 0);

    let mut tx = client.db.db.begin().await.expect("a transaction");
    let second = Claim { token: "of another one".to_owned(), ..claim };
    assert!(second.mark(now).leave(&mut tx).await.is_err(), "one row for a key");
    let answer = idempotency::Answer { status: 200, content_type: None, etag: None, body: Vec::new() };
    assert!(idempotency::answered(&mut tx, &second, &answer).await.is_err(), "and it is not this one's");
}

async fn a_request_of_several_steps_is_answered_again(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}/duplicate");
    let body = json!({"name": "Again", "with_contacts": true});
    let (a, b) = tokio::join!(post(&client, "copy", &path, body.clone()), post(&client, "copy", &path, body.clone()));
    let later = post(&client, "copy", &path, body).await;
    assert_eq!(later.status, 201, "{}", later.json);
    for answer in [a, b] {
        assert!(answer.bytes == later.bytes || code(&answer) == (409, "in_progress"), "{}", answer.json);
    }
    assert_eq!(client.get("/api/v1/campaigns").await.json["items"].as_array().expect("campaigns").len(), 2);
    let vendor = json!({"name": "gpt", "kind": "openai_chat", "base_url": "http://127.0.0.1:9/v1", "model": "small", "key": "sk-0123456789"});
    let first = post(&client, "vendor", "/api/v1/providers", vendor.clone()).await;
    let again = post(&client, "vendor", "/api/v1/providers", vendor).await;
    assert_eq!((first.status, &first.bytes), (201, &again.bytes), "{}", first.json);
}

async fn effect_and_answer_are_one_transaction(db: TestDb) {
    let client = Client::new(db).await;
    let db = &client.db.db;
    let text = |text: &str| text.to_owned();
    let claim = Claim { org: client.org, key: text("k"), route: text("r"), request: text("h"), token: text("t") };
    let now = db.read().await.expect("a transaction").now().await.expect("a clock");
    let key = org::PhoneKey::new([7; 32]);
    let made = async || {
        let mut tx = db.begin_durable().await?;
        let contact = ContactData { name: text("Ada").into(), ..ContactData::default() };
        contact::insert(&mut tx, client.org, &key, &[contact]).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(())
    };
    // The process dies after the handler's commit and before its answer is kept: all of it is as if it had not been.
    let (output, held) = hold(claim.mark(now), made()).await;
    output.expect("as far as the handler can see");
    assert!(held.tx.is_some() && held.mark.is_some());
    drop(held);
    assert_eq!(contacts(&client).await, 0);
    // Once it goes on after its commit, what it did is there, and so is its key.
    let (output, Held { tx, mark }) = hold(claim.mark(now), async {
        made().await?;
        contact::list(&mut db.read().await?, client.org, None, Page::first(5)).await.map(|page| page.items.len())
    })
    .await;
    assert_eq!(output.expect("a page"), 1, "it sees what it did");
    assert!(tx.is_none() && mark.is_none());
    let mut tx = db.read().await.expect("a transaction");
    let told = idempotency::earlier(&mut tx, &claim).await.expect("an answer");
    assert!(matches!(told, Earlier::Unanswered(_)), "{told:?}");
    drop(tx);
    // Another one with the same key comes too late: nothing of it stays.
    let late = Claim { token: text("u"), ..claim };
    let (output, held) = hold(late.mark(now), made()).await;
    output.expect("as far as the handler can see");
    let mut tx = held.tx.expect("put aside");
    let refused = held.mark.expect("not carried").leave(&mut tx).await;
    assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
    drop(tx);
    assert_eq!(contacts(&client).await, 1);
}
