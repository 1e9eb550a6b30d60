//! The console beside the API.

use bytes::Bytes;
use callwright::api::Api;
use callwright::console::{Console, File};

use crate::browser::Browser;
use crate::client::Client;
use crate::db::TestDb;

#[tokio::test]
async fn pages_and_the_api_share_an_address() {
    let console = Console::of(|name| {
        let bytes = match name {
            "index.html" => Bytes::from_static(b"<title>console</title>"),
            "assets/app-1a2b.js" => Bytes::from_static(b"start()"),
            _ => return None,
        };
        Some(File { bytes, content_type: "text/html; charset=utf-8".to_owned(), tag: name.len().to_string() })
    });
    let client = Client::made(TestDb::sqlite().await, |api| Api { console, ..api }).await;
    let browser = Browser::new(&client);
    for page in ["/", "/campaigns/1/overview", "/invite/token"] {
        let answer = browser.get(page).await;
        assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"<title>console</title>"[..]), "{page}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    assert_eq!(
        browser.get("/assets/app-1a2b.js").await.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    for none in ["/assets/other.js", "/api/v1/nothing", "/api"] {
        let answer = browser.get(none).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (404, "application/problem+json"), "{none}");
    }
    assert_eq!(browser.get("/api/v1/campaigns").await.status, 401);
    assert_eq!(browser.get("/healthz").await.bytes, b"ok");
    assert!(browser.get("/openapi.json").await.json["openapi"].is_string());
    assert_eq!(browser.delete("/campaigns").await.status, 404);
}

#[tokio::test]
async fn a_build_without_the_console_says_so() {
    let client = Client::made(TestDb::sqlite().await, |api| Api { console: Console::of(|_| None), ..api }).await;
    let answer = Browser::new(&client).get("/").await;
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.bytes).contains("make web"));
}
