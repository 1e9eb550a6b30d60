//! Lists of contacts or of cases.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::campaign_control::{Dialing, after};
use super::contacts::MAX_VARIABLES;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Listed, Ordering};
use super::people_jobs::{JobView, first_pieces, fits, go_on, known, view as job_view};
use crate::campaign::states::CampaignState;
use crate::campaign::wire::wire_enum;
use crate::id::{CampaignId, CaseId, ContactId, ListId};
use crate::pii::Pii;
use crate::store::campaign;
use crate::store::filter::{CaseFilter, ContactFilter};
use crate::store::lock::Lock;
use crate::store::people_job::{self, Act, IntoCampaign, Pick};
use crate::store::people_list::{self, ListData, ListKind, ListWish, PeopleList, Quality};
use crate::store::target::MAX_PRIORITY;

/// What can be set of a list.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Spring", "obo": false, "company_name": "Example Ltd" }))]
pub struct ListSettings {
    /// 1 to 100 characters; once in the organisation whatever its case.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Everybody in it is called on behalf of somebody else.
    #[serde(default)]
    #[garde(skip)]
    obo: bool,
    /// What the variable `company_name` is in calls to it; left out, the default.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200)))]
    company_name: Option<String>,
    /// What the variable `case_type` is in calls to it; left out, the type of each case.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200)))]
    case_type: Option<String>,
}

/// A list, and who comes into it at once.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Spring", "kind": "contacts", "who": { "contact_filter": {} } }))]
pub struct PeopleListInput {
    /// Name.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it holds; it stays so.
    #[garde(skip)]
    kind: ListKind,
    /// Everybody in it is called on behalf of somebody else.
    #[serde(default)]
    #[garde(skip)]
    obo: bool,
    /// What the variable `company_name` is in calls to it; left out, the default.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200)))]
    company_name: Option<String>,
    /// What the variable `case_type` is in calls to it; left out, the type of each case.
    #[serde(default)]
    #[garde(inner(length(chars, max = 200)))]
    case_type: Option<String>,
    /// Who comes into it; nobody, when it is left out.
    #[serde(default)]
    #[garde(skip)]
    who: Option<Members>,
}

/// Contacts or cases: one of these. Whoever fits a filter now is taken, nobody comes in by itself later.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Members {
    /// These contacts, at most 10000.
    ContactIds(Vec<ContactId>),
    /// All contacts that fit; `{}` is everybody.
    ContactFilter(Box<ContactFilter>),
    /// These cases, at most 10000; into a list of contacts come their contacts.
    CaseIds(Vec<CaseId>),
    /// All cases that fit; into a list of contacts come their contacts.
    CaseFilter(Box<CaseFilter>),
}

wire_enum! {
    /// What is done with members.
    pub enum MemberAct is "act" {
        /// They come in.
        Add = "add",
        /// They go out.
        Remove = "remove",
    }
}

/// Who comes into a list, or goes out of it.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "act": "add", "who": { "contact_filter": { "search": "berlin" } } }))]
pub struct MembersInput {
    /// Add or remove.
    #[garde(skip)]
    act: MemberAct,
    /// Who.
    #[garde(skip)]
    who: Members,
}

/// A list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PeopleListView {
    /// Id.
    id: ListId,
    /// Name.
    name: String,
    /// What it holds.
    kind: ListKind,
    /// Everybody in it is called on behalf of somebody else.
    obo: bool,
    /// What stands for the company's name in calls to it.
    company_name: Option<String>,
    /// What stands for the type of each case in calls to it.
    case_type: Option<String>,
    /// How many contacts or cases are in it.
    members: u64,
    /// When it was made.
    created_at: Timestamp,
    /// When it, or who is in it, last changed.
    updated_at: Timestamp,
}

/// A list that was made, and what fills it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListMade {
    /// The list.
    list: PeopleListView,
    /// What fills it, when somebody comes into it.
    filling: Option<JobView>,
}

/// How clean a list is: numbers of its members.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QualityView {
    /// Everybody.
    members: u64,
    /// Cases without a primary contact.
    without_contact: u64,
    /// Without a phone number.
    without_phone: u64,
    /// Whose number another member has too: they would be called twice.
    same_phone: u64,
    /// Whose first number carriers do not know.
    invalid_phone: u64,
    /// Whose time zone nothing tells.
    without_time_zone: u64,
    /// One of whose numbers is on the organisation's own suppression list.
    opted_out: u64,
    /// Who is in a campaign that is in progress or paused.
    in_active_campaign: u64,
    /// Different types of its cases.
    case_types: u64,
    /// What should be looked at before calling, in words.
    warnings: Vec<String>,
    /// The campaigns that it was put into.
    campaigns: Vec<ListCampaign>,
}

