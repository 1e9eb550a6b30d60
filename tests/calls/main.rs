//! Whole calls over loopback: SIP and RTP on real sockets, a telephone on the other side.

#[path = "../support/db.rs"]
mod db;

mod agent;
mod inbound;
mod knowledge;
mod manners;
mod native;
mod office;
mod outbound;
mod phone;
mod replay;
mod standins;
mod talker;
mod tracing;
mod transfers;
mod vendors;
