//! The runs of a campaign and what came of them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::{Id, Items};
use crate::campaign::rounds::{Audience, ChannelKind, Rounds};
use crate::campaign::run::{Days, Slot};
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::zone_named;
use crate::id::{CampaignId, RunId};
use crate::store::campaign::{self, RunCounts};

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunView {
    /// Id.
    id: Option<RunId>,
    /// Its place in the schedule, from 1.
    ordinal: usize,
    /// Where it stands.
    state: RunState,
    /// Its days.
    days: Days,
    /// Its times of day; none = the whole of the contact's hours.
    slots: Vec<Slot>,
    /// What happens on its days.
    channels: BTreeSet<ChannelKind>,
    /// Whom it calls of those whom earlier runs did not finish.
    audience: Audience,
    /// Dials after the first one in its round.
    max_retries: u32,
    /// Its first day that counts, while its round is still to come.
    first_day: Option<Date>,
    /// When its round was opened.
    opened_at: Option<Timestamp>,
    /// Dials on its days that were sent.
    dials: u64,
    /// Dials that were answered by a person.
    answered: u64,
}

wire_enum! {
    /// Where a run stands.
    pub enum RunState is "state of a run" {
        /// Its first day is still to come.
        Upcoming = "upcoming",
        /// Its round is the one that is open.
        Open = "open",
        /// A later run has opened a round, or none of its days is left.
        Over = "over",
    }
}

/// List the runs of a campaign, in the order of the schedule, with what came of each
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/runs", tag = "campaigns", params(("id" = CampaignId, Path)),
    responses((status = 200, body = Items<RunView>), (status = 404, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Json<Items<RunView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    let counts = campaign::run_counts(&mut tx, id).await?;
    let now = tx.now().await?;
    let zone = zone_named(&seen.data.schedule.time_zone).map_err(|error| ApiError::Internal(error.into()))?;
    let rounds = Rounds::new(&seen.data.schedule, &seen.rounds, &zone, seen.started_at.unwrap_or(now), now);
    let upcoming: Vec<_> = rounds.to_come().map(|(first, run)| (run.id, first)).collect();
    let view = |(index, run): (usize, &crate::campaign::run::Run)| {
        let opened = seen.rounds.iter().find(|opened| Some(opened.run) == run.id);
        let first_day = upcoming.iter().find(|(id, _)| *id == run.id).map(|(_, first)| *first);
        let state = match (opened, first_day) {
            (None, Some(_)) => RunState::Upcoming,
            (Some(opened), _) if seen.rounds.last().is_some_and(|last| last.run == opened.run) => RunState::Open,
            (Some(_) | None, _) => RunState::Over,
        };
        let RunCounts { dials, answered } = run.id.and_then(|id| counts.get(&id).copied()).unwrap_or_default();
        RunView {
            id: run.id,
            ordinal: index + 1,
            state,
            days: run.days.clone(),
            slots: run.slots.clone(),
            channels: run.channels.clone(),
            audience: run.audience,
            max_retries: run.max_retries.unwrap_or(seen.data.settings.max_retries),
            first_day,
            opened_at: opened.map(|opened| opened.at),
            dials,
            answered,
        }
    };
    Ok(Json(Items { items: seen.data.schedule.runs.iter().enumerate().map(view).collect(), next: None }))
}
