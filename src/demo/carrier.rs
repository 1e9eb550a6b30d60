//! The simulated carrier as a process of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::contacts::DemoContact;

/// Program that stands beside this one.
const PROGRAM: &str = "callwright-loadtest";
/// Longest time it may take to start.
const START: Duration = Duration::from_secs(10);

/// A running carrier; ended when dropped.
#[derive(Debug)]
pub struct Carrier {
    /// Where it listens for SIP over UDP.
    pub address: SocketAddr,
    process: Child,
}

#[derive(Deserialize)]
struct Started {
    sip: SocketAddr,
}

impl Carrier {
    /// Starts a carrier whose callees are `people`.
    ///
    /// # Errors
    /// When the program is not there or does not start.
    pub async fn start(out: &Path, people: &[DemoContact], seed: u64) -> anyhow::Result<Self> {
        let personas: BTreeMap<_, _> = people.iter().map(|person| (person.phone.as_str(), person.persona)).collect();
        let table = out.join("personas.json");
        std::fs::write(&table, serde_json::to_vec_pretty(&personas)?)
            .with_context(|| format!("cannot write {}", table.display()))?;
        let mut process = Command::new(program()?)
            .args(["carrier", "--listen", "127.0.0.1:0", "--voices", "target/voices"])
            .arg("--seed")
            .arg(seed.to_string())
            .arg("--log")
            .arg(log_path(out))
            .arg("--personas")
            .arg(&table)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the simulated carrier does not start")?;
        let stdout = process.stdout.take().context("the simulated carrier has no output")?;
        let mut line = String::new();
        let read = tokio::time::timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
        read.context("the simulated carrier does not come up")??;
        let started: Started =
            serde_json::from_str(&line).context("the simulated carrier did not say where it listens")?;
        Ok(Self { address: started.sip, process })
    }

    /// Ends it. Its log is complete: every line is written through.
    pub async fn stop(mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::debug!(%error, "the simulated carrier had ended already");
        }
    }
}

/// What it saw.
#[must_use]
pub fn log_path(out: &Path) -> PathBuf {
    out.join("carrier.jsonl")
}

/// The carrier's program beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own folder")?;
    let beside = own.with_file_name(PROGRAM);
    if !beside.is_file() {
        bail!("{} is missing: build it with `cargo build --workspace --bins` (make build)", beside.display());
    }
    Ok(beside)
}
