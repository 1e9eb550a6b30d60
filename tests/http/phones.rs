//! Several numbers of one contact over REST.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_contact_has_several_numbers_in_order, numbers_that_are_wrong_are_named, a_file_brings_further_numbers);

fn numbers(contact: &Value) -> Vec<&str> {
    let phones = contact["phones"].as_array().expect("numbers");
    phones.iter().map(|phone| phone["number"].as_str().expect("a number")).collect()
}

async fn a_contact_has_several_numbers_in_order(db: TestDb) {
    let client = Client::new(db).await;
    let body = json!({"name": "Ada", "country": "GB", "phones": [
        {"number": "020 7946 0001", "label": "office"},
        {"number": "+12125550123", "label": "New York", "time_zone": "America/New_York"}]});
    let made = client.post("/api/v1/contacts", body).await;
    assert_eq!((made.status, &made.json["phone"]), (201, &json!("+442079460001")), "{}", made.json);
    let path = format!("/api/v1/contacts/{}", made.json["id"].as_str().expect("an id"));
    let read = client.get(&path).await.json;
    let second = json!({"number": "+12125550123", "label": "New York", "time_zone": "America/New_York",
                        "invalid_since": null});
    assert_eq!(read["phones"][1], second);
    let listed = client.get("/api/v1/contacts?search=2125550123").await.json;
    assert_eq!(listed["items"][0], read, "found by any of its numbers");
    let turned = json!({"name": "Ada", "phone": "+12125550123",
                        "phones": [{"number": "+12125550123"}, {"number": "+442079460001"}]});
    let replaced = client.put(&path, turned).await;
    assert_eq!(replaced.status, 200, "{}", replaced.json);
    assert_eq!(numbers(&replaced.json), ["+12125550123", "+442079460001"]);
    let one = client.put(&path, json!({"name": "Ada", "phone": "+442079460001"})).await;
    assert_eq!(numbers(&one.json), ["+442079460001"], "what is not said is not there");
    let none = client.put(&path, json!({"name": "Ada"})).await;
    assert_eq!((&none.json["phone"], &none.json["phones"]), (&Value::Null, &json!([])));
}

async fn numbers_that_are_wrong_are_named(db: TestDb) {
    let client = Client::new(db).await;
    let good = |at: u32| json!({"number": format!("+44207946000{at}")});
    for (body, pointer, code) in [
        (json!({"phones": [good(1), {"number": "12"}]}), "/phones/1/number", "invalid_phone"),
        (json!({"phones": [good(1), good(2), good(1)]}), "/phones/2/number", "repeated"),
        (json!({"phones": [good(1), good(2), good(3), good(4), good(5), good(6)]}), "/phones", "too_many"),
        (
            json!({"phones": [good(1), {"number": "+442079460002", "time_zone": "Mars/Olympus"}]}),
            "/phones/1/time_zone",
            "unknown_zone",
        ),
        (
            json!({"phones": [{"number": "+442079460002", "time_zone": "Europe/London"}]}),
            "/phones/0/time_zone",
            "not_here",
        ),
        (json!({"phone": "+442079460003", "phones": [good(1)]}), "/phone", "ambiguous"),
        (json!({"phones": [{"number": "+442079460002", "label": "x".repeat(51)}]}), "/phones/0/label", "too_long"),
    ] {
        let refused = client.post("/api/v1/contacts", body).await;
        let told = &refused.json["errors"][0];
        let got = (refused.status, told["pointer"].as_str(), told["code"].as_str());
        assert_eq!(got, (422, Some(pointer), Some(code)), "{}", refused.json);
        assert!(told["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{}", refused.json);
    }
}

async fn a_file_brings_further_numbers(db: TestDb) {
    let client = Client::new(db).await;
    let file = "name,phone,phone2,phone3\nAda,+442079460001,+442079460002,\nBo,+442079460003,,+442079460004\n\
                Cy,+442079460005,nonsense,\nDi,+442079460001,+442079460009,\n";
    let done = client.send("POST", "/api/v1/contacts/import", Some("text/csv"), Body::from(file)).await;
    assert_eq!((done.status, &done.json["created"]), (200, &json!(2)), "{}", done.json);
    let rows: Vec<_> =
        done.json["rows"].as_array().expect("rows").iter().map(|row| (&row["line"], &row["result"])).collect();
    assert_eq!(rows, [(&json!(4), &json!("failed")), (&json!(5), &json!("skipped"))]);
    assert!(
        done.json["rows"][0]["reason"].as_str().is_some_and(|reason| reason.starts_with("phone2: ")),
        "{}",
        done.json
    );
    let listed = client.get("/api/v1/contacts?sort=name").await.json;
    let all: Vec<_> = listed["items"].as_array().expect("contacts").iter().map(numbers).collect();
    assert_eq!(all, [vec!["+442079460001", "+442079460002"], vec!["+442079460003", "+442079460004"]]);
    // A number that somebody has as a further one is known.
    let again =
        client.send("POST", "/api/v1/contacts/import", Some("text/csv"), Body::from("phone\n+442079460004\n")).await;
    assert_eq!(again.json["skipped"], 1, "{}", again.json);
}
