//! Imported suppression lists: made, filled from files of any size, attached, deleted.

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Params};
use crate::campaign::numbers::{Layout, NumberReader, Piece, RowFault};
use crate::id::{CampaignId, SuppressionListId};
use crate::store::lock::Lock;
use crate::store::org::PhoneHash;
use crate::store::suppression_list::{self, Import, ListData, SuppressionList, TooMany};
use crate::store::{StoreError, campaign};

/// Faulty rows that an answer lists; more are only counted.
const MAX_FAULTS: usize = 100;
/// Of a hundred rows, how many may be no numbers before the file is taken for the wrong one.
const MOST_FAULTS_PERCENT: u64 = 10;
/// Silence after which an upload is taken for broken off.
const IDLE: std::time::Duration = std::time::Duration::from_secs(60);
/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// What can be set of a list.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Robinson list", "source": "DDV, monthly extract", "valid_until": "2027-04-01T00:00:00Z" }))]
pub struct ListInput {
    /// Name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Where it comes from, for people.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    source: String,
    /// Whether it holds for all campaigns; else for those it is attached to.
    #[serde(default = "yes")]
    #[garde(skip)]
    organisation_wide: bool,
    /// Until when it is fresh enough to be relied upon. After that its numbers stay suppressed, and campaigns that it holds
    /// for pause (`compliance`) until a newer version is imported and this is moved.
    #[serde(default)]
    #[garde(skip)]
    valid_until: Option<Timestamp>,
}

const fn yes() -> bool {
    true
}

impl From<ListInput> for ListData {
    fn from(input: ListInput) -> Self {
        Self {
            name: input.name,
            source: input.source,
            org_wide: input.organisation_wide,
            valid_until: input.valid_until,
        }
    }
}

/// A list. Its numbers are kept as keyed hashes only, so they are not shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListView {
    /// Id.
    id: SuppressionListId,
    /// Name.
    name: String,
    /// Where it comes from.
    source: String,
    /// Whether it holds for all campaigns.
    organisation_wide: bool,
    /// Until when it is fresh enough.
    valid_until: Option<Timestamp>,
    /// Counts its imports; 0 = none yet.
    version: i64,
    /// How many numbers it has.
    numbers: u64,
    /// When they were imported.
    imported_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
}

/// How to read the file.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumbersOptions {
    /// Country in which numbers without `+` are to be read, ISO 3166-1, two letters.
    #[serde(default)]
    #[param(example = "DE")]
    country: Option<String>,
    /// Column of the numbers; without it the first row tells, or it is the first column.
    #[serde(default)]
    column: Option<String>,
    /// Take the file although more than a tenth of its rows are no numbers.
    #[serde(default)]
    accept_faults: bool,
}

/// What came of an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "version": 2, "numbers": 999_998, "rows": 1_000_000, "repeated": 1, "refused": 1,
    "faults": [{ "line": 17, "reason": "not a valid phone number" }]
}))]
pub struct NumbersReport {
    /// The list's new version.
    version: i64,
    /// Its numbers, each counted once.
    numbers: u64,
    /// Rows of the file.
    rows: u64,
    /// Rows whose number stood in another one.
    repeated: u64,
    /// Rows that are no numbers.
    refused: u64,
    /// The first 100 of them.
    faults: Vec<FaultView>,
}

/// A row that is no number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FaultView {
    /// Line of the file, from 1.
    line: u64,
    /// What is wrong.
    reason: String,
}

/// The lists of a campaign's own.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "lists": ["0198a0b6-0000-7000-8000-000000000001"] }))]
pub struct AttachedLists {
    /// Their ids. Lists of the whole organisation hold besides and need not be named.
    lists: Vec<SuppressionListId>,
}

/// Make a suppression list
///
/// It has no numbers until they are imported.
#[utoipa::path(
    post, path = "/api/v1/suppression-lists", tag = "suppressions", request_body = ListInput,
    responses(
        (status = 201, body = ListView),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ListInput>,
) -> Result<(StatusCode, Json<ListView>), ApiError> {
    let mut tx = api.db.begin_durable().await?;
    let actor = caller.actor();
    let made = suppression_list::insert(&mut tx, caller.org, &actor, input.into()).await?;
    let made = made.map_err(|TooMany| {
        let reason = format!(
            "an organisation has at most {} lists: delete one, or import into one",
            suppression_list::MAX_LISTS
        );
        ApiError::field("", "too_many", reason)
    })?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(made))))
}

