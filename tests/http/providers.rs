//! Providers: keys that never come back, trials that name the step, circuits that show.

use callwright_loadtest::vendors::faults::{Fault, Injection, Vendor};
use callwright_loadtest::vendors::{Config, KEY, start};
use serde_json::{Value, json};

use crate::client::{Answer, Client, assistant};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_key_goes_in_and_never_comes_out,
    what_is_wrong_with_a_provider_is_said,
    a_trial_names_the_step_that_fails,
    providers_of_the_settings_are_shown_and_left_alone,
    a_provider_in_use_stays,
);

fn pointers(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.json["errors"].as_array().expect("faults");
    errors.iter().map(|e| (e["pointer"].as_str().unwrap_or(""), e["code"].as_str().unwrap_or(""))).collect()
}

fn provider(name: &str, base_url: &str) -> Value {
    json!({"name": name, "kind": "openai_chat", "base_url": base_url, "key": "sk-proj-secret-4321"})
}

async fn a_key_goes_in_and_never_comes_out(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/providers", provider("gpt", "http://127.0.0.1:9/v1")).await;
    let path = format!("/api/v1/providers/{id}");
    let read = client.get(&path).await;
    assert_eq!((&read.json["has_key"], &read.json["key_last4"]), (&json!(true), &json!("4321")), "{}", read.json);
    assert_eq!((&read.json["stage"], &read.json["source"]), (&json!("llm"), &json!("api")));
    assert_eq!((&read.json["health"]["circuit"], &read.json["capacity"]), (&json!("closed"), &json!(100)));
    let list = client.get("/api/v1/providers").await;
    for answer in [&read, &list] {
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("secret"), "{}", answer.json);
    }
    let mut tx = client.db.db.read().await.expect("a transaction");
    let rows = tx.all("SELECT key_sealed FROM provider", vec![]).await.expect("a row");
    let sealed: String = rows[0].get("key_sealed").expect("a key");
    assert!(sealed.starts_with("v1:") && !sealed.contains("secret"), "{sealed}");
    drop(tx);

    let without = json!({"name": "gpt", "kind": "openai_chat", "base_url": "http://127.0.0.1:9/v1", "model": "other"});
    let kept = client.put(&path, without.clone()).await;
    assert_eq!((kept.status, &kept.json["key_last4"], &kept.json["version"]), (200, &json!("4321"), &json!(2)));
    let mut empty = without;
    empty["key"] = json!("");
    let removed = client.put(&path, empty).await;
    assert_eq!((&removed.json["has_key"], &removed.json["key_last4"]), (&json!(false), &Value::Null));
    let taken = client.post("/api/v1/providers", provider("gpt", "http://127.0.0.1:9/v1")).await;
    assert_eq!((taken.status, taken.json["code"].as_str()), (409, Some("name_taken")));
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(client.delete(&path).await.status, 404);
}

async fn what_is_wrong_with_a_provider_is_said(db: TestDb) {
    let client = Client::new(db).await;
    let refused = async |change: Value| {
        let mut body = provider("gpt", "http://127.0.0.1:9/v1");
        let fields = body.as_object_mut().expect("an object");
        fields.extend(change.as_object().cloned().expect("an object"));
        let answer = client.post("/api/v1/providers", body).await;
        assert_eq!(answer.status, 422, "{}", answer.json);
        pointers(&answer).into_iter().map(|(pointer, code)| format!("{pointer} {code}")).collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({"kind": "telepathy"})).await, ["/kind unknown_value"]);
    assert_eq!(refused(json!({"colour": "red"})).await, ["/colour unknown_field"]);
    assert_eq!(refused(json!({"name": "", "capacity": 0})).await, ["/capacity rule", "/name rule"]);
    assert_eq!(refused(json!({"options": {"temprature": 1}})).await, ["/options/temprature unknown_option"]);
    assert_eq!(refused(json!({"base_url": "http://10.1.2.3/v1"})).await, ["/base_url address"]);
    assert_eq!(refused(json!({"base_url": "gopher://example.org"})).await, ["/base_url address"]);
    assert_eq!(refused(json!({"base_url": null, "key": null})).await, ["/key key_needed"]);
    assert_eq!(refused(json!({"name": "offline"})).await, ["/name name_taken"]);
    assert_eq!(refused(json!({"name": "my model"})).await, ["/name name"], "no assistant could name it");
    assert_eq!(refused(json!({"name": "house"})).await, ["/name name_taken"]);
}

