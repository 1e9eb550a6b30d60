//! Recordings after the call: encoded, looked at, kept.
//!
//! A call is recorded as WAV ([`crate::call::record`]). When it is over its record says that there is a fresh recording.
//! The [`keeper`] finds these, has each turned into Ogg/Opus by a thread of low priority ([`workers`], [`job`]) and writes
//! down what came of it. There is one readable file at any moment: the WAV goes when the Ogg was read back, agrees with it,
//! and is on record. Where there is an object store ([`remote`]) the file is taken there, and goes from the disk when the object was
//! read back and that is on record.

pub mod job;
pub mod keeper;
pub mod remote;
pub mod vault;
pub mod workers;
