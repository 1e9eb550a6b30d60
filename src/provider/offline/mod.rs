//! Speech without a key, a server or a model file of ours: `espeak-ng` speaks, `pocketsphinx` understands. Both are
//! programs of the distribution, run as processes and never linked.
//!
//! The voice is a demo voice and the understanding is that of a small grammar a question; see [`pocketsphinx`].

pub mod dictionary;
pub mod espeak;
pub mod pocketsphinx;
