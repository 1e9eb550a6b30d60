//! Records of consent over HTTP.

use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_consent_is_recorded_and_withdrawn, what_is_recorded_is_checked);

const PATH: &str = "/api/v1/consents";
const OF: &str = "/api/v1/consents?phone=%2B442079460001";

fn record() -> serde_json::Value {
    json!({"phone": "+44 20 7946 0001", "source": "web form", "given_at": "2026-01-02T03:04:05Z", "proof": "I agree."})
}

async fn a_consent_is_recorded_and_withdrawn(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create(PATH, record()).await;
    let listed = client.get(OF).await.json;
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["proof"]), (&json!(id), &json!("I agree.")));
    let hash = "3a9c41a8dbb6b0a0e11ee2b4a40ab7ea";
    assert_eq!(listed["items"][0]["proof_hash"].as_str().map(str::len), Some(2 * hash.len()));
    let withdrawn = client.post(&format!("{PATH}/{id}/withdraw"), json!({})).await;
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.json);
    let since = withdrawn.json["withdrawn_at"].clone();
    assert!(since.is_string());
    let again = client.post(&format!("{PATH}/{id}/withdraw"), json!({})).await;
    assert_eq!(again.json["withdrawn_at"], since, "once is enough");
    let unknown = client.post(&format!("{PATH}/{}/withdraw", callwright::id::ConsentId::generate()), json!({})).await;
    assert_eq!(unknown.status, 404);
}

async fn what_is_recorded_is_checked(db: TestDb) {
    let client = Client::new(db).await;
    for (field, value) in [
        ("phone", json!("12")),
        ("source", json!("")),
        ("proof", json!(" ")),
        ("given_at", json!("2999-01-01T00:00:00Z")),
        ("proof_hash", json!("abc")),
    ] {
        let mut body = record();
        body[field] = value;
        let refused = client.post(PATH, body).await;
        assert_eq!(refused.status, 422, "{field}: {}", refused.json);
        assert_eq!(refused.json["errors"][0]["pointer"], json!(format!("/{field}")), "{}", refused.json);
    }
    assert_eq!(client.get(OF).await.json["items"], json!([]));
}
