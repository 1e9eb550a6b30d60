//! What happens to campaigns by the clock and behind the back of a request: scheduled starts, contacts that wait again
//! because the period was extended or are put in another order, trunks that were switched off, the data of deleted campaigns, what is done to many
//! contacts, suppression lists that were replaced or have become too old, and what need not be kept any longer. Nodes that
//! share a database may all do it; each step is
//! a compare-and-set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::campaign::states::CampaignState;
use crate::dialer::start::StartGuard;
use crate::id::CampaignId;
use crate::outlook;
use crate::shutdown::Shutdown;
use crate::store::audit::Actor;
use crate::store::campaign::{self, Campaign, Move, StartFailed};
use crate::store::{
    Db, StoreError, Wake, bulk, contact, event, files, idempotency, people_job, quota, sip_trace, suppression_list,
    target,
};

/// The clerk looks at least this often: mends lost notifications.
const RECHECK: Duration = Duration::from_secs(60);
/// Pause after the database failed.
const RETRY: Duration = Duration::from_secs(5);

/// What one round left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// When the next campaign is to start by itself or a suppression list becomes too old, on the database's clock, and how
    /// long that is from now.
    pub next: Option<(Timestamp, Duration)>,
    /// Whether a deleted campaign waits for its last call.
    pub draining: bool,
}

