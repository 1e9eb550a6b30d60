//! Replays the fuzz corpus and the torture messages through the fuzz harness.

#[path = "../fuzz/harness.rs"]
mod harness;
#[path = "../fuzz/operations.rs"]
mod operations;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

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

/// What the fuzzer found worth keeping, and sequences drawn from seeds beside it.
#[test]
fn operations() {
    replay("fuzz/corpus/endpoint", operations::run);
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let length = rng.random_range(50..2_000);
        let bytes: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        let outcome = std::panic::catch_unwind(|| operations::run(&bytes));
        assert!(outcome.is_ok(), "seed {seed} breaks the endpoint");
    }
}
