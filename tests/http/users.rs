//! The people of an organisation.

use callwright::access::command::{self, Order};
use callwright::access::{Email, Role};
use callwright::id::{OrgId, UserId};
use callwright::store::audit::Actor;
use callwright::store::db::Settings;
use callwright::store::user::NewUser;
use callwright::store::{Db, invitation, user};
use serde_json::{Value, json};

use crate::browser::{Browser, PASSWORD, admit};
use crate::client::{Answer, Client};
use crate::db::TestDb;
use crate::on_both;

on_both!(
    an_administrator_adds_people_who_accept_their_invitation,
    an_invitation_serves_once_and_for_a_week,
    whoever_may_not_sign_in_any_more_is_out_at_once,
    the_last_administrator_stays,
    organisations_see_their_own_people,
    a_command_lets_somebody_in_again,
);

const USERS: &str = "/api/v1/users";
const SESSION: &str = "/api/v1/session";

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// The id of the user with this address.
async fn id(client: &Client, email: &str) -> String {
    let users = client.get(USERS).await.json;
    let found = users["items"].as_array().expect("users").iter().find(|user| user["email"] == email);
    text(&found.expect("the user")["id"])
}

async fn an_administrator_adds_people_who_accept_their_invitation(db: TestDb) {
    let client = Client::new(db).await;
    let admin = admit(&client, "root@example.com", "admin").await;
    let made = admin.post(USERS, json!({"email": "Grace@Example.com", "name": "Grace", "role": "manager"})).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!((&made.json["email"], &made.json["has_password"]), (&json!("grace@example.com"), &json!(false)));
    let path = text(&made.json["invitation"]["path"]);
    let taken = admin.post(USERS, json!({"email": "grace@example.COM", "name": "G", "role": "viewer"})).await;
    assert_eq!((taken.status, taken.json["code"].as_str()), (409, Some("email_taken")), "{}", taken.json);
    for (wrong, pointer) in [
        (json!({"email": "grace", "name": "G", "role": "viewer"}), "/email"),
        (json!({"email": "g@example.com", "name": " ", "role": "viewer"}), "/name"),
        (json!({"email": "g@example.com", "name": "G", "role": "root"}), "/role"),
    ] {
        let answer = admin.post(USERS, wrong).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", answer.json);
    }
    let token = path.strip_prefix("/invite/").expect("a path of the console");
    let invited = Browser::new(&client).get(&format!("/api/v1/invitations/{token}")).await;
    let told = json!({"organisation": "Default", "email": "grace@example.com", "name": "Grace"});
    assert_eq!((invited.status, &invited.json), (200, &told));
    let weak = json!({"name": "Grace", "password": "too short"});
    let weak = Browser::new(&client).post(&format!("/api/v1/invitations/{token}"), weak).await;
    assert_eq!((weak.status, &weak.json["errors"][0]["pointer"]), (422, &json!("/password")), "{}", weak.json);

    let mut grace = Browser::new(&client);
    let accepted = grace.accept(&path).await;
    assert_eq!((accepted.status, &accepted.json["user"]["role"]), (200, &json!("manager")), "{}", accepted.json);
    assert_eq!(grace.get("/api/v1/campaigns").await.status, 200);
    assert_eq!(grace.get(USERS).await.json["code"], "missing_scope", "that is for administrators");
    Browser::signed_in(&client, "grace@example.com", PASSWORD).await;

    let place = format!("{USERS}/{}", id(&client, "grace@example.com").await);
    let before = admin.get(&place).await;
    let tag = before.header("etag").expect("a tag").to_owned();
    let change = json!({"name": "Grace H.", "role": "viewer", "active": true});
    let changed = admin.put(&place, change.clone()).await;
    assert_eq!((changed.status, &changed.json["role"]), (200, &json!("viewer")), "{}", changed.json);
    let stale = Browser { headers: vec![("if-match", tag)], ..admin.clone() };
    assert_eq!(stale.put(&place, change).await.status, 412, "it was changed meanwhile");
    assert_eq!(grace.get("/api/v1/campaigns").await.status, 200, "a viewer reads");
    let forbidden = grace.post("/api/v1/contacts", json!({"name": "X", "phone": "+442079460001"})).await;
    assert_eq!(forbidden.json["code"], "missing_scope", "from the next request on: {}", forbidden.json);
    let shown = String::from_utf8_lossy(&admin.get(USERS).await.bytes).into_owned();
    assert!(!shown.contains("argon2") && !shown.contains(token), "{shown}");
}

