//! OpenAI, and everybody who speaks like it.

pub mod chat;
pub mod embeddings;
pub mod realtime;
pub mod speech;
pub mod transcription;
