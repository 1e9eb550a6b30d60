//! Trunk groups and routes over REST.

use serde_json::{Value, json};

use crate::client::{Client, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(a_group_stands_for_its_trunks_in_campaigns_and_routes, routes_lead_to_what_is_there);

fn pointers(answer: &Value) -> Vec<(&str, &str)> {
    let faults = answer["errors"].as_array().expect("faults");
    faults.iter().map(|fault| (fault["pointer"].as_str().unwrap_or(""), fault["code"].as_str().unwrap_or(""))).collect()
}

/// A draft campaign over the trunk.
async fn draft(client: &Client, trunk: &str) -> String {
    let assistant = client.create("/api/v1/assistants", crate::client::assistant("Survey")).await;
    client.create("/api/v1/campaigns", json!({"name": "Spring", "assistant_id": assistant, "trunk_id": trunk})).await
}

async fn a_group_stands_for_its_trunks_in_campaigns_and_routes(db: TestDb) {
    let client = Client::new(db).await;
    let one = client.create("/api/v1/trunks", trunk("One")).await;
    let two = client.create("/api/v1/trunks", trunk("Two")).await;
    let mut foreign = trunk("Foreign");
    foreign["caller_ids"] = json!(["+442079460001"]);
    let foreign = client.create("/api/v1/trunks", foreign).await;
    let body = json!({"name": "Europe", "members": [
        {"trunk_id": two, "priority": 1, "weight": 3}, {"trunk_id": one, "priority": 2}]});
    let group = client.create("/api/v1/trunk_groups", body.clone()).await;
    let path = format!("/api/v1/trunk_groups/{group}");
    assert_eq!(client.get(&path).await.json["members"][0]["weight"], 3);
    assert_eq!(client.post("/api/v1/trunk_groups", body.clone()).await.json["code"], "name_taken");

    let trunks = format!("/api/v1/campaigns/{}/trunks", draft(&client, &one).await);
    let followed = client.put(&trunks, json!({"trunk_group_id": group})).await;
    assert_eq!(followed.status, 200, "{}", followed.json);
    assert_eq!(followed.json["trunk_ids"], json!([two, one]), "the first of the group is the campaign's own");
    assert_eq!(followed.json["trunk_group_id"], group.as_str());
    assert_eq!(client.send("DELETE", &path, None, axum::body::Body::empty()).await.json["code"], "in_use");

    let mut other = body;
    other["members"] = json!([{"trunk_id": foreign, "priority": 1}, {"trunk_id": one, "priority": 1},
                              {"trunk_id": one, "priority": 1}]);
    let refused = client.put(&path, other.clone()).await;
    let wrong = [("/members/0/trunk_id", "caller_id"), ("/members/2/trunk_id", "duplicate")];
    assert_eq!(pointers(&refused.json), wrong, "{}", refused.json);
    other["members"] = json!([{"trunk_id": one, "priority": 1}]);
    assert_eq!(client.put(&path, other).await.status, 200);
    assert_eq!(client.get(&trunks).await.json["trunk_ids"], json!([one]), "the campaign has what the group has");

    let left = client.put(&trunks, json!({"trunk_ids": [two]})).await.json;
    assert_eq!((&left["trunk_ids"], &left["trunk_group_id"]), (&json!([one, two]), &Value::Null));
    assert_eq!(client.send("DELETE", &path, None, axum::body::Body::empty()).await.status, 204);
    let gone = client.put(&trunks, json!({"trunk_group_id": group})).await;
    assert_eq!(pointers(&gone.json), [("/trunk_group_id", "not_found")]);
    let both = client.put(&trunks, json!({"trunk_group_id": group, "trunk_ids": []})).await;
    assert_eq!(pointers(&both.json), [("/trunk_group_id", "exclusive")]);
}

async fn routes_lead_to_what_is_there(db: TestDb) {
    let client = Client::new(db).await;
    let one = client.create("/api/v1/trunks", trunk("One")).await;
    let group = json!({"name": "Europe", "members": [{"trunk_id": one, "priority": 1}]});
    let group = client.create("/api/v1/trunk_groups", group).await;
    let route = client.create("/api/v1/routes", json!({"prefix": "+44", "trunk_group_id": group})).await;
    let path = format!("/api/v1/routes/{route}");
    let read = client.get(&path).await.json;
    assert_eq!(
        (&read["prefix"], &read["trunk_group_id"], &read["trunk_id"]),
        (&json!("+44"), &json!(group), &Value::Null)
    );
    let taken = client.post("/api/v1/routes", json!({"prefix": "+44", "trunk_id": one})).await;
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("prefix_taken")));
    let changed = client.put(&path, json!({"prefix": "+4420", "trunk_id": one})).await.json;
    assert_eq!(
        (&changed["prefix"], &changed["trunk_id"], &changed["version"]),
        (&json!("+4420"), &json!(one), &json!(2))
    );
    for (body, wrong) in [
        (json!({"prefix": "44", "trunk_id": one}), ("/prefix", "rule")),
        (json!({"prefix": "+1234567890123456", "trunk_id": one}), ("/prefix", "rule")),
        (json!({"prefix": "+49"}), ("/trunk_id", "required")),
        (json!({"prefix": "+49", "trunk_id": one, "trunk_group_id": group}), ("/trunk_group_id", "exclusive")),
        (json!({"prefix": "+49", "trunk_id": route}), ("/trunk_id", "not_found")),
    ] {
        let refused = client.post("/api/v1/routes", body).await;
        assert_eq!(pointers(&refused.json), [wrong], "{}", refused.json);
    }
    let used = client.send("DELETE", &format!("/api/v1/trunks/{one}"), None, axum::body::Body::empty()).await;
    assert_eq!(used.json["code"], "in_use");
    assert_eq!(client.send("DELETE", &path, None, axum::body::Body::empty()).await.status, 204);
    assert_eq!(client.get("/api/v1/routes").await.json["items"], json!([]));
}
