//! The course of a round: a campaign, its troubles, the rest of the campaign, then the evidence.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use callwright::demo::client::Client;
use callwright::time;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use crate::campaign;
use crate::evidence::Evidence;
use crate::link::{Link, Passes};
use crate::process::{Carrier, Home, Ports, Server, unix};
use crate::troubles::{self, Count, Cut, Happened, Kind, Moment, Trouble};
use crate::verdict::Verdict;

/// Longest time from the last trouble to the end of the campaign.
const REST: Duration = Duration::from_secs(180);
/// Longest wait for something to happen on the wire.
const EVENT: Duration = Duration::from_secs(3);
/// Most servers of a round.
pub(crate) const MOST_NODES: usize = 3;
/// How long answers are lost before connections break.
const DEAF: Duration = Duration::from_millis(150);

/// A round.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// Address of PostgreSQL; SQLite when there is none.
    pub(crate) database: Option<String>,
    /// Servers; one on SQLite.
    pub(crate) nodes: usize,
    pub(crate) ports: Ports,
    pub(crate) troubles: Count,
}

/// One life of a server. Times are seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) node: usize,
    /// When the process was started.
    pub(crate) spawned: f64,
    /// When it was up; none when it was killed before.
    pub(crate) up: Option<f64>,
    /// When it was killed, or ended by itself.
    pub(crate) ended: f64,
}

/// Runs a round.
pub(crate) async fn run(plan: Plan) {
    let seed = match std::env::var("CRASH_SEED") {
        Ok(text) => text.parse().expect("CRASH_SEED is a number"),
        Err(_) => u64::from(rand::random::<u32>()),
    };
    let folder = std::env::temp_dir().join(format!("callwright-crash-{}-{seed}", plan.name));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
    let note = Note { folder: folder.clone(), seed };
    let evidence = campaign_in_trouble(&plan, &folder, seed).await;
    let verdict = Verdict::of(&evidence);
    say(&format!("crash {} on {} (seed {seed}): {}", plan.name, plan.nodes, verdict.figures()));
    assert!(verdict.faults.is_empty(), "{} faults:\n{}", verdict.faults.len(), verdict.faults.join("\n"));
    drop(note);
}

/// Where server `node` has its SIP address: its calls' Call-IDs name it.
pub(crate) fn address_of(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, u8::try_from(node + 1).expect("a few servers")))
}

async fn campaign_in_trouble(plan: &Plan, folder: &Path, seed: u64) -> Evidence {
    let mut rng = StdRng::seed_from_u64(seed);
    let people = campaign::people(5 * troubles::seconds(plan.troubles, plan.nodes) / 2 + 40 + 40 * plan.nodes);
    let carrier = Carrier::start(folder, &campaign::personas(folder, &people), seed).await;
    let mut posts = Vec::new();
    for node in 0..plan.nodes {
        posts.push(Post::man(plan, folder, node).await);
    }
    let client = Client::new(posts[0].home.http, posts[0].server.key().await.into());
    let id = campaign::start(&client, &carrier, &people).await.expect("the campaign starts");

    let mut tasks = JoinSet::new();
    for (post, troubles) in posts.into_iter().zip(troubles::draw(plan.troubles, plan.nodes, &mut rng)) {
        tasks.spawn(post.suffer(troubles, carrier.log.clone()));
    }
    let mut posts = tasks.join_all().await;
    posts.sort_by_key(|post| post.node);
    let state = progress(&client, &id).await["state"].clone();
    assert_eq!(state, "in_progress", "the campaign has to outlast its troubles: give it more contacts");
    let completed = finish(&client, &id).await;
    let mut evidence = Evidence::from_api(&client, &id, people).await.expect("the server answers");
    evidence.troubles = plan.troubles;
    evidence.completed = completed;
    for mut post in posts {
        post.relieve().await;
        evidence.lives.append(&mut post.lives);
        evidence.happened.append(&mut post.happened);
        evidence.add_recordings(post.node, &post.home.recordings());
        evidence.database = plan.database.clone().unwrap_or_else(|| post.home.database());
    }
    let log = carrier.log.clone();
    carrier.stop().await;
    evidence.add_wire(&log);
    evidence.add_legs(plan.nodes).await;
    evidence
}

