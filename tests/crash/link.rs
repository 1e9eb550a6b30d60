//! The way from a server to PostgreSQL, which a test can break.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// PostgreSQL's name for a socket of its usual port.
const SOCKET: &str = ".s.PGSQL.5432";

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passes {
    /// Everything.
    Everything,
    /// Requests, but no answers: what was committed is not known to be.
    Requests,
    /// Nothing, but connections stay open.
    Nothing,
    /// No connection, neither those that were there nor new ones.
    NoConnection,
}

/// A proxy on a Unix socket of its own.
#[derive(Debug)]
pub(crate) struct Link {
    /// The database's address over this link.
    pub(crate) address: String,
    passes: watch::Sender<Passes>,
    proxy: JoinHandle<()>,
}

impl Link {
    /// A link to the database at `address`, whose `host` is the folder of a socket, with its own socket in `folder`.
    pub(crate) fn new(address: &str, folder: &Path) -> Self {
        let (rest, upstream) = address.split_once("?host=").expect("the address of a socket");
        let upstream = PathBuf::from(upstream).join(SOCKET);
        let listener = UnixListener::bind(folder.join(SOCKET)).expect("the folder takes a socket");
        let (passes, state) = watch::channel(Passes::Everything);
        let proxy = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() != Passes::NoConnection {
                    tokio::spawn(connect(client, upstream.clone(), state.clone()));
                }
            }
        });
        Self { address: format!("{rest}?host={}", folder.display()), passes, proxy }
    }

    /// From now on this passes.
    pub(crate) fn set(&self, passes: Passes) {
        self.passes.send_replace(passes);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.proxy.abort();
    }
}

async fn connect(client: UnixStream, upstream: PathBuf, state: watch::Receiver<Passes>) {
    let Ok(server) = UnixStream::connect(upstream).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // An end of either direction is the end of both: a test sees connections break, not half of them.
    tokio::select! {
        _ = pump(from_client, to_server, state.clone(), false) => {}
        _ = pump(from_server, to_client, state, true) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<Passes>,
    answers: bool,
) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let passes = *state.borrow_and_update();
        match passes {
            Passes::NoConnection => return Ok(()),
            Passes::Nothing => state.changed().await.map_err(gone)?,
            Passes::Requests if answers => state.changed().await.map_err(gone)?,
            Passes::Requests | Passes::Everything => tokio::select! {
                biased;
                changed = state.changed() => changed.map_err(gone)?,
                read = from.read(&mut buffer) => match read? {
                    0 => return Ok(()),
                    bytes => to.write_all(&buffer[..bytes]).await?,
                },
            },
        }
    }
}
