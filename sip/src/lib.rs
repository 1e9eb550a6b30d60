//! SIP without sockets or clocks: bytes and time in, bytes and events out.

pub mod digest;
mod error;
pub mod message;

pub use error::{Answerable, ParseError, ParseFault};
