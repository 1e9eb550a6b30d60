//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::host::{Host, HostPort};
use super::method::Token;
use super::params::Params;
use crate::error::{ParseError, ParseFault};

/// A URI. Parts are kept as written, escapes included, so that a URI is passed on as it came; [`Uri::user_text`]
/// decodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part; of a tel URI the number; of a scheme we do not know everything after the colon.
    pub user: Option<Vec<u8>>,
    /// The password, which nobody should send.
    pub password: Option<Vec<u8>>,
    /// The host; [`Host::Absent`] for tel and unknown schemes.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params,
    /// What stands after the question mark, undivided.
    pub headers: Option<Vec<u8>>,
}

/// A URI's scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other, in lower case.
    Other(Token),
}

impl Scheme {
    /// The scheme without its colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(token) => token.as_str(),
        }
    }
}

impl Uri {
    /// A SIP URI. `user` is the plain text: what a URI cannot hold is escaped.
    pub fn sip(user: Option<&[u8]>, host: HostPort) -> Self {
        let user = user.map(|text| {
            let mut escaped = Vec::with_capacity(text.len());
            for &byte in text {
                if is_user_byte(byte) { escaped.push(byte) } else { push_escaped(&mut escaped, byte) }
            }
            escaped
        });
        let HostPort { host, port } = host;
        Uri { scheme: Scheme::Sip, user, password: None, host, port, params: Params::new(), headers: None }
    }

    /// Reads a URI that stands alone, without angle brackets or white space.
    ///
    /// # Errors
    /// [`ParseFault::Uri`], [`ParseFault::Host`], [`ParseFault::Port`] or [`ParseFault::Param`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if let Some(at) = bytes.iter().position(|&byte| is_forbidden(byte)) {
            return Err(ParseError::new(ParseFault::Uri, at));
        }
        let colon = memchr::memchr(b':', bytes).ok_or_else(|| ParseError::new(ParseFault::Uri, 0))?;
        let (scheme, rest) = (&bytes[..colon], &bytes[colon + 1..]);
        let scheme = read_scheme(scheme).ok_or_else(|| ParseError::new(ParseFault::Uri, 0))?;
        let read = match scheme {
            Scheme::Sip | Scheme::Sips => read_sip(scheme, rest),
            Scheme::Tel => read_tel(rest),
            Scheme::Other(_) if rest.is_empty() => Err(ParseError::new(ParseFault::Uri, 0)),
            Scheme::Other(_) => Ok(Uri { user: Some(rest.to_vec()), ..Uri::hostless(scheme) }),
        };
        read.map_err(|error| error.shifted(colon + 1))
    }

    /// The host and port.
    pub fn host_port(&self) -> HostPort {
        HostPort { host: self.host.clone(), port: self.port }
    }

    /// The user part with its escapes decoded.
    pub fn user_text(&self) -> Option<Cow<'_, [u8]>> {
        self.user.as_deref().map(unescape)
    }

    /// The value of the first such header after the question mark, its escapes decoded.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = headers_of(self).find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.into_owned())
    }

    /// The same URI with one more header after the question mark. `value` is the plain text: what cannot stand there
    /// is escaped.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &[u8]) -> Self {
        let headers = self.headers.get_or_insert_default();
        if !headers.is_empty() {
            headers.push(b'&');
        }
        push_checked(headers, name.as_bytes(), is_header_byte);
        headers.push(b'=');
        push_checked(headers, value, is_header_byte);
        self
    }

    /// Whether both name the same resource by the comparison of RFC 3261 section 19.1.4. A default port or transport
    /// that is written differs from one that is not, as that section has it.
    pub fn equivalent(&self, other: &Uri) -> bool {
        self.scheme == other.scheme
            && self.user_text() == other.user_text()
            && self.password.as_deref().map(unescape) == other.password.as_deref().map(unescape)
            && self.host == other.host
            && self.port == other.port
            && params_match(&self.params, &other.params)
            && header_set(self) == header_set(other)
    }

    /// Writes the URI without angle brackets. Bytes a part cannot hold are escaped, so that no value of a field can end
    /// the URI or the line.
    pub fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.scheme.as_str().as_bytes());
        out.push(b':');
        if let Some(user) = &self.user {
            push_checked(out, user, |byte| self.keeps_in_user(byte));
        }
        if let Some(password) = &self.password {
            out.push(b':');
            push_checked(out, password, |byte| is_user_byte(byte) || matches!(byte, b'%' | b':'));
        }
        if self.host != Host::Absent {
            if self.user.is_some() {
                out.push(b'@');
            }
            HostPort { host: self.host.clone(), port: self.port }.print(out);
        }
        for (name, value) in self.params.iter() {
            out.push(b';');
            push_checked(out, name, is_param_byte);
            if let Some(value) = value {
                out.push(b'=');
                push_checked(out, value, is_param_byte);
            }
        }
        if let Some(headers) = &self.headers {
            out.push(b'?');
            // Without a user part an `@` here would make one.
            push_checked(out, headers, |byte| !is_forbidden(byte) && (byte != b'@' || self.user.is_some()));
        }
    }

    fn keeps_in_user(&self, byte: u8) -> bool {
        match self.scheme {
            Scheme::Sip | Scheme::Sips => is_user_byte(byte) || byte == b'%',
            Scheme::Tel => !is_forbidden(byte) && byte != b';',
            Scheme::Other(_) => !is_forbidden(byte),
        }
    }

    fn hostless(scheme: Scheme) -> Self {
        Uri { scheme, user: None, password: None, host: Host::Absent, port: None, params: Params::new(), headers: None }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(64);
        self.print(&mut bytes);
        f.write_str(&String::from_utf8_lossy(&bytes))
    }
}

