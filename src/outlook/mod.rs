//! Forecasts of what is in the database: a copy is read, and the future is computed beside the runtime, within a time.

pub mod show;

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::dialer::forecast::{Extent, Forecast, Stopped, forecast};
use crate::id::{CampaignId, OrgId};
use crate::store::forecast::{Question, copy};
use crate::store::{Db, StoreError, quota};
use crate::time;

/// Longest that the forecast of somebody who waits for it may compute, and longest that it waits for its turn.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// … and that of a campaign's start.
const START_PATIENCE: Duration = Duration::from_secs(3);
/// Those that compute at the same time; others wait for so long as they may compute, and are then told so. Starts do not wait for the long ones.
static COMPUTING: Semaphore = Semaphore::const_new(1);
static STARTING: Semaphore = Semaphore::const_new(1);

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub enum NoForecast {
    /// The copy could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was not done in time.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Others computed all the while.
    #[error("other forecasts are being made")]
    Busy,
    /// It panicked, or the process ends.
    #[error("the forecast did not finish: {0}")]
    Broken(String),
}

/// What will happen in a campaign.
///
/// # Errors
/// [`StoreError::NotFound`] for a campaign that the organisation does not have, or when the database or the time fails.
pub async fn ask(db: &Db, org: OrgId, id: CampaignId, question: &Question) -> Result<Forecast, NoForecast> {
    compute(db, org, id, question, &COMPUTING, PATIENCE).await
}

/// How many minutes of calls a campaign that is about to start needs before the month is over, where its organisation's plan
/// has a limit of them. None without such a limit, and where it cannot be told in time: then only what is left counts.
///
/// # Errors
/// When the database fails.
pub async fn need(db: &Db, org: OrgId, id: CampaignId) -> Result<Option<f64>, StoreError> {
    let mut tx = db.read().await?;
    let usage = quota::show(&mut tx, org).await?;
    drop(tx);
    if usage.minutes_per_month.is_none() || usage.is_spent() {
        return Ok(None);
    }
    let question = Question { extent: Extent::QUICK, boundless_minutes: true, ..Question::default() };
    match compute(db, org, id, &question, &STARTING, START_PATIENCE).await {
        Ok(forecast) => Ok(Some(forecast.minutes_this_month)),
        Err(NoForecast::Store(error)) => Err(error),
        Err(error @ (NoForecast::Busy | NoForecast::Stopped(_) | NoForecast::Broken(_))) => {
            tracing::warn!(campaign = %id, %error, "a start goes without its need of minutes");
            Ok(None)
        }
    }
}

async fn compute(
    db: &Db,
    org: OrgId,
    id: CampaignId,
    question: &Question,
    places: &Semaphore,
    patience: Duration,
) -> Result<Forecast, NoForecast> {
    let place = timeout(patience, places.acquire()).await.map_err(|_| NoForecast::Busy)?;
    let place = place.map_err(|closed| NoForecast::Broken(closed.to_string()))?;
    let mut tx = db.read().await?;
    let plan = copy(&mut tx, org, id, time::now(), question).await?;
    drop(tx);
    let until = time::now().mono + patience;
    let computed = tokio::task::spawn_blocking(move || forecast(&plan, &|| time::now().mono >= until)).await;
    drop(place);
    Ok(computed.map_err(|error| NoForecast::Broken(error.to_string()))??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::Settings;

    #[tokio::test]
    async fn whoever_waits_too_long_for_others_is_told_so() {
        let file = std::env::temp_dir().join(format!("callwright-outlook-{}.db", std::process::id()));
        let db = Db::open(&Settings::new(format!("sqlite:{}", file.display()))).await.expect("a database");
        let places = Semaphore::new(0);
        let (org, id) = (OrgId::generate(), CampaignId::generate());
        let asked = compute(&db, org, id, &Question::default(), &places, Duration::ZERO).await;
        assert!(matches!(asked, Err(NoForecast::Busy)));
        places.add_permits(1);
        let asked = compute(&db, org, id, &Question::default(), &places, PATIENCE).await;
        assert!(matches!(asked, Err(NoForecast::Store(StoreError::NotFound))));
        db.close(PATIENCE).await;
        // A leftover in the temporary folder is no reason to fail.
        let _ = std::fs::remove_file(file);
    }
}
