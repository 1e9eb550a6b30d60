//! One TLS setting for everything that connects to a vendor: HTTP and websockets alike.

use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// What a websocket or a bare connection uses. No protocol is negotiated by ALPN.
///
/// Trusted are the public authorities that are built in, so that a machine without certificates works, and those that
/// the machine trusts, so that a vendor inside the company works.
#[must_use]
pub fn config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| Arc::new(build())))
}

/// The same for HTTP: HTTP/2 where the server has it, so that giving up one answer does not cost the connection.
#[must_use]
pub fn http_config() -> ClientConfig {
    let mut config = ClientConfig::clone(&config());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// The public authorities that are built in and those that the machine trusts.
#[must_use]
pub fn public_roots() -> RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let (_, broken) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if broken > 0 {
            tracing::debug!(broken, "certificates of this machine that cannot be read are not trusted");
        }
        roots
    };
    ROOTS.get_or_init(read).clone()
}

fn build() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_root_certificates(public_roots())
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_negotiates_a_protocol() {
        assert!(config().alpn_protocols.is_empty(), "a websocket server must not choose HTTP/2");
        assert_eq!(http_config().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }
}
