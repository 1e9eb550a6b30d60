//! Changes that are wanted in one state only.

use axum::body::Body;
use serde_json::{Value, json};

use crate::client::{Answer, Client, assistant, trunk};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_change_is_made_in_the_state_that_was_read,
    of_two_who_read_the_same_one_may_write,
    tags_follow_what_is_shown
);

async fn change(client: &Client, method: &str, path: &str, tag: &str, body: Value) -> Answer {
    let body = Body::from(body.to_string());
    client.send_with(&[("if-match", tag)], method, path, Some("application/json"), body).await
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_else(|| panic!("a tag: {}", answer.json)).to_owned()
}

async fn a_change_is_made_in_the_state_that_was_read(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let read = client.get(&format!("/api/v1/campaigns/{campaign}")).await.json;
    let target = client.get(&format!("/api/v1/campaigns/{campaign}/contacts")).await.json["items"][0]["id"].clone();
    let target = target.as_str().expect("an id").to_owned();
    let contact = client.create("/api/v1/contacts", json!({"name": "Bo"})).await;
    let spare = client.create("/api/v1/trunks", trunk("Spare")).await;
    let recorded = client.create("/api/v1/trunks", trunk("Recorded")).await;
    let vendor = json!({"name": "gpt", "kind": "openai_chat", "base_url": "http://127.0.0.1:9/v1", "model": "small", "key": "sk-0123456789"});
    let provider = client.create("/api/v1/providers", vendor.clone()).await;
    let survey = client.create("/api/v1/assistants", assistant("Second")).await;
    let list = |name: &str| json!({"name": name, "source": "a register"});
    let robinson = client.create("/api/v1/suppression-lists", list("Robinson 1")).await;
    let spring = json!({"name": "Spring", "assistant_id": read["assistant_id"], "trunk_id": read["trunk_id"]});
    let at = |day: u32| json!({"at": format!("2099-01-{day}T12:00:00Z")});
    for (path, shown, change_to, deletes) in [
        (format!("/api/v1/contacts/{contact}"), None, [json!({"name": "B"}), json!({"name": "C"})], true),
        (format!("/api/v1/trunks/{spare}"), None, [trunk("Spare 1"), trunk("Spare 2")], true),
        (
            format!("/api/v1/trunks/{recorded}/recorder"),
            None,
            [json!({"uri": "sip:recorder@192.0.2.7"}), json!({"uri": null})],
            false,
        ),
        (format!("/api/v1/providers/{provider}"), None, [vendor.clone(), vendor], true),
        (format!("/api/v1/assistants/{survey}"), None, [assistant("One"), assistant("Two")], false),
        (format!("/api/v1/suppression-lists/{robinson}"), None, [list("Robin"), list("Robinson")], true),
        (
            format!("/api/v1/campaigns/{campaign}/trunks"),
            None,
            [json!({"trunk_ids": []}), json!({"trunk_ids": []})],
            false,
        ),
        (
            format!("/api/v1/targets/{target}/callback"),
            Some(format!("/api/v1/targets/{target}")),
            [at(15), at(16)],
            true,
        ),
        (format!("/api/v1/campaigns/{campaign}"), None, [spring.clone(), spring], true),
    ] {
        let shown = shown.unwrap_or_else(|| path.clone());
        let [first, second] = change_to;
        let old = tag(&client.get(&shown).await);
        let done = change(&client, "PUT", &path, &old, first).await;
        assert_eq!(done.status, 200, "{path}: {}", done.json);
        let new = tag(&client.get(&shown).await);
        assert_eq!(tag(&done), new, "{path}: the answer has the new tag");
        if path.ends_with("/trunks") {
            assert_eq!(new, old, "nothing is different");
            continue;
        }
        assert_ne!(new, old, "{path}");
        let late = change(&client, "PUT", &path, &old, second.clone()).await;
        assert_eq!((late.status, late.json["code"].as_str()), (412, Some("changed")), "{path}: {}", late.json);
        assert_eq!(tag(&late), new, "{path}: the refusal has the tag of now");
        assert_eq!(tag(&client.get(&shown).await), new, "{path}: and changes nothing");
        assert_eq!(change(&client, "PUT", &path, "*", second.clone()).await.status, 200, "{path}");
        assert_eq!(change(&client, "PUT", &path, "tag", second).await.status, 422, "{path}: without quotes");
        if deletes {
            assert_eq!(change(&client, "DELETE", &path, &new, json!({})).await.status, 412, "{path}");
            let now = tag(&client.get(&shown).await);
            let gone = change(&client, "DELETE", &path, &format!("\"other\", {now}"), json!({})).await;
            assert!([200, 202, 204].contains(&gone.status), "{path}: {}", gone.json);
        }
    }
    let gone = change(&client, "PUT", &format!("/api/v1/contacts/{contact}"), "\"x\"", json!({"name": "B"})).await;
    assert_eq!(gone.status, 404, "{}", gone.json);
}

async fn of_two_who_read_the_same_one_may_write(db: TestDb) {
    let client = Client::new(db).await;
    let contact = client.create("/api/v1/contacts", json!({"name": "Ada"})).await;
    let path = format!("/api/v1/contacts/{contact}");
    let read = tag(&client.get(&path).await);
    let write = |name: &'static str| change(&client, "PUT", &path, &read, json!({ "name": name }));
    let (a, b, c) = tokio::join!(write("A"), write("B"), write("C"));
    let mut told = [a.status, b.status, c.status];
    told.sort_unstable();
    assert_eq!(told, [200, 412, 412]);
    let winner = [a, b, c].into_iter().find(|answer| answer.status == 200).expect("one");
    assert_eq!(client.get(&path).await.json, winner.json);
}

async fn tags_follow_what_is_shown(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let path = format!("/api/v1/campaigns/{campaign}");
    let draft = client.get(&path).await;
    assert_eq!(tag(&draft), tag(&client.get(&path).await));
    let started = client.post(&format!("{path}/start"), json!({})).await;
    assert_eq!(tag(&started), tag(&client.get(&path).await), "what is done to it answers with its tag as well");
    let late = change(&client, "DELETE", &path, &tag(&draft), json!({})).await;
    assert_eq!(late.status, 412, "it was read as a draft: {}", late.json);
    let page = client
        .send("POST", "/api/v1/knowledge?title=Hours&language=en", Some("text/plain"), Body::from("We open at nine."))
        .await;
    assert_eq!(page.status, 201, "{}", page.json);
    let path = format!("/api/v1/knowledge/{}", page.json["id"].as_str().expect("an id"));
    assert_eq!(tag(&client.get(&path).await), tag(&page));
    assert_eq!(change(&client, "DELETE", &path, "\"0\"", json!({})).await.status, 412);
    assert_eq!(change(&client, "DELETE", &path, &tag(&page), json!({})).await.status, 204);
    assert_eq!(client.get("/api/v1/contacts").await.header("etag"), None, "a list has none");
}