/// A server and what befell it.
struct Post {
    node: usize,
    home: Home,
    link: Option<Link>,
    server: Server,
    up: Option<f64>,
    lives: Vec<Life>,
    happened: Vec<Happened>,
}

impl Post {
    async fn man(plan: &Plan, folder: &Path, node: usize) -> Self {
        let folder = folder.join(format!("node-{node}"));
        std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
        let link = plan.database.as_ref().map(|address| Link::new(address, &folder));
        let database = link.as_ref().map(|link| link.address.clone());
        let home = Home::at(address_of(node), folder, database, &plan.ports);
        let mut server = home.start();
        let up = Some(server.up().await);
        Self { node, home, link, server, up, lives: Vec::new(), happened: Vec::new() }
    }

    async fn suffer(mut self, troubles: Vec<Trouble>, wire: PathBuf) -> Self {
        for trouble in troubles {
            if self.up.is_none() && !matches!(trouble, Trouble::Kill(Moment::Starting(_))) {
                self.up = Some(self.server.up().await);
            }
            match trouble {
                Trouble::Kill(moment) => {
                    wait(moment, &wire).await;
                    self = self.die().await;
                }
                Trouble::Freeze(length) => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let from = unix();
                    self.server.signal("STOP").await;
                    tokio::time::sleep(length).await;
                    self.server.signal("CONT").await;
                    self.note(Kind::Freeze, from);
                }
                Trouble::Cut(cut, length) => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let from = unix();
                    self.cut(cut, length).await;
                    self.note(Kind::Cut, from);
                }
            }
        }
        if self.up.is_none() {
            self.up = Some(self.server.up().await);
        }
        self
    }

    fn note(&mut self, kind: Kind, from: f64) {
        self.happened.push(Happened { node: self.node, kind, from, until: unix() });
    }

    async fn die(self) -> Self {
        let Self { node, home, link, server, up, mut lives, mut happened } = self;
        let spawned = server.spawned;
        let ended = server.kill().await;
        lives.push(Life { node, spawned, up, ended });
        let server = home.start();
        happened.push(Happened { node, kind: Kind::Kill, from: ended, until: server.spawned });
        Self { node, home, link, server, up: None, lives, happened }
    }

    async fn cut(&self, cut: Cut, length: Duration) {
        let Some(link) = &self.link else {
            self.server.refuse_writes(true).await;
            tokio::time::sleep(length).await;
            return self.server.refuse_writes(false).await;
        };
        match cut {
            Cut::Broken => link.set(Passes::NoConnection),
            Cut::Stalled => link.set(Passes::Nothing),
            Cut::Deaf => {
                link.set(Passes::Requests);
                tokio::time::sleep(DEAF).await;
                link.set(Passes::NoConnection);
            }
        }
        tokio::time::sleep(length).await;
        link.set(Passes::Everything);
    }

    /// Ends the server in good order.
    async fn relieve(&mut self) {
        let spawned = self.server.spawned;
        self.server.stop().await;
        self.lives.push(Life { node: self.node, spawned, up: self.up, ended: unix() });
    }
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

/// How far the campaign is. A server may say for a while that it has not found its database again.
async fn progress(client: &Client, campaign: &str) -> serde_json::Value {
    let began = time::now().mono;
    loop {
        match client.get(&format!("/campaigns/{campaign}/progress")).await {
            Ok(progress) => return progress,
            Err(error) => {
                let away = error.to_string().contains("database_away");
                assert!(away && time::now().mono.duration_since(began) < REST, "{error}");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Waits for the end of the campaign; whether it came.
async fn finish(client: &Client, campaign: &str) -> bool {
    let began = time::now().mono;
    loop {
        let progress = progress(client, campaign).await;
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
