//! Who is at the other end of a request, also behind a proxy that is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri, header};

use super::{Api, ApiError};
use crate::config::HttpConfig;

/// The other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; none when a proxy does not tell it.
    pub address: Option<IpAddr>,
    /// Whether it speaks TLS.
    pub secure: bool,
}

impl Peer {
    fn of(config: &HttpConfig, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let Some(ConnectInfo(from)) = extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Self { address: None, secure: false };
        };
        let address = from.ip().to_canonical();
        if !config.trusts(address) {
            return Self { address: Some(address), secure: false };
        }
        // Each proxy adds whom it was asked by: the last that is no proxy of ours.
        let told = list(headers, "x-forwarded-for");
        let told = told.iter().rev().map_while(|text| text.parse::<IpAddr>().ok());
        let client = told.map(|address| address.to_canonical()).find(|address| !config.trusts(*address));
        let secure = list(headers, "x-forwarded-proto").last().is_some_and(|told| told.eq_ignore_ascii_case("https"));
        Self { address: client, secure }
    }
}

impl FromRequestParts<Api> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Ok(Self::of(&api.config, &parts.extensions, &parts.headers))
    }
}

/// Whether a request comes from a page of this server: its origin names the host that the request goes to.
pub(super) fn is_own_page(config: &HttpConfig, request: &Request) -> bool {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let proxied = from.is_some_and(|ConnectInfo(from)| config.trusts(from.ip()));
    is_own(request.headers(), request.uri(), proxied)
}

fn is_own(headers: &HeaderMap, uri: &Uri, proxied: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some((_, origin)) = text("origin").and_then(|origin| origin.split_once("://")) else { return false };
    let host = text(header::HOST.as_str()).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let forwarded = text("x-forwarded-host").filter(|_| proxied);
    [host, forwarded].into_iter().flatten().any(|host| host.eq_ignore_ascii_case(origin))
}

fn list<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn peer(from: &str, pairs: &[(&'static str, &'static str)]) -> (Option<String>, bool) {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo::<SocketAddr>(from.parse().expect("an address")));
        let peer = Peer::of(&HttpConfig::default(), &extensions, &headers(pairs));
        (peer.address.map(|address| address.to_string()), peer.secure)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let told = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
        assert_eq!(peer("127.0.0.1:9", &told), (Some("203.0.113.7".to_owned()), true));
        assert_eq!(peer("198.51.100.1:9", &told), (Some("198.51.100.1".to_owned()), false));
        assert_eq!(peer("127.0.0.1:9", &[]), (None, false), "everybody behind it would share the tries of one");
        let forged = [("x-forwarded-for", "192.0.2.66, 203.0.113.7"), ("x-forwarded-for", "127.0.0.2")];
        assert_eq!(peer("127.0.0.1:9", &forged), (Some("203.0.113.7".to_owned()), false));
        let forged = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")];
        assert!(!peer("127.0.0.1:9", &forged).1, "the last one is the proxy's");
    }

    #[test]
    fn an_own_page_names_the_host() {
        let own = |pairs: &[(&'static str, &'static str)], proxied| is_own(&headers(pairs), &Uri::default(), proxied);
        assert!(own(&[("origin", "https://Calls.example"), ("host", "calls.example")], false));
        assert!(own(&[("origin", "http://127.0.0.1:8480"), ("host", "127.0.0.1:8480")], false));
        for foreign in ["https://evil.example", "null", "https://calls.example.evil.example", "http://calls.example:81"]
        {
            assert!(!own(&[("origin", foreign), ("host", "calls.example")], true), "{foreign}");
        }
        assert!(!own(&[("host", "calls.example")], false), "a browser always tells");
        let inside = [("origin", "https://calls.example"), ("host", "10.0.0.1"), ("x-forwarded-host", "calls.example")];
        assert!(own(&inside, true) && !own(&inside, false));
    }
}
