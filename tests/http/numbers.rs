//! Numbers, and assistants that are in use, through the API.

use serde_json::{Value, json};

use crate::client::{Client, assistant};
use crate::db::TestDb;
use crate::on_both;

on_both!(numbers_tell_who_talks_there, an_assistant_in_use_is_not_deleted);

async fn numbers_tell_who_talks_there(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let desk = client.create("/api/v1/assistants", assistant("Desk")).await;
    let sales = client.create("/api/v1/assistants", assistant("Sales")).await;
    let trunk = json!({"name": "Two", "host": "192.0.2.7", "caller_ids": ["+442079460100"], "inbound_assistant_id": desk,
                       "inbound_numbers": [{"number": "+44207946020", "assistant_id": sales}]});
    let trunk = client.create("/api/v1/trunks", trunk).await;
    let page = client.get("/api/v1/numbers").await;
    assert_eq!(page.status, 200, "{}", page.json);
    let items = page.json["items"].as_array().expect("items");
    let numbers: Vec<_> = items.iter().map(|item| item["number"].as_str().expect("a number")).collect();
    assert_eq!(numbers, ["+442079460100", "+44207946020", "+442079460999"]);
    let answers = |digits: Value, id: &str, name: &str| json!([{"trunk_id": trunk, "digits": digits, "assistant_id": id, "assistant_name": name}]);
    assert_eq!(items[0]["answers"], answers(Value::Null, &desk, "Desk"));
    assert_eq!((&items[0]["trunk_ids"], &items[0]["calls_today"]), (&json!([trunk]), &json!(0)));
    assert_eq!((&items[0]["health"]["verdict"], &items[0]["daily_cap"]), (&json!("unknown"), &Value::Null));
    assert_eq!(items[1]["answers"], answers(json!("44207946020"), &sales, "Sales"));
    assert_eq!(
        (&items[1]["trunk_ids"], &items[1]["health"], &items[1]["calls_today"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert_eq!(items[2]["campaigns"], json!([{"id": campaign, "name": "Spring", "state": "draft"}]));
    assert_eq!(items[2]["answers"], json!([]));

    let policy = json!({"caller_numbers": {"daily_dials": 40, "time_zone": "Europe/Berlin"}});
    assert_eq!(client.put("/api/v1/calling-policy", policy).await.status, 200);
    let first = client.get("/api/v1/numbers?limit=1").await.json;
    assert_eq!(first["items"][0]["daily_cap"], 40);
    let next = first["next"].as_str().expect("there is more");
    let second = client.get(&format!("/api/v1/numbers?limit=2&after={next}")).await.json;
    assert_eq!((&second["items"][0]["number"], second.get("next")), (&json!("+44207946020"), None));
    for (query, pointer) in [("limit=101", "?limit"), ("after=x", "?after")] {
        let bad = client.get(&format!("/api/v1/numbers?{query}")).await;
        assert_eq!((bad.status, &bad.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", bad.json);
    }
}

async fn an_assistant_in_use_is_not_deleted(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let list = client.get("/api/v1/assistants").await.json;
    let row = &list["items"][0];
    assert_eq!(row["campaigns"], json!([{"id": campaign, "name": "Spring", "state": "draft"}]));
    assert_eq!((&row["version"], &row["definition"]["name"]), (&json!(1), &json!("Survey")));
    let id = row["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/assistants/{id}");
    let trunk =
        json!({"name": "Two", "host": "192.0.2.7", "caller_ids": ["+442079460100"], "inbound_assistant_id": id});
    let trunk = client.create("/api/v1/trunks", trunk).await;
    let refused = client.delete(&path).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("in_use")));
    let told: Vec<_> =
        refused.json["errors"].as_array().expect("faults").iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(told, [&json!(format!("/campaigns/{campaign}")), &json!(format!("/trunks/{trunk}"))]);
    assert!(
        refused.json["errors"][0]["reason"].as_str().is_some_and(|reason| reason.contains("`Spring`")),
        "{}",
        refused.json
    );

    assert_eq!(client.delete(&format!("/api/v1/trunks/{trunk}")).await.status, 204);
    let other = client.create("/api/v1/assistants", assistant("Other")).await;
    let read = client.get(&format!("/api/v1/campaigns/{campaign}")).await.json;
    let moved = json!({"name": "Spring", "assistant_id": other, "trunk_id": read["trunk_id"]});
    assert_eq!(client.put(&format!("/api/v1/campaigns/{campaign}"), moved).await.status, 200);
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(client.delete(&path).await.status, 404);
    let left = client.get("/api/v1/assistants").await.json;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    let back = json!({"name": "Spring", "assistant_id": id, "trunk_id": read["trunk_id"]});
    let refused = client.put(&format!("/api/v1/campaigns/{campaign}"), back).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!("/assistant_id")));
    // Its name is free again.
    client.create("/api/v1/assistants", assistant("Survey")).await;
}
