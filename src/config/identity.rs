//! Settings of STIR/SHAKEN: with which key we vouch for callers, and whom we trust to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ConfigError;

/// Settings of signed caller identity. Without `key` no call is signed, without `roots` nobody is trusted. The files are
/// read again when they change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// The private key that calls are signed with: a file in PEM, on the curve P-256. Default: none.
    pub key: Option<PathBuf>,
    /// The certificates that are served at `certificate_url`: a file in PEM, the key's own first. Default: none.
    pub certificate: Option<PathBuf>,
    /// Where everybody finds these certificates: an https address. Default: none.
    pub certificate_url: Option<String>,
    /// By which name a call of ours is found again. Default: one for each organisation that says nothing about it.
    pub origid: Option<Uuid>,
    /// A folder with the roots that are trusted to say who may sign: files in PEM that end in `.pem`. Default: none.
    pub roots: Option<PathBuf>,
}

impl IdentityConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        let signing = [self.key.is_some(), self.certificate.is_some(), self.certificate_url.is_some()];
        if signing.contains(&true) && signing.contains(&false) {
            return invalid("sip.identity", "key, certificate and certificate_url are needed together");
        }
        if let Some(address) = &self.certificate_url {
            let usable = address.len() <= 1024 && reqwest::Url::parse(address).is_ok_and(|url| url.scheme() == "https");
            let plain = address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
            if !usable || !plain {
                let problem = "must be an address of at most 1024 bytes that begins with https://";
                return invalid("sip.identity.certificate_url", problem);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(address: &str) -> IdentityConfig {
        IdentityConfig {
            key: Some("k".into()),
            certificate: Some("c".into()),
            certificate_url: Some(address.into()),
            ..IdentityConfig::default()
        }
    }

    #[test]
    fn all_that_signing_needs_stands_together() {
        assert!(IdentityConfig::default().validate().is_ok());
        assert!(with("https://certs.example.com/1234.pem").validate().is_ok());
        let half = IdentityConfig { certificate: None, ..with("https://certs.example.com/1234.pem") };
        let error = half.validate().expect_err("a certificate is missing").to_string();
        assert!(error.contains("sip.identity") && error.contains("together"), "{error}");
    }

    #[test]
    fn certificates_are_served_over_https() {
        for address in ["http://certs.example.com/", "certs.example.com", "https://", "https://a/<b>", "https://a/b c"]
        {
            let error = with(address).validate().expect_err(address).to_string();
            assert!(error.contains("sip.identity.certificate_url"), "{error}");
        }
    }
}
