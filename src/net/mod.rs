//! Sockets and the threads that serve them.

pub mod ports;
