//! Settings of sessions with browsers.

use std::net::IpAddr;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Settings of sessions with browsers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebRtcConfig {
    /// Address that their sockets bind to. Default 127.0.0.1.
    pub bind: IpAddr,
    /// The address that browsers reach this server at, told them as the one candidate: the public one behind NAT. Default: `bind`,
    /// which then has to be one address and no wildcard.
    pub announced: Option<IpAddr>,
    /// Lowest UDP port; even. Default 40000.
    pub port_min: u16,
    /// Highest UDP port. Default 44998.
    pub port_max: u16,
    /// Sessions at one time on this server; more are answered with 503. Default 200.
    pub max_sessions: usize,
    /// Seconds that a browser has to connect after its offer was answered. Default 20.
    pub connect_s: u32,
    /// Seconds after which a browser that shows no sign of life is gone. Default 15.
    pub gone_s: u32,
    /// STUN and TURN servers that browsers are told of, in the header `Link` of each answer.
    pub ice_servers: Vec<IceServer>,
}

/// A server that browsers find a way with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`, or the same with `stuns` and `turns`.
    pub url: String,
    /// Whom TURN asks for.
    #[serde(default)]
    pub username: Option<String>,
    /// With which password. Every browser that may begin a session gets to see it.
    #[serde(default, skip_serializing)]
    pub credential: Option<SecretString>,
}

impl Default for WebRtcConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            announced: None,
            port_min: 40_000,
            port_max: 44_998,
            max_sessions: 200,
            connect_s: 20,
            gone_s: 15,
            ice_servers: Vec::new(),
        }
    }
}

impl WebRtcConfig {
    /// The address that browsers are told.
    #[must_use]
    pub fn candidate(&self) -> IpAddr {
        self.announced.unwrap_or(self.bind)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field, problem: &str| Err(ConfigError::Invalid { field, problem: problem.to_owned() });
        if self.candidate().is_unspecified() {
            return invalid(
                "webrtc.announced",
                "must be the address that browsers reach, because webrtc.bind is a wildcard",
            );
        }
        if self.port_min < 1024 || !self.port_min.is_multiple_of(2) {
            return invalid("webrtc.port_min", "must be even and at least 1024");
        }
        if self.port_max <= self.port_min {
            return invalid("webrtc.port_max", "must be above webrtc.port_min");
        }
        if !(1..=10_000).contains(&self.max_sessions) {
            return invalid("webrtc.max_sessions", "must be 1 to 10000");
        }
        if !(2..=120).contains(&self.connect_s) {
            return invalid("webrtc.connect_s", "must be 2 to 120 seconds");
        }
        if !(6..=120).contains(&self.gone_s) {
            return invalid(
                "webrtc.gone_s",
                "must be 6 to 120 seconds: browsers show a sign of life about every three",
            );
        }
        let known = |server: &IceServer| {
            let schemes = ["stun:", "stuns:", "turn:", "turns:"];
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\,;".contains(&byte));
            schemes.iter().any(|scheme| server.url.starts_with(scheme)) && plain(&server.url)
        };
        if !self.ice_servers.iter().all(known) {
            return invalid("webrtc.ice_servers", "each url must begin with stun:, stuns:, turn: or turns:");
        }
        Ok(())
    }
}
