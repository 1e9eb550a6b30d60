//! What a Callwright server is tested against: a carrier with its callees, and the vendors of speech and models.
//!
//! The `callwright-loadtest` program runs them as processes; tests run [`vendors`] inside their own.

pub mod carrier;
pub mod vendors;
