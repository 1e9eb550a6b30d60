//! One node for each account with a carrier: who registers there, and who takes over.

use std::collections::BTreeSet;

use callwright::id::NodeId;
use callwright::store::Db;
use callwright::store::trunk_lease::{self, LEASE};
use futures_util::future::join_all;

use crate::db::TestDb;

crate::on_both!(one_node_keeps_an_account_and_another_takes_over_when_it_dies, of_many_that_try_at_once_one_gets_it);

/// A second before a lease runs out, in microseconds.
const BEFORE: i64 = 13_000_000;

fn accounts(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn keep(db: &Db, node: NodeId, wanted: &[&str]) -> BTreeSet<String> {
    trunk_lease::keep(db, node, &accounts(wanted)).await.expect("an answer")
}

async fn keeper(db: &Db, account: &str) -> Option<NodeId> {
    let mut tx = db.read().await.expect("a transaction");
    trunk_lease::of(&mut tx, account).await.expect("an answer").map(|lease| lease.node)
}

async fn one_node_keeps_an_account_and_another_takes_over_when_it_dies(test: TestDb) {
    let db = &test.db;
    let [one, two] = [NodeId::generate(), NodeId::generate()];
    assert_eq!(keeper(db, "a@carrier").await, None);
    assert_eq!(keep(db, one, &["a@carrier", "b@carrier"]).await, accounts(&["a@carrier", "b@carrier"]));
    assert_eq!(keep(db, two, &["a@carrier", "c@carrier"]).await, accounts(&["c@carrier"]), "what nobody keeps");
    // As long as it renews, nobody else gets it.
    for _ in 0..5 {
        db.shift_clock(BEFORE);
        assert_eq!(keep(db, one, &["a@carrier", "b@carrier"]).await.len(), 2);
        assert_eq!(keep(db, two, &["a@carrier"]).await, accounts(&[]));
    }
    // What it does not want any more is free at once.
    assert_eq!(keep(db, one, &["a@carrier"]).await, accounts(&["a@carrier"]));
    assert_eq!(keep(db, two, &["a@carrier", "b@carrier"]).await, accounts(&["b@carrier"]));
    // It dies. Nothing changes until its lease has run out, and it is taken over then.
    db.shift_clock(BEFORE);
    assert_eq!(keep(db, two, &["a@carrier", "b@carrier"]).await, accounts(&["b@carrier"]));
    db.shift_clock(i64::try_from(LEASE.as_micros()).expect("seconds") - BEFORE);
    assert_eq!(keep(db, two, &["a@carrier", "b@carrier"]).await.len(), 2);
    assert_eq!(keeper(db, "a@carrier").await, Some(two));
    // Back from the dead, it has lost what another keeps.
    assert_eq!(keep(db, one, &["a@carrier"]).await, accounts(&[]));
    trunk_lease::give_back(db, two).await.expect("given back");
    assert_eq!(keep(db, one, &["a@carrier"]).await, accounts(&["a@carrier"]), "nobody has to wait");
    // A node that comes too late to renew, and finds that nobody wanted it, goes on.
    db.shift_clock(BEFORE * 10);
    assert_eq!(keeper(db, "a@carrier").await, None);
    assert_eq!(keep(db, one, &["a@carrier"]).await, accounts(&["a@carrier"]));
}

async fn of_many_that_try_at_once_one_gets_it(test: TestDb) {
    let nodes: Vec<_> = (0..8).map(|_| NodeId::generate()).collect();
    for round in 0..5 {
        let tries = nodes.iter().map(|node| keep(&test.db, *node, &["a@carrier"]));
        let got = join_all(tries).await;
        assert_eq!(got.iter().filter(|kept| !kept.is_empty()).count(), 1, "round {round}: {got:?}");
        test.db.shift_clock(i64::try_from(LEASE.as_micros()).expect("seconds"));
    }
}
