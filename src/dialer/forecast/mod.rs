//! The dialer in virtual time: what will happen, from a copy of what is.
//!
//! The [`ledger`] stands for the database: the engine runs against it as it does against SQL, because every decision is
//! taken by the same pure functions. So far the simulated worlds of the tests are all that runs against it: the server makes no
//! forecasts.

pub mod ledger;
