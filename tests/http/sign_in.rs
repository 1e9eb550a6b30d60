//! Who gets in, and how often somebody may try.

use axum::body::Body;
use callwright::access::Email;
use callwright::store::audit;
use callwright::store::sign_in_try::{self, Subject};
use callwright::store::{Page, StoreError};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD, admit};
use crate::client::Client;
use crate::db::TestDb;
use crate::on_both;

on_both!(
    people_sign_in_and_out,
    nobody_is_told_whether_there_is_an_account,
    the_cookie_is_secure_behind_a_proxy_that_speaks_tls,
    a_sign_in_brings_a_session_that_nobody_knew_before,
    five_wrong_passwords_lock_the_account_for_a_while,
    of_many_tries_at_once_five_are_looked_at,
    so_many_tries_come_from_one_address,
    secrets_are_kept_as_hashes,
);

const SESSION: &str = "/api/v1/session";
const ADA: &str = "ada@example.com";

async fn people_sign_in_and_out(db: TestDb) {
    let client = Client::new(db).await;
    admit(&client, ADA, "manager").await;
    let mut browser = Browser::new(&client);
    assert_eq!(browser.get(SESSION).await.status, 401, "nobody is signed in");
    let answer = browser.sign_in(" Ada@Example.com", PASSWORD).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.json);
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    let (_, ways) = set.split_once("; ").expect("more than a value");
    assert_eq!(ways, "Path=/; HttpOnly; SameSite=Strict", "no TLS, and gone with the browser");
    assert_eq!((&answer.json["user"]["email"], &answer.json["user"]["role"]), (&json!(ADA), &json!("manager")));
    assert_eq!(answer.json["organisation"]["name"], "Default");
    let scopes = answer.json["scopes"].as_array().expect("scopes");
    assert!(scopes.contains(&json!("campaigns:control")) && !scopes.contains(&json!("admin")), "{scopes:?}");

    let read = browser.get(SESSION).await;
    assert_eq!((read.status, &read.json), (200, &answer.json), "the same again, csrf included");
    assert_eq!(browser.get("/api/v1/campaigns").await.status, 200);
    let remembered = json!({"email": ADA, "password": PASSWORD, "remember": true});
    let set = Browser::new(&client).enter(SESSION, remembered).await;
    assert!(set.header("set-cookie").expect("a cookie").ends_with("; Max-Age=2592000"));

    let gone = browser.delete(SESSION).await;
    assert_eq!(gone.status, 204, "{}", gone.json);
    assert!(gone.header("set-cookie").expect("it is taken away").starts_with("callwright_session=; "));
    assert_eq!(browser.get(SESSION).await.status, 401, "the token serves no longer");
    assert_eq!(browser.get("/api/v1/campaigns").await.status, 401);
    for wrong in [json!({"email": ADA}), json!({"email": ADA, "password": "x".repeat(1_025)}), json!({})] {
        assert_eq!(browser.post(SESSION, wrong.clone()).await.status, 422, "{wrong}");
    }
    let form = Body::from(json!({"email": ADA, "password": PASSWORD}).to_string());
    assert_eq!(browser.send("POST", SESSION, Some("text/plain"), form).await.status, 415, "as a form could send it");
}

async fn nobody_is_told_whether_there_is_an_account(db: TestDb) {
    let client = Client::new(db).await;
    let admin = admit(&client, "root@example.com", "admin").await;
    admit(&client, ADA, "viewer").await;
    let id = |answer: &Value, email: &str| {
        let users = answer["items"].as_array().expect("users").iter().find(|user| user["email"] == email);
        users.expect("the user")["id"].as_str().expect("an id").to_owned()
    };
    let users = admin.get("/api/v1/users").await.json;
    let off = json!({"name": "Ada", "role": "viewer", "active": false});
    assert_eq!(admin.put(&format!("/api/v1/users/{}", id(&users, ADA)), off).await.status, 200);
    admin.post("/api/v1/users", json!({"email": "new@example.com", "name": "New", "role": "viewer"})).await;
    let mut told = Vec::new();
    for (email, password) in [
        ("root@example.com", "not the password"),
        ("nobody@example.com", PASSWORD),
        (ADA, PASSWORD),
        ("new@example.com", ""),
        ("no address", PASSWORD),
    ] {
        let answer = Browser::new(&client).sign_in(email, password).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{email}");
        assert_eq!(answer.json["code"], "wrong_credentials");
        told.push(answer.bytes);
    }
    assert!(told.windows(2).all(|two| two[0] == two[1]), "the same to all");
}

async fn the_cookie_is_secure_behind_a_proxy_that_speaks_tls(db: TestDb) {
    let client = Client::new(db).await;
    admit(&client, ADA, "viewer").await;
    let mut browser = Browser::new(&client);
    browser.headers = vec![("x-forwarded-proto", "https".to_owned()), ("x-forwarded-for", "203.0.113.7".to_owned())];
    for (from, secure) in [("127.0.0.1:9", true), ("198.51.100.7:9", false)] {
        browser.from = from.parse().ok();
        let answer = browser.sign_in(ADA, PASSWORD).await;
        let set = answer.header("set-cookie").expect("a cookie");
        assert_eq!(set.contains("; Secure"), secure, "{from}: {}", set.split_once("; ").expect("ways").1);
    }
}

async fn a_sign_in_brings_a_session_that_nobody_knew_before(db: TestDb) {
    let client = Client::new(db).await;
    admit(&client, ADA, "viewer").await;
    let mut browser = Browser::new(&client);
    browser.cookie = Some("set-by-somebody-else".to_owned());
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 200);
    let first = browser.clone();
    assert_ne!(first.cookie.as_deref(), Some("set-by-somebody-else"));
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 200);
    assert_ne!(browser.cookie, first.cookie);
    assert_eq!(first.get(SESSION).await.status, 401, "the one before is over");
    assert_eq!(browser.get(SESSION).await.status, 200);
}

