//! What this server needs to vouch and to check who vouches, loaded from files and again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use callwright_sip::endpoint::Invite;
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Headers, Uri};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::certificate::{BadCertificate, Roots};
use super::examine::Facts;
use super::signer::{BadSigner, Signer, Unsigned, Vouching};
use super::verdict::{IdentityPolicy, Verdict};
use super::verifier::{CertificateSource, Verifier};
use crate::campaign::phone::E164;
use crate::config::IdentityConfig;
use crate::id::OrgId;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// Longest file that is read, in bytes.
const LONGEST_FILE: u64 = 1024 * 1024;
/// Most files of roots.
const MOST_ROOTS: usize = 256;

/// Vouches for callers of ours, and checks who vouches for those of others.
pub struct IdentityService {
    config: IdentityConfig,
    signer: RwLock<Option<Arc<Signer>>>,
    verifier: Verifier,
    /// Hashes of the files as they were last read, whether they could be used or not.
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    signer: Option<[u8; 32]>,
    roots: Option<[u8; 32]>,
}

/// The files cannot be used: the operator's fault, told with the field.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file or folder cannot be read.
    #[error("{field}: {path} cannot be read: {source}")]
    Unreadable {
        /// Dotted path of the field.
        field: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder of roots has no file, or too many.
    #[error("sip.identity.roots: {0} needs 1 to {MOST_ROOTS} files that end in .pem")]
    Roots(PathBuf),
    /// A file of roots is none.
    #[error("sip.identity.roots: {path}: {why}")]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        why: BadCertificate,
    },
    /// Key and certificate cannot vouch.
    #[error("sip.identity.key and sip.identity.certificate: {0}")]
    Signer(#[from] BadSigner),
}

impl IdentityService {
    /// Loads what is configured; nobody is vouched for without key, and nobody is trusted without roots.
    ///
    /// # Errors
    /// [`IdentityError`] names the field and the file.
    pub fn load(config: IdentityConfig, source: Arc<dyn CertificateSource>) -> Result<Self, IdentityError> {
        let service =
            Self { config, signer: RwLock::default(), verifier: Verifier::new(source), seen: Mutex::default() };
        service.reload_signer()?;
        service.reload_roots()?;
        Ok(service)
    }

