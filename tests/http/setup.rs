//! The first user.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD};
use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(the_first_user_is_made_with_the_printed_code_and_once);

const SETUP: &str = "/api/v1/setup";

fn body(code: &str) -> Value {
    json!({
        "code": code,
        "organisation": {"name": "Acme", "company_name": "Acme Ltd", "time_zone": "Europe/London", "language": "en"},
        "admin": {"name": "Ada", "email": "Ada@Example.com", "password": PASSWORD},
    })
}

async fn the_first_user_is_made_with_the_printed_code_and_once(db: TestDb) {
    let client = Client::new(db).await;
    let mut browser = Browser::new(&client);
    assert_eq!(browser.get(SETUP).await.json, json!({"needed": true}));
    let early = browser.enter(SETUP, body("AAAA-AAAA-AAAA-AAAA")).await;
    assert_eq!((early.status, early.json["code"].as_str()), (401, Some("wrong_code")), "no code was made");
    let code = client.entry.setup.issue();
    let code = code.expose_secret();
    let wrong = browser.enter(SETUP, body("AAAA-AAAA-AAAA-AAAA")).await;
    assert_eq!((wrong.status, wrong.json["code"].as_str()), (401, Some("wrong_code")));
    assert!(!String::from_utf8_lossy(&wrong.bytes).contains(code));
    for (place, value, pointer) in [
        ("/organisation/time_zone", "Mars/Olympus", "/organisation/time_zone"),
        ("/organisation/name", " ", "/organisation/name"),
        ("/organisation/language", "English", "/organisation/language"),
        ("/admin/email", "ada", "/admin/email"),
        ("/admin/password", "too short", "/admin/password"),
    ] {
        let mut wrong = body(code);
        *wrong.pointer_mut(place).expect("a member") = json!(value);
        let answer = browser.enter(SETUP, wrong).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", answer.json);
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(code));
    }
    assert_eq!(browser.get(SETUP).await.json, json!({"needed": true}), "nothing was made");

    let made = browser.enter(SETUP, body(&code.to_lowercase())).await;
    assert_eq!(made.status, 200, "{}", made.json);
    assert_eq!((&made.json["user"]["role"], &made.json["user"]["email"]), (&json!("admin"), &json!("ada@example.com")));
    let organisation = &made.json["organisation"];
    assert_eq!((&organisation["name"], &organisation["company_name"]), (&json!("Acme"), &json!("Acme Ltd")));
    assert_eq!((&organisation["time_zone"], &organisation["language"]), (&json!("Europe/London"), &json!("en")));
    assert!(made.header("set-cookie").is_some_and(|set| set.contains("HttpOnly")));
    assert_eq!(browser.get("/api/v1/users").await.json["items"].as_array().map(Vec::len), Some(1), "and is signed in");

    assert_eq!(browser.get(SETUP).await.json, json!({"needed": false}));
    let again = Browser::new(&client).enter(SETUP, body(code)).await;
    assert_eq!((again.status, again.json["code"].as_str()), (409, Some("already_set_up")));
    assert!(!client.entry.setup.fits(code), "it has served");
    assert_eq!(client.get("/api/v1/users").await.json["items"].as_array().map(Vec::len), Some(1));
    Browser::signed_in(&client, "ada@example.com", PASSWORD).await;
}
