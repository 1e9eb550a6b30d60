//! Settings of the REST API.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

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
    /// Time a request may take, in seconds. Default 30.
    pub request_timeout_s: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            max_body_bytes: 8 << 20,
            max_import_bytes: 64 << 20,
            request_timeout_s: 30,
        }
    }
}
