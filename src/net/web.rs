//! HTTP to addresses that people typed in.
//!
//! Such an address must not be a way into the machine or its network: a host is asked only at public addresses unless
//! the operator allowed it ([`OutboundConfig::private_hosts`]), also behind a redirect and however its name resolves.
//! Answers are bounded in size and time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, Url, header};

use crate::config::OutboundConfig;

/// Redirects followed at most.
const REDIRECTS: usize = 5;
/// Time for a connection to stand.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for addresses that people typed in; clones share its connections.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    config: Arc<OutboundConfig>,
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The `Content-Type`, empty when there was none.
    pub media_type: String,
    /// The body.
    pub bytes: Vec<u8>,
    /// How long it may be kept (`max-age` of `Cache-Control`; nothing for `no-store` and `no-cache`), if it says.
    pub max_age: Option<Duration>,
}

/// Why an address gave nothing. The text names what to do and nothing of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// It is no HTTP address.
    #[error("must be an address that begins with http:// or https://")]
    NotHttp,
    /// It is inside a private network.
    #[error("is in a private network: allow the host in `outbound.private_hosts` first")]
    Private,
    /// Nobody answers there.
    #[error("cannot be reached: {0}")]
    Unreachable(&'static str),
    /// It answered with an error.
    #[error("answered with HTTP status {0}")]
    Status(u16),
    /// The answer is too large.
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not answer in time.
    #[error("did not answer in time")]
    TimedOut,
}

impl Web {
    /// A client under these settings.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: OutboundConfig) -> Result<Self, reqwest::Error> {
        Self::build(config, false)
    }

    /// A client that asks over https only, also behind a redirect.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn https(config: OutboundConfig) -> Result<Self, reqwest::Error> {
        Self::build(config, true)
    }

    fn build(config: OutboundConfig, https_only: bool) -> Result<Self, reqwest::Error> {
        let config = Arc::new(config);
        let client = Client::builder()
            .https_only(https_only)
            .user_agent(concat!("Callwright/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(policy(Arc::clone(&config)))
            .dns_resolver(Guarded(Arc::clone(&config)))
            // A proxy would be asked for private names in our place.
            .no_proxy()
            .build()?;
        Ok(Self { client, config })
    }

    /// The address, if it may be asked as far as can be seen from it. Names are looked at again when they resolve.
    ///
    /// # Errors
    /// [`WebError::NotHttp`], [`WebError::Private`].
    pub fn check(&self, address: &str) -> Result<Url, WebError> {
        let url = Url::parse(address).map_err(|_| WebError::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(WebError::NotHttp);
        }
        if literal_is_private(&url, &self.config) { Err(WebError::Private) } else { Ok(url) }
    }

    /// Whether somebody else may ask an address (`ws` and `wss` too): its host is public now, or allowed. A name that
    /// does not resolve is let pass, for nobody is asked through it.
    ///
    /// # Errors
    /// [`WebError::NotHttp`], [`WebError::Private`].
    pub async fn permits(&self, address: &str) -> Result<(), WebError> {
        let url = Url::parse(address).map_err(|_| WebError::NotHttp)?;
        let host = url.host_str().ok_or(WebError::NotHttp)?.trim_matches(['[', ']']).to_owned();
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(WebError::NotHttp);
        }
        if self.config.may_be_private(&host) {
            return Ok(());
        }
        let mut addresses = tokio::net::lookup_host((host, 0)).await.into_iter().flatten();
        if addresses.any(|address| is_private(address.ip())) { Err(WebError::Private) } else { Ok(()) }
    }

    /// The client, for requests to checked addresses.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Reads a page of at most `limit` bytes within `time`.
    ///
    /// # Errors
    /// [`WebError`] says why there is none.
    pub async fn read(&self, address: &str, limit: usize, time: Duration) -> Result<Page, WebError> {
        let url = self.check(address)?;
        let reading = async {
            let response = self.client.get(url).send().await.map_err(|error| fault(&error))?;
            if !response.status().is_success() {
                return Err(WebError::Status(response.status().as_u16()));
            }
            let media_type = response.headers().get(header::CONTENT_TYPE);
            let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            let max_age = max_age(response.headers());
            Ok(Page { media_type, bytes: body(response, limit).await?, max_age })
        };
        tokio::time::timeout(time, reading).await.unwrap_or(Err(WebError::TimedOut))
    }
}

/// The body of an answer, at most `limit` bytes of it.
///
/// # Errors
/// [`WebError::TooLarge`], or the connection broke.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, WebError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(WebError::TooLarge(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What `Cache-Control` says about keeping an answer.
fn max_age(headers: &header::HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut found = None;
    for directive in lines.flat_map(|line| line.split(',')).map(str::trim) {
        if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some((name, seconds)) = directive.split_once('=')
            && name.trim().eq_ignore_ascii_case("max-age")
        {
            let seconds = seconds.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
            found = found.or(seconds);
        }
    }
    found
}

