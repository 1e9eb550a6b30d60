//! What SIP costs and what it bears: CPU of setting a call up and ending it, in both directions; calls a second until
//! saturation; what is left of that at twice the load; and whether a flood of strangers harms a call.
//!
//! The callers are another process on the same machine, so that what is counted is the server's threads and nothing else.
//! The server's calls have no media and no conversation: what is measured is SIP with its guard.

#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/figures.rs"]
mod figures;

mod callers;
mod generator;
mod server;

use std::time::Duration;

use figures::{Cmp, Figure};
use server::Server;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What Asterisk 22 takes for a set-up on the machine of the budgets, in CPU milliseconds.
const ASTERISK_MS: f64 = 2.3;
/// A rate is borne when so much of it is answered, and 19 of 20 answers come within [`SOON_MS`].
const BORNE: f64 = 0.97;
const SOON_MS: f64 = 250.0;
/// Messages of strangers a second.
const FLOOD: u64 = 50_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "callers") {
        return callers::run(&arguments[1..]);
    }
    let option = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name)?.parse::<u64>().ok());
    let seconds = option("--seconds=").unwrap_or(8);
    let rest = Duration::from_secs(option("--rest=").unwrap_or(60));
    let mut server = Server::start()?;
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

    let memory = server::resident_mib()?;
    let mut peak = inward.answered_a_second();
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
    std::thread::park_timeout(rest);
    let told = format!("{} s after twice saturation, beside what it was before the search for it", rest.as_secs());
    let grown = server::resident_mib()? / memory;
    figure("memory after overload / before", grown, "", Cmp::AtMost, 1.2, told);

    let flooded = server.called(20, seconds, 50, FLOOD)?;
    let told = format!(
        "{} messages a second of garbage, OPTIONS, REGISTER and INVITE from 16 strangers, 20 calls a second and 50 that are up; {flooded}",
        flooded.flooded / seconds
    );
    figure(
        "calls harmed by a flood",
        (flooded.lost + flooded.refused + flooded.dropped) as f64,
        "calls",
        Cmp::AtMost,
        0.0,
        told,
    );
    figures::settle("sip", &figures)
}
