//! Finds recordings that wait for work and has it done; nodes that share a database each do their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::job::{Done, JobError};
use super::remote::{Remote, RemoteError};
use super::vault::Vault;
use super::workers::Workers;
use crate::config::RecordingFormat;
use crate::id::CallId;
use crate::store::recording::{self, Parcel, RecordingState, Waiting};
use crate::store::{Db, StoreError, Wake, files};
use crate::time;

/// The keeper looks at least this often: mends lost notifications, and tries again what a full disk refused.
const RECHECK: Duration = Duration::from_secs(60);
/// Pause between two looks, however many calls end.
const PAUSE: Duration = Duration::from_secs(2);
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(5);
/// Pause after the object store failed: from, and up to.
const STORE_RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// Recordings of one look at the database.
const PAGE: i64 = 100;

/// What the keeper has done since the start of this server.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    encoded: AtomicU64,
    stayed_wav: AtomicU64,
    put_off: AtomicU64,
    orphans: AtomicU64,
    stored: AtomicU64,
    not_stored: AtomicU64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recordings that were encoded.
    pub encoded: u64,
    /// Recordings that could not be encoded, or did not sound as before: they stay WAV.
    pub stayed_wav: u64,
    /// Times that a disk refused, or a file was in use: tried again.
    pub put_off: u64,
    /// Recordings of calls that are not on record, encoded: their server was killed.
    pub orphans: u64,
    /// Recordings that were taken to the object store.
    pub stored: u64,
    /// Times that the object store refused one: tried again.
    pub not_stored: u64,
}

impl Counters {
    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &*self.0;
        Tally {
            encoded: read(&counts.encoded),
            stayed_wav: read(&counts.stayed_wav),
            put_off: read(&counts.put_off),
            orphans: read(&counts.orphans),
            stored: read(&counts.stored),
            not_stored: read(&counts.not_stored),
        }
    }

    fn count(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Looks after the recordings of this server.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// The database.
    pub db: Db,
    /// Where recordings lie.
    pub vault: Vault,
    /// Who works them up.
    pub workers: Workers,
    /// How many are worked on at one time.
    pub at_once: usize,
    /// What becomes of them.
    pub format: RecordingFormat,
    /// What was done.
    pub counters: Counters,
}

impl Keeper {
    /// Looks after recordings until the server ends. What it is doing then is taken up at the next start.
    pub async fn keep(self, stop: CancellationToken) {
        let kept = async {
            if let Err(error) = self.adopt().await {
                tracing::warn!(%error, "recordings of calls that a kill ended wait for the next start");
            }
            self.look_on().await
        };
        tokio::select! {
            never = kept => match never {},
            () = stop.cancelled() => {}
        }
    }

