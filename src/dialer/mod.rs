//! The dialer: who is rung next, when, and what follows from how it ended. Pure, except for its shell.

pub mod activity;
pub mod breaker;
pub mod calling_hours;
pub mod claim;
pub mod diagnosis;
pub mod engine;
pub mod forecast;
pub mod gate;
pub mod numbers;
pub mod pacing;
pub mod retry;
pub mod share;
pub mod start;
pub mod status;
pub mod task;
