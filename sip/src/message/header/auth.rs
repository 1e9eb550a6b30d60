//! Digest challenges and credentials (RFC 3261 sections 20.7, 20.27, 20.28 and 20.44, RFC 7616).

use super::{Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Headers, Lexer, Params, is_token, push_quoted, split_list};

/// Who asks for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// The far end, with 401 and WWW-Authenticate.
    Server,
    /// A proxy, with 407 and Proxy-Authenticate.
    Proxy,
}

/// One digest challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Who asks.
    pub asker: Asker,
    /// The realm, without quotes.
    pub realm: Vec<u8>,
    /// The nonce, without quotes.
    pub nonce: Vec<u8>,
    /// To be returned as it is.
    pub opaque: Option<Vec<u8>>,
    /// The algorithm as named; absent means MD5.
    pub algorithm: Option<Vec<u8>>,
    /// The qualities of protection on offer; empty for a challenge in the manner of RFC 2069.
    pub qop: Vec<Vec<u8>>,
    /// The credentials were right and only the nonce is too old.
    pub stale: bool,
    /// The user name may be sent hashed.
    pub userhash: bool,
}

/// Digest credentials, ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whom they are for.
    pub asker: Asker,
    /// The user name.
    pub username: Vec<u8>,
    /// The realm.
    pub realm: Vec<u8>,
    /// The challenge's nonce.
    pub nonce: Vec<u8>,
    /// The Request-URI as the hash has it.
    pub uri: Vec<u8>,
    /// The answer in hexadecimal.
    pub response: String,
    /// The algorithm as the challenge named it; left out if it named none.
    pub algorithm: Option<Vec<u8>>,
    /// Our nonce; only together with `qop`.
    pub cnonce: Option<Vec<u8>>,
    /// The challenge's opaque.
    pub opaque: Option<Vec<u8>>,
    /// The quality of protection chosen.
    pub qop: Option<Vec<u8>>,
    /// How often the nonce has been used, this time included; only together with `qop`.
    pub nc: Option<u32>,
}

impl Challenge {
    /// All digest challenges of a response, in order, WWW-Authenticate before Proxy-Authenticate. Those of other schemes
    /// and those that cannot be read are passed over: one challenge that can be answered is enough.
    pub fn all(headers: &Headers) -> Vec<Challenge> {
        [Asker::Server, Asker::Proxy]
            .into_iter()
            .flat_map(|asker| headers.all(asker.challenge_header()).map(move |line| (asker, line)))
            .flat_map(|(asker, line)| read_schemes(line).unwrap_or_default().into_iter().map(move |raw| (asker, raw)))
            .filter_map(|(asker, scheme)| Challenge::from_scheme(asker, &scheme))
            .collect()
    }

    fn parse(value: &[u8], asker: Asker) -> Result<Self, ParseError> {
        let schemes = read_schemes(value)?;
        let found = schemes.iter().find_map(|scheme| Challenge::from_scheme(asker, scheme));
        found.ok_or_else(|| ParseError::new(ParseFault::Scheme, 0))
    }

    fn from_scheme(asker: Asker, scheme: &RawScheme) -> Option<Self> {
        if !scheme.is_digest {
            return None;
        }
        let text = |name| scheme.params.text(name).map(std::borrow::Cow::into_owned);
        let is_true = |name| text(name).is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
        let qop = text("qop").unwrap_or_default();
        let qop = qop.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|option| !option.is_empty());
        Some(Challenge {
            asker,
            realm: text("realm")?,
            nonce: text("nonce")?,
            opaque: text("opaque"),
            algorithm: text("algorithm"),
            qop: qop.map(<[u8]>::to_vec).collect(),
            stale: is_true("stale"),
            userhash: is_true("userhash"),
        })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Digest realm=");
        push_quoted(out, &self.realm);
        push_field(out, "nonce", Some(&self.nonce), true);
        push_field(out, "opaque", self.opaque.as_deref(), true);
        push_field(out, "algorithm", self.algorithm.as_deref(), false);
        if !self.qop.is_empty() {
            push_field(out, "qop", Some(&self.qop.join(&b',')), true);
        }
        push_field(out, "stale", self.stale.then_some(b"true"), false);
        push_field(out, "userhash", self.userhash.then_some(b"true"), false);
    }
}

