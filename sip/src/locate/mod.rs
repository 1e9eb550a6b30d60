//! Where a SIP URI leads (RFC 3263): from a name to addresses, by questions to the DNS that somebody else asks.
//!
//! A [`Locator`] keeps any number of targets. It says what it wants to know ([`Locator::poll_question`]), takes answers
//! ([`Locator::handle_answer`]), asks again when they grow old, and tells when a target leads somewhere else
//! ([`Locator::poll_event`]). [`Locator::candidates`] lists the servers of a target in the order in which they are to be
//! tried; a [`Hunt`] goes through them as they fail. It reads no clock and opens no socket.

mod cache;
mod hunt;
mod locator;
mod order;
mod walk;

pub use hunt::{Hunt, Trouble};
pub use locator::{Families, Locator, LocatorConfig, LocatorEvent, TargetId};

use crate::endpoint::Transport;
use crate::message::{Host, Scheme, Uri};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What carries SIP to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream over TLS.
    Tls,
}

impl Protocol {
    /// The transport of an endpoint that this is; none for TLS, which the shell puts around a stream.
    #[must_use]
    pub fn transport(self) -> Option<Transport> {
        match self {
            Self::Udp => Some(Transport::Udp),
            Self::Tcp => Some(Transport::Tcp),
            Self::Tls => None,
        }
    }

    /// The port where none is written (RFC 3261 section 19.1.2).
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// What stands before a domain in the name of its SRV records (RFC 3263 section 4.1).
    fn service(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp.",
            Self::Tcp => "_sip._tcp.",
            Self::Tls => "_sips._tcp.",
        }
    }

    /// The protocol of a NAPTR service (RFC 3263 section 4.1); none for those that are not known here.
    fn of_service(service: &str) -> Option<Self> {
        match service.to_ascii_lowercase().as_str() {
            "sip+d2u" => Some(Self::Udp),
            "sip+d2t" => Some(Self::Tcp),
            "sips+d2t" => Some(Self::Tls),
            _other => None,
        }
    }
}

/// Whom to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Nothing but TLS will do.
    secure: bool,
    host: Host,
    port: Option<u16>,
    protocol: Option<Protocol>,
}

impl Target {
    /// The target of a URI: its `maddr` or else its host, its port, its `transport`. `configured` is the transport that
    /// a trunk is set to, which counts more than the one in the URI.
    ///
    /// # Errors
    /// [`LocateError::Scheme`], [`LocateError::Host`], or [`LocateError::Transport`] where the transport is not known or a
    /// `sips` URI asks for UDP.
    pub fn of_uri(uri: &Uri, configured: Option<Protocol>) -> Result<Self, LocateError> {
        let secure = match uri.scheme {
            Scheme::Sip => false,
            Scheme::Sips => true,
            Scheme::Tel | Scheme::Other(_) => return Err(LocateError::Scheme),
        };
        let host = match uri.params.value("maddr") {
            Some(maddr) => Host::parse(maddr).map_err(|_| LocateError::Host)?,
            None => uri.host.clone(),
        };
        let written = match uri.params.value("transport").map(<[u8]>::to_ascii_lowercase).as_deref() {
            None => None,
            Some(b"udp") => Some(Protocol::Udp),
            Some(b"tcp") => Some(Protocol::Tcp),
            Some(b"tls") => Some(Protocol::Tls),
            Some(_) => return Err(LocateError::Transport),
        };
        let protocol = match (secure, configured.or(written)) {
            // RFC 3261 26.2.2: in a sips URI `tcp` means TLS over TCP.
            (true, Some(Protocol::Tcp)) => Some(Protocol::Tls),
            (true, Some(Protocol::Udp)) => return Err(LocateError::Transport),
            (_, protocol) => protocol,
        };
        let host = match host {
            Host::Name(name) => Host::Name(read_name(&name).ok_or(LocateError::Host)?),
            Host::V4(_) | Host::V6(_) => host,
            Host::Absent => return Err(LocateError::Host),
        };
        Ok(Self { secure, host, port: uri.port, protocol })
    }
}

/// A question to the DNS. Names are in lower case, without the root's dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// NAPTR records of a name (RFC 3403).
    Naptr(String),
    /// SRV records of a name (RFC 2782).
    Srv(String),
    /// IPv4 addresses of a name.
    A(String),
    /// IPv6 addresses of a name.
    Aaaa(String),
}

/// What the DNS said. Records beyond the first 64 are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>, Duration),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>, Duration),
    /// To [`Question::A`] and [`Question::Aaaa`]; the resolver follows CNAME by itself.
    Addresses(Vec<IpAddr>, Duration),
    /// The name does not exist, or has no such records, for as long as its zone says (RFC 2308).
    Nothing(Duration),
    /// Nobody answered, or not usably.
    Failed,
}

/// A NAPTR record (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones count alone.
    pub order: u16,
    /// Lower ones come first within an order.
    pub preference: u16,
    /// Only `s` is followed.
    pub flags: String,
    /// For example `SIP+D2U`.
    pub service: String,
    /// Must be empty for SIP.
    pub regexp: String,
    /// The name whose SRV records are asked for next.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones come first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// The server's port.
    pub port: u16,
    /// The server's name; `.` where there decidedly is none.
    pub target: String,
}

/// A server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What carries SIP there.
    pub protocol: Protocol,
    /// Its address.
    pub address: SocketAddr,
    /// The name its address was found under, or the address itself.
    pub host: Host,
    /// It failed lately, or asked to be left alone: not before then, if there is anybody else.
    pub avoid_until: Option<Instant>,
}

/// Why a target leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// Neither `sip` nor `sips`.
    #[error("the URI's scheme is neither sip nor sips: give a sip URI with a host")]
    Scheme,
    /// No host, or one that is neither name nor address.
    #[error("the URI's host is neither a name nor an address")]
    Host,
    /// A transport that is not known or, in a `sips` URI, not secure.
    #[error("the URI's transport cannot be used: use udp, tcp or tls, and not udp with sips")]
    Transport,
    /// The transport is known and not switched on here.
    #[error("the transport is not available here: switch it on, or name another one")]
    NotHere,
    /// The DNS says that there is nobody.
    #[error("the host name has no address: check its spelling and its DNS records")]
    Nobody,
    /// The DNS does not answer.
    #[error("the host name cannot be looked up: the DNS does not answer")]
    Unanswered,
    /// There are [`LocatorConfig::max_targets`] already.
    #[error("too many targets at one time")]
    Full,
}

/// A name as it is compared and asked for; `None` for what is none, the root included.
fn read_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!name.is_empty() && name.len() <= 253 && name.bytes().all(good)).then_some(name)
}

#[cfg(test)]
mod tests;
