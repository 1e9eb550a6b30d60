//! Values that stand in the place of contacts' variables in one campaign, through the API.

use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_batch_brings_values_and_a_person_changes_them);

async fn a_batch_brings_values_and_a_person_changes_them(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}/contacts");
    let contact = async |name: &str, last: u32| {
        let body = json!({"name": name, "phone": format!("+44207946000{last}"), "variables": {"offer": "own"}});
        client.create("/api/v1/contacts", body).await
    };
    let (bo, cy) = (contact("Bo", 2).await, contact("Cy", 3).await);

    let wrong = json!({"contact_ids": [bo], "overwrites": {"offr": "B", "offer": "x".repeat(501)}});
    let refused = client.post(&path, wrong).await;
    let faults = refused.json["errors"].as_array().expect("faults");
    let told: Vec<_> = faults.iter().map(|fault| (&fault["pointer"], &fault["code"])).collect();
    let expected =
        [(json!("/overwrites/offer"), json!("too_long")), (json!("/overwrites/offr"), json!("unknown_variable"))];
    assert_eq!((refused.status, told), (422, expected.iter().map(|(pointer, code)| (pointer, code)).collect()));
    assert!(faults[1]["reason"].as_str().is_some_and(|reason| reason.contains("company, offer")), "{}", faults[1]);
    assert_eq!(client.get(&format!("{path}/total")).await.json, json!({"count": 1, "exact": true}), "nobody came in");

    let batch = json!({"contact_ids": [bo], "overwrites": {"offer": "B", "company": " "}});
    assert_eq!(client.post(&path, batch).await.status, 200);
    assert_eq!(client.post(&path, json!({"contact_ids": [cy], "overwrites": {"company": "Theirs"}})).await.status, 200);
    // Whoever is in it already keeps what they have.
    let again = client.post(&path, json!({"contact_ids": [bo], "overwrites": {"offer": "C"}})).await;
    assert_eq!((&again.json["added"], &again.json["already_there"]), (&json!(0), &json!(1)));
    let listed = client.get(&format!("{path}?sort=name")).await.json;
    let of = |index: usize| listed["items"][index]["overwrites"].clone();
    let value = |name: &str, value: &str, source: &str| json!({"name": name, "value": value, "source": source});
    assert_eq!(
        (of(0), of(1), of(2)),
        (json!([]), json!([value("offer", "B", "batch")]), json!([value("company", "Theirs", "batch")]))
    );

    let target = listed["items"][1]["id"].as_str().expect("an id").to_owned();
    let put = async |overwrites: Value| {
        client.put(&format!("/api/v1/targets/{target}/overwrites"), json!({ "overwrites": overwrites })).await
    };
    let set = put(json!({"offer": "B", "company": "Mine"})).await;
    assert_eq!(set.status, 200, "{}", set.json);
    assert_eq!(set.json["overwrites"], json!([value("company", "Mine", "person"), value("offer", "B", "batch")]));
    let set = put(json!({"offer": "D", "company": "Mine"})).await;
    assert_eq!(set.json["overwrites"], json!([value("company", "Mine", "person"), value("offer", "D", "person")]));
    assert_eq!(put(json!({"colour": "red"})).await.json["errors"][0]["pointer"], "/overwrites/colour");

    client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await;
    let contact = client.get(&format!("/api/v1/contacts/{bo}")).await.json;
    client.create("/api/v1/suppressions", json!({"phone": contact["phone"]})).await;
    let dialing = callwright::store::dialing::Dialing::new(&client.db.db, std::time::Duration::from_secs(30));
    dialing.promote(campaign.parse().expect("an id"), 10).await.expect("promoted");
    let restarted = client.post(&format!("/api/v1/targets/{target}/restart"), json!({})).await;
    assert_eq!(restarted.status, 200, "{}", restarted.json);
    assert_eq!(restarted.json["target"]["overwrites"], set.json["overwrites"], "a new round keeps them");
    let bare = put(json!({"offer": "", "company": ""})).await;
    assert_eq!(bare.json["overwrites"], json!([]));
}