/// Looks after campaigns until the server ends.
pub(super) async fn keep(db: Db, recordings: PathBuf, trace_days: u32, shutdown: Shutdown) {
    let mut wakeups = db.wakeups();
    loop {
        let done = match round(&db, &recordings).await {
            Ok(left) => forget_traces(&db, trace_days).await.map(|()| left),
            Err(error) => Err(error),
        };
        let (pause, draining) = match done {
            Ok(left) => (left.next.map_or(RECHECK, |(_, pause)| pause.min(RECHECK)), left.draining),
            Err(error) => {
                tracing::warn!(%error, "campaigns are not looked after for a moment");
                (RETRY, false)
            }
        };
        let news = async {
            loop {
                match wakeups.next().await {
                    Wake::Campaigns | Wake::Everything => return,
                    Wake::Room | Wake::Targets(_) if draining => return,
                    Wake::Room
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
            () = shutdown.asked() => return,
        }
    }
}

/// Starts what is due, takes away the data of what was deleted.
///
/// # Errors
/// When the database fails.
pub async fn round(db: &Db, recordings: &Path) -> Result<Left, StoreError> {
    let mut tx = db.read().await?;
    let (due, deleted) = (campaign::scheduled(&mut tx).await?, campaign::deleting(&mut tx).await?);
    let (extended, reordered) = (campaign::extended(&mut tx).await?, campaign::reordered(&mut tx).await?);
    drop(tx);
    for draft in due {
        match start(db, &draft).await {
            // Somebody was faster: another node, or a person.
            Ok(()) | Err(StoreError::Stale | StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    for id in extended {
        loop {
            let mut tx = db.begin().await?;
            let revived = campaign::revive(&mut tx, id).await?;
            tx.commit().await?;
            if revived == 0 {
                break;
            }
        }
    }
    for id in reordered {
        loop {
            let mut tx = db.begin().await?;
            let more = target::replace(&mut tx, id).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
    }
    keep_to_plans(db).await?;
    campaign::keep_to_trunks(db).await?;
    let mut left = Left::default();
    for id in deleted {
        left.draining |= take_away(db, id).await?;
    }
    remove_files(db, recordings).await?;
    go_on(db).await?;
    go_on_with_people(db).await?;
    look_at_contacts(db).await?;
    forget(db).await?;
    suppression_list::mend(db).await?;
    let outdated = suppression_list::pause_outdated(db).await?;
    sweep(db).await?;
    let mut tx = db.read().await?;
    let now = tx.now().await?;
    let scheduled = campaign::next_scheduled(&mut tx).await?;
    left.next = [scheduled, outdated]
        .into_iter()
        .flatten()
        .min()
        .map(|at| (at, Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)));
    Ok(left)
}

/// Pauses what is beyond an organisation's plan, and lets go on what may again.
async fn keep_to_plans(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.read().await?;
    let orgs = quota::limited(&mut tx).await?;
    drop(tx);
    for org in orgs {
        let mut tx = db.begin_durable().await?;
        match quota::enforce(&mut tx, org).await {
            Ok(done) if done == quota::Enforced::default() => {}
            Ok(done) => {
                tx.commit().await?;
                tracing::warn!(
                    paused = done.paused.len(),
                    resumed = done.resumed.len(),
                    "campaigns keep to their plan"
                );
            }
            // A person was faster, or another node: the next round looks again.
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Starts a draft whose time has come; when a guard does not hold it stays a draft and keeps why.
async fn start(db: &Db, draft: &Campaign) -> Result<(), StoreError> {
    // Before the transaction: dials do not wait for it.
    let need = outlook::need(db, draft.org, draft.id).await?;
    let mut tx = db.begin_durable().await?;
    let seen = campaign::get(&mut tx, draft.org, draft.id).await?;
    let at = seen.data.scheduled_start_at.filter(|_| seen.version == draft.version).ok_or(StoreError::Stale)?;
    let actor = Actor::system("schedule");
    let guards = campaign::failed_guards(&mut tx, &seen, need).await?;
    if guards.is_empty() {
        let to = Move { to: CampaignState::InProgress, pause_reason: None };
        campaign::advance(&mut tx, &seen, &actor, to).await?;
    } else {
        tracing::warn!(campaign = %seen.id, ?guards, "a scheduled start could not take place");
        let short = guards.contains(&StartGuard::QuotaMinutes);
        let usage = if short { Some(quota::show(&mut tx, seen.org).await?) } else { None };
        let minutes = usage.map(|usage| usage.lack_in_words(need));
        campaign::not_started(&mut tx, &seen, &actor, &StartFailed { at, guards, minutes }).await?;
    }
    tx.commit().await
}

/// Goes on with what is done to many contacts, where a request left it or a node died.
async fn go_on(db: &Db) -> Result<(), StoreError> {
    let open = bulk::open(&mut db.read().await?).await?;
    for id in open {
        loop {
            let mut tx = db.begin_durable().await?;
            let more = bulk::step(&mut tx, id).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
    }
    Ok(())
}

/// Goes on with what is done to many people, where a request left it or a node died.
async fn go_on_with_people(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.read().await?;
    let (open, outdated) = (people_job::open(&mut tx).await?, people_job::outdated(&mut tx).await?);
    drop(tx);
    for id in open {
        loop {
            let mut tx = db.begin_durable().await?;
            let more = people_job::step(&mut tx, id).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
    }
    if outdated {
        let mut tx = db.begin().await?;
        people_job::forget(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Works out what an earlier version did not of the contacts it made.
async fn look_at_contacts(db: &Db) -> Result<(), StoreError> {
    let mut more = contact::left_to_look_at(&mut db.read().await?).await?;
    while more {
        let mut tx = db.begin().await?;
        more = contact::look_at_some(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes answers, events and reports away that need not be kept any longer.
async fn forget(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.read().await?;
    let outdated = idempotency::outdated(&mut tx).await?;
    let events = event::outdated(&mut tx).await?;
    let told = bulk::outdated(&mut tx).await?;
    drop(tx);
    let mut more = events;
    while more {
        let mut tx = db.begin().await?;
        more = event::forget(&mut tx).await?;
        tx.commit().await?;
    }
    let mut gone = told.is_none();
    while let (Some(id), false) = (told, gone) {
        let mut tx = db.begin().await?;
        gone = bulk::forget(&mut tx, id).await?;
        tx.commit().await?;
    }
    if outdated {
        let mut tx = db.begin().await?;
        idempotency::forget(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes SIP messages away that have been kept for so many days.
///
/// # Errors
/// When the database fails.
pub async fn forget_traces(db: &Db, days: u32) -> Result<(), StoreError> {
    let kept = SignedDuration::from_hours(24 * i64::from(days));
    let mut tx = db.read().await?;
    let mut more = sip_trace::outdated(&mut tx, kept).await?;
    drop(tx);
    while more {
        let mut tx = db.begin().await?;
        more = sip_trace::forget(&mut tx, kept).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes numbers away that no suppression list has any longer.
async fn sweep(db: &Db) -> Result<(), StoreError> {
    loop {
        let mut tx = db.begin().await?;
        let more = suppression_list::sweep(&mut tx).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

/// Takes the data of a deleted campaign away; whether it waits for a call.
async fn take_away(db: &Db, id: CampaignId) -> Result<bool, StoreError> {
    loop {
        let mut tx = db.begin().await?;
        let purged = campaign::purge(&mut tx, id).await?;
        tx.commit().await?;
        if purged.gone || purged.draining {
            return Ok(purged.draining);
        }
    }
}

/// Removes the files of deleted calls that lie here, whichever node deleted the calls.
async fn remove_files(db: &Db, recordings: &Path) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let mut tx = db.read().await?;
        let wanted = files::wanted(&mut tx, after.as_deref()).await?;
        drop(tx);
        let Some(last) = wanted.last().cloned() else { break };
        let (mut there, mut not_there) = (Vec::new(), Vec::new());
        for file in wanted {
            let path = recordings.join(&file);
            if path.extension().is_some_and(|kind| kind == "wav") {
                // What may have been made of it when a server was killed.
                for made in ["ogg", "ogg.part"] {
                    let _ = tokio::fs::remove_file(path.with_extension(made)).await;
                }
            }
            match tokio::fs::remove_file(&path).await {
                Ok(()) => there.push(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => not_there.push(file),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a file of a deleted campaign stays"),
            }
        }
        let mut tx = db.begin().await?;
        files::looked(&mut tx, &there, &not_there).await?;
        tx.commit().await?;
        after = Some(last);
    }
    if after.is_some() {
        let mut tx = db.begin().await?;
        let given_up = files::give_up(&mut tx).await?;
        tx.commit().await?;
        if given_up > 0 {
            tracing::warn!(given_up, "files of deleted campaigns were found on no server");
        }
    }
    Ok(())
}
