//! Telephone media without sockets or clocks: packets and time in, samples and packets out.
