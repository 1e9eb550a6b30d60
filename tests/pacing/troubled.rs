//! A carrier that does one thing wrong, played by the test itself, and what reached it.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::process::unix;

/// What is wrong with a carrier.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// It answers every INVITE over UDP with these statuses, the last of which refuses it. `\r\n` ends each header.
    Answers(&'static [(&'static str, &'static str)]),
    /// Nothing comes back over UDP.
    Silence,
    /// Nobody listens at its TCP port.
    Closed,
    /// It resets each connection as soon as TLS begins.
    ResetsTls,
    /// It resets each connection as soon as an INVITE has come by TLS.
    ResetsAfterInvite,
}

impl Trouble {
    /// How the carrier is reached, as trunks say it.
    pub(crate) fn transport(self) -> &'static str {
        match self {
            Self::Answers(_) | Self::Silence => "udp",
            Self::Closed => "tcp",
            Self::ResetsTls | Self::ResetsAfterInvite => "tls",
        }
    }
}

/// An INVITE that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Seconds since 1970 UTC.
    pub(crate) at: f64,
    /// Which call; the same when it is sent again.
    pub(crate) call_id: String,
    /// Who is called.
    pub(crate) number: String,
}

/// An authority, and what it signed for `127.0.0.1`.
pub(crate) struct Trust {
    /// What the server has to trust.
    pub(crate) authority: PathBuf,
    config: Arc<ServerConfig>,
}

impl Trust {
    /// Made anew, in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "troubles");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address").signed_by(&key, &issuer);
        let authority = folder.join("authority.pem");
        std::fs::write(&authority, issuer.pem()).expect("the folder takes files");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![own.expect("a certificate").into()], key)
            .expect("its key");
        Self { authority, config: Arc::new(config) }
    }
}

/// The carrier.
pub(crate) struct Troubled {
    /// Where trunks find it.
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Arrival>>>,
    task: JoinHandle<()>,
}

impl Troubled {
    /// One that has this trouble.
    pub(crate) async fn start(trouble: Trouble, trust: &Trust) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let anywhere = (Ipv4Addr::LOCALHOST, 0);
        let (address, task) = match trouble {
            Trouble::Answers(answers) => {
                let socket = UdpSocket::bind(anywhere).await.expect("a port");
                (socket.local_addr(), tokio::spawn(datagrams(socket, answers, seen.clone())))
            }
            Trouble::Silence => {
                let socket = UdpSocket::bind(anywhere).await.expect("a port");
                (socket.local_addr(), tokio::spawn(datagrams(socket, &[], seen.clone())))
            }
            Trouble::Closed => {
                let listener = TcpListener::bind(anywhere).await.expect("a port");
                // The listener goes with this arm; the port is not given to anybody else within a test's time.
                (listener.local_addr(), tokio::spawn(pending()))
            }
            Trouble::ResetsTls | Trouble::ResetsAfterInvite => {
                let listener = TcpListener::bind(anywhere).await.expect("a port");
                let agrees = matches!(trouble, Trouble::ResetsAfterInvite);
                let acceptor = agrees.then(|| TlsAcceptor::from(trust.config.clone()));
                (listener.local_addr(), tokio::spawn(connections(listener, acceptor, seen.clone())))
            }
        };
        Self { address: address.expect("it is bound"), seen, task }
    }

    /// The INVITEs to these numbers so far, in the order of their arrival.
    pub(crate) fn arrivals(&self, numbers: &[String]) -> Vec<Arrival> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|arrival| numbers.contains(&arrival.number)).cloned().collect()
    }
}

impl Drop for Troubled {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Writes an INVITE down.
fn note(text: &str, seen: &Mutex<Vec<Arrival>>) -> bool {
    let Some(number) = text.strip_prefix("INVITE sip:").and_then(|rest| rest.split('@').next()) else {
        return false;
    };
    let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
    let arrival = Arrival { at: unix(), call_id, number: number.to_owned() };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
    true
}

fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

async fn datagrams(
    socket: UdpSocket,
    answers: &'static [(&'static str, &'static str)],
    seen: Arc<Mutex<Vec<Arrival>>>,
) {
    let mut buffer = vec![0; 65_536];
    // A socket that has been closed says so only when the test is over.
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if !note(&text, &seen) {
            continue;
        }
        for (status, headers) in answers {
            let copied = ["Via", "From", "Call-ID", "CSeq"]
                .map(|name| format!("{name}: {}\r\n", header(&text, name).unwrap_or_default()));
            let to = header(&text, "To").unwrap_or_default();
            let answer = format!(
                "SIP/2.0 {status}\r\n{}To: {to};tag=troubled\r\n{headers}Content-Length: 0\r\n\r\n",
                copied.concat()
            );
            // What is lost is asked for again.
            let _ = socket.send_to(answer.as_bytes(), from).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn connections(listener: TcpListener, acceptor: Option<TlsAcceptor>, seen: Arc<Mutex<Vec<Arrival>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, acceptor.clone(), seen.clone()));
    }
}

/// One connection, until it is reset: at the first byte, or where TLS is spoken, at the first INVITE.
async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, seen: Arc<Mutex<Vec<Arrival>>>) {
    let Some(acceptor) = acceptor else {
        // Whatever the other side has said by now, its end is a reset.
        let _ = stream.readable().await;
        let _ = stream.set_zero_linger();
        return;
    };
    let Ok(mut tls) = acceptor.accept(stream).await else { return };
    let mut text = Vec::new();
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        if !matches!(tls.read_buf(&mut text).await, Ok(1..)) {
            return;
        }
    }
    note(&String::from_utf8_lossy(&text), &seen);
    let _ = tls.get_ref().0.set_zero_linger();
}
