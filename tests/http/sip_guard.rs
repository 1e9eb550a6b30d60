//! The guard of the SIP sockets as it is read and told over the API.

use callwright::store::Page;
use callwright::store::audit;
use callwright_sip::endpoint::Callers;
use callwright_sip::guard::Networks;
use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(addresses_are_banned_and_pardoned_and_it_is_written_down);

async fn addresses_are_banned_and_pardoned_and_it_is_written_down(db: TestDb) {
    let client = Client::new(db).await;
    let guard = client.get("/api/v1/sip/guard").await;
    assert_eq!((guard.status, &guard.json["bans"]), (200, &json!([])), "{}", guard.json);
    let bans = "/api/v1/sip/guard/bans";
    let short = client.post(bans, json!({"address": "2001:db8::7", "seconds": 600})).await;
    assert_eq!((short.status, &short.json["address"]), (201, &json!("2001:db8::")), "{}", short.json);
    assert_eq!(client.post(bans, json!({"address": "203.0.113.7"})).await.status, 201);
    let shown = client.get("/api/v1/sip/guard").await.json;
    let listed: Vec<_> = shown["bans"].as_array().expect("bans").iter().map(|ban| ban["address"].clone()).collect();
    assert_eq!(listed, [json!("203.0.113.7"), json!("2001:db8::")]);
    assert_eq!((&shown["bans"][0]["cause"], &shown["counters"]["bans"]), (&json!("operator"), &json!(2)));
    let lasts = |ban: &serde_json::Value| {
        let at = |name: &str| ban[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("a time");
        at("until").duration_since(at("since")).as_secs()
    };
    assert!((598..=601).contains(&lasts(&shown["bans"][1])), "{shown}");

    for (body, code) in
        [(json!({"address": "nowhere"}), 422), (json!({"address": "203.0.113.7", "seconds": 0}), 422), (json!({}), 422)]
    {
        let bad = client.post(bans, body).await;
        assert_eq!(bad.status, code, "{}", bad.json);
    }
    // Any address of the network will do.
    assert_eq!(client.delete(&format!("{bans}/2001:db8::99")).await.status, 204);
    assert_eq!(client.delete(&format!("{bans}/2001:db8::99")).await.status, 404);
    assert_eq!(client.delete(&format!("{bans}/x")).await.status, 404);

    let mut known = Networks::default();
    known.add([203, 0, 113, 7].into());
    client.sip.know(known, Callers::default()).await.expect("SIP runs");
    assert_eq!(client.get("/api/v1/sip/guard").await.json["bans"], json!([]), "it is a trunk's now");
    let refused = client.post(bans, json!({"address": "203.0.113.7"})).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("trunk_address")), "{}", refused.json);

    let mut tx = client.db.db.read().await.expect("a transaction");
    let subject = ("address", "2001:db8::".to_owned());
    let entries = audit::list(&mut tx, client.org, subject, Page::first(10)).await.expect("a page").items;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["sip.ban", "sip.unban"]);
}
