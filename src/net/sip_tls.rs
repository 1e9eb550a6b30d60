//! TLS under SIP (RFC 3261 section 26.2, RFC 5922): who we are, whom we trust, and which names far ends have to prove.
//!
//! Files are looked at again when a connection is made, at most every half minute: a renewed certificate and other
//! authorities count for the connections made from then on. Those that are up stay up, and so do calls over them. Files that
//! cannot be used leave what was read before in force.

mod files;
mod names;
mod verify;

pub use files::TlsError;
pub use names::TlsNames;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::PeerName;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::UnixTime;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::faults::ConnectionFaults;
use super::sip_alias::Shown;
use crate::config::TlsFiles;
use crate::provider::tls::public_roots;
use crate::time;
use files::{Configs, Stamp};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// What listeners and connections over TLS work with. Clones share it.
#[derive(Clone)]
pub struct SipTls {
    shared: Arc<Shared>,
    names: TlsNames,
    faults: ConnectionFaults,
}

struct Shared {
    files: TlsFiles,
    /// The public authorities, and those of this machine.
    roots: RootCertStore,
    held: Mutex<Held>,
}

struct Held {
    configs: Configs,
    stamp: Stamp,
    looked: Instant,
}

impl SipTls {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let roots = public_roots();
        let stamp = Stamp::of(files);
        let configs = Configs::read(files, &roots)?;
        files::warn_of_readers(files);
        let held = Mutex::new(Held { configs, stamp, looked: time::now().mono });
        let shared = Arc::new(Shared { files: files.clone(), roots, held });
        Ok(Self { shared, names: TlsNames::default(), faults: ConnectionFaults::default() })
    }

    /// Whether others can connect to us: without a certificate of ours nobody can.
    #[must_use]
    pub fn can_listen(&self) -> bool {
        self.shared.files.certificate.is_some()
    }

    /// The names that far ends have to prove.
    #[must_use]
    pub fn names(&self) -> &TlsNames {
        &self.names
    }

    /// Why connections of ours could not be made, those without TLS among them.
    #[must_use]
    pub fn faults(&self) -> &ConnectionFaults {
        &self.faults
    }

    /// Proves who we are to somebody who connected.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let server = self.configs().await.server.ok_or(io::ErrorKind::Unsupported)?;
        TlsAcceptor::from(server).accept(stream).await.map(TlsStream::Server)
    }

    /// The certificates that somebody showed who connected; none where they are not asked for.
    pub(super) fn shown(stream: &TlsStream<TcpStream>) -> Option<Shown> {
        stream.get_ref().1.peer_certificates().map(|chain| Shown(chain.to_vec()))
    }

    /// Has the far end prove who it is.
    pub(super) async fn connect(&self, name: PeerName, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let host = self.names.of(name).ok_or_else(|| {
            // Whoever connected to us proved no name that a connection of ours could be held against.
            io::Error::new(io::ErrorKind::NotFound, "it is not known which name the far end has to prove")
        })?;
        let client = self.configs().await.client;
        TlsConnector::from(client).connect(host, stream).await.map(TlsStream::Client)
    }

    /// Whether who connected to us has shown what it would have to show if we connected to it under this name.
    pub(super) fn proves(&self, shown: &Shown, name: PeerName) -> bool {
        let (Some(host), Some((own, chain))) = (self.names.of(name), shown.0.split_first()) else { return false };
        let verifier = Arc::clone(&self.shared.held().configs.verifier);
        let seconds = u64::try_from(time::now().wall.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier.verify_server_cert(own, chain, &host, &[], now).is_ok()
    }

    async fn configs(&self) -> Configs {
        let now = time::now().mono;
        if self.shared.is_due(now) {
            // A disk may hang; the connection that waits has its time, all others go on with what is known.
            let shared = Arc::clone(&self.shared);
            let _ = tokio::task::spawn_blocking(move || shared.look()).await;
        }
        self.shared.held().configs.clone()
    }
}

impl fmt::Debug for SipTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipTls").field("can_listen", &self.can_listen()).finish_non_exhaustive()
    }
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to look at the files; true once for each time.
    fn is_due(&self, now: Instant) -> bool {
        let mut held = self.held();
        let due = now.saturating_duration_since(held.looked) >= LOOK;
        if due {
            held.looked = now;
        }
        due
    }

    /// Reads the files again if they have changed.
    fn look(&self) {
        // Before they are read: what changes meanwhile is seen the next time.
        let stamp = Stamp::of(&self.files);
        if stamp == self.held().stamp {
            return;
        }
        let read = Configs::read(&self.files, &self.roots);
        let mut held = self.held();
        held.stamp = stamp;
        match read {
            Ok(configs) => {
                held.configs = configs;
                tracing::info!("the certificates of SIP over TLS were read again; new connections use them");
            }
            Err(error) => {
                tracing::warn!(%error, "the changed certificates of SIP over TLS cannot be used; those read before stay in force");
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
