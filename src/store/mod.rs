//! The database: the only part of the server that knows SQL.
//!
//! [`db`] opens SQLite or PostgreSQL behind one type; one file per group of tables holds its rows and their
//! statements. Decisions are made elsewhere: a function here loads what the decision needs, calls it inside the
//! transaction and writes what it answers.

pub mod db;

pub use db::{Constraint, Db, StoreError};