/// What went wrong with a request, without its address.
#[must_use]
pub fn fault(error: &reqwest::Error) -> WebError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(source) = cause {
        if source.downcast_ref::<PrivateAddress>().is_some() || is_private_io(source) {
            return WebError::Private;
        }
        cause = source.source();
    }
    if error.is_timeout() {
        WebError::TimedOut
    } else if error.is_connect() {
        WebError::Unreachable("no connection: check the host, its certificate and its port")
    } else {
        WebError::Unreachable("the connection broke")
    }
}

fn is_private_io(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .is_some_and(|inner| inner.downcast_ref::<PrivateAddress>().is_some())
}

/// A name or redirect leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("a private address")]
struct PrivateAddress;

fn policy(config: Arc<OutboundConfig>) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        let http = matches!(attempt.url().scheme(), "http" | "https");
        if attempt.previous().len() > REDIRECTS || !http {
            attempt.stop()
        } else if literal_is_private(attempt.url(), &config) {
            attempt.error(PrivateAddress)
        } else {
            attempt.follow()
        }
    })
}

fn literal_is_private(url: &Url, config: &OutboundConfig) -> bool {
    let Some(host) = url.host_str() else { return true };
    if config.may_be_private(host) {
        return false;
    }
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(is_private)
}

/// Resolves names and keeps what may be asked.
struct Guarded(Arc<OutboundConfig>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let config = Arc::clone(&self.0);
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open = config.may_be_private(name.as_str());
            let (public, private): (Vec<SocketAddr>, Vec<_>) =
                all.partition(|address| open || !is_private(address.ip()));
            if public.is_empty() && !private.is_empty() {
                return Err(Box::new(PrivateAddress) as _);
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is not of the public internet (the special-purpose registries of RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_multicast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        // Shared addresses of carriers (RFC 6598), IETF protocols (RFC 6890), benchmarks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    // Addresses that carry an IPv4 one (mapped, NAT64, 6to4) are judged by it.
    let [a, b, c, .., g, h] = v6.segments();
    if let Some(v4) = v6.to_ipv4_mapped() {
        return is_private_v4(v4);
    }
    let embedded = |high: u16, low: u16| {
        let ([p, q], [r, s]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(p, q, r, s))
    };
    match (a, b) {
        (0x64, 0xff9b) => embedded(g, h),
        (0x2002, _) => embedded(b, c),
        // Outside 2000::/3 nothing is public; documentation (RFC 3849) and Teredo (RFC 4380) inside it are not either.
        _ => !(0x2000..0x4000).contains(&a) || (a == 0x2001 && (b == 0xdb8 || b == 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ];
        for address in private {
            assert!(is_private(address.parse().expect("an address")), "{address}");
        }
        for address in ["9.9.9.9", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::909:909"] {
            assert!(!is_private(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn addresses_are_checked_before_they_are_asked() {
        let web = Web::new(OutboundConfig {
            private_hosts: vec!["crm.internal".into(), "10.0.0.7".into()],
            ..OutboundConfig::default()
        });
        let web = web.expect("TLS can be set up");
        for address in ["http://10.0.0.7/x", "https://crm.internal/x", "https://example.com/"] {
            assert!(web.check(address).is_ok(), "{address}");
        }
        for address in ["http://127.0.0.1/", "http://[::1]:80/", "http://0x7f000001/", "http://2130706433/"] {
            assert_eq!(web.check(address), Err(WebError::Private), "{address}");
        }
        for address in ["ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "javascript:alert(1)"] {
            assert_eq!(web.check(address), Err(WebError::NotHttp), "{address}");
        }
    }

    #[tokio::test]
    async fn a_client_for_https_asks_nothing_else() {
        let open = OutboundConfig { private_hosts: vec!["*".into()], ..OutboundConfig::default() };
        let web = Web::https(open).expect("TLS can be set up");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("an address"));
        let read = web.read(&address, 1_000, Duration::from_secs(5)).await;
        assert!(matches!(read, Err(WebError::Unreachable(_))), "{read:?}");
    }

    #[test]
    fn an_answer_says_how_long_it_may_be_kept() {
        let age = |lines: &[&'static str]| {
            let mut headers = header::HeaderMap::new();
            for line in lines {
                headers.append(header::CACHE_CONTROL, header::HeaderValue::from_static(line));
            }
            max_age(&headers).map(|age| age.as_secs())
        };
        assert_eq!(age(&[]), None);
        assert_eq!(age(&["public, Max-Age=300, s-maxage=9"]), Some(300));
        assert_eq!(age(&["public", "max-age=\"60\""]), Some(60));
        assert_eq!(age(&["max-age=300", "no-cache"]), Some(0));
        assert_eq!(age(&["no-store"]), Some(0));
        assert_eq!(age(&["max-age=x"]), None);
        assert_eq!(age(&["max-age=99999999999999999999999"]), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_asked() {
        let web = Web::new(OutboundConfig::default()).expect("TLS can be set up");
        let read = web.read("http://localhost:9/", 1_000, Duration::from_secs(5)).await;
        assert_eq!(read, Err(WebError::Private));
    }
}
