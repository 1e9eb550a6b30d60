//! Via: where a response goes (RFC 3261 section 20.42, RFC 3581).

use std::net::IpAddr;

use super::{Branch, Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Host, HostPort, Lexer, Params, Token, is_value_byte, push_decimal};

/// One Via value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// How the request was sent.
    pub transport: ViaTransport,
    /// Where the sender says it is.
    pub sent_by: HostPort,
    /// The transaction's identifier; only RFC 2543 senders leave it out.
    pub branch: Option<Branch>,
    /// Where the request came from, added by who received it.
    pub received: Option<IpAddr>,
    /// The source port, asked for or filled in (RFC 3581).
    pub rport: Option<Rport>,
    /// Other parameters, `maddr` and `ttl` among them.
    pub params: Params,
}

/// The `rport` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rport {
    /// The sender asks for its port: `;rport`.
    Requested,
    /// The port the request came from: `;rport=5060`.
    Port(u16),
}

/// The transport a Via names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the transport of its name")]
pub enum ViaTransport {
    Udp,
    Tcp,
    Tls,
    Sctp,
    Ws,
    Wss,
    /// Any other transport.
    Other(Token),
}

impl ViaTransport {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            ViaTransport::Udp => "UDP",
            ViaTransport::Tcp => "TCP",
            ViaTransport::Tls => "TLS",
            ViaTransport::Sctp => "SCTP",
            ViaTransport::Ws => "WS",
            ViaTransport::Wss => "WSS",
            ViaTransport::Other(token) => token.as_str(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let known = [
            ViaTransport::Udp,
            ViaTransport::Tcp,
            ViaTransport::Tls,
            ViaTransport::Sctp,
            ViaTransport::Ws,
            ViaTransport::Wss,
        ];
        match known.into_iter().find(|transport| bytes.eq_ignore_ascii_case(transport.as_str().as_bytes())) {
            Some(transport) => Some(transport),
            None => Token::new(bytes).map(ViaTransport::Other),
        }
    }
}

impl Via {
    /// The Via of a request we send; asks for `rport`.
    pub fn new(transport: ViaTransport, sent_by: HostPort, branch: Branch) -> Self {
        Via {
            transport,
            sent_by,
            branch: Some(branch),
            received: None,
            rport: Some(Rport::Requested),
            params: Params::new(),
        }
    }
}

impl TypedHeader for Via {
    const NAME: HeaderName = HeaderName::Via;
    const SHAPE: Shape = Shape::List;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let protocol = lexer.token()?;
        if !protocol.eq_ignore_ascii_case(b"SIP") || !lexer.eat_spaced(b'/') {
            return Err(ParseError::new(ParseFault::Version, 0));
        }
        // Any version: a request of another one must still be told so, and this says where.
        lexer.token()?;
        if !lexer.eat_spaced(b'/') {
            return Err(lexer.fault(ParseFault::Token));
        }
        let transport = ViaTransport::from_bytes(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        lexer.skip_space();
        let at = lexer.at();
        let sent_by = lexer.take_while(|byte| byte != b';');
        let sent_by = HostPort::parse(sent_by.trim_ascii_end()).map_err(|error| error.shifted(at))?;
        let mut params = Params::read(&mut lexer)?;
        lexer.finish()?;
        Ok(Via {
            transport,
            sent_by,
            branch: take_branch(&mut params),
            received: take_received(&mut params),
            rport: take_rport(&mut params)?,
            params,
        })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(self.transport.as_str().as_bytes());
        out.push(b' ');
        self.sent_by.print(out);
        if let Some(branch) = &self.branch {
            out.extend_from_slice(b";branch=");
            out.extend_from_slice(branch.as_bytes());
        }
        if let Some(received) = self.received {
            out.extend_from_slice(b";received=");
            out.extend_from_slice(received.to_string().as_bytes());
        }
        match self.rport {
            Some(Rport::Requested) => out.extend_from_slice(b";rport"),
            Some(Rport::Port(port)) => {
                out.extend_from_slice(b";rport=");
                push_decimal(out, u64::from(port));
            }
            None => {}
        }
        self.params.print(out);
    }
}

/// Takes the branch out if it is written without quotes, as every one is; anything else stays an ordinary parameter.
fn take_branch(params: &mut Params) -> Option<Branch> {
    let raw = params.value("branch")?;
    let branch = raw.iter().all(|&byte| is_value_byte(byte)).then(|| Branch::from_bytes(raw))?;
    params.take("branch");
    Some(branch)
}

/// Takes `received` out if it is an address, with or without brackets; anything else stays an ordinary parameter.
fn take_received(params: &mut Params) -> Option<IpAddr> {
    let raw = params.value("received")?;
    let bare = match Host::parse(raw) {
        Ok(host) => host.ip(),
        Err(_) => None,
    };
    let address = bare.or_else(|| std::str::from_utf8(raw).ok()?.parse().ok())?;
    params.take("received");
    Some(address)
}

fn take_rport(params: &mut Params) -> Result<Option<Rport>, ParseError> {
    let fault = || ParseError::new(ParseFault::Port, 0);
    match params.take("rport") {
        None => Ok(None),
        Some(None) => Ok(Some(Rport::Requested)),
        Some(Some(digits)) => {
            let text = std::str::from_utf8(&digits).map_err(|_| fault())?;
            text.parse().map(|port| Some(Rport::Port(port))).map_err(|_| fault())
        }
    }
}
