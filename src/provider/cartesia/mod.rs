//! Cartesia.

pub mod speech;
