//! What a caller waits for that no vendor is to blame for: answers, interruptions, and what a whole agent call costs.
//!
//! Three processes on the same cores: the server (this one), the callers, and the vendors with fixed delays, or a bot that
//! leads the calls. All waits are measured by the callers, packet by packet. What the figures mean is written in
//! `docs/benchmarks.md`.

#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/resident.rs"]
mod resident;

mod bot;
mod callers;
mod server;
mod vendors;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use callwright::agent::record::TurnTiming;
use figures::{Cmp, Figure};

use crate::callers::Findings;
use crate::cpu::Clocks;
use crate::process::Process;
use crate::resident::resident;
use crate::server::Leader;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// From the first call until all of them talk.
const SETTLE: Duration = Duration::from_secs(6);
/// Calls begun in a second.
const PACE: u32 = 25;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("callers") => return callers::run(),
        Some("vendors") => return vendors::run(),
        Some("bot") => return bot::run(),
        Some(_) | None => {}
    }
    // As the server does.
    callwright::memory::keep_pages_small()?;
    let option = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name)?.parse::<u64>().ok());
    let measured = Duration::from_secs(option("--seconds=").unwrap_or(30));
    let only = option("--calls=").and_then(|calls| usize::try_from(calls).ok());
    let mut figures = Vec::new();
    for (calls, [waits, costs]) in [(200, [true, false]), (100, [false, true])] {
        if only.is_none_or(|only| only == calls) {
            let run = run(Leader::Model, calls, measured)?;
            if waits || only.is_some() {
                figures.extend(latency(&run, calls));
            }
            if costs || only.is_some() {
                figures.extend(cost(Leader::Model, &run, calls));
            }
            std::io::stdout().lock().write_all(waterfall(&run.turns, calls).as_bytes())?;
        }
    }
    for calls in [100, 200].into_iter().filter(|calls| only.is_none_or(|only| only == *calls)) {
        figures.extend(cost(Leader::Bot, &run(Leader::Bot, calls, measured)?, calls));
    }
    figures::settle("turn", &figures)
}

/// What one run showed.
struct Run {
    findings: Findings,
    /// The server's own account of each turn.
    turns: Vec<TurnTiming>,
    /// CPU milliseconds per call-second of this process.
    cpu: f64,
    /// Bytes of memory for each call.
    memory: f64,
    seconds: u64,
}

fn run(leader: Leader, calls: usize, measured: Duration) -> anyhow::Result<Run> {
    let mut others = Process::start(leader.process())?;
    let mut callers = Process::start("callers")?;
    let others_at: SocketAddr = others.line()?.parse().context("the address of those who lead")?;
    let callers_at: SocketAddr = callers.line()?.parse().context("the callers' address")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = runtime.block_on(server::Server::start(leader, others_at))?;
    // One call first, so that what is made once is not counted as a call's.
    let mut attempts = vec![runtime.block_on(server.place(callers_at))];
    wait(SETTLE);
    let empty = resident()?;
    for _ in 1..calls {
        attempts.push(runtime.block_on(server.place(callers_at)));
        wait(Duration::from_secs(1) / PACE);
    }
    wait(SETTLE);
    let (before, started) = (Clocks::read()?, callwright::time::now().mono);
    wait(measured);
    let (after, ended) = (Clocks::read()?, callwright::time::now().mono);
    let full = resident()?;
    let live = server.calls.len();
    let findings: Findings = serde_json::from_str(&callers.ask()?).context("what the callers found")?;
    let turns = runtime.block_on(server.hang_up(attempts));
    callers.end()?;
    others.end()?;
    drop(runtime);
    ensure!(live == calls, "{live} of {calls} calls were up at the end");
    let cpu = after.since(&before).as_secs_f64() * 1_000.0 / (calls as f64 * (ended - started).as_secs_f64());
    let memory = full.saturating_sub(empty) as f64 / (calls - 1).max(1) as f64;
    Ok(Run { findings, turns, cpu, memory, seconds: measured.as_secs() })
}

