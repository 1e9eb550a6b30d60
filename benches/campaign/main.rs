//! What a page of a campaign's contacts costs, however it is filtered and ordered: each filter of the console with each order,
//! page after page, and the totals beside them; and what a page of the list of campaigns costs; on both databases.
//!
//! `CAMPAIGN_BENCH_CONTACTS` (default 1000000, which takes some 3 GB of disk) is the size of the campaign,
//! `CAMPAIGN_BENCH_CAMPAIGNS` (default 2000) how many others there are, each with a hundredth of a percent of its contacts,
//! `CAMPAIGN_BENCH_DATABASE` (`SQLite` or `PostgreSQL`) leaves out the other one.

#[path = "../../tests/support/db.rs"]
mod db;
#[path = "../support/figures.rs"]
mod figures;

mod fill;

use std::time::{Duration, Instant};

use callwright::store::filter::{CampaignFilter, Cursor, Sheet, TargetFilter, order};
use callwright::store::{Db, campaign, target};
use figures::{Cmp, Figure};

use self::db::TestDb;
use self::fill::Filled;

/// Pages that are turned of each list.
const PAGES: usize = 25;
/// Contacts on a page.
const ROWS: u32 = 50;
/// Milliseconds that 95 of 100 pages take at most.
const BUDGET: f64 = 50.0;
/// Milliseconds that a page of campaigns takes whose contacts are a million: they are counted.
const LARGE: f64 = 500.0;

/// What the console filters by, as JSON of a filter.
const FILTERS: [(&str, &str); 10] = [
    ("everybody", "{}"),
    ("waiting", r#"{"state":"waiting,ready"}"#),
    ("done", r#"{"state":"done"}"#),
    ("in progress", r#"{"state":"in_progress"}"#),
    ("error", r#"{"state":"failed,blocked"}"#),
    ("success", r#"{"call_success":true}"#),
    ("interrupted", r#"{"interrupted":true}"#),
    ("error with success", r#"{"state":"failed,blocked","call_success":true}"#),
    ("name", r#"{"search":"contact 12"}"#),
    ("phone", r#"{"search":"4930200"}"#),
];
const ORDERS: [&str; 6] =
    ["created_at", "-created_at", "last_call_at", "-last_call_at", "last_duration_ms", "-last_duration_ms"];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let number = |name: &str, usual: u64| match std::env::var(name) {
        Ok(text) => text.parse::<u64>(),
        Err(_) => Ok(usual),
    };
    let contacts = number("CAMPAIGN_BENCH_CONTACTS", 1_000_000)?;
    let campaigns = number("CAMPAIGN_BENCH_CAMPAIGNS", 2_000)?;
    let mut figures = Vec::new();
    runtime.block_on(async {
        let only = std::env::var("CAMPAIGN_BENCH_DATABASE").ok();
        for name in ["SQLite", "PostgreSQL"].into_iter().filter(|name| only.as_deref().is_none_or(|only| only == *name))
        {
            figures.extend(measure(name, contacts, campaigns).await?);
        }
        anyhow::Ok(())
    })?;
    figures::settle("campaign", &figures)
}

async fn measure(name: &str, contacts: u64, campaigns: u64) -> anyhow::Result<Vec<Figure>> {
    let test = if name == "SQLite" { TestDb::sqlite().await } else { TestDb::postgres().await };
    let filled = fill::fill(&test.db, contacts, campaigns).await?;
    let mut figures = Vec::new();
    let p95 = |what: String, times: &mut Vec<Duration>, conditions: String| {
        times.sort();
        let value = times[(times.len() - 1) * 95 / 100].as_secs_f64() * 1e3;
        Figure { name: format!("{name}, {what}: p95"), value, unit: "ms", cmp: Cmp::AtMost, budget: BUDGET, conditions }
    };
    for (what, json) in FILTERS {
        let filter: TargetFilter = serde_json::from_str(json)?;
        let mut times = Vec::new();
        for by in ORDERS {
            turn(&test.db, &filled, &filter, by, &mut times).await?;
        }
        let conditions = format!("{contacts} contacts, {} pages of {ROWS} in {} orders", times.len(), ORDERS.len());
        figures.push(p95(format!("a page of {what}"), &mut times, conditions));
        let mut totals = Vec::new();
        for _ in 0..PAGES {
            let began = now();
            let mut tx = test.db.read().await?;
            target::total(&mut tx, filled.campaign, &filter).await?;
            totals.push(began.elapsed());
        }
        figures.push(p95(format!("the total of {what}"), &mut totals, format!("{contacts} contacts, {PAGES} times")));
    }
    let (mut times, mut large) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        list(&test.db, &filled, &mut times, &mut large).await?;
    }
    let conditions = format!("{campaigns} campaigns of {} contacts, pages of {ROWS}", contacts / 10_000);
    figures.push(p95("a page of campaigns".to_owned(), &mut times, conditions));
    large.sort();
    figures.push(Figure {
        name: format!("{name}, the page with the large campaign: worst"),
        value: large.last().map_or(0.0, |worst| worst.as_secs_f64() * 1e3),
        unit: "ms",
        cmp: Cmp::AtMost,
        budget: LARGE,
        conditions: format!("one campaign of {contacts} contacts on the page, 4 times"),
    });
    Ok(figures)
}

/// Turns the pages of a list.
async fn turn(
    db: &Db,
    filled: &Filled,
    filter: &TargetFilter,
    by: &str,
    times: &mut Vec<Duration>,
) -> anyhow::Result<()> {
    let by = order(by, target::ORDERS).map_err(anyhow::Error::msg)?;
    let mut after: Option<Cursor> = None;
    for _ in 0..PAGES {
        let sheet = Sheet::new(ROWS, after.take(), by)?;
        let began = now();
        let mut tx = db.read().await?;
        let page = target::search(&mut tx, filled.org, filled.campaign, filter, &sheet).await?;
        times.push(began.elapsed());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// Turns the pages of the list of campaigns; the one with the large campaign is timed apart.
async fn list(db: &Db, filled: &Filled, times: &mut Vec<Duration>, large: &mut Vec<Duration>) -> anyhow::Result<()> {
    let by = order("created_at", campaign::ORDERS).map_err(anyhow::Error::msg)?;
    let mut after: Option<Cursor> = None;
    loop {
        let sheet = Sheet::new(ROWS, after.take(), by)?;
        let began = now();
        let mut tx = db.read().await?;
        let page = campaign::search(&mut tx, filled.org, &CampaignFilter::default(), &sheet).await?;
        let shown = campaign::overviews(&mut tx, &page.items, |_| false).await?;
        let took = began.elapsed();
        anyhow::ensure!(shown.len() == page.items.len(), "each campaign is shown");
        let has_large = page.items.iter().any(|campaign| campaign.id == filled.campaign);
        if has_large {
            large.push(took)
        } else {
            times.push(took)
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn now() -> Instant {
    callwright::time::now().mono
}
