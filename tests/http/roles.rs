//! What each role may do, route by route.

use axum::body::Body;
use callwright::access::Role;
use callwright::api::scopes::{PERSONAL, ROUTES, Scopes};
use callwright::store::{Page, audit};
use serde_json::json;

use crate::browser::admit;
use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_role_does_what_its_scopes_say_and_nothing_else,
    a_viewer_starts_no_campaign_and_hears_no_recording,
    who_did_it_is_in_the_log
);

async fn a_role_does_what_its_scopes_say_and_nothing_else(db: TestDb) {
    let client = Client::new(db).await;
    let none = "00000000-0000-7000-8000-000000000000";
    for role in [Role::Manager, Role::Supervisor, Role::Viewer] {
        let browser = admit(&client, &format!("{role}@example.com"), role.as_str()).await;
        for (method, route, needed) in ROUTES {
            let path = route.replace("{id}", none).replace("{run_id}", none);
            let answer = browser.send(method, &path, Some("application/json"), Body::from("{}")).await;
            let may = Scopes::of_role(role).allow(*needed);
            assert_eq!(answer.status != 403, may, "{role}: {method} {route} was answered {}", answer.json);
            if !may {
                assert_eq!(answer.json["code"], "missing_scope", "{method} {route}");
            }
        }
        for (method, route) in
            PERSONAL.iter().filter(|(method, route)| (*method, *route) != ("DELETE", "/api/v1/session"))
        {
            let answer =
                browser.send(method, &route.replace("{key}", "k"), Some("application/json"), Body::from("{}")).await;
            assert!(![401, 403].contains(&answer.status), "{role}: {method} {route} was answered {}", answer.json);
        }
    }
}

async fn a_viewer_starts_no_campaign_and_hears_no_recording(db: TestDb) {
    let client = Client::new(db).await;
    let (viewer, manager) =
        (admit(&client, "v@example.com", "viewer").await, admit(&client, "m@example.com", "manager").await);
    let campaign = client.campaign().await;
    let start = format!("/api/v1/campaigns/{campaign}/start");
    let refused = viewer.post(&start, json!({})).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (403, Some("missing_scope")), "{}", refused.json);
    let state = async || client.get(&format!("/api/v1/campaigns/{campaign}")).await.json["state"].clone();
    assert_eq!(state().await, "draft");
    let call = crate::resources::over(&client).await.id;
    std::fs::create_dir_all(client.recordings.join("a")).expect("a folder");
    std::fs::write(client.recordings.join("a/b.wav"), b"content").expect("a file");
    assert_eq!(viewer.get(&format!("/api/v1/calls/{call}")).await.status, 200, "it reads what was said");
    let recording = format!("/api/v1/calls/{call}/recording");
    assert_eq!((viewer.get(&recording).await.status, manager.get(&recording).await.status), (403, 200));
    assert_eq!(manager.post(&start, json!({})).await.status, 200);
    assert_eq!(state().await, "in_progress");
}

async fn who_did_it_is_in_the_log(db: TestDb) {
    let client = Client::new(db).await;
    let manager = admit(&client, "m@example.com", "manager").await;
    let campaign = client.campaign().await;
    assert_eq!(manager.post(&format!("/api/v1/campaigns/{campaign}/start"), json!({})).await.status, 200);
    let user = manager.get("/api/v1/session").await.json["user"]["id"].as_str().expect("an id").to_owned();
    let mut tx = client.db.db.read().await.expect("a transaction");
    let entries =
        audit::list(&mut tx, client.org, ("campaign", campaign), Page::first(10)).await.expect("entries").items;
    let actors: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.actor.to_string())).collect();
    assert!(actors.iter().any(|(_, actor)| *actor == format!("user:{user}")), "{actors:?}");
    assert!(actors.iter().any(|(_, actor)| actor.starts_with("key:")), "programs are still told apart: {actors:?}");
}
