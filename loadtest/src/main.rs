//! The `callwright-loadtest` program.

fn main() {}
