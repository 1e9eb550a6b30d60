//! Getting SQLite's log onto the disk without holding up its one writer.
//!
//! Every transaction commits with `synchronous = NORMAL`: its pages are in the log, and nobody waits for the disk. What must
//! survive the loss of power then waits here, while others write. One thread syncs the log; whoever committed before a sync
//! began is answered by it, so that many dials cost one.
//!
//! At NORMAL SQLite itself syncs the log before it moves pages from it into the database, and the database before it begins
//! the log anew. What a sync no longer finds in the log is therefore on disk in the database.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Those that may wait for the next sync. More wait to be let in.
const WAITING: usize = 256;

type Waiting = oneshot::Sender<io::Result<()>>;

/// Syncs the log of one database; clones share the thread, which ends with the last of them.
#[derive(Clone, Debug)]
pub(super) struct Syncer {
    waiting: mpsc::Sender<Waiting>,
    #[cfg(test)]
    pub(super) syncs: Arc<AtomicU64>,
}

impl Syncer {
    /// For the database in this file.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(database: &Path) -> io::Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push("-wal");
        let mut log = Log { path: PathBuf::from(name), file: None };
        let (waiting, mut asked) = mpsc::channel::<Waiting>(WAITING);
        #[cfg(test)]
        let (syncs, counted) = {
            let syncs = Arc::new(AtomicU64::new(0));
            (Arc::clone(&syncs), syncs)
        };
        std::thread::Builder::new().name("log sync".to_owned()).spawn(move || {
            let mut group = Vec::new();
            while let Some(first) = asked.blocking_recv() {
                group.push(first);
                while group.len() < WAITING
                    && let Ok(next) = asked.try_recv()
                {
                    group.push(next);
                }
                let synced = log.sync();
                #[cfg(test)]
                counted.fetch_add(1, Ordering::Relaxed);
                for waiting in group.drain(..) {
                    let answer = match &synced {
                        Ok(()) => Ok(()),
                        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                    };
                    // Who asked may be gone.
                    let _ = waiting.send(answer);
                }
            }
        })?;
        Ok(Self {
            waiting,
            #[cfg(test)]
            syncs,
        })
    }

    /// Waits until everything that is committed now survives the loss of power.
    ///
    /// # Errors
    /// [`StoreError::Db`] when the disk refuses: it is unknown what of it would survive.
    pub(super) async fn synced(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Db(sqlx::Error::WorkerCrashed);
        self.waiting.send(answer).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|error| StoreError::Db(sqlx::Error::Io(error)))
    }
}

/// The log, kept open: an error of the disk is told to who had it open before.
struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    fn sync(&mut self) -> io::Result<()> {
        // When its last connection closes, SQLite removes the log; a new one has the same name.
        let kept = match self.file.take() {
            Some(file) if file.metadata()?.nlink() > 0 => file,
            Some(_) | None => {
                let file = File::open(&self.path)?;
                // Its name has to survive as well.
                if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    File::open(folder)?.sync_all()?;
                }
                file
            }
        };
        let synced = kept.sync_data();
        self.file = Some(kept);
        synced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("callwright-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
        folder
    }

    #[tokio::test]
    async fn a_log_that_is_not_there_is_no_success_and_a_new_one_is_found() {
        let folder = folder("log-sync");
        let syncer = Syncer::start(&folder.join("test.db")).expect("a thread");
        assert!(matches!(syncer.synced().await, Err(StoreError::Db(sqlx::Error::Io(_)))));
        let log = folder.join("test.db-wal");
        std::fs::write(&log, "pages").expect("a file");
        syncer.synced().await.expect("synced");
        std::fs::remove_file(&log).expect("removed");
        assert!(syncer.synced().await.is_err(), "the one that was removed keeps nothing");
        std::fs::write(&log, "pages").expect("a file");
        syncer.synced().await.expect("synced");
        // A leftover in the temporary folder is no reason to fail.
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn many_that_wait_share_a_sync() {
        let folder = folder("log-syncs");
        std::fs::write(folder.join("test.db-wal"), "pages").expect("a file");
        let syncer = Syncer::start(&folder.join("test.db")).expect("a thread");
        let all = (0..WAITING).map(|_| syncer.synced());
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(Result::is_ok));
        let syncs = syncer.syncs.load(Ordering::Relaxed);
        assert!((1..WAITING as u64 / 2).contains(&syncs), "{syncs} syncs for {WAITING}");
        let _ = std::fs::remove_dir_all(folder);
    }
}
