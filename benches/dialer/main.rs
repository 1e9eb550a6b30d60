//! What a claim costs, by how many contacts a campaign has: with all of them due, with 99 in 100 not due and of higher
//! priority, and with 100,000 suppressed ones before everybody else; on both databases.
//!
//! `DIALER_BENCH_CONTACTS` (default 5000000, which takes some 15 GB of disk) is the largest size, `DIALER_BENCH_DATABASE`
//! (`SQLite` or `PostgreSQL`) leaves out the other one. The databases of all sizes are open at once and claimed from in
//! turn: what the machine does meanwhile meets all of them alike.

#[path = "../../tests/support/db.rs"]
mod db;
#[path = "../support/figures.rs"]
mod figures;

mod fill;

use std::time::{Duration, Instant};

use callwright::id::{CampaignId, NodeId};
use callwright::store::Db;
use callwright::store::dialing::{ClaimRequest, Dialing, Node, Refused};
use figures::{Cmp, Figure};

use self::db::TestDb;
use self::fill::Shape;

/// Claims that are timed, for each database.
const CLAIMS: usize = 250;
/// Claims before, which are not.
const WARM_UP: usize = 25;
/// So far ahead that no pace is in the way.
const HEADROOM: Duration = Duration::from_secs(20);
/// How much dearer the largest may be than the smallest.
const FLAT: f64 = 1.3;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let largest: u64 = match std::env::var("DIALER_BENCH_CONTACTS") {
        Ok(text) => text.parse()?,
        Err(_) => 5_000_000,
    };
    let mut figures = Vec::new();
    runtime.block_on(async {
        let only = std::env::var("DIALER_BENCH_DATABASE").ok();
        for name in ["SQLite", "PostgreSQL"].into_iter().filter(|name| only.as_deref().is_none_or(|only| only == *name))
        {
            figures.extend(measure(name, largest).await?);
        }
        anyhow::Ok(())
    })?;
    figures::settle("dialer", &figures)
}

/// One database with one campaign.
struct Scene {
    test: TestDb,
    shape: Shape,
    dialing: Dialing,
    node: Node,
    campaign: CampaignId,
    times: Vec<Duration>,
    /// From the first promotion until somebody was ready.
    until_ready: Duration,
}

async fn measure(name: &str, largest: u64) -> anyhow::Result<Vec<Figure>> {
    let sizes: Vec<u64> = [10_000, 100_000, 1_000_000, 5_000_000].into_iter().filter(|size| *size <= largest).collect();
    let middle = largest.min(500_000);
    let mut shapes: Vec<_> = sizes.iter().map(|size| Shape { contacts: *size, not_due: 0, suppressed: 0 }).collect();
    shapes.push(Shape { contacts: middle, not_due: middle / 100 * 99, suppressed: 0 });
    shapes.push(Shape { contacts: middle, not_due: 0, suppressed: 100_000.min(middle / 2) });
    let mut scenes = Vec::new();
    for shape in shapes {
        let test = if name == "SQLite" { TestDb::sqlite().await } else { TestDb::postgres().await };
        scenes.push(Scene::new(test, shape).await?);
    }
    for round in 0..WARM_UP + CLAIMS {
        for scene in &mut scenes {
            let took = scene.claim().await?;
            if round >= WARM_UP {
                scene.times.push(took);
            }
        }
    }
    let mut figures = Vec::new();
    let smallest = scenes[0].percentile(50);
    for scene in &mut scenes {
        let conditions = format!("{CLAIMS} claims, in turn with those from the other sizes");
        let shape = scene.shape.name();
        let figure = |what: &str, value: f64, unit, budget| Figure {
            name: format!("{name}, {shape}: {what}"),
            value,
            unit,
            cmp: Cmp::AtMost,
            budget,
            conditions: conditions.clone(),
        };
        figures.push(figure("claim p50", scene.percentile(50), "ms", 50.0));
        figures.push(figure("claim p50 to that of 10 thousand", scene.percentile(50) / smallest, "times", FLAT));
        figures.push(figure("until somebody is ready", scene.until_ready.as_secs_f64(), "s", 120.0));
    }
    Ok(figures)
}

impl Scene {
    async fn new(test: TestDb, shape: Shape) -> anyhow::Result<Self> {
        let campaign = fill::fill(&test.db, shape).await?;
        let dialing = Dialing::new(&test.db, Duration::from_secs(3_600));
        let node = dialing.register(NodeId::generate()).await?;
        let began = now();
        // As the engine does it: until enough are ready.
        let mut ready = 0;
        while ready < (CLAIMS + WARM_UP) as u64 {
            ready += dialing.promote(campaign, 500).await?.ready;
            anyhow::ensure!(began.elapsed() < Duration::from_secs(600), "nobody gets ready in {}", shape.name());
        }
        let until_ready = began.elapsed();
        Ok(Self { test, shape, dialing, node, campaign, times: Vec::new(), until_ready })
    }

    async fn claim(&self) -> anyhow::Result<Duration> {
        let request = ClaimRequest { node: self.node, campaign: self.campaign, headroom: HEADROOM };
        let began = now();
        let picked = self.dialing.claim(&request).await?;
        let took = began.elapsed();
        match picked.result {
            Ok(_) => Ok(took),
            Err(refused @ (Refused::Limited(_) | Refused::Stopped | Refused::Empty | Refused::Again)) => {
                anyhow::bail!("{} on {:?}: {refused:?}", self.shape.name(), self.test.db.kind())
            }
        }
    }

    /// In milliseconds.
    fn percentile(&mut self, percentile: usize) -> f64 {
        self.times.sort();
        self.times[self.times.len() * percentile / 100].as_secs_f64() * 1e3
    }
}

/// The next noon in Berlin, where everybody lives.
async fn noon(db: &Db) -> anyhow::Result<()> {
    let now = db.read().await?.now().await?;
    let here = now.in_tz("Europe/Berlin")?;
    let noon = here.with().hour(12).minute(0).second(0).subsec_nanosecond(0).build()?;
    let noon = if noon < here { noon.tomorrow()? } else { noon };
    db.shift_clock(noon.timestamp().as_microsecond() - now.as_microsecond());
    Ok(())
}

fn now() -> Instant {
    callwright::time::now().mono
}
