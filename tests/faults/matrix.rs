//! The calls of the matrix, many at a time, and the table of what became of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::place::{AttemptEvent, CallPlacer as _};
use callwright::call::providers::Providers;
use callwright::call::tools::NoTools;
use callwright::config::SipTransport::Udp;
use callwright::provider::prompts::Prompts;
use callwright::time;
use tokio::task::JoinSet;

use crate::cells::{Cell, TROUBLES, VENDORS};
use crate::listener::{Caller, Next, Said};
use crate::office::{Office, PATIENCE};
use crate::phone::Phone;
use crate::scene::{Cast, Scene, folder, script};
use crate::talker::voice;
use crate::verdict::{Course, Verdict};

/// Calls at a time.
const LANES: usize = 44;
/// Turns of a caller who is asked again and again.
const TURNS: usize = 6;
/// A silence that is too long.
const TOO_LONG: Duration = Duration::from_secs(4);
/// What a busy machine may add to a silence in a test.
const SLACK: Duration = Duration::from_millis(1_000);
/// Where the table is kept.
const TABLE: &str = "docs/fault-matrix.md";

const QUESTION: Duration = Duration::from_millis(800);
const THANKS: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_vendor_costs_a_call_or_leaves_it_silent() {
    let cells = wanted();
    let cast = Arc::new(Cast::default());
    let prompts = Arc::new(Prompts::open(folder(), 1 << 26).expect("a folder"));
    let office = Office::staffed(
        Udp,
        20_000,
        CallConfig::default(),
        LANES * 2,
        Arc::clone(&cast) as Arc<dyn Providers>,
        Arc::new(NoTools),
    );
    let office = Arc::new(office.await);
    let (cells, next) = (Arc::new(cells), Arc::new(AtomicUsize::new(0)));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (cells, next) = (Arc::clone(&cells), Arc::clone(&next));
        let (cast, prompts, office) = (Arc::clone(&cast), Arc::clone(&prompts), Arc::clone(&office));
        lanes.spawn(async move {
            let mut phone = Phone::new(Udp, 21_000 + 200 * lane as u16).await;
            let mut verdicts = Vec::new();
            while let Some((number, cell)) = Some(next.fetch_add(1, Ordering::Relaxed))
                .and_then(|number| cells.get(number).map(|cell| (number, cell)))
            {
                let scene = Scene::set(number, cell, &cast, &prompts).await;
                verdicts.push((number, call(cell, &scene, &office, &mut phone).await));
                cast.dismiss(&scene.assistant);
            }
            verdicts
        });
    }
    let mut verdicts = BTreeMap::new();
    while let Some(lane) = lanes.join_next().await {
        verdicts.extend(lane.expect("a lane"));
    }
    let _ = std::fs::remove_dir_all(folder());
    judge(&cells, &verdicts);
}

/// All cells, or those whose names have the text of `CALLWRIGHT_FAULTS` in them.
fn wanted() -> Vec<Cell> {
    let only = std::env::var("CALLWRIGHT_FAULTS").unwrap_or_default();
    Cell::all().into_iter().filter(|cell| cell.name().contains(&only)).collect()
}

/// One call: a greeting, a question in which the fault strikes, thanks.
async fn call(cell: &Cell, scene: &Scene, office: &Office, phone: &mut Phone) -> Verdict {
    let mut order = office.order(phone.address(), "+4930901820");
    order.assistant = Arc::clone(&scene.assistant);
    order.send_before = time::Latest::at(time::now().mono + PATIENCE);
    let mut attempt = office.calls.place(order);
    let ringing = tokio::select! {
        ringing = phone.rings() => ringing,
        Some(AttemptEvent::NotPlaced(why)) = attempt.recv() => panic!("{}: {why}", cell.name()),
    };
    let line = ringing.answer().await;
    let mut caller = Caller::new(line, &script());
    let mut next = caller.hears().await;
    let set = time::now().mono;
    scene.vendors.set_faults(cell.faults());
    let mut answered = false;
    for _ in 0..TURNS {
        match next {
            Next::Over => break,
            Next::Said(said) => answered |= said == Said::Answer,
            Next::Nothing => {}
        }
        caller.says(voice(if answered { THANKS } else { QUESTION })).await;
        next = caller.hears().await;
    }
    let ended = time::now().mono;
    let record = caller.record();
    drop(attempt);
    keep(cell, scene);
    Verdict::of(&record, &scene.vendors.log, cell.vendor, set, ended)
}

