//! What SIP costs and what it bears: CPU of setting a call up and ending it, in both directions; calls a second until
//! saturation; what is left of that at twice the load; and whether a flood of strangers harms a call, its packets included.
//!
//! The callers are another process on the same machine, so that what is counted is the server's threads and nothing else.
//! The server's calls have no media and no conversation: what is measured is SIP with its guard. Beside the flood, legs play
//! from the same process, as those of calls do.

#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/packets.rs"]
mod packets;
#[path = "../support/resident.rs"]
mod resident;

mod callers;
mod generator;
mod server;

use std::time::Duration;

use figures::{Cmp, Figure};
use resident::resident;
use server::Server;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What Asterisk 22 takes for a set-up on the machine of the budgets, in CPU milliseconds.
const ASTERISK_MS: f64 = 2.3;
/// A rate is borne when so much of it is answered, and 19 of 20 answers come within [`SOON_MS`].
const BORNE: f64 = 0.97;
const SOON_MS: f64 = 250.0;
/// Calls a second that are more than any machine bears for long.
const OVERLOAD: u64 = 20_000;
/// Messages of strangers a second.
const FLOOD: u64 = 50_000;
/// How long they send, in seconds.
const FLOODED: u64 = 20;
/// Legs that play meanwhile.
const PLAYING: usize = 50;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "callers") {
        return callers::run(&arguments[1..]);
    }
    callwright::memory::keep_pages_small()?;
    let option = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name)?.parse::<u64>().ok());
    let seconds = option("--seconds=").unwrap_or(8);
    let rest = Duration::from_secs(option("--rest=").unwrap_or(60));
    let mut server = Server::start(server::shipped())?;
    let mut figures = Vec::new();
    let mut figure = |name: &str, value, unit, cmp, budget, conditions: String| {
        figures.push(Figure { name: name.to_owned(), value, unit, cmp, budget, conditions });
    };

    let inward = server.called(100, seconds, 0, 0)?;
    let told = format!("100 calls a second for {seconds} s, each ended as soon as it is answered; {inward}");
    figure("call in: set-up and end", inward.cost_ms(), "CPU ms/call", Cmp::AtMost, 0.4 * ASTERISK_MS, told);
    let outward = server.calls(100, seconds)?;
    let told = format!("100 calls a second for {seconds} s, each ended as soon as it is answered; {outward}");
    figure("call out: set-up and end", outward.cost_ms(), "CPU ms/call", Cmp::AtMost, 0.4 * ASTERISK_MS, told);

    let memory = resident()? as f64;
    let turned_away = server.called(OVERLOAD, seconds, 50, 0)?;
    std::thread::park_timeout(rest);
    let told = format!(
        "{} s after {OVERLOAD} calls a second for {seconds} s, beside what it was after the first thousand calls, {:.0} MiB; \
         {turned_away}",
        rest.as_secs(),
        memory / 1_048_576.0
    );
    let grown = resident()? as f64 / memory;
    figure("memory after overload / before", grown, "", Cmp::AtMost, 1.2, told);

    let (flooded, clock) = server.flooded(20, option("--flood=").unwrap_or(FLOODED), 50, FLOOD, PLAYING)?;
    let told = format!(
        "{:.0} messages a second of garbage, OPTIONS, REGISTER and INVITE from 16 strangers for {} s, 20 calls a second and 50 that \
         are up; {flooded}",
        flooded.flooded as f64 / flooded.seconds,
        flooded.seconds
    );
    let packets = format!("{PLAYING} legs play beside it; {clock}");
    figure(
        "calls harmed by a flood",
        (flooded.lost + flooded.refused + flooded.dropped) as f64,
        "calls",
        Cmp::AtMost,
        0.0,
        told,
    );
    figure("packets of calls under a flood, p99.9", clock.p999, "ms apart", Cmp::AtMost, 25.0, packets);
    drop(server);

    let mut server = Server::start(server::unbounded())?;
    let mut peak = 0.0_f64;
    let mut rate = 200;
    loop {
        let run = server.called(rate, seconds, 0, 0)?;
        let borne = run.share() >= BORNE && run.late_ms <= SOON_MS;
        peak = if borne { run.answered_a_second() } else { peak.max(run.answered_a_second()) };
        if !borne || rate >= 12_800 {
            break;
        }
        rate = rate * 3 / 2;
    }
    let told = "rates by half as much again, until less than 97 % is answered or one in twenty waits 250 ms".to_owned();
    figure("calls in a second until saturation", peak, "calls/s", Cmp::AtLeast, 100.0, told);

    let beyond = server.called((2.0 * peak) as u64, seconds, 50, 0)?;
    let told = format!("{:.0} calls a second for {seconds} s beside 50 calls that are up; {beyond}", 2.0 * peak);
    figure(
        "answered at twice saturation, of the peak",
        beyond.answered_a_second() / peak,
        "",
        Cmp::AtLeast,
        0.8,
        told.clone(),
    );
    figure("neither answered nor refused by 503", beyond.lost as f64, "calls", Cmp::AtMost, 0.0, told.clone());
    figure("calls that were up and were lost", beyond.dropped as f64, "calls", Cmp::AtMost, 0.0, told);
    figures::settle("sip", &figures)
}
