//! What came of the rows of an import, and mappings that are kept.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body as Input;
use super::error::ApiError;
use super::paging::{Id, Items, Params, default_limit};
use crate::campaign::import::{Plan, harmless};
use crate::id::{ImportId, MappingId};
use crate::pii::Pii;
use crate::store::import::{self, LoggedRow, RowOutcome};
use crate::store::{Db, StoreError};

/// Rows that are read at once for a download.
const PIECE: u32 = 1000;

/// Which rows.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RowsWish {
    /// Only those.
    #[serde(default)]
    outcome: Option<RowOutcome>,
    /// Only rows after this one.
    #[serde(default)]
    after: u64,
    /// Rows on the page, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 1000)]
    limit: u32,
}

/// Why rows made nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportLog {
    /// How many rows came to the same, the most frequent first.
    reasons: Vec<ReasonView>,
    /// Single rows; 100,000 that failed and as many that were skipped are kept.
    rows: Vec<RowView>,
    /// Pass as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// How many rows came to the same.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// What came of them.
    outcome: RowOutcome,
    /// Stable name of the reason.
    code: String,
    /// Why, in the words of the first of them.
    reason: String,
    /// How many.
    rows: u64,
}

/// A row that made nothing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowView {
    /// Its line in a CSV file, its number in a sheet.
    row: u64,
    /// What came of it.
    outcome: RowOutcome,
    /// Stable name of the reason.
    code: String,
    /// Why.
    reason: String,
    /// Its cells, when it failed.
    #[schema(value_type = Option<Vec<String>>)]
    cells: Option<Pii<Vec<String>>>,
}

/// A mapping to keep.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "CRM export", "plan": { "mapping": [{ "column": "Mobile", "field": "phone" }] } }))]
pub struct MappingInput {
    /// 1 to 100 characters; a mapping of the same name is replaced.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What is made of files that have its columns.
    #[garde(skip)]
    plan: Plan,
}

/// A mapping that is kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MappingView {
    /// Id.
    id: MappingId,
    /// Name.
    name: String,
    /// What is made of files that have its columns.
    plan: Plan,
}

/// Read why rows of an import made nothing
#[utoipa::path(
    get, path = "/api/v1/imports/{id}/log", tag = "imports", params(("id" = ImportId, Path), RowsWish),
    responses((status = 200, body = ImportLog), (status = 404, body = super::Problem))
)]
pub async fn log(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
    Params(wish): Params<RowsWish>,
) -> Result<Json<ImportLog>, ApiError> {
    if !(1..=1000).contains(&wish.limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 1000"));
    }
    let mut tx = api.db.read().await?;
    import::get(&mut tx, caller.org, id).await?;
    let reasons = import::reasons(&mut tx, id).await?;
    let mut rows = import::rows(&mut tx, id, wish.outcome, wish.after, wish.limit + 1).await?;
    let more = rows.len() > wish.limit as usize;
    rows.truncate(wish.limit as usize);
    Ok(Json(ImportLog {
        next: rows.last().map(|row| row.row).filter(|_| more),
        reasons: reasons
            .into_iter()
            .map(|found| ReasonView {
                outcome: found.outcome,
                code: found.code,
                reason: found.reason,
                rows: found.rows,
            })
            .collect(),
        rows: rows
            .into_iter()
            .map(|LoggedRow { row, outcome, code, reason, cells }| RowView { row, outcome, code, reason, cells })
            .collect(),
    }))
}