/// Keeps the simulators' log of a call, where `CALLWRIGHT_FAULT_LOGS` names a folder.
fn keep(cell: &Cell, scene: &Scene) {
    let Some(folder) = std::env::var_os("CALLWRIGHT_FAULT_LOGS") else { return };
    let line = |entry| serde_json::to_string(&entry).expect("a line of the log is JSON");
    let lines: Vec<String> = scene.vendors.log.entries().into_iter().map(line).collect();
    let path = Path::new(&folder).join(format!("{}.jsonl", cell.name().replace([' ', ','], "-")));
    std::fs::write(path, lines.join("\n")).expect("the folder can be written to");
}

/// Prints and keeps the table; what is too bad fails the test.
fn judge(cells: &[Cell], verdicts: &BTreeMap<usize, Verdict>) {
    let table = table(cells, verdicts);
    let update = std::env::var_os("CALLWRIGHT_UPDATE_FAULTS").is_some();
    let slack = if update { Duration::ZERO } else { SLACK };
    let mut bad = Vec::new();
    for (cell, verdict) in cells.iter().zip(verdicts.values()) {
        let went_well = match verdict.course {
            Course::WentOn => true,
            // Only where nobody is left.
            Course::Excused => !cell.backed,
            Course::Lost | Course::Stuck => false,
        };
        if !went_well || verdict.silence > TOO_LONG + slack || verdict.to_sound.is_none() {
            bad.push(format!("{}: {verdict}\n    {}", cell.name(), verdict.story));
        }
    }
    if update {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
        std::fs::write(path, &table).expect("the docs can be written");
    }
    assert!(bad.is_empty(), "{table}\n{} of {} calls went badly:\n{}", bad.len(), cells.len(), bad.join("\n"));
}

fn table(cells: &[Cell], verdicts: &BTreeMap<usize, Verdict>) -> String {
    let mut text = String::from(HEAD);
    for (vendor, part, name) in &VENDORS {
        let _ = write!(text, "\n## {name}\n\n| fault | alone | with another |\n| --- | --- | --- |\n");
        for trouble in TROUBLES {
            let verdict = |backed: bool| {
                let is_it =
                    |cell: &&Cell| cell.vendor == *vendor && cell.trouble.name == trouble.name && cell.backed == backed;
                let at = cells.iter().position(|cell| is_it(&cell))?;
                verdicts.get(&at).map(ToString::to_string)
            };
            let row = match (trouble.nonsense)(*vendor, *part) {
                Some(why) => format!("{why} |"),
                None => format!("{} | {}", shown(verdict(false)), shown(verdict(true))),
            };
            let _ = writeln!(text, "| {} | {row} |", trouble.name);
        }
    }
    text
}

fn shown(verdict: Option<String>) -> String {
    verdict.unwrap_or_default()
}

const HEAD: &str = "# Fault matrix

Every vendor with every fault of its [simulator](simulated-vendors.md), each on a call of its own over SIP and RTP. The
fault strikes while the caller asks something, or in the reply to it, and lasts to the end of the call unless it says otherwise;
where connections are refused, the one that is up breaks first. All other vendors are well. *With another*: the assistant names
a second vendor for the same thing.

A call *goes on* when the caller was answered, answered back and was said goodbye to by the model; or the agent *says goodbye*
because it cannot go on. Then: from the fault to the next sound of the agent, by the simulator's log and the telephone; and the
longest silence from the question to the end of the call, the pauses before and after the caller's own words among them.

Written by `CALLWRIGHT_UPDATE_FAULTS=1 cargo test --test faults`; the test itself looks that no call is lost and no silence is
longer than four seconds, give or take what a busy machine adds.
";
