//! Speech vendors behind seams: each adapter translates a vendor's wire into the events of [`stt`] and [`tts`] and
//! decides nothing. What is said and when it is heard as an answer is `crate::agent`'s business.

pub mod error;
pub mod offline;
pub mod stt;
pub mod tts;
