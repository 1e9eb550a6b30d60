//! The store on both databases.

#[path = "../support/db.rs"]
mod db;

mod callbacks;
mod caller_days;
mod claims;
mod control;
mod diagnosis;
mod dials;
mod embedding;
mod events;
mod forecast;
mod guard;
mod holds;
mod inbound;
mod knowledge;
mod law;
mod leases;
mod lifecycle;
mod lists;
mod numbers;
mod opening;
mod order;
mod pages;
mod recovery;
mod rehearsal;
mod resources;
mod rounds;
mod routes;
mod spend;
mod transfers;
mod trunks;
mod users;
mod world;
