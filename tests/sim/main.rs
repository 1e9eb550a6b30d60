//! The dialer in virtual time: a whole day with its faults, short days under many seeds, and single rules in isolation.
//!
//! `SIM_SEED` runs the short day for one seed; a failure prints its seed and step. `SIM_CASE` runs one short world with its
//! faults, as a failure prints it. `CHAOS=1` (`make chaos`) runs many more of them.

#[path = "../support/world/mod.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "shared by test binaries that use parts of it")]
mod world;

mod day;
mod faults;
mod rules;
mod scenario;
mod shrink;