fn latency(run: &Run, calls: usize) -> Vec<Figure> {
    let Findings { answers, interruptions, unanswered, unheeded, .. } = &run.findings;
    let own = |waits: &[u64], others: Duration| -> Vec<f64> {
        waits.iter().map(|micros| *micros as f64 / 1_000.0 - others.as_secs_f64() * 1_000.0).collect()
    };
    let answers = own(answers, vendors::answer());
    let interruptions = own(interruptions, server::BARGE_IN);
    let conditions = format!(
        "{calls} calls for {} s, {} turns, {} interruptions (silent after {:.0}, {:.0} and {:.0} ms: p10, p50, p90), vendors' \
         delays and silence of {} ms taken away",
        run.seconds,
        answers.len(),
        interruptions.len(),
        quantile(&interruptions, 0.1),
        quantile(&interruptions, 0.5),
        quantile(&interruptions, 0.9),
        vendors::answer().as_millis()
    );
    let at_most = |name: &str, value: f64, budget: f64| Figure {
        name: format!("{name}, {calls} calls"),
        value,
        unit: "ms",
        cmp: Cmp::AtMost,
        budget,
        conditions: conditions.clone(),
    };
    vec![
        at_most("answer, server's own share p50", quantile(&answers, 0.5), 25.0),
        at_most("answer, server's own share p99", quantile(&answers, 0.99), 45.0),
        at_most("interruption to silence p99", quantile(&interruptions, 0.99), 40.0),
        Figure { unit: "turns", ..at_most("turns without an answer", f64::from(*unanswered), 0.0) },
        Figure { unit: "turns", ..at_most("interruptions spoken through", f64::from(*unheeded), 0.0) },
    ]
}

/// Reads a stage off a turn.
type Stage = fn(&TurnTiming) -> Option<Duration>;

/// Where the time of an answer goes, by the server's own account: from the caller's last voice, p50 and p99.
fn waterfall(turns: &[TurnTiming], calls: usize) -> String {
    let stages: [(&str, Stage); 6] = [
        ("end of turn decided", |turn| Some(turn.decided)),
        ("words known", |turn| Some(turn.understood)),
        ("first token", |turn| turn.first_token),
        ("first sentence", |turn| turn.first_sentence),
        ("first audio", |turn| turn.first_audio),
        ("first packet left", |turn| Some(turn.replied)),
    ];
    let mut text = format!("{calls} calls, {} turns, by the server's own account:\n", turns.len());
    for (name, stage) in stages {
        let values: Vec<f64> = turns.iter().filter_map(stage).map(|time| time.as_secs_f64() * 1_000.0).collect();
        let (half, most) = (quantile(&values, 0.5), quantile(&values, 0.99));
        text += &format!("{name:44} {half:>10.3}  {most:>10.3}  ms\n");
    }
    text
}

/// What calls cost that a model leads, or a bot elsewhere.
fn cost(leader: Leader, run: &Run, calls: usize) -> Vec<Figure> {
    let (article, call, parts, cpu) = match leader {
        Leader::Model => ("an", "agent call", "recogniser, model, voice, recording, replay file", 2.0),
        // 0.3 of what a PBX takes that hands its calls to a websocket.
        Leader::Bot => ("a", "call of an external bot", "websocket both ways, recording, replay file", 1.86),
    };
    let conditions = format!("{calls} calls for {} s: SIP, RTP, jitter buffer, voice activity, {parts}", run.seconds);
    let at_most = |name: String, value, unit, budget| Figure {
        name: format!("{name}, {calls} calls"),
        value,
        unit,
        cmp: Cmp::AtMost,
        budget,
        conditions: conditions.clone(),
    };
    vec![
        at_most(call.to_owned(), run.cpu, "CPU ms/call-second", cpu),
        at_most(format!("memory of {article} {call}"), run.memory / 1_024.0, "KiB", 300.0),
    ]
}

/// The value that so many of all are below.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn wait(time: Duration) {
    std::thread::park_timeout(time);
}
