//! Imported suppression lists over HTTP.

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(a_file_becomes_the_next_version_of_a_list, a_file_that_is_wrong_changes_nothing, lists_are_kept_and_attached);

const LISTS: &str = "/api/v1/suppression-lists";

async fn made(client: &Client, name: &str) -> String {
    client.create(LISTS, json!({"name": name, "source": "monthly extract"})).await
}

/// The text in pieces, as a network would bring it.
fn pieces(text: &str, size: usize) -> Body {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        text.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces))
}

async fn a_file_becomes_the_next_version_of_a_list(db: TestDb) {
    let client = Client::new(db).await;
    let id = made(&client, "Robinson").await;
    let mut file = "name;phone\n".to_owned();
    for number in 0..30_000 {
        file.push_str(&format!("Person {number};+44207946{:04}\n", number % 10_000));
    }
    file.push_str("Nobody;nonsense\n");
    let path = format!("{LISTS}/{id}/numbers");
    let answer = client.send("PUT", &path, Some("text/csv"), pieces(&file, 7_777)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let said = &answer.json;
    assert_eq!((&said["version"], &said["numbers"], &said["rows"]), (&json!(1), &json!(10_000), &json!(30_001)));
    assert_eq!((&said["repeated"], &said["refused"]), (&json!(20_000), &json!(1)));
    assert_eq!(
        said["faults"],
        json!([{"line": 30_002, "reason": "the phone number has no country code: write it with a leading + and the country code"}])
    );
    let read = client.get(&format!("{LISTS}/{id}")).await.json;
    assert_eq!(
        (&read["version"], &read["numbers"], &read["source"]),
        (&json!(1), &json!(10_000), &json!("monthly extract"))
    );
    assert!(read["imported_at"].is_string());
    // The number of the contact is on it: nobody can have it called.
    let campaign = client.campaign().await;
    let started = client.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await;
    assert_eq!(started.status, 200, "{}", started.json);
    let contact =
        client.get(&format!("/api/v1/campaigns/{campaign}/contacts")).await.json["items"][0]["contact_id"].clone();
    let refused = client.post(&format!("/api/v1/campaigns/{campaign}/call"), json!({"contact_id": contact})).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("blocked")), "{}", refused.json);
}

async fn a_file_that_is_wrong_changes_nothing(db: TestDb) {
    let client = Client::new(db).await;
    let id = made(&client, "Robinson").await;
    let path = format!("{LISTS}/{id}/numbers");
    let put =
        async |query: &str, body: Body| client.send("PUT", &format!("{path}{query}"), Some("text/plain"), body).await;
    assert_eq!(put("", Body::from("+442079460001\n+442079460002\n")).await.status, 200);
    let broken: Vec<Result<Bytes, std::io::Error>> =
        vec![Ok(Bytes::from("+442079460003\n")), Err(std::io::Error::other("gone"))];
    for (query, body, code) in [
        ("", Body::from(""), "no_numbers"),
        ("", Body::from("+442079460003\nnonsense\n"), "too_many_faults"),
        ("?column=Rufnummer", Body::from("phone\n+442079460003\n"), "no_such_column"),
    ] {
        let answer = put(query, body).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["code"]), (422, &json!(code)), "{}", answer.json);
    }
    assert_eq!(put("", Body::from_stream(stream::iter(broken))).await.status, 400);
    let read = client.get(&format!("{LISTS}/{id}")).await.json;
    assert_eq!((&read["version"], &read["numbers"]), (&json!(1), &json!(2)), "the old one holds");
    let taken = put("?accept_faults=true", Body::from("+442079460003\nnonsense\n")).await;
    assert_eq!((taken.status, &taken.json["version"], &taken.json["refused"]), (200, &json!(2), &json!(1)));
    let kind = client.send("PUT", &path, Some("application/json"), Body::from("[]")).await;
    assert_eq!(kind.status, 415);
    let unknown = client
        .send(
            "PUT",
            &format!("{LISTS}/{}/numbers", callwright::id::SuppressionListId::generate()),
            Some("text/csv"),
            Body::from("+442079460003"),
        )
        .await;
    assert_eq!(unknown.status, 404);
    let nobody = client.with_key("").send("PUT", &path, Some("text/csv"), Body::from("+442079460003")).await;
    assert_eq!(nobody.status, 401);
}

async fn lists_are_kept_and_attached(db: TestDb) {
    let client = Client::new(db).await;
    let id = made(&client, "Robinson").await;
    assert_eq!(client.post(LISTS, json!({"name": "Robinson"})).await.json["code"], "name_taken");
    let input = json!({"name": "Own", "organisation_wide": false, "valid_until": "2030-01-01T00:00:00Z"});
    let changed = client.put(&format!("{LISTS}/{id}"), input).await;
    assert_eq!((changed.status, &changed.json["organisation_wide"]), (200, &json!(false)), "{}", changed.json);
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}/suppression-lists");
    assert_eq!(client.put(&path, json!({"lists": [id]})).await.json, json!({"lists": [id]}));
    assert_eq!(client.get(&path).await.json, json!({"lists": [id]}));
    let unknown = client.put(&path, json!({"lists": [callwright::id::SuppressionListId::generate()]})).await;
    assert_eq!((unknown.status, &unknown.json["errors"][0]["pointer"]), (422, &json!("/lists")));
    assert_eq!(client.delete(&format!("{LISTS}/{id}")).await.status, 204);
    assert_eq!(client.get(&path).await.json, json!({"lists": []}));
    assert_eq!(client.get(LISTS).await.json["items"], json!([]));
    let again = client.post(LISTS, json!({"name": "Own"})).await;
    assert_eq!(again.status, 201, "the name is free");
}
