//! What holds a campaign, read from the database.

use jiff::Timestamp;

use super::{Campaign, get, guards, holdings};
use crate::args;
use crate::campaign::month::next_month;
use crate::campaign::rounds::Rounds;
use crate::campaign::zone::zone_named;
use crate::dialer::diagnosis::{Diagnosis, Facts, diagnose};
use crate::dialer::pacing::Scope;
use crate::dialer::status::Held;
use crate::id::{CampaignId, OrgId};
use crate::store::{StoreError, Tx};

/// A campaign and what holds it; `held` is the limit that a node has met.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn diagnosed(
    tx: &mut Tx,
    org: OrgId,
    id: CampaignId,
    held: Option<&Held>,
) -> Result<(Campaign, Diagnosis), StoreError> {
    let seen = get(tx, org, id).await?;
    let now = tx.now().await?;
    let holdings = holdings(tx, id, now).await?;
    let failed = guards::show_guards(tx, &seen).await?;
    let full = held.filter(|held| held.until.is_none()).map(|held| held.scope);
    let diagnosis = diagnose(&Facts {
        state: seen.state,
        pause_reason: seen.pause_reason,
        pause_detail: seen.pause_detail.as_deref(),
        scheduled_start: seen.data.scheduled_start_at,
        holdings: &holdings,
        guards: &failed,
        held,
        call_ends: match full {
            Some(scope) => call_ends(tx, &seen, scope, now).await?,
            None => None,
        },
        next_opening: next_opening(&seen, now),
        next_month: next_month(now),
    });
    Ok((seen, diagnosis))
}

/// When one of the live calls of a scope has ended at the latest.
async fn call_ends(
    tx: &mut Tx,
    seen: &Campaign,
    scope: Scope,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    macro_rules! ends {
        ($index:literal, $whose:literal) => {
            tx.pick(
                concat!(
                    "SELECT MIN(COALESCE(answered_at, send_at + ring_timeout_s * 1000000) + max_call_duration_s * 1000000) \
                     AS value FROM attempt INDEXED BY ",
                    $index,
                    " WHERE live AND state <> 'unknown' AND ",
                    $whose
                ),
                concat!(
                    "SELECT MIN(COALESCE(answered_at, send_at + ring_timeout_s * 1000000) + max_call_duration_s * 1000000) \
                     AS value FROM attempt WHERE live AND state <> 'unknown' AND ",
                    $whose
                ),
            )
        };
    }
    let ends: Option<Timestamp> = match scope {
        Scope::Organisation => tx.value(ends!("attempt_live_org", "org_id = $1"), args![seen.org]).await?,
        Scope::Trunk => {
            let trunks = ends!(
                "attempt_live_org",
                "org_id = $1 AND trunk_id IN (SELECT trunk_id FROM campaign WHERE id = $2 \
                 UNION ALL SELECT trunk_id FROM campaign_trunk WHERE campaign_id = $2)"
            );
            tx.value(trunks, args![seen.org, seen.id]).await?
        }
        Scope::Campaign => tx.value(ends!("attempt_live_campaign", "campaign_id = $1"), args![seen.id]).await?,
        Scope::CallerId => {
            let from = ends!("attempt_live_caller", "org_id = $1 AND caller_id = $2");
            tx.value(from, args![seen.org, seen.data.caller_id]).await?
        }
        Scope::CallerDay | Scope::Spend | Scope::Node | Scope::Providers => None,
    };
    Ok(ends.filter(|ends| *ends > now))
}

fn next_opening(seen: &Campaign, now: Timestamp) -> Option<Timestamp> {
    let zone = zone_named(&seen.data.schedule.time_zone).ok()?;
    let started = seen.started_at.unwrap_or(now);
    Rounds::new(&seen.data.schedule, &seen.rounds, &zone, started, now).next_opening(&zone, now)
}
