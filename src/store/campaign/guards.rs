//! What a campaign's start is held against, read from the database.

use super::{Campaign, progress};
use crate::dialer::start::{StartFacts, StartGuard, failed_start_guards};
use crate::store::quota::{self, Usage};
use crate::store::{StoreError, Tx, suppression_list, trunk};

/// Everything that keeps a campaign from dialing; empty when it may. `need` is how many minutes its calls need this month,
/// where a start asks for them to be there; otherwise any will do.
///
/// # Errors
/// When the database fails.
pub async fn failed_guards(tx: &mut Tx, campaign: &Campaign, need: Option<f64>) -> Result<Vec<StartGuard>, StoreError> {
    let usage = quota::usage(tx, campaign.org).await?;
    against(tx, campaign, &usage, need).await
}

/// The same, for showing it: keeps no other start waiting.
///
/// # Errors
/// When the database fails.
pub(super) async fn show_guards(tx: &mut Tx, campaign: &Campaign) -> Result<Vec<StartGuard>, StoreError> {
    let usage = quota::show(tx, campaign.org).await?;
    against(tx, campaign, &usage, None).await
}

async fn against(
    tx: &mut Tx,
    campaign: &Campaign,
    usage: &Usage,
    need: Option<f64>,
) -> Result<Vec<StartGuard>, StoreError> {
    let mut trunks = Vec::new();
    for id in [campaign.data.trunk].into_iter().chain(trunk::fallbacks(tx, campaign.id).await?) {
        match trunk::get(tx, campaign.org, id).await {
            Ok(trunk) => trunks.extend(Some(trunk.data).filter(|trunk| trunk.enabled)),
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let pending = progress(tx, campaign.id).await?.pending;
    let facts = StartFacts {
        name: &campaign.data.name,
        // The schema keeps an assistant for as long as a campaign refers to it.
        has_assistant: true,
        // Without any trunk it is not the number that is missing.
        has_caller_id: trunks.is_empty() || trunks.iter().any(|on| on.caller_ids.contains(&campaign.data.caller_id)),
        trunk_usable: !trunks.is_empty(),
        has_minutes: usage.has_minutes(need),
        has_place: !usage.is_full(),
        lists_fresh: suppression_list::outdated(tx, campaign.id).await?.is_empty(),
        has_eligible_contact: pending > 0,
        schedule: &campaign.data.schedule,
        settings: &campaign.data.settings,
    };
    Ok(failed_start_guards(tx.now().await?, &facts))
}
