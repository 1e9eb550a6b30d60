//! The organisation's limits and what they keep from starting.

use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::forecast::draft;
use crate::on_both;

on_both!(
    limits_are_checked_and_replaced,
    a_plan_without_minutes_starts_nothing_and_says_why,
    a_start_needs_the_minutes_that_its_calls_will_take,
);

async fn limits_are_checked_and_replaced(db: TestDb) {
    let client = Client::new(db).await;
    let path = "/api/v1/organisation/limits";
    let before = client.get(path).await;
    let free = json!({
        "calls_per_minute": 6000, "max_concurrent_calls": 1000, "max_active_campaigns": null, "minutes_per_month": null
    });
    assert_eq!(before.json, free);
    let bad = client.put(path, json!({"calls_per_minute": 0, "max_concurrent_calls": 10})).await;
    assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!("/calls_per_minute")));
    let plan = json!({
        "calls_per_minute": 60, "max_concurrent_calls": 10, "max_active_campaigns": 3, "minutes_per_month": 500
    });
    assert_eq!(client.put(path, plan.clone()).await.status, 200);
    let after = client.get(path).await;
    assert_eq!(after.json, plan);
    assert_ne!(before.header("etag"), after.header("etag"));
    let usage = client.get("/api/v1/organisation/usage").await.json;
    assert_eq!(usage, json!({"minutes_this_month": 0.0, "minutes_left": 500.0, "active_campaigns": 0}));
}

async fn a_plan_without_minutes_starts_nothing_and_says_why(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.campaign().await;
    let plan = json!({
        "calls_per_minute": 60, "max_concurrent_calls": 10, "max_active_campaigns": 0, "minutes_per_month": 0
    });
    assert_eq!(client.put("/api/v1/organisation/limits", plan).await.status, 200);
    let refused = client.post(&format!("/api/v1/campaigns/{id}/start"), json!({})).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("start_guards")), "{}", refused.json);
    let codes: Vec<_> = refused.json["errors"].as_array().expect("guards").iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("quota_minutes")) && codes.contains(&&json!("plan_active_limit")), "{codes:?}");
}

async fn a_start_needs_the_minutes_that_its_calls_will_take(db: TestDb) {
    let client = Client::new(db).await;
    let id = draft(&client, 61).await;
    let path = format!("/api/v1/campaigns/{id}");
    let plan = async |minutes: u32| {
        let plan = json!({"calls_per_minute": 60, "max_concurrent_calls": 10, "minutes_per_month": minutes});
        assert_eq!(client.put("/api/v1/organisation/limits", plan).await.status, 200);
    };
    plan(7).await;
    // 21 people for a minute, 9 mailboxes: of 61 about that many.
    let told = client.get(&format!("{path}/forecast")).await.json;
    let need = told["minutes"].as_f64().expect("a number");
    assert!((15.0..=32.0).contains(&need), "{told}");
    assert_eq!(told["minutes_left"], 7.0);
    let says_why = |errors: &Value| {
        let fault = errors.as_array().expect("guards").iter().find(|one| one["code"] == "quota_minutes").cloned();
        let reason = fault.expect("the minutes")["reason"].as_str().expect("a text").to_owned();
        let figures: Vec<f64> = reason.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(figures.len() == 2 && (figures[0] - need).abs() < 10.0 && figures[1] == 7.0, "{reason}");
    };
    let refused = client.post(&format!("{path}/start"), json!({})).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("start_guards")), "{}", refused.json);
    says_why(&refused.json["errors"]);
    // A start by the clock says the same.
    let read = client.get(&path).await.json;
    let mut body = json!({"scheduled_start": {"at": "2027-06-08T11:00:00", "time_zone": "Europe/London"}});
    for field in ["name", "assistant_id", "trunk_id", "settings"] {
        body[field] = read[field].clone();
    }
    assert_eq!(client.put(&path, body).await.status, 200);
    client.db.db.shift_clock(3_600_000_000);
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    let read = client.get(&path).await.json;
    assert_eq!(read["state"], "draft", "{read}");
    says_why(&read["start_failed"]["guards"]);
    plan(500).await;
    let started = client.post(&format!("{path}/start"), json!({})).await;
    assert_eq!((started.status, &started.json["state"]), (200, &json!("in_progress")), "{}", started.json);
}
