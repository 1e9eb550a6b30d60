//! Why nothing is being dialed: every guard, pause, limit and hold is provoked and has to be named, with the number of
//! contacts it holds and the next moment something happens.

mod contacts;
mod limits;
mod pauses;
mod starts;

use callwright::args;
use callwright::campaign::law::policy::CallingPolicy;
use callwright::campaign::settings::Settings;
use callwright::dialer::diagnosis::{Diagnosis, WaitsFor};
use callwright::dialer::status::Held;
use callwright::id::CampaignId;
use callwright::store::audit::Actor;
use callwright::store::{campaign, policy};
use jiff::Timestamp;

use crate::world::World;

pub(crate) fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

pub(crate) async fn now(world: &World) -> Timestamp {
    world.db.read().await.expect("a transaction").now().await.expect("the time")
}

/// What is told of a campaign whose last claim has met `held`.
pub(crate) async fn told(world: &World, id: CampaignId, held: Option<&Held>) -> Diagnosis {
    let mut tx = world.db.read().await.expect("a transaction");
    campaign::diagnosed(&mut tx, world.org, id, held).await.expect("a diagnosis").1
}

/// Code, contacts, next time and what ends it, of every hold.
pub(crate) type Row = (String, u64, Option<Timestamp>, Option<WaitsFor>);

pub(crate) fn rows(told: &Diagnosis) -> Vec<Row> {
    told.holds.iter().map(|hold| (hold.code.clone(), hold.contacts, hold.next_at, hold.waits_for)).collect()
}

/// The row of a hold that waits for a person, which has to say what to do.
pub(crate) fn person(told: &Diagnosis, code: &str, contacts: u64) {
    let hold = told.holds.iter().find(|hold| hold.code == code);
    let hold = hold.unwrap_or_else(|| panic!("{code} is not told: {told:?}"));
    assert_eq!((hold.contacts, hold.next_at, hold.waits_for), (contacts, None, Some(WaitsFor::Person)), "{code}");
    assert!(hold.remedy.is_some_and(|remedy| !remedy.is_empty()), "{code} says what to do");
}

pub(crate) async fn set_policy(world: &World, policy: &CallingPolicy) {
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
}

/// Changes rows behind everybody's back, and lets campaigns be read anew.
pub(crate) async fn change(world: &World, sql: &'static str) {
    let mut tx = world.db.begin().await.expect("a transaction");
    tx.execute(sql, args![]).await.expect("a change");
    tx.execute("UPDATE campaign SET version = version + 1", args![]).await.expect("read anew");
    tx.commit().await.expect("a commit");
}
