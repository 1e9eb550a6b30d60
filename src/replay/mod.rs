//! Calls run again: what a call's conversation was told, and what it asked for, in a file beside the recording.
//!
//! The conversation is a pure core: the same inputs at the same times give the same actions. So a file of inputs with
//! their offsets from the call's beginning is a call that can be had again, as often as it takes to understand it, on a
//! virtual clock. While the call goes on, [`observed::Observed`] sees every input and action pass and puts them on a
//! [`tape::Tape`]; the [`keeper`]'s thread writes them ([`mod@format`]). Afterwards [`play`] builds the conversation anew,
//! feeds it and compares what it asks for.
//!
//! Signalling and the leg's audio stand in the file as notes: a person reads them, the conversation is not told of them.
//! Of audio there is nothing but how much.
//!
//! A file holds what was said. It lies where the recordings are, exists only for calls that may be recorded, and ends
//! where the talk goes off the record (a refusal, a card's number, a secret). Digits are held back until it is known
//! whether they are a card's: of a number that turns out to be one not even the beginning is in the file.

pub mod format;
pub mod keeper;
pub mod observed;
pub mod play;
pub mod show;
pub mod tape;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests pick the few actions they look at")]
mod tests;
