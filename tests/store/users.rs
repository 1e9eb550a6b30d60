//! What several who act at once come to, with people who sign in.

use callwright::access::throttle::ACCOUNT;
use callwright::access::{Email, Role, Token};
use callwright::id::OrgId;
use callwright::store::audit::Actor;
use callwright::store::sign_in_try::{self, Subject};
use callwright::store::user::{self, Change, Changed, NewUser, User};
use callwright::store::{Db, StoreError, invitation, org, preference, user_session};
use futures_util::future::join_all;
use serde_json::json;

use crate::db::TestDb;
use crate::on_both;

on_both!(
    two_who_demote_each_other_leave_one,
    an_invitation_is_taken_once,
    tries_are_counted_together,
    no_more_preferences_than_there_is_room_for,
    sessions_that_are_over_are_forgotten,
);

async fn organisation(db: &Db) -> OrgId {
    let mut tx = db.begin().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
    tx.commit().await.expect("a commit");
    org
}

async fn admin(db: &Db, org: OrgId, email: &str) -> User {
    let actor = Actor::system("test");
    let new =
        NewUser { email: address(email), name: "A".to_owned().into(), role: Role::Admin, language: "en".to_owned() };
    let mut tx = db.begin().await.expect("a transaction");
    let user = user::insert(&mut tx, org, &actor, &new).await.expect("a user");
    user::set_password(&mut tx, org, &actor, user.id, "$argon2id$").await.expect("a password");
    tx.commit().await.expect("a commit");
    user
}

fn address(text: &str) -> Email {
    text.parse().expect("an address")
}

async fn two_who_demote_each_other_leave_one(test: TestDb) {
    let (db, org) = (&test.db, organisation(&test.db).await);
    let (one, two) = (admin(db, org, "one@example.com").await, admin(db, org, "two@example.com").await);
    let demote = async |user: &User| {
        let change = Change { name: "A".to_owned().into(), role: Role::Viewer, active: true };
        let mut tx = db.begin_durable().await.expect("a transaction");
        let changed = user::update(&mut tx, org, &Actor::system("test"), user.id, &change).await.expect("no fault");
        tx.commit().await.expect("a commit");
        changed
    };
    let (first, second) = tokio::join!(demote(&one), demote(&two));
    assert_ne!(first, second, "one of the two");
    assert!([first, second].contains(&Changed::LastAdmin));
}

async fn an_invitation_is_taken_once(test: TestDb) {
    let (db, org) = (&test.db, organisation(&test.db).await);
    let user = admin(db, org, "one@example.com").await;
    let token = Token::fresh();
    let mut tx = db.begin().await.expect("a transaction");
    invitation::make(&mut tx, &user, &Actor::system("test"), &token).await.expect("an invitation");
    tx.commit().await.expect("a commit");
    let take = async || {
        let mut tx = db.begin().await.expect("a transaction");
        let taken = invitation::take(&mut tx, &token).await;
        tx.commit().await.expect("a commit");
        taken
    };
    let taken = join_all((0..8).map(|_| take())).await;
    let others = taken.iter().filter(|taken| matches!(taken, Err(StoreError::NotFound))).count();
    assert_eq!((taken.iter().filter(|taken| taken.is_ok()).count(), others), (1, 7), "{taken:?}");
}

async fn tries_are_counted_together(test: TestDb) {
    let db = &test.db;
    let subject = Subject::account(&address("one@example.com"));
    let take = async || {
        let mut tx = db.begin().await.expect("a transaction");
        let taken = sign_in_try::take(&mut tx, &subject).await.expect("no fault").is_ok();
        tx.commit().await.expect("a commit");
        taken
    };
    let taken = join_all((0..12).map(|_| take())).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 5);
    let mut tx = db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let until = sign_in_try::locked_until(&mut tx, &subject).await.expect("no fault").expect("it is locked");
    assert!(until.duration_since(now) <= ACCOUNT.pauses[0], "{until}");
    let other = Subject::account(&address("two@example.com"));
    assert_eq!(sign_in_try::locked_until(&mut tx, &other).await.expect("no fault"), None);
    sign_in_try::forget(&mut tx, &subject).await.expect("forgotten");
    assert_eq!(sign_in_try::locked_until(&mut tx, &subject).await.expect("no fault"), None);
    // Whatever is tried, the table has a bound.
    let rows = tx.all("SELECT subject FROM sign_in_try", vec![]).await.expect("rows");
    assert!(rows.iter().all(|row| row.get::<String>("subject").expect("text").len() <= "account:ffff".len()));
}

async fn no_more_preferences_than_there_is_room_for(test: TestDb) {
    let (db, org) = (&test.db, organisation(&test.db).await);
    let user = admin(db, org, "one@example.com").await.id;
    let mut tx = db.begin().await.expect("a transaction");
    for number in 1..preference::MOST {
        assert!(preference::set(&mut tx, user, &format!("n{number}"), &json!(number)).await.expect("set"));
    }
    tx.commit().await.expect("a commit");
    let set = async |name: String| {
        let mut tx = db.begin().await.expect("a transaction");
        let set = preference::set(&mut tx, user, &name, &json!({"a": [1, null]})).await.expect("no fault");
        tx.commit().await.expect("a commit");
        set
    };
    let done = join_all((0..6).map(|number| set(format!("x{number}")))).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "there was room for one");
    let all = preference::all(&mut db.read().await.expect("a transaction"), user).await.expect("preferences");
    assert_eq!(all.len(), 100);
    assert!(all.values().any(|value| *value == json!({"a": [1, null]})), "as it was set");
}

async fn sessions_that_are_over_are_forgotten(test: TestDb) {
    let (db, org) = (&test.db, organisation(&test.db).await);
    let user = admin(db, org, "one@example.com").await.id;
    let begin = async || {
        let token = Token::fresh();
        let mut tx = db.begin().await.expect("a transaction");
        let id = user_session::begin(&mut tx, user, false, &token).await.expect("a session");
        tx.commit().await.expect("a commit");
        (id, token)
    };
    let (first, token) = begin().await;
    let mut tx = db.read().await.expect("a transaction");
    assert!(user_session::in_force(&mut tx, first, Role::Admin).await.expect("no fault"));
    assert!(!user_session::in_force(&mut tx, first, Role::Viewer).await.expect("no fault"), "of another role");
    assert_eq!(user_session::authenticate(&mut tx, &token).await.expect("it is in force").id, first);
    drop(tx);
    db.shift_clock(12 * 3_600_000_000 + 1_000_000);
    let mut tx = db.read().await.expect("a transaction");
    assert!(!user_session::in_force(&mut tx, first, Role::Admin).await.expect("no fault"));
    let over = user_session::authenticate(&mut tx, &token).await;
    assert!(matches!(over, Err(StoreError::NotFound)), "{over:?}");
    drop(tx);
    begin().await;
    let mut tx = db.read().await.expect("a transaction");
    let rows = tx.all("SELECT id FROM user_session", vec![]).await.expect("rows");
    assert_eq!(rows.len(), 1, "its row goes with the next sign-in");
}
