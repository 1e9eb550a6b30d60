//! Stepping into calls that are not there: each refusal, and that nothing of it is in the audit log. What is done to calls
//! that are there is seen on live ones, in `tests/calls`.

use axum::body::Body;
use callwright::store::Page;
use callwright::store::audit;
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::over;

on_both!(nobody_steps_into_a_call_that_is_not_live, what_a_supervisor_sends_is_checked);

const STEPS: [&str; 4] = ["note", "mute", "off_record", "hang_up"];

fn body(step: &str) -> Value {
    if step == "note" { json!({ "text": "Offer breakfast." }) } else { json!({ "on": true }) }
}

async fn nobody_steps_into_a_call_that_is_not_live(db: TestDb) {
    let client = Client::new(db).await;
    assert_eq!(client.get("/api/v1/calls/live").await.json, json!({ "items": [] }));
    let call = over(&client).await.id;
    for step in STEPS {
        let path = format!("/api/v1/calls/{call}/{step}");
        let answer = client.post(&path, body(step)).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (409, Some("call_over")), "{step}: {}", answer.json);
        assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains("read it at")), "{}", answer.json);
        let path = format!("/api/v1/calls/00000000-0000-7000-8000-000000000000/{step}");
        let answer = client.post(&path, body(step)).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (404, Some("not_found")), "{step}: {}", answer.json);
        let nobody = client.with_key("").send("POST", &path, None, Body::empty()).await;
        assert_eq!(nobody.status, 401, "{step}");
    }
    let mut tx = client.db.db.read().await.expect("a transaction");
    let entries = audit::list(&mut tx, client.org, ("call", call.to_string()), Page::first(10)).await.expect("a page");
    assert!(entries.items.is_empty(), "nothing was done: {:?}", entries.items);
}

async fn what_a_supervisor_sends_is_checked(db: TestDb) {
    let client = Client::new(db).await;
    let call = over(&client).await.id;
    let fault = |pointer: &str, code: &str| json!([pointer, code]);
    for (step, body, expected) in [
        ("note", json!({ "text": "" }), fault("/text", "rule")),
        ("note", json!({ "text": " \n" }), fault("/text", "rule")),
        ("note", json!({ "text": "x".repeat(2_001) }), fault("/text", "rule")),
        ("note", json!({}), fault("", "missing_field")),
        ("mute", json!({ "on": "yes" }), fault("/on", "wrong_type")),
        ("off_record", json!({ "on": true, "why": "card" }), fault("/why", "unknown_field")),
    ] {
        let answer = client.post(&format!("/api/v1/calls/{call}/{step}"), body).await;
        let error = &answer.json["errors"][0];
        assert_eq!((answer.status, json!([error["pointer"], error["code"]])), (422, expected), "{step}");
    }
    let longest = client.post(&format!("/api/v1/calls/{call}/note"), json!({ "text": "ü".repeat(2_000) })).await;
    assert_eq!(longest.json["code"], "call_over", "it is not too long");
}
