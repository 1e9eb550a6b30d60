//! SIP without sockets or clocks: bytes and time in, bytes and events out.
