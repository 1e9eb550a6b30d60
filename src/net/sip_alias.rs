//! Connections that others have made to us and that carry our requests as well (RFC 5923 sections 8.2 and 9.2).
//!
//! A request goes out on one where the far end said by its Via that it takes requests for that address there, and where the
//! certificate that it showed when it connected proves the very name that it would have to prove if we connected: so it gets
//! nothing there that it would not have got otherwise.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use callwright_sip::endpoint::{Alias, Flow, ListenerId, PeerName, Transport};
use rustls::pki_types::CertificateDer;

/// Names under which one connection is used. Under further ones we connect.
const MOST_NAMES: usize = 16;

/// The certificates that somebody has shown who connected to us, its own in front; it was asked for them and has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown(pub(super) Vec<CertificateDer<'static>>);

/// What is known of the connections that others have made. All of it goes with the connection.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    shown: BTreeMap<Flow, Shown>,
    offered: BTreeMap<(ListenerId, SocketAddr), Flow>,
    /// Flows of ours, and the connection that carries them.
    carried: BTreeMap<Flow, Flow>,
}

impl Aliases {
    /// Somebody has connected, and shown this.
    pub(super) fn shows(&mut self, flow: Flow, shown: Shown) {
        self.shown.insert(flow, shown);
    }

    /// A far end offers its connection. Of several for one address the latest counts; one that has shown nothing does not.
    pub(super) fn offer(&mut self, alias: Alias) {
        if self.shown.contains_key(&alias.flow) {
            self.offered.insert((alias.flow.listener, alias.address), alias.flow);
        }
    }

    /// The connection on which a request of this flow goes out, if there is one and its far end `proves` the name.
    pub(super) fn carrier(&mut self, flow: Flow, proves: impl FnOnce(&Shown, PeerName) -> bool) -> Option<Flow> {
        if let Some(carrier) = self.carried.get(&flow) {
            return Some(*carrier);
        }
        let Transport::Tls(name) = flow.transport else { return None };
        let carrier = *self.offered.get(&(flow.listener, flow.peer))?;
        let names = self.carried.values().filter(|used| **used == carrier).count();
        if name == PeerName::NONE || names >= MOST_NAMES || !proves(self.shown.get(&carrier)?, name) {
            return None;
        }
        self.carried.insert(flow, carrier);
        Some(carrier)
    }

    /// The connection is gone: which flows went with it.
    pub(super) fn gone(&mut self, connection: Flow) -> Vec<Flow> {
        if self.shown.remove(&connection).is_none() {
            return Vec::new();
        }
        self.offered.retain(|_, offered| *offered != connection);
        self.carried.extract_if(.., |_, carrier| *carrier == connection).map(|(flow, _)| flow).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENER: ListenerId = ListenerId(0);

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address of this test")
    }

    /// Somebody who connected from this port.
    fn accepted(port: u16) -> Flow {
        let peer = SocketAddr::new(at("192.0.2.9:0").ip(), port);
        Flow { listener: LISTENER, transport: Transport::Tls(PeerName::NONE), peer }
    }

    fn to(address: &str, name: PeerName) -> Flow {
        Flow { listener: LISTENER, transport: Transport::Tls(name), peer: at(address) }
    }

    fn shown(byte: u8) -> Shown {
        Shown(vec![CertificateDer::from(vec![byte])])
    }

    const EDGE: &str = "192.0.2.9:5061";

    fn offering(connection: Flow) -> Aliases {
        let mut aliases = Aliases::default();
        aliases.shows(connection, shown(1));
        aliases.offer(Alias { flow: connection, address: at(EDGE) });
        aliases
    }

    #[test]
    fn only_the_address_that_was_offered_is_reached_and_only_under_a_name_that_is_proved() {
        let (name, other) = (PeerName::of("sip.example.org"), PeerName::of("sip.example.com"));
        let mut aliases = offering(accepted(40_000));
        let proves = |seen: &Shown, asked: PeerName| *seen == shown(1) && asked == name;
        assert_eq!(aliases.carrier(to(EDGE, other), proves), None, "it proves another name");
        assert_eq!(aliases.carrier(to("192.0.2.9:5062", name), proves), None);
        assert_eq!(aliases.carrier(Flow { listener: ListenerId(1), ..to(EDGE, name) }, proves), None);
        assert_eq!(aliases.carrier(to(EDGE, PeerName::NONE), |_, _| true), None);
        assert_eq!(aliases.carrier(Flow { transport: Transport::Tcp, ..to(EDGE, name) }, |_, _| true), None);
        assert_eq!(aliases.carrier(to(EDGE, name), proves), Some(accepted(40_000)));
        assert_eq!(aliases.carrier(to(EDGE, name), |_, _| false), Some(accepted(40_000)), "it was proved already");
    }

    #[test]
    fn who_has_shown_nothing_carries_nothing() {
        let mut aliases = Aliases::default();
        aliases.offer(Alias { flow: accepted(40_000), address: at(EDGE) });
        assert_eq!(aliases.carrier(to(EDGE, PeerName::of("a.example")), |_, _| true), None);
        assert!(aliases.offered.is_empty());
    }

    #[test]
    fn what_was_carried_is_told_when_the_connection_goes_and_nothing_is_kept() {
        let names = ["a.example", "b.example"].map(PeerName::of);
        let mut aliases = offering(accepted(40_000));
        for name in names {
            assert!(aliases.carrier(to(EDGE, name), |_, _| true).is_some());
        }
        // A newer connection takes what comes; what goes out on the old one goes on there.
        aliases.shows(accepted(40_001), shown(2));
        aliases.offer(Alias { flow: accepted(40_001), address: at(EDGE) });
        assert_eq!(aliases.carrier(to(EDGE, names[0]), |_, _| true), Some(accepted(40_000)));
        let mut gone = aliases.gone(accepted(40_000));
        gone.sort();
        let mut carried = names.map(|name| to(EDGE, name));
        carried.sort();
        assert_eq!(gone, carried);
        assert_eq!(aliases.gone(accepted(40_000)), []);
        assert_eq!(aliases.carrier(to(EDGE, names[0]), |_, _| true), Some(accepted(40_001)));
        assert_eq!(aliases.gone(accepted(40_001)), [to(EDGE, names[0])]);
        assert!(aliases.shown.is_empty() && aliases.offered.is_empty() && aliases.carried.is_empty());
    }

    #[test]
    fn one_connection_is_used_under_some_names_and_no_more() {
        let mut aliases = offering(accepted(40_000));
        let carried = |aliases: &mut Aliases, n: usize| {
            aliases.carrier(to(EDGE, PeerName::of(&format!("{n}.example"))), |_, _| true).is_some()
        };
        assert!((0..MOST_NAMES).all(|n| carried(&mut aliases, n)));
        assert!(!carried(&mut aliases, MOST_NAMES));
        assert!(carried(&mut aliases, 0));
    }
}
