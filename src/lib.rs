//! Callwright: a server that makes and takes phone calls by itself.

pub mod id;
pub mod pii;
pub mod time;
