//! The certificate with which this node proves to browsers that it is who signed the answer.

use std::fmt::Write as _;
use std::sync::Arc;

use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_dtls::crypto::Certificate;
use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate, as descriptions show it (RFC 8122).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Reads pairs of hexadecimal digits with colons between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2)?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// No certificate can be made.
#[derive(Debug, thiserror::Error)]
#[error("no certificate for browsers can be made: {0}")]
pub struct NoIdentity(String);

/// A certificate that nobody has signed but ourselves, made at each start: what vouches for it is the answer, which comes over
/// HTTPS.
#[derive(Clone)]
pub struct Identity {
    pub(super) crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) certificate: Certificate,
    fingerprint: Fingerprint,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

impl Identity {
    /// A fresh one, with a key on the curve P-256.
    ///
    /// # Errors
    /// The crypto library has no entropy.
    pub fn generate() -> Result<Self, NoIdentity> {
        let fault = |error: &dyn std::fmt::Display| NoIdentity(error.to_string());
        let crypto = default_provider().map_err(|error| fault(&error))?;
        let certificate = Certificate::generate_self_signed(vec!["callwright".to_owned()], crypto.crypto());
        let certificate = certificate.map_err(|error| fault(&error))?;
        let der = certificate.certificate.first().ok_or_else(|| NoIdentity("it is empty".to_owned()))?;
        let fingerprint = Fingerprint::of(der);
        Ok(Self { crypto, certificate, fingerprint })
    }

    /// What the answer shows of it.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_nothing_else_is() {
        let fingerprint = Fingerprint::of(b"a certificate");
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 32 * 3 - 1);
        assert_eq!(Fingerprint::parse(&text), Some(fingerprint));
        assert_eq!(Fingerprint::parse(&text.to_lowercase()), Some(fingerprint));
        let longer = format!("{text}:00");
        for wrong in ["", &text[3..], longer.as_str(), &text.replace(':', ""), &text.replacen(char::is_numeric, "x", 1)]
        {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_identity_is_another_one() {
        let (one, two) = (Identity::generate().expect("entropy"), Identity::generate().expect("entropy"));
        assert_ne!(one.fingerprint(), two.fingerprint());
    }
}
