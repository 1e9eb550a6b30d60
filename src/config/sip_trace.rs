//! Settings of what is kept of SIP messages, and of who else is told.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What is kept of the SIP messages of calls. Secrets in them are never kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipTraceConfig {
    /// Whether messages are kept at all. Default yes.
    pub enabled: bool,
    /// How many days they are kept after the call, 1 to 365. Default 7.
    pub days: u32,
    /// Messages of one call, 10 to 2000: the first half and the last half of them. Default 200.
    pub max_messages: usize,
    /// Bytes of the messages of one call, 16384 to 4194304, shared in the same way. Default 131072.
    pub max_bytes: usize,
    /// A capture server that is told every message at once, by HEP3 over UDP. Default none.
    pub hep: Option<HepConfig>,
}

/// A capture server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HepConfig {
    /// Its address and UDP port.
    pub address: SocketAddr,
    /// By which number it knows us. Default 0.
    #[serde(default)]
    pub capture_id: u32,
    /// What it asks for as a password; it goes over the network as it is, as HEP3 has it. Default none.
    #[serde(default, skip_serializing)]
    pub password: Option<SecretString>,
}

impl Default for SipTraceConfig {
    fn default() -> Self {
        Self { enabled: true, days: 7, max_messages: 200, max_bytes: 128 * 1024, hep: None }
    }
}

impl SipTraceConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if !(1..=365).contains(&self.days) {
            return invalid("sip.trace.days", "must be 1 to 365; sip.trace.enabled = false keeps nothing");
        }
        if !(10..=2_000).contains(&self.max_messages) {
            return invalid("sip.trace.max_messages", "must be 10 to 2000");
        }
        if !(16_384..=4_194_304).contains(&self.max_bytes) {
            return invalid("sip.trace.max_bytes", "must be 16384 to 4194304");
        }
        let Some(hep) = &self.hep else { return Ok(()) };
        if !self.enabled {
            return invalid("sip.trace.hep", "is told what is seen: sip.trace.enabled has to be true");
        }
        if hep.address.ip().is_unspecified() || hep.address.port() == 0 {
            return invalid("sip.trace.hep.address", "must be the address and the port of the capture server");
        }
        if hep.password.as_ref().is_some_and(|password| password.expose_secret().len() > 255) {
            return invalid("sip.trace.hep.password", "must be at most 255 bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_their_range_are_named() {
        let of = |change: fn(&mut SipTraceConfig)| {
            let mut config = SipTraceConfig::default();
            change(&mut config);
            config.validate().err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(of(|_| {}), "");
        assert!(of(|config| config.days = 0).contains("sip.trace.days"));
        assert!(of(|config| config.max_messages = 9).contains("sip.trace.max_messages"));
        assert!(of(|config| config.max_bytes = 1).contains("sip.trace.max_bytes"));
        let hep = |address: &str| HepConfig {
            address: address.parse().expect("an address"),
            capture_id: 1,
            password: Some("secret".to_owned().into()),
        };
        let with = |enabled, address: &str| {
            let config = SipTraceConfig { enabled, hep: Some(hep(address)), ..SipTraceConfig::default() };
            config.validate().err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(with(true, "192.0.2.1:9060"), "");
        assert!(with(false, "192.0.2.1:9060").contains("sip.trace.enabled"));
        assert!(with(true, "0.0.0.0:9060").contains("sip.trace.hep.address"));
        assert!(!format!("{:?}", hep("192.0.2.1:9060")).contains("secret"));
        assert!(!serde_json::to_string(&hep("192.0.2.1:9060")).expect("JSON").contains("secret"));
    }
}