async fn an_invitation_serves_once_and_for_a_week(db: TestDb) {
    let client = Client::new(db).await;
    let ask = async |path: &str| Browser::new(&client).accept(path).await.status;
    let made = client.post(USERS, json!({"email": "a@example.com", "name": "A", "role": "viewer"})).await;
    let (first, user) = (text(&made.json["invitation"]["path"]), text(&made.json["id"]));
    let again = async || {
        let answer = client.post(&format!("{USERS}/{user}/invitation"), json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        text(&answer.json["path"])
    };
    let second = again().await;
    assert_eq!(ask(&first).await, 404, "another one took its place");
    assert_eq!(ask("/invite/made-up").await, 404);
    let mut browser = Browser::new(&client);
    assert_eq!(browser.accept(&second).await.status, 200);
    assert_eq!(ask(&second).await, 404, "it has served");
    assert_eq!(Browser::new(&client).get(&second.replace("/invite", "/api/v1/invitations")).await.status, 404);

    let third = again().await;
    Browser::signed_in(&client, "a@example.com", PASSWORD).await;
    assert_eq!(ask(&third).await, 200, "whoever has lost the password");
    assert_eq!(browser.get(SESSION).await.status, 401, "and is signed in nowhere else");
    let fourth = again().await;
    client.db.db.shift_clock(7 * 24 * 3_600_000_000 + 1_000_000);
    assert_eq!(ask(&fourth).await, 404, "after a week");

    let body = json!({"email": "b@example.com", "name": "B", "role": "viewer"}).to_string();
    let once = async || {
        let body = axum::body::Body::from(body.clone());
        client.send_with(&[("idempotency-key", "k")], "POST", USERS, Some("application/json"), body).await
    };
    let (shown, replayed): (Answer, Answer) = (once().await, once().await);
    assert_eq!((shown.status, replayed.status), (201, 409));
    assert_eq!(replayed.json["code"], "shown_once");
}

async fn whoever_may_not_sign_in_any_more_is_out_at_once(db: TestDb) {
    let client = Client::new(db).await;
    let browser = admit(&client, "a@example.com", "supervisor").await;
    let place = format!("{USERS}/{}", id(&client, "a@example.com").await);
    let open = client.post(&format!("{place}/invitation"), json!({})).await;
    let off = json!({"name": "A", "role": "supervisor", "active": false});
    assert_eq!(client.put(&place, off).await.status, 200);
    assert_eq!(browser.get(SESSION).await.status, 401);
    assert_eq!(Browser::new(&client).accept(&text(&open.json["path"])).await.status, 404);
    let refused = client.post(&format!("{place}/invitation"), json!({})).await;
    assert_eq!((refused.status, refused.json["code"].as_str()), (409, Some("user_inactive")));
    let on = json!({"name": "A", "role": "supervisor", "active": true});
    assert_eq!(client.put(&place, on).await.status, 200);
    assert_eq!(browser.get(SESSION).await.status, 401, "the old session does not come back");
    let browser = Browser::signed_in(&client, "a@example.com", PASSWORD).await;
    browser.put("/api/v1/preferences/x", json!({"value": 1})).await;
    assert_eq!(client.delete(&place).await.status, 204);
    assert_eq!((browser.get(SESSION).await.status, client.get(&place).await.status), (401, 404));
    assert_eq!(Browser::new(&client).sign_in("a@example.com", PASSWORD).await.status, 401);
    let made = client.post(USERS, json!({"email": "a@example.com", "name": "A", "role": "viewer"})).await;
    assert_eq!(made.status, 201, "the address is free again");
}

async fn the_last_administrator_stays(db: TestDb) {
    let client = Client::new(db).await;
    let admin = admit(&client, "root@example.com", "admin").await;
    let place = format!("{USERS}/{}", id(&client, "root@example.com").await);
    let body = |role: &str, active: bool| json!({"name": "Root", "role": role, "active": active});
    client.post(USERS, json!({"email": "invited@example.com", "name": "I", "role": "admin"})).await;
    for refused in [
        admin.put(&place, body("manager", true)).await,
        admin.put(&place, body("admin", false)).await,
        admin.delete(&place).await,
    ] {
        assert_eq!((refused.status, refused.json["code"].as_str()), (409, Some("last_admin")), "{}", refused.json);
    }
    assert_eq!(admin.put(&place, body("admin", true)).await.status, 200, "a name may change");
    admit(&client, "second@example.com", "admin").await;
    assert_eq!(admin.put(&place, body("manager", true)).await.status, 200);
    assert_eq!(admin.get(USERS).await.status, 403, "at once");
}

async fn organisations_see_their_own_people(db: TestDb) {
    let client = Client::new(db).await;
    let ours = admit(&client, "ours@example.com", "admin").await;
    let contact = client.create("/api/v1/contacts", json!({"name": "Cy", "phone": "+442079460001"})).await;
    let other = OrgId::generate();
    let mut tx = client.db.db.begin().await.expect("a transaction");
    let sql =
        "INSERT INTO org (id, name, calls_per_minute, max_concurrent_calls, created_at) VALUES ($1, 'Other', 1, 1, 0)";
    tx.execute(sql, callwright::args![other]).await.expect("an organisation");
    let email: Email = "theirs@example.com".parse().expect("an address");
    let new = NewUser { email, name: "T".to_owned().into(), role: Role::Admin, language: "en".to_owned() };
    let their = user::insert(&mut tx, other, &Actor::system("test"), &new).await.expect("a user");
    let token = callwright::access::Token::fresh();
    invitation::make(&mut tx, &their, &Actor::system("test"), &token).await.expect("an invitation");
    tx.commit().await.expect("a commit");
    let mut theirs = Browser::new(&client);
    let accepted = theirs.accept(&invitation::path(&token)).await;
    assert_eq!(accepted.json["organisation"]["name"], "Other", "{}", accepted.json);

    let seen = |answer: Answer| answer.json["items"].as_array().expect("users").len();
    assert_eq!((seen(ours.get(USERS).await), seen(theirs.get(USERS).await)), (1, 1));
    assert_eq!(seen(theirs.get("/api/v1/contacts").await), 0);
    assert_eq!(theirs.get(&format!("/api/v1/contacts/{contact}")).await.status, 404);
    let our_id: UserId = id(&client, "ours@example.com").await.parse().expect("an id");
    let (here, there) = (format!("{USERS}/{our_id}"), format!("{USERS}/{}", their.id));
    let change = json!({"name": "X", "role": "viewer", "active": false});
    for (browser, place) in [(&theirs, &here), (&ours, &there)] {
        assert_eq!(browser.get(place).await.status, 404);
        assert_eq!(browser.put(place, change.clone()).await.status, 404);
        assert_eq!(browser.delete(place).await.status, 404);
        assert_eq!(browser.post(&format!("{place}/invitation"), json!({})).await.status, 404);
    }
    assert_eq!((ours.get(SESSION).await.status, theirs.get(SESSION).await.status), (200, 200));
}

async fn a_command_lets_somebody_in_again(db: TestDb) {
    let client = Client::new(db).await;
    // The server has the database open meanwhile.
    let beside = Db::open_beside(&Settings::new(&client.db.address)).await.expect("it is there");
    let run = async |order: Order| {
        let mut out = Vec::new();
        let done = command::run(&beside, order, "http://127.0.0.1:8480", &mut out).await;
        done.map(|()| String::from_utf8(out).expect("text")).map_err(|error| error.to_string())
    };
    let path = |told: &str| {
        let line = told.lines().find_map(|line| line.trim().strip_prefix("http://127.0.0.1:8480"));
        line.expect("an address").to_owned()
    };
    let email: Email = "root@example.com".parse().expect("an address");
    let add = || Order::Add { email: email.clone(), name: "Root".to_owned(), role: Role::Admin };
    let added = run(add()).await.expect("added");
    let mut browser = Browser::new(&client);
    assert_eq!(browser.accept(&path(&added)).await.status, 200);
    assert_eq!(browser.get(USERS).await.status, 200, "an administrator");
    assert!(run(add()).await.expect_err("twice").contains("has this address already"));
    for _ in 0..5 {
        assert_eq!(Browser::new(&client).sign_in("root@example.com", "forgotten it").await.status, 401);
    }
    assert_eq!(Browser::new(&client).sign_in("root@example.com", PASSWORD).await.status, 429);
    let told = run(Order::Password { email: email.clone() }).await.expect("invited");
    let mut again = Browser::new(&client);
    assert_eq!(again.accept(&path(&told)).await.status, 200);
    Browser::signed_in(&client, "root@example.com", PASSWORD).await;
    assert_eq!(browser.get(SESSION).await.status, 401, "whoever else was in is out");
    let listed = run(Order::List).await.expect("users");
    assert_eq!(listed, "root@example.com\tadmin\tAda\tactive\n");
    let nobody = Order::Password { email: "x@example.com".parse().expect("an address") };
    assert!(run(nobody).await.expect_err("there is none").contains("no user"));
}
