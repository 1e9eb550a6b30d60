//! What a certificate has to prove (RFC 5922 section 7).

use std::sync::Arc;

use callwright_sip::message::{Host, Scheme, Uri};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

/// Looks at the certificates of those we connect to.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    wildcards: bool,
}

impl ServerVerifier {
    pub(super) fn new(roots: RootCertStore, provider: &CryptoProvider, wildcards: bool) -> Self {
        Self { roots, algorithms: provider.signature_verification_algorithms, wildcards }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, self.algorithms.all)?;
        let ServerName::DnsName(host) = server_name else {
            return verify_server_name(&certificate, server_name).map(|()| ServerCertVerified::assertion());
        };
        let usual = || self.wildcards && verify_server_name(&certificate, server_name).is_ok();
        if proves(end_entity, host.as_ref())? || usual() {
            return Ok(ServerCertVerified::assertion());
        }
        let expected = server_name.to_owned();
        Err(CertificateError::NotValidForNameContext { expected, presented: presented(end_entity)? }.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether the certificate is for this SIP domain: a `sip:` URI without user, or a DNS name, says exactly that (sections 7.1 and
/// 7.2). A name with an asterisk says nothing, and the subject's common name is not looked at.
fn proves(certificate: &CertificateDer<'_>, host: &str) -> Result<bool, Error> {
    let certificate = entity(certificate)?;
    let is_host = |name: &str| name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case(host);
    Ok(certificate.valid_dns_names().any(is_host)
        || certificate.valid_uri_names().filter_map(domain).any(|name| is_host(&name)))
}

/// The SIP domain that a URI in a certificate stands for.
fn domain(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri.as_bytes()).ok()?;
    match &uri.host {
        Host::Name(_) if uri.scheme == Scheme::Sip && uri.user.is_none() => Some(uri.host.to_string()),
        Host::Name(_) | Host::V4(_) | Host::V6(_) | Host::Absent => None,
    }
}

/// What it is for, to be told to the operator. A certificate may name very many.
fn presented(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Error> {
    let certificate = entity(certificate)?;
    let names = certificate.valid_dns_names().chain(certificate.valid_uri_names());
    Ok(names.take(8).map(|name| name.chars().take(255).collect()).collect())
}

fn entity<'a>(certificate: &'a CertificateDer<'a>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

/// Looks at the certificates of those who connect to us, where that is asked for. One that is meant for servers alone is as good
/// as one for clients: a SIP server is both, and public authorities sign hardly any others any more.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    usual: Arc<dyn ClientCertVerifier>,
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(super) fn new(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Self, VerifierBuilderError> {
        let usual =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(provider)).build()?;
        Ok(Self { usual, roots, algorithms: provider.signature_verification_algorithms })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.usual.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.usual.verify_client_cert(end_entity, intermediates, now) {
            Err(Error::InvalidCertificate(
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
            )) => {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                let all = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, all)?;
                Ok(ClientCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
