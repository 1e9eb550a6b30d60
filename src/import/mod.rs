//! Files with contacts and cases: kept while they are needed, read in the background, row by row.
//!
//! A file lies in the data folder of the node that took it, and that node imports it. Reading is a thread's work, writing goes
//! through the database in pieces; a piece says in its own transaction how far it is, so that a restarted server goes on where it
//! was and no row counts twice.

pub mod fault;
mod ods;
mod run;
pub mod sheet;
mod xlsx;
mod xml;
mod zip;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::id::ImportId;
use crate::shutdown::Shutdown;
use crate::store::import::{self, ImportState};
use crate::store::org::PhoneKey;
use crate::store::{Db, StoreError};

/// Another look at least so often, for what another node has asked for.
const RECHECK: Duration = Duration::from_secs(15);
/// Endings of files in the folder.
const UPLOAD: &str = "upload";

/// The files of this node; clones share them.
#[derive(Clone, Debug)]
pub struct Imports {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    wake: Notify,
}

impl Imports {
    /// Files in this folder, which is made when the first one comes.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { inner: Arc::new(Inner { folder, wake: Notify::new() }) }
    }

    /// Where they lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Where the file of an import lies, if it lies here.
    #[must_use]
    pub fn path(&self, id: ImportId) -> PathBuf {
        self.inner.folder.join(id.to_string()).with_extension(UPLOAD)
    }

    /// There is something to do.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Does all there is to do: imports whose files lie here, and undoing.
    ///
    /// # Errors
    /// When the database fails; what was being imported goes on at the next call.
    pub async fn work(&self, db: &Db, key: &PhoneKey) -> Result<(), StoreError> {
        let open = import::open(&mut db.read().await?).await?;
        for (id, state) in open {
            if state == ImportState::Undoing {
                loop {
                    let mut tx = db.begin().await?;
                    let more = import::undo_step(&mut tx, key, id).await?;
                    tx.commit().await?;
                    if !more {
                        break;
                    }
                }
            } else if tokio::fs::try_exists(self.path(id)).await.unwrap_or(false) {
                run::run(db, key, self, id).await?;
            }
        }
        self.tidy(db).await
    }

    /// Takes files away that nothing needs, and imports that need not be told of any longer.
    async fn tidy(&self, db: &Db) -> Result<(), StoreError> {
        loop {
            let mut tx = db.begin().await?;
            let forgotten = import::forget(&mut tx).await?;
            tx.commit().await?;
            if forgotten == 0 {
                break;
            }
        }
        let Ok(mut entries) = tokio::fs::read_dir(&self.inner.folder).await else { return Ok(()) };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let path = entry.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<ImportId>().ok());
            let (Some(id), Some(UPLOAD)) = (id, path.extension().and_then(|ending| ending.to_str())) else { continue };
            // One that is being uploaded has no row yet.
            let age = entry.metadata().await.and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
            let is_young = age.is_none_or(|age| age < Duration::from_secs(24 * 3600));
            let mut tx = db.read().await?;
            let is_known = import::is_there(&mut tx, id).await?;
            if (is_known || !is_young) && !import::needs_file(&mut tx, id).await? {
                drop(tx);
                if let Err(error) = tokio::fs::remove_file(&path).await {
                    tracing::warn!(import = %id, %error, "the file of an import stays");
                }
            }
        }
        Ok(())
    }
}

/// Imports what there is until the server ends.
pub async fn keep(db: Db, key: PhoneKey, imports: Imports, shutdown: Shutdown) {
    loop {
        tokio::select! {
            done = imports.work(&db, &key) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "imports wait for a moment");
                }
            }
            () = shutdown.asked() => return,
        }
        tokio::select! {
            () = imports.inner.wake.notified() => {}
            () = tokio::time::sleep(RECHECK) => {}
            () = shutdown.asked() => return,
        }
    }
}
