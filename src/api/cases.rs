//! Cases of clients, their types and their states.

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
use super::contacts::MAX_EXTERNAL;
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Listed, Ordering};
use crate::campaign::phone::E164;
use crate::id::{CampaignId, CaseId, CaseLabelId, ContactId, ListId};
use crate::pii::Pii;
use crate::store::case_label::{self, Label, LabelKind};
use crate::store::client_case::{self, Case, CaseData};
use crate::store::filter::CaseFilter;
use crate::store::lock::Lock;
use crate::store::{StoreError, Tx, contact};

/// Most details of a case.
const MAX_DETAILS: usize = 50;

/// What can be set of a case.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "case_type": "Claim", "case_status": "Open", "details": { "incident": "2026-03-01" } }))]
pub struct CaseInput {
    /// The id it has elsewhere, at most 100 characters, once in the organisation.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, examples("AZ-2026-17"))]
    external_id: Option<Pii<String>>,
    /// Its primary contact: who is called about it.
    #[serde(default)]
    #[garde(skip)]
    contact_id: Option<ContactId>,
    /// The name of its type; made when there is none of this name.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 60)))]
    case_type: Option<String>,
    /// The name of its state; made when there is none of this name.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 60)))]
    case_status: Option<String>,
    /// Names and values; at most 50 of at most 500 characters. Assistants have them as variables in calls about the case.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = BTreeMap<String, String>)]
    details: Pii<BTreeMap<String, String>>,
}

/// A case.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CaseView {
    /// Id.
    id: CaseId,
    /// The id it has elsewhere.
    #[schema(value_type = Option<String>)]
    external_id: Option<Pii<String>>,
    /// Its type.
    case_type: Option<LabelName>,
    /// Its state.
    case_status: Option<LabelName>,
    /// Its primary contact.
    contact: Option<CaseContact>,
    /// Names and values.
    #[schema(value_type = BTreeMap<String, String>)]
    details: Pii<BTreeMap<String, String>>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// The primary contact of a case.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CaseContact {
    /// Id.
    id: ContactId,
    /// Name.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// The first number.
    #[schema(value_type = Option<String>)]
    phone: Option<Pii<E164>>,
}

/// A type or a state of cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LabelName {
    /// Id.
    id: CaseLabelId,
    /// Name.
    name: String,
}

/// Where a case is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CasePlaces {
    /// The lists it is in.
    lists: Vec<ListId>,
    /// The campaigns it was put into. What was said there is in the timeline of its contact.
    campaigns: Vec<CampaignId>,
}

/// A name for cases.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Open" }))]
pub struct LabelInput {
    /// 1 to 60 characters; names that differ in case only are the same.
    #[garde(length(chars, min = 1, max = 60))]
    #[schema(min_length = 1, max_length = 60)]
    name: String,
}

/// A type or a state of cases.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LabelView {
    /// Id.
    id: CaseLabelId,
    /// Name.
    name: String,
    /// How many cases have it, counted up to 10,000.
    cases: u64,
}

/// Create a case
#[utoipa::path(
    post, path = "/api/v1/cases", tag = "cases", request_body = CaseInput,
    responses((status = 201, body = CaseView), (status = 409, body = super::Problem), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<CaseInput>,
) -> Result<(StatusCode, Tagged<CaseView>), ApiError> {
    let mut tx = api.db.begin().await?;
    let data = parse(&mut tx, caller, input).await?;
    let ids = client_case::insert(&mut tx, caller.org, &[data], None).await?;
    let id = ids.first().copied().ok_or(ApiError::NotFound("case"))?;
    let case = client_case::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(case))))
}

/// List cases
///
/// Ordered by `created_at`, `updated_at` or `external_id`.
#[utoipa::path(
    get, path = "/api/v1/cases", tag = "cases", params(CaseFilter, Ordering),
    responses((status = 200, body = Items<CaseView>), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<CaseFilter>,
) -> Result<Json<Items<CaseView>>, ApiError> {
    let sheet = listed.sheet(client_case::ORDERS)?;
    let mut tx = api.db.read().await?;
    let listing = client_case::search(&mut tx, caller.org, &listed.filter, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a case
#[utoipa::path(
    get, path = "/api/v1/cases/{id}", tag = "cases", params(("id" = CaseId, Path)),
    responses((status = 200, body = CaseView), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<CaseId>) -> Result<Tagged<CaseView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(client_case::get(&mut tx, caller.org, id).await?)))
}

