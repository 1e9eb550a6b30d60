use super::*;

use std::path::PathBuf;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An authority made for a test, in a folder of its own.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // No two authorities have the same name.
        params.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        std::fs::write(folder.path().join("authority.pem"), issuer.pem()).expect("it is written");
        Self { folder, issuer }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Files of a certificate for this name, in place of those made before.
    pub(crate) fn issue(&self, name: &str) -> TlsFiles {
        self.issue_with(CertificateParams::new(vec![name.to_owned()]).expect("a name"))
    }

    pub(crate) fn issue_with(&self, params: CertificateParams) -> TlsFiles {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (first, second) = (self.folder.path().join("own.pem"), self.folder.path().join("own.key"));
        std::fs::write(&first, certificate.pem()).expect("it is written");
        std::fs::write(&second, key.serialize_pem()).expect("it is written");
        TlsFiles { certificate: Some(first), key: Some(second), ..self.trusting() }
    }

    /// Files of somebody who trusts this authority and has no certificate.
    pub(crate) fn trusting(&self) -> TlsFiles {
        TlsFiles { trusted: Some(self.path()), ..TlsFiles::default() }
    }
}

/// A far end that shows its certificate at an address of its own.
struct FarEnd {
    tls: SipTls,
    listener: TcpListener,
}

impl FarEnd {
    async fn new(files: &TlsFiles) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("loopback binds");
        Self { tls: SipTls::new(files).expect("usable files"), listener }
    }

    /// Whether somebody with these files takes it for this host, or why not.
    async fn proves(&self, host: &str, files: &TlsFiles) -> Result<(), String> {
        let tls = SipTls::new(files).expect("usable files");
        self.proves_to(host, &tls).await
    }

    async fn proves_to(&self, host: &str, tls: &SipTls) -> Result<(), String> {
        self.connected(host, tls).await.map(drop)
    }

    /// Their end of a connection to this host, and this one.
    async fn connected(
        &self,
        host: &str,
        tls: &SipTls,
    ) -> Result<(TlsStream<TcpStream>, TlsStream<TcpStream>), String> {
        let name = tls.names().learn(host).expect("a name");
        let address = self.listener.local_addr().expect("bound");
        let accept = async {
            let (stream, _) = self.listener.accept().await.expect("somebody comes");
            self.tls.accept(stream).await
        };
        let connect = async { tls.connect(name, TcpStream::connect(address).await.expect("it listens")).await };
        let (accepted, connected) = tokio::join!(accept, connect);
        // A server that refuses a client's certificate says so after TLS 1.3 let the client think that it was in.
        let connected = connected.map_err(|error| error.to_string())?;
        accepted.map(|accepted| (connected, accepted)).map_err(|error| error.to_string())
    }

    /// The certificate that is shown to a new connection.
    async fn shown(&self, tls: &SipTls, host: &str) -> bool {
        self.proves_to(host, tls).await.is_ok()
    }
}

fn named(names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("a name"))
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().expect("a URI"))
}

#[tokio::test]
async fn a_certificate_proves_what_it_names_and_no_more() {
    let host = "sip.example.org";
    let cases = [
        (vec![dns(host)], true),
        (vec![dns("SIP.Example.ORG")], true),
        (vec![dns("other.example.org"), dns(host)], true),
        (vec![uri("sip:sip.example.org")], true),
        (vec![dns("other.example.org"), uri("sip:sip.example.org")], true),
        (vec![uri("sip:alice@sip.example.org")], false),
        (vec![uri("sips:sip.example.org")], false),
        (vec![uri("https://sip.example.org")], false),
        (vec![uri("sip:example.org")], false),
        (vec![dns("example.org")], false),
        (vec![dns("*.example.org")], false),
        (vec![SanType::IpAddress([127, 0, 0, 1].into())], false),
    ];
    let authority = Authority::new();
    for (names, right) in cases {
        let shown = format!("{names:?}");
        let far = FarEnd::new(&authority.issue_with(named(names))).await;
        let verdict = far.proves(host, &authority.trusting()).await;
        assert_eq!(verdict.is_ok(), right, "{shown}: {verdict:?}");
        if let Err(why) = verdict {
            assert!(why.contains(host), "the host that was expected is told: {why}");
        }
    }
}

