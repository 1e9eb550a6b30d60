//! Whether a call that came in is from whom it says: what the INVITE says, held against a certificate that is fetched.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::cache::{Cache, Found};
use super::certificate::{Credential, Roots};
use super::examine::{Candidate, Examined, Facts, examine};
use super::verdict::{IdentityFault, Verdict, Voucher};

/// Longest chain of certificates that is read, in bytes.
pub const LONGEST_CHAIN: usize = 64 * 1024;
/// How long fetching one may take: a caller is waiting.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Certificates fetched at the same time, over all calls. One more is taken for unreachable, but not for long.
const FETCHES: usize = 64;
/// PASSporTs of one call whose certificates are looked at.
const MOST_CANDIDATES: usize = 2;

/// Fetches certificates.
pub trait CertificateSource: Send + Sync {
    /// What is at an https address, at most [`LONGEST_CHAIN`] bytes of it; `None` when it cannot be had. The caller
    /// gives up after [`PATIENCE`].
    fn fetch(&self, address: &str) -> Fetching;
}

/// A certificate on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Option<Fetched>> + Send>>;

/// A certificate that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The chain, as it was sent.
    pub chain: Vec<u8>,
    /// How long its server says it may be kept.
    pub max_age: Option<Duration>,
}

/// Checks who vouches for callers.
pub struct Verifier {
    source: Arc<dyn CertificateSource>,
    patience: Duration,
    roots: RwLock<Arc<Roots>>,
    cache: Mutex<Cache>,
    /// Those on their way, by address: calls that want the same one wait for it together.
    fetching: Mutex<BTreeMap<String, Flight>>,
}

type Flight = Arc<OnceCell<Found>>;

impl Verifier {
    /// One that trusts nobody yet.
    #[must_use]
    pub fn new(source: Arc<dyn CertificateSource>) -> Self {
        Self {
            source,
            patience: PATIENCE,
            roots: RwLock::default(),
            cache: Mutex::default(),
            fetching: Mutex::default(),
        }
    }

    /// Whom to trust from now on. What was found under other roots is forgotten.
    pub fn set_roots(&self, roots: Roots) {
        let mut current = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(roots);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether anybody is trusted.
    #[must_use]
    pub fn trusts_anybody(&self) -> bool {
        !self.roots().is_empty()
    }

    /// Looks at a call, at a time in seconds since 1970 UTC. Takes [`PATIENCE`] for each of two certificates at most.
    pub async fn verify(&self, facts: &Facts, now: u64) -> Verdict {
        let candidates = match examine(facts, now) {
            Examined::Absent => return Verdict::Absent,
            Examined::Failed(fault) => return Verdict::Failed(fault),
            Examined::Candidates(candidates) => candidates,
        };
        let mut first = None;
        for candidate in candidates.iter().take(MOST_CANDIDATES) {
            let credential = self.credential(&candidate.passport.certificate, now).await;
            match credential.and_then(|credential| judge(candidate, &credential)) {
                Ok(voucher) => return Verdict::Verified(voucher),
                Err(fault) => first = first.or(Some(fault)),
            }
        }
        Verdict::Failed(first.unwrap_or(IdentityFault::Malformed))
    }

    /// The certificate at an address, its chain checked.
    async fn credential(&self, address: &str, now: u64) -> Found {
        let roots = self.roots();
        if roots.is_empty() {
            return Err(IdentityFault::CertificateUntrusted);
        }
        if let Some(found) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(address, now) {
            return found;
        }
        let Some(landing) = self.depart(address) else { return Err(IdentityFault::CertificateUnreachable) };
        landing.flight.get_or_init(|| self.fetch(address, &roots, now)).await.clone()
    }

    /// Joins whoever fetches an address, or begins; `None` when too many are being fetched.
    fn depart<'a>(&'a self, address: &'a str) -> Option<Landing<'a>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if fetching.len() >= FETCHES && !fetching.contains_key(address) {
            return None;
        }
        let flight = Arc::clone(fetching.entry(address.to_owned()).or_default());
        Some(Landing { verifier: self, address, flight })
    }

    async fn fetch(&self, address: &str, roots: &Arc<Roots>, now: u64) -> Found {
        let fetched = tokio::time::timeout(self.patience, self.source.fetch(address)).await;
        let (found, max_age) = match fetched {
            Ok(Some(Fetched { chain, max_age })) => {
                let checked = Credential::check(&chain, roots, now).map(Arc::new);
                (checked.map_err(|_| IdentityFault::CertificateUntrusted), max_age)
            }
            Ok(None) | Err(_) => (Err(IdentityFault::CertificateUnreachable), None),
        };
        // Held until it is kept, so that roots which are set now cannot be followed by what others said.
        let current = self.roots.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, roots) {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.put(address, found.clone(), max_age, now);
        }
        found
    }

    fn roots(&self) -> Arc<Roots> {
        Arc::clone(&self.roots.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes room when a fetch is over, or given up.
struct Landing<'a> {
    verifier: &'a Verifier,
    address: &'a str,
    flight: Flight,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut fetching = self.verifier.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if fetching.get(self.address).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            fetching.remove(self.address);
        }
    }
}

/// Whether a PASSporT is signed by a certificate that may sign for its caller.
fn judge(candidate: &Candidate, credential: &Credential) -> Result<Voucher, IdentityFault> {
    let claims = &candidate.passport.claims;
    if !credential.has_signed(&candidate.signed, &candidate.signature) {
        return Err(IdentityFault::Signature);
    }
    if !credential.covers(&claims.orig) {
        return Err(IdentityFault::NumberNotCovered);
    }
    Ok(Voucher {
        attestation: claims.shaken.as_ref().map(|shaken| shaken.attest),
        origid: claims.shaken.as_ref().map(|shaken| shaken.origid.clone()),
        signer: credential.holder(),
    })
}

#[cfg(test)]
mod tests;
