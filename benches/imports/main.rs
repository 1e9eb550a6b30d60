//! What an import of contacts from CSV costs, in time and in memory, and what lists of contacts cost among as many.
//!
//! `IMPORT_BENCH_ROWS` (default 1000000) is how many rows the file has, `IMPORT_BENCH_DATABASE` (`SQLite` or `PostgreSQL`) leaves
//! out the other database. Budgets hold for SQLite and a release build; PostgreSQL is told beside.

#[path = "../../tests/support/db.rs"]
mod db;
#[path = "../support/figures.rs"]
mod figures;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use callwright::campaign::import::{Field, Mapped, Plan};
use callwright::id::{ImportId, OrgId};
use callwright::import::Imports;
use callwright::import::sheet::look;
use callwright::store::audit::Actor;
use callwright::store::filter::{ContactFilter, Order, Sheet};
use callwright::store::import::{self, ImportState, Upload};
use callwright::store::{Db, contact, org};
use figures::{Cmp, Figure};

use self::db::TestDb;

/// Times that a list is asked for.
const ASKED: usize = 40;
/// A budget that nothing is held to.
const NONE: f64 = 1e9;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rows: u64 = match std::env::var("IMPORT_BENCH_ROWS") {
        Ok(text) => text.parse()?,
        Err(_) => 1_000_000,
    };
    let only = std::env::var("IMPORT_BENCH_DATABASE").ok();
    let mut figures = Vec::new();
    for name in ["SQLite", "PostgreSQL"].into_iter().filter(|name| only.as_deref().is_none_or(|only| only == *name)) {
        figures.extend(runtime.block_on(measure(name, rows))?);
    }
    figures::settle("campaign", &figures)
}

async fn measure(name: &str, rows: u64) -> anyhow::Result<Vec<Figure>> {
    let test = if name == "SQLite" { TestDb::sqlite().await } else { TestDb::postgres().await };
    let folder = tempfile::tempdir()?;
    let imports = Imports::new(folder.path().to_owned());
    let mut tx = test.db.begin().await?;
    let org = org::ensure_default(&mut tx).await?.id;
    let key = org::secrets(&mut tx, [[1; 32], [2; 32]]).await?.phone;
    tx.commit().await?;
    let id = ImportId::generate();
    let bytes = write_file(&imports.path(id), rows)?;
    let facts = look(&imports.path(id))?;
    let mut tx = test.db.begin().await?;
    let (file_name, format) = ("bench.csv".to_owned(), facts.format);
    let upload = Upload { id, file_name, bytes, format, facts: serde_json::to_value(&facts)? };
    let actor = Actor::system("bench");
    let seen = import::insert(&mut tx, org, &actor, upload).await?;
    import::set_plan(&mut tx, &seen, &plan(), &["Name", "Mobile", "Mail", "Offer"].map(str::to_owned)).await?;
    import::queue(&mut tx, &seen, &actor).await?;
    tx.commit().await?;

    let before = resident_mib()?;
    let began = now();
    let watching = watch();
    imports.work(&test.db, &key).await?;
    let took = began.elapsed().as_secs_f64();
    let most = watching.await?;
    let seen = import::get(&mut test.db.read().await?, org, id).await?;
    anyhow::ensure!(
        seen.state == ImportState::Done && seen.counts.created == rows,
        "{:?} {:?}",
        seen.state,
        seen.counts
    );
    let is_budgeted = name == "SQLite";
    let conditions = format!("{rows} rows, {} MiB", bytes >> 20);
    let figure = |what: &str, value: f64, unit, budget: f64| Figure {
        name: format!("{name}: {what}"),
        value,
        unit,
        cmp: Cmp::AtMost,
        budget: if is_budgeted { budget } else { NONE },
        conditions: conditions.clone(),
    };
    let mut figures = vec![
        figure("import of a million rows", took * 1e6 / rows as f64, "s", 120.0),
        figure("memory while importing", most, "MiB", 200.0),
        figure("memory beyond that before", most - before, "MiB", 200.0),
    ];
    for (what, search) in [
        ("first page", None),
        ("part of a name of one", Some(format!("{} x", rows / 2))),
        ("part of a name of all", Some("contact".to_owned())),
        ("part of a number of one", Some(format!("{:07}", rows / 3))),
        ("two letters", Some("ct".to_owned())),
        ("nobody", Some("nobody has this".to_owned())),
    ] {
        let filter = ContactFilter { search, ..ContactFilter::default() };
        figures.push(figure(&format!("list, {what}, p95"), ask(&test.db, org, &filter).await?, "ms", 50.0));
    }
    Ok(figures)
}

/// The time of the slowest of twenty, in milliseconds.
async fn ask(db: &Db, org: OrgId, filter: &ContactFilter) -> anyhow::Result<f64> {
    let sheet = Sheet::new(50, None, Order::MADE)?;
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let began = now();
        let mut tx = db.read().await?;
        contact::search(&mut tx, org, filter, &sheet).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ASKED * 95 / 100])
}

fn plan() -> Plan {
    let fields = [("Name", Field::Name), ("Mobile", Field::Phone), ("Mail", Field::Email), ("Offer", Field::Variable)];
    let mapped = |(column, field): (&str, Field)| Mapped { column: column.to_owned(), field, name: None };
    Plan { mapping: fields.map(mapped).to_vec(), country: Some("DE".to_owned()), ..Plan::default() }
}

fn write_file(path: &Path, rows: u64) -> anyhow::Result<u64> {
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "Name;Mobile;Mail;Offer")?;
    for row in 0..rows {
        writeln!(file, "Contact {row} x;0151 1{row:07};c{row}@example.org;{}", row % 7)?;
    }
    file.flush()?;
    Ok(std::fs::metadata(path)?.len())
}

/// The most memory of this process until it is awaited, in MiB.
fn watch() -> impl Future<Output = anyhow::Result<f64>> {
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        let mut most = resident_mib()?;
        loop {
            tokio::select! {
                _ = &mut stopped => return Ok::<_, anyhow::Error>(most),
                () = tokio::time::sleep(Duration::from_millis(200)) => most = most.max(resident_mib()?),
            }
        }
    });
    async move {
        drop(stop);
        watching.await?
    }
}

fn resident_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

fn now() -> Instant {
    callwright::time::now().mono
}
