//! The store on both databases.

#[path = "../support/db.rs"]
mod db;

mod opening;
mod resources;
mod world;
