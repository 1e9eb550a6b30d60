//! Opening a database, its transactions, its clock and its wake-ups.

use std::time::Duration;

use callwright::args;
use callwright::store::db::Settings;
use callwright::store::{Constraint, Db, StoreError, Wake};

use crate::db::TestDb;

crate::on_both!(
    opens_twice_with_the_same_schema,
    values_come_back_as_they_went_in,
    dropped_transactions_leave_nothing,
    constraints_are_named,
    the_clock_moves_inside_a_transaction,
    a_commit_wakes_a_waiting_dialer,
);

async fn opens_twice_with_the_same_schema(mut test: TestDb) {
    insert_secret(&test.db, "kept").await.expect("an insert");
    test.reopen().await;
    assert_eq!(secrets(&test.db).await, ["kept"]);
}

async fn values_come_back_as_they_went_in(test: TestDb) {
    let mut tx = test.db.read().await.expect("a transaction");
    let row = tx
        .one(
            "SELECT CAST($1 AS TEXT) AS words, CAST($2 AS BIGINT) AS number, CAST($3 AS BOOLEAN) AS flag, \
             CAST($4 AS DOUBLE PRECISION) AS real, CAST($5 AS TEXT) AS absent_text, CAST($6 AS BIGINT) AS no_number",
            args!["Zoë ☎", i64::MAX, true, 0.25, None::<String>, None::<i64>],
        )
        .await
        .expect("a row");
    assert_eq!(row.get::<String>("words").expect("text"), "Zoë ☎");
    assert_eq!(row.get::<i64>("number").expect("integer"), i64::MAX);
    assert!(row.get::<bool>("flag").expect("boolean"));
    assert_eq!(row.get::<f64>("real").expect("real"), 0.25);
    assert_eq!(row.get::<Option<String>>("absent_text").expect("null text"), None);
    assert_eq!(row.get::<Option<i64>>("no_number").expect("null integer"), None);
    assert!(matches!(row.get::<u8>("number"), Err(StoreError::Corrupt { column: "number" })));
    assert!(matches!(row.get::<String>("absent"), Err(StoreError::Db(_))));
}

async fn dropped_transactions_leave_nothing(test: TestDb) {
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("INSERT INTO secret (name, value) VALUES ($1, $2)", args!["lost", "x"]).await.expect("an insert");
    drop(tx);
    insert_secret(&test.db, "kept").await.expect("the writer is free again");
    assert_eq!(secrets(&test.db).await, ["kept"]);
}

async fn constraints_are_named(test: TestDb) {
    insert_secret(&test.db, "once").await.expect("an insert");
    let again = insert_secret(&test.db, "once").await;
    assert!(matches!(again, Err(StoreError::Conflict(Constraint::Other))), "{again:?}");
    let mut tx = test.db.begin().await.expect("a transaction");
    let orphan = tx
        .execute(
            "INSERT INTO api_key (id, org_id, name, key_hash, scopes, created_at) VALUES ($1, $2, 'k', 'h', '[]', 0)",
            args!["a", "no such organisation"],
        )
        .await;
    assert!(matches!(orphan, Err(StoreError::Conflict(Constraint::Reference))), "{orphan:?}");
}

async fn the_clock_moves_inside_a_transaction(test: TestDb) {
    let mut tx = test.db.begin().await.expect("a transaction");
    let first = tx.now().await.expect("the time");
    let second = tx.now().await.expect("the time");
    assert!(second > first, "{first} then {second}");
    drop(tx);
    test.db.shift_clock(3_600_000_000);
    let shifted = test.db.read().await.expect("a transaction").now().await.expect("the time");
    assert!(shifted.duration_since(second).as_secs() >= 3600, "{second} then {shifted}");
}

async fn a_commit_wakes_a_waiting_dialer(test: TestDb) {
    let mut wakeups = test.db.wakeups();
    assert_eq!(wakeups.next().await, Wake::Everything, "what came before was not heard");
    let quiet = test.db.begin().await.expect("a transaction");
    quiet.commit().await.expect("a commit");
    let mut loud = test.db.begin().await.expect("a transaction");
    loud.wake(Wake::Room);
    loud.wake(Wake::Room);
    loud.commit().await.expect("a commit");
    let woken = tokio::time::timeout(Duration::from_secs(10), wakeups.next()).await;
    assert!(matches!(woken, Ok(Wake::Room)), "{woken:?}");
    let again = tokio::time::timeout(Duration::from_millis(100), wakeups.next()).await;
    assert!(again.is_err(), "one commit, one wake-up");
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let test = TestDb::sqlite().await;
    let second = Db::open(&Settings::new(&test.address)).await;
    assert!(matches!(second, Err(StoreError::InUse { .. })), "{second:?}");
}

/// As when the disk is full: SQLite has rolled back, and whoever held the transaction does not know.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_stops_nobody() {
    let test = TestDb::sqlite().await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    tx.execute("INSERT INTO secret (name, value) VALUES ('lost', 'x')", vec![]).await.expect("a row");
    tx.execute("ROLLBACK", vec![]).await.expect("SQLite's own end of it");
    tx.commit().await.expect_err("there is nothing to commit");
    insert_secret(&test.db, "kept").await.expect("the next one is served");
    assert_eq!(secrets(&test.db).await, ["kept"]);
}

#[tokio::test]
async fn addresses_of_other_databases_are_refused() {
    for address in ["mysql://localhost/x", "sqlite:", "sqlite::memory:", "data.db", "postgres://:x:/"] {
        let opened = Db::open(&Settings::new(address)).await;
        assert!(matches!(opened, Err(StoreError::Address(_))), "{address}: {opened:?}");
    }
}

async fn insert_secret(db: &Db, name: &str) -> Result<(), StoreError> {
    let mut tx = db.begin_durable().await?;
    tx.execute("INSERT INTO secret (name, value) VALUES ($1, 'x')", args![name]).await?;
    tx.commit().await
}

async fn secrets(db: &Db) -> Vec<String> {
    let mut tx = db.read().await.expect("a transaction");
    let rows = tx.all("SELECT name FROM secret ORDER BY name", vec![]).await.expect("rows");
    rows.iter().map(|row| row.get("name").expect("text")).collect()
}