#[tokio::test]
async fn wildcards_count_where_they_are_allowed() {
    let authority = Authority::new();
    let far = FarEnd::new(&authority.issue("*.carrier.example")).await;
    let lenient = TlsFiles { wildcards: true, ..authority.trusting() };
    assert_eq!(far.proves("mine.carrier.example", &lenient).await, Ok(()));
    assert!(far.proves("a.mine.carrier.example", &lenient).await.is_err(), "for one label only");
    assert!(far.proves("carrier.example", &lenient).await.is_err());
}

#[tokio::test]
async fn an_address_proves_itself_by_an_address() {
    let authority = Authority::new();
    let far = FarEnd::new(&authority.issue_with(named(vec![SanType::IpAddress([192, 0, 2, 7].into())]))).await;
    assert_eq!(far.proves("192.0.2.7", &authority.trusting()).await, Ok(()));
    assert!(far.proves("192.0.2.8", &authority.trusting()).await.is_err());
}

#[tokio::test]
async fn a_certificate_has_to_be_in_force_and_signed_by_somebody_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut old = CertificateParams::new(vec!["sip.example.org".to_owned()]).expect("a name");
    old.not_before = rcgen::date_time_ymd(2001, 1, 1);
    old.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let far = FarEnd::new(&authority.issue_with(old)).await;
    let why = far.proves("sip.example.org", &authority.trusting()).await.expect_err("it is old");
    assert!(why.contains("expired"), "{why}");
    let far = FarEnd::new(&stranger.issue("sip.example.org")).await;
    let why = far.proves("sip.example.org", &authority.trusting()).await.expect_err("nobody knows who signed it");
    assert!(why.contains("UnknownIssuer"), "{why}");
}

#[tokio::test]
async fn who_connects_shows_a_certificate_where_that_is_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let host = "sip.example.org";
    let closed = TlsFiles { client_trusted: Some(authority.path()), ..authority.issue(host) };
    let far = FarEnd::new(&closed).await;
    assert!(far.proves(host, &authority.trusting()).await.is_err(), "none is shown");
    let unknown = TlsFiles { trusted: Some(authority.path()), ..stranger.issue("client.example.org") };
    assert!(far.proves(host, &unknown).await.is_err(), "nobody knows who signed it");
    let mut server_only = CertificateParams::new(vec!["client.example.org".to_owned()]).expect("a name");
    server_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(far.proves(host, &authority.issue_with(server_only)).await, Ok(()), "one of a server");
    let mut mail = CertificateParams::new(vec!["client.example.org".to_owned()]).expect("a name");
    mail.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    assert!(far.proves(host, &authority.issue_with(mail)).await.is_err(), "one for letters");
}

#[tokio::test]
async fn who_connected_to_us_is_never_connected_to() {
    let authority = Authority::new();
    let tls = SipTls::new(&authority.trusting()).expect("usable files");
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("loopback binds");
    let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
    let error = tls.connect(PeerName::NONE, stream).await.expect_err("there is no name");
    assert!(error.to_string().contains("not known which name"), "{error}");
}

/// Gives a file another time, whatever the grain of the disk's clock.
fn touch(path: &std::path::Path, day: u64) {
    let file = std::fs::File::options().write(true).open(path).expect("it is there");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)).expect("a time");
}

#[tokio::test]
async fn changed_files_are_used_without_a_restart_and_broken_ones_are_not() {
    let authority = Authority::new();
    let files = authority.issue("one.example");
    let certificate = files.certificate.clone().expect("a file");
    let far = FarEnd::new(&files).await;
    let tls = SipTls::new(&authority.trusting()).expect("usable files");
    authority.issue("two.example");
    touch(&certificate, 1);
    let (mut old, mut theirs) = far.connected("one.example", &tls).await.expect("not looked at yet");
    far.tls.shared.look();
    assert!(far.shown(&tls, "two.example").await);
    std::fs::write(&certificate, "nothing of use").expect("it is written");
    touch(&certificate, 2);
    far.tls.shared.look();
    assert!(far.shown(&tls, "two.example").await, "the old one stays");
    authority.issue("three.example");
    touch(&certificate, 3);
    far.tls.shared.look();
    assert!(far.shown(&tls, "three.example").await);
    // What is up stays up.
    old.write_all(b"still here").await.expect("it is up");
    old.flush().await.expect("it is up");
    let mut heard = [0; 10];
    theirs.read_exact(&mut heard).await.expect("it is up");
    assert_eq!(&heard, b"still here");
    // Authorities as well: another one signs from now on.
    let successor = Authority::new();
    let far = FarEnd::new(&successor.issue("four.example")).await;
    assert!(!far.shown(&tls, "four.example").await);
    std::fs::copy(successor.path(), authority.path()).expect("it is written");
    touch(&authority.path(), 4);
    tls.shared.look();
    assert!(far.shown(&tls, "four.example").await);
}

