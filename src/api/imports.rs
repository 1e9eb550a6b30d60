//! Files with contacts or cases: uploaded, looked at, said what they are, imported in the background, undone.

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Unchecked;
use super::error::{ApiError, FieldFault};
use super::paging::{Id, Items, Listed, Ordering, Params};
use crate::campaign::import::guess::guess;
use crate::campaign::import::person::Layout;
use crate::campaign::import::{Cell, Encoding, Field, Format, ImportKind, IntoList, Mapped, Plan, Reading, Separator};
use crate::id::{ImportId, ListId};
use crate::import::fault::FileFault;
use crate::import::sheet::{Facts, Sheet, look};
use crate::pii::Pii;
use crate::store::StoreError;
use crate::store::import::{self, Counts, Import, ImportState, Parsed, Undone, Upload};
use crate::store::people_list::{self, ListKind};

/// Silence after which an upload is taken for broken off.
const IDLE: std::time::Duration = std::time::Duration::from_secs(60);
/// Rows that a preview shows.
const SHOWN: usize = 20;
/// Rows that a preview checks for faults and duplicates.
const CHECKED: usize = 2000;
/// Faults that a preview lists.
const PROBLEMS: usize = 50;

/// What is uploaded.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadOptions {
    /// What the file is called, for people; at most 200 characters.
    #[param(example = "spring.csv")]
    file_name: String,
}

/// An import.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportView {
    /// Id.
    id: ImportId,
    /// Where it stands.
    state: ImportState,
    /// What the file was called.
    file_name: String,
    /// How long it is.
    bytes: u64,
    /// What kind it is.
    format: Format,
    /// How it is read.
    reading: Reading,
    /// What is made of it.
    plan: Option<Plan>,
    /// The list that everybody comes into.
    list_id: Option<ListId>,
    /// Rows that have been dealt with.
    total: u64,
    /// Rows that made a contact or a case.
    imported: u64,
    /// Rows that changed one.
    updated: u64,
    /// Rows that say what is there already.
    skipped: u64,
    /// Rows that could not be used.
    failed: u64,
    /// How much of the file has been read, in percent.
    percent: f64,
    /// Why it failed as a whole.
    error: Option<String>,
    /// What came of undoing it.
    undone: Option<UndoneView>,
    /// When it was uploaded.
    created_at: Timestamp,
    /// When its first row was dealt with.
    started_at: Option<Timestamp>,
    /// When it came to its end.
    finished_at: Option<Timestamp>,
}

/// What came of undoing an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UndoneView {
    /// Contacts that were deleted.
    contacts: u64,
    /// Cases that were deleted.
    cases: u64,
    /// Contacts and cases that are as they were before.
    restored: u64,
    /// Why others stay as they are, and how many.
    kept: std::collections::BTreeMap<String, u64>,
}

/// A look at a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportPreviewView {
    /// What kind it is.
    format: Format,
    /// Its sheets.
    sheets: Vec<String>,
    /// How it is read: as was chosen, and as it looks where nothing was.
    reading: Reading,
    /// Its columns.
    columns: Vec<ColumnView>,
    /// Its first rows, at most 20.
    rows: Vec<PreviewRow>,
    /// How many rows were looked at for what follows, at most 2000.
    checked: u64,
    /// Whether these are all.
    complete: bool,
    /// Rows that would fail with the mapping as it is, or as it is guessed; the first 50.
    problems: Vec<RowProblem>,
    /// How many rows would.
    problem_count: u64,
    /// Rows that are likely to be there already, or twice in the file.
    duplicates: u64,
    /// The first 10 of them.
    duplicate_rows: Vec<u64>,
    /// Areas of merged cells, when the whole sheet was looked at: only their first cell has a value.
    merged_cells: u64,
    /// The mapping that the headings and values suggest.
    guess: Vec<GuessView>,
    /// Kept mappings that fit the columns, by name.
    fitting: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ColumnView {
    /// Its heading; made up where it has none, or another one has the same.
    heading: String,
    /// Some of its values.
    #[schema(value_type = Vec<String>)]
    samples: Pii<Vec<String>>,
}

/// A row of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewRow {
    /// Its line in a CSV file, its number in a sheet.
    row: u64,
    /// Its cells.
    #[schema(value_type = Vec<String>)]
    cells: Pii<Vec<String>>,
}

/// A row that would fail.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowProblem {
    /// Its line in a CSV file, its number in a sheet.
    row: u64,
    /// Stable name of the reason.
    code: String,
    /// What is wrong.
    reason: String,
}

