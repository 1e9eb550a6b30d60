//! SIP without sockets or clocks: bytes and time in, bytes and events out.

pub mod callerid;
pub mod dialog;
pub mod digest;
pub mod endpoint;
mod error;
pub mod guard;
mod health;
pub mod identity;
pub mod locate;
pub mod message;
pub mod registrar;
mod registration;
mod session;
pub mod trace;
pub mod transaction;

pub use error::{Answerable, ParseError, ParseFault};

#[cfg(test)]
mod tests;