impl std::str::FromStr for Uri {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Uri::parse(text.as_bytes())
    }
}

fn read_scheme(bytes: &[u8]) -> Option<Scheme> {
    if bytes.eq_ignore_ascii_case(b"sip") {
        return Some(Scheme::Sip);
    }
    if bytes.eq_ignore_ascii_case(b"sips") {
        return Some(Scheme::Sips);
    }
    if bytes.eq_ignore_ascii_case(b"tel") {
        return Some(Scheme::Tel);
    }
    let scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !bytes.first()?.is_ascii_alphabetic() || !bytes.iter().all(scheme_byte) {
        return None;
    }
    Token::new(bytes.to_ascii_lowercase()).map(Scheme::Other)
}

fn read_sip(scheme: Scheme, bytes: &[u8]) -> Result<Uri, ParseError> {
    // The user part may hold `;` and `?` unescaped, so the `@` is looked for first.
    let (userinfo, tail_at) = match memchr::memchr(b'@', bytes) {
        Some(at) => (Some(&bytes[..at]), at + 1),
        None => (None, 0),
    };
    let (user, password) = match userinfo {
        Some(info) => match memchr::memchr(b':', info) {
            Some(colon) => (Some(&info[..colon]), Some(info[colon + 1..].to_vec())),
            None => (Some(info), None),
        },
        None => (None, None),
    };
    if user.is_some_and(<[u8]>::is_empty) {
        return Err(ParseError::new(ParseFault::Uri, 0));
    }
    let tail = &bytes[tail_at..];
    let (tail, headers) = match memchr::memchr(b'?', tail) {
        Some(mark) => (&tail[..mark], Some(tail[mark + 1..].to_vec())),
        None => (tail, None),
    };
    let host_end = memchr::memchr(b';', tail).unwrap_or(tail.len());
    let HostPort { host, port } = HostPort::parse(&tail[..host_end]).map_err(|error| error.shifted(tail_at))?;
    let params = read_params(&tail[host_end..]).map_err(|error| error.shifted(tail_at + host_end))?;
    Ok(Uri { scheme, user: user.map(<[u8]>::to_vec), password, host, port, params, headers })
}

fn read_tel(bytes: &[u8]) -> Result<Uri, ParseError> {
    let end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
    if end == 0 {
        return Err(ParseError::new(ParseFault::Uri, 0));
    }
    let params = read_params(&bytes[end..]).map_err(|error| error.shifted(end))?;
    Ok(Uri { user: Some(bytes[..end].to_vec()), params, ..Uri::hostless(Scheme::Tel) })
}