/// List suppression lists
#[utoipa::path(
    get, path = "/api/v1/suppression-lists", tag = "suppressions", responses((status = 200, body = Items<ListView>))
)]
pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Items<ListView>>, ApiError> {
    let mut tx = api.db.read().await?;
    let all = suppression_list::all(&mut tx, caller.org).await?;
    Ok(Json(Items { items: all.into_iter().map(view).collect(), next: None }))
}

/// Read a suppression list
#[utoipa::path(
    get, path = "/api/v1/suppression-lists/{id}", tag = "suppressions", params(("id" = SuppressionListId, Path)),
    responses((status = 200, body = ListView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SuppressionListId>,
) -> Result<Tagged<ListView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(suppression_list::get(&mut tx, caller.org, id).await?)))
}

/// Change a suppression list
#[utoipa::path(
    put, path = "/api/v1/suppression-lists/{id}", tag = "suppressions", params(("id" = SuppressionListId, Path)),
    request_body = ListInput,
    responses(
        (status = 200, body = ListView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SuppressionListId>,
    wanted: IfMatch,
    Body(input): Body<ListInput>,
) -> Result<Tagged<ListView>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::SuppressionList(id)).await?;
    wanted.check(&view(suppression_list::get(&mut tx, caller.org, id).await?))?;
    suppression_list::update(&mut tx, caller.org, &caller.actor(), id, &input.into()).await?;
    let changed = suppression_list::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(changed)))
}

/// Delete a suppression list
///
/// Whom it blocked goes through the gate again.
#[utoipa::path(
    delete, path = "/api/v1/suppression-lists/{id}", tag = "suppressions", params(("id" = SuppressionListId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SuppressionListId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::SuppressionList(id)).await?;
    wanted.check(&view(suppression_list::get(&mut tx, caller.org, id).await?))?;
    suppression_list::delete(&mut tx, caller.org, &caller.actor(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the numbers of a list
///
/// A file of any size, sent as it is: one number a line, or CSV. It is read while it arrives and becomes the list's new version
/// at once when it has been read to its end; until then, and when it breaks off, the old one holds. A file without a number,
/// or of whose rows more than a tenth are no numbers, changes nothing unless `accept_faults` is set.
#[utoipa::path(
    put, path = "/api/v1/suppression-lists/{id}/numbers", tag = "suppressions",
    params(("id" = SuppressionListId, Path), NumbersOptions),
    request_body(content = String, content_type = "text/csv", example = json!("phone\n+442079460003\n+442079460004\n")),
    responses(
        (status = 200, body = NumbersReport),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn import(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SuppressionListId>,
    Params(options): Params<NumbersOptions>,
    headers: HeaderMap,
    body: Stream,
) -> Result<Json<NumbersReport>, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/csv") && !kind.starts_with("text/plain") {
        return Err(ApiError::UnsupportedType("text/csv"));
    }
    let accept = options.accept_faults;
    let mut import = Import::begin(&api.db, caller.org, id).await?;
    let outcome = match fill(&api, &mut import, options, body).await {
        Ok(read) => read.judge(accept).map(|()| read),
        Err(error) => Err(error),
    };
    let read = match outcome {
        Ok(read) => read,
        Err(error) => {
            import.abandon(&api.db).await?;
            return Err(error);
        }
    };
    let done = import.finish(&api.db, &caller.actor()).await.map_err(|error| {
        if matches!(error, StoreError::Stale) {
            ApiError::field("", "broken_off", "the upload stood still for too long: send it again")
        } else {
            error.into()
        }
    })?;
    Ok(Json(NumbersReport {
        version: done.version,
        numbers: done.numbers,
        rows: read.rows,
        repeated: (read.rows - read.refused).saturating_sub(done.numbers),
        refused: read.refused,
        faults: read.faults,
    }))
}

/// What has been read of a file.
#[derive(Debug, Default)]
struct Read {
    rows: u64,
    refused: u64,
    faults: Vec<FaultView>,
}

impl Read {
    fn note(&mut self, faults: &[RowFault]) {
        self.refused += faults.len() as u64;
        let room = MAX_FAULTS.saturating_sub(self.faults.len());
        let shown = faults.iter().take(room).map(|row| FaultView { line: row.line, reason: row.fault.to_string() });
        self.faults.extend(shown);
    }

    fn judge(&self, accept_faults: bool) -> Result<(), ApiError> {
        let first = self.faults.first().map_or_else(String::new, |row| format!("; line {}: {}", row.line, row.reason));
        if self.rows == self.refused {
            let reason = format!("no number was found, the list stays as it was{first}");
            return Err(ApiError::field("", "no_numbers", reason));
        }
        if !accept_faults && self.refused * 100 > self.rows * MOST_FAULTS_PERCENT {
            let reason = format!(
                "{} of {} rows are no numbers, the list stays as it was{first}. Name the country or the column, or set \
                 accept_faults",
                self.refused, self.rows
            );
            return Err(ApiError::field("", "too_many_faults", reason));
        }
        Ok(())
    }
}

/// Reads the body to its end, a piece at a time: as much is in memory as one piece and one batch of the database.
async fn fill(api: &Api, import: &mut Import, options: NumbersOptions, body: Stream) -> Result<Read, ApiError> {
    let layout = Layout { country: options.country, column: options.column };
    let mut reader = NumberReader::new(layout);
    let mut read = Read::default();
    let mut stream = body.into_data_stream();
    let mut waiting = Vec::with_capacity(PIECE);
    loop {
        let next = tokio::time::timeout(IDLE, stream.next()).await;
        let next = next.map_err(|_| ApiError::Malformed("the upload stood still: send it again".to_owned()))?;
        let end = match next {
            Some(Ok(bytes)) => {
                waiting.extend_from_slice(&bytes);
                false
            }
            Some(Err(error)) => return Err(ApiError::Malformed(format!("the upload broke off: {error}"))),
            None => true,
        };
        if waiting.len() < PIECE && !end {
            continue;
        }
        let bytes = std::mem::replace(&mut waiting, Vec::with_capacity(PIECE));
        let key = std::sync::Arc::clone(&api.secrets);
        // Numbers of some countries take tens of microseconds each: not on the threads that serve others.
        let work = tokio::task::spawn_blocking(move || {
            let mut hashes: Vec<PhoneHash> = Vec::new();
            let mut faults = Vec::new();
            let mut take = |piece: Piece| {
                hashes.extend(piece.numbers.iter().map(|number| key.phone.hash(number)));
                faults.extend(piece.faults);
            };
            if !bytes.is_empty() {
                take(reader.feed(&bytes)?);
            }
            if end {
                take(reader.feed(&[])?);
            }
            Ok((reader, hashes, faults))
        });
        let done: Result<_, crate::campaign::numbers::NoSuchColumn> =
            work.await.map_err(|error| ApiError::Internal(error.into()))?;
        let (back, hashes, faults) =
            done.map_err(|error| ApiError::field("?column", "no_such_column", format!("{error}: name another one")))?;
        reader = back;
        read.note(&faults);
        import.add(&api.db, hashes).await?;
        if end {
            read.rows = reader.rows();
            return Ok(read);
        }
    }
}

/// Read which lists are attached to a campaign
#[utoipa::path(
    get, path = "/api/v1/campaigns/{id}/suppression-lists", tag = "suppressions", params(("id" = CampaignId, Path)),
    responses((status = 200, body = AttachedLists), (status = 404, body = super::Problem))
)]
pub async fn attached(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
) -> Result<Tagged<AttachedLists>, ApiError> {
    let mut tx = api.db.read().await?;
    campaign::get(&mut tx, caller.org, id).await?;
    Ok(Tagged(AttachedLists { lists: suppression_list::of_campaign(&mut tx, id).await? }))
}