async fn five_wrong_passwords_lock_the_account_for_a_while(db: TestDb) {
    let client = Client::new(db).await;
    let signed_in = admit(&client, ADA, "viewer").await;
    for email in [ADA, "nobody@example.com"] {
        for _ in 0..5 {
            assert_eq!(Browser::new(&client).sign_in(email, "not the password").await.status, 401, "{email}");
        }
        let locked = Browser::new(&client).sign_in(email, PASSWORD).await;
        assert_eq!((locked.status, locked.json["code"].as_str()), (429, Some("locked")), "{email}");
        let seconds: u64 = locked.header("retry-after").expect("how long").parse().expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    assert_eq!(signed_in.get(SESSION).await.status, 200, "whoever is in stays in");
    client.db.db.shift_clock(61_000_000);
    assert_eq!(Browser::new(&client).sign_in(ADA, "not the password").await.status, 401);
    client.db.db.shift_clock(61_000_000);
    assert_eq!(Browser::new(&client).sign_in(ADA, PASSWORD).await.status, 429, "five minutes, the second time");
    client.db.db.shift_clock(240_000_000);
    assert_eq!(Browser::new(&client).sign_in(ADA, PASSWORD).await.status, 200);
    for _ in 0..4 {
        assert_eq!(Browser::new(&client).sign_in(ADA, "not the password").await.status, 401, "they were forgotten");
    }
    assert_eq!(Browser::new(&client).sign_in(ADA, PASSWORD).await.status, 200, "the fifth is looked at");
    let user = signed_in.get(SESSION).await.json["user"]["id"].as_str().expect("an id").to_owned();
    let mut tx = client.db.db.read().await.expect("a transaction");
    let entries = audit::list(&mut tx, client.org, ("user", user), Page::first(100)).await.expect("entries").items;
    let count = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count("user.locked"), count("user.sign_in")), (2, 2));
}

async fn of_many_tries_at_once_five_are_looked_at(db: TestDb) {
    let client = Client::new(db).await;
    admit(&client, ADA, "viewer").await;
    let tries = (0..20).map(|_| async { Browser::new(&client).sign_in(ADA, "not the password").await.status });
    let mut answers = join_all(tries).await;
    answers.sort_unstable();
    assert_eq!((&answers[..5], &answers[5..]), (&[401; 5][..], &[429; 15][..]));
}

async fn so_many_tries_come_from_one_address(db: TestDb) {
    let client = Client::new(db).await;
    admit(&client, ADA, "viewer").await;
    let address = "198.51.100.7:4000".parse().ok();
    let mut browser = Browser::new(&client);
    browser.from = address;
    for _ in 0..49 {
        let mut tx = client.db.db.begin().await.expect("a transaction");
        let subject = Subject::address("198.51.100.7".parse().expect("an address"));
        sign_in_try::take(&mut tx, &subject).await.expect("no fault").expect("a try");
        tx.commit().await.expect("a commit");
    }
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 200, "a right one is none of them");
    assert_eq!(browser.sign_in("x@example.com", "not the password").await.status, 401, "the fiftieth");
    let locked = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!((locked.status, locked.json["code"].as_str()), (429, Some("locked")));
    let seconds: u64 = locked.header("retry-after").expect("how long").parse().expect("seconds");
    assert!((800..=900).contains(&seconds), "{seconds}");
    browser.from = "198.51.100.8:4000".parse().ok();
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 200, "from elsewhere");
    browser.from = address;
    client.db.db.shift_clock(901_000_000);
    assert_eq!(browser.sign_in(ADA, PASSWORD).await.status, 200);
}

async fn secrets_are_kept_as_hashes(db: TestDb) {
    let client = Client::new(db).await;
    let browser = admit(&client, ADA, "viewer").await;
    let made = client.post("/api/v1/users", json!({"email": "b@example.com", "name": "B", "role": "viewer"})).await;
    let path = made.json["invitation"]["path"].as_str().expect("a path").to_owned();
    let token = path.rsplit('/').next().expect("a token");
    let cookie = browser.cookie.as_deref().expect("a cookie");
    let csrf = browser.csrf.as_deref().expect("a token");
    assert!(token.len() == 43 && cookie.len() == 43 && csrf.len() == 43, "256 bits each");
    let mut kept = String::new();
    let mut tx = client.db.db.read().await.expect("a transaction");
    for (sql, column) in [
        ("SELECT token_hash FROM user_session", "token_hash"),
        ("SELECT token_hash FROM invitation", "token_hash"),
        ("SELECT password_hash FROM user_account WHERE password_hash IS NOT NULL", "password_hash"),
        ("SELECT detail FROM audit", "detail"),
    ] {
        for row in tx.all(sql, vec![]).await.expect("rows") {
            kept.push_str(&row.get::<String>(column).expect("text"));
        }
    }
    assert!(kept.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    for secret in [token, cookie, csrf, PASSWORD, ADA] {
        assert!(!kept.contains(secret), "a secret or an address lies open");
    }
    let email: Email = ADA.parse().expect("an address");
    let taken: Result<_, StoreError> = callwright::store::user::by_email(&mut tx, &email).await;
    let (user, hash) = taken.expect("no fault").expect("the user");
    assert!(!format!("{user:?}").contains("ada@"), "{user:?}");
    assert!(hash.is_some_and(|hash| hash.starts_with("$argon2id$")));
}