    /// Looks at the files now and then until the server stops. A file that became unusable changes nothing but the log.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        if self.config.key.is_none() && self.config.roots.is_none() {
            return;
        }
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let service = Arc::clone(&self);
            let reloading = tokio::task::spawn_blocking(move || [service.reload_signer(), service.reload_roots()]);
            for reloaded in reloading.await.into_iter().flatten() {
                match reloaded {
                    Ok(false) => {}
                    Ok(true) => tracing::info!("files of sip.identity were read again"),
                    Err(error) => {
                        tracing::error!(%error, "files of sip.identity changed and cannot be used; the old ones stay")
                    }
                }
            }
        }
    }

    /// Puts Identity and Date into an INVITE at a time in seconds since 1970 UTC, if a key is configured. The numbers are
    /// signed in E.164, whatever the trunk wants to read in the INVITE (RFC 8224 section 8.3). `secret` is this
    /// installation's: the name that a call is found again by follows from it and from whose call it is. Tells whether it
    /// did.
    pub fn vouch(&self, invite: &mut Invite, vouching: &Vouching, org: OrgId, secret: &[u8; 32], now: u64) -> bool {
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(signer) = signer else { return false };
        let origid = self.config.origid.unwrap_or_else(|| origid(secret, org)).to_string();
        let (from, to) = (number(&vouching.caller), number(&vouching.callee));
        let mut signed = Headers::default();
        match signer.vouch(&mut signed, (&from, &to), (vouching.level, &origid), now) {
            Ok(()) => {
                invite.headers.remove(&HeaderName::Identity);
                invite.headers.remove(&HeaderName::Date);
                invite.headers.extend(&signed);
                true
            }
            Err(Unsigned::NoCaller | Unsigned::NoCallee) => false,
            Err(why @ (Unsigned::Expired | Unsigned::Failed)) => {
                tracing::error!(%why, "an INVITE leaves without Identity: look at sip.identity.certificate");
                false
            }
        }
    }

    /// Looks at a call that came in, at a time in seconds since 1970 UTC. `None` where nobody looks: the policy is off,
    /// or records only and nobody is trusted.
    pub async fn check(&self, facts: &Facts, policy: IdentityPolicy, now: u64) -> Option<Verdict> {
        let looks = match policy {
            IdentityPolicy::Off => false,
            IdentityPolicy::Record => self.verifier.trusts_anybody(),
            IdentityPolicy::Require => true,
        };
        if looks { Some(self.verifier.verify(facts, now).await) } else { None }
    }

    /// Reads key and certificate if they changed; tells whether they did.
    fn reload_signer(&self) -> Result<bool, IdentityError> {
        let IdentityConfig { key, certificate, certificate_url, .. } = &self.config;
        let (Some(key), Some(certificate), Some(address)) = (key, certificate, certificate_url) else {
            return Ok(false);
        };
        let key = read("sip.identity.key", key)?;
        let certificate = read("sip.identity.certificate", certificate)?;
        if !self.is_news(|seen| &mut seen.signer, &[&key, &certificate]) {
            return Ok(false);
        }
        let signer = Signer::new(&key, &certificate, address)?;
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signer));
        Ok(true)
    }

    /// Reads the roots if they changed; tells whether they did.
    fn reload_roots(&self) -> Result<bool, IdentityError> {
        let Some(folder) = &self.config.roots else { return Ok(false) };
        let files = roots_in(folder)?;
        let bytes: Vec<&[u8]> = files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        if !self.is_news(|seen| &mut seen.roots, &bytes) {
            return Ok(false);
        }
        let mut roots = Roots::default();
        for (path, bytes) in &files {
            roots.add_pem(bytes).map_err(|why| IdentityError::Root { path: path.clone(), why })?;
        }
        self.verifier.set_roots(roots);
        Ok(true)
    }

    /// Whether these files were not read before.
    fn is_news(&self, slot: impl FnOnce(&mut Seen) -> &mut Option<[u8; 32]>, files: &[&[u8]]) -> bool {
        let mut hash = Sha256::new();
        for file in files {
            hash.update((file.len() as u64).to_be_bytes());
            hash.update(file);
        }
        let hash = Some(hash.finalize().into());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(slot(&mut seen), hash) != hash
    }
}

/// A number that a signature speaks of.
fn number(number: &E164) -> NameAddr {
    NameAddr::new(Uri::parse(format!("tel:{number}").as_bytes()).expect("a plus and digits are a tel URI"))
}

/// Seconds since 1970 UTC; 0 before.
#[must_use]
pub fn unix(now: crate::time::Now) -> u64 {
    u64::try_from(now.wall.as_second()).unwrap_or(0)
}

/// By which name a call of an organisation is found again: opaque, the same for all of its calls, and known to this
/// installation only (RFC 8588 section 5).
fn origid(secret: &[u8; 32], org: OrgId) -> Uuid {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"origid");
    mac.update(org.as_bytes());
    let hash = mac.finalize().into_bytes();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn read(field: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    use std::io::Read as _;
    let unreadable = |source| IdentityError::Unreadable { field, path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// The files of a folder that end in `.pem`, in the order of their names.
fn roots_in(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, IdentityError> {
    const FIELD: &str = "sip.identity.roots";
    let unreadable = |source| IdentityError::Unreadable { field: FIELD, path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pem")) {
            paths.push(path);
        }
        if paths.len() > MOST_ROOTS {
            return Err(IdentityError::Roots(folder.to_owned()));
        }
    }
    if paths.is_empty() {
        return Err(IdentityError::Roots(folder.to_owned()));
    }
    paths.sort();
    paths.into_iter().map(|path| read(FIELD, &path).map(|bytes| (path, bytes))).collect()
}

#[cfg(test)]
mod tests;
