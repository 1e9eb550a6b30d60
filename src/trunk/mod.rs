//! Carriers' trunks: where their calls go, what their INVITEs say, and how they are doing.

pub mod health;
pub mod plan;
pub mod registrar;
pub mod resolve;
