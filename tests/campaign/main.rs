//! The first campaign, as `callwright demo` runs it, in its short form: what the server believes, what the wire saw and what
//! the recordings hold have to agree.

mod providers;
mod recordings;

use std::path::{Path, PathBuf};
use std::process::Command;

use callwright::demo::carrier::log_path;
use callwright::demo::wire::Wire;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_in_its_short_form() {
    let out = std::env::temp_dir().join(format!("callwright-demo-{}", std::process::id()));
    let figures = demonstrate(&out);
    let number = |name: &str| figures[name].as_u64().unwrap_or_else(|| panic!("{name} is missing: {figures}"));
    assert_eq!((number("contacts"), number("ended"), number("double_dials")), (10, 10, 0), "{figures}");
    assert!(number("peak_concurrency") <= 6, "{figures}");
    let (right, asked) = (number("answers_right"), number("answers_asked"));
    assert!(asked >= 12, "too few questions were answered to judge: {figures}");
    // A handful of answers; the accuracy itself is measured over hundreds elsewhere.
    assert!(right * 10 >= asked * 7, "{right} of {asked} answers were understood");
    let recordings = figures["recordings"].as_array().map(Vec::len);
    let wire = Wire::read(&log_path(&out)).expect("the carrier's log is readable");
    let answered = wire.calls.iter().filter(|call| call.answered.is_some()).count();
    assert_eq!(recordings, Some(answered), "every answered call is recorded: {figures}");
    recordings::hold_what_was_said(&out, &wire).await;
    std::fs::remove_dir_all(&out).expect("the folder can be removed");
}

/// Runs the program as a person would and gives its JSON.
fn demonstrate(out: &Path) -> Value {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_callwright"));
    let carrier = program.with_file_name("callwright-loadtest");
    assert!(carrier.is_file(), "{} is missing: cargo build --workspace --bins", carrier.display());
    let output = Command::new(program)
        .args(["demo", "--short", "--json", "--out"])
        .arg(out)
        .output()
        .expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}
