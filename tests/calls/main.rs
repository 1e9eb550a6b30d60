//! Whole calls over loopback: SIP and RTP on real sockets, a telephone on the other side.

#[path = "../support/api.rs"]
mod api;
#[path = "../support/bots.rs"]
mod bots;
#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/db.rs"]
mod db;
#[path = "../support/office.rs"]
mod office;
#[path = "../support/phone.rs"]
mod phone;
#[path = "../support/talker.rs"]
mod talker;

mod agent;
mod disclosure;
mod encryption;
mod external;
mod identity;
mod inbound;
mod interrupter;
mod knowledge;
mod listening;
mod manners;
mod native;
mod native_manners;
mod outbound;
mod quality;
mod replay;
mod sight;
mod signalling;
mod siprec;
#[path = "../support/speech.rs"]
mod speech;
mod standins;
mod supervision;
mod tracing;
mod transfers;
mod vendors;
mod webrtc;
mod wideband;
