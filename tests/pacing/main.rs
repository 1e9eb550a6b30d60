//! The pace of dials as the carriers' own records show it, and what is on disk when an INVITE leaves. Server and carriers
//! are processes of their own.
//!
//! Short forms check what must never be: too many dials, a dial twice, an INVITE much too late. With `CHAOS=1`
//! (`make chaos`, optimised, on a quiet machine) the runs last three minutes and are checked against the whole promise.

#[path = "../support/db.rs"]
mod db;
#[path = "../crash/process.rs"]
#[allow(dead_code, reason = "shared with a test that kills servers")]
mod process;

mod detours;
mod run;
mod synced;
mod troubled;
mod troubles;
mod verdict;

use run::{Halt, Plan, Race};
use verdict::Promise;

/// Whether the long forms run.
fn chaos() -> bool {
    std::env::var("CHAOS").is_ok_and(|value| value == "1")
}

/// Two campaigns on one trunk that asks for credentials and fails for every seventh number; those dials go on over
/// another trunk. The trunk's 600 a minute is what bounds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_a_minute_with_failover_challenges_and_two_campaigns() {
    let seconds = if chaos() { 180 } else { 20 };
    let plan = Plan { name: "pacing", halt: Halt::Pause, ..mixed(seconds) };
    judge(&plan, &Race::run(&plan, None, &[run::PACING]).await);
}

/// Three servers on one PostgreSQL: together they keep the pace of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_keep_one_pace_on_postgres() {
    let seconds = if chaos() { 180 } else { 15 };
    let plan = Plan { name: "shared", halt: Halt::Everything, ..mixed(seconds) };
    let database = db::TestDb::postgres().await;
    judge(&plan, &Race::run(&plan, Some(database.address.clone()), &run::SHARED).await);
}

/// As fast as a campaign can be set, on SQLite with every dial synced before its INVITE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_thousand_a_minute_on_sqlite() {
    let seconds = if chaos() { 60 } else { 5 };
    let plan = Plan {
        name: "fast",
        calls_per_minute: 6000,
        campaigns: 1,
        seconds,
        failing: None,
        challenge: false,
        halt: Halt::Stop,
    };
    judge(&plan, &Race::run(&plan, None, &[run::FAST]).await);
}

/// Two campaigns at 600 a minute over a trunk that asks for credentials and fails now and then.
fn mixed(seconds: u32) -> Plan {
    Plan {
        name: "mixed",
        calls_per_minute: 600,
        campaigns: 2,
        seconds,
        failing: Some(7),
        challenge: true,
        halt: Halt::Pause,
    }
}

fn judge(plan: &Plan, seen: &Race) {
    let promise = if chaos() { Promise::WHOLE } else { Promise::SAFE };
    let faults = seen.faults(plan, &promise);
    run::say(&seen.figures(plan));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A dial that power loss could take back would be a second ring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_sqlite_is_synced_before_the_invite_is_sent() {
    synced::run(run::SYNCED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dials_are_shared_confirmed_and_kept_away_as_the_carriers_say() {
    detours::run(run::DETOURS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_in_trouble_is_followed_by_another_only_where_nobody_can_have_been_rung() {
    troubles::run(run::TROUBLES).await;
}
