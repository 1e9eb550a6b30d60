//! A leg: datagrams, ticks and everything else that happens to it.
#![no_main]

#[path = "../harness.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::rtp(data));
