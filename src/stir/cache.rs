//! Certificates that were fetched, and those that could not be, for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::certificate::Credential;
use super::verdict::IdentityFault;

/// Certificates kept at most. When one more comes, the one whose time is up first goes.
const CAPACITY: usize = 1_000;
/// How long a certificate is kept if its server does not say.
const USUAL: Duration = Duration::from_secs(60 * 60);
/// How long it is kept at least, whatever its server says: one server shall not make us ask for every call.
const LEAST: Duration = Duration::from_secs(60);
/// How long it is kept at most: by then one that was replaced or withdrawn shows.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a failure is kept.
const FAILURE: Duration = Duration::from_secs(60);

/// What is at an address.
pub(super) type Found = Result<Arc<Credential>, IdentityFault>;

/// Certificates by address. Times are seconds since 1970 UTC.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    found: Found,
    until: u64,
}

impl Cache {
    /// What is at an address, if that is still known.
    #[must_use]
    pub(super) fn get(&self, address: &str, now: u64) -> Option<Found> {
        self.entries.get(address).filter(|entry| entry.until > now).map(|entry| entry.found.clone())
    }

    /// Keeps what was found, a certificate for `max_age` within the bounds above and not beyond its own validity.
    pub(super) fn put(&mut self, address: &str, found: Found, max_age: Option<Duration>, now: u64) {
        let until = match &found {
            Ok(credential) => {
                let age = max_age.unwrap_or(USUAL).clamp(LEAST, MOST);
                now.saturating_add(age.as_secs()).min(credential.until())
            }
            Err(_) => now.saturating_add(FAILURE.as_secs()),
        };
        if self.entries.len() >= CAPACITY && !self.entries.contains_key(address) {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.until).map(|(address, _)| address.clone());
            first.map(|address| self.entries.remove(&address));
        }
        self.entries.insert(address.to_owned(), Entry { found, until });
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stir::certificate::testing::{NOW, Wanted};

    fn credential() -> Found {
        let chain = Wanted::default().make();
        Ok(Arc::new(Credential::check(chain.pem.as_bytes(), &chain.roots(), NOW).expect("good")))
    }

    #[test]
    fn certificates_are_kept_as_long_as_their_server_says_within_bounds() {
        let credential = credential();
        for (max_age, kept) in [(None, 3_600), (Some(0), 60), (Some(300), 300), (Some(u64::MAX), 86_400)] {
            let mut cache = Cache::default();
            cache.put("a", credential.clone(), max_age.map(Duration::from_secs), NOW);
            assert_eq!(cache.get("a", NOW + kept - 1), Some(credential.clone()), "{max_age:?}");
            assert_eq!(cache.get("a", NOW + kept), None, "{max_age:?}");
        }
        let until = credential.as_ref().expect("a certificate").until();
        let mut cache = Cache::default();
        cache.put("a", credential.clone(), None, until - 5);
        assert_eq!(cache.get("a", until), None, "not beyond its validity");
        assert!(cache.get("a", until - 1).is_some());
    }

    #[test]
    fn failures_are_kept_for_a_minute() {
        let mut cache = Cache::default();
        let failure = Err(IdentityFault::CertificateUnreachable);
        cache.put("a", failure.clone(), Some(Duration::from_secs(9_999)), NOW);
        assert_eq!(cache.get("a", NOW + 59), Some(failure));
        assert_eq!(cache.get("a", NOW + 60), None);
        assert_eq!(cache.get("b", NOW), None);
    }

    #[test]
    fn it_is_bounded() {
        let mut cache = Cache::default();
        for number in 0..2_000 {
            cache.put(&number.to_string(), Err(IdentityFault::CertificateUnreachable), None, NOW + number);
        }
        assert_eq!(cache.entries.len(), CAPACITY);
        assert!(cache.get("1999", NOW + 1_999).is_some(), "the latest are kept");
        assert!(!cache.entries.contains_key("999"), "the first to end have gone");
        cache.put("1999", Err(IdentityFault::CertificateUntrusted), None, NOW);
        assert_eq!(cache.entries.len(), CAPACITY, "one that is there takes no room");
        cache.clear();
        assert!(cache.get("1999", NOW).is_none());
    }
}
