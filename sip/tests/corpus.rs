//! Replays the fuzz corpus and the torture messages through the fuzz harness.

#[path = "../fuzz/harness.rs"]
mod harness;

use std::path::{Path, PathBuf};

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(files.len() > 10, "{} is nearly empty", directory.display());
    files
}

fn replay(directory: &str, target: fn(&[u8])) {
    for file in files(directory) {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{} breaks the parser", file.display());
    }
}

#[test]
fn messages() {
    replay("fuzz/corpus/message", harness::message);
    replay("tests/torture", harness::message);
}

#[test]
fn streams() {
    replay("fuzz/corpus/stream", harness::stream);
    replay("tests/torture", harness::stream);
}
