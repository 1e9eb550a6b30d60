//! The server is killed again and again in the middle of a campaign, and starts again. Then the carrier's own record of
//! the wire says whether anybody was rung twice for one dial, left ringing or talking to nobody, or forgotten.
//!
//! Everything here is a process of its own: server, carrier, database. `CRASH_SEED` repeats the kills of a run as far as
//! real time can be repeated; a failure prints its seed and keeps its folder.

#[path = "../support/db.rs"]
mod db;

mod campaign;
mod evidence;
mod kills;
#[allow(dead_code, reason = "shared with the test of pacing")]
mod process;
mod recordings;
mod verdict;

use db::TestDb;
use kills::Plan;
use process::Ports;

/// SIP, REST and RTP ports of a test, apart from those of the other and below the range from which the system hands out
/// ports: while the server is down nobody else gets them.
const SQLITE: Ports = Ports { http: 12_080..12_180, sip: 12_200..12_300, rtp_min: 20_000, rtp_max: 25_998 };
const POSTGRES: Ports = Ports { http: 13_080..13_180, sip: 13_200..13_300, rtp_min: 26_000, rtp_max: 31_998 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_on_sqlite() {
    kills::run(Plan::new("sqlite", None, SQLITE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_on_postgres() {
    let database = TestDb::postgres().await;
    kills::run(Plan::new("postgres", Some(database.address.clone()), POSTGRES)).await;
}
