//! What is done to many contacts or cases at once.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::contacts::tag_names;
use super::error::{ApiError, FieldFault};
use super::paging::Id;
use crate::campaign::wire::wire_enum;
use crate::id::{CaseId, ContactId, ListId, PeopleJobId};
use crate::store::filter::{CaseFilter, ContactFilter};
use crate::store::people_job::{self, Act, PeopleJob, Pick};
use crate::store::people_list::{self, ListKind, PeopleList};
use crate::store::{StoreError, Tx, tag};

/// Pieces that are done before the answer; the rest is done behind it.
const AT_ONCE: usize = 2;
/// Most ids of a request.
const MAX_IDS: usize = 10_000;

wire_enum! {
    /// What is done to each.
    pub enum PeopleAct is "act" {
        /// Gives it tags.
        Tag = "tag",
        /// Takes tags from it.
        Untag = "untag",
        /// Puts it into a list.
        AddToList = "add_to_list",
        /// Takes it out of a list.
        RemoveFromList = "remove_from_list",
        /// Puts its numbers on the organisation's own suppression list.
        Suppress = "suppress",
        /// Deletes contacts that no campaign, case or call knows.
        Delete = "delete",
    }
}

/// What is to be done to which contacts: either `ids` or `filter`.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "act": "tag", "filter": { "search": "berlin" }, "tags": ["Berlin"] }))]
pub struct ContactsBulkInput {
    /// What is done to each.
    #[garde(skip)]
    act: PeopleAct,
    /// Their ids, at most 10000.
    #[serde(default)]
    #[garde(length(max = MAX_IDS))]
    #[schema(max_items = 10_000)]
    ids: Option<Vec<ContactId>>,
    /// All that fit, none that are made later. `{}` is everybody.
    #[serde(default)]
    #[garde(skip)]
    filter: Option<ContactFilter>,
    /// With `tag` and `untag`: names of tags; `tag` makes those that are not there.
    #[serde(default)]
    #[garde(skip)]
    tags: Option<Vec<String>>,
    /// With `add_to_list` and `remove_from_list`: the list.
    #[serde(default)]
    #[garde(skip)]
    list_id: Option<ListId>,
}

/// What is to be done to which cases: either `ids` or `filter`.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "act": "tag", "filter": {}, "tags": ["Open case"] }))]
pub struct CasesBulkInput {
    /// What is done to each: `add_to_list`, `remove_from_list`, or to its contact: `tag`, `untag`, `suppress`.
    #[garde(skip)]
    act: PeopleAct,
    /// Their ids, at most 10000.
    #[serde(default)]
    #[garde(length(max = MAX_IDS))]
    #[schema(max_items = 10_000)]
    ids: Option<Vec<CaseId>>,
    /// All that fit, none that are made later. `{}` is everything.
    #[serde(default)]
    #[garde(skip)]
    filter: Option<CaseFilter>,
    /// With `tag` and `untag`: names of tags; `tag` makes those that are not there.
    #[serde(default)]
    #[garde(skip)]
    tags: Option<Vec<String>>,
    /// With `add_to_list` and `remove_from_list`: the list.
    #[serde(default)]
    #[garde(skip)]
    list_id: Option<ListId>,
}

/// Something that is done to many contacts or cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Id, to look at it again.
    id: PeopleJobId,
    /// What is done: an act, or `add_to_campaign`.
    act: &'static str,
    /// Everybody has been looked at.
    done: bool,
    /// How many have been looked at.
    seen: u64,
    /// To how many it was done.
    changed: u64,
    /// Why it was not done to the others, and to how many.
    skipped: BTreeMap<String, u64>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When everybody had been looked at.
    finished_at: Option<Timestamp>,
}

