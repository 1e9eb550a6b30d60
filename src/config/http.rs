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
    /// Largest file with contacts or cases that is uploaded to be imported in the background, in bytes. Default 200 MiB.
    pub max_upload_bytes: u64,
    /// Time a request may take, in seconds. Default 30.
    pub request_timeout_s: u64,
    /// Readers of the stream of events at one time on this server; more are answered with 503. Default 200.
    pub event_readers: usize,
    /// Seconds after which a reader that takes no event is let go. Default 10.
    pub event_reader_slow_s: u64,
    /// Seconds between two looks whether the key of a reader is still in force. Default 15.
    pub event_reader_check_s: u64,
    /// Listeners to live calls at one time on this server; more are answered with 503. Readers' patience and checks of
    /// keys are theirs, too. Default 200.
    pub call_listeners: usize,
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
        }
    }
}
