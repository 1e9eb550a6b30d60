//! Replays the fuzz corpus through the fuzz harness.

#[path = "../fuzz/harness.rs"]
mod harness;

use std::path::Path;

fn replay(target: fn(&[u8]), corpus: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(files.len() > 5, "{} is nearly empty", directory.display());
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{} breaks what must hold for any input", file.display());
    }
}

#[test]
fn descriptions() {
    replay(harness::sdp, "sdp");
}

#[test]
fn legs() {
    replay(harness::rtp, "rtp");
}

#[test]
fn reports() {
    replay(harness::rtcp, "rtcp");
}

#[test]
fn streams() {
    replay(harness::jitter, "jitter");
}

#[test]
fn files() {
    replay(harness::wav, "wav");
}
