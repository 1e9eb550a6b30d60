//! Where a request within a dialog goes: loose and strict routes (RFC 3261 12.2.1.1), and the address behind them.

use crate::endpoint::{Flow, Transport};
use crate::message::Uri;
use crate::message::header::{NameAddr, Route, TypedHeader};
use std::net::{IpAddr, SocketAddr};

/// How a request of a dialog is addressed.
pub(super) struct Plan {
    /// Its Request-URI.
    pub(super) uri: Uri,
    /// Its Route values.
    pub(super) routes: Vec<Vec<u8>>,
    /// The next hop.
    hop: Uri,
}

impl Plan {
    /// Loose routing leaves the target in the Request-URI and goes to the first route. A first route without `lr` is a
    /// strict router: it becomes the Request-URI, and the target goes to the end of the routes.
    pub(super) fn new(target: &Uri, route_set: &[Vec<u8>]) -> Self {
        let first = route_set.first().and_then(|route| NameAddr::parse(route).ok());
        match first {
            Some(first) if !first.uri.params.has("lr") => {
                let mut routes: Vec<Vec<u8>> = route_set[1..].to_vec();
                let mut last = Vec::new();
                Route(NameAddr::new(target.clone())).print(&mut last);
                routes.push(last);
                let mut uri = first.uri;
                // A Request-URI carries neither headers nor a method parameter (RFC 3261 19.1.1).
                uri.headers = None;
                uri.params.remove("method");
                Self { hop: uri.clone(), uri, routes }
            }
            Some(first) => Self { uri: target.clone(), routes: route_set.to_vec(), hop: first.uri },
            None => Self { uri: target.clone(), routes: route_set.to_vec(), hop: target.clone() },
        }
    }

    /// The flow on which the request leaves.
    ///
    /// A connection of the dialog is used again. Over UDP an address written as digits is taken as it stands
    /// (RFC 3263 section 4 without its lookups); for a name we keep to the address that was resolved when the dialog
    /// was made.
    pub(super) fn flow(&self, flow: Flow) -> Flow {
        match (flow.transport, self.address(&flow)) {
            (Transport::Udp, Some(peer)) => Flow { peer, ..flow },
            (Transport::Udp, None) | (Transport::Tcp | Transport::Tls(_) | Transport::Ws | Transport::Wss, _) => flow,
        }
    }

    /// The address of the next hop, if it is written as digits and means something from here. `known` is a flow to the
    /// peer that worked: a private address written by a peer that we reach at a public one comes from behind a NAT.
    pub(super) fn address(&self, known: &Flow) -> Option<SocketAddr> {
        let (known, port) = (known.peer, known.transport.default_port());
        let address = self.hop.host.ip()?;
        let usable = address.is_ipv4() == known.is_ipv4() && (!is_private(address) || is_private(known.ip()));
        usable.then(|| SocketAddr::new(address, self.hop.port.unwrap_or(port)))
    }
}

/// An address that means something only in its own network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            // 100.64.0.0/10 is the space between a carrier-grade NAT and its customers (RFC 6598).
            let [a, b, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_unique_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ListenerId;

    fn flow(peer: &str, transport: Transport) -> Flow {
        Flow { listener: ListenerId(0), transport, peer: peer.parse().expect("an address of this test") }
    }

    fn next(target: &str, routes: &[&str], from: Flow) -> String {
        let target = Uri::parse(target.as_bytes()).expect("a URI of this test");
        let routes: Vec<Vec<u8>> = routes.iter().map(|route| route.as_bytes().to_vec()).collect();
        Plan::new(&target, &routes).flow(from).peer.to_string()
    }

    #[test]
    fn the_next_hop_is_the_first_route_else_the_target() {
        let from = flow("198.51.100.9:5060", Transport::Udp);
        let target = "sip:x@192.0.2.1:5070";
        assert_eq!(next(target, &[], from), "192.0.2.1:5070");
        assert_eq!(next(target, &["<sip:192.0.2.2;lr>", "<sip:192.0.2.3;lr>"], from), "192.0.2.2:5060");
        assert_eq!(next(target, &["<sip:192.0.2.2>", "<sip:192.0.2.3;lr>"], from), "192.0.2.2:5060", "strict");
        assert_eq!(next(target, &["<sip:p.example.org;lr>"], from), "198.51.100.9:5060", "no lookups here");
        assert_eq!(next("sip:x@[2001:db8::1]", &[], from), "198.51.100.9:5060", "not from an IPv4 socket");
        assert_eq!(next(target, &[], flow("198.51.100.9:40000", Transport::Tcp)), "198.51.100.9:40000");
    }

    #[test]
    fn a_private_address_counts_only_among_private_ones() {
        let target = "sip:x@192.168.1.5:5062";
        assert_eq!(next(target, &[], flow("198.51.100.9:6000", Transport::Udp)), "198.51.100.9:6000");
        assert_eq!(next(target, &[], flow("10.0.0.1:6000", Transport::Udp)), "192.168.1.5:5062");
    }
}
