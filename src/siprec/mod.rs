//! Calls sent to a recorder of somebody else's while they go on (SIPREC, RFC 7866; we are its session recording client).
//!
//! ```text
//!  call answered ─▶ Recorders::begin ─▶ task: INVITE with both streams and the metadata ─▶ recorder
//!                                        │ answered, paused, gone on (`session`, pure)
//!  media leg ─▶ CopySink (every 20 ms) ──┴─▶ RTP: what the caller says, and what we say
//! ```
//!
//! The call never waits for its recorder and goes on without it.

pub mod metadata;
pub mod service;
mod session;
mod sink;

pub use service::{RecordedCall, Recorders, Recording};
