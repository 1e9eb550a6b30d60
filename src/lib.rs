//! Callwright: a server that makes and takes phone calls by itself.

pub mod config;
pub mod id;
pub mod pii;
pub mod shutdown;
pub mod telemetry;
pub mod time;
