//! Where recordings lie, and how they are read.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::remote::{Remote, RemoteError};
use crate::store::recording::{Filed, RecordingState};

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// The recordings. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Vault {
    folder: Arc<Path>,
    remote: Option<Remote>,
}

/// The file of a recording, to be read from.
#[derive(Debug)]
pub struct Sound {
    /// Its length in bytes.
    pub length: u64,
    /// Its media type.
    pub media_type: &'static str,
    /// A tag of its bytes, in quotes (RFC 9110 section 8.8.3).
    pub tag: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Disk(File),
    Store { remote: Remote, path: String },
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It is not where it should be: on the disk of another server, or removed by hand.
    #[error("it does not lie here")]
    NotHere,
    /// The disk fails.
    #[error("a recording cannot be read")]
    Io(#[from] io::Error),
    /// It lies in an object store that cannot be reached, or none is set any longer.
    #[error("a recording lies in an object store that does not answer")]
    Away(#[source] Option<RemoteError>),
}

impl From<RemoteError> for VaultError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::NotThere => Self::NotHere,
            RemoteError::File(error) => Self::Io(error),
            RemoteError::Store(_) | RemoteError::Differs => Self::Away(Some(error)),
        }
    }
}

impl Vault {
    /// The recordings of a folder, and those that were taken from it to an object store.
    #[must_use]
    pub fn new(folder: PathBuf, remote: Option<Remote>) -> Self {
        Self { folder: folder.into(), remote }
    }

    /// The object store, if there is one.
    #[must_use]
    pub const fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens the file of a recording.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn open(&self, filed: &Filed) -> Result<Sound, VaultError> {
        if let (RecordingState::Stored, Some(length), Some(sha256)) = (filed.state, filed.bytes, &filed.sha256) {
            let remote = self.remote.clone().ok_or(VaultError::Away(None))?;
            let media_type = media_type(Path::new(&filed.path));
            let source = Source::Store { remote, path: filed.path.clone() };
            return Ok(Sound { length, media_type, tag: strong_tag(sha256), source });
        }
        let wanted = self.folder.join(&filed.path);
        // It may be encoded just now, after its path was read: then the other one has come, and the tag is not its.
        let encoded = wanted.with_extension("ogg");
        for (path, known) in [(&wanted, filed.sha256.as_deref()), (&encoded, None)] {
            let file = match File::open(path).await {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let about = file.metadata().await?;
            let tag = match known {
                Some(sha256) => strong_tag(sha256),
                None => {
                    let changed = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                    format!("\"{:x}-{:x}\"", about.len(), changed.unwrap_or_default().as_micros())
                }
            };
            let source = Source::Disk(file);
            return Ok(Sound { length: about.len(), media_type: media_type(path), tag, source });
        }
        Err(VaultError::NotHere)
    }
}

impl Sound {
    /// These bytes of it, piece by piece.
    ///
    /// # Errors
    /// [`VaultError`]; later, when it fails then.
    pub async fn read(self, part: Range<u64>) -> Result<BoxStream<'static, io::Result<Bytes>>, VaultError> {
        match self.source {
            Source::Disk(mut file) => {
                file.seek(io::SeekFrom::Start(part.start)).await?;
                let length = part.end.saturating_sub(part.start);
                Ok(ReaderStream::with_capacity(file.take(length), CHUNK).boxed())
            }
            Source::Store { remote, path } => Ok(remote.read(&path, part).await?),
        }
    }
}

fn strong_tag(sha256: &str) -> String {
    format!("\"{}\"", sha256.get(..32).unwrap_or(sha256))
}

fn media_type(path: &Path) -> &'static str {
    if path.extension().is_some_and(|kind| kind == "ogg") { "audio/ogg; codecs=opus" } else { "audio/wav" }
}