    async fn look_on(&self) -> std::convert::Infallible {
        let mut wakeups = self.db.wakeups();
        let mut patience = Patience::default();
        loop {
            let pause = match self.all(&mut patience).await {
                Ok(()) => patience.left().map_or(RECHECK, |left| left.min(RECHECK)),
                Err(error) => {
                    tracing::warn!(%error, "recordings are not looked after for a moment");
                    RETRY
                }
            };
            tokio::time::sleep(PAUSE).await;
            let news = async {
                loop {
                    match wakeups.next().await {
                        Wake::Room | Wake::Everything => return,
                        Wake::Campaigns
                        | Wake::Targets(_)
                        | Wake::Halt(_)
                        | Wake::HangUp(_)
                        | Wake::Providers
                        | Wake::Knowledge => {}
                    }
                }
            };
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn all(&self, patience: &mut Patience) -> Result<(), StoreError> {
        self.round().await?;
        let Some(remote) = self.vault.remote().filter(|_| patience.left().is_none()) else { return Ok(()) };
        match self.store(remote).await? {
            Ok(()) => *patience = Patience::default(),
            Err(error) => {
                patience.lose();
                let wait = patience.left();
                tracing::warn!(
                    cause = cause(&error),
                    ?wait,
                    "recordings stay on the disk until they are tried again: {error}"
                );
            }
        }
        Ok(())
    }

    /// Takes every recording that lies here to the object store, and removes there what belongs to deleted calls. What is in
    /// the inner error has to be tried again: the store cannot be reached, or refuses.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store(&self, remote: &Remote) -> Result<Result<(), RemoteError>, StoreError> {
        let mut after = None;
        loop {
            let parcels = recording::parcels(&mut self.db.read().await?, after, PAGE).await?;
            let Some(last) = parcels.last() else { break };
            after = Some(last.call);
            for parcel in &parcels {
                match self.store_one(remote, parcel).await? {
                    Ok(()) => {}
                    Err(error @ (RemoteError::Differs | RemoteError::File(_))) => {
                        tracing::error!(path = parcel.path, %error, "a recording is not taken to the object store");
                    }
                    Err(error @ (RemoteError::Store(_) | RemoteError::NotThere)) => return Ok(Err(error)),
                }
            }
        }
        self.clear(remote).await
    }

    async fn store_one(&self, remote: &Remote, parcel: &Parcel) -> Result<Result<(), RemoteError>, StoreError> {
        let file = self.vault.folder().join(&parcel.path);
        if !tokio::fs::try_exists(&file).await.unwrap_or(false) {
            // It lies on the disk of another server.
            return Ok(Ok(()));
        }
        if let Err(error) = remote.store(&file, parcel).await {
            Counters::count(&self.counters.0.not_stored);
            return Ok(Err(error));
        }
        let mut tx = self.db.begin_durable().await?;
        let stored = recording::store(&mut tx, parcel.call).await?;
        let there = stored || recording::find(&mut tx, parcel.call).await?.is_some();
        tx.commit().await?;
        if !there {
            // Its call was deleted meanwhile, when it was on the disk alone.
            return Ok(remote.remove(&parcel.path).await);
        }
        Counters::count(&self.counters.0.stored);
        remove(Some(file)).await;
        Ok(Ok(()))
    }

    /// Removes from the object store what belongs to deleted calls, and what is left of it on this disk.
    async fn clear(&self, remote: &Remote) -> Result<Result<(), RemoteError>, StoreError> {
        loop {
            let wanted = files::wanted_stored(&mut self.db.read().await?, None).await?;
            if wanted.is_empty() {
                return Ok(Ok(()));
            }
            for path in wanted {
                if let Err(error) = remote.remove(&path).await {
                    return Ok(Err(error));
                }
                remove(Some(self.vault.folder().join(&path))).await;
                let mut tx = self.db.begin().await?;
                files::removed_stored(&mut tx, &path).await?;
                tx.commit().await?;
            }
        }
    }

    /// Works up every fresh recording that lies here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn round(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let waiting = recording::waiting(&mut self.db.read().await?, RecordingState::Fresh, after, PAGE).await?;
            let Some(last) = waiting.last() else { return Ok(()) };
            after = Some(last.call);
            let mut work = futures_util::stream::iter(waiting)
                .map(|waiting| async move { (self.workers.work(waiting.path.clone()).await, waiting) })
                .buffer_unordered(self.at_once);
            while let Some((done, waiting)) = work.next().await {
                self.write_down(waiting, done).await?;
            }
        }
    }

    async fn write_down(&self, waiting: Waiting, done: Result<Done, JobError>) -> Result<(), StoreError> {
        let Some(done) = self.counted(&waiting.path, done) else { return Ok(()) };
        // Durable: the WAV goes after this.
        let mut tx = self.db.begin_durable().await?;
        recording::keep(&mut tx, waiting.call, &done.worked).await?;
        let filed = recording::find(&mut tx, waiting.call).await?;
        tx.commit().await?;
        match filed {
            // Also when another server on the same folder was faster.
            Some(filed) if filed.path == done.worked.path => remove(done.outdated).await,
            Some(_) => {}
            // The call was deleted meanwhile: only the WAV was asked to be removed.
            None => remove(Some(self.vault.folder().join(&done.worked.path))).await,
        }
        Ok(())
    }

    /// What was done, unless it has to be tried again.
    fn counted(&self, path: &str, done: Result<Done, JobError>) -> Option<Done> {
        let counts = &*self.counters.0;
        match done {
            Ok(done) => {
                match &done.fault {
                    Some(fault) => {
                        tracing::error!(path, fault, "a recording stays as it was recorded");
                        Counters::count(&counts.stayed_wav);
                    }
                    None if self.format == RecordingFormat::Opus => Counters::count(&counts.encoded),
                    None => {}
                }
                Some(done)
            }
            Err(JobError::NotHere) => None,
            Err(JobError::InUse) => {
                Counters::count(&counts.put_off);
                None
            }
            Err(error @ JobError::Io(_)) => {
                tracing::warn!(path, cause = cause(&error), "a recording waits: {error}");
                Counters::count(&counts.put_off);
                None
            }
        }
    }

    /// Takes up what a kill left behind beside the record: recordings of calls that are not on record, which are encoded
    /// and stay, and WAVs whose Ogg is on record, which go.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        if self.format == RecordingFormat::Wav {
            return Ok(());
        }
        let folder = self.vault.folder().to_owned();
        let found = tokio::task::spawn_blocking(move || left_behind(&folder)).await.unwrap_or_default();
        for (call, path) in found {
            let filed = recording::find(&mut self.db.read().await?, call).await?;
            match filed {
                // The rounds see to it, or it has to stay.
                Some(filed) if filed.path == path => {}
                Some(filed) => {
                    let there = tokio::fs::try_exists(self.vault.folder().join(&filed.path)).await.unwrap_or(false);
                    if there || filed.state == RecordingState::Stored {
                        remove(Some(self.vault.folder().join(&path))).await;
                    }
                }
                None => {
                    let done = self.workers.work(path.clone()).await;
                    if let Some(done) = self.counted(&path, done) {
                        Counters::count(&self.counters.0.orphans);
                        remove(done.outdated).await;
                    }
                }
            }
        }
        Ok(())
    }
}

/// How long the object store is left alone after failures.
#[derive(Debug, Default)]
struct Patience {
    failures: u32,
    until: Option<Instant>,
}

impl Patience {
    fn lose(&mut self) {
        let (first, most) = STORE_RETRY;
        let pause = first.saturating_mul(1 << self.failures.min(8)).min(most);
        self.failures += 1;
        self.until = Some(time::now().mono + pause);
    }

    /// How much longer.
    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(time::now().mono)).filter(|left| !left.is_zero())
    }
}

/// What stands behind an error, in words.
fn cause(error: &dyn std::error::Error) -> Option<String> {
    error.source().map(ToString::to_string)
}

async fn remove(file: Option<PathBuf>) {
    let Some(file) = file else { return };
    match tokio::fs::remove_file(&file).await {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %file.display(), %error, "a recording that was encoded stays"),
    }
}

/// The WAVs of a folder that are named after calls, with their paths in it.
fn left_behind(folder: &Path) -> Vec<(CallId, String)> {
    let days = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|day| day.path());
    let files = days.flat_map(|day| std::fs::read_dir(day).into_iter().flatten().flatten()).map(|file| file.path());
    let wavs = files.filter(|file| file.extension().is_some_and(|kind| kind == "wav"));
    wavs.filter_map(|file| {
        let call = file.file_stem()?.to_str()?.parse().ok()?;
        Some((call, file.strip_prefix(folder).ok()?.to_str()?.to_owned()))
    })
    .collect()
}
