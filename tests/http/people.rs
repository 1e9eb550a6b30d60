//! What is known of contacts beyond their numbers: addresses, tags, what they are found by, what happened with them.

use callwright::store::call::Call;
use serde_json::{Value, json};

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;
use crate::resources::record;

on_both!(
    a_contact_has_addresses_tags_and_an_id_of_elsewhere,
    contacts_are_found_by_tags_zones_and_opt_outs,
    a_part_in_the_middle_is_found_however_many_have_it,
    what_an_earlier_version_made_is_found_too,
    tags_are_kept_by_name,
    one_timeline_holds_what_happened_everywhere,
);

async fn names(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/api/v1/contacts?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.json);
    let items = answer.json["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().unwrap_or("").to_owned()).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn a_contact_has_addresses_tags_and_an_id_of_elsewhere(db: TestDb) {
    let client = Client::new(db).await;
    let body = json!({"name": "Ada", "phone": "+442079460001", "external_id": " K-7 ", "tags": ["VIP", "spring"],
                      "emails": [{"address": "Ada@Example.org", "label": "office"}, {"address": "a@b.example.net"}]});
    let made = client.post("/api/v1/contacts", body).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!(made.json["emails"][0], json!({"address": "Ada@Example.org", "label": "office"}));
    assert_eq!((&made.json["external_id"], &made.json["time_zone_source"]), (&json!("K-7"), &json!("number")));
    let tags = |contact: &Value| {
        contact["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(tags(&made.json), [json!("spring"), json!("VIP")], "by name");
    for query in ["search=ada%40EXAMPLE", "search=k-7", "external_id=K-7", "search=net"] {
        assert_eq!(names(&client, query).await, ["Ada"], "{query}");
    }
    let path = format!("/api/v1/contacts/{}", id(&made.json));
    let replaced = client.put(&path, json!({"name": "Ada", "tags": ["vip"]})).await;
    assert_eq!((tags(&replaced.json), &replaced.json["emails"]), (vec![json!("VIP")], &json!([])));
    let kept = client.put(&path, json!({"name": "Ada L", "external_id": "K-7"})).await;
    assert_eq!(tags(&kept.json), [json!("VIP")], "tags that are not spoken of stay");
    let taken = client.post("/api/v1/contacts", json!({"name": "Bo", "external_id": "K-7"})).await;
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("external_id_taken")));
    for (body, pointer, code) in [
        (json!({"emails": [{"address": "ada"}]}), "/emails/0/address", "invalid_email"),
        (json!({"emails": [{"address": "a@b.de"}, {"address": "A@b.de"}]}), "/emails/1/address", "repeated"),
        (json!({"external_id": "x".repeat(101)}), "/external_id", "too_long"),
        (json!({"tags": ["ok", " "]}), "/tags/1", "rule"),
    ] {
        let refused = client.post("/api/v1/contacts", body).await;
        let told = &refused.json["errors"][0];
        assert_eq!((refused.status, &told["pointer"], &told["code"]), (422, &json!(pointer), &json!(code)));
    }
}

async fn contacts_are_found_by_tags_zones_and_opt_outs(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    for (name, phone, tags) in [
        ("Bo", Some("+442079460002"), vec!["red", "big"]),
        ("Cy", Some("+881612345678"), vec!["red"]),
        ("Di", None, vec!["big"]),
    ] {
        client.create("/api/v1/contacts", json!({"name": name, "phone": phone, "tags": tags})).await;
    }
    let two = json!({"name": "Ed", "phones": [{"number": "+442079460005"}, {"number": "+442079460006"}]});
    client.create("/api/v1/contacts", two).await;
    client.create("/api/v1/suppressions", json!({"phone": "+442079460006"})).await;
    let listed = client.get("/api/v1/tags?sort=name").await.json;
    let (big, red) = (id(&listed["items"][0]), id(&listed["items"][1]));
    assert_eq!((&listed["items"][1]["name"], &listed["items"][1]["contacts"]), (&json!("red"), &json!(2)));
    for (query, want) in [
        (format!("tag_any={red},{big}&sort=name"), vec!["Bo", "Cy", "Di"]),
        (format!("tag_all={red},{big}"), vec!["Bo"]),
        (format!("tag_any={red}&sort=-name"), vec!["Cy", "Bo"]),
        ("zone_missing=true&sort=name".to_owned(), vec!["Cy", "Di"]),
        ("zone_missing=false&sort=name".to_owned(), vec!["Ada", "Bo", "Ed"]),
        ("opted_out=true".to_owned(), vec!["Ed"]),
        ("opted_out=false&sort=name".to_owned(), vec!["Ada", "Bo", "Cy", "Di"]),
        (format!("campaign_id={campaign}"), vec!["Ada"]),
        (format!("not_in_campaign_id={campaign}&tag_any={big}&sort=name"), vec!["Bo", "Di"]),
    ] {
        assert_eq!(names(&client, &query).await, want, "{query}");
        let total = client.get(&format!("/api/v1/contacts/total?{}", query.split("&sort").next().unwrap_or(""))).await;
        assert_eq!(total.json, json!({"count": want.len(), "exact": true}), "{query}");
    }
    let ed = client.get("/api/v1/contacts?search=ed").await.json["items"][0].clone();
    assert_eq!(ed["opted_out"], json!(true));
}

