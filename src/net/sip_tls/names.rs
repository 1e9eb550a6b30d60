//! Which host stands behind a [`PeerName`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::PeerName;
use rustls::pki_types::ServerName;

/// Names that are kept.
const MOST: usize = 4_096;
/// How often a failure under one name is told.
const TOLD: Duration = Duration::from_secs(60);

/// The hosts that connections of ours go to, and that have to prove it. A name is learned whenever the way to its host is
/// looked for; beyond 4096 the one learned longest ago is forgotten until then.
#[derive(Clone, Debug, Default)]
pub struct TlsNames(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    known: BTreeMap<PeerName, Known>,
    learned: u64,
}

#[derive(Debug)]
struct Known {
    host: ServerName<'static>,
    learned: u64,
    told: Option<Instant>,
}

impl TlsNames {
    /// The name of a host, which may be an address with or without brackets; none for what cannot stand in a certificate.
    #[must_use]
    pub fn learn(&self, host: &str) -> Option<PeerName> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let server = ServerName::try_from(bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()).ok()?;
        let name = PeerName::of(bare);
        let mut names = self.lock();
        names.learned += 1;
        let learned = names.learned;
        if let Some(known) = names.known.get_mut(&name) {
            known.learned = learned;
            // Two hosts of one name do not happen by chance.
            return (known.host == server).then_some(name);
        }
        if names.known.len() >= MOST
            && let Some(oldest) = names.known.iter().min_by_key(|(_, known)| known.learned).map(|(name, _)| *name)
        {
            names.known.remove(&oldest);
        }
        names.known.insert(name, Known { host: server, learned, told: None });
        Some(name)
    }

    /// The host behind a name.
    #[must_use]
    pub fn of(&self, name: PeerName) -> Option<ServerName<'static>> {
        self.lock().known.get(&name).map(|known| known.host.clone())
    }

    /// The host to be named to the operator, once a minute.
    pub(in crate::net) fn complain(&self, now: Instant, name: PeerName) -> Option<String> {
        let mut names = self.lock();
        let known = names.known.get_mut(&name)?;
        if known.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD) {
            return None;
        }
        known.told = Some(now);
        Some(known.host.to_str().into_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    #[test]
    fn names_are_learned_however_they_are_written_and_not_without_bound() {
        let names = TlsNames::default();
        let name = names.learn("sip.example.org").expect("a name");
        assert_eq!(names.learn("SIP.example.org."), Some(name));
        assert_eq!(names.of(name), ServerName::try_from("sip.example.org").ok());
        assert_eq!(names.of(PeerName::NONE), None, "who connected to us has no name");
        assert_eq!(names.learn("no name at all"), None);
        let address = names.learn("[2001:db8::1]").expect("an address");
        assert!(matches!(names.of(address), Some(ServerName::IpAddress(_))));
        assert_eq!(names.learn("2001:db8::1"), Some(address));
        for number in 0..MOST + 10 {
            assert!(names.learn(&format!("host{number}.example")).is_some());
            assert_eq!(names.learn("sip.example.org"), Some(name), "what is in use stays");
        }
        assert_eq!(names.lock().known.len(), MOST);
        assert_eq!(names.of(address), None);
    }

    #[test]
    fn a_failure_is_told_once_a_minute() {
        let names = TlsNames::default();
        let name = names.learn("sip.example.org").expect("a name");
        let now = time::now().mono;
        assert_eq!(names.complain(now, name).as_deref(), Some("sip.example.org"));
        assert_eq!(names.complain(now + TOLD / 2, name), None);
        assert!(names.complain(now + TOLD, name).is_some());
    }
}
