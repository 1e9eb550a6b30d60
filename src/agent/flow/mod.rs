//! The graph an assistant follows: checking what people wrote, and compiling it for a call.

pub mod check;
pub mod graph;
pub mod guide;
pub mod meaning;
pub(crate) mod script;
pub mod spoken;
pub(crate) mod template;
pub mod understand;
pub(crate) mod wording;
