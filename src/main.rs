//! The `callwright` program.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use callwright::access::command::Order;
use callwright::access::{Email, Role};
use callwright::config::Config;
use callwright::shutdown::Shutdown;
use callwright::store::Db;
use callwright::store::db::Settings;
use callwright::store::forecast::Question;
use callwright::telemetry::{self, LogFormat};
use callwright::{access, api, app, demo, eval, memory, outlook, replay, sight, time};
use clap::{Parser, Subcommand};
use secrecy::{ExposeSecret, SecretString};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(name = "callwright", version, about = "Makes and takes phone calls by itself")]
struct Options {
    /// Settings file; `callwright.toml` is read when it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How log lines on standard error look
    #[arg(long, global = true, value_enum, default_value_t, env = "CALLWRIGHT_LOG_FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Dial simulated contacts over real SIP and RTP and show what came of it
    Demo {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
        /// Folder for the database, the recordings and what the wire saw; a fresh one under `demo` when left out
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Ten contacts instead of forty
        #[arg(long)]
        short: bool,
        /// Seed of the simulated callees
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run a call again from its replay file and compare it with what happened then; exit status 1 when it differs
    Replay {
        /// The file: `…/calls/ID/replay` of the REST API, or CALL.replay.gz beside the recording
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print JSON lines, everything in full
        #[arg(long)]
        json: bool,
    },
    /// Run scenarios against assistants in real calls on this machine
    Eval {
        /// Scenario files, and folders of them
        #[arg(required = true, value_name = "FILE|DIR")]
        paths: Vec<PathBuf>,
        /// Write a JUnit report
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Write a JSON report
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Use providers that are not on this machine, and let tools without a stub ask the servers they name
        #[arg(long)]
        real: bool,
        /// Keep recordings in this folder
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
        /// Scenarios at the same time
        #[arg(long, value_name = "COUNT", default_value_t = 4)]
        jobs: usize,
    },
    /// Show what will happen in a campaign: the dialer runs ahead in virtual time on a copy of it
    Forecast {
        /// Its id or its name
        #[arg(value_name = "CAMPAIGN")]
        campaign: String,
        /// Print one JSON object, as the REST API answers it, instead of a table
        #[arg(long)]
        json: bool,
        /// As if it had so many calls per minute
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=6000))]
        calls_per_minute: Option<u32>,
        /// As if it had so many calls at once
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        max_concurrent_calls: Option<u32>,
    },
    /// Add people who sign in, and let them in again; works beside a running server
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Look at SIP
    Sip {
        #[command(subcommand)]
        command: SipCommand,
    },
    /// Bring the database up to date and exit
    Migrate,
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add a user; prints an address at which they set their password
    Add {
        /// The e-mail address to sign in with
        #[arg(value_name = "EMAIL")]
        email: Email,
        /// What people call them
        #[arg(long, value_name = "NAME")]
        name: String,
        /// admin, manager, supervisor or viewer
        #[arg(long, value_name = "ROLE", default_value_t = Role::Admin)]
        role: Role,
    },
    /// Let a user in again who has lost the password or is locked out; prints an address at which they set another one
    Password {
        /// The e-mail address
        #[arg(value_name = "EMAIL")]
        email: Email,
    },
    /// Show the users: address, role, name, state
    List,
}

