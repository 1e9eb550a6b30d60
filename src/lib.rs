//! Callwright: a server that makes and takes phone calls by itself.

pub mod agent;
pub mod api;
pub mod app;
pub(crate) mod arcs;
pub mod call;
pub mod campaign;
pub mod config;
pub mod demo;
pub mod dialer;
pub mod eval;
pub mod id;
pub mod lookup;
pub(crate) mod nanos;
pub mod net;
pub mod outlook;
pub mod pii;
pub mod provider;
pub mod replay;
pub mod shutdown;
pub mod siprec;
pub mod stir;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod toolbox;
pub mod trunk;
