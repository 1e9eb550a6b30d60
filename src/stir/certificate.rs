//! Certificates of those who sign for callers (RFC 8226): whether they lead to a root we trust, for which numbers they
//! are, and whether a signature is theirs.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;

use super::authority::{Authority, TN_AUTH_LIST};
use super::party::Party;

/// Most certificates in one chain or one file of roots.
const MOST_CERTIFICATES: usize = 64;
/// Most certificates between the signer's and the root that are looked at.
const MOST_INTERMEDIATES: usize = 6;

/// Roots that are trusted to say who may sign for which numbers.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<TrustAnchor<'static>>);

/// Why a certificate is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// No certificate in PEM or DER.
    #[error("no certificate can be read")]
    Unreadable,
    /// It does not lead to a root we trust, or not now.
    #[error("the chain leads to no trusted root, or has expired")]
    Untrusted,
    /// Its key is not on the curve P-256.
    #[error("the key is not on the curve P-256")]
    Key,
    /// Its key is not for signatures.
    #[error("the key usage has no digital signature")]
    Usage,
    /// It does not say for which numbers it is.
    #[error("there is no TNAuthList (RFC 8226 section 9)")]
    NoAuthority,
}

/// The certificate of somebody who signs for callers, its chain checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The public key, a point on P-256 without compression.
    key: Vec<u8>,
    authority: Authority,
    /// The subject's common name, for a certificate without provider code.
    subject: String,
    /// Until when it is valid, in seconds since 1970 UTC.
    until: u64,
}

impl Roots {
    /// The roots in a file of PEM.
    ///
    /// # Errors
    /// [`BadCertificate::Unreadable`] for a file with none, or with one that is none.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), BadCertificate> {
        for der in certificates(pem)? {
            let anchor = anchor_from_trusted_cert(&der).map_err(|_| BadCertificate::Unreadable)?;
            self.0.push(anchor.to_owned());
        }
        Ok(())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, and so nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Credential {
    /// Reads a chain in PEM or a single certificate in DER, the signer's first, and checks it at a time in seconds since
    /// 1970 UTC: every signature up to a root, every validity, and that it is a certificate for telephone numbers.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn check(chain: &[u8], roots: &Roots, now: u64) -> Result<Self, BadCertificate> {
        let chain = certificates(chain)?;
        let (leaf, intermediates) = chain.split_first().ok_or(BadCertificate::Unreadable)?;
        let intermediates = &intermediates[..intermediates.len().min(MOST_INTERMEDIATES)];
        let credential = Self::read(leaf)?;
        let end_entity = EndEntityCert::try_from(leaf).map_err(|_| BadCertificate::Unreadable)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        end_entity
            .verify_for_usage(ECDSA, &roots.0, intermediates, now, AnyUsage, None, None)
            .map_err(|_| BadCertificate::Untrusted)?;
        Ok(credential)
    }

    /// Reads a certificate of our own, whose chain others check.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn own(chain: &[u8]) -> Result<Self, BadCertificate> {
        Self::read(certificates(chain)?.first().ok_or(BadCertificate::Unreadable)?)
    }

    fn read(der: &CertificateDer<'_>) -> Result<Self, BadCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| BadCertificate::Unreadable)?;
        if !rest.is_empty() {
            return Err(BadCertificate::Unreadable);
        }
        let spki = certificate.public_key();
        let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
        let point = &spki.subject_public_key.data;
        let uncompressed = point.len() == 65 && point[0] == 4;
        if spki.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) || !uncompressed {
            return Err(BadCertificate::Key);
        }
        let usage = certificate.key_usage().map_err(|_| BadCertificate::Unreadable)?;
        if usage.is_some_and(|usage| !usage.value.digital_signature()) {
            return Err(BadCertificate::Usage);
        }
        let list = certificate.get_extension_unique(&TN_AUTH_LIST).map_err(|_| BadCertificate::Unreadable)?;
        let authority = Authority::read(list.ok_or(BadCertificate::NoAuthority)?.value);
        let subject = certificate.subject().iter_common_name().find_map(|name| name.as_str().ok());
        Ok(Self {
            key: point.to_vec(),
            authority: authority.ok_or(BadCertificate::NoAuthority)?,
            subject: subject.unwrap_or_default().chars().filter(|character| !character.is_control()).take(64).collect(),
            until: u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0),
        })
    }

    /// Whether a signature, as JWS has it (RFC 7518 section 3.4), is this key's.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key).verify(message, signature).is_ok()
    }

    /// Whether it may sign for a caller. A provider's certificate may for any number, for which ones are the provider's
    /// stands nowhere in it; one for numbers may for these only, and for no address.
    #[must_use]
    pub fn covers(&self, caller: &Party) -> bool {
        self.authority.covers(caller)
    }

    /// Whose it is: the provider codes, else the subject.
    #[must_use]
    pub fn holder(&self) -> String {
        let codes = self.authority.providers().join(" ");
        if codes.is_empty() { self.subject.clone() } else { codes }
    }

    /// Until when it is valid, in seconds since 1970 UTC.
    #[must_use]
    pub const fn until(&self) -> u64 {
        self.until
    }

    /// The public key, a point on P-256 without compression.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// What certificates may be signed with: ECDSA (ATIS-1000080 section 6.4.1 asks for P-256 with SHA-256).
const ECDSA: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
];

/// RFC 8226 asks for no extended key usage, so any that is there is let pass.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        usages.try_for_each(|usage| usage.map(|_| ()))
    }
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadCertificate> {
    // A SEQUENCE of more than 127 bytes: nothing in PEM begins so.
    if let [0x30, 0x82, ..] = bytes {
        return Ok(vec![CertificateDer::from(bytes.to_vec())]);
    }
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).take(MOST_CERTIFICATES).collect();
    let all = all.map_err(|_| BadCertificate::Unreadable)?;
    if all.is_empty() { Err(BadCertificate::Unreadable) } else { Ok(all) }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
