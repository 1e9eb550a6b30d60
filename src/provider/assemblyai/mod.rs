//! AssemblyAI.

pub mod streaming;