/// Read where a case is
#[utoipa::path(
    get, path = "/api/v1/cases/{id}/places", tag = "cases", params(("id" = CaseId, Path)),
    responses((status = 200, body = CasePlaces), (status = 404, body = super::Problem))
)]
pub async fn places(State(api): State<Api>, caller: Caller, Id(id): Id<CaseId>) -> Result<Json<CasePlaces>, ApiError> {
    let mut tx = api.db.read().await?;
    client_case::get(&mut tx, caller.org, id).await?;
    let (lists, campaigns) = client_case::places_of(&mut tx, id).await?;
    Ok(Json(CasePlaces { lists, campaigns }))
}

/// Replace a case
#[utoipa::path(
    put, path = "/api/v1/cases/{id}", tag = "cases", params(("id" = CaseId, Path)), request_body = CaseInput,
    responses(
        (status = 200, body = CaseView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CaseId>,
    wanted: IfMatch,
    Body(input): Body<CaseInput>,
) -> Result<Tagged<CaseView>, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Case(id)).await?;
    wanted.check(&view(client_case::get(&mut tx, caller.org, id).await?))?;
    let data = parse(&mut tx, caller, input).await?;
    client_case::update(&mut tx, caller.org, id, &data).await?;
    let case = client_case::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(case)))
}

/// Delete a case
///
/// Its contact stays, and campaigns that call its contact go on without it.
#[utoipa::path(
    delete, path = "/api/v1/cases/{id}", tag = "cases", params(("id" = CaseId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CaseId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Case(id)).await?;
    wanted.check(&view(client_case::get(&mut tx, caller.org, id).await?))?;
    client_case::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The case that an input describes, or everything that is wrong with it.
async fn parse(tx: &mut Tx, caller: Caller, input: CaseInput) -> Result<CaseData, ApiError> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, reason: String| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason });
    };
    let external_id = input.external_id.map(|id| id.expose().trim().to_owned()).filter(|id| !id.is_empty());
    if external_id.as_ref().is_some_and(|id| id.chars().count() > MAX_EXTERNAL) {
        fault("/external_id", "too_long", format!("at most {MAX_EXTERNAL} characters"));
    }
    if input.details.expose().len() > MAX_DETAILS {
        fault("/details", "too_many", format!("at most {MAX_DETAILS} details"));
    }
    let long = |(name, value): (&String, &String)| name.chars().count() > 100 || value.chars().count() > 500;
    if input.details.expose().iter().any(long) {
        fault("/details", "too_long", "names have at most 100 characters, values at most 500".to_owned());
    }
    if let Some(id) = input.contact_id {
        match contact::get(tx, caller.org, id).await {
            Ok(_) => {}
            Err(StoreError::NotFound) => fault("/contact_id", "not_found", "there is no such contact".to_owned()),
            Err(error) => return Err(error.into()),
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    Ok(CaseData {
        external_id: external_id.map(Pii::new),
        contact: input.contact_id,
        kind: label(tx, caller, LabelKind::Type, input.case_type.as_deref(), "/case_type").await?,
        status: label(tx, caller, LabelKind::Status, input.case_status.as_deref(), "/case_status").await?,
        details: input.details,
    })
}

async fn label(
    tx: &mut Tx,
    caller: Caller,
    kind: LabelKind,
    name: Option<&str>,
    pointer: &str,
) -> Result<Option<CaseLabelId>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    if name.trim().is_empty() {
        return Err(ApiError::field(pointer, "rule", "a name has 1 to 60 characters"));
    }
    let labels = case_label::ensure(tx, caller.org, kind, &[name]).await?;
    let labels = labels.map_err(|error| ApiError::field(pointer, "too_many", error.to_string()))?;
    Ok(labels.into_values().next())
}

fn view(case: Case) -> CaseView {
    let named = |id: Option<CaseLabelId>, name: Option<String>| id.zip(name).map(|(id, name)| LabelName { id, name });
    let (phone, contact) = (case.contact_phone, case.data.contact.zip(case.contact_name));
    CaseView {
        id: case.id,
        external_id: case.data.external_id,
        case_type: named(case.data.kind, case.kind),
        case_status: named(case.data.status, case.status),
        contact: contact.map(|(id, name)| CaseContact { id, name, phone }),
        details: case.data.details,
        created_at: case.created_at,
        updated_at: case.updated_at,
    }
}

