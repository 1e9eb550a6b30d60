//! One RTP leg.

mod config;
mod event;
mod stats;

pub use config::SessionConfig;
pub use event::{ClipId, DropReason, MediaEvent, Received, Tick};
pub use stats::Stats;

/// The longest datagram a session sends, in bytes. A G.711 packet takes 172.
pub const MAX_PACKET: usize = 1_200;