/// Do something to many contacts
///
/// To those with these ids, or to all that fit a filter. 1000 are done before the answer; when there are more, the answer is 202
/// and the rest follows, whatever happens to this node: look at `GET /api/v1/people-jobs/{id}`.
#[utoipa::path(
    post, path = "/api/v1/contacts/bulk", tag = "contacts", request_body = ContactsBulkInput,
    responses(
        (status = 200, body = JobView, description = "All of it was done"),
        (status = 202, body = JobView, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn contacts(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ContactsBulkInput>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let pick = match (input.ids, input.filter) {
        (Some(ids), None) => Pick::Contacts(ids),
        (None, Some(filter)) => Pick::ContactFilter(Box::new(filter)),
        (ids, _) => return Err(neither(ids.is_some())),
    };
    begin(&api, caller, input.act, pick, input.tags, input.list_id).await
}

/// Do something to many cases
///
/// As with contacts: to those with these ids, or to all that fit a filter.
#[utoipa::path(
    post, path = "/api/v1/cases/bulk", tag = "cases", request_body = CasesBulkInput,
    responses(
        (status = 200, body = JobView, description = "All of it was done"),
        (status = 202, body = JobView, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn cases(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<CasesBulkInput>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    if input.act == PeopleAct::Delete {
        return Err(ApiError::field("/act", "not_here", "delete cases one by one: DELETE /api/v1/cases/{id}"));
    }
    let pick = match (input.ids, input.filter) {
        (Some(ids), None) => Pick::Cases(ids),
        (None, Some(filter)) => Pick::CaseFilter(Box::new(filter)),
        (ids, _) => return Err(neither(ids.is_some())),
    };
    begin(&api, caller, input.act, pick, input.tags, input.list_id).await
}

/// Read how far something is that is done to many contacts or cases
///
/// It is kept for 30 days.
#[utoipa::path(
    get, path = "/api/v1/people-jobs/{id}", tag = "contacts", params(("id" = PeopleJobId, Path)),
    responses((status = 200, body = JobView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<PeopleJobId>) -> Result<Json<JobView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(view(people_job::get(&mut tx, caller.org, id).await?)))
}

fn neither(both: bool) -> ApiError {
    if both {
        ApiError::field("/filter", "too_many", "send either ids or a filter")
    } else {
        ApiError::field("/filter", "missing_field", "send ids, or a filter; `{}` is everybody")
    }
}

async fn begin(
    api: &Api,
    caller: Caller,
    act: PeopleAct,
    pick: Pick,
    tags: Option<Vec<String>>,
    list: Option<ListId>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, reason: &str| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason: reason.to_owned() });
    };
    let wants_tags = matches!(act, PeopleAct::Tag | PeopleAct::Untag);
    let wants_list = matches!(act, PeopleAct::AddToList | PeopleAct::RemoveFromList);
    match tags.as_deref() {
        None | Some([]) if wants_tags => fault("/tags", "missing_field", "name the tags"),
        Some(_) if !wants_tags => fault("/tags", "unknown_field", "only `tag` and `untag` have tags"),
        None | Some(_) => {}
    }
    match list {
        None if wants_list => fault("/list_id", "missing_field", "say which list"),
        Some(_) if !wants_list => {
            fault("/list_id", "unknown_field", "only `add_to_list` and `remove_from_list` have a list");
        }
        None | Some(_) => {}
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    let names = tag_names(tags.as_deref())?.unwrap_or_default();
    let mut tx = api.db.begin().await?;
    let act = match (act, list) {
        (PeopleAct::Tag | PeopleAct::Untag, _) => {
            let tags = tag::ensure(&mut tx, caller.org, &names).await?;
            let tags = tags.map_err(|error| ApiError::field("/tags", "too_many", error.to_string()))?;
            if act == PeopleAct::Tag { Act::Tag(tags) } else { Act::Untag(tags) }
        }
        (PeopleAct::AddToList, Some(list)) => {
            fits(&mut tx, caller, list, &pick, "/list_id").await?;
            Act::PutIn(list)
        }
        (PeopleAct::RemoveFromList, Some(list)) => {
            fits(&mut tx, caller, list, &pick, "/list_id").await?;
            Act::TakeOut(list)
        }
        (PeopleAct::Suppress, _) => Act::Suppress,
        (PeopleAct::Delete | PeopleAct::AddToList | PeopleAct::RemoveFromList, _) => Act::Delete,
    };
    let job = people_job::insert(&mut tx, caller.org, &caller.actor(), &act, pick).await?;
    tx.commit().await?;
    go_on(api, caller, job.id).await
}

/// The list that a field names.
pub(super) fn known(found: Result<PeopleList, StoreError>, pointer: &str) -> Result<PeopleList, ApiError> {
    match found {
        Err(StoreError::NotFound) => Err(ApiError::field(pointer, "not_found", "there is no such list")),
        found => Ok(found?),
    }
}

/// Fails unless the list holds what is picked, or the contacts of it.
pub(super) async fn fits(
    tx: &mut Tx,
    caller: Caller,
    list: ListId,
    pick: &Pick,
    pointer: &str,
) -> Result<(), ApiError> {
    let list = known(people_list::get(tx, caller.org, list).await, pointer)?;
    if list.kind == ListKind::Cases && !pick.is_of_cases() {
        return Err(ApiError::field(pointer, "wrong_kind", "it is a list of cases: pick cases, or a list of contacts"));
    }
    Ok(())
}

/// Does the first pieces, and tells how far it is.
pub(super) async fn go_on(api: &Api, caller: Caller, id: PeopleJobId) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let job = first_pieces(api, caller, id).await?;
    let status = if job.is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view(job))))
}

/// Does the first pieces.
pub(super) async fn first_pieces(api: &Api, caller: Caller, id: PeopleJobId) -> Result<PeopleJob, ApiError> {
    for _ in 0..AT_ONCE {
        let mut tx = api.db.begin_durable().await?;
        let more = people_job::step(&mut tx, id).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    let mut tx = api.db.read().await?;
    Ok(people_job::get(&mut tx, caller.org, id).await?)
}

/// Something that is done to many, in the words of the API.
pub(super) fn view(job: PeopleJob) -> JobView {
    JobView {
        id: job.id,
        act: job.act.name(),
        done: job.is_done,
        seen: job.seen,
        changed: job.changed,
        skipped: job.skipped,
        created_at: job.created_at,
        finished_at: job.finished_at,
    }
}
