//! From files in PEM to settings of TLS, and what is wrong with files from which none can be made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::verify::{ClientVerifier, ServerVerifier};
use crate::config::TlsFiles;

/// Larger files hold something else.
const LONGEST: u64 = 4 * 1024 * 1024;

/// TLS cannot be set up. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    #[error("{field}: {}: {problem}", path.display())]
    File {
        /// The setting that names it.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is needed.
        problem: String,
    },
    /// The machine's cryptography does not do what is needed.
    #[error("the cryptography of this machine: {0}")]
    Setup(#[from] rustls::Error),
}

/// What connections are made with.
#[derive(Clone)]
pub(super) struct Configs {
    pub(super) client: Arc<ClientConfig>,
    /// What it asks of the far end.
    pub(super) verifier: Arc<ServerVerifier>,
    /// None without a certificate of ours: then nobody can connect to us by TLS.
    pub(super) server: Option<Arc<ServerConfig>>,
}

impl Configs {
    /// Reads everything that the settings name, and trusts `roots` beside it.
    pub(super) fn read(files: &TlsFiles, roots: &RootCertStore) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let own = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                Some(Arc::new(SingleCertAndKey::from(pair(certificate, key, &provider)?)))
            }
            (_, _) => None,
        };
        let mut roots = roots.clone();
        if let Some(path) = &files.trusted {
            trust(&mut roots, "sip.tls.trusted", path)?;
        }
        let verifier = Arc::new(ServerVerifier::new(roots, &provider, files.wildcards));
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
        let mut client = match &own {
            Some(own) => client.with_client_cert_resolver(Arc::clone(own) as _),
            None => client.with_no_client_auth(),
        };
        // Connections last for hours. What a resumed one would save is not worth that nobody's certificate is looked at.
        client.resumption = Resumption::disabled();
        let server = own.map(|own| server(own, files, &provider)).transpose()?;
        Ok(Self { client: Arc::new(client), verifier, server: server.map(Arc::new) })
    }
}

fn server(
    own: Arc<SingleCertAndKey>,
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.client_trusted {
        Some(path) => {
            let field = "sip.tls.client_trusted";
            let mut roots = RootCertStore::empty();
            trust(&mut roots, field, path)?;
            let verifier = ClientVerifier::new(roots, provider).map_err(|error| TlsError::File {
                field,
                path: path.clone(),
                problem: error.to_string(),
            })?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(own);
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(server)
}

/// Adds the authorities of a file.
fn trust(roots: &mut RootCertStore, field: &'static str, path: &Path) -> Result<(), TlsError> {
    for (number, certificate) in (1..).zip(certificates(field, path)?) {
        roots.add(certificate).map_err(|error| {
            let problem = format!("certificate {number} of the file cannot be an authority: {error}");
            TlsError::File { field, path: path.to_owned(), problem }
        })?;
    }
    Ok(())
}

/// Our certificate with its chain and key.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is wrong with a file is told as it is")]
fn pair(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates("sip.tls.certificate", certificate)?;
    let fault = |problem: String| TlsError::File { field: "sip.tls.key", path: key.to_owned(), problem };
    let bytes = read("sip.tls.key", key)?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        PemError::NoItemsFound => fault(
            "it holds no private key: a PEM file with an unencrypted PKCS#8, PKCS#1 or SEC1 key is needed".to_owned(),
        ),
        error => fault(format!("it is not readable as PEM: {error}")),
    })?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => fault(format!(
            "the key does not belong to the first certificate in {}: the server's own certificate has to come first, what \
             leads from it to an authority behind it",
            certificate.display()
        )),
        error => fault(format!("the key or its certificate {} cannot be used: {error}", certificate.display())),
    })
}

fn certificates(field: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |problem: String| TlsError::File { field, path: path.to_owned(), problem };
    let bytes = read(field, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| fault(format!("it is not readable as PEM: {error}")))?;
    if all.is_empty() {
        return Err(fault("it holds no certificate: a PEM file with BEGIN CERTIFICATE is needed".to_owned()));
    }
    Ok(all)
}

fn read(field: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let fault = |problem: String| TlsError::File { field, path: path.to_owned(), problem };
    let unreadable = |error: std::io::Error| {
        fault(format!("it cannot be read ({error}): the file has to exist and be readable for the server's user"))
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(fault(format!("it is no file of at most {} MiB", LONGEST / 1024 / 1024)));
    }
    std::fs::read(path).map_err(unreadable)
}

/// What tells one version of the files from the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64)>; 4]);

impl Stamp {
    pub(super) fn of(files: &TlsFiles) -> Self {
        let each = [&files.certificate, &files.key, &files.trusted, &files.client_trusted];
        Self(each.map(|path| {
            let about = std::fs::metadata(path.as_ref()?).ok()?;
            Some((about.modified().ok()?, about.len()))
        }))
    }
}

/// Says so when the private key is open to everybody on this machine.
pub(super) fn warn_of_readers(files: &TlsFiles) {
    #[cfg(unix)]
    if let Some(path) = &files.key
        && is_open(path)
    {
        tracing::warn!(file = %path.display(), "everybody on this machine can read sip.tls.key: chmod o-rwx");
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o007 != 0)
}
