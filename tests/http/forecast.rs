//! What will happen in a campaign, asked over REST, and what a start asks of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_forecast_says_when_and_what_holds, what_if_is_asked_and_changes_nothing);

/// A Tuesday, ten in the morning in London.
const MORNING: &str = "2027-06-08T09:00:00Z";

/// A draft with this many contacts, three calls a minute, and the clock in the morning of a working day.
pub(crate) async fn draft(client: &Client, contacts: usize) -> String {
    let morning: Timestamp = MORNING.parse().expect("a timestamp");
    let now = client.db.db.read().await.expect("a transaction").now().await.expect("the time");
    client.db.db.shift_clock(morning.as_microsecond() - now.as_microsecond());
    let id = client.campaign().await;
    let mut ids = Vec::new();
    for index in 1..contacts {
        let body = json!({"name": "Bo", "phone": format!("+4420794602{index:02}")});
        ids.push(client.create("/api/v1/contacts", body).await);
    }
    let added = client.post(&format!("/api/v1/campaigns/{id}/contacts"), json!({"contact_ids": ids})).await;
    assert_eq!(added.status, 200, "{}", added.json);
    let read = client.get(&format!("/api/v1/campaigns/{id}")).await.json;
    let mut settings = read["settings"].clone();
    settings["calls_per_minute"] = json!(3);
    settings["max_retries"] = json!(0);
    let body = json!({
        "name": "Spring", "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"], "settings": settings
    });
    let changed = client.put(&format!("/api/v1/campaigns/{id}"), body).await;
    assert_eq!(changed.status, 200, "{}", changed.json);
    id
}

fn minutes_after(json: &Value, field: &str) -> f64 {
    let at = |field: &str| json[field].as_str().unwrap_or_default().parse::<Timestamp>().expect("a timestamp");
    at(field).duration_since(at("at")).as_secs_f64() / 60.0
}

fn has(json: &Value, list: &str, code: &str) -> bool {
    json[list].as_array().expect("a list").iter().any(|one| one["code"] == code && one["reason"].is_string())
}

async fn a_forecast_says_when_and_what_holds(db: TestDb) {
    let client = Client::new(db).await;
    let id = draft(&client, 61).await;
    let path = format!("/api/v1/campaigns/{id}/forecast");
    let told = client.get(&path).await;
    assert_eq!(told.status, 200, "{}", told.json);
    let told = told.json;
    assert_eq!((&told["dials"], &told["learnt_from"], &told["scale"]), (&json!(61), &json!(0), &json!(1.0)), "{told}");
    // Sixty gaps of twenty seconds, and the last calls.
    let took = minutes_after(&told, "done_at");
    assert!((20.0..=23.0).contains(&took), "{took} minutes: {told}");
    assert!(minutes_after(&told, "done_p10_at") <= took && took <= minutes_after(&told, "done_p90_at"));
    assert_eq!(told["limits"][0]["code"], "pace", "{told}");
    assert_eq!((&told["hours"][0]["from"], &told["hours"][0]["limit"]), (&json!(MORNING), &json!("pace")), "{told}");
    let answered = told["answered"].as_f64().expect("a number");
    assert!((20.0..=42.0).contains(&answered), "half of 61 by person or mailbox: {answered}");
    assert_eq!((&told["unreached"], &told["minutes_left"]), (&json!([]), &Value::Null));
    // Somebody asks not to be called, another one is held.
    client.create("/api/v1/suppressions", json!({"phone": "+442079460201"})).await;
    let target = client.get(&format!("/api/v1/campaigns/{id}/contacts?limit=1")).await.json["items"][0]["id"].clone();
    let held = format!("/api/v1/targets/{}/suspend", target.as_str().expect("an id"));
    assert_eq!(client.post(&held, json!({})).await.status, 200);
    let fewer = client.get(&path).await.json;
    assert_eq!(fewer["dials"], 59, "{fewer}");
    assert!(has(&fewer, "unreached", "dnc") && has(&fewer, "unreached", "suspended"), "{fewer}");
    let unknown = "/api/v1/campaigns/00000000-0000-7000-8000-000000000000/forecast";
    assert_eq!(client.get(unknown).await.status, 404);
}

async fn what_if_is_asked_and_changes_nothing(db: TestDb) {
    let client = Client::new(db).await;
    let id = draft(&client, 61).await;
    let path = format!("/api/v1/campaigns/{id}/forecast");
    let before = client.get(&format!("/api/v1/campaigns/{id}")).await;
    let slower = client.post(&path, json!({"calls_per_minute": 1})).await;
    assert_eq!(slower.status, 200, "{}", slower.json);
    let took = minutes_after(&slower.json, "done_at");
    assert!((60.0..=63.0).contains(&took), "{took} minutes: {}", slower.json);
    let assumptions = json!({"answered_percent": 100, "voicemail_percent": 0, "talk_s": 600});
    let long = json!({"calls_per_minute": 600, "max_concurrent_calls": 2, "assumptions": assumptions});
    let long = client.post(&path, long).await.json;
    assert_eq!((&long["answered"], &long["limits"][0]["code"]), (&json!(61), &json!("concurrency")), "{long}");
    let minutes = long["minutes"].as_f64().expect("a number");
    assert!((540.0..=680.0).contains(&minutes), "61 calls of ten minutes: {minutes}");
    let wrong = client.post(&path, json!({"calls_per_minute": 0})).await;
    assert_eq!((wrong.status, &wrong.json["errors"][0]["pointer"]), (422, &json!("/calls_per_minute")));
    let wrong = json!({"assumptions": {"answered_percent": 60, "voicemail_percent": 50, "talk_s": 60}});
    let wrong = client.post(&path, wrong).await;
    let pointer = &wrong.json["errors"][0]["pointer"];
    assert_eq!((wrong.status, pointer), (422, &json!("/assumptions/voicemail_percent")), "{}", wrong.json);
    let after = client.get(&format!("/api/v1/campaigns/{id}")).await;
    assert_eq!((before.header("etag"), &before.json), (after.header("etag"), &after.json));
}
