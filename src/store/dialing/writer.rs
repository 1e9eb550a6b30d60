//! What the course of a dial writes: its commit, its progress, its end.
//!
//! On SQLite, which has one writer, one task writes all of it: what comes up within a few milliseconds goes into one
//! transaction, and while the dials of one wait for the disk the next is written. On PostgreSQL each caller has a transaction
//! of its own; the server groups their syncs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::finish::{self, AttemptEnd, Report};
use super::node::Node;
use super::progress::{self, Progress};
use super::terms::Book;
use super::{DialRequest, commit};
use crate::campaign::disconnection::DisconnectionReason;
use crate::dialer::claim::DialRefusal;
use crate::dialer::retry::Settled;
use crate::id::AttemptId;
use crate::store::db::Kind;
use crate::store::{Db, StoreError, Tx};

/// Jobs in one transaction. Those that come while so many wait, wait in their senders.
const GROUP: usize = 64;
/// How long a dial waits for others at most: they are asked for in heaps.
const DIALS_WAIT: Duration = Duration::from_millis(3);
/// … and everything else, for which nobody waits.
const OTHERS_WAIT: Duration = Duration::from_millis(20);

/// Something to be written.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A claimed attempt becomes DIALING.
    Dial(DialRequest),
    /// A sent one comes further.
    Progress(Progress),
    /// One ends.
    End(Box<AttemptEnd>, Option<Arc<Report>>),
    /// One was not sent.
    Release(AttemptId, Node),
}

/// What has come of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Done {
    Dialed(Result<(), DialRefusal>),
    Written,
    Ended(Option<Settled>),
}

/// Writes jobs; clones share the task.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    Each(Db, Arc<Book>),
    Grouped(mpsc::Sender<Waiting>),
}

#[derive(Debug)]
pub(super) struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Done, StoreError>>,
}

impl Job {
    /// Whether its answer waits until the loss of power could not undo it: an INVITE leaves on the word of it, or somebody
    /// has asked to be left alone.
    fn is_synced(&self) -> bool {
        match self {
            Self::Dial(_) => true,
            Self::End(end, _) => end.reason == DisconnectionReason::VoiceCallsOptedOut,
            Self::Progress(_) | Self::Release(..) => false,
        }
    }

    async fn write(&self, tx: &mut Tx, book: &Book) -> Result<Done, StoreError> {
        Ok(match self {
            Self::Dial(request) => Done::Dialed(commit::dial(tx, book, request).await?),
            Self::Progress(progress) => {
                progress::write(tx, progress).await?;
                Done::Written
            }
            Self::End(end, report) => Done::Ended(finish::end(tx, book, end, report.as_deref()).await?),
            Self::Release(attempt, node) => {
                finish::release(tx, *attempt, node).await?;
                Done::Written
            }
        })
    }
}

impl Writer {
    pub(super) fn start(db: &Db, book: &Arc<Book>) -> Self {
        let (db, book) = (db.clone(), Arc::clone(book));
        match db.kind() {
            Kind::Postgres => Self::Each(db, book),
            Kind::Sqlite => {
                let (sender, mut jobs) = mpsc::channel(GROUP);
                tokio::spawn(async move {
                    while let Some(group) = next_group(&mut jobs).await {
                        write_group(&db, &book, group).await;
                    }
                });
                Self::Grouped(sender)
            }
        }
    }

    /// Writes a job. When this returns, it is committed, and what has to survive the loss of power does.
    pub(super) async fn write(&self, job: Job) -> Result<Done, StoreError> {
        match self {
            Self::Each(db, book) => {
                let mut tx = if job.is_synced() { db.begin_brief_durable().await? } else { db.begin_brief().await? };
                let done = job.write(&mut tx, book).await?;
                tx.commit().await?;
                Ok(done)
            }
            Self::Grouped(sender) => {
                let (answer, answered) = oneshot::channel();
                let closed = |_| StoreError::Db(sqlx::Error::PoolClosed);
                sender.send(Waiting { job, answer }).await.map_err(|_| closed(()))?;
                answered.await.map_err(|_| closed(()))?
            }
        }
    }
}

/// What comes next, with what comes shortly after it. None when nobody can ask any more.
async fn next_group(jobs: &mut mpsc::Receiver<Waiting>) -> Option<Vec<Waiting>> {
    let first = jobs.recv().await?;
    let began = Instant::now();
    let wait = |waiting: &Waiting| if matches!(waiting.job, Job::Dial(_)) { DIALS_WAIT } else { OTHERS_WAIT };
    let mut until = began + wait(&first);
    let mut group = vec![first];
    while group.len() < GROUP
        && let Ok(Some(next)) = timeout_at(until, jobs.recv()).await
    {
        until = until.min(Instant::now() + wait(&next));
        group.push(next);
    }
    Some(group)
}

async fn write_group(db: &Db, book: &Book, group: Vec<Waiting>) {
    // A job that fails alone takes nobody with it: the rest of its group is written one by one.
    let all = group.iter().map(|waiting| &waiting.job);
    let done: Vec<_> = match write_together(db, book, all).await {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) if group.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut each = Vec::with_capacity(group.len());
            for waiting in &group {
                let one = write_together(db, book, std::iter::once(&waiting.job)).await;
                each.push(one.and_then(|mut done| done.pop().ok_or(StoreError::NotFound)));
            }
            each
        }
    };
    let mut to_sync = Vec::new();
    for (waiting, done) in group.into_iter().zip(done) {
        match done {
            Ok(done) if waiting.job.is_synced() => to_sync.push((waiting.answer, done)),
            // The asker may be gone; an attempt of his goes back when its lease runs out.
            Ok(_) | Err(_) => drop(waiting.answer.send(done)),
        }
    }
    if to_sync.is_empty() {
        return;
    }
    let db = db.clone();
    // The next group is written meanwhile.
    tokio::spawn(async move {
        let synced = db.synced().await;
        if let Err(error) = &synced {
            tracing::error!(%error, "the disk does not sync the log: nothing is dialed");
        }
        for (answer, done) in to_sync {
            let lost = || StoreError::Db(sqlx::Error::Io(std::io::Error::other("the log was not synced")));
            drop(answer.send(synced.as_ref().map(|()| done).map_err(|_| lost())));
        }
    });
}

async fn write_together<'a>(
    db: &Db,
    book: &Book,
    jobs: impl Iterator<Item = &'a Job>,
) -> Result<Vec<Done>, StoreError> {
    let mut tx = db.begin().await?;
    let mut done = Vec::new();
    for job in jobs {
        done.push(job.write(&mut tx, book).await?);
    }
    tx.commit().await?;
    Ok(done)
}
