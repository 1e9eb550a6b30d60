//! Carriers' trunks: where their calls go, what their INVITEs say, and how they are doing.

pub mod answers;
pub mod breaker;
pub mod caller_health;
pub mod callers;
mod dns;
pub mod health;
pub mod hunt;
pub mod keeper;
pub mod locations;
pub mod media;
pub mod numbers;
pub mod plan;
pub mod prefix;
pub mod presets;
pub mod registrations;
pub mod resolve;
pub mod route;
pub mod signalling;
pub mod status;
mod watcher;
