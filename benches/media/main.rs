//! What a call costs in media: CPU per call-second of an echo call and of a played, listened-to and recorded call,
//! beside a bare UDP echo measured in the same run; how even the packets of calls that play are; and what encryption adds
//! to a packet.
//!
//! The callers are another process, so that what is counted is the server's threads and nothing else.

#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/packets.rs"]
mod packets;
#[path = "../support/resident.rs"]
mod resident;

mod callers;
mod secrecy;
mod server;

use std::time::Duration;

use anyhow::Context;
use figures::{Cmp, Figure};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Calls at one time, most of them first: their memory is that which nothing was in before.
const SIZES: [usize; 3] = [200, 100, 50];
/// The first part of each run is not counted.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Each thing is measured so often, in turn with the others, and the quietest run counts: on a shared machine noise only
/// adds.
const ROUNDS: usize = 3;
/// Calls whose packets' clock is looked at.
const PLAYING: usize = 200;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "callers") {
        return callers::run(&arguments[1..]);
    }
    // As the server does.
    callwright::memory::keep_pages_small()?;
    let option = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name)?.parse::<u64>().ok());
    let measured = Duration::from_secs(option("--seconds=").unwrap_or(4));
    let only = option("--calls=").and_then(|calls| usize::try_from(calls).ok());
    let mut figures = secrecy::figures(ROUNDS)?;
    let sizes = SIZES.into_iter().filter(|calls| only.is_none_or(|only| only == *calls));
    for (calls, first) in sizes.zip(std::iter::once(true).chain(std::iter::repeat(false))) {
        let [mut floors, mut echoes, mut flows] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            floors.push(server::bare_echo(calls, measured)?);
            echoes.push(server::echo(calls, measured)?);
            flows.push(server::flow(calls, measured)?);
        }
        let memory = echoes.first().context("there are rounds")?.memory;
        let [floor, echo, flow] = [floors, echoes, flows].map(quietest);
        let conditions = |run: &server::Run| {
            format!(
                "{calls} calls, G.711 20 ms on loopback, quietest of {ROUNDS} runs of {} s, {:.1} % of packets came back, \
                 bare echo {:.3} ms",
                measured.as_secs(),
                run.returned * 100.0,
                floor.cost
            )
        };
        let at_most = |name: String, value, unit, budget, run| Figure {
            name,
            value,
            unit,
            cmp: Cmp::AtMost,
            budget,
            conditions: conditions(run),
        };
        let unit = "CPU ms/call-second";
        // Where the kernel alone takes longer than this, the machine is too busy to say anything about a server.
        figures.push(at_most(format!("bare UDP echo, {calls} calls"), floor.cost, unit, 1.0, &floor));
        figures.push(at_most(format!("echo call, {calls} calls"), echo.cost, unit, 2.0 * floor.cost, &echo));
        figures.push(at_most(
            format!("echo call / bare UDP echo, {calls} calls"),
            echo.cost / floor.cost,
            "",
            2.0,
            &echo,
        ));
        if first {
            let name = format!("memory of an echo call's leg, {calls} calls");
            figures.push(at_most(name, memory / 1_024.0, "KiB", 64.0, &echo));
        }
        figures.push(at_most(format!("cached flow call, {calls} calls"), flow.cost, unit, 2.0, &flow));
    }
    if only.is_none_or(|only| only == PLAYING) {
        figures.extend(evenness(measured)?);
    }
    figures::settle("media", &figures)
}

/// The clock of packets that two hundred calls send at one time, by the best of several runs: noise only adds.
fn evenness(measured: Duration) -> anyhow::Result<Vec<Figure>> {
    let runtime = server::runtime()?;
    let mut best: Option<packets::PacketClock> = None;
    for _ in 0..ROUNDS {
        let playing = packets::Playing::start(&runtime, PLAYING, 2 * SETTLE + measured)?;
        std::thread::park_timeout(SETTLE + measured);
        let clock = playing.end()?;
        best = best.filter(|best| best.p999 <= clock.p999).or(Some(clock));
    }
    let clock = best.context("there are rounds")?;
    let conditions =
        format!("{PLAYING} calls play on loopback, quietest of {ROUNDS} runs of {} s; {clock}", measured.as_secs());
    let figure = |name: &str, value, unit, budget| Figure {
        name: format!("{name}, {PLAYING} calls"),
        value,
        unit,
        cmp: Cmp::AtMost,
        budget,
        conditions: conditions.clone(),
    };
    Ok(vec![
        figure("packets that play, p99", clock.p99, "ms apart", 20.5),
        figure("packets that play, p99.9", clock.p999, "ms apart", 21.5),
        figure("off the even clock, p99.9", clock.off, "ms", 2.0),
        figure("mean interval beside 20 ms", clock.drift, "ppm", 100.0),
        figure("packets back to back", clock.burst as f64, "", 2.0),
    ])
}

fn quietest(runs: Vec<server::Run>) -> server::Run {
    runs.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost)).expect("there are rounds")
}
