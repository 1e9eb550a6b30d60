//! What a trunk says about calls that come in.

use serde_json::json;

use crate::client::{Answer, Client, assistant, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(a_trunk_says_whose_calls_are_its_and_who_answers_them);

fn faults(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.json["errors"].as_array().expect("faults");
    errors.iter().map(|e| (e["pointer"].as_str().unwrap_or(""), e["code"].as_str().unwrap_or(""))).collect()
}

async fn a_trunk_says_whose_calls_are_its_and_who_answers_them(db: TestDb) {
    let client = Client::new(db).await;
    let [sales, desk] = [
        client.create("/api/v1/assistants", assistant("Sales")).await,
        client.create("/api/v1/assistants", assistant("Desk")).await,
    ];
    let mut body = trunk("Carrier");
    let path = format!("/api/v1/trunks/{}", client.create("/api/v1/trunks", body.clone()).await);
    let plain = client.get(&path).await.json;
    assert_eq!(
        [&plain["inbound_auth"], &plain["inbound_sources"], &plain["inbound_numbers"], &plain["inbound_reserve"]],
        [&json!(null), &json!([]), &json!([]), &json!(0)]
    );
    body["inbound_auth"] = json!({"username": "branch", "password": "open sesame"});
    body["inbound_sources"] = json!(["198.51.100.9/24", "192.0.2.1", "2001:db8::1/128"]);
    body["inbound_numbers"] = json!([
        {"number": "+49301234", "assistant_id": desk},
        {"number": "4930123456", "assistant_id": sales},
    ]);
    body["inbound_reserve"] = json!(5);
    let set = client.put(&path, body.clone()).await;
    assert_eq!(set.status, 200, "{}", set.json);
    let shown = client.get(&path).await;
    assert!(!String::from_utf8_lossy(&shown.bytes).contains("sesame"));
    assert_eq!(shown.json["inbound_auth"], json!({"username": "branch"}));
    assert_eq!(shown.json["inbound_sources"], json!(["192.0.2.1", "198.51.100.0/24", "2001:db8::1"]));
    assert_eq!(shown.json["inbound_reserve"], 5);
    assert_eq!(
        shown.json["inbound_numbers"],
        json!([
            {"number": "+49301234", "assistant_id": desk},
            {"number": "+4930123456", "assistant_id": sales},
        ])
    );
    // The password stays under its name, and under no other.
    body["inbound_auth"] = json!({"username": "branch"});
    assert_eq!(client.put(&path, body.clone()).await.status, 200);
    body["inbound_auth"] = json!({"username": "another"});
    let other = client.put(&path, body.clone()).await;
    assert_eq!(faults(&other), [("/inbound_auth/password", "missing_field")]);

    body["inbound_auth"] = json!({"username": "branch", "password": "short"});
    body["inbound_sources"] = json!(["192.0.2.1", "nowhere", "10.0.0.0/4"]);
    body["inbound_numbers"] = json!([
        {"number": "+49", "assistant_id": desk},
        {"number": "49", "assistant_id": sales},
        {"number": "12 34", "assistant_id": sales},
    ]);
    body["inbound_reserve"] = json!(30);
    let bad = client.put(&path, body.clone()).await;
    assert_eq!(
        faults(&bad),
        [
            ("/inbound_sources/1", "invalid_address"),
            ("/inbound_sources/2", "too_wide"),
            ("/inbound_numbers/1/number", "duplicate"),
            ("/inbound_numbers/2/number", "invalid_phone"),
            ("/inbound_reserve", "too_high"),
            ("/inbound_auth/password", "invalid_length"),
        ]
    );
    let mut body = trunk("Other");
    let nobody = "0190f3c4-7b1a-7000-8000-000000000001";
    body["inbound_numbers"] = json!([{"number": "+49", "assistant_id": nobody}]);
    let unknown = client.post("/api/v1/trunks", body).await;
    assert_eq!(faults(&unknown), [("/inbound_numbers", "not_found")]);
    assert!(unknown.json.to_string().contains(nobody), "{}", unknown.json);
}
