//! Where a websocket connects.

use std::fmt;

use reqwest::Url;
use secrecy::SecretString;

use crate::provider::error::{Error, ErrorKind};
use crate::provider::vendor::Vendor;

/// Where to connect and what to show there.
#[derive(Clone)]
pub struct Endpoint {
    /// `ws://` or `wss://`, with its query, in which likely words may be.
    pub url: Url,
    /// Headers of the upgrade request.
    pub headers: Vec<(&'static str, SecretString)>,
    /// Subprotocols that are offered.
    pub protocols: Vec<SecretString>,
}

impl Endpoint {
    /// An endpoint with one header, which most vendors take their key from.
    #[must_use]
    pub fn with_header(url: Url, name: &'static str, value: String) -> Self {
        Self { url, headers: vec![(name, value.into())], protocols: Vec::new() }
    }
}

impl fmt::Debug for Endpoint {
    /// Without query and headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.url.scheme(), self.url.host_str().unwrap_or_default(), self.url.path())
    }
}

/// The address of `path` at a vendor: `https` becomes `wss` and `http` becomes `ws`. Empty values of the query are left
/// out.
///
/// # Errors
/// `Refused` when the base is no address, or is unencrypted and not on this machine: the key and the caller's voice
/// would be readable on the way.
pub fn address<'a>(
    vendor: &Vendor,
    base: &str,
    path: &str,
    query: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<Url, Error> {
    let refused = |detail: String| vendor.error(ErrorKind::Refused, detail);
    let mut url = Url::parse(&format!("{}{path}", base.trim_end_matches('/')))
        .map_err(|error| refused(format!("the address is none: {error}")))?;
    let scheme = match url.scheme() {
        "https" | "wss" => "wss",
        "http" | "ws" if is_local(&url) => "ws",
        "http" | "ws" => return Err(refused("the address is unencrypted and not on this machine".to_owned())),
        other => return Err(refused(format!("{other} is no scheme of a websocket"))),
    };
    url.set_scheme(scheme).map_err(|()| refused("the address cannot be one of a websocket".to_owned()))?;
    let mut pairs = query.into_iter().filter(|(_, value)| !value.is_empty()).peekable();
    if pairs.peek().is_some() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(url)
}

/// Whether an address is on this machine.
#[must_use]
pub fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_from_a_base_and_encrypted_unless_local() {
        let vendor = Vendor::named("v");
        let of = |base: &str| {
            let query = [("model", "nova 3&x".to_owned()), ("language", String::new())];
            address(&vendor, base, "/v1/listen", query).map(|url| url.to_string()).map_err(|error| error.kind)
        };
        assert_eq!(of("https://a.example/"), Ok("wss://a.example/v1/listen?model=nova+3%26x".to_owned()));
        assert_eq!(of("ws://127.0.0.1:80/x"), Ok("ws://127.0.0.1/x/v1/listen?model=nova+3%26x".to_owned()));
        assert_eq!(of("http://[::1]:9"), Ok("ws://[::1]:9/v1/listen?model=nova+3%26x".to_owned()));
        for refused in ["http://a.example", "ws://10.0.0.1", "ftp://127.0.0.1", "nothing", ""] {
            assert_eq!(of(refused), Err(ErrorKind::Refused), "{refused}");
        }
    }
}