#[test]
fn files_are_looked_at_every_half_minute_by_one() {
    let tls = SipTls::new(&TlsFiles::default()).expect("nothing is needed to call");
    let read = tls.shared.held().looked;
    assert!(!tls.shared.is_due(read + LOOK / 2));
    assert!(tls.shared.is_due(read + LOOK));
    assert!(!tls.shared.is_due(read + LOOK), "somebody is at it");
    assert!(tls.shared.is_due(read + LOOK * 2));
}

#[tokio::test]
async fn a_second_connection_proves_itself_anew() {
    let authority = Authority::new();
    let far = FarEnd::new(&authority.issue("sip.example.org")).await;
    let tls = SipTls::new(&authority.trusting()).expect("usable files");
    for _ in 0..2 {
        let (connected, _accepted) = far.connected("sip.example.org", &tls).await.expect("agreed");
        let TlsStream::Client(connected) = connected else { panic!("it is the client") };
        assert_eq!(connected.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[test]
fn faults_name_the_setting_the_file_and_the_remedy() {
    let authority = Authority::new();
    let files = authority.issue("one.example");
    let fault = |files: TlsFiles| SipTls::new(&files).expect_err("unusable").to_string();
    let missing = fault(TlsFiles { key: Some("/no/such/key.pem".into()), ..files.clone() });
    assert!(missing.starts_with("sip.tls.key: /no/such/key.pem: it cannot be read"), "{missing}");
    let swapped = fault(TlsFiles { certificate: files.key.clone(), ..files.clone() });
    assert!(swapped.starts_with("sip.tls.certificate: ") && swapped.contains("BEGIN CERTIFICATE"), "{swapped}");
    let swapped = fault(TlsFiles { key: files.certificate.clone(), ..files.clone() });
    assert!(swapped.starts_with("sip.tls.key: ") && swapped.contains("PKCS#8"), "{swapped}");
    let other = Authority::new().issue("two.example");
    let strange = TlsFiles { key: other.key.clone(), ..files.clone() };
    // Its folder is gone with its authority.
    assert!(fault(strange).contains("it cannot be read"));
    let second = Authority::new();
    let strange = fault(TlsFiles { key: second.issue("two.example").key, ..files.clone() });
    assert!(strange.contains("does not belong to the first certificate in"), "{strange}");
    let folder = fault(TlsFiles { trusted: Some(std::env::temp_dir()), ..files.clone() });
    assert!(folder.starts_with("sip.tls.trusted: ") && folder.contains("no file"), "{folder}");
    assert!(!SipTls::new(&TlsFiles::default()).expect("nothing is needed to call").can_listen());
    assert!(SipTls::new(&files).expect("usable files").can_listen());
}

#[test]
fn nothing_that_is_printed_holds_the_key() {
    let authority = Authority::new();
    let files = authority.issue("one.example");
    let key = std::fs::read_to_string(files.key.as_ref().expect("a file")).expect("it is there");
    let secret = key.lines().nth(1).expect("a line of it");
    let tls = SipTls::new(&files).expect("usable files");
    let configs = tls.shared.held().configs.clone();
    let printed = format!("{tls:?} {:?} {:?}", configs.client, configs.server);
    assert!(!printed.contains(secret));
    // A broken key is not repeated either.
    std::fs::write(files.key.as_ref().expect("a file"), key.replace("-----END", "-----BEND")).expect("it is written");
    let error = SipTls::new(&files).expect_err("broken");
    assert!(!format!("{error} {error:?}").contains(secret), "{error}");
}
