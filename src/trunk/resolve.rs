//! From a trunk's host name to addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callwright_sip::message::Host;

/// How long an answer of the resolver is used.
const FRESH: Duration = Duration::from_secs(60);
/// How long the resolver may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Names kept.
const NAMES: usize = 1_024;
/// The port of SIP over UDP and TCP (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5_060;

/// Resolves hosts and remembers the answers for a minute; when the resolver fails, the last answer stands.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    known: Arc<Mutex<Known>>,
}

/// Answers by name, with their age.
type Known = BTreeMap<String, (Instant, Vec<IpAddr>)>;

/// A host has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trunk's host name has no address")]
pub struct Unresolved;

impl Resolver {
    /// The addresses of a host, in the resolver's order, with the port to use.
    ///
    /// # Errors
    /// [`Unresolved`]: the name is unknown, or the resolver fails and never answered before.
    pub async fn resolve(&self, now: Instant, host: &str, port: Option<u16>) -> Result<Vec<SocketAddr>, Unresolved> {
        let port = port.unwrap_or(SIP_PORT);
        let with_port = |addresses: &[IpAddr]| addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        if let Some(address) = Host::parse(host.as_bytes()).ok().and_then(|host| host.ip()) {
            return Ok(with_port(&[address]));
        }
        let known = self.lock().get(host).cloned();
        if let Some((at, addresses)) = &known
            && now.saturating_duration_since(*at) < FRESH
        {
            return Ok(with_port(addresses));
        }
        let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
        match found {
            Ok(Ok(addresses)) => {
                let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
                let mut cache = self.lock();
                if cache.len() >= NAMES {
                    cache.pop_first();
                }
                cache.insert(host.to_owned(), (now, addresses.clone()));
                Some(addresses).filter(|found| !found.is_empty()).map(|found| with_port(&found)).ok_or(Unresolved)
            }
            Ok(Err(_)) | Err(_) => known.map(|(_, addresses)| with_port(&addresses)).ok_or(Unresolved),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    #[tokio::test]
    async fn an_address_needs_no_resolver() {
        let resolver = Resolver::default();
        let now = time::now().mono;
        let found = resolver.resolve(now, "192.0.2.7", None).await;
        assert_eq!(found, Ok(vec!["192.0.2.7:5060".parse().expect("an address")]));
        let found = resolver.resolve(now, "[2001:db8::1]", Some(5_080)).await;
        assert_eq!(found, Ok(vec!["[2001:db8::1]:5080".parse().expect("an address")]));
    }

    #[tokio::test]
    async fn an_old_answer_stands_when_the_resolver_fails() {
        let resolver = Resolver::default();
        let now = time::now().mono;
        let name = "no-such-host.invalid";
        assert_eq!(resolver.resolve(now, name, None).await, Err(Unresolved));
        let address: IpAddr = "192.0.2.9".parse().expect("an address");
        resolver.lock().insert(name.to_owned(), (now, vec![address]));
        let later = now + FRESH * 2;
        assert_eq!(resolver.resolve(later, name, Some(5_061)).await, Ok(vec![SocketAddr::new(address, 5_061)]));
    }
}
