//! The course of a test: a campaign, twenty kills, the rest of the campaign, then the evidence.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callwright::demo::client::Client;
use callwright::time;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::campaign;
use crate::evidence::Evidence;
use crate::process::{Carrier, Home, Ports};
use crate::verdict::Verdict;

/// How often the server is killed.
pub(crate) const KILLS: usize = 20;
/// Longest time from the last kill to the end of the campaign.
const REST: Duration = Duration::from_secs(150);
/// Longest wait for something to happen on the wire.
const EVENT: Duration = Duration::from_secs(3);

/// A test.
pub(crate) struct Plan {
    name: &'static str,
    database: Option<String>,
    ports: Ports,
}

impl Plan {
    /// A test on PostgreSQL at `database`, else on SQLite.
    pub(crate) const fn new(name: &'static str, database: Option<String>, ports: Ports) -> Self {
        Self { name, database, ports }
    }
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was up.
    After(Duration),
    /// So long after the next INVITE has arrived.
    Invite(Duration),
    /// So long after the next callee has answered.
    Answer(Duration),
    /// So long after it was started, most often before it is up.
    Starting(Duration),
}

/// One life of the server. Times are seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// When the process was started.
    pub(crate) spawned: f64,
    /// When it was up; none when it was killed before.
    pub(crate) up: Option<f64>,
    /// When it was killed, or ended by itself.
    pub(crate) ended: f64,
}

/// Runs a test.
pub(crate) async fn run(plan: Plan) {
    let seed = match std::env::var("CRASH_SEED") {
        Ok(text) => text.parse().expect("CRASH_SEED is a number"),
        Err(_) => u64::from(rand::random::<u32>()),
    };
    let folder = std::env::temp_dir().join(format!("callwright-crash-{}-{}", plan.name, std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
    let note = Note { folder: folder.clone(), seed };
    let home = Home::new(folder.clone(), plan.database, &plan.ports);
    let evidence = campaign_with_kills(&home, seed).await;
    let verdict = Verdict::of(&evidence);
    say(&format!("crash {} (seed {seed}): {}", plan.name, verdict.figures()));
    assert!(verdict.faults.is_empty(), "{} faults:\n{}", verdict.faults.len(), verdict.faults.join("\n"));
    drop(note);
}

async fn campaign_with_kills(home: &Home, seed: u64) -> Evidence {
    let mut rng = StdRng::seed_from_u64(seed);
    let people = campaign::people();
    let carrier = Carrier::start(&home.folder, &campaign::personas(&home.folder, &people), seed).await;
    let mut server = home.start();
    let up = server.up().await;
    let client = Client::new(home.http, server.key().await.into());
    let id = campaign::start(&client, &carrier, &people).await.expect("the campaign starts");

    let mut lives = Vec::new();
    let mut up = Some(up);
    for moment in moments(&mut rng) {
        if up.is_none() && !matches!(moment, Moment::Starting(_)) {
            up = Some(server.up().await);
        }
        wait(moment, &carrier.log).await;
        let spawned = server.spawned;
        let ended = server.kill().await;
        lives.push(Life { spawned, up, ended });
        server = home.start();
        up = None;
    }
    let up = server.up().await;
    let state = progress(&client, &id).await.expect("the server answers")["state"].clone();
    assert_eq!(state, "in_progress", "the campaign has to outlast the kills: give it more contacts");
    let completed = finish(&client, &id).await;
    let mut evidence = Evidence::from_api(&client, &id, people).await.expect("the server answers");
    let spawned = server.spawned;
    server.stop().await;
    lives.push(Life { spawned, up: Some(up), ended: crate::process::unix() });
    evidence.lives = lives;
    evidence.completed = completed;
    let log = carrier.log.clone();
    carrier.stop().await;
    evidence.add_wire(&log);
    evidence.add_legs(&home.database(), home.sip).await;
    evidence.add_recordings(&home.recordings());
    evidence
}

/// Kills of every kind in random order.
fn moments(rng: &mut StdRng) -> Vec<Moment> {
    let ms = |rng: &mut StdRng, from, to| Duration::from_millis(rng.random_range(from..to));
    let mut moments: Vec<_> = (0..KILLS)
        .map(|number| match number % 5 {
            0 | 1 => Moment::After(ms(rng, 200, 2500)),
            2 => Moment::Invite(ms(rng, 0, 30)),
            3 => Moment::Answer(ms(rng, 0, 30)),
            _ => Moment::Starting(ms(rng, 20, 600)),
        })
        .collect();
    moments.shuffle(rng);
    moments
}

async fn wait(moment: Moment, wire: &Path) {
    match moment {
        Moment::After(pause) | Moment::Starting(pause) => tokio::time::sleep(pause).await,
        Moment::Invite(pause) => {
            next_event(wire, "\"event\":\"invite\"").await;
            tokio::time::sleep(pause).await;
        }
        Moment::Answer(pause) => {
            next_event(wire, "\"event\":\"answer\"").await;
            tokio::time::sleep(pause).await;
        }
    }
}

/// Waits until the carrier has written down a further event of a kind; not for ever, a kill at another moment will do.
async fn next_event(wire: &Path, kind: &str) {
    let count = || std::fs::read_to_string(wire).unwrap_or_default().matches(kind).count();
    let before = count();
    let began = time::now().mono;
    while count() == before && time::now().mono.duration_since(began) < EVENT {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn progress(client: &Client, campaign: &str) -> anyhow::Result<serde_json::Value> {
    client.get(&format!("/campaigns/{campaign}/progress")).await
}

/// Waits for the end of the campaign; whether it came.
async fn finish(client: &Client, campaign: &str) -> bool {
    let began = time::now().mono;
    loop {
        let progress = progress(client, campaign).await.expect("the server answers");
        if progress["state"] == "completed" {
            return true;
        }
        if time::now().mono.duration_since(began) > REST {
            say(&format!("the campaign does not end: {progress}"));
            return false;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A line that shows although the test succeeds.
fn say(line: &str) {
    // Nobody reads along: no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Tells how to look into a failure, and cleans up after success.
struct Note {
    folder: PathBuf,
    seed: u64,
}

impl Drop for Note {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("CRASH_SEED={}; everything is kept in {}", self.seed, self.folder.display()));
        } else {
            // A leftover in the temporary folder is no reason to fail a test.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
