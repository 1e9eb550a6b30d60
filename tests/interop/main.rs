//! Calls with sipp, another's implementation of SIP.

#[path = "../calls/office.rs"]
#[allow(dead_code, reason = "shared with the tests of whole calls, which use more of it")]
mod office;

mod sipp;
