//! Simulated vendors: recognisers, voices and models on one port, each on the path its vendor has.
//!
//! They check what they are sent as strictly as the vendor does, answer from a [`Script`], break in the ways that a list
//! of [`Injection`]s asks for, and write down all that came and went. Nothing is random: the same script and input give the same
//! answers.

pub mod chat;
mod connection;
pub mod embeddings;
pub mod faults;
pub mod hearing;
pub mod log;
mod peer;
mod realtime;
mod reply;
mod server;
pub mod sound;
mod stt;
#[cfg(test)]
mod tests;
pub mod tts;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::faults::{Injection, Plan};
use self::log::Log;
use self::server::Shared;
use crate::carrier::read_json;

/// The key that vendors accept unless they are told another.
pub const KEY: &str = "simulated-key";

/// Options of `vendors`.
#[derive(clap::Args)]
pub struct Options {
    /// Address for HTTP and websockets; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// JSON file with what the vendors understand and say
    #[arg(long)]
    script: Option<PathBuf>,
    /// JSON file with a list of faults; `POST /_faults` replaces them while the vendors run
    #[arg(long)]
    faults: Option<PathBuf>,
    /// Where to append what came and went, one JSON object a line
    #[arg(long, default_value = "vendors.jsonl")]
    log: PathBuf,
    /// The key that is accepted
    #[arg(long, default_value = KEY)]
    key: String,
}

/// Is the vendors until the process is ended.
///
/// Prints one line when it is ready: a JSON object with the address it listens on.
///
/// # Errors
/// When an option is wrong, a file cannot be used or the address is taken.
pub fn run(options: Options) -> anyhow::Result<()> {
    let config = Config {
        listen: options.listen,
        script: read_json(options.script.as_deref())?.unwrap_or_default(),
        faults: read_json(options.faults.as_deref())?.unwrap_or_default(),
        log: Some(options.log),
        keep_log: false,
        key: options.key,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let running = start(config).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", serde_json::json!({ "vendors": running.address }))?;
        out.flush()?;
        running.serving().await
    })
}

/// How vendors are simulated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What they understand and say.
    pub script: Script,
    /// How they break.
    pub faults: Vec<Injection>,
    /// A file that the log is appended to.
    pub log: Option<PathBuf>,
    /// Whether the log is kept in memory too, for [`Log::entries`]. It grows as long as the vendors run.
    pub keep_log: bool,
    /// The key that is accepted.
    pub key: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            script: Script::default(),
            faults: Vec::new(),
            log: None,
            keep_log: true,
            key: KEY.to_owned(),
        }
    }
}

/// What vendors understand and say. All of it may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// What recognisers make of what they hear.
    pub hearing: hearing::Script,
    /// What models of chat completions answer.
    pub chat: chat::Script,
    /// What models that hear and speak answer; they hear by the script of hearing.
    pub realtime: chat::Script,
    /// What texts mean to a model of embeddings.
    pub embeddings: embeddings::Script,
    /// How voices speak.
    pub speaking: tts::speaking::Script,
}

/// Vendors at work; they stop when it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where they listen.
    pub address: SocketAddr,
    /// What came and went.
    pub log: Log,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Replaces the faults, those of connections that are up included where the injection says so.
    pub fn set_faults(&self, faults: Vec<Injection>) {
        self.shared.plan.replace(faults);
    }

    /// Until the server ends, which it does not do by itself.
    async fn serving(mut self) -> anyhow::Result<()> {
        (&mut self.server).await.context("the server broke")??;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
        self.shared.plan.stop();
    }
}

/// Starts vendors inside a tokio runtime.
///
/// # Errors
/// When the address is taken or the log cannot be written.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let Config { listen, script, faults, log, keep_log, key } = config;
    let log = Log::open(log.as_deref(), keep_log).context("the log cannot be written")?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared::new(script, Plan::new(faults), log.clone(), key));
    let router = server::router(Arc::clone(&shared));
    // What vendors write leaves at once: a small piece does not wait until the one before is acknowledged.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(Running { address, log, shared, server })
}
