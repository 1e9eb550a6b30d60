//! The rules of campaigns: their states, settings, schedules, and the numbers and time zones of the people they call.
//! Everything here is pure.

pub mod caller_numbers;
pub mod disclosure;
pub mod disconnection;
pub mod email;
pub mod import;
pub mod law;
pub mod month;
pub mod numbers;
pub mod order;
pub mod phone;
pub mod rounds;
pub mod run;
pub mod settings;
pub mod spend;
pub mod states;
pub mod statistics;
pub mod target;
pub mod toll;
pub mod transfer;
pub mod transition;
pub mod wire;
pub mod zone;
