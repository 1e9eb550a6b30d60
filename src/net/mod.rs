//! Sockets and the threads that serve them.

mod datagram;
pub mod faults;
pub mod media_leg;
pub mod media_ring;
mod media_wheel;
pub mod media_worker;
pub mod ports;
pub mod reports;
mod sip_alias;
mod sip_door;
pub mod sip_driver;
pub mod sip_instance;
mod sip_stream;
pub mod sip_tls;
mod sip_udp;
mod sip_ws;
pub mod web;
pub mod webrtc;
