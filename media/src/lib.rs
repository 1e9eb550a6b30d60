//! Telephone media without sockets or clocks: packets and time in, samples and packets out.
//!
//! A [`session::Session`] is one RTP leg. Its shell hands it every datagram of the leg's socket, calls it once per
//! 20 ms, and drains its events; nothing here reads a clock, waits, or allocates per packet.

pub mod bridge;
pub mod clip;
pub mod codec;
mod comfort;
pub mod conceal;
pub mod convert;
pub mod detect;
pub mod digit;
pub mod dtmf;
pub mod frame;
pub mod hold;
mod jitter;
pub mod level;
mod mix;
pub mod negotiated;
pub mod overlap;
mod packets;
pub mod playout;
mod predict;
pub mod quality;
pub mod recording;
pub mod resample;
pub mod rtcp;
pub mod rtp;
mod scale;
pub mod sdp;
pub mod session;
#[cfg(test)]
mod sounds;
pub mod srtp;
mod stream;
mod unpacker;
mod uplink;
pub mod vad;
mod vector;
pub mod words;
