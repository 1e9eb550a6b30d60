//! The list of campaigns and what their calls came to, through the API.

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::states::AnsweredBy;
use callwright::id::CampaignId;
use callwright::store::call::{Call, Direction};
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::record;

on_both!(
    a_campaign_is_described_and_found_by_it,
    a_page_has_all_that_the_list_shows,
    calls_are_measured_without_machines
);

async fn names(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/campaigns?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.json);
    let items = page.json["items"].as_array().expect("items").iter();
    items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

async fn a_campaign_is_described_and_found_by_it(db: TestDb) {
    let client = Client::new(db).await;
    let spring = client.campaign().await;
    let path = format!("/api/v1/campaigns/{spring}");
    let read = client.get(&path).await.json;
    assert_eq!(read["description"], "");
    let (assistant, trunk) = (&read["assistant_id"], &read["trunk_id"]);
    let body = |name: &str, description: &str| json!({"name": name, "description": description, "assistant_id": assistant, "trunk_id": trunk});
    let autumn = client.post("/api/v1/campaigns", body("Autumn", "Gäste aus ÖSTERREICH")).await;
    assert_eq!((autumn.status, &autumn.json["description"]), (201, &json!("Gäste aus ÖSTERREICH")));
    for (query, want) in [
        ("search=%C3%B6sterreich", vec!["Autumn"]),
        ("search=AUTUMN", vec!["Autumn"]),
        ("search=spring", vec!["Spring"]),
        ("search=100%25", vec![]),
        ("sort=name", vec!["Autumn", "Spring"]),
    ] {
        assert_eq!(names(&client, query).await, want, "{query}");
    }
    let changed = client.put(&path, body("Spring", "Those who came")).await;
    assert_eq!((changed.status, &changed.json["description"]), (200, &json!("Those who came")));
    assert_eq!(names(&client, "search=who%20came").await, ["Spring"]);
    let copy = client.post(&format!("{path}/duplicate"), json!({"name": "Copy"})).await;
    assert_eq!(copy.json["description"], "Those who came");
    let long = client.put(&path, body("Spring", &"x".repeat(2001))).await;
    assert_eq!((long.status, &long.json["errors"][0]["pointer"]), (422, &json!("/description")));
}

async fn a_page_has_all_that_the_list_shows(db: TestDb) {
    let client = Client::new(db).await;
    let spring = client.campaign().await;
    let contacts = format!("/api/v1/campaigns/{spring}/contacts");
    for last in 2..6 {
        let contact = json!({"name": format!("N{last}"), "phone": format!("+44207946000{last}")});
        let contact = client.create("/api/v1/contacts", contact).await;
        assert_eq!(client.post(&contacts, json!({"contact_ids": [contact]})).await.status, 200);
    }
    let all = client.get(&contacts).await.json;
    let act = async |index: usize, verb: &str| {
        let target = all["items"][index]["id"].as_str().expect("an id");
        assert_eq!(client.post(&format!("/api/v1/targets/{target}/{verb}"), json!({})).await.status, 200, "{verb}");
    };
    act(0, "suspend").await;
    act(1, "remove").await;
    let page = client.get("/api/v1/campaigns").await.json;
    let row = &page["items"][0];
    assert_eq!(
        (&row["id"], &row["assistant_name"], &row["activity"]),
        (&json!(spring), &json!("Survey"), &Value::Null)
    );
    assert_eq!(row["caller_id"], "+442079460999");
    let progress =
        json!({"total": 4, "pending": 4, "in_progress": 0, "completed": 0, "failed": 0, "percent_complete": 0.0});
    assert_eq!(row["progress"], progress);
    assert_eq!(page["running"], json!({"active": 0, "max": null}));
    let told = client.get(&format!("/api/v1/campaigns/{spring}/progress")).await.json;
    for part in ["total", "pending", "in_progress", "completed", "failed", "percent_complete"] {
        assert_eq!(told[part], row["progress"][part], "{part}: both say the same");
    }

    let limits = client.get("/api/v1/organisation/limits").await.json;
    let mut limits = limits.as_object().expect("limits").clone();
    limits.insert("max_active_campaigns".to_owned(), json!(5));
    let set = client.put("/api/v1/organisation/limits", Value::Object(limits)).await;
    assert_eq!(set.status, 200, "{}", set.json);
    assert_eq!(client.post(&format!("/api/v1/campaigns/{spring}/start"), json!({})).await.status, 200);
    let page = client.get("/api/v1/campaigns").await.json;
    assert_eq!(page["running"], json!({"active": 1, "max": 5}));
    let diagnosis = client.get(&format!("/api/v1/campaigns/{spring}/diagnosis")).await.json;
    assert_eq!(page["items"][0]["activity"], diagnosis["activity"], "{diagnosis}");
    assert_eq!(page["items"][0]["activity"], "dialing");
}

async fn calls_are_measured_without_machines(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}/statistics");
    let nothing = client.get(&path).await;
    let none = json!({"count": 0, "of": 0, "percent": null, "badge": null});
    let empty = json!({"contacts": 1, "calls": {"placed": 0, "answered": 0, "voicemail": 0}, "average_call_ms": null,
                       "call_success": none, "interrupted": none});
    assert_eq!((nothing.status, nothing.json), (200, empty));

    let of: CampaignId = campaign.parse().expect("an id");
    let call = async |by: Option<AnsweredBy>, seconds: i64, success: bool, interrupted: bool| {
        let make = |made: Call| {
            let answered_at = by.map(|_| made.started_at);
            let ended_at = made.started_at + jiff::SignedDuration::from_secs(seconds);
            let (direction, reason) = (Direction::Outbound, DisconnectionReason::UserHangup);
            let base = Call { campaign: Some(of), direction, reason, recording: None, replay: None, ..made };
            Call { answered_by: by, answered_at, ended_at, success, interrupted, ..base }
        };
        record(&client, make).await;
    };
    call(Some(AnsweredBy::Human), 30, true, false).await;
    call(Some(AnsweredBy::Human), 20, true, true).await;
    call(Some(AnsweredBy::Unknown), 10, false, true).await;
    // A machine is in no rate, whatever was marked in its call.
    call(Some(AnsweredBy::Voicemail), 600, true, true).await;
    call(Some(AnsweredBy::Ivr), 600, true, true).await;
    call(None, 5, false, false).await;
    let told = client.get(&path).await.json;
    assert_eq!(told["calls"], json!({"placed": 6, "answered": 3, "voicemail": 1}));
    assert_eq!(told["average_call_ms"], 20_000);
    assert_eq!((&told["call_success"]["count"], &told["call_success"]["of"]), (&json!(2), &json!(3)));
    assert_eq!((&told["call_success"]["badge"], &told["interrupted"]["badge"]), (&json!("yellow"), &json!("red")));
    assert!(told["interrupted"]["percent"].as_f64().is_some_and(|percent| (percent - 66.67).abs() < 0.01), "{told}");
    let listed = client.get(&format!("/api/v1/calls?campaign_id={campaign}&answered_by=human")).await.json;
    assert_eq!((&listed["items"][1]["success"], &listed["items"][1]["interrupted"]), (&json!(true), &json!(true)));
    assert_eq!(client.get("/api/v1/campaigns/00000000-0000-7000-8000-000000000000/statistics").await.status, 404);
}
