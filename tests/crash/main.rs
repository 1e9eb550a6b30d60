//! Servers are killed, frozen past their lease and cut off from their database again and again in the middle of a
//! campaign. Then the carrier's own record of the wire says whether anybody was rung twice for one dial, left ringing or
//! talking to nobody, or forgotten.
//!
//! Everything here is a process of its own: servers, carrier, database. `CRASH_SEED` repeats the troubles of a round as
//! far as real time can be repeated; a failure prints its seed and keeps its folder. `CHAOS=1` runs the long form.

#[path = "../support/db.rs"]
mod db;

mod campaign;
mod course;
mod evidence;
mod link;
#[allow(dead_code, reason = "shared with the test of pacing")]
mod process;
mod recordings;
mod troubles;
mod verdict;

use callwright::demo::client::Client;
use course::Plan;
use db::TestDb;
use process::{Home, Ports};
use troubles::Count;

/// SIP, REST and RTP ports of a test, apart from those of the other and below the range from which the system hands out
/// ports: while a server is down nobody else gets them.
const SQLITE: Ports = Ports { http: 12_080..12_180, sip: 12_200..12_300, rtp_min: 20_000, rtp_max: 25_998 };
const SILENT: Ports = Ports { http: 12_480..12_580, sip: 12_600..12_700, rtp_min: 19_000, rtp_max: 19_998 };
const POSTGRES: Ports = Ports { http: 13_080..13_180, sip: 13_200..13_300, rtp_min: 26_000, rtp_max: 31_998 };

/// The long form: with the counts of [`LONG`] these make 500 kills, 100 freezes and 100 interruptions in all.
const ROUNDS: usize = 13;
const ROUNDS_OF_SQLITE: usize = 12;
const LONG: Count = Count { kills: 20, freezes: 4, cuts: 4 };

fn long() -> bool {
    std::env::var_os("CHAOS").is_some_and(|chaos| !chaos.is_empty())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_sqlite_dies_freezes_and_cannot_write() {
    if !long() {
        let troubles = Count { kills: 10, freezes: 2, cuts: 2 };
        return course::run(Plan { name: "sqlite", database: None, nodes: 1, ports: SQLITE, troubles }).await;
    }
    for _ in 0..ROUNDS_OF_SQLITE {
        course::run(Plan { name: "sqlite", database: None, nodes: 1, ports: SQLITE, troubles: LONG }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_postgres_die_freeze_and_lose_their_database() {
    if !long() {
        let troubles = Count { kills: 18, freezes: 3, cuts: 6 };
        return on_postgres(3, troubles).await;
    }
    for nodes in [1, 2, 3].into_iter().cycle().take(ROUNDS) {
        on_postgres(nodes, LONG).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_log_cannot_be_written_works_on() {
    let folder = std::env::temp_dir().join(format!("callwright-crash-silent-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
    let home = Home::new(folder.clone(), None, &SILENT);
    let mut server = home.start_without_log();
    server.up().await;
    let client = Client::new(home.http, server.key().await.into());
    for _ in 0..3 {
        let campaigns = client.get("/campaigns").await.expect("it answers");
        assert_eq!(campaigns["items"], serde_json::json!([]));
    }
    server.stop().await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

async fn on_postgres(nodes: usize, troubles: Count) {
    let database = TestDb::postgres().await;
    let address = Some(database.address.clone());
    course::run(Plan { name: "postgres", database: address, nodes, ports: POSTGRES, troubles }).await;
}
