//! A simulated carrier: callees on real SIP and RTP, each with a persona, all that happens written down.

mod callee;
mod challenge;
mod clock;
mod exchange;
mod log;
mod persona;
mod phone;
mod script;
mod voice;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;

use exchange::Exchange;
use log::Log;
use persona::{Persona, Population, parse_mix};
use script::Script;
use voice::Studio;

/// Options of `carrier`.
#[derive(clap::Args)]
pub struct Options {
    /// Address for SIP over UDP; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// Where to append what the wire saw, one JSON object a line
    #[arg(long, default_value = "carrier.jsonl")]
    log: PathBuf,
    /// Folder that keeps the callees' voices
    #[arg(long, default_value = "target/voices")]
    voices: PathBuf,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Weights of the personas, such as `says_yes=8,busy=1`; all alike when it is left out
    #[arg(long, default_value = "")]
    mix: String,
    /// JSON file with an object of number to persona; numbers in it do not follow the mix
    #[arg(long)]
    personas: Option<PathBuf>,
    /// Ask for credentials (407) before a call is taken; any are good
    #[arg(long)]
    challenge: bool,
    /// JSON file with the questions that callees expect; the demonstration's when it is left out
    #[arg(long)]
    script: Option<PathBuf>,
}

/// Is a carrier until the process is ended.
///
/// Prints one line when it is ready: a JSON object with the address it listens on.
///
/// # Errors
/// When an option is wrong, a file cannot be used or the address is taken.
pub fn run(options: Options) -> anyhow::Result<()> {
    let mix = parse_mix(&options.mix).map_err(anyhow::Error::msg).context("--mix")?;
    let table: BTreeMap<String, Persona> = read_json(options.personas.as_deref())?.unwrap_or_default();
    let script: Script = read_json(options.script.as_deref())?.unwrap_or_default();
    let population = Population::new(table, mix, options.seed);
    let studio = Studio::open(options.voices)?;
    let log = Log::open(&options.log).with_context(|| format!("cannot write {}", options.log.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let exchange =
            Exchange::open(options.listen, population, script, studio, log).await?.challenging(options.challenge);
        let mut out = std::io::stdout();
        writeln!(out, "{}", serde_json::json!({ "sip": exchange.address()? }))?;
        out.flush()?;
        exchange.run().await
    })
}

pub(crate) fn read_json<T: DeserializeOwned>(path: Option<&Path>) -> anyhow::Result<Option<T>> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is not what it should be", path.display()))
}
