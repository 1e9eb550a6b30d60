//! A completed campaign that dials again.

use super::{Campaign, Move, advance, failed_guards};
use crate::campaign::states::{CampaignState, PauseReason};
use crate::campaign::transition::CampaignEvent;
use crate::dialer::start::StartGuard;
use crate::store::audit::Actor;
use crate::store::{StoreError, Tx};

/// What came of opening a campaign again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reopened {
    /// It dials.
    Dials,
    /// It is open, and paused for this reason until what is missing is there.
    Paused(PauseReason, Vec<StartGuard>),
    /// It stays completed: nobody is left to call, or its period is over.
    Refused(Vec<StartGuard>),
}

/// Opens a completed campaign again for contacts that were added or restarted.
///
/// # Errors
/// [`StoreError::Stale`] when it is not completed any more, or when the database fails.
pub async fn reopen(tx: &mut Tx, seen: &Campaign, actor: &Actor) -> Result<Reopened, StoreError> {
    let event = CampaignEvent::Reopen;
    if event.apply(seen.state).is_err() {
        return Err(StoreError::Stale);
    }
    let failed = failed_guards(tx, seen, None).await?;
    if failed.is_empty() {
        advance(tx, seen, actor, Move { to: CampaignState::InProgress, pause_reason: None }).await?;
        return Ok(Reopened::Dials);
    }
    // What can be mended without touching the schedule pauses it; what cannot leaves it as it is.
    let reasons: Option<Vec<_>> = failed.iter().map(|guard| guard.pauses()).collect();
    match reasons.as_deref().and_then(<[_]>::first) {
        Some(&reason) => {
            let (_, to) = CampaignEvent::ReopenHeld.transition();
            advance(tx, seen, actor, Move { to, pause_reason: Some(reason) }).await?;
            Ok(Reopened::Paused(reason, failed))
        }
        None => Ok(Reopened::Refused(failed)),
    }
}
