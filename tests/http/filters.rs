//! Lists of what fits, in an order, page by page.

use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::over;

on_both!(
    contacts_are_found_by_what_is_known_of_them,
    campaigns_are_found_and_ordered,
    contacts_of_a_campaign_are_found_and_ordered,
    attempts_and_calls_are_found,
    pages_of_any_order_have_everything_once,
);

/// What the members of a page are called.
async fn names(client: &Client, path: &str) -> Vec<String> {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    let items = answer.json["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().unwrap_or("").to_owned()).collect()
}

async fn count(client: &Client, path: &str) -> usize {
    names(client, path).await.len()
}

async fn contact(client: &Client, name: &str, last: u32, offer: &str) -> String {
    let phone = format!("+4420794600{last:02}");
    client.create("/api/v1/contacts", json!({"name": name, "phone": phone, "variables": {"offer": offer}})).await
}

async fn contacts_are_found_by_what_is_known_of_them(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    contact(&client, "Bo", 2, "A:1").await;
    contact(&client, "Jürgen", 3, "B").await;
    client.create("/api/v1/contacts", json!({"name": "Nobody"})).await;
    let path = |query: &str| format!("/api/v1/contacts?{query}");
    for (query, want) in [
        ("sort=name".to_owned(), vec!["Ada", "Bo", "Jürgen", "Nobody"]),
        ("sort=-name&limit=2".to_owned(), vec!["Nobody", "Jürgen"]),
        ("variable=offer:A:1".to_owned(), vec!["Bo"]),
        ("variable=offer:A".to_owned(), vec![]),
        ("variable=other:B".to_owned(), vec![]),
        ("has_phone=false".to_owned(), vec!["Nobody"]),
        ("search=J%C3%9CRGEN".to_owned(), vec!["Jürgen"]),
        ("search=0_".to_owned(), vec![]),
        (format!("campaign_id={campaign}"), vec!["Ada"]),
        (format!("not_in_campaign_id={campaign}&has_phone=true"), vec!["Bo", "Jürgen"]),
        ("created_from=2099-01-01T00:00:00Z".to_owned(), vec![]),
        ("updated_before=2099-01-01T00:00:00Z&search=a&sort=-updated_at".to_owned(), vec!["Ada"]),
    ] {
        assert_eq!(names(&client, &path(&query)).await, want, "{query}");
    }
    for (query, status, pointer) in [
        ("sort=colour", 422, "?sort"),
        ("after=x", 422, "?after"),
        ("sort=name&after=0190f3c4-7b1a-7000-8000-000000000001", 422, "?after"),
        ("limit=1001", 422, "?limit"),
    ] {
        let refused = client.get(&path(query)).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (status, &json!(pointer)), "{query}");
    }
    assert_eq!(client.get(&path("has_phone=perhaps")).await.status, 400);
    assert_eq!(client.get(&path("variable=offer")).await.status, 400);
    let named = client.get(&path("sort=colour")).await.json["errors"][0]["reason"].clone();
    assert!(named.as_str().is_some_and(|reason| reason.contains("created_at, updated_at, name")), "{named}");
}

async fn campaigns_are_found_and_ordered(db: TestDb) {
    let client = Client::new(db).await;
    let spring = client.campaign().await;
    let read = client.get(&format!("/api/v1/campaigns/{spring}")).await.json;
    for name in ["Autumn", "winter"] {
        let body = json!({"name": name, "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"]});
        client.create("/api/v1/campaigns", body).await;
    }
    assert_eq!(client.post(&format!("/api/v1/campaigns/{spring}/start"), json!({})).await.status, 200);
    let trunk = read["trunk_id"].as_str().expect("an id");
    let target = client.get(&format!("/api/v1/campaigns/{spring}/contacts")).await.json["items"][0].clone();
    let contact = target["contact_id"].as_str().expect("an id");
    for (query, want) in [
        ("state=draft".to_owned(), vec!["Autumn", "winter"]),
        ("state=in_progress,paused".to_owned(), vec!["Spring"]),
        ("pause_reason=user".to_owned(), vec![]),
        ("search=WIN".to_owned(), vec!["winter"]),
        (format!("trunk_id={trunk}&sort=-created_at"), vec!["winter", "Autumn", "Spring"]),
        (format!("contact_id={contact}"), vec!["Spring"]),
        ("started_from=2000-01-01T00:00:00Z".to_owned(), vec!["Spring"]),
        ("sort=-started_at&limit=1".to_owned(), vec!["Spring"]),
    ] {
        assert_eq!(names(&client, &format!("/api/v1/campaigns?{query}")).await, want, "{query}");
    }
    assert_eq!(client.get("/api/v1/campaigns?state=asleep").await.status, 400);
}

