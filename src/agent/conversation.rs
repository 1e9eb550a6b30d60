//! The conversation core.
//!
//! After every [`Conversation::handle`] or [`Conversation::handle_timeout`] the owner drains
//! [`Conversation::poll_action`] and then sleeps until [`Conversation::poll_timeout`].

pub use super::action::{Action, Ending};
pub use super::input::{Input, PromptId, ReplyId};
pub use super::record::{Answer, AnswerStatus, AnswerValue, Channel, Line, Outcome, Speaker, TurnTiming};
