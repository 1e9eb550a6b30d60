//! Who counts as one sender, and which addresses belong to whom.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// One sender: an IPv4 address, or an IPv6 network of 64 bits, which is the least that one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The sender at an address. IPv4 written as IPv6 is the IPv4 one.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    /// Its address; of IPv6 the first one of the network.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// A set of addresses: single ones and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    single: BTreeSet<IpAddr>,
    nets: Vec<IpNet>,
}

impl Networks {
    /// Adds an address.
    pub fn add(&mut self, address: IpAddr) {
        self.single.insert(address.to_canonical());
    }

    /// Adds a network; one of a single address is that address.
    pub fn add_net(&mut self, net: IpNet) {
        if net.prefix_len() == net.max_prefix_len() {
            self.add(net.addr());
        } else if !self.nets.contains(&net.trunc()) {
            self.nets.push(net.trunc());
        }
    }

    /// Whether an address is among them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.single.contains(&address) || self.nets.iter().any(|net| net.contains(&address))
    }

    /// Whether any address of a sender is among them.
    pub(super) fn touches(&self, source: Source) -> bool {
        let all = match source.0 {
            IpAddr::V4(_) => return self.contains(source.0),
            IpAddr::V6(_) => IpNet::new(source.0, 64),
        };
        let Ok(all) = all else { return false };
        let overlaps = |net: &IpNet| net.contains(&all) || all.contains(net);
        self.single.iter().any(|address| all.contains(address)) || self.nets.iter().any(overlaps)
    }
}

/// Reads `192.0.2.1`, `2001:db8::1` or a network like `192.0.2.0/24`.
///
/// # Errors
/// What is neither; `None` tells no more than that.
#[must_use]
pub fn parse_net(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(match net.addr().to_canonical() {
        address @ IpAddr::V4(_) if net.prefix_len() == net.max_prefix_len() => IpNet::from(address),
        IpAddr::V4(_) | IpAddr::V6(_) => net.trunc(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_of_ipv6_is_one_sender() {
        assert_eq!(Source::of(ip("2001:db8:0:1::1")), Source::of(ip("2001:db8:0:1:ffff::2")));
        assert_ne!(Source::of(ip("2001:db8:0:1::1")), Source::of(ip("2001:db8:0:2::1")));
        assert_eq!(Source::of(ip("::ffff:192.0.2.1")), Source::of(ip("192.0.2.1")));
        assert_eq!(Source::of(ip("2001:db8:0:1::1")).to_string(), "2001:db8:0:1::/64");
    }

    #[test]
    fn addresses_and_networks_are_found() {
        let mut networks = Networks::default();
        for text in ["192.0.2.1", "198.51.100.7/24", "2001:db8::/32", "::ffff:203.0.113.9"] {
            networks.add_net(parse_net(text).expect("a network"));
        }
        for (address, inside) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.2", false),
            ("198.51.100.255", true),
            ("2001:db8:9::1", true),
            ("2001:db9::1", false),
            ("203.0.113.9", true),
        ] {
            assert_eq!(networks.contains(ip(address)), inside, "{address}");
        }
        assert!(networks.touches(Source::of(ip("2001:db8:9::1"))) && !networks.touches(Source::of(ip("2001:db9::1"))));
        for text in ["", "x", "192.0.2.1/33", "192.0.2", "192.0.2.1/"] {
            assert_eq!(parse_net(text), None, "{text:?}");
        }
    }
}
