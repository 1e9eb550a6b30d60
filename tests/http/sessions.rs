//! Sessions: what they are good for, and how long.

use axum::http::header;
use callwright::access::Email;
use callwright::store::user;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::browser::{Browser, PASSWORD, admit};
use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(
    a_change_proves_that_it_comes_from_a_page_of_ours,
    a_session_ends_when_it_is_not_used_and_after_thirty_days,
    a_user_has_twenty_sessions_at_most,
    a_new_password_signs_everybody_else_out,
    preferences_are_kept_for_each_by_themselves,
    a_websocket_is_for_pages_of_this_server_and_ends_with_the_session,
);

const SESSION: &str = "/api/v1/session";
const ADA: &str = "ada@example.com";
const HOUR: i64 = 3_600_000_000;

async fn a_change_proves_that_it_comes_from_a_page_of_ours(db: TestDb) {
    let client = Client::new(db).await;
    let browser = admit(&client, ADA, "manager").await;
    let other = admit(&client, "bo@example.com", "manager").await;
    let contact = json!({"name": "Cy", "phone": "+442079460001"});
    for csrf in [None, Some("wrong".to_owned()), Some(String::new()), other.csrf.clone(), browser.cookie.clone()] {
        let forged = Browser { csrf, ..browser.clone() };
        let answer = forged.post("/api/v1/contacts", contact.clone()).await;
        assert_eq!((answer.status, answer.json["code"].as_str()), (403, Some("csrf")), "{}", answer.json);
        assert_eq!(forged.put(&format!("{SESSION}/user"), json!({"name": "X", "language": "en"})).await.status, 403);
        assert_eq!(forged.delete(SESSION).await.status, 403, "nobody signs others out either");
        assert_eq!(forged.get("/api/v1/contacts").await.status, 200, "who reads changes nothing");
    }
    assert_eq!(browser.get("/api/v1/contacts").await.json["items"], json!([]), "nothing was made");
    assert_eq!(browser.post("/api/v1/contacts", contact).await.status, 201);
    // A second cookie of that name comes from somebody else, and one is as good as the other.
    let tossed = format!("callwright_session={}", other.cookie.clone().expect("a cookie"));
    let two = Browser { headers: vec![("cookie", tossed)], ..browser.clone() };
    assert_eq!(two.get(SESSION).await.status, 401);
    let with_key = Browser { headers: vec![("authorization", "Bearer cw_wrong".to_owned())], ..browser.clone() };
    assert_eq!(with_key.get("/api/v1/contacts").await.status, 401, "a key that is sent is the one that counts");
    let with_key =
        Browser { csrf: None, headers: vec![("authorization", format!("Bearer {}", client.key()))], ..browser };
    assert_eq!(with_key.get("/api/v1/users").await.status, 200);
    assert_eq!(with_key.get(SESSION).await.json["code"], "no_user");
}

async fn a_session_ends_when_it_is_not_used_and_after_thirty_days(db: TestDb) {
    let client = Client::new(db).await;
    let clock = |hours: i64| client.db.db.shift_clock(hours * HOUR);
    let idle = admit(&client, ADA, "viewer").await;
    let mut remembered = Browser::new(&client);
    remembered.enter(SESSION, json!({"email": ADA, "password": PASSWORD, "remember": true})).await;
    for _ in 0..3 {
        clock(11);
        assert_eq!(idle.get(SESSION).await.status, 200, "it is used");
    }
    clock(13);
    assert_eq!(idle.get(SESSION).await.status, 401, "twelve hours without a request");
    clock(24 * 28 - 46);
    assert_eq!(remembered.get(SESSION).await.status, 200, "after 28 days");
    clock(24);
    assert_eq!(remembered.get(SESSION).await.status, 200);
    clock(25);
    assert_eq!(remembered.get(SESSION).await.status, 401, "after thirty, used or not");
    let used = Browser::signed_in(&client, ADA, PASSWORD).await;
    for _ in 0..71 {
        clock(10);
        assert_eq!(used.get(SESSION).await.status, 200);
    }
    clock(10);
    assert_eq!(used.get(SESSION).await.status, 401, "after thirty days of use");
}

async fn a_user_has_twenty_sessions_at_most(db: TestDb) {
    let client = Client::new(db).await;
    let first = admit(&client, ADA, "viewer").await;
    let email: Email = ADA.parse().expect("an address");
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let (user, _) = user::by_email(&mut tx, &email).await.expect("no fault").expect("the user");
    for _ in 0..19 {
        let token = callwright::access::Token::fresh();
        callwright::store::user_session::begin(&mut tx, user.id, false, &token).await.expect("a session");
    }
    tx.commit().await.expect("a commit");
    assert_eq!(first.get(SESSION).await.status, 200, "there is room for twenty");
    Browser::signed_in(&client, ADA, PASSWORD).await;
    assert_eq!(first.get(SESSION).await.status, 401, "the oldest goes");
}

