//! The numbers that calls are made from, through the API.

use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(numbers_to_call_from_are_listed_with_how_they_are_doing, a_cap_on_the_dials_of_a_day_is_checked);

async fn numbers_to_call_from_are_listed_with_how_they_are_doing(db: TestDb) {
    let client = Client::new(db).await;
    let trunk = |name: &str, numbers: Value| json!({"name": name, "host": "192.0.2.7", "caller_ids": numbers});
    let one = trunk("One", json!(["+442079460999", "+442079460001"]));
    let one = client.create("/api/v1/trunks", one).await;
    let two = client.create("/api/v1/trunks", trunk("Two", json!(["+442079460999"]))).await;
    let first = client.get("/api/v1/caller-numbers?limit=1").await.json;
    let item = &first["items"][0];
    assert_eq!((&item["number"], &item["trunk_ids"]), (&json!("+442079460001"), &json!([one])));
    assert_eq!((&item["dials"], &item["answer_rate"], &item["verdict"]), (&json!(0), &Value::Null, &json!("unknown")));
    let next = first["next"].as_str().expect("there is another");
    let second = client.get(&format!("/api/v1/caller-numbers?limit=1&after={next}")).await.json;
    assert_eq!((&second["items"][0]["number"], &second["next"]), (&json!("+442079460999"), &Value::Null));
    assert_eq!(second["items"][0]["trunk_ids"], json!([one, two]));
    for (query, pointer) in [("days=31", "?days"), ("limit=101", "?limit"), ("after=x", "?after")] {
        let bad = client.get(&format!("/api/v1/caller-numbers?{query}")).await;
        assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", bad.json);
    }
}

async fn a_cap_on_the_dials_of_a_day_is_checked(db: TestDb) {
    let client = Client::new(db).await;
    let path = "/api/v1/calling-policy";
    let policy = |dials: u32, zone: &str| json!({"caller_numbers": {"daily_dials": dials, "time_zone": zone}});
    let set = client.put(path, policy(400, "Europe/Berlin")).await;
    assert_eq!(set.status, 200, "{}", set.json);
    assert_eq!(client.get(path).await.json["caller_numbers"]["daily_dials"], 400);
    let bad = client.put(path, policy(0, "Moon/Base")).await;
    let faults = bad.json["errors"].as_array().expect("faults");
    let pointers: Vec<_> = faults.iter().map(|fault| fault["pointer"].as_str().unwrap_or_default()).collect();
    assert_eq!((bad.status, pointers), (422, vec!["/caller_numbers/daily_dials", "/caller_numbers/time_zone"]));
}
