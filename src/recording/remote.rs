//! The object store that recordings are taken to.

use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::job::hex;
use crate::config::RecordingStoreConfig;
use crate::store::recording::Parcel;

/// Longest file that is sent at once; longer ones go in parts of this length. S3 takes parts from 5 MiB on.
const PART: usize = 8 << 20;
/// Patience with a connection, and with a store that is silent in the middle of an answer.
const CONNECT: Duration = Duration::from_secs(5);
const SILENT: Duration = Duration::from_secs(30);
/// A request that failed is sent again so often and for so long; then the recording waits for its next turn.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(20);

/// The object store. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

/// Why an object was not stored, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such object.
    #[error("there is no such object")]
    NotThere,
    /// The store cannot be reached, or refuses.
    #[error("the object store: {0}")]
    Store(#[source] object_store::Error),
    /// The file cannot be read.
    #[error("a recording cannot be read")]
    File(#[from] io::Error),
    /// What was read back is not what was recorded: the file on the disk or the object is damaged.
    #[error("what the object store has is not the file that was worked up")]
    Differs,
}

impl From<object_store::Error> for RemoteError {
    fn from(error: object_store::Error) -> Self {
        // Not one of ours: new kinds come with new versions, and all are told.
        if matches!(error, object_store::Error::NotFound { .. }) { Self::NotThere } else { Self::Store(error) }
    }
}

impl Remote {
    /// The store of the settings. It is not spoken to yet.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(config: &RecordingStoreConfig) -> Result<Self, RemoteError> {
        let options = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT)
            .with_read_timeout(SILENT)
            .with_allow_http(config.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")));
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() };
        // The standard variables first: keys, roles of containers and machines. What is set here counts more.
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_virtual_hosted_style_request(!config.path_style)
            // One request an object: not every store knows how to remove several at once.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let (Some(id), Some(key)) = (&config.access_key_id, &config.secret_access_key) {
            builder = builder.with_access_key_id(id.expose_secret()).with_secret_access_key(key.expose_secret());
        }
        Ok(Self { store: Arc::new(builder.build()?), prefix: config.prefix.clone() })
    }

    /// Stores a file and reads it back. When this is done the object is there, as long as the file that was worked up and
    /// with its digest.
    ///
    /// # Errors
    /// [`RemoteError`]; the file has to stay.
    pub async fn store(&self, file: &FilePath, parcel: &Parcel) -> Result<(), RemoteError> {
        let mut file = File::open(file).await?;
        let name = self.name(&parcel.path);
        if parcel.bytes <= PART as u64 {
            let mut bytes = Vec::with_capacity(usize::try_from(parcel.bytes).unwrap_or(0));
            file.take(PART as u64 + 1).read_to_end(&mut bytes).await?;
            self.store.put(&name, PutPayload::from(bytes)).await?;
        } else {
            let mut upload = self.store.put_multipart(&name).await?;
            let sent = send(&mut *upload, &mut file).await;
            if sent.is_err() {
                // Parts that nobody puts together would cost money.
                let _ = upload.abort().await;
            }
            sent?;
        }
        self.check(&name, parcel).await
    }

    async fn check(&self, name: &Path, parcel: &Parcel) -> Result<(), RemoteError> {
        let mut stored = self.store.get(name).await?.into_stream();
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        while let Some(piece) = stored.try_next().await? {
            bytes += piece.len() as u64;
            digest.update(&piece);
        }
        let agrees = bytes == parcel.bytes && hex(&digest.finalize()) == parcel.sha256;
        if agrees { Ok(()) } else { Err(RemoteError::Differs) }
    }

    /// These bytes of an object, piece by piece.
    ///
    /// # Errors
    /// [`RemoteError`]; later, when it fails then.
    pub async fn read(
        &self,
        path: &str,
        part: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, RemoteError> {
        if part.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions::default().with_range(Some(GetRange::Bounded(part)));
        let found = self.store.get_opts(&self.name(path), options).await?;
        Ok(found.into_stream().map_err(io::Error::other).boxed())
    }

    /// Removes an object. One that is not there is removed.
    ///
    /// # Errors
    /// [`RemoteError`]
    pub async fn remove(&self, path: &str) -> Result<(), RemoteError> {
        match self.store.delete(&self.name(path)).await.map_err(RemoteError::from) {
            Ok(()) | Err(RemoteError::NotThere) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The name of the object of a file.
    fn name(&self, path: &str) -> Path {
        Path::from_iter(self.prefix.split('/').chain(path.split('/')).filter(|part| !part.is_empty()))
    }
}

/// Sends a file in parts and has them put together.
async fn send(upload: &mut dyn MultipartUpload, file: &mut File) -> Result<(), RemoteError> {
    loop {
        let mut part = Vec::with_capacity(PART);
        (&mut *file).take(PART as u64).read_to_end(&mut part).await?;
        if part.is_empty() {
            upload.complete().await?;
            return Ok(());
        }
        upload.put_part(PutPayload::from(part)).await?;
    }
}
