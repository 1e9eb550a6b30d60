//! SRTP and SRTCP (RFC 3711, RFC 7714): one leg's packets, encrypted and authenticated with keys from its descriptions.
//!
//! ```text
//!  master key ─▶ derive ─▶ StreamCipher (one for RTP, one for RTCP)
//!  SrtpSender:   packet, rollover counter ─▶ the same packet, protected in its place
//!  SrtpReceiver: datagram ─▶ authentic? ─▶ seen before? ─▶ the packet as its sender wrote it
//! ```
//!
//! The ciphers are those of `aws-lc-rs`. What a stranger sends costs at most three authentication tags and leaves nothing
//! behind: state is kept of sources that have proved to hold the key, and of few.

mod cipher;
mod derive;
mod index;
mod key;
mod receiver;
mod sender;

pub use key::{LocalKeys, MasterKey, Mki, RemoteKey, SrtpKeys, Suite};
pub use receiver::{MAX_DATAGRAM, SrtpReceiver, UnprotectError};
pub use sender::{MAX_OVERHEAD, ProtectError, SrtpSender};

#[cfg(test)]
mod tests;
