//! Calls with other implementations of SIP: sipp, baresip and kamailio. What is tried against which of them stands in
//! docs/interop.md.

mod agents;
mod baresip;
mod kamailio;
#[path = "../support/office.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod office;
mod phones;
mod program;
mod proxied;
mod sessions;
mod sipp;
