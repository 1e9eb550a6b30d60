//! What a Callwright server is tested against: a carrier with its callees, the vendors of speech and models, and
//! a name server.
//!
//! The `callwright-loadtest` program runs them as processes; tests run [`vendors`] and [`names`] inside their own.

pub mod carrier;
pub mod names;
pub mod vendors;
