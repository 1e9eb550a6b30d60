//! Knowledge over the API.

use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(documents_are_uploaded_searched_and_removed, pages_are_fetched_and_fetched_again);

const HANDBOOK: &str = "# Opening hours\n\nWe open at eight.\n\n# Parking\n\nParking is free.\n";

async fn documents_are_uploaded_searched_and_removed(db: TestDb) {
    let client = Client::new(db).await;
    let path = "/api/v1/knowledge?title=Handbook&language=en";
    let made = client.send("POST", path, Some("text/markdown; charset=utf-8"), Body::from(HANDBOOK)).await;
    assert_eq!((made.status, made.json["chunks"].as_u64()), (201, Some(2)), "{}", made.json);
    assert_eq!((&made.json["kind"], &made.json["embedded"]), (&json!("markdown"), &json!(0)));
    let id = made.json["id"].as_str().expect("an id").to_owned();
    let question = json!({"question": "Where can I park?", "sources": [id], "limit": 1});
    let found = client.post("/api/v1/knowledge/search", question.clone()).await;
    assert_eq!(found.json["passages"][0]["name"], "Handbook › Parking", "{}", found.json);
    assert_eq!(found.json["passages"][0]["text"], "Parking is free.");
    assert_eq!(found.json["by_meaning"], false, "nobody makes vectors here");

    let again = format!("/api/v1/knowledge/{id}?title=Handbook%202");
    let replaced = client.send("PUT", &again, Some("text/plain"), Body::from("Parking costs two euros.")).await;
    assert_eq!((replaced.status, replaced.json["title"].as_str()), (200, Some("Handbook 2")), "{}", replaced.json);
    let found = client.post("/api/v1/knowledge/search", question.clone()).await;
    assert_eq!(found.json["passages"][0]["text"], "Parking costs two euros.");
    assert_eq!(client.post(&format!("/api/v1/knowledge/{id}/refresh"), json!({})).await.status, 409);

    let refused = [
        ("text/csv", "a,b", 415, "unsupported_type"),
        ("application/pdf", "no pdf", 422, "invalid"),
        ("text/plain", "  ", 422, "invalid"),
    ];
    for (kind, body, status, code) in refused {
        let answer = client.send("POST", path, Some(kind), Body::from(body)).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (status, Some(code)), "{kind}: {}", answer.json);
    }
    let untitled = client.send("POST", "/api/v1/knowledge?title=", Some("text/plain"), Body::from("x")).await;
    assert_eq!((untitled.status, untitled.json["errors"][0]["pointer"].as_str()), (422, Some("?title")));
    assert_eq!(client.delete(&format!("/api/v1/knowledge/{id}")).await.status, 204);
    assert_eq!(client.get(&format!("/api/v1/knowledge/{id}")).await.status, 404);
    assert_eq!(client.get("/api/v1/knowledge").await.json["items"], json!([]));
}

/// Serves a page that says how often it was asked for, a file of no use, and a way into the private network.
async fn site() -> String {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let page = move || {
        let count = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let text = if count < 2 { "first" } else { "second" };
        async move { ([(header::CONTENT_TYPE, "text/html")], format!("<h1>News</h1><p>The {text} edition.</p>")) }
    };
    let picture = || async { ([(header::CONTENT_TYPE, "image/png")], "x").into_response() };
    let inside = || async { axum::response::Redirect::temporary("http://10.1.2.3/secret") };
    let router =
        axum::Router::new().route("/news", get(page)).route("/picture", get(picture)).route("/inside", get(inside));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pages_are_fetched_and_fetched_again(db: TestDb) {
    let client = Client::new(db).await;
    let site = site().await;
    let made = client.post("/api/v1/knowledge/fetch", json!({"url": format!("{site}/news"), "title": "News"})).await;
    assert_eq!((made.status, made.json["kind"].as_str()), (201, Some("web")), "{}", made.json);
    let id = made.json["id"].as_str().expect("an id").to_owned();
    let refresh = format!("/api/v1/knowledge/{id}/refresh");
    let same = client.post(&refresh, json!({})).await;
    assert_eq!(same.json["updated_at"], made.json["updated_at"], "the page is the same");
    let changed = client.post(&refresh, json!({})).await;
    assert_ne!(changed.json["updated_at"], made.json["updated_at"], "{}", changed.json);
    let found = client.post("/api/v1/knowledge/search", json!({"question": "edition", "sources": [id]})).await;
    assert_eq!(found.json["passages"][0]["text"], "The second edition.", "{}", found.json);

    let refused = [
        (format!("{site}/picture"), "neither text"),
        (format!("{site}/none"), "404"),
        (format!("{site}/inside"), "private network"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "private network"),
        ("ftp://example.com/".to_owned(), "http://"),
    ];
    for (url, reason) in refused {
        let answer = client.post("/api/v1/knowledge/fetch", json!({"url": url})).await;
        let told = answer.json["errors"][0]["reason"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status, answer.json["errors"][0]["pointer"].as_str()), (422, Some("/url")), "{url}");
        assert!(told.contains(reason), "{url}: {told}");
    }
}
