//! Vendors behind seams: each adapter translates a vendor's wire into the events of [`stt`], [`tts`], [`llm`],
//! [`s2s`] and [`bot`] and decides nothing. What is said and when it is heard as an answer is `crate::agent`'s business.

pub mod assemblyai;
pub mod bot;
pub mod cartesia;
pub mod catalog;
pub mod deepgram;
pub mod elevenlabs;
pub mod embeddings;
pub mod error;
pub mod health;
pub mod hedge;
pub mod http;
pub mod llm;
pub mod media_streams;
pub mod offline;
pub mod openai;
pub mod probe;
pub mod prompts;
pub mod s2s;
pub mod socket;
pub mod sse;
pub mod stt;
pub mod synthesis;
pub mod tls;
pub mod tts;
pub mod vendor;
pub mod whole;
pub mod witness;