impl Credentials {
    /// The header these credentials stand in.
    pub fn header_name(&self) -> HeaderName {
        match self.asker {
            Asker::Server => HeaderName::Authorization,
            Asker::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    /// Appends the credentials to a request's headers.
    pub fn push_onto(&self, headers: &mut Headers) {
        let mut value = Vec::with_capacity(256);
        self.print(&mut value);
        headers.push(self.header_name(), value);
    }

    fn parse(value: &[u8], asker: Asker) -> Result<Self, ParseError> {
        let fault = |what| ParseError::new(what, 0);
        let schemes = read_schemes(value)?;
        let scheme = schemes.iter().find(|scheme| scheme.is_digest).ok_or_else(|| fault(ParseFault::Scheme))?;
        let text = |name| scheme.params.text(name).map(std::borrow::Cow::into_owned);
        let required = |name| text(name).ok_or_else(|| fault(ParseFault::Param));
        let nc = match text("nc") {
            None => None,
            Some(digits) => {
                let digits = std::str::from_utf8(&digits).map_err(|_| fault(ParseFault::Number))?;
                Some(u32::from_str_radix(digits, 16).map_err(|_| fault(ParseFault::Number))?)
            }
        };
        let response = required("response")?;
        Ok(Credentials {
            asker,
            username: required("username")?,
            realm: required("realm")?,
            nonce: required("nonce")?,
            uri: required("uri")?,
            response: String::from_utf8(response).map_err(|_| fault(ParseFault::Param))?,
            algorithm: text("algorithm"),
            cnonce: text("cnonce"),
            opaque: text("opaque"),
            qop: text("qop"),
            nc,
        })
    }

    /// Algorithm, qop and nc go without quotes, all else with them: RFC 7616 section 3.4 has it so, and servers refuse
    /// the contrary.
    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Digest username=");
        push_quoted(out, &self.username);
        push_field(out, "realm", Some(&self.realm), true);
        push_field(out, "nonce", Some(&self.nonce), true);
        push_field(out, "uri", Some(&self.uri), true);
        push_field(out, "response", Some(self.response.as_bytes()), true);
        push_field(out, "algorithm", self.algorithm.as_deref(), false);
        push_field(out, "cnonce", self.cnonce.as_deref(), true);
        push_field(out, "opaque", self.opaque.as_deref(), true);
        push_field(out, "qop", self.qop.as_deref(), false);
        push_field(out, "nc", self.nc.map(|count| format!("{count:08x}")).as_deref().map(str::as_bytes), false);
    }
}

impl Asker {
    fn challenge_header(self) -> &'static HeaderName {
        match self {
            Asker::Server => &HeaderName::WwwAuthenticate,
            Asker::Proxy => &HeaderName::ProxyAuthenticate,
        }
    }
}

/// One scheme of an authentication header with its parameters.
struct RawScheme {
    is_digest: bool,
    params: Params,
}

/// Reads `Scheme name=value, name=value`, several such in one line too: RFC 3261 forbids the latter, some send it.
fn read_schemes(value: &[u8]) -> Result<Vec<RawScheme>, ParseError> {
    let mut schemes: Vec<RawScheme> = Vec::new();
    for (at, element) in split_list(value).filter(|(_, element)| !element.is_empty()) {
        let mut lexer = Lexer::new(element);
        let mut name = lexer.token().map_err(|error| error.shifted(at))?;
        if !lexer.eat_spaced(b'=') {
            schemes.push(RawScheme { is_digest: name.eq_ignore_ascii_case(b"Digest"), params: Params::new() });
            lexer.skip_space();
            if lexer.rest().is_empty() {
                continue;
            }
            name = lexer.token().map_err(|error| error.shifted(at))?;
            if !lexer.eat_spaced(b'=') {
                // Credentials that are one lump of base64, of a scheme we do not speak.
                continue;
            }
        }
        let Some(scheme) = schemes.last_mut() else {
            return Err(ParseError::new(ParseFault::Scheme, at));
        };
        let value = if lexer.peek() == Some(b'"') {
            lexer.quoted().map_err(|error| error.shifted(at))?
        } else {
            lexer.take_while(|byte| byte > b' ' && byte != b'"')
        };
        lexer.finish().map_err(|error| error.shifted(at))?;
        scheme.params.push(name, Some(value));
    }
    Ok(schemes)
}

/// Writes `, name=value`; a value that may go without quotes but could not be read back gets them.
fn push_field(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>, quoted: bool) {
    let Some(value) = value else { return };
    out.extend_from_slice(b", ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    if quoted || !is_token(value) { push_quoted(out, value) } else { out.extend_from_slice(value) }
}

macro_rules! wrapped {
    ($($(#[$doc:meta])* $name:ident $inner:ident $asker:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name(pub $inner);

            impl TypedHeader for $name {
                const NAME: HeaderName = HeaderName::$name;
                const SHAPE: Shape = Shape::Lines;

                fn parse(value: &[u8]) -> Result<Self, ParseError> {
                    $inner::parse(value, Asker::$asker).map($name)
                }

                fn print(&self, out: &mut Vec<u8>) {
                    self.0.print(out);
                }
            }
        )*
    };
}

wrapped! {
    /// WWW-Authenticate: a challenge of the far end; its first digest one.
    WwwAuthenticate Challenge Server
    /// Proxy-Authenticate: a challenge of a proxy; its first digest one.
    ProxyAuthenticate Challenge Proxy
    /// Authorization: credentials for the far end.
    Authorization Credentials Server
    /// Proxy-Authorization: credentials for a proxy.
    ProxyAuthorization Credentials Proxy
}
