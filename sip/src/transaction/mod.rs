//! The four transaction machines of RFC 3261 section 17 with RFC 6026 and RFC 4320.
//!
//! A machine knows states and timers only; it says what to do as [`Action`]s, and the endpoint, which holds the
//! messages, does it. So each table can be read, and tested, by itself.

mod action;
pub mod client;
pub mod client_invite;
pub mod server;
pub mod server_invite;
mod timer;

pub use action::{Action, Actions, Fault};
pub use client::Client;
pub use client_invite::ClientInvite;
pub use server::Server;
pub use server_invite::ServerInvite;
pub use timer::{Intervals, Timer};

/// Names one transaction of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

#[cfg(test)]
mod tests;