/// Reads `;name[=value]...` up to the end.
fn read_params(bytes: &[u8]) -> Result<Params, ParseError> {
    let mut params = Params::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at + 1;
        let end = memchr::memchr(b';', &bytes[start..]).map_or(bytes.len(), |len| start + len);
        let param = &bytes[start..end];
        let (name, value) = match memchr::memchr(b'=', param) {
            Some(equals) => (&param[..equals], Some(&param[equals + 1..])),
            None => (param, None),
        };
        if name.is_empty() || value.is_some_and(<[u8]>::is_empty) || !param.iter().all(|&byte| is_param_byte(byte)) {
            return Err(ParseError::new(ParseFault::Param, at));
        }
        params.push(name, value);
        at = end;
    }
    Ok(params)
}

/// Whether all parameters that count are the same. `user`, `ttl`, `method`, `maddr` and `transport` count also where one
/// side lacks them; others only where both have them.
fn params_match(ours: &Params, theirs: &Params) -> bool {
    let (ours, theirs) = (normal_params(ours), normal_params(theirs));
    let counts = |name: &[u8]| [&b"user"[..], b"ttl", b"method", b"maddr", b"transport"].contains(&name);
    let matched = |of: &NormalParams, with: &NormalParams| {
        of.iter().all(|(name, value)| with.get(name).map_or(!counts(name), |other| other == value))
    };
    matched(&ours, &theirs) && matched(&theirs, &ours)
}

type NormalParams = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Parameters without escapes and in lower case, in an order of their own: comparing two lists costs no square.
fn normal_params(params: &Params) -> NormalParams {
    let normal = |part: &[u8]| unescape(part).to_ascii_lowercase();
    let mut map = BTreeMap::new();
    for (name, value) in params.iter() {
        map.entry(normal(name)).or_insert_with(|| value.map(normal));
    }
    map
}

/// The URI's headers, without escapes.
fn headers_of(uri: &Uri) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    let headers = uri.headers.as_deref().unwrap_or_default();
    headers.split(|&byte| byte == b'&').filter(|header| !header.is_empty()).map(|header| {
        let mut parts = header.splitn(2, |&byte| byte == b'=');
        (unescape(parts.next().unwrap_or_default()), unescape(parts.next().unwrap_or_default()))
    })
}

/// The URI's headers in an order of their own, since theirs does not count.
fn header_set(uri: &Uri) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut set: Vec<_> =
        headers_of(uri).map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    set.sort();
    set
}

/// Bytes that stand nowhere in a URI: they would end it or the line it stands in.
fn is_forbidden(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7F || matches!(byte, b'<' | b'>' | b'"')
}

/// Bytes a user part holds unescaped (RFC 3261 `user`), and bytes over 127, which are passed through.
fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'-' | b'_'
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'&'
                | b'='
                | b'+'
                | b'$'
                | b','
                | b';'
                | b'?'
                | b'/'
                | b'#'
                | b'['
                | b']'
                | b'|'
                | b'^'
                | b'`'
                | b'{'
                | b'}'
                | b'\\'
        )
}

fn is_param_byte(byte: u8) -> bool {
    !is_forbidden(byte) && !matches!(byte, b';' | b'?' | b'@')
}

/// Bytes a header's name or value holds unescaped (RFC 3261 `hnv-unreserved` and `unreserved`).
fn is_header_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"[]/?:+$-_.!~*'()".contains(&byte)
}

fn push_checked(out: &mut Vec<u8>, bytes: &[u8], keep: impl Fn(u8) -> bool) {
    for &byte in bytes {
        if keep(byte) { out.push(byte) } else { push_escaped(out, byte) }
    }
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Decodes `%41` and the like; a percent sign that starts no escape stays.
fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let hex = |digit: Option<&u8>| digit.and_then(|&digit| char::from(digit).to_digit(16));
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits make one byte.
                text.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                text.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