/// A campaign that a list was put into.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListCampaign {
    /// Id.
    id: CampaignId,
    /// Name.
    name: String,
}

/// Picks lists.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ListFilter {
    /// Part of the name, in any case.
    search: Option<String>,
    /// What they hold.
    kind: Option<ListKind>,
    /// Called on behalf of somebody else.
    obo: Option<bool>,
    /// Put into this campaign.
    campaign_id: Option<CampaignId>,
}

/// A list that is put into a campaign.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "list_id": "0190f3c4-7b1a-7000-8000-000000000001", "overwrites": { "offer": "A" } }))]
pub struct CampaignListInput {
    /// The list.
    #[garde(skip)]
    list_id: ListId,
    /// Higher is called earlier, -1000 to 1000.
    #[serde(default)]
    #[garde(range(min = -MAX_PRIORITY, max = MAX_PRIORITY))]
    #[schema(default = 0, minimum = -1000, maximum = 1000)]
    priority: i32,
    /// They are new until somebody approves them, instead of being called when it is their turn.
    #[serde(default)]
    #[garde(skip)]
    for_approval: bool,
    /// Variables for everybody of the list in this campaign; they outrank those of contacts, cases and the list.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = BTreeMap<String, String>)]
    overwrites: Pii<BTreeMap<String, String>>,
    /// A completed campaign is opened again afterwards.
    #[serde(default)]
    #[garde(skip)]
    start: bool,
}

/// What came of putting a list into a campaign.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CampaignListReport {
    /// How far it is, and who was left out for what reason.
    filling: JobView,
    /// The campaign.
    campaign: Dialing,
}

/// Make a list
///
/// With nobody in it, or with contacts or cases that are named or fit a filter. 1000 of them come in before the answer, the rest
/// behind it.
#[utoipa::path(
    post, path = "/api/v1/lists", tag = "lists", request_body = PeopleListInput,
    responses((status = 201, body = ListMade), (status = 409, body = super::Problem), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<PeopleListInput>,
) -> Result<(StatusCode, Json<ListMade>), ApiError> {
    let PeopleListInput { name, kind, obo, company_name, case_type, who } = input;
    let data = data(ListSettings { name, obo, company_name, case_type })?;
    let pick = who.map(|members| pick(members, "/who")).transpose()?;
    let actor = caller.actor();
    let mut tx = api.db.begin().await?;
    let list = people_list::insert(&mut tx, caller.org, &actor, kind, &data).await?;
    let job = match pick {
        None => None,
        Some(pick) => {
            fits(&mut tx, caller, list.id, &pick, "/who").await?;
            Some(people_job::insert(&mut tx, caller.org, &actor, &Act::PutIn(list.id), pick).await?)
        }
    };
    tx.commit().await?;
    let filling = match job {
        None => None,
        Some(job) => Some(job_view(first_pieces(&api, caller, job.id).await?)),
    };
    let list = people_list::get(&mut api.db.read().await?, caller.org, list.id).await?;
    Ok((StatusCode::CREATED, Json(ListMade { list: view(list), filling })))
}

/// List lists
///
/// Ordered by `created_at`, `updated_at`, `name` or `members`.
#[utoipa::path(
    get, path = "/api/v1/lists", tag = "lists", params(ListFilter, Ordering),
    responses((status = 200, body = Items<PeopleListView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<ListFilter>,
) -> Result<Json<Items<PeopleListView>>, ApiError> {
    let sheet = listed.sheet(people_list::ORDERS)?;
    let ListFilter { search, kind, obo, campaign_id } = listed.filter;
    let wish = ListWish { search, kind, obo, campaign: campaign_id };
    let mut tx = api.db.read().await?;
    let listing = people_list::search(&mut tx, caller.org, &wish, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a list
///
/// Who is in it: `GET /api/v1/contacts` or `/api/v1/cases` with `list_id`.
#[utoipa::path(
    get, path = "/api/v1/lists/{id}", tag = "lists", params(("id" = ListId, Path)),
    responses((status = 200, body = PeopleListView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ListId>,
) -> Result<Tagged<PeopleListView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(people_list::get(&mut tx, caller.org, id).await?)))
}

/// Change a list
///
/// What it puts in the place of names holds from the next call on, in all campaigns that it was put into.
#[utoipa::path(
    put, path = "/api/v1/lists/{id}", tag = "lists", params(("id" = ListId, Path)), request_body = ListSettings,
    responses(
        (status = 200, body = PeopleListView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ListId>,
    wanted: IfMatch,
    Body(input): Body<ListSettings>,
) -> Result<Tagged<PeopleListView>, ApiError> {
    let data = data(input)?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::List(id)).await?;
    wanted.check(&view(people_list::get(&mut tx, caller.org, id).await?))?;
    people_list::update(&mut tx, caller.org, &caller.actor(), id, &data).await?;
    let list = people_list::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(list)))
}