/// The routes of one kind of names.
macro_rules! labels {
    ($module:ident, $kind:expr, $path:literal, $one:literal, $what:literal) => {
        #[doc = concat!("The ", $what, " of cases.")]
        pub mod $module {
            use super::*;

            #[doc = concat!("List the ", $what, " of cases\n\nAll of them, by name.")]
            #[utoipa::path(
                get, path = $path, tag = "cases", operation_id = concat!("list_case_", stringify!($module)),
                responses((status = 200, body = Items<LabelView>))
            )]
            pub async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Items<LabelView>>, ApiError> {
                let mut tx = api.db.read().await?;
                let all = case_label::all(&mut tx, caller.org, $kind).await?;
                Ok(Json(Items { items: all.into_iter().map(label_view).collect(), next: None }))
            }

            #[doc = concat!("Make one of the ", $what, " of cases\n\nOne of this name that is there is answered as it is.")]
            #[utoipa::path(
                post, path = $path, tag = "cases", request_body = LabelInput,
                operation_id = concat!("create_case_", stringify!($module)),
                responses((status = 200, body = LabelView), (status = 422, body = crate::api::Problem))
            )]
            pub async fn create(
                State(api): State<Api>,
                caller: Caller,
                Body(input): Body<LabelInput>,
            ) -> Result<Json<LabelView>, ApiError> {
                let mut tx = api.db.begin().await?;
                let id = label(&mut tx, caller, $kind, Some(&input.name), "/name").await?;
                let made = one(&mut tx, caller, $kind, id.ok_or(ApiError::NotFound("label"))?).await?;
                tx.commit().await?;
                Ok(Json(made))
            }

            #[doc = concat!("Rename one of the ", $what, " of cases")]
            #[utoipa::path(
                put, path = $one, tag = "cases", params(("id" = CaseLabelId, Path)), request_body = LabelInput,
                operation_id = concat!("rename_case_", stringify!($module)),
                responses(
                    (status = 200, body = LabelView),
                    (status = 404, body = crate::api::Problem),
                    (status = 409, body = crate::api::Problem),
                    (status = 422, body = crate::api::Problem)
                )
            )]
            pub async fn rename(
                State(api): State<Api>,
                caller: Caller,
                Id(id): Id<CaseLabelId>,
                Body(input): Body<LabelInput>,
            ) -> Result<Json<LabelView>, ApiError> {
                if input.name.trim().is_empty() {
                    return Err(ApiError::field("/name", "rule", "a name has 1 to 60 characters"));
                }
                let mut tx = api.db.begin().await?;
                case_label::rename(&mut tx, caller.org, $kind, id, &input.name).await?;
                let renamed = one(&mut tx, caller, $kind, id).await?;
                tx.commit().await?;
                Ok(Json(renamed))
            }

            #[doc = concat!("Delete one of the ", $what, " of cases\n\nOnly when no case has it.")]
            #[utoipa::path(
                delete, path = $one, tag = "cases", params(("id" = CaseLabelId, Path)),
                operation_id = concat!("delete_case_", stringify!($module)),
                responses((status = 204), (status = 404, body = crate::api::Problem), (status = 409, body = crate::api::Problem))
            )]
            pub async fn delete(
                State(api): State<Api>,
                caller: Caller,
                Id(id): Id<CaseLabelId>,
            ) -> Result<StatusCode, ApiError> {
                let mut tx = api.db.begin().await?;
                case_label::delete(&mut tx, caller.org, $kind, id).await?;
                tx.commit().await?;
                Ok(StatusCode::NO_CONTENT)
            }
        }
    };
}

labels!(types, LabelKind::Type, "/api/v1/case-types", "/api/v1/case-types/{id}", "types");
labels!(statuses, LabelKind::Status, "/api/v1/case-statuses", "/api/v1/case-statuses/{id}", "states");

async fn one(tx: &mut Tx, caller: Caller, kind: LabelKind, id: CaseLabelId) -> Result<LabelView, ApiError> {
    let all = case_label::all(tx, caller.org, kind).await?;
    all.into_iter().find(|label| label.id == id).map(label_view).ok_or(ApiError::NotFound("record"))
}

fn label_view(label: Label) -> LabelView {
    LabelView { id: label.id, name: label.name, cases: label.cases.min(crate::store::tag::COUNTED) }
}
