//! The dials of a run as a sheet.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use crate::id::{AttemptId, CampaignId, OrgId, RunId};
use crate::store::attempt::{self, Exported};
use crate::store::{Db, StoreError, campaign};

/// Rows that are read at once: others get their turn in between, and memory does not grow with the sheet.
const PIECE: u32 = 1000;
const COLUMNS: [&str; 20] = [
    "attempt_id",
    "contact_id",
    "name",
    "phone",
    "contact_state",
    "round",
    "dial_no",
    "kind",
    "state",
    "reason",
    "blocked_reason",
    "sip_code",
    "answered_by",
    "ended_by",
    "claimed_at",
    "dialing_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "duration_ms",
];

/// Export the dials of a run as CSV
///
/// A row per dial in the order in which they were made, with the contact and where it stands now. Names that a spreadsheet would
/// take for a formula have an apostrophe before them. Times are UTC.
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/runs/{run_id}/attempts.csv", tag = "campaigns",
    params(("id" = CampaignId, Path), ("run_id" = RunId, Path)),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 404, body = super::Problem)
    )
)]
pub async fn attempts(
    State(api): State<Api>,
    caller: Caller,
    Path((id, run)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let id: CampaignId = id.parse().map_err(|_| ApiError::NotFound("id"))?;
    let run: RunId = run.parse().map_err(|_| ApiError::NotFound("id"))?;
    let mut tx = api.db.read().await?;
    let seen = campaign::get(&mut tx, caller.org, id).await?;
    drop(tx);
    // Runs that were taken out of the schedule keep what was dialed on their days.
    let planned = seen.data.schedule.runs.iter().any(|planned| planned.id == Some(run));
    let first = piece(&api.db, caller.org, id, run, None).await?;
    if !planned && first.1.is_none() {
        return Err(ApiError::NotFound("run"));
    }
    let head = sheet(true, &first.0)?;
    let rest = stream::try_unfold((api.db.clone(), first.1), move |(db, after)| async move {
        let Some(after) = after else { return Ok::<_, anyhow::Error>(None) };
        let (rows, next) = piece(&db, caller.org, id, run, Some(after)).await?;
        Ok(Some((sheet(false, &rows)?, (db, next))))
    });
    let body = Body::from_stream(stream::StreamExt::chain(stream::once(async { Ok(head) }), rest));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"run-{run}.csv\"");
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_str(&name).map_err(|error| ApiError::Internal(error.into()))?,
    );
    Ok(response)
}

/// The next rows, and the last of them.
async fn piece(
    db: &Db,
    org: OrgId,
    campaign: CampaignId,
    run: RunId,
    after: Option<AttemptId>,
) -> Result<(Vec<Exported>, Option<AttemptId>), StoreError> {
    let mut tx = db.read().await?;
    let rows = attempt::of_run(&mut tx, org, campaign, run, after, PIECE).await?;
    let last = rows.last().map(|row| row.attempt.id);
    Ok((rows, last))
}

fn sheet(with_head: bool, rows: &[Exported]) -> Result<Bytes, ApiError> {
    let broken = |error: csv::Error| ApiError::Internal(error.into());
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(COLUMNS).map_err(broken)?;
    }
    for row in rows {
        writer.write_record(fields(row)).map_err(broken)?;
    }
    let text =
        writer.into_inner().map_err(|error| ApiError::Internal(anyhow::anyhow!("a sheet in memory: {error}")))?;
    Ok(Bytes::from(text))
}

fn fields(row: &Exported) -> [String; 20] {
    let Exported { attempt, name, phone, state } = row;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let duration = attempt.answered_at.zip(attempt.ended_at).map(|(from, to)| to.duration_since(from).as_millis());
    [
        attempt.id.to_string(),
        attempt.contact.to_string(),
        harmless(name.expose()),
        phone.as_ref().map(|phone| phone.expose().as_str().to_owned()).unwrap_or_default(),
        state.to_string(),
        attempt.round.to_string(),
        attempt.dial_no.to_string(),
        attempt.kind.to_string(),
        attempt.state.to_string(),
        attempt.reason.map(|reason| reason.to_string()).unwrap_or_default(),
        attempt.blocked_reason.map(|reason| reason.to_string()).unwrap_or_default(),
        attempt.sip_code.map(|code| code.to_string()).unwrap_or_default(),
        attempt.answered_by.map(|by| by.to_string()).unwrap_or_default(),
        attempt.ended_by.map(|by| by.to_string()).unwrap_or_default(),
        attempt.claimed_at.to_string(),
        time(attempt.dialing_at),
        time(attempt.ringing_at),
        time(attempt.answered_at),
        time(attempt.ended_at),
        duration.map(|duration| duration.to_string()).unwrap_or_default(),
    ]
}

/// A name that no spreadsheet takes for a formula.
fn harmless(name: &str) -> String {
    let formula = name.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_formulas() {
        for (name, shown) in [("Ada", "Ada"), ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("-", "'-"), ("", "")] {
            assert_eq!(harmless(name), shown);
        }
    }
}
