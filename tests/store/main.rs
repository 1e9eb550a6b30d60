//! The store on both databases.

#[path = "../support/db.rs"]
mod db;

mod claims;
mod dials;
mod embedding;
mod knowledge;
mod lifecycle;
mod opening;
mod recovery;
mod resources;
mod transfers;
mod world;
