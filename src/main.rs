//! The `callwright` program.

fn main() {}
