//! Calls with other implementations of SIP: sipp, baresip and kamailio. What is tried against which of them stands in
//! docs/interop.md.

mod agents;
mod baresip;
#[path = "../support/bots.rs"]
mod bots;
mod bots_of_others;
mod encrypted;
mod kamailio;
#[path = "../support/office.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod office;
#[path = "../support/phone.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod phone;
mod phones;
mod program;
mod proxied;
mod sessions;
mod sipp;
#[path = "../support/talker.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod talker;
