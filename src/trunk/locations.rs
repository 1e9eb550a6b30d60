//! Who has registered with us, pure: the bindings of the trunks, and which address belongs to which trunk.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use callwright_sip::endpoint::AccountId;
use callwright_sip::message::StatusCode;
use callwright_sip::registrar::{Bindings, IncomingRegister, Location, RegisterAnswer};

use crate::id::TrunkId;

/// Addresses at which somebody has proved something; bindings from further ones last until the trunks are looked at anew.
const MOST_PROVED: usize = 4_096;

/// The bindings of all trunks. They are not stored: who registers does so again.
#[derive(Debug, Default)]
pub struct Locations {
    sources: BTreeMap<IpAddr, TrunkId>,
    bindings: BTreeMap<TrunkId, Bindings>,
    /// Addresses at which somebody has proved to be a trunk's, as long as that one has bindings.
    proved: BTreeSet<(TrunkId, IpAddr)>,
}

impl Locations {
    /// Says which addresses belong to which enabled trunk; an address of several belongs to the first of them. Bindings
    /// of other trunks, and of addresses that are their trunk's no more, are forgotten.
    pub fn set_sources(&mut self, trunks: impl IntoIterator<Item = (TrunkId, BTreeSet<IpAddr>)>) {
        self.sources.clear();
        let mut enabled = BTreeSet::new();
        for (trunk, sources) in trunks {
            enabled.insert(trunk);
            for source in sources {
                self.sources.entry(source.to_canonical()).or_insert(trunk);
            }
        }
        let (sources, proved) = (&self.sources, &self.proved);
        self.bindings.retain(|trunk, bindings| {
            let has_proved = |host| enabled.contains(trunk) && proved.contains(&(*trunk, host));
            bindings.retain_hosts(|host| sources.get(&host) == Some(trunk) || has_proved(host));
            !bindings.is_empty()
        });
        self.proved.retain(|(trunk, _)| self.bindings.contains_key(trunk));
    }

    /// Carries out a REGISTER: 403 from an address that belongs to no trunk, unless it was proved to be of one. Also says
    /// whose it was.
    pub fn register(&mut self, now: Instant, incoming: &IncomingRegister) -> (Option<TrunkId>, RegisterAnswer) {
        let from = incoming.flow.peer.ip();
        let proved = incoming.account.map(|AccountId(trunk)| TrunkId::from_u128(trunk));
        let Some(trunk) = proved.or_else(|| self.at(from)) else {
            return (None, RegisterAnswer::Refused(StatusCode::FORBIDDEN));
        };
        if proved.is_some() && self.proved.len() < MOST_PROVED {
            self.proved.insert((trunk, from.to_canonical()));
        }
        let bindings = self.bindings.entry(trunk).or_default();
        let answer = bindings.register(now, incoming);
        if bindings.is_empty() {
            self.bindings.remove(&trunk);
        }
        (Some(trunk), answer)
    }

    /// The trunk an address belongs to.
    #[must_use]
    pub fn at(&self, source: IpAddr) -> Option<TrunkId> {
        self.sources.get(&source.to_canonical()).copied()
    }

    /// Where calls over a trunk go while a binding of it lasts: to the one refreshed last.
    #[must_use]
    pub fn of(&self, now: Instant, trunk: TrunkId) -> Option<&Location> {
        self.bindings.get(&trunk)?.latest(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callwright_sip::endpoint::{Flow, ListenerId, Transport};
    use callwright_sip::message::{Message, parse};

    use super::*;
    use crate::time;

    const ONE: TrunkId = TrunkId::from_u128(1);
    const TWO: TrunkId = TrunkId::from_u128(2);

    fn register(host: &str, expires: u32, cseq: u32) -> IncomingRegister {
        let text = format!(
            "REGISTER sip:us.example SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{cseq}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: {host}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n\
             Contact: <sip:pbx@{host}:5070>\r\nExpires: {expires}\r\nContent-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("it is a request") };
        let peer = format!("{host}:5060").parse().expect("an address");
        IncomingRegister {
            flow: Flow { listener: ListenerId(0), transport: Transport::Udp, peer },
            request,
            account: None,
        }
    }

    fn sources(of: &[(TrunkId, &str)]) -> Vec<(TrunkId, BTreeSet<IpAddr>)> {
        of.iter().map(|(trunk, host)| (*trunk, [host.parse().expect("an address")].into())).collect()
    }

    #[test]
    fn only_addresses_of_trunks_register_and_the_first_trunk_has_them() {
        let now = time::now().mono;
        let mut locations = Locations::default();
        let forbidden = (None, RegisterAnswer::Refused(StatusCode::FORBIDDEN));
        assert_eq!(locations.register(now, &register("192.0.2.1", 300, 1)), forbidden);
        locations.set_sources(sources(&[(ONE, "192.0.2.1"), (TWO, "192.0.2.1"), (TWO, "192.0.2.2")]));
        assert_eq!(locations.register(now, &register("192.0.2.3", 300, 1)), forbidden);
        for (host, trunk) in [("192.0.2.1", ONE), ("192.0.2.2", TWO)] {
            let (whose, answer) = locations.register(now, &register(host, 300, 1));
            assert!(matches!(answer, RegisterAnswer::Bound { granted: Some(300), .. }), "{answer:?}");
            assert_eq!(whose, Some(trunk));
            let peer = locations.of(now, trunk).map(|location| location.flow.peer.to_string());
            assert_eq!(peer, Some(format!("{host}:5070")));
        }
        assert_eq!(locations.of(now + Duration::from_secs(300), ONE), None);
        locations.register(now, &register("192.0.2.1", 0, 2));
        assert_eq!(locations.of(now, ONE), None);
    }

    #[test]
    fn a_binding_goes_with_its_trunk_and_with_its_address() {
        let now = time::now().mono;
        let mut locations = Locations::default();
        let both = [(ONE, "192.0.2.1"), (TWO, "192.0.2.2")];
        for after in [vec![(TWO, "192.0.2.2")], vec![(ONE, "192.0.2.9"), (TWO, "192.0.2.2")]] {
            locations.set_sources(sources(&both));
            locations.register(now, &register("192.0.2.1", 300, 1));
            locations.register(now, &register("192.0.2.2", 300, 1));
            locations.set_sources(sources(&after));
            locations.set_sources(sources(&both));
            assert_eq!((locations.of(now, ONE), locations.of(now, TWO).is_some()), (None, true));
            locations = Locations::default();
        }
    }
}
