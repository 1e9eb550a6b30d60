//! The dialer in virtual time: a whole day with its faults, short days under many seeds, and single rules in isolation.
//!
//! `SIM_SEED` runs the short day for one seed; a failure prints its seed and step.

#[path = "../support/world/mod.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "shared by test binaries that use parts of it")]
mod world;

mod day;
mod rules;
