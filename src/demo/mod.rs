//! `callwright demo`: the main job, unattended. A server, a simulated carrier and a campaign between them; then what came of
//! it, recomputed from what the carrier saw on the wire.

pub mod carrier;
pub mod client;
pub mod contacts;
pub mod judge;
pub mod report;
pub mod wire;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::app;
use crate::config::{Config, ListenerConfig, RecordingFormat, SipTransport};
use crate::shutdown::Shutdown;
use crate::time;

use carrier::Carrier;
use client::Client;
use contacts::DemoContact;
use report::{Limits, Report};
use wire::Wire;

/// The assistant of the demonstration.
const ASSISTANT: &str = include_str!("assistant.json");
/// A number of the range kept free for drama.
const CALLER_ID: &str = "+442079460999";
/// How often progress is asked for.
const POLL: Duration = Duration::from_millis(500);

/// What to show.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ten contacts instead of forty.
    pub short: bool,
    /// One JSON object on standard output instead of a table.
    pub json: bool,
    /// Where recordings, the carrier's log and the database go.
    pub out: PathBuf,
    /// Seed of the callees.
    pub seed: u64,
}

/// Runs the demonstration. True when every contact reached a final state, nobody was rung twice without a reason and the
/// limits held.
///
/// # Errors
/// When something stands in the way of the demonstration itself: a missing program, a port, the disk.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    prepare(&options.out)?;
    let people = contacts::people(time::now().wall, options.short);
    let limits = if options.short {
        Limits { calls_per_minute: 60, max_concurrent_calls: 6 }
    } else {
        Limits { calls_per_minute: 60, max_concurrent_calls: 20 }
    };
    say(options, &format!("A campaign calls {} simulated people over SIP and RTP on this machine.", people.len()));
    let carrier = Carrier::start(&options.out, &people, options.seed).await?;
    let shutdown = Shutdown::default();
    let server = app::start(config(&options.out), shutdown.clone()).await?;
    let key = server.first_key.clone().context("the demonstration needs a fresh folder: choose another --out")?;
    let client = Client::new(server.http, key);
    let campaign = build(&client, &carrier, &people, limits).await?;
    client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await?;
    watch(options, &client, &campaign, Duration::from_secs(if options.short { 180 } else { 420 })).await?;
    let results = client::Results::fetch(&client, &campaign).await?;
    shutdown.drain.cancel();
    server.finished().await;
    carrier.stop().await;
    let wire = Wire::read(&carrier::log_path(&options.out))?;
    let report = Report::new(&options.out, &people, limits, &results, &wire);
    if options.json {
        report.print_json()?
    } else {
        report.print_table()?
    }
    Ok(report.holds())
}

/// The server's settings: everything under `out`, ports as they come. Prompts are kept across runs.
fn config(out: &Path) -> Config {
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config { data_dir: out.to_owned(), ..Config::default() };
    config.http.listen = any;
    // They are to be heard at once, also by whoever has no player for Opus.
    config.recording.format = RecordingFormat::Wav;
    config.agent.prompts_dir = Some(PathBuf::from("target/prompts"));
    config.sip.listeners =
        vec![ListenerConfig { transport: SipTransport::Udp, bind: any, external: None, external_media: None }];
    config
}

fn prepare(out: &Path) -> anyhow::Result<()> {
    if out.join("callwright.db").exists() {
        bail!("{} holds an earlier demonstration: remove it or choose another --out", out.display());
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))
}

/// Trunk, assistant, contacts and campaign, as a program would make them.
async fn build(client: &Client, carrier: &Carrier, people: &[DemoContact], limits: Limits) -> anyhow::Result<String> {
    let trunk = json!({
        "name": "Simulated carrier",
        "host": carrier.address.ip().to_string(),
        "port": carrier.address.port(),
        "caller_ids": [CALLER_ID],
        "max_channels": 100,
        "calls_per_minute": 600,
    });
    let trunk = client.create("/trunks", &trunk).await?;
    let assistant: Value = serde_json::from_str(ASSISTANT).context("the demonstration's assistant is not JSON")?;
    let assistant = client.create("/assistants", &assistant).await?;
    let campaign = json!({
        "name": "Demonstration",
        "goal": "Find out who needs an appointment, and when.",
        "assistant_id": assistant,
        "trunk_id": trunk,
        "settings": {
            "calls_per_minute": limits.calls_per_minute,
            "max_concurrent_calls": limits.max_concurrent_calls,
            "max_retries": 1,
            "retry_delay_min": 1,
            "ring_timeout_s": 10,
            "max_call_duration_s": 120,
            // A mailbox is called again after five minutes at the earliest: longer than a demonstration.
            "retry_overrides": [
                { "reason": "voicemail_reached", "max_retries": 0 },
                { "reason": "error_no_audio_received", "max_retries": 0 },
            ],
        },
    });
    let campaign = client.create("/campaigns", &campaign).await?;
    let mut sheet = "name,phone,time_zone\n".to_owned();
    for person in people {
        sheet.push_str(&format!("{},{},{}\n", person.name, person.phone, person.zone));
    }
    let contacts = client.import(sheet).await?;
    client.post(&format!("/campaigns/{campaign}/contacts"), &json!({ "contact_ids": contacts })).await?;
    Ok(campaign)
}

/// Follows the campaign to its end.
async fn watch(options: &Options, client: &Client, campaign: &str, limit: Duration) -> anyhow::Result<()> {
    let bar = bar(options);
    let began = time::now().mono;
    let mut told = 0;
    loop {
        let progress = client.get(&format!("/campaigns/{campaign}/progress")).await?;
        let number = |name: &str| progress[name].as_u64().unwrap_or(0);
        let (total, ended) = (number("total"), number("completed") + number("failed"));
        let line = format!("{} in a call, {} to go", number("in_progress"), number("pending"));
        match &bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(ended);
                bar.set_message(line);
            }
            None if ended != told => {
                told = ended;
                say(options, &format!("{ended} of {total} ended, {line}"));
            }
            None => {}
        }
        if progress["state"] == "completed" {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return Ok(());
        }
        if time::now().mono.duration_since(began) > limit {
            bail!("the campaign is not over after {} s: {progress}", limit.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
}

fn bar(options: &Options) -> Option<ProgressBar> {
    if options.json || !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} ended · {msg}");
    let bar = ProgressBar::new(0);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(POLL);
    Some(bar)
}

/// Progress for people, on standard error: standard output is for the result.
#[expect(clippy::print_stderr, reason = "a command talks to its user")]
fn say(options: &Options, line: &str) {
    if !options.json {
        eprintln!("{line}");
    }
}
