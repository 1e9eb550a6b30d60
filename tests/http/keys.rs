//! Keys and what they may do.

use std::collections::BTreeSet;

use axum::body::Body;
use callwright::api::scopes::{OPEN, PERSONAL, ROUTES, Scope};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::db::TestDb;
use crate::on_both;

on_both!(keys_are_made_listed_and_revoked, a_key_does_what_its_scopes_say_and_nothing_else, a_secret_is_shown_once);

const KEYS: &str = "/api/v1/api-keys";

/// A key with these scopes: its id and its secret.
async fn key(client: &Client, scopes: &[&str]) -> (String, String) {
    let made = client.post(KEYS, json!({"name": "test", "scopes": scopes})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let text = |name: &str| made.json[name].as_str().expect("text").to_owned();
    (text("id"), text("secret"))
}

async fn with(client: &Client, secret: &str, method: &str, path: &str) -> Answer {
    client.with_key(secret).send(method, path, Some("application/json"), Body::from("{}")).await
}

async fn keys_are_made_listed_and_revoked(db: TestDb) {
    let client = Client::new(db).await;
    let (id, secret) = key(&client, &["contacts:read", "calls:read"]).await;
    assert!(secret.starts_with("cw_") && secret.len() == 67, "{secret}");
    let listed = client.get(KEYS).await;
    assert_eq!(listed.json["items"][1]["scopes"], json!(["contacts:read", "calls:read"]), "{}", listed.json);
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&secret), "a secret is in no list");
    assert_eq!(with(&client, &secret, "GET", "/api/v1/contacts").await.status, 200);
    for wrong in [
        json!({"name": "x", "scopes": []}),
        json!({"name": "", "scopes": ["admin"]}),
        json!({"name": "x", "scopes": ["all"]}),
    ] {
        assert_eq!(client.post(KEYS, wrong.clone()).await.status, 422, "{wrong}");
    }
    assert_eq!(client.delete(&format!("{KEYS}/{id}")).await.status, 204);
    assert_eq!(with(&client, &secret, "GET", "/api/v1/contacts").await.status, 401, "from the answer on");
    assert_eq!(client.delete(&format!("{KEYS}/{id}")).await.status, 404);
    let own = client.get(KEYS).await.json["items"][0]["id"].as_str().expect("an id").to_owned();
    let last = client.delete(&format!("{KEYS}/{own}")).await;
    assert_eq!((last.status, last.json["code"].as_str()), (409, Some("last_admin")), "{}", last.json);
    let (_, other) = key(&client, &["admin"]).await;
    assert_eq!(client.delete(&format!("{KEYS}/{own}")).await.status, 204);
    assert_eq!(with(&client, &other, "GET", KEYS).await.json["items"].as_array().expect("keys").len(), 1);
}

async fn a_key_does_what_its_scopes_say_and_nothing_else(db: TestDb) {
    let client = Client::new(db).await;
    let none = "00000000-0000-7000-8000-000000000000";
    for scope in Scope::ALL {
        let (_, secret) = key(&client, &[scope.as_str()]).await;
        for (method, route, needed) in ROUTES {
            let path = route.replace("{id}", none).replace("{run_id}", none);
            let answer = with(&client, &secret, method, &path).await;
            let hears = (*scope, *needed) == (Scope::CallsRead, Scope::RecordingsRead);
            let may = scope == needed || *scope == Scope::Admin || hears;
            assert_eq!(answer.status != 403, may, "{scope}: {method} {route} was answered {}", answer.json);
            if !may {
                let told = answer.json["detail"].as_str().unwrap_or("");
                assert!(told.contains(&format!("`{needed}`")), "{method} {route} says which: {told}");
                assert_eq!(answer.json["code"], "missing_scope");
            }
        }
        // Admin last in this loop would end everything that the others look at; it is first, and nothing is there yet.
    }
    for (method, route, _) in ROUTES {
        let nobody = client
            .with_key("")
            .send(method, &route.replace("{id}", none).replace("{run_id}", none), None, Body::empty())
            .await;
        assert_eq!(nobody.status, 401, "{method} {route}");
    }
    for (method, route) in PERSONAL {
        let program = client.send(method, route, Some("application/json"), Body::from("{}")).await;
        assert_eq!((program.status, program.json["code"].as_str()), (403, Some("no_user")), "{method} {route}");
        assert_eq!(client.with_key("").send(method, route, None, Body::empty()).await.status, 401, "{method} {route}");
    }
}

/// The document is made from the router itself: a route that is in one and not in the table needs `admin`, and is found here.
#[test]
fn every_route_has_its_scope() {
    let document = serde_json::to_value(callwright::api::openapi()).expect("the document");
    let paths = document["paths"].as_object().expect("paths");
    let methods =
        |item: &Value| item.as_object().expect("methods").keys().map(|name| name.to_uppercase()).collect::<Vec<_>>();
    let there: BTreeSet<_> =
        paths.iter().flat_map(|(path, item)| methods(item).into_iter().map(|method| (method, path.clone()))).collect();
    let scoped = ROUTES.iter().map(|(method, path, _)| (method, path));
    let others = PERSONAL.iter().chain(OPEN).map(|(method, path)| (method, path));
    let told: BTreeSet<_> =
        scoped.chain(others).map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(there, told);
    for (method, path, scope) in ROUTES {
        let operation = &document["paths"][path][method.to_lowercase()];
        let told = operation["description"].as_str().unwrap_or("");
        assert!(told.contains(&format!("`{scope}`")), "{method} {path}: {told}");
        assert!(operation["responses"].get("403").is_some(), "{method} {path}");
    }
    let writes = |method: &str| method != "GET";
    let reads = |scope: &Scope| scope.as_str().ends_with(":read");
    let harmless = ["/api/v1/knowledge/search", "/api/v1/campaigns/{id}/forecast", "/api/v1/trunks/{id}/preview"];
    for (method, path, scope) in ROUTES {
        assert!(!(writes(method) && reads(scope)) || harmless.contains(path), "{method} {path} changes something");
    }
}

async fn a_secret_is_shown_once(db: TestDb) {
    let client = Client::new(db).await;
    let make = async || {
        let body = Body::from(json!({"name": "once", "scopes": ["calls:read"]}).to_string());
        client.send_with(&[("idempotency-key", "k")], "POST", KEYS, Some("application/json"), body).await
    };
    let (first, again) = (make().await, make().await);
    assert_eq!((first.status, again.status), (201, 409));
    assert_eq!((again.json["code"].as_str(), again.header("idempotency-replayed")), (Some("shown_once"), Some("true")));
    assert!(!String::from_utf8_lossy(&again.bytes).contains("cw_"), "{}", again.json);
    assert_eq!(client.get(KEYS).await.json["items"].as_array().expect("keys").len(), 2, "no second key is made");
}
