//! Where a request within a dialog goes: loose and strict routes (RFC 3261 12.2.1.1), and the address behind them.

use crate::endpoint::{Flow, Transport};
use crate::message::header::{NameAddr, Route, TypedHeader};
use crate::message::{HeaderName, Request, Uri};
use std::net::{IpAddr, SocketAddr};

/// Request-URI and Route values. A first route without `lr` is a strict router: it becomes the Request-URI, and the
/// target goes to the end of the routes.
pub(super) fn request_uri_and_routes(target: &Uri, route_set: &[Vec<u8>]) -> (Uri, Vec<Vec<u8>>) {
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
            (uri, routes)
        }
        Some(_) | None => (target.clone(), route_set.to_vec()),
    }
}

/// The flow on which a request of a dialog leaves. The next hop is the first route, else the Request-URI.
///
/// Over TCP the connection of the dialog is used again. Over UDP an address written as digits is taken as it stands
/// (RFC 3263 section 4 without its lookups); for a name we keep to the address that was resolved when the dialog was
/// made. A private address written by a peer that we reach at a public one comes from behind a NAT and means nothing
/// here: then we also keep to the address we know.
pub(super) fn next_hop(request: &Request, flow: Flow) -> Flow {
    let first = request.headers.get(&HeaderName::Route).and_then(|route| NameAddr::parse(route).ok());
    let strict = request.uri.params.has("lr");
    let hop = match &first {
        Some(route) if !strict => &route.uri,
        Some(_) | None => &request.uri,
    };
    if flow.transport != Transport::Udp {
        return flow;
    }
    let Some(address) = hop.host.ip() else { return flow };
    if address.is_ipv4() != flow.peer.is_ipv4() || (is_private(address) && !is_private(flow.peer.ip())) {
        return flow;
    }
    Flow { peer: SocketAddr::new(address, hop.port.unwrap_or(5060)), ..flow }
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
