//! Hosts and ports as URIs and Via write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{ParseError, ParseFault};

/// A host: a name or an address.
#[derive(Debug, Clone, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A DNS name as written; compared without regard to case.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
    /// No host: what URIs of schemes without one (`tel:`) have.
    Absent,
}

impl Host {
    /// Reads a host: `example.com`, `192.0.2.1` or `[2001:db8::1]`.
    ///
    /// # Errors
    /// [`ParseFault::Host`] for anything but letters, digits, `-`, `_`, `.` or an IPv6 address in brackets.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let fault = || ParseError::new(ParseFault::Host, 0);
        if let Some(inner) = bytes.strip_prefix(b"[") {
            let inner = inner.strip_suffix(b"]").ok_or_else(fault)?;
            return read_ipv6(inner).map(Host::V6).ok_or_else(fault);
        }
        let name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if bytes.is_empty() || bytes.len() > MAX_NAME || !bytes.iter().all(name_byte) {
            return Err(fault());
        }
        if bytes[0].is_ascii_digit()
            && let Some(address) = Ipv4Addr::parse_bytes(bytes)
        {
            return Ok(Host::V4(address));
        }
        std::str::from_utf8(bytes).map(|name| Host::Name(name.to_owned())).map_err(|_| fault())
    }

    /// The address, unless the host is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
            Host::Name(_) | Host::Absent => None,
        }
    }

    /// Writes the host, IPv6 in brackets.
    pub fn print(&self, out: &mut Vec<u8>) {
        match self {
            Host::Name(name) => out.extend_from_slice(name.as_bytes()),
            Host::V4(_) | Host::V6(_) => out.extend_from_slice(self.to_string().as_bytes()),
            Host::Absent => {}
        }
    }
}

// A DNS name has at most 253 characters (RFC 1035 section 2.3.4); one more for the root's dot.
const MAX_NAME: usize = 254;

/// Reads an IPv6 address. RFC 3261's grammar made some write `:::` before an IPv4 tail, and RFC 5118 section 4.10 asks to
/// read that as `::`.
fn read_ipv6(bytes: &[u8]) -> Option<Ipv6Addr> {
    if let Some(address) = Ipv6Addr::parse_bytes(bytes) {
        return Some(address);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.replacen(":::", "::", 1).parse().ok()
}

trait ParseBytes: Sized {
    fn parse_bytes(bytes: &[u8]) -> Option<Self>;
}

impl<T: std::str::FromStr> ParseBytes for T {
    fn parse_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            (Host::Absent, Host::Absent) => true,
            (Host::Name(_) | Host::V4(_) | Host::V6(_) | Host::Absent, _) => false,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => write!(f, "{address}"),
            Host::V6(address) => write!(f, "[{address}]"),
            Host::Absent => Ok(()),
        }
    }
}

/// A host and perhaps a port: Via's sent-by, the right side of a SIP URI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
}

impl HostPort {
    /// Reads `host` or `host:port`; white space around the colon is let pass (RFC 3261 section 25.1, COLON).
    ///
    /// # Errors
    /// [`ParseFault::Host`] or [`ParseFault::Port`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let host_end = match bytes.first() {
            Some(b'[') => memchr::memchr(b']', bytes).map_or(bytes.len(), |end| end + 1),
            _ => memchr::memchr(b':', bytes).unwrap_or(bytes.len()),
        };
        let (host, rest) = bytes.split_at(host_end);
        let host = Host::parse(host.trim_ascii_end())?;
        let rest = rest.trim_ascii();
        if rest.is_empty() {
            return Ok(HostPort { host, port: None });
        }
        let fault = || ParseError::new(ParseFault::Port, host_end);
        let digits = rest.strip_prefix(b":").ok_or_else(fault)?.trim_ascii_start();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(fault());
        }
        let port = u16::parse_bytes(digits).ok_or_else(fault)?;
        Ok(HostPort { host, port: Some(port) })
    }

    /// Writes `host` or `host:port`.
    pub fn print(&self, out: &mut Vec<u8>) {
        self.host.print(out);
        if let Some(port) = self.port {
            out.push(b':');
            super::push_decimal(out, u64::from(port));
        }
    }
}

impl From<std::net::SocketAddr> for HostPort {
    fn from(address: std::net::SocketAddr) -> Self {
        HostPort { host: address.ip().into(), port: Some(address.port()) }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}
