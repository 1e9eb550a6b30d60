//! Certificates from the web.

use super::verifier::{CertificateSource, Fetched, Fetching, LONGEST_CHAIN, PATIENCE};
use crate::config::OutboundConfig;
use crate::net::web::Web;

/// Fetches certificates over https from public addresses, and from those private ones that the operator allowed
/// ([`OutboundConfig::private_hosts`]): a caller names the address, and must not make us ask our own network.
#[derive(Clone, Debug)]
pub struct WebSource(Web);

impl WebSource {
    /// A source under these settings.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: OutboundConfig) -> Result<Self, reqwest::Error> {
        Web::https(config).map(Self)
    }
}

impl CertificateSource for WebSource {
    fn fetch(&self, address: &str) -> Fetching {
        let (web, address) = (self.0.clone(), address.to_owned());
        Box::pin(async move {
            let page = web.read(&address, LONGEST_CHAIN, PATIENCE).await;
            let page =
                page.inspect_err(|error| tracing::debug!(%error, "the certificate of a caller's PASSporT")).ok()?;
            Some(Fetched { chain: page.bytes, max_age: page.max_age })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_of_our_own_is_asked() {
        let source = WebSource::new(OutboundConfig::default()).expect("TLS can be set up");
        for address in ["https://127.0.0.1/c", "https://localhost:9/c", "https://[::1]/c", "file:///etc/passwd"] {
            assert_eq!(source.fetch(address).await, None, "{address}");
        }
    }
}
