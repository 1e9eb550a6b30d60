//! Calls with sipp, another's implementation of SIP.

#[path = "../support/office.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod office;

mod sipp;