/// Download the rows of an import that failed
///
/// As CSV in UTF-8 with the cells as they were, and before them the number of the row and what is wrong with it: to be mended and
/// uploaded again. Cells that a spreadsheet would take for a formula have an apostrophe before them.
#[utoipa::path(
    get, path = "/api/v1/imports/{id}/failed.csv", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 200, content_type = "text/csv", body = String), (status = 404, body = super::Problem))
)]
pub async fn failed(State(api): State<Api>, caller: Caller, Id(id): Id<ImportId>) -> Result<Response, ApiError> {
    let seen = import::get(&mut api.db.read().await?, caller.org, id).await?;
    let first = piece(&api.db, id, 0).await?;
    let head = ["row", "reason"].map(str::to_owned).into_iter().chain(seen.columns).collect::<Vec<_>>();
    let last = first.last().map(|row| row.row);
    let start = sheet(Some(&head), &first)?;
    let rest = stream::try_unfold((api.db.clone(), last), move |(db, after)| async move {
        let Some(after) = after else { return Ok::<_, anyhow::Error>(None) };
        let rows = piece(&db, id, after).await?;
        let last = rows.last().map(|row| row.row);
        Ok(Some((sheet(None, &rows)?, (db, last))))
    });
    let body = Body::from_stream(stream::StreamExt::chain(stream::once(async { Ok(start) }), rest));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"failed-{id}.csv\"");
    let name = HeaderValue::from_str(&name).map_err(|error| ApiError::Internal(error.into()))?;
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// List the mappings that are kept
#[utoipa::path(
    get, path = "/api/v1/import-mappings", tag = "imports", responses((status = 200, body = Items<MappingView>))
)]
pub async fn mappings(State(api): State<Api>, caller: Caller) -> Result<Json<Items<MappingView>>, ApiError> {
    let all = import::mappings(&mut api.db.read().await?, caller.org).await?;
    let items = all.into_iter().map(|kept| MappingView { id: kept.id, name: kept.name, plan: kept.plan }).collect();
    Ok(Json(Items { items, next: None }))
}

/// Keep a mapping for files like it
///
/// A look at a file names those that fit it.
#[utoipa::path(
    post, path = "/api/v1/import-mappings", tag = "imports", request_body = MappingInput,
    responses((status = 200, body = MappingView), (status = 422, body = super::Problem))
)]
pub async fn keep_mapping(
    State(api): State<Api>,
    caller: Caller,
    Input(input): Input<MappingInput>,
) -> Result<Json<MappingView>, ApiError> {
    if input.plan.mapping.is_empty() || input.name.trim().is_empty() {
        return Err(ApiError::field("/plan/mapping", "missing_field", "say what the columns are, and give it a name"));
    }
    let mut tx = api.db.begin().await?;
    import::keep_mapping(&mut tx, caller.org, &input.name, &input.plan).await?;
    let all = import::mappings(&mut tx, caller.org).await?;
    tx.commit().await?;
    let name = input.name.trim().to_lowercase();
    let kept = all.into_iter().find(|kept| kept.name.to_lowercase() == name).ok_or(ApiError::NotFound("mapping"))?;
    Ok(Json(MappingView { id: kept.id, name: kept.name, plan: kept.plan }))
}

/// Forget a mapping
#[utoipa::path(
    delete, path = "/api/v1/import-mappings/{id}", tag = "imports", params(("id" = MappingId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete_mapping(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MappingId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    import::delete_mapping(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn piece(db: &Db, id: ImportId, after: u64) -> Result<Vec<LoggedRow>, StoreError> {
    import::rows(&mut db.read().await?, id, Some(RowOutcome::Failed), after, PIECE).await
}

fn sheet(head: Option<&[String]>, rows: &[LoggedRow]) -> Result<Bytes, ApiError> {
    let broken = |error: csv::Error| ApiError::Internal(error.into());
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    if let Some(head) = head {
        writer.write_record(head.iter().map(|name| harmless(name))).map_err(broken)?;
    }
    for row in rows {
        let cells = row.cells.as_ref().map(Pii::expose).into_iter().flatten();
        let fields = [row.row.to_string(), row.reason.clone()].into_iter().chain(cells.map(|cell| harmless(cell)));
        writer.write_record(fields).map_err(broken)?;
    }
    let text =
        writer.into_inner().map_err(|error| ApiError::Internal(anyhow::anyhow!("a sheet in memory: {error}")))?;
    Ok(Bytes::from(text))
}
