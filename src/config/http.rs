//! Settings of the REST API.

use std::net::{IpAddr, SocketAddr};

use callwright_sip::guard::{Networks, parse_net};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of the REST API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address to listen on. Default `127.0.0.1:8480`; put a TLS proxy before it when it leaves the machine.
    pub listen: SocketAddr,
    /// Largest request body in bytes. Default 8 MiB; a CSV import has its own limit.
    pub max_body_bytes: usize,
    /// Largest CSV import in bytes. Default 64 MiB.
    pub max_import_bytes: usize,
    /// Largest file with contacts or cases that is uploaded to be imported in the background, in bytes. Default 200 MiB.
    pub max_upload_bytes: u64,
    /// Time a request may take, in seconds. Default 30.
    pub request_timeout_s: u64,
    /// Readers of the stream of events at one time on this server; more are answered with 503. Default 200.
    pub event_readers: usize,
    /// Seconds after which a reader that takes no event is let go. Default 10.
    pub event_reader_slow_s: u64,
    /// Seconds between two looks whether the key or session of a reader is still in force. Default 15.
    pub event_reader_check_s: u64,
    /// Listeners to live calls at one time on this server; more are answered with 503. Readers' patience and checks of
    /// keys are theirs, too. Default 200.
    pub call_listeners: usize,
    /// Addresses and networks of proxies before this server: what they say about who asks, and how, in `X-Forwarded-For`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` is believed. Default: this machine.
    pub trusted_proxies: Vec<String>,
}

impl HttpConfig {
    /// Whether what this address says of others is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let mut networks = Networks::default();
        self.trusted_proxies.iter().filter_map(|text| parse_net(text)).for_each(|net| networks.add_net(net));
        networks.contains(address)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        match self.trusted_proxies.iter().find(|text| parse_net(text).is_none()) {
            None => Ok(()),
            Some(text) => Err(ConfigError::Invalid {
                field: "http.trusted_proxies",
                problem: format!("`{text}` is neither an address such as 192.0.2.1 nor a network such as 192.0.2.0/24"),
            }),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            max_body_bytes: 8 << 20,
            max_import_bytes: 64 << 20,
            max_upload_bytes: 200 << 20,
            request_timeout_s: 30,
            event_readers: 200,
            event_reader_slow_s: 10,
            event_reader_check_s: 15,
            call_listeners: 200,
            trusted_proxies: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
        }
    }
}