#[derive(Subcommand)]
enum SipCommand {
    /// Show the SIP messages of a call as a ladder, secrets redacted
    Trace {
        /// The call's id
        #[arg(value_name = "CALL-ID")]
        id: String,
        /// The id is that of an attempt: also one that was refused or never answered
        #[arg(long)]
        attempt: bool,
        /// Address of the server's REST API
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8480", env = "CALLWRIGHT_SERVER")]
        server: String,
        /// An API key with the scope `calls:read`
        #[arg(long, value_name = "KEY", env = "CALLWRIGHT_KEY", hide_env_values = true)]
        key: SecretString,
        /// Write the messages to this file, as packets for Wireshark
        #[arg(long, value_name = "FILE", conflicts_with = "follow")]
        pcap: Option<PathBuf>,
        /// Go on until the call is over
        #[arg(long)]
        follow: bool,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let quiet = matches!(
        options.command,
        Command::Demo { .. }
            | Command::Eval { .. }
            | Command::Forecast { .. }
            | Command::Openapi
            | Command::Replay { .. }
            | Command::Sip { .. }
            | Command::User { .. }
    );
    telemetry::start(options.log_format, if quiet { "error" } else { "info" });
    if let Err(error) = memory::keep_pages_small() {
        tracing::warn!(%error, "memory that is freed may stay with the process: huge pages cannot be turned off");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime does not start");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(options)) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    match options.command {
        Command::Serve => serve(Config::load(options.config.as_deref())?).await,
        Command::Demo { json, out, short, seed } => {
            let fresh = || {
                let stamp = time::now().wall.strftime("%Y%m%d-%H%M%S").to_string();
                PathBuf::from("demo").join(stamp)
            };
            let out = out.unwrap_or_else(fresh);
            let holds = demo::run(&demo::Options { short, json, out, seed }).await?;
            Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Replay { file, json } => {
            let same = replay::show::run(&file, json, &mut std::io::stdout().lock())
                .with_context(|| format!("{} cannot be replayed", file.display()));
            match same {
                Ok(true) => Ok(ExitCode::SUCCESS),
                Ok(false) => Ok(ExitCode::from(1)),
                Err(error) => {
                    tracing::error!("{error:#}");
                    Ok(ExitCode::from(2))
                }
            }
        }
        Command::Eval { paths, junit, json, real, keep, jobs } => {
            let config = Config::load(options.config.as_deref())?;
            let holds = eval::run(&eval::Options { paths, junit, json, real, keep, jobs }, config).await?;
            Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Forecast { campaign, json, calls_per_minute, max_concurrent_calls } => {
            let config = Config::load(options.config.as_deref())?;
            let settings = Settings::new(config.database_url().expose_secret());
            let db = Db::open_to_read(&settings).await.context("the database cannot be read")?;
            let question = Question { calls_per_minute, max_concurrent_calls, ..Question::default() };
            outlook::show::run(&db, &campaign, &question, json, &mut std::io::stdout().lock()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sip { command: SipCommand::Trace { id, attempt, server, key, pcap, follow } } => {
            let wanted = sight::show::Options { id, attempt, server, key, pcap, follow };
            sight::show::run(&wanted, &mut std::io::stdout().lock()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::User { command } => {
            let config = Config::load(options.config.as_deref())?;
            let settings = Settings::new(config.database_url().expose_secret());
            let db = Db::open_beside(&settings).await.context("the database cannot be used; start the server once")?;
            let order = match command {
                UserCommand::Add { email, name, role } => Order::Add { email, name, role },
                UserCommand::Password { email } => Order::Password { email },
                UserCommand::List => Order::List,
            };
            let console = format!("http://{}", config.http.listen);
            access::command::run(&db, order, &console, &mut std::io::stdout().lock()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate => {
            let config = Config::load(options.config.as_deref())?;
            let settings = Settings::new(config.database_url().expose_secret());
            Db::open(&settings).await.context("the database cannot be brought up to date")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            writeln!(std::io::stdout(), "{}", api::openapi().to_pretty_json()?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::default();
    shutdown.on_signals().context("no signal handlers")?;
    let data = config.data_dir.clone();
    let server = app::start(config, shutdown).await?;
    let mut out = std::io::stdout();
    writeln!(out, "Callwright {} is up.", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  REST API     http://{}/api/v1   (description at /openapi.json)", server.http)?;
    match server.console {
        true => writeln!(out, "  console      http://{}/", server.http)?,
        false => writeln!(out, "  console      not in this build: run `make web`, then build again")?,
    }
    for listener in &server.sip {
        match listener.listens {
            true => writeln!(out, "  SIP          {} over {}", listener.local, listener.transport.name())?,
            false if listener.transport.is_websocket() => {
                writeln!(out, "  SIP          WSS needs sip.tls.certificate and sip.tls.key")?;
            }
            false => writeln!(
                out,
                "  SIP          TLS for calls that go out; sip.tls.certificate and sip.tls.key let it in"
            )?,
        }
    }
    writeln!(out, "  data         {}", data.display())?;
    writeln!(out, "  voice        espeak-ng and pocketsphinx: a demonstration voice, offline, English")?;
    match &server.first_key {
        Some(key) => {
            writeln!(out, "  API key      {}", key.expose_secret())?;
            writeln!(out, "               Shown this once and stored as a hash: keep it.")?;
        }
        None => writeln!(out, "  API key      the one printed at the first start")?,
    }
    if let Some(code) = &server.setup_code {
        writeln!(out, "  set-up code  {}", code.expose_secret())?;
        writeln!(out, "               Nobody can sign in yet: open http://{}/setup and enter it.", server.http)?;
        writeln!(out, "               It serves once, until the server is started anew.")?;
    }
    out.flush()?;
    server.finished().await;
    Ok(ExitCode::SUCCESS)
}