async fn a_new_password_signs_everybody_else_out(db: TestDb) {
    let client = Client::new(db).await;
    let browser = admit(&client, ADA, "viewer").await;
    let other = Browser::signed_in(&client, ADA, PASSWORD).await;
    let path = format!("{SESSION}/user");
    let change =
        |old: &str, new: &str| json!({"name": "Ada L.", "language": "de-AT", "password": {"old": old, "new": new}});
    let wrong = browser.put(&path, change("not the password", "another pass phrase")).await;
    assert_eq!((wrong.status, &wrong.json["errors"][0]["pointer"]), (422, &json!("/password/old")), "{}", wrong.json);
    let short = browser.put(&path, change(PASSWORD, "too short")).await;
    assert_eq!((short.status, &short.json["errors"][0]["pointer"]), (422, &json!("/password/new")), "{}", short.json);
    assert_eq!(other.get(SESSION).await.status, 200, "nothing has changed");
    let changed = browser.put(&path, change(PASSWORD, "another pass phrase")).await;
    assert_eq!((changed.status, &changed.json["name"]), (200, &json!("Ada L.")), "{}", changed.json);
    assert_eq!(changed.json["language"], "de-AT");
    assert_eq!((browser.get(SESSION).await.status, other.get(SESSION).await.status), (200, 401));
    assert_eq!(Browser::new(&client).sign_in(ADA, PASSWORD).await.status, 401);
    Browser::signed_in(&client, ADA, "another pass phrase").await;
    for (language, fits) in [("en", true), ("english", false), ("en_GB", false)] {
        let answer = browser.put(&path, json!({"name": "Ada", "language": language})).await;
        assert_eq!(answer.status == 200, fits, "{language}");
    }
}

async fn preferences_are_kept_for_each_by_themselves(db: TestDb) {
    let client = Client::new(db).await;
    let (one, two) = (admit(&client, ADA, "viewer").await, admit(&client, "bo@example.com", "viewer").await);
    let path = |key: &str| format!("/api/v1/preferences/{key}");
    assert_eq!(one.put(&path("table:calls"), json!({"value": {"columns": ["a"]}})).await.status, 204);
    assert_eq!(one.put(&path("table:calls"), json!({"value": {"columns": ["b"]}})).await.status, 204);
    assert_eq!(one.put(&path("hints"), json!({"value": null})).await.status, 204);
    let read = one.get("/api/v1/preferences").await.json;
    assert_eq!(read, json!({"hints": null, "table:calls": {"columns": ["b"]}}));
    assert_eq!(two.get("/api/v1/preferences").await.json, json!({}), "others have their own");
    assert_eq!(one.delete(&path("hints")).await.status, 204);
    assert_eq!(one.delete(&path("hints")).await.status, 204, "it is not set, as was asked for");
    let fits = "x".repeat(8_190);
    for (key, body, pointer) in [
        ("big", json!({"value": format!("{fits}x")}), "/value"),
        ("a%20b", json!({"value": 1}), "key"),
        ("none", json!({}), ""),
        ("more", json!({"value": 1, "more": 2}), "/more"),
    ] {
        let answer = one.put(&path(key), body).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", answer.json);
    }
    assert_eq!(one.put(&path("big"), json!({ "value": fits })).await.status, 204);
    for number in 0..98 {
        assert_eq!(one.put(&path(&format!("n{number}")), json!({"value": number})).await.status, 204);
    }
    let full = one.put(&path("one-more"), json!({"value": 1})).await;
    assert_eq!((full.status, full.json["code"].as_str()), (409, Some("too_many_preferences")), "{}", full.json);
    assert_eq!(one.put(&path("n1"), json!({"value": 2})).await.status, 204, "what is there can be changed");
}

async fn a_websocket_is_for_pages_of_this_server_and_ends_with_the_session(db: TestDb) {
    let client = Client::new(db).await;
    let browser = admit(&client, ADA, "viewer").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let service = client.router().into_make_service_with_connect_info::<std::net::SocketAddr>();
    let server = tokio::spawn(axum::serve(listener, service).into_future());
    let cookie = browser.cookie.clone().expect("a cookie");
    let connect = |origin: Option<String>| {
        let url = format!("ws://{address}/api/v1/events/stream?after=latest");
        let mut request = url.into_client_request().expect("a request");
        let cookie = format!("callwright_session={cookie}").parse().expect("a header");
        request.headers_mut().insert(header::COOKIE, cookie);
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().expect("a header"));
        }
        connect_async(request)
    };
    for foreign in [None, Some("https://evil.example".to_owned()), Some("null".to_owned())] {
        let refused = connect(foreign.clone()).await.expect_err("another page");
        let Error::Http(answer) = refused else { panic!("{refused}") };
        let told: Value = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).expect("a problem");
        assert_eq!((answer.status().as_u16(), &told["code"]), (403, &json!("csrf")), "{foreign:?}: {told}");
    }
    let (mut socket, _) = connect(Some(format!("http://{address}"))).await.expect("an own page reads");
    assert_eq!(browser.delete(SESSION).await.status, 204);
    let closed = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let frame = tokio::time::timeout(std::time::Duration::from_secs(60), closed).await.expect("in time");
    assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1008), "who has signed out reads no more");
    server.abort();
}
