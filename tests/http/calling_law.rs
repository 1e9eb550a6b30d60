//! The rules of law, the organisation's policy, and the hours of one person.

use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(the_rules_are_listed_with_their_sources, the_policy_is_checked_and_replaced, hours_are_shown_with_their_rules);

async fn the_rules_are_listed_with_their_sources(db: TestDb) {
    let client = Client::new(db).await;
    let answer = client.get("/api/v1/calling-law").await;
    assert_eq!(answer.status, 200);
    let rules = answer.json["rules"].as_array().expect("rules");
    let florida = rules.iter().find(|rule| rule["id"] == "us-fl").expect("Florida");
    assert_eq!(florida["citation"], "Fla. Stat. § 501.616(6)");
    assert_eq!(florida["frequency_cap"], json!({"dials": 3, "per_hours": 24}));
    assert!(rules.iter().all(|rule| rule["url"].as_str().is_some_and(|url| url.starts_with("http"))));
    assert_eq!(answer.json["data_version"].as_str().map(str::len), Some("2026-11-21".len()));
}

async fn the_policy_is_checked_and_replaced(db: TestDb) {
    let client = Client::new(db).await;
    let path = "/api/v1/calling-policy";
    assert_eq!(client.get(path).await.json["law"], json!(["eu", "us"]));
    let bad = client.put(path, json!({"quiet_hours": [{"start_min": 1320, "end_min": 360}]})).await;
    assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!("/quiet_hours/0")));
    let unknown = client.put(path, json!({"law": ["mars"]})).await;
    assert_eq!(unknown.status, 422, "{}", unknown.json);
    let policy = json!({
        "law": ["eu", "eu_codes"], "contact_hours": {"start_min": 540, "end_min": 1200},
        "quiet_hours": [{"days": ["sun"], "start_min": 0, "end_min": 1440}],
        "allowed_countries": ["AT", "DE"], "spend": null, "caller_numbers": null,
        "frequency_cap": {"dials": 3, "per_hours": 24}
    });
    assert_eq!(client.put(path, policy.clone()).await.status, 200);
    assert_eq!(client.get(path).await.json, policy);
}

async fn hours_are_shown_with_their_rules(db: TestDb) {
    let client = Client::new(db).await;
    let id = client.campaign().await;
    let path = format!("/api/v1/campaigns/{id}/calling-hours");
    // The Bastille day of 2027 is a Wednesday.
    let ask = format!("{path}?phone=%2B33140205050&from=2027-07-14T09:00:00Z&days=2");
    let shown = client.get(&ask).await;
    assert_eq!(shown.status, 200, "{}", shown.json);
    assert_eq!((&shown.json["open"], &shown.json["held_by"]), (&json!(false), &json!("law")));
    assert_eq!((&shown.json["rule"], &shown.json["next_at"]), (&json!("fr-hours"), &json!("2027-07-15T08:00:00Z")));
    assert_eq!(shown.json["regions"], json!(["FR"]));
    assert_eq!(shown.json["rules"][0]["citation"], "Code de la consommation, art. D. 223-9");
    let day = &shown.json["days"][0]["rules"][0];
    assert_eq!((&day["holiday"], &day["times"]), (&json!(true), &json!([])));
    assert_eq!(
        shown.json["windows"],
        json!([{"from": "2027-07-15T08:00:00Z", "until": "2027-07-15T11:00:00Z"},
               {"from": "2027-07-15T12:00:00Z", "until": "2027-07-15T18:00:00Z"},
               {"from": "2027-07-16T08:00:00Z", "until": "2027-07-16T11:00:00Z"}])
    );
    for (query, pointer) in [
        ("phone=12", "/phone"),
        ("days=3", "/phone"),
        ("phone=%2B33140205050&days=32", "/days"),
        ("phone=%2B33140205050&time_zone=Mars%2FOlympus", "/time_zone"),
    ] {
        let refused = client.get(&format!("{path}?{query}")).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{query}");
    }
}
