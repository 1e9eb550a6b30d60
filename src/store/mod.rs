//! The database: the only part of the server that knows SQL.
//!
//! [`db`] opens SQLite or PostgreSQL behind one type; one file per group of tables holds its rows and their
//! statements. Decisions are made elsewhere: a function here loads what the decision needs, calls it inside the
//! transaction and writes what it answers.

pub mod api_key;
pub mod assistant;
pub mod attempt;
pub mod audit;
pub mod bulk;
pub mod call;
pub mod caller_number;
pub mod campaign;
pub mod case_label;
pub mod client_case;
pub mod consent;
pub mod contact;
pub mod db;
pub mod dialing;
pub mod embedding;
pub mod event;
pub mod files;
pub mod filter;
pub mod forecast;
pub mod idempotency;
pub mod import;
pub mod invitation;
pub mod knowledge;
pub mod lock;
pub mod number;
pub mod org;
pub mod people_job;
pub mod people_list;
pub mod policy;
pub mod preference;
pub mod prefix_route;
pub mod provider;
pub mod quota;
pub mod recorder;
pub mod recording;
pub mod sign_in_try;
pub mod sip_trace;
pub mod suppression;
pub mod suppression_list;
pub mod tag;
pub mod target;
pub mod trunk;
pub mod trunk_group;
pub mod trunk_inbound;
pub mod trunk_lease;
pub mod trunk_record;
pub mod user;
pub mod user_session;

pub use db::{Constraint, Db, Listing, Page, StoreError, Tx, Wake};
