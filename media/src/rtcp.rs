//! RTCP (RFC 3550 section 6): what both ends of a leg tell each other of what arrived.
//!
//! [`Compound`] reads what a peer sent, in place; [`Reporting`] and its parts write ours. `schedule` says when, `members`
//! keeps whom we heard of, `ntp` the clock of both. Nothing here allocates.

pub(crate) mod members;
mod ntp;
mod read;
pub(crate) mod schedule;
mod write;

pub(crate) use ntp::NtpClock;
pub use ntp::{NtpTime, from_short, short};
pub use read::{Block, Blocks, Compound, Packet, RtcpError, SenderInfo, Sources};
pub use write::{Cname, Reporting, write};

/// Bytes of the longest compound packet that is written here: a sender report with one block, SDES and BYE.
pub const MAX_COMPOUND: usize = 8 + 20 + 24 + 28 + 8;

/// Packet types (RFC 3550 section 12.1).
pub(crate) mod kind {
    /// Sender report.
    pub(crate) const SENDER: u8 = 200;
    /// Receiver report.
    pub(crate) const RECEIVER: u8 = 201;
    /// Source description.
    pub(crate) const DESCRIPTION: u8 = 202;
    /// Goodbye.
    pub(crate) const GOODBYE: u8 = 203;
}

#[cfg(test)]
mod tests;
