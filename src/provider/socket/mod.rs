//! The websocket that all vendors share: connecting, noticing that a connection is dead, connecting again.
//!
//! A vendor's folder implements [`Wire`], which translates and keeps no time but its own. [`run`] carries it: it
//! connects with TLS, asks for signs of life, tells a routine close from a failure, and decides by a [`Lifeline`] (pure,
//! tested in virtual time) when to try again and when to give up. One task serves one connection; it holds no lock and
//! every queue in it is bounded.
//!
//! What it knows about vendors was learnt from others' trouble: sockets that stay open and say nothing ever again, idle
//! closes that used up the tries, servers that accept and hang up at once.

mod address;
mod connect;
mod lifeline;
mod probe;
mod task;
#[cfg(test)]
mod tests;
mod wire;

pub use address::{Endpoint, address, is_local};
pub use lifeline::{Lifeline, Limits, Sign, Step};
pub use probe::probe;
pub use task::run;
pub use wire::{Close, Closing, Message, Outbox, Upgrade, Wire, usual};