async fn a_trial_names_the_step_that_fails(db: TestDb) {
    let client = Client::new(db).await;
    let vendors = start(Config::default()).await.expect("a port is free");
    let base_url = format!("http://{}/v1", vendors.address);
    let mut body = provider("gpt", &base_url);
    body["key"] = json!(KEY);
    let id = client.create("/api/v1/providers", body).await;
    let test = format!("/api/v1/providers/{id}/test");
    let good = client.post(&test, json!({})).await;
    assert_eq!((good.status, &good.json["ok"]), (200, &json!(true)), "{}", good.json);
    assert!(good.json.get("step").is_none() && good.json["took_ms"].is_u64());

    let limited = Fault::TooMany { retry_after: Some(30) };
    vendors.set_faults(vec![Injection::always(Vendor::OpenaiChat, limited)]);
    let bad = client.post(&test, json!({})).await;
    assert_eq!(
        (&bad.json["ok"], &bad.json["step"], &bad.json["retry_after_s"]),
        (&json!(false), &json!("quota"), &json!(30))
    );
    assert!(bad.json["remedy"].as_str().is_some_and(|remedy| remedy.contains("limits")), "{}", bad.json);
    let health = client.get(&format!("/api/v1/providers/{id}")).await.json["health"].clone();
    assert_eq!(health["circuit"], "open", "{health}");
    assert!(
        health["until"].is_string() && health["error"].as_str().is_some_and(|error| error.contains("429")),
        "{health}"
    );

    vendors.set_faults(vec![]);
    assert_eq!(client.post(&test, json!({})).await.json["ok"], true);
    let health = client.get(&format!("/api/v1/providers/{id}")).await.json["health"].clone();
    assert_eq!(health["circuit"], "closed", "a success lets calls use it at once: {health}");

    let wrong = provider("wrong", &base_url);
    let id = client.create("/api/v1/providers", wrong).await;
    let bad = client.post(&format!("/api/v1/providers/{id}/test"), json!({})).await;
    assert_eq!((&bad.json["step"], &bad.json["said"]), (&json!("auth"), &json!("the key is wrong")), "{}", bad.json);
    let gone = provider("gone", "http://127.0.0.1:9/v1");
    let id = client.create("/api/v1/providers", gone).await;
    assert_eq!(client.post(&format!("/api/v1/providers/{id}/test"), json!({})).await.json["step"], "tcp");
    let nobody = "/api/v1/providers/01900000-0000-7000-8000-000000000000/test";
    assert_eq!(client.post(nobody, json!({})).await.status, 404);
}

async fn providers_of_the_settings_are_shown_and_left_alone(db: TestDb) {
    let client = Client::new(db).await;
    client.create("/api/v1/providers", provider("gpt", "http://127.0.0.1:9/v1")).await;
    let list = client.get("/api/v1/providers").await.json;
    let names: Vec<_> = list["items"].as_array().expect("items").iter().map(|item| item["name"].as_str()).collect();
    assert_eq!(names, [Some("house"), Some("gpt")]);
    let house = &list["items"][0];
    assert_eq!(
        (&house["source"], &house["has_key"], &house["key_last4"]),
        (&json!("config"), &json!(true), &Value::Null)
    );
    let path = format!("/api/v1/providers/{}", house["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).await.json["name"], "house");
    for answer in [client.put(&path, provider("house", "http://127.0.0.1:9/v1")).await, client.delete(&path).await] {
        assert_eq!((answer.status, answer.json["code"].as_str()), (409, Some("in_settings")));
    }
    assert_eq!(client.post(&format!("{path}/test"), json!({})).await.json["step"], "tcp");
}

async fn a_provider_in_use_stays(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.create("/api/v1/providers", provider("gpt", "http://127.0.0.1:9/v1")).await;
    let path = format!("/api/v1/providers/{id}");
    let mut user = assistant("Survey");
    user["providers"] = json!({"llm": ["gpt"]});
    client.create("/api/v1/assistants", user).await;
    let refused = client.delete(&path).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (409, Some("in_use")), "{}", refused.json);
    assert!(refused.json["detail"].as_str().is_some_and(|detail| detail.contains("Survey")));
    let renamed = client.put(&path, provider("other", "http://127.0.0.1:9/v1")).await;
    assert_eq!((renamed.status, renamed.json["code"].as_str()), (409, Some("in_use")));
    let changed = client.put(&path, provider("gpt", "http://127.0.0.1:10/v1")).await;
    assert_eq!(changed.status, 200, "{}", changed.json);
    let mut unknown = assistant("Other");
    unknown["providers"] = json!({"llm": ["gpt", "nobody"], "stt": ["gpt"]});
    let refused = client.post("/api/v1/assistants", unknown).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    assert_eq!(
        pointers(&refused),
        [("/providers/stt/0", "unknown_provider"), ("/providers/llm/1", "unknown_provider")]
    );
}
