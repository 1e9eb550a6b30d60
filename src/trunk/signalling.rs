//! How requests over a trunk travel, beyond where to: what they may leave by, and where the carrier sees them come from.

use std::net::{IpAddr, SocketAddr};

use callwright_sip::endpoint::{Conduct, External, ListenerId};

/// How requests over a trunk travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signalling {
    /// Requests of more than 1300 bytes that are for UDP leave over TCP (RFC 3261 section 18.1.1).
    pub large_over_tcp: bool,
    /// Where the carrier sees us, if not at the address that the listener advertises.
    pub external: Option<External>,
    /// How often a call may be redirected to the same number elsewhere, 0 to [`MAX_REDIRECTS`].
    pub redirects: u32,
    /// Calls that come in over it may take the place of its live ones (RFC 3891).
    pub replaces: bool,
}

/// The most redirections of a call: each is an INVITE, and there are five at most.
pub const MAX_REDIRECTS: u32 = 4;

/// What calls over a trunk do beyond what every call does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The listener over which requests of more than 1300 bytes leave that are for UDP.
    pub large_over: Option<ListenerId>,
    /// Where the carrier sees us, if not at the address that the listener advertises.
    pub external: Option<External>,
    /// How often a call may be redirected; 0 ends it by the first redirection.
    pub redirects: u32,
}

impl From<Manner> for Conduct {
    fn from(Manner { large_over, external, redirects }: Manner) -> Self {
        Self { redirectable: redirects > 0, large_over, external, ..Self::default() }
    }
}

/// Reads an address of ours with or without a port: `203.0.113.7`, `203.0.113.7:5070`, `[2001:db8::7]:5070`. None for what is
/// no address that anybody could answer to.
#[must_use]
pub fn external(text: &str) -> Option<External> {
    let found = match (text.parse(), text.parse::<SocketAddr>()) {
        (Ok(address), _) => External { address, port: None },
        (Err(_), Ok(address)) => External { address: address.ip(), port: Some(address.port()) },
        (Err(_), Err(_)) => return None,
    };
    (is_reachable(found.address) && found.port != Some(0)).then_some(found)
}

/// As [`external`] reads it.
#[must_use]
pub fn text(external: &External) -> String {
    match external.port {
        Some(port) => SocketAddr::new(external.address, port).to_string(),
        None => external.address.to_string(),
    }
}

/// Whether an address is that of one host.
#[must_use]
pub fn is_reachable(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ours_are_read_as_they_are_written() {
        for written in ["203.0.113.7", "203.0.113.7:5070", "2001:db8::7", "[2001:db8::7]:5070"] {
            assert_eq!(external(written).as_ref().map(text).as_deref(), Some(written));
        }
        for none in
            ["", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "203.0.113.7:0", "sip.example", "203.0.113.7:"]
        {
            assert_eq!(external(none), None, "{none}");
        }
    }
}