/// What a column probably is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GuessView {
    /// Its heading.
    column: String,
    /// What it probably is.
    field: Field,
    /// The heading says so; else its values look like it.
    by_heading: bool,
}

/// Picks imports.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ImportFilter {
    /// In this state.
    state: Option<ImportState>,
}

/// How a file is to be read; what is left out is as it looks.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "encoding": "windows-1252", "separator": "semicolon", "heading": true }))]
pub struct ReadingInput {
    /// Of a spreadsheet: which sheet, by its name.
    #[serde(default)]
    sheet: Option<String>,
    /// Of CSV: how its text is written as bytes.
    #[serde(default)]
    encoding: Option<Encoding>,
    /// Of CSV: what stands between values.
    #[serde(default)]
    separator: Option<Separator>,
    /// The first row that is not empty names the columns.
    #[serde(default)]
    heading: Option<bool>,
}

/// Upload a file with contacts or cases
///
/// CSV, .xlsx or .ods, sent as it is; what it is is told from its content. It is written to the disk while it arrives, and looked
/// at to its end: what is no table is refused with the reason.
#[utoipa::path(
    post, path = "/api/v1/imports", tag = "imports", params(UploadOptions),
    request_body(content = String, content_type = "text/csv", example = json!("Name;Mobile\nAda;+442079460001\nBen;12\n")),
    responses(
        (status = 201, body = ImportView),
        (status = 413, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Params(options): Params<UploadOptions>,
    body: Stream,
) -> Result<Response, ApiError> {
    if !(1..=200).contains(&options.file_name.trim().chars().count()) {
        return Err(ApiError::field("?file_name", "rule", "a file's name has 1 to 200 characters"));
    }
    let id = ImportId::generate();
    let path = api.imports.path(id);
    let made = async {
        let bytes = receive(&api, &path, body).await?;
        let looking = path.clone();
        let facts = tokio::task::spawn_blocking(move || look(&looking)).await;
        let facts = facts.map_err(|error| ApiError::Internal(error.into()))?.map_err(unreadable)?;
        let value = serde_json::to_value(&facts).map_err(|error| ApiError::Internal(error.into()))?;
        let file_name = options.file_name.trim().to_owned();
        let upload = Upload { id, file_name, bytes, format: facts.format, facts: value };
        let mut tx = api.db.begin_durable().await?;
        let import = import::insert(&mut tx, caller.org, &caller.actor(), upload).await?;
        tx.commit().await?;
        Ok::<_, ApiError>(import)
    };
    match made.await {
        Ok(import) => Ok((StatusCode::CREATED, Json(view(import))).into_response()),
        Err(error) => {
            // Whatever is left of it is taken away later when this fails.
            let _ = tokio::fs::remove_file(&path).await;
            Err(error)
        }
    }
}

/// Writes what arrives to a file; how many bytes it was.
async fn receive(api: &Api, path: &std::path::Path, body: Stream) -> Result<u64, ApiError> {
    let failed =
        |error: std::io::Error| ApiError::Internal(anyhow::Error::from(error).context("an upload cannot be kept"));
    tokio::fs::create_dir_all(api.imports.folder()).await.map_err(failed)?;
    let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
    let mut stream = body.into_data_stream();
    let mut bytes = 0_u64;
    loop {
        let piece = match tokio::time::timeout(IDLE, stream.next()).await {
            Err(_) => {
                return Err(ApiError::field("", "broken_off", "the upload stood still for a minute: send it again"));
            }
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(ApiError::Malformed(format!("the upload broke off: {error}"))),
            Ok(Some(Ok(piece))) => piece,
        };
        bytes += piece.len() as u64;
        if bytes > api.config.max_upload_bytes {
            return Err(ApiError::TooLarge);
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(bytes)
}

/// List imports
#[utoipa::path(
    get, path = "/api/v1/imports", tag = "imports", params(ImportFilter, Ordering),
    responses((status = 200, body = Items<ImportView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<ImportFilter>,
) -> Result<Json<Items<ImportView>>, ApiError> {
    let sheet = listed.sheet(&[("created_at", None)])?;
    let mut tx = api.db.read().await?;
    let listing = import::list(&mut tx, caller.org, listed.filter.state, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read how far an import is
///
/// It is kept for 30 days.
#[utoipa::path(
    get, path = "/api/v1/imports/{id}", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 200, body = ImportView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<ImportId>) -> Result<Json<ImportView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(view(import::get(&mut tx, caller.org, id).await?)))
}

/// Forget an import that is not under way
///
/// What it imported stays.
#[utoipa::path(
    delete, path = "/api/v1/imports/{id}", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(State(api): State<Api>, caller: Caller, Id(id): Id<ImportId>) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    let seen = import::get(&mut tx, caller.org, id).await?;
    let done = import::delete(&mut tx, &seen, &caller.actor()).await;
    done.map_err(|error| refused(error, seen.state, "is under way: cancel it, or wait for its end"))?;
    tx.commit().await?;
    // A file that stays is taken away with the next look at the folder.
    let _ = tokio::fs::remove_file(api.imports.path(id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Look at the file of an import
///
/// Its columns, first rows, what the columns probably are, and what is wrong with the first 2000 rows.
#[utoipa::path(
    get, path = "/api/v1/imports/{id}/preview", tag = "imports", params(("id" = ImportId, Path)),
    responses(
        (status = 200, body = ImportPreviewView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Result<Json<ImportPreviewView>, ApiError> {
    let seen = import::get(&mut api.db.read().await?, caller.org, id).await?;
    Ok(Json(looked(&api, caller, &seen).await?))
}

/// Say how the file of an import is read
///
/// Answers with a new look at it. What was said of its columns has to be said again.
#[utoipa::path(
    put, path = "/api/v1/imports/{id}/reading", tag = "imports", params(("id" = ImportId, Path)),
    request_body = ReadingInput,
    responses(
        (status = 200, body = ImportPreviewView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn set_reading(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
    Unchecked(input): Unchecked<ReadingInput>,
) -> Result<Json<ImportPreviewView>, ApiError> {
    let ReadingInput { sheet, encoding, separator, heading } = input;
    let reading = Reading { sheet, encoding, separator, heading };
    let mut seen = import::get(&mut api.db.read().await?, caller.org, id).await?;
    (seen.reading, seen.plan) = (reading.clone(), None);
    let looked = looked(&api, caller, &seen).await?;
    let mut tx = api.db.begin().await?;
    let set = import::set_reading(&mut tx, &seen, &reading).await;
    set.map_err(|error| refused(error, seen.state, "has been started: upload the file again"))?;
    tx.commit().await?;
    Ok(Json(looked))
}

/// Say what is made of a file
///
/// What it holds, what its columns are, and what is done about rows whose contact or case is there already. All faults are
/// answered at once.
#[utoipa::path(
    put, path = "/api/v1/imports/{id}/plan", tag = "imports", params(("id" = ImportId, Path)), request_body = Plan,
    responses(
        (status = 200, body = ImportView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn set_plan(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
    Unchecked(plan): Unchecked<Plan>,
) -> Result<Json<ImportView>, ApiError> {
    let seen = import::get(&mut api.db.read().await?, caller.org, id).await?;
    let (columns, ..) = read_some(&api, &seen, 0).await?;
    let mut faults: Vec<FieldFault> = plan
        .faults(&columns)
        .into_iter()
        .map(|fault| FieldFault { pointer: fault.pointer, code: fault.code.to_owned(), reason: fault.reason })
        .collect();
    let mut fault = |pointer: &str, code: &str, reason: &str| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason: reason.to_owned() });
    };
    super::contacts::tag_names(Some(&plan.tags))?;
    for (pointer, name) in [("/case_type", &plan.case_type), ("/case_status", &plan.case_status)] {
        if name.as_ref().is_some_and(|name| !(1..=60).contains(&name.trim().chars().count())) {
            fault(pointer, "rule", "a name has 1 to 60 characters");
        }
    }
    let mut tx = api.db.begin().await?;
    match &plan.list {
        None => {}
        Some(IntoList::New(name)) => {
            if !(1..=100).contains(&name.trim().chars().count()) {
                fault("/list/new", "rule", "a name has 1 to 100 characters");
            } else if !people_list::is_free(&mut tx, caller.org, name).await? {
                fault("/list/new", "name_taken", "a list has this name: choose another one, or send its id");
            }
        }
        Some(IntoList::Id(list)) => match people_list::get(&mut tx, caller.org, *list).await {
            Err(StoreError::NotFound) => fault("/list/id", "not_found", "there is no such list"),
            Err(error) => return Err(error.into()),
            Ok(list) if (list.kind == ListKind::Cases) != (plan.kind == ImportKind::Cases) => {
                fault("/list/id", "wrong_kind", "the list holds something else than the file: choose another one");
            }
            Ok(_) => {}
        },
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    let set = import::set_plan(&mut tx, &seen, &plan, &columns).await;
    set.map_err(|error| refused(error, seen.state, "has been started: upload the file again"))?;
    let changed = import::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Json(view(changed)))
}

/// Start an import
///
/// It runs in the background, whatever happens to this request: look at `GET /api/v1/imports/{id}`. Good rows are imported, bad
/// ones are told.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/start", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 202, body = ImportView), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn start(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Result<(StatusCode, Json<ImportView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let seen = import::get(&mut tx, caller.org, id).await?;
    if seen.plan.is_none() {
        let detail = "nobody has said what is made of the file: PUT /api/v1/imports/{id}/plan first".to_owned();
        return Err(ApiError::Conflict { code: "no_plan", detail, faults: Vec::new() });
    }
    if seen.state == ImportState::Uploaded {
        here(&api, id).await?;
    }
    let queued = import::queue(&mut tx, &seen, &caller.actor()).await;
    queued.map_err(|error| refused(error, seen.state, "has been started already"))?;
    answered(api, caller, id, tx).await
}

/// Cancel an import
///
/// What has been imported stays; it can be undone.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/cancel", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 202, body = ImportView), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Result<(StatusCode, Json<ImportView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let seen = import::get(&mut tx, caller.org, id).await?;
    let done = import::cancel(&mut tx, &seen, &caller.actor()).await;
    done.map_err(|error| refused(error, seen.state, "neither waits nor runs"))?;
    answered(api, caller, id, tx).await
}

/// Undo an import
///
/// Contacts and cases that it made are deleted, what it changed is as it was. Whoever was dialed, is in a campaign that was
/// started, or was changed since stays as it is, and is counted with the reason. Lists, tags and names of types stay.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/undo", tag = "imports", params(("id" = ImportId, Path)),
    responses((status = 202, body = ImportView), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn undo(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Result<(StatusCode, Json<ImportView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let seen = import::get(&mut tx, caller.org, id).await?;
    let done = import::undo(&mut tx, &seen, &caller.actor()).await;
    done.map_err(|error| refused(error, seen.state, "has not come to its end, or has been undone"))?;
    answered(api, caller, id, tx).await
}

async fn answered(
    api: Api,
    caller: Caller,
    id: ImportId,
    mut tx: crate::store::Tx,
) -> Result<(StatusCode, Json<ImportView>), ApiError> {
    let now = import::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    api.imports.wake();
    Ok((StatusCode::ACCEPTED, Json(view(now))))
}

fn refused(error: StoreError, state: ImportState, why: &str) -> ApiError {
    if matches!(error, StoreError::Stale) {
        let detail = format!("the import is {state}: it {why}");
        return ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() };
    }
    error.into()
}

fn unreadable(fault: FileFault) -> ApiError {
    if let FileFault::Io(error) = fault {
        return ApiError::Internal(anyhow::Error::from(error).context("an upload cannot be read"));
    }
    ApiError::field("", fault.code(), fault.to_string())
}

async fn here(api: &Api, id: ImportId) -> Result<(), ApiError> {
    if tokio::fs::try_exists(api.imports.path(id)).await.unwrap_or(false) {
        return Ok(());
    }
    let detail = "the file is not on this node: it is gone after the import, and with several nodes it lies on the one that \
                  took it";
    Err(ApiError::Conflict { code: "no_file", detail: detail.to_owned(), faults: Vec::new() })
}

/// The first rows of a file, its columns, whether that was all, and how many cells are merged.
async fn read_some(
    api: &Api,
    seen: &Import,
    most: usize,
) -> Result<(Vec<String>, Vec<crate::campaign::import::Row>, bool, u64), ApiError> {
    here(api, seen.id).await?;
    let facts: Facts = serde_json::from_value(seen.facts.clone()).map_err(|error| ApiError::Internal(error.into()))?;
    let (path, reading) = (api.imports.path(seen.id), seen.reading.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut sheet = Sheet::open(&path, &facts, &reading)?;
        let columns = sheet.columns().to_vec();
        let mut rows = Vec::new();
        while rows.len() < most {
            match sheet.next_row()? {
                Some(row) => rows.push(row),
                None => return Ok((columns, rows, true, sheet.merged())),
            }
        }
        Ok::<_, FileFault>((columns, rows, false, 0))
    });
    read.await.map_err(|error| ApiError::Internal(error.into()))?.map_err(unreadable)
}

async fn looked(api: &Api, caller: Caller, seen: &Import) -> Result<ImportPreviewView, ApiError> {
    let facts: Facts = serde_json::from_value(seen.facts.clone()).map_err(|error| ApiError::Internal(error.into()))?;
    let (columns, rows, complete, merged_cells) = read_some(api, seen, CHECKED).await?;
    let value = |row: &crate::campaign::import::Row, place: usize| {
        row.cells.as_ref().ok().and_then(|cells| cells.get(place)).map(Cell::shown).unwrap_or_default()
    };
    let samples: Vec<Vec<String>> = (0..columns.len())
        .map(|place| rows.iter().map(|row| value(row, place)).filter(|text| !text.is_empty()).take(5).collect())
        .collect();
    let kind = seen.plan.as_ref().map_or_else(
        || {
            if guess(ImportKind::Cases, &columns, &samples).iter().any(|guess| guess.mapped.field == Field::CaseId) {
                ImportKind::Cases
            } else {
                ImportKind::Contacts
            }
        },
        |plan| plan.kind,
    );
    let guesses = guess(kind, &columns, &samples);
    let guessed: Vec<Mapped> = guesses.iter().map(|guess| guess.mapped.clone()).collect();
    let plan = seen.plan.clone().unwrap_or_else(|| Plan { kind, mapping: guessed, ..Plan::default() });
    let layout = Layout::new(&plan, &columns);
    let shown = rows
        .iter()
        .take(SHOWN)
        .map(|row| PreviewRow {
            row: row.number,
            cells: Pii::new((0..columns.len()).map(|place| value(row, place)).collect()),
        })
        .collect();
    let parsed: Vec<Parsed> = rows.into_iter().map(|row| Parsed { said: layout.read(&row), row }).collect();
    let mut problems = Vec::new();
    for row in &parsed {
        if let Err(refusal) = &row.said {
            problems.push(RowProblem {
                row: row.row.number,
                code: refusal.code.to_owned(),
                reason: refusal.reason.clone(),
            });
        }
    }
    let problem_count = problems.len() as u64;
    problems.truncate(PROBLEMS);
    let mut tx = api.db.read().await?;
    let mut duplicate_rows = import::lookalikes(&mut tx, caller.org, &api.secrets.phone, &plan, &parsed).await?;
    let fitting = import::mappings(&mut tx, caller.org).await?;
    let fitting = fitting.into_iter().filter(|kept| kept.plan.faults(&columns).is_empty());
    let fitting = fitting.map(|kept| kept.name).collect();
    let duplicates = duplicate_rows.len() as u64;
    duplicate_rows.truncate(10);
    let heads = columns.into_iter().zip(samples);
    Ok(ImportPreviewView {
        format: facts.format,
        reading: facts.chosen(&seen.reading),
        sheets: facts.sheets,
        columns: heads.map(|(heading, samples)| ColumnView { heading, samples: Pii::new(samples) }).collect(),
        rows: shown,
        checked: parsed.len() as u64,
        complete,
        problems,
        problem_count,
        duplicates,
        duplicate_rows,
        merged_cells,
        guess: guesses
            .into_iter()
            .map(|guess| GuessView {
                column: guess.mapped.column,
                field: guess.mapped.field,
                by_heading: guess.by_heading,
            })
            .collect(),
        fitting,
    })
}

fn view(import: Import) -> ImportView {
    let Counts { created, updated, skipped, failed } = import.counts;
    let facts: Option<Facts> = serde_json::from_value(import.facts).ok();
    let percent = match import.bytes {
        0 => 100.0,
        bytes => (import.bytes_read as f64 * 100.0 / bytes as f64).min(100.0),
    };
    ImportView {
        id: import.id,
        state: import.state,
        file_name: import.file_name,
        bytes: import.bytes,
        format: import.format,
        reading: facts.map_or_else(|| import.reading.clone(), |facts| facts.chosen(&import.reading)),
        plan: import.plan,
        list_id: import.list,
        total: import.counts.total(),
        imported: created,
        updated,
        skipped,
        failed,
        percent,
        error: import.error,
        undone: import.undone.map(|Undone { contacts, cases, restored, kept, .. }| UndoneView {
            contacts,
            cases,
            restored,
            kept,
        }),
        created_at: import.created_at,
        started_at: import.started_at,
        finished_at: import.finished_at,
    }
}
