//! What a campaign's start is held against, read from the database.

use super::{Campaign, progress};
use crate::dialer::start::{StartFacts, StartGuard, failed_start_guards};
use crate::store::{StoreError, Tx, trunk};

/// Everything that keeps a campaign from dialing; empty when it may.
///
/// # Errors
/// When the database fails.
pub async fn failed_guards(tx: &mut Tx, campaign: &Campaign) -> Result<Vec<StartGuard>, StoreError> {
    let trunk = match trunk::get(tx, campaign.org, campaign.data.trunk).await {
        Ok(trunk) => Some(trunk.data),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error),
    };
    let pending = progress(tx, campaign.id).await?.pending;
    let facts = StartFacts {
        name: &campaign.data.name,
        // The schema keeps an assistant for as long as a campaign refers to it.
        has_assistant: true,
        has_caller_id: trunk.as_ref().is_some_and(|trunk| trunk.caller_ids.contains(&campaign.data.caller_id)),
        trunk_usable: trunk.as_ref().is_some_and(|trunk| trunk.enabled),
        has_eligible_contact: pending > 0,
        schedule: &campaign.data.schedule,
        settings: &campaign.data.settings,
    };
    Ok(failed_start_guards(tx.now().await?, &facts))
}
