//! The organisation's limits and what they keep from starting.

use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(limits_are_checked_and_replaced, a_plan_without_minutes_starts_nothing_and_says_why);

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
