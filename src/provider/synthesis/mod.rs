//! What vendors of speech share: a session with its rules, behind which each vendor is only a way to read and write, and
//! fixed prompts that are made once.

pub(crate) mod align;
pub(crate) mod audio;
pub(crate) mod dialect;
mod request;
pub(crate) mod speaker;
mod synthesiser;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod utterance;
mod wire;

pub(crate) use request::Request;
pub use synthesiser::Synthesiser;
pub(crate) use synthesiser::{Adapter, Connection, language};