/// Delete a list that was put into no campaign
///
/// Who is in it stays.
#[utoipa::path(
    delete, path = "/api/v1/lists/{id}", tag = "lists", params(("id" = ListId, Path)),
    responses((status = 204), (status = 404, body = super::Problem), (status = 409, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ListId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::List(id)).await?;
    wanted.check(&view(people_list::get(&mut tx, caller.org, id).await?))?;
    people_list::delete(&mut tx, caller.org, &caller.actor(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add members to a list, or remove some
///
/// Campaigns that the list was put into do not change by it: put the list in once more for those who are new.
#[utoipa::path(
    post, path = "/api/v1/lists/{id}/members", tag = "lists", params(("id" = ListId, Path)), request_body = MembersInput,
    responses(
        (status = 200, body = JobView, description = "All of it was done"),
        (status = 202, body = JobView, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn members(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ListId>,
    Body(input): Body<MembersInput>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let pick = pick(input.who, "/who")?;
    let mut tx = api.db.begin().await?;
    people_list::get(&mut tx, caller.org, id).await?;
    fits(&mut tx, caller, id, &pick, "/who").await?;
    let act = match input.act {
        MemberAct::Add => Act::PutIn(id),
        MemberAct::Remove => Act::TakeOut(id),
    };
    let job = people_job::insert(&mut tx, caller.org, &caller.actor(), &act, pick).await?;
    tx.commit().await?;
    go_on(&api, caller, job.id).await
}

/// Read how clean a list is
///
/// Duplicates, mixed types, missing zones, numbers that do not exist, and the campaigns that it was put into.
#[utoipa::path(
    get, path = "/api/v1/lists/{id}/quality", tag = "lists", params(("id" = ListId, Path)),
    responses((status = 200, body = QualityView), (status = 404, body = super::Problem))
)]
pub async fn quality(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ListId>,
) -> Result<Json<QualityView>, ApiError> {
    let mut tx = api.db.read().await?;
    let list = people_list::get(&mut tx, caller.org, id).await?;
    let found = people_list::quality(&mut tx, &list).await?;
    let campaigns = people_list::campaigns(&mut tx, id).await?;
    let campaigns = campaigns.into_iter().map(|(id, name)| ListCampaign { id, name }).collect();
    Ok(Json(quality_view(found, campaigns)))
}

/// Put a list into a campaign
///
/// Everybody in it now is added, 1000 before the answer and the rest behind it; whoever is in the campaign already stays as it is.
/// The campaign keeps which list they came from: `company_name` and `case_type` of the list are variables in their calls.
#[utoipa::path(
    post, path = "/api/v1/campaigns/{id}/lists", tag = "campaigns", params(("id" = CampaignId, Path)),
    request_body = CampaignListInput,
    responses(
        (status = 200, body = CampaignListReport, description = "All of it was done"),
        (status = 202, body = CampaignListReport, description = "It goes on"),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn into_campaign(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CampaignId>,
    Body(input): Body<CampaignListInput>,
) -> Result<(StatusCode, Json<CampaignListReport>), ApiError> {
    overwrites(&input.overwrites)?;
    let mut tx = api.db.begin_durable().await?;
    let state = campaign::get(&mut tx, caller.org, id).await?.state;
    if matches!(state, CampaignState::Cancelled | CampaignState::Deleting) {
        let detail = format!("a campaign that is {state} takes no contacts");
        return Err(ApiError::Conflict { code: "not_allowed_in_state", detail, faults: Vec::new() });
    }
    let list = known(people_list::get(&mut tx, caller.org, input.list_id).await, "/list_id")?;
    if list.members == 0 {
        return Err(ApiError::field("/list_id", "empty", "nobody is in this list: add members first"));
    }
    let pick = match list.kind {
        ListKind::Contacts => Pick::ContactsOf(list.id),
        ListKind::Cases => Pick::CasesOf(list.id),
    };
    let act = Act::Campaign(IntoCampaign {
        campaign: id,
        list: Some(list.id),
        priority: input.priority,
        for_approval: input.for_approval,
        overwrites: input.overwrites.into_inner(),
        start: input.start,
    });
    let job = people_job::insert(&mut tx, caller.org, &caller.actor(), &act, pick).await?;
    tx.commit().await?;
    let job = first_pieces(&api, caller, job.id).await?;
    let status = if job.is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut tx = api.db.begin().await?;
    let campaign = after(&mut tx, caller, id, false).await?;
    drop(tx);
    Ok((status, Json(CampaignListReport { filling: job_view(job), campaign })))
}

/// Fails for variables that no contact could have.
pub(super) fn overwrites(variables: &Pii<BTreeMap<String, String>>) -> Result<(), ApiError> {
    let variables = variables.expose();
    let long = |(name, value): (&String, &String)| name.chars().count() > 100 || value.chars().count() > 500;
    if variables.len() > MAX_VARIABLES {
        return Err(ApiError::field("/overwrites", "too_many", format!("at most {MAX_VARIABLES} variables")));
    }
    if variables.iter().any(long) {
        let reason = "names have at most 100 characters, values at most 500";
        return Err(ApiError::field("/overwrites", "too_long", reason));
    }
    Ok(())
}

fn data(input: ListSettings) -> Result<ListData, ApiError> {
    let filled = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if input.name.trim().is_empty() {
        return Err(ApiError::field("/name", "rule", "a name has 1 to 100 characters"));
    }
    let (company_name, case_type) = (filled(input.company_name), filled(input.case_type));
    Ok(ListData { name: input.name, obo: input.obo, company_name, case_type })
}

fn pick(members: Members, pointer: &str) -> Result<Pick, ApiError> {
    const MAX: usize = 10_000;
    let many = |count: usize| match count {
        0 => Err(ApiError::field(pointer, "missing_field", "name somebody, or send a filter")),
        count if count > MAX => Err(ApiError::field(pointer, "too_many", format!("at most {MAX} ids at once"))),
        _ => Ok(()),
    };
    Ok(match members {
        Members::ContactIds(ids) => {
            many(ids.len())?;
            Pick::Contacts(ids)
        }
        Members::CaseIds(ids) => {
            many(ids.len())?;
            Pick::Cases(ids)
        }
        Members::ContactFilter(filter) => Pick::ContactFilter(filter),
        Members::CaseFilter(filter) => Pick::CaseFilter(filter),
    })
}

fn view(list: PeopleList) -> PeopleListView {
    let ListData { name, obo, company_name, case_type } = list.data;
    PeopleListView {
        id: list.id,
        name,
        kind: list.kind,
        obo,
        company_name,
        case_type,
        members: list.members,
        created_at: list.created_at,
        updated_at: list.updated_at,
    }
}

fn quality_view(found: Quality, campaigns: Vec<ListCampaign>) -> QualityView {
    let told = [
        (
            found.same_phone,
            "have a number that another one has too: they are called apart, and may be one and the same",
        ),
        (found.without_contact, "have no primary contact: nobody is called about them"),
        (found.without_phone, "have no phone number"),
        (found.invalid_phone, "have a first number that carriers do not know"),
        (found.without_zone, "have no time zone that anything tells: the campaign's is assumed"),
        (found.opted_out, "are on the suppression list: they are not called"),
        (found.in_active_campaign, "are in a campaign that is in progress or paused"),
    ];
    let mut warnings: Vec<_> =
        told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if found.case_types > 1 {
        warnings.push(format!("the cases are of {} types: one call flow may not suit all", found.case_types));
    }
    QualityView {
        members: found.members,
        without_contact: found.without_contact,
        without_phone: found.without_phone,
        same_phone: found.same_phone,
        invalid_phone: found.invalid_phone,
        without_time_zone: found.without_zone,
        opted_out: found.opted_out,
        in_active_campaign: found.in_active_campaign,
        case_types: found.case_types,
        warnings,
        campaigns,
    }
}
