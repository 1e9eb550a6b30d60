//! Whole calls over loopback: SIP and RTP on real sockets, a telephone on the other side.

mod inbound;
mod office;
mod outbound;
mod phone;
