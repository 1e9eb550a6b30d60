//! RTCP: what a peer or a stranger reports, in any order with RTP and time.
#![no_main]

#[path = "../harness.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::rtcp(data));
