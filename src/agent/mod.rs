//! The conversation of a call: what is said, when the caller's turn begins and ends, what an answer means.
//!
//! [`conversation::Conversation`] is pure: inputs and time go in, actions and the next deadline come out. The call's
//! task feeds it and carries out what it asks for.

pub mod action;
pub mod assistant;
pub mod conversation;
pub mod ear;
pub mod external;
pub mod flow;
pub(crate) mod heard;
pub mod input;
pub mod knowledge;
pub mod language;
pub mod manners;
pub mod native;
pub mod record;
pub(crate) mod sentence;
pub(crate) mod texts;
pub mod transfer;
pub mod turn;
pub(crate) mod words;
