//! What a call costs in media: CPU per call-second of an echo call and of a played, listened-to and recorded call,
//! beside a bare UDP echo measured in the same run.
//!
//! The callers are another process, so that what is counted is the server's threads and nothing else.

#[path = "../support/figures.rs"]
mod figures;

mod callers;
mod cpu;
mod server;

use std::time::Duration;

use figures::{Cmp, Figure};

/// Calls at one time.
const SIZES: [usize; 3] = [50, 100, 200];
/// The first part of each run is not counted.
const SETTLE: Duration = Duration::from_millis(1_500);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "callers") {
        return callers::run(&arguments[1..]);
    }
    let seconds = arguments.iter().find_map(|argument| argument.strip_prefix("--seconds=")?.parse().ok());
    let measured = Duration::from_secs(seconds.unwrap_or(8));
    let mut figures = Vec::new();
    for calls in SIZES {
        let floor = server::bare_echo(calls, measured)?;
        let echo = server::echo(calls, measured)?;
        let flow = server::flow(calls, measured)?;
        let conditions = |run: &server::Run| {
            format!(
                "{calls} calls, G.711 20 ms on loopback, {} s, {:.1} % of packets came back, bare echo {:.3} ms",
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
        figures.push(at_most(format!("echo call, {calls} calls"), echo.cost, unit, 2.0 * floor.cost, &echo));
        figures.push(at_most(
            format!("echo call / bare UDP echo, {calls} calls"),
            echo.cost / floor.cost,
            "",
            2.0,
            &echo,
        ));
        figures.push(at_most(format!("cached flow call, {calls} calls"), flow.cost, unit, 2.0, &flow));
        figures.push(at_most(format!("ticks over 2 ms late, {calls} flow calls"), flow.late * 100.0, "%", 0.1, &flow));
    }
    figures::write("media", &figures)?;
    let mut out = std::io::stdout().lock();
    std::io::Write::write_all(&mut out, figures::table(&figures).as_bytes())?;
    Ok(())
}
