//! Browsers: how a session with one is agreed on, set up, kept and ended. What it carries is the media worker's, or that of
//! whoever sends to listeners.
//!
//! ```text
//!   offer ─▶ description ─▶ answer              (HTTP: RFC 9725)
//!   datagram ─▶ below 64? ─▶ Link (ICE, DTLS) ─▶ keys of SRTP, address, end
//!               above     ─▶ the session of callwright-media, once there are keys
//! ```
//!
//! [`description`], [`ice`] and [`link`] are pure. [`driver`] has the socket until there are keys; then the media worker reads it
//! and hands what belongs to the link aside.

pub mod description;
pub mod driver;
pub mod ice;
pub mod identity;
pub mod link;
pub mod sender;
pub mod sessions;

/// Whether a datagram belongs to the link and not to the media (RFC 7983: STUN below 4, DTLS from 20 to 63).
#[must_use]
pub fn is_links(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 64)
}
