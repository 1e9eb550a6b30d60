//! What the list of campaigns shows of each: how far it is, who talks, what it does.

use std::collections::BTreeMap;

use super::{Campaign, Progress};
use crate::campaign::states::{CampaignState, TargetState};
use crate::dialer::activity::{Glance, activity};
use crate::dialer::diagnosis::Activity;
use crate::id::{AssistantId, CampaignId};
use crate::store::db::{Arg, ToArg};
use crate::store::{StoreError, Tx};

/// What is shown of a campaign beside itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// How far it is. Its silent starts are not counted here.
    pub progress: Progress,
    /// The name of its assistant.
    pub assistant_name: String,
    /// What it does; none when it does nothing.
    pub activity: Option<Activity>,
}

/// What somebody waits for whose time has come.
const DUE: &str = "due";

/// What is shown of campaigns, each in the order given; `is_held` tells which of them a limit holds. Three queries, however
/// many they are: a page of them.
///
/// # Errors
/// When the database fails.
pub async fn overviews(
    tx: &mut Tx,
    campaigns: &[Campaign],
    is_held: impl Fn(CampaignId) -> bool,
) -> Result<Vec<Overview>, StoreError> {
    if campaigns.is_empty() {
        return Ok(Vec::new());
    }
    let mut counts = counts(tx, campaigns).await?;
    let names = assistant_names(tx, campaigns).await?;
    let mut waits = waits(tx, campaigns).await?;
    let overview = |campaign: &Campaign| {
        let progress = counts.remove(&campaign.id).unwrap_or_default();
        let count = |state| progress.by_state.get(&state).copied().unwrap_or_default();
        let (due, waits_for): (Vec<_>, Vec<_>) =
            waits.remove(&campaign.id).unwrap_or_default().into_iter().partition(|held| held == DUE);
        let glance = Glance {
            state: campaign.state,
            is_scheduled: campaign.data.scheduled_start_at.is_some(),
            is_held: is_held(campaign.id),
            live: progress.in_progress,
            ready: count(TargetState::Ready) + due.len() as u64,
            callbacks: count(TargetState::Callback),
            pending: progress.pending,
            waits_for,
        };
        let activity = activity(&glance);
        let assistant_name = names.get(&campaign.data.assistant).cloned().unwrap_or_default();
        Overview { progress, assistant_name, activity }
    };
    Ok(campaigns.iter().map(overview).collect())
}

async fn counts(tx: &mut Tx, campaigns: &[Campaign]) -> Result<BTreeMap<CampaignId, Progress>, StoreError> {
    let (list, args) = listed(campaigns.iter().map(|campaign| campaign.id));
    let sql = format!(
        "SELECT campaign_id, status, COUNT(*) AS count FROM target WHERE campaign_id IN ({list}) \
         GROUP BY campaign_id, status"
    );
    let mut counts: BTreeMap<CampaignId, Progress> = BTreeMap::new();
    for row in tx.all_built(sql, args).await? {
        let count: i64 = row.get("count")?;
        counts.entry(row.get("campaign_id")?).or_default().count(row.get("status")?, count.unsigned_abs());
    }
    Ok(counts)
}

async fn assistant_names(tx: &mut Tx, campaigns: &[Campaign]) -> Result<BTreeMap<AssistantId, String>, StoreError> {
    let (list, args) = listed(campaigns.iter().map(|campaign| campaign.data.assistant));
    let rows = tx.all_built(format!("SELECT id, name FROM assistant WHERE id IN ({list})"), args).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("name")?))).collect()
}

/// What the first waits for of those that are taken by their place, and of those that are taken by their time, in campaigns
/// that dial.
async fn waits(tx: &mut Tx, campaigns: &[Campaign]) -> Result<BTreeMap<CampaignId, Vec<String>>, StoreError> {
    let dialing = campaigns.iter().filter(|campaign| campaign.state == CampaignState::InProgress);
    let (list, mut args) = listed(dialing.map(|campaign| campaign.id));
    if args.is_empty() {
        return Ok(BTreeMap::new());
    }
    args.push(tx.now().await?.to_arg());
    let now = args.len();
    let sql = format!(
        "SELECT k.id, (SELECT CASE WHEN t.next_at <= ${now} THEN '{DUE}' ELSE COALESCE(t.held_by, 'not_due') END FROM target t WHERE t.campaign_id = k.id \
         AND t.status = 'waiting' AND t.opens_at IS NOT NULL \
         ORDER BY t.base_priority DESC, t.opens_at, t.place, t.id LIMIT 1) AS listed, \
         (SELECT CASE WHEN t.next_at <= ${now} THEN '{DUE}' ELSE COALESCE(t.held_by, 'retry') END FROM target t WHERE t.campaign_id = k.id AND t.status = 'waiting' \
         AND t.opens_at IS NULL ORDER BY t.base_priority DESC, t.next_at, t.id LIMIT 1) AS timed \
         FROM campaign k WHERE k.id IN ({list})"
    );
    let rows = tx.all_built(sql, args).await?;
    rows.iter()
        .map(|row| {
            let found: [Option<String>; 2] = [row.get("listed")?, row.get("timed")?];
            Ok((row.get("id")?, found.into_iter().flatten().collect()))
        })
        .collect()
}

/// Places and values for `IN (…)`.
fn listed<I: ToArg>(ids: impl Iterator<Item = I>) -> (String, Vec<Arg>) {
    let args: Vec<_> = ids.map(|id| id.to_arg()).collect();
    let list = (1..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
    (list, args)
}