async fn contacts_of_a_campaign_are_found_and_ordered(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}/contacts");
    for (name, last, priority) in [("Bo", 2, 5), ("Cy", 3, -5), ("Di", 4, 5)] {
        let id = contact(&client, name, last, if last == 3 { "A" } else { "B" }).await;
        let added = client.post(&path, json!({"contact_ids": [id], "priority": priority})).await;
        assert_eq!(added.status, 200);
    }
    let all = client.get(&format!("{path}?sort=name")).await.json;
    let id = |index: usize| all["items"][index]["id"].as_str().expect("an id").to_owned();
    client.post(&format!("/api/v1/targets/{}/suspend", id(1)), json!({})).await;
    client.put(&format!("/api/v1/targets/{}/callback", id(2)), json!({"at": "2099-01-15T12:00:00Z"})).await;
    for (query, want) in [
        ("state=suspended,callback&sort=name", vec!["Bo", "Cy"]),
        ("sort=-priority", vec!["Di", "Bo", "Ada", "Cy"]),
        ("priority_min=1", vec!["Bo", "Di"]),
        ("priority_max=0&sort=name", vec!["Ada", "Cy"]),
        ("variable=offer:A", vec!["Cy"]),
        ("search=79460004", vec!["Di"]),
        ("next_from=2099-01-01T00:00:00Z", vec!["Cy"]),
        ("next_before=2099-01-01T00:00:00Z&sort=name", vec!["Ada", "Di"]),
        ("sort=-next_at&limit=1", vec!["Cy"]),
        ("dials_min=1", vec![]),
        ("round=1&answered=false&dials_max=0&callback_missed=false&sort=-name", vec!["Di", "Cy", "Bo", "Ada"]),
        ("last_reason=user_declined", vec![]),
        ("last_call_from=2000-01-01T00:00:00Z", vec![]),
        ("updated_from=2099-01-01T00:00:00Z", vec![]),
        ("blocked_reason=dnc", vec![]),
    ] {
        assert_eq!(names(&client, &format!("{path}?{query}")).await, want, "{query}");
    }
}

async fn attempts_and_calls_are_found(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let call = over(&client).await;
    for (query, want) in [
        (String::new(), 1),
        (format!("direction={}", call.direction), 1),
        ("direction=inbound,outbound&sort=-duration_ms".to_owned(), 1),
        (format!("reason={}", call.reason), 1),
        ("reason=max_duration_reached".to_owned(), 0),
        (format!("campaign_id={campaign}"), 0),
        (format!("run_id={campaign}"), 0),
        (format!("search={}", &call.to.expose()[4..]), 1),
        ("search=000000000".to_owned(), 0),
        (format!("answered={}", call.answered_at.is_some()), 1),
        (format!("answered={}", call.answered_at.is_none()), 0),
        (format!("recorded={}", call.recording.is_none()), 0),
        (format!("started_from={}", call.started_at), 1),
        (format!("started_before={}", call.started_at), 0),
        ("duration_ms_min=86400000".to_owned(), 0),
        ("duration_ms_max=86400000&sort=ended_at".to_owned(), 1),
    ] {
        assert_eq!(count(&client, &format!("/api/v1/calls?{query}")).await, want, "{query}");
    }
    let path = format!("/api/v1/campaigns/{campaign}/attempts");
    client.create("/api/v1/suppressions", json!({"phone": "+442079460001"})).await;
    client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await;
    let dialing = callwright::store::dialing::Dialing::new(&client.db.db, std::time::Duration::from_secs(30));
    dialing.promote(campaign.parse().expect("an id"), 10).await.expect("promoted");
    for (query, want) in [
        ("", 1),
        ("state=not_placed", 1),
        ("state=ended,unknown", 0),
        ("blocked_reason=dnc", 1),
        ("blocked_reason=law", 0),
        ("answered=true", 0),
        ("kind=callback", 0),
        ("kind=first,retry&sort=-ended_at", 1),
        ("claimed_before=2000-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(count(&client, &format!("{path}?{query}")).await, want, "{query}");
    }
}

async fn pages_of_any_order_have_everything_once(db: TestDb) {
    let client = Client::new(db).await;
    for index in 0..7 {
        // Several of the same name: the order within is that of creation.
        client.create("/api/v1/contacts", json!({"name": format!("N{}", index % 3)})).await;
    }
    for sort in ["created_at", "-created_at", "name", "-name", "updated_at", "-updated_at"] {
        let whole = client.get(&format!("/api/v1/contacts?sort={sort}")).await.json;
        let mut pages: Vec<Value> = Vec::new();
        let mut next = String::new();
        loop {
            let page = client.get(&format!("/api/v1/contacts?limit=2&sort={sort}{next}")).await.json;
            pages.extend(page["items"].as_array().expect("items").iter().cloned());
            assert!(pages.len() <= 7, "{sort}: a page came twice");
            match page["next"].as_str() {
                Some(cursor) => next = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(&json!(pages), &whole["items"], "{sort}");
    }
}