/// Attach lists to a campaign, and no others
#[utoipa::path(
    put, path = "/api/v1/campaigns/{id}/suppression-lists", tag = "suppressions", params(("id" = CampaignId, Path)),
    request_body = AttachedLists,
    responses(
        (status = 200, body = AttachedLists),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn attach(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    wanted: IfMatch,
    super::body::Unchecked(input): super::body::Unchecked<AttachedLists>,
) -> Result<Tagged<AttachedLists>, ApiError> {
    let mut tx = api.db.begin_durable().await?;
    wanted.lock(&mut tx, Lock::Campaign(id)).await?;
    campaign::get(&mut tx, caller.org, id).await?;
    wanted.check(&AttachedLists { lists: suppression_list::of_campaign(&mut tx, id).await? })?;
    let lists = suppression_list::attach(&mut tx, caller.org, &caller.actor(), id, &input.lists).await;
    lists.map_err(|error| {
        if matches!(error, StoreError::NotFound) {
            ApiError::field("/lists", "not_found", "one of them is no list of the organisation")
        } else {
            error.into()
        }
    })?;
    let lists = suppression_list::of_campaign(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Tagged(AttachedLists { lists }))
}

fn view(list: SuppressionList) -> ListView {
    let ListData { name, source, org_wide, valid_until } = list.data;
    ListView {
        id: list.id,
        name,
        source,
        organisation_wide: org_wide,
        valid_until,
        version: list.version,
        numbers: list.numbers,
        imported_at: list.imported_at,
        created_at: list.created_at,
    }
}
