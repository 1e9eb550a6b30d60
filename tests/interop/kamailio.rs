//! kamailio as the registrar and proxy between us and telephones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use callwright::config::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use crate::program::{Program, free_ports};

/// One that runs.
pub(crate) struct Kamailio {
    pub(crate) program: Program,
    port: u16,
    /// Our side of TLS: a certificate of the same authority as its own.
    pub(crate) ours: TlsFiles,
}

impl Kamailio {
    pub(crate) async fn start() -> Self {
        let port = free_ports(2);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a plain name").to_owned();
        let authority = Authority::new(folder.path());
        let (theirs, ours) = (authority.issue("edge"), authority.issue("ours"));
        let config = include_str!("kamailio.cfg")
            .replace("@PORT@", &port.to_string())
            .replace("@TLS_PORT@", &(port + 1).to_string())
            .replace("@FOLDER@", &path);
        let tls = format!(
            "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
             certificate = {0}\nprivate_key = {1}\nca_list = {2}\n\
             [client:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
             certificate = {0}\nprivate_key = {1}\nca_list = {2}\n",
            shown(theirs.certificate.as_deref()),
            shown(theirs.key.as_deref()),
            shown(theirs.trusted.as_deref()),
        );
        for (name, content) in [("kamailio.cfg", config), ("tls.cfg", tls)] {
            std::fs::write(folder.path().join(name), content).expect("the folder is ours");
        }
        let mut program = start(folder, &path);
        // Its workers have their sockets from before it forks; this is the last to come up.
        program.is_so("it serves", |_| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port + 1)).is_ok()).await;
        Self { program, port, ours }
    }

    /// Over UDP and TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// Over UDP alone.
    pub(crate) fn address_v6(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), self.port)
    }

    /// Over TLS; it proves to be 127.0.0.1.
    pub(crate) fn edge(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port + 1)
    }
}

/// In the foreground, with little memory, and its control files in its folder.
fn start(folder: TempDir, path: &str) -> Program {
    let config = format!("{path}/kamailio.cfg");
    Program::start("kamailio", folder, &["-f", &config, "-DD", "-E", "-m", "32", "-M", "4", "-Y", path])
}

fn shown(path: Option<&Path>) -> String {
    path.expect("it is named").display().to_string()
}

/// Issues certificates for 127.0.0.1.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        std::fs::write(folder.join("authority.pem"), issuer.pem()).expect("the folder is ours");
        Self { folder: folder.to_owned(), issuer }
    }

    pub(crate) fn issue(&self, name: &str) -> TlsFiles {
        let params = CertificateParams::new(vec![Ipv4Addr::LOCALHOST.to_string()]).expect("an address");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |kind: &str| self.folder.join(format!("{name}.{kind}"));
        std::fs::write(file("pem"), certificate.pem()).expect("the folder is ours");
        std::fs::write(file("key"), key.serialize_pem()).expect("the folder is ours");
        TlsFiles {
            certificate: Some(file("pem")),
            key: Some(file("key")),
            trusted: Some(self.folder.join("authority.pem")),
            ..TlsFiles::default()
        }
    }
}