/// More than are looked up one by one.
async fn a_part_in_the_middle_is_found_however_many_have_it(db: TestDb) {
    let client = Client::new(db).await;
    let mut file = "name,phone\n".to_owned();
    for number in 0..4500 {
        file.push_str(&format!("Müller {number},+4420{:08}\n", 30_000_000 + number));
    }
    file.push_str("Özgür Yılmaz,+442079460001\n");
    let body = axum::body::Body::from(file);
    let done = client.send("POST", "/api/v1/contacts/import", Some("text/csv"), body).await;
    assert_eq!((done.status, &done.json["created"]), (200, &json!(4501)), "{}", done.json["rows"]);
    assert_eq!(names(&client, "search=%C3%9CR+YI%CC%87L").await, [""; 0]);
    assert_eq!(names(&client, "search=%C3%B6zg%C3%BCr").await, ["Özgür Yılmaz"]);
    assert_eq!(names(&client, "search=207946").await, ["Özgür Yılmaz"], "a part of a number");
    assert_eq!(names(&client, "search=ller&limit=3").await, ["Müller 0", "Müller 1", "Müller 2"], "what many have");
    assert_eq!(names(&client, "search=er+4499&limit=3").await, ["Müller 4499"]);
    assert_eq!(names(&client, "search=zg").await, ["Özgür Yılmaz"], "fewer than three letters");
    assert_eq!(names(&client, "search=30000007").await, ["Müller 7"]);
    let total = client.get("/api/v1/contacts/total?search=m%C3%BCller").await.json;
    assert_eq!(total, json!({"count": 4500, "exact": true}));
    let one = client.get("/api/v1/contacts?search=30000007").await.json["items"][0].clone();
    let path = format!("/api/v1/contacts/{}", id(&one));
    client.put(&path, json!({"name": "Renamed", "phone": "+442030000007"})).await;
    assert_eq!(names(&client, "search=ename").await, ["Renamed"], "found by its new name");
    assert_eq!(names(&client, "search=ller+7&limit=1").await, ["Müller 70"], "and no longer by the old one");
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(names(&client, "search=ename").await, [""; 0]);
}

async fn what_an_earlier_version_made_is_found_too(db: TestDb) {
    let client = Client::new(db).await;
    client.create("/api/v1/contacts", json!({"name": "Jürgen", "phone": "+881612345678"})).await;
    let mut tx = client.db.db.begin().await.expect("a transaction");
    tx.execute("UPDATE contact SET zone_source = NULL", vec![]).await.expect("as it was");
    tx.commit().await.expect("committed");
    assert_eq!(names(&client, "search=rgen").await, ["Jürgen"]);
    assert_eq!(names(&client, "zone_missing=true").await, [""; 0], "nobody has looked");
    callwright::app::clerk::round(&client.db.db, &client.recordings).await.expect("a round");
    assert_eq!(names(&client, "zone_missing=true").await, ["Jürgen"]);
    assert_eq!(names(&client, "search=rgen").await, ["Jürgen"]);
}

async fn tags_are_kept_by_name(db: TestDb) {
    let client = Client::new(db).await;
    let vip = client.create("/api/v1/tags", json!({"name": "VIP"})).await;
    let again = client.post("/api/v1/tags", json!({"name": " vip "})).await;
    assert_eq!((again.status, id(&again.json)), (200, vip.clone()));
    let other = client.create("/api/v1/tags", json!({"name": "Ärger"})).await;
    assert_eq!(client.get("/api/v1/tags?search=%C3%84RG").await.json["items"][0]["id"], json!(other));
    let path = format!("/api/v1/tags/{other}");
    let taken = client.put(&path, json!({"name": "Vip"})).await;
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("name_taken")));
    assert_eq!(client.put(&path, json!({"name": "Cold"})).await.json["name"], "Cold");
    client.create("/api/v1/contacts", json!({"name": "Ada", "tags": ["COLD"]})).await;
    assert_eq!(client.delete(&path).await.status, 204);
    let ada = client.get("/api/v1/contacts").await.json["items"][0].clone();
    assert_eq!((&ada["name"], &ada["tags"]), (&json!("Ada"), &json!([])), "the contact stays");
    assert_eq!(client.delete(&path).await.status, 404);
}

async fn one_timeline_holds_what_happened_everywhere(db: TestDb) {
    let client = Client::new(db).await;
    let campaign = client.campaign().await;
    let contact = id(&client.get("/api/v1/contacts").await.json["items"][0]);
    let of = Some(contact.parse().expect("an id"));
    let call = record(&client, |call| Call { contact: of, campaign: campaign.parse().ok(), ..call }).await;
    let path = format!("/api/v1/contacts/{contact}");
    let phone = client.get(&path).await.json["phone"].clone();
    client.create("/api/v1/suppressions", json!({"phone": phone})).await;
    let consent = json!({"phone": phone, "source": "form", "given_at": "2020-01-01T00:00:00Z", "proof": "yes"});
    client.create("/api/v1/consents", consent).await;
    let told = client.get(&format!("{path}/timeline")).await;
    assert_eq!(told.status, 200, "{}", told.json);
    let items = told.json["items"].as_array().expect("items");
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap_or("")).collect();
    for kind in ["made", "added_to_campaign", "call", "opted_out", "consent_given"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    assert_eq!(kinds.last(), Some(&"consent_given"), "the latest first: {kinds:?}");
    let of_call = items.iter().find(|item| item["kind"] == "call").expect("the call");
    assert_eq!(of_call["call_id"], json!(call.id.to_string()));
    let first = client.get(&format!("{path}/timeline?limit=1")).await.json["items"][0].clone();
    assert_eq!(first, items[0]);
    let rest = client.get(&format!("{path}/timeline?before={}", items[0]["at"].as_str().expect("a time"))).await;
    assert!(rest.json["items"].as_array().expect("items").len() < items.len());
    assert_eq!(client.get("/api/v1/contacts/0190f3c4-7b1a-7000-8000-000000000001/timeline").await.status, 404);
}
