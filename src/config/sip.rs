//! Settings of SIP: where to listen and which address to announce.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of SIP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipConfig {
    /// Sockets to listen on. Default: UDP and TCP on 127.0.0.1:5060.
    pub listeners: Vec<ListenerConfig>,
    /// Calls at the same time on this node, in and out; further incoming ones get 503. Default 500.
    pub max_calls: usize,
    /// Whether a cold transfer asks the caller's side to dial on by itself (REFER) before it is bridged here. Default yes.
    pub refer: bool,
    /// The longest two people talk after a transfer, in seconds, 60 to 86400. Default 14400, which is four hours.
    pub transferred_max_s: u32,
    /// How long registrations with carriers ask to last, in seconds, 300 to 3600; the carrier decides. Default 600.
    pub register_expires_s: u32,
}

/// One SIP socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// UDP or TCP.
    pub transport: SipTransport,
    /// Local address and port.
    pub bind: SocketAddr,
    /// Address and port that peers use to reach this socket (Via, Contact). Needed when `bind` is a wildcard or behind NAT.
    #[serde(default)]
    pub external: Option<SocketAddr>,
    /// Address announced in SDP for calls over this listener. Default: the address of `external`, else of `bind`.
    #[serde(default)]
    pub external_media: Option<IpAddr>,
}

/// Transport of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

impl ListenerConfig {
    /// Address put into Via and Contact.
    #[must_use]
    pub fn advertised(&self) -> SocketAddr {
        self.external.unwrap_or(self.bind)
    }

    /// Address put into SDP.
    #[must_use]
    pub fn advertised_media(&self) -> IpAddr {
        self.external_media.unwrap_or_else(|| self.advertised().ip())
    }
}

impl Default for SipConfig {
    fn default() -> Self {
        let bind = SocketAddr::from(([127, 0, 0, 1], 5060));
        let listener = |transport| ListenerConfig { transport, bind, external: None, external_media: None };
        Self {
            listeners: vec![listener(SipTransport::Udp), listener(SipTransport::Tcp)],
            max_calls: 500,
            refer: true,
            transferred_max_s: 14_400,
            register_expires_s: 600,
        }
    }
}

impl SipConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if self.listeners.is_empty() || self.listeners.len() > 64 {
            return invalid("sip.listeners", "1 to 64 listeners are needed");
        }
        for listener in &self.listeners {
            if listener.advertised().ip().is_unspecified() {
                let problem = format!("{} is a wildcard: say which address peers shall use", listener.bind);
                return invalid("sip.listeners.external", &problem);
            }
            if listener.advertised_media().is_unspecified() {
                return invalid("sip.listeners.external_media", "a wildcard cannot be announced in SDP");
            }
        }
        if !(1..=100_000).contains(&self.max_calls) {
            return invalid("sip.max_calls", "must be 1 to 100000");
        }
        if !(60..=86_400).contains(&self.transferred_max_s) {
            return invalid("sip.transferred_max_s", "must be 60 to 86400");
        }
        if !(300..=3600).contains(&self.register_expires_s) {
            return invalid("sip.register_expires_s", "must be 300 to 3600");
        }
        Ok(())
    }
}
