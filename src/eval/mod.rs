//! `callwright eval`: tests for assistants. A scenario says who calls, what they say and do, and what must come of it; it is
//! run as a real call: SIP and RTP over loopback, the server's own recogniser, conversation, tools and voice.

mod caller;
mod expect;
mod judge;
mod junit;
mod person;
mod phone;
mod read;
mod report;
mod scenario;
mod stubs;
mod studio;
mod witness;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use futures_util::stream;

use self::report::{Report, Verdict};
use self::studio::Studio;
use crate::config::Config;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scenario files, and folders of them.
    pub paths: Vec<PathBuf>,
    /// Where a JUnit report goes.
    pub junit: Option<PathBuf>,
    /// Where a JSON report goes.
    pub json: Option<PathBuf>,
    /// Whether providers that are not on this machine are used, and tools without a stub ask the servers they name.
    pub real: bool,
    /// A folder for recordings and the run's own database; a temporary one that goes with the run when left out.
    pub keep: Option<PathBuf>,
    /// Scenarios at the same time.
    pub jobs: usize,
}

/// Runs the scenarios. True when all of them went as expected.
///
/// # Errors
/// When something stands in the way of running them at all: no scenarios, faults in one of them, a missing program, a report
/// that cannot be written.
pub async fn run(options: &Options, config: Config) -> anyhow::Result<bool> {
    let studio = Arc::new(Studio::open(config, options).await?);
    let scenarios = read::all(&options.paths, &studio)?;
    let mut out = std::io::stdout();
    let mut results: Vec<(usize, Verdict)> = Vec::new();
    let mut running = stream::iter(scenarios.into_iter().enumerate())
        .map(|(place, scenario)| {
            let studio = Arc::clone(&studio);
            async move { (place, studio.run(scenario).await) }
        })
        .buffer_unordered(options.jobs.max(1));
    while let Some((place, verdict)) = running.next().await {
        out.write_all(report::lines(&verdict).as_bytes())?;
        out.flush()?;
        results.push((place, verdict));
    }
    drop(running);
    results.sort_by_key(|(place, _)| *place);
    let report = Report::new(results.into_iter().map(|(_, verdict)| verdict).collect());
    writeln!(out, "{}", report.summary())?;
    if let Some(path) = &options.json {
        write(path, &report.to_json()?)?;
    }
    if let Some(path) = &options.junit {
        write(path, &junit::document(&report))?;
    }
    if report.scenarios.is_empty() {
        bail!("there was nothing to run");
    }
    Ok(report.holds())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
