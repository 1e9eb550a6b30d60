//! The pace of dials as the carriers' own records show it, and what is on disk when an INVITE leaves. Server and carriers
//! are processes of their own.
//!
//! Short forms check what must never be: too many dials, a dial twice, an INVITE much too late. With `CALLWRIGHT_CHAOS=1`
//! (`make chaos`, optimised, on a quiet machine) the runs last three minutes and are checked against the whole promise.

#[path = "../crash/process.rs"]
#[allow(dead_code, reason = "shared with a test that kills servers")]
mod process;

mod run;
mod synced;
mod verdict;

use run::{Plan, Race};
use verdict::Promise;

/// Whether the long forms run.
fn chaos() -> bool {
    std::env::var("CALLWRIGHT_CHAOS").is_ok_and(|value| value == "1")
}

/// Two campaigns on one trunk that asks for credentials and fails for every seventh number; those dials go on over
/// another trunk. The trunk's 600 a minute is what bounds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_a_minute_with_failover_challenges_and_two_campaigns() {
    let seconds = if chaos() { 180 } else { 20 };
    let plan = Plan { name: "pacing", calls_per_minute: 600, campaigns: 2, seconds, failing: Some(7), challenge: true };
    let seen = Race::run(&plan, run::PACING).await;
    let promise = if chaos() { Promise::WHOLE } else { Promise::SAFE };
    let faults = seen.faults(&plan, &promise);
    assert!(faults.is_empty(), "{}\n{}", seen.figures(&plan), faults.join("\n"));
    run::say(&seen.figures(&plan));
}

/// As fast as a campaign can be set, on SQLite with every dial synced before its INVITE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_thousand_a_minute_on_sqlite() {
    let seconds = if chaos() { 60 } else { 5 };
    let plan = Plan { name: "fast", calls_per_minute: 6000, campaigns: 1, seconds, failing: None, challenge: false };
    let seen = Race::run(&plan, run::FAST).await;
    let promise = if chaos() { Promise::WHOLE } else { Promise::SAFE };
    let faults = seen.faults(&plan, &promise);
    assert!(faults.is_empty(), "{}\n{}", seen.figures(&plan), faults.join("\n"));
    run::say(&seen.figures(&plan));
}

/// A dial that power loss could take back would be a second ring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_sqlite_is_synced_before_the_invite_is_sent() {
    synced::run(run::SYNCED).await;
}
