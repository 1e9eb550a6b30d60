//! Settings of SIP: where to listen and which address to announce.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, IdentityConfig, SipGuardConfig, SipTraceConfig};

/// Settings of SIP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipConfig {
    /// Sockets to listen on. Default: UDP and TCP on 127.0.0.1:5060, TLS on 127.0.0.1:5061.
    pub listeners: Vec<ListenerConfig>,
    /// Certificates. Without one of ours calls can leave by TLS, and nobody can connect to us by it.
    pub tls: TlsFiles,
    /// What is asked of those who open websockets.
    pub websocket: WebsocketConfig,
    /// Calls at the same time on this node, in and out; further incoming ones get 503. Default 500.
    pub max_calls: usize,
    /// Whether a cold transfer asks the caller's side to dial on by itself (REFER) before it is bridged here. Default yes.
    pub refer: bool,
    /// The longest two people talk after a transfer, in seconds, 60 to 86400. Default 14400, which is four hours.
    pub transferred_max_s: u32,
    /// How long registrations with carriers ask to last, in seconds, 300 to 3600; the carrier decides. Default 600.
    pub register_expires_s: u32,
    /// Name servers that hosts of trunks are looked up at, such as `["192.0.2.53:53"]`; 8 at most. Default: none, which is
    /// those of the system.
    pub dns: Vec<SocketAddr>,
    /// Signed caller identity.
    pub identity: IdentityConfig,
    /// What keeps strangers and too many calls at bay.
    pub guard: SipGuardConfig,
    /// What is kept of the messages of calls.
    pub trace: SipTraceConfig,
}

/// Files in PEM. A change counts within half a minute, for connections made from then on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// Our certificate and what leads from it to an authority; shown to who connects, and to carriers that ask.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// Authorities to trust beside the public ones, for the certificates of carriers.
    pub trusted: Option<PathBuf>,
    /// Authorities of those who may connect to us by TLS: without a certificate from one of them nobody does.
    pub client_trusted: Option<PathBuf>,
    /// Whether a carrier's certificate for `*.carrier.example` proves `sip.carrier.example`. RFC 5922 section 7.2 forbids it;
    /// some carriers have no other certificate. Default no.
    pub wildcards: bool,
}

/// What is asked of those who open websockets, over listeners `ws` and `wss`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebsocketConfig {
    /// The path that is asked for, whatever its query. Default `/`.
    pub path: String,
    /// Where the pages of browsers may come from, such as `["https://phone.example.org"]`; 64 at most. Default: none, which is
    /// from anywhere. Who is no browser says nothing of it and is let in either way.
    pub origins: Vec<String>,
}

impl Default for WebsocketConfig {
    fn default() -> Self {
        Self { path: "/".to_owned(), origins: Vec::new() }
    }
}

impl WebsocketConfig {
    /// Whether pages of this origin are let in.
    #[must_use]
    pub fn lets_in(&self, origin: &[u8]) -> bool {
        self.origins.is_empty() || self.origins.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin))
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: String| Err(ConfigError::Invalid { field, problem });
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.path.starts_with('/') || self.path.contains(['?', '#']) || !visible(&self.path) {
            let problem = format!("{:?} is no path: begin it with / and leave out queries and spaces", self.path);
            return invalid("sip.websocket.path", problem);
        }
        if self.origins.len() > 64 {
            return invalid("sip.websocket.origins", "64 origins at most".to_owned());
        }
        let is_origin = |origin: &str| {
            let host = origin.split_once("://").map(|(_, host)| host);
            visible(origin) && host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#']))
        };
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            let problem =
                format!("{origin:?} is no origin: write scheme and host alone, such as https://phone.example.org");
            return invalid("sip.websocket.origins", problem);
        }
        Ok(())
    }
}

/// One SIP socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// UDP, TCP, TLS, or websockets without and with TLS.
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
    /// Encrypted streams.
    Tls,
    /// Websockets that others open.
    Ws,
    /// The same over TLS. They need a certificate of ours.
    Wss,
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
        let listener = |transport, port| ListenerConfig {
            transport,
            bind: SocketAddr::from(([127, 0, 0, 1], port)),
            external: None,
            external_media: None,
        };
        Self {
            listeners: vec![
                listener(SipTransport::Udp, 5060),
                listener(SipTransport::Tcp, 5060),
                listener(SipTransport::Tls, 5061),
            ],
            tls: TlsFiles::default(),
            websocket: WebsocketConfig::default(),
            max_calls: 500,
            refer: true,
            transferred_max_s: 14_400,
            register_expires_s: 600,
            dns: Vec::new(),
            identity: IdentityConfig::default(),
            guard: SipGuardConfig::default(),
            trace: SipTraceConfig::default(),
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
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return invalid("sip.tls", "sip.tls.certificate and sip.tls.key are needed together: set both or none");
        }
        if self.tls.client_trusted.is_some() && self.tls.certificate.is_none() {
            return invalid(
                "sip.tls.client_trusted",
                "nobody can connect without a certificate of ours: set sip.tls.certificate and sip.tls.key",
            );
        }
        self.websocket.validate()?;
        if !(1..=100_000).contains(&self.max_calls) {
            return invalid("sip.max_calls", "must be 1 to 100000");
        }
        if !(60..=86_400).contains(&self.transferred_max_s) {
            return invalid("sip.transferred_max_s", "must be 60 to 86400");
        }
        if !(300..=3600).contains(&self.register_expires_s) {
            return invalid("sip.register_expires_s", "must be 300 to 3600");
        }
        self.guard.validate()?;
        self.trace.validate()?;
        if self.dns.len() > 8 || self.dns.iter().any(|server| server.port() == 0 || server.ip().is_unspecified()) {
            return invalid("sip.dns", "name up to 8 servers, each by its address and port, such as 192.0.2.53:53");
        }
        self.identity.validate()
    }
}
