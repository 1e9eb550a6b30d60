//! Legs: what carries one side of a call, behind one shape of events.

pub mod sip;
