//! What keeps the catalog as the database has it, and tries out vendors that failed.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::TaskTracker;

use super::{Catalog, Entry};
use crate::id::ProviderId;
use crate::shutdown::Shutdown;
use crate::store::{Db, Page, StoreError, Wake, provider};
use crate::time;

/// Reads all vendors of the database into the catalog.
///
/// # Errors
/// When the database fails; the catalog stays as it was.
pub async fn load(db: &Db, catalog: &Catalog) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    let mut page = Page::first(Page::<ProviderId>::MAX_LIMIT);
    let mut tx = db.read().await?;
    loop {
        let listing = provider::list(&mut tx, None, page).await?;
        rows.extend(listing.items);
        match listing.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    catalog.replace(&rows);
    Ok(())
}

/// Keeps the catalog until the server stops.
pub async fn keep(db: Db, catalog: Catalog, shutdown: Shutdown) {
    let follow = async {
        let mut wakeups = db.wakeups();
        loop {
            match wakeups.next().await {
                Wake::Providers | Wake::Everything => {
                    if let Err(error) = load(&db, &catalog).await {
                        tracing::warn!(%error, "the providers cannot be read; they stay as they were");
                    }
                }
                Wake::Campaigns | Wake::Targets(_) | Wake::Halt(_) | Wake::HangUp(_) | Wake::Room | Wake::Knowledge => {
                }
            }
        }
    };
    tokio::select! {
        () = follow => {}
        () = try_out(&catalog) => {}
        () = shutdown.stop.cancelled() => {}
    }
}

/// Tries out every vendor whose circuit wants it: no caller is the first to ask one that failed.
pub(super) async fn try_out(catalog: &Catalog) {
    let trials = TaskTracker::new();
    loop {
        let mut bell = pin!(catalog.inner.bell.notified());
        bell.as_mut().enable();
        let now = time::now().mono;
        let entries = catalog.entries();
        for entry in entries.iter().filter(|entry| entry.health.take_trial(now)) {
            let (entry, bell) = (Arc::clone(entry), Arc::clone(&catalog.inner.bell));
            trials.spawn(async move {
                trial(&entry).await;
                // One that still fails is due again sooner than a trial may take.
                bell.notify_waiters();
            });
        }
        let next = entries.iter().filter_map(|entry| entry.health.poll_timeout()).min();
        tokio::select! {
            () = bell => {}
            () = until(next) => {}
        }
    }
}

async fn trial(entry: &Entry) {
    if let Err(failure) = entry.probe().await {
        tracing::debug!(provider = %entry.name, %failure, "a provider still fails");
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}
