//! Numbers, dates, phone numbers and e-mail addresses as people say them, read from words alone.
//!
//! Everything here is strict where it matters: two different answers in one sentence are none, and a sentence that is
//! about something else is no answer although a number occurs in it. What recognisers of free speech write with figures
//! ("0171 234", "5 March", "anna@example.com") is read as well as what they write in words.

pub mod date;
pub mod email;
pub(super) mod english;
mod german;
pub mod number;
pub mod phone;
