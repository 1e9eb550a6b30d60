//! Contacts: people and businesses that can be called, independent of campaigns.

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
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Listed, Ordering, Params, default_limit};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::email::address;
use crate::campaign::phone::E164;
use crate::campaign::zone::{ZoneOrigin, zone_named};
use crate::dialer::numbers::MAX;
use crate::id::{AttemptId, CallId, CampaignId, ContactId, TagId};
use crate::pii::Pii;
use crate::store::call::Direction;
use crate::store::contact::{self, Contact, ContactData, Email, FurtherPhone, Happened, Moment, Total};
use crate::store::filter::ContactFilter;
use crate::store::lock::Lock;
use crate::store::suppression::SuppressionSource;
use crate::store::{Tx, tag};

/// Longest id of elsewhere, in characters.
pub(super) const MAX_EXTERNAL: usize = 100;
/// Most tags that one request names.
const MAX_TAGS: usize = 50;
/// Most variables of a contact.
pub(super) const MAX_VARIABLES: usize = 50;

/// What can be set of a contact.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ada", "phones": [{ "number": "+442079460000", "label": "office" },
                                                     { "number": "+447700900123", "label": "mobile" }],
                           "time_zone": "Europe/London", "variables": { "offer": "A" },
                           "emails": [{ "address": "ada@example.org" }], "tags": ["VIP"] }))]
pub struct ContactInput {
    /// Name; may be empty.
    #[serde(default)]
    #[garde(custom(at_most(200)))]
    #[schema(value_type = String, max_length = 200)]
    name: Pii<String>,
    /// Phone number with `+` and country code, or as it is dialed in `country`. A contact without one cannot be called.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, examples("+442079460000"))]
    phone: Option<Pii<String>>,
    /// All its numbers in order, at most 5, instead of `phone`. The first one is dialed first; the campaign's
    /// `alternate_numbers` says when the others are.
    #[serde(default)]
    #[garde(skip)]
    phones: Option<Vec<PhoneInput>>,
    /// Country in which `phone` and `phones` are to be read, ISO 3166-1, two letters.
    #[serde(default)]
    #[garde(skip)]
    #[schema(examples("GB"))]
    country: Option<String>,
    /// IANA time zone. Without one it is told from the number.
    #[serde(default)]
    #[garde(skip)]
    #[schema(examples("Europe/London"))]
    time_zone: Option<String>,
    /// Values for the variables of assistants; at most 50 of at most 500 characters.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = BTreeMap<String, String>)]
    variables: Pii<BTreeMap<String, String>>,
    /// E-mail addresses in order, at most 5.
    #[serde(default)]
    #[garde(skip)]
    emails: Vec<EmailInput>,
    /// The id it has elsewhere, at most 100 characters, once in the organisation: imports know it again by it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, examples("K-1001"))]
    external_id: Option<Pii<String>>,
    /// Names of its tags, at most 50; those that are not there are made. Left out, its tags stay as they are.
    #[serde(default)]
    #[garde(skip)]
    tags: Option<Vec<String>>,
}

/// An e-mail address of a contact.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailInput {
    /// The address.
    #[schema(value_type = String, examples("ada@example.org"))]
    address: Pii<String>,
    /// What it is for people, at most 50 characters.
    #[serde(default)]
    #[schema(examples("office"))]
    label: Option<String>,
}

/// A number of a contact.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneInput {
    /// The number, written as `phone`.
    #[schema(value_type = String, examples("+442079460000"))]
    number: Pii<String>,
    /// What it is for people, at most 50 characters.
    #[serde(default)]
    #[schema(examples("mobile"))]
    label: Option<String>,
    /// IANA time zone, where it is another one than the contact's. Not for the first number, which goes by the contact's.
    #[serde(default)]
    time_zone: Option<String>,
}

/// A number of a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PhoneView {
    /// The number in E.164 form.
    #[schema(value_type = String)]
    number: Pii<E164>,
    /// What it is for people.
    label: Option<String>,
    /// IANA time zone, where one was given for this number.
    time_zone: Option<String>,
    /// Since when carriers say that there is no such number. It is passed over while the contact has another one.
    invalid_since: Option<Timestamp>,
}

/// An e-mail address of a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EmailView {
    /// The address.
    #[schema(value_type = String)]
    address: Pii<String>,
    /// What it is for people.
    label: Option<String>,
}

/// A tag of a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TagName {
    /// Its id.
    id: TagId,
    /// Its name.
    name: String,
}

/// How many contacts fit.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct TotalView {
    /// So many.
    count: u64,
    /// Counted; above 10,000 it may be reckoned from a part, and reads "about".
    exact: bool,
}

/// Which part of a timeline.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Only what happened before then: `at` of the last moment of the page before.
    #[serde(default)]
    before: Option<Timestamp>,
    /// Moments on the page, 1 to 500.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 500)]
    limit: u32,
}

/// Something that happened with a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MomentView {
    /// When.
    at: Timestamp,
    /// What: `made`, `added_to_campaign`, `call`, `not_placed`, `callback_agreed`, `callback_due`, `callback_missed`,
    /// `opted_out`, `consent_given`, `consent_withdrawn`.
    kind: &'static str,
    /// The campaign it belongs to.
    campaign_id: Option<CampaignId>,
    /// The call.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    /// The attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_id: Option<AttemptId>,
    /// Who called whom, of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    /// Why a call ended or was not placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<DisconnectionReason>,
    /// How long it lasted after the answer, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    /// When the contact is to be called back.
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_at: Option<Timestamp>,
    /// How a number came on the suppression list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    source: Option<SuppressionSource>,
}

/// A contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContactView {
    /// Id.
    id: ContactId,
    /// Name.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// The first number, in E.164 form.
    #[schema(value_type = Option<String>)]
    phone: Option<Pii<E164>>,
    /// All numbers in order.
    phones: Vec<PhoneView>,
    /// IANA time zone, when one was given.
    time_zone: Option<String>,
    /// Values for the variables of assistants.
    #[schema(value_type = BTreeMap<String, String>)]
    variables: Pii<BTreeMap<String, String>>,
    /// E-mail addresses in order.
    emails: Vec<EmailView>,
    /// The id it has elsewhere.
    #[schema(value_type = Option<String>)]
    external_id: Option<Pii<String>>,
    /// Its tags by name.
    tags: Vec<TagName>,
    /// What tells its time zone: `time_zone`, the number, or nothing.
    time_zone_source: ZoneOrigin,
    /// One of its numbers is on the organisation's own suppression list: it is not called there.
    opted_out: bool,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Create a contact
#[utoipa::path(
    post, path = "/api/v1/contacts", tag = "contacts",
    request_body = ContactInput,
    responses((status = 201, body = ContactView), (status = 422, body = super::Problem))
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<ContactInput>,
) -> Result<(StatusCode, Tagged<ContactView>), ApiError> {
    let tags = tag_names(input.tags.as_deref())?;
    let data = parse(input).map_err(ApiError::Invalid)?;
    let mut tx = api.db.begin().await?;
    let ids = contact::insert(&mut tx, caller.org, &api.secrets.phone, &[data]).await?;
    let id = ids.first().copied().ok_or(ApiError::NotFound("contact"))?;
    put_tags(&mut tx, caller, id, tags).await?;
    let contact = contact::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(contact))))
}

/// List contacts
///
/// Ordered by `created_at`, `updated_at` or `name`.
#[utoipa::path(
    get, path = "/api/v1/contacts", tag = "contacts", params(ContactFilter, Ordering),
    responses((status = 200, body = Items<ContactView>), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<ContactFilter>,
) -> Result<Json<Items<ContactView>>, ApiError> {
    let sheet = listed.sheet(contact::ORDERS)?;
    let mut tx = api.db.read().await?;
    let listing = contact::search(&mut tx, caller.org, &listed.filter, &sheet).await?;
    Ok(Json(Items::of(listing, view)))
}

/// Read a contact
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = ContactId, Path)),
    responses((status = 200, body = ContactView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ContactId>,
) -> Result<Tagged<ContactView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(contact::get(&mut tx, caller.org, id).await?)))
}

/// Replace a contact
#[utoipa::path(
    put, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = ContactId, Path)),
    request_body = ContactInput,
    responses(
        (status = 200, body = ContactView),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ContactId>,
    wanted: IfMatch,
    Body(input): Body<ContactInput>,
) -> Result<Tagged<ContactView>, ApiError> {
    let tags = tag_names(input.tags.as_deref())?;
    let data = parse(input).map_err(ApiError::Invalid)?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Contact(id)).await?;
    wanted.check(&view(contact::get(&mut tx, caller.org, id).await?))?;
    contact::update(&mut tx, caller.org, &api.secrets.phone, id, &data).await?;
    put_tags(&mut tx, caller, id, tags).await?;
    let contact = contact::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(contact)))
}

/// Count contacts
///
/// Up to 10,000 they are counted; beyond that the number is reckoned from the part in which the first 10,000 lie.
#[utoipa::path(
    get, path = "/api/v1/contacts/total", tag = "contacts", params(ContactFilter),
    responses((status = 200, body = TotalView))
)]
pub async fn total(
    State(api): State<Api>,
    caller: Caller,
    Params(filter): Params<ContactFilter>,
) -> Result<Json<TotalView>, ApiError> {
    let mut tx = api.db.read().await?;
    let Total { count, exact } = contact::total(&mut tx, caller.org, &filter).await?;
    Ok(Json(TotalView { count, exact }))
}

/// Read what happened with a contact
///
/// Calls, dials that were not placed, callbacks, opt-outs and consents over all campaigns, the latest first.
#[utoipa::path(
    get, path = "/api/v1/contacts/{id}/timeline", tag = "contacts", params(("id" = ContactId, Path), Before),
    responses((status = 200, body = Items<MomentView>), (status = 404, body = super::Problem))
)]
pub async fn timeline(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ContactId>,
    Params(part): Params<Before>,
) -> Result<Json<Items<MomentView>>, ApiError> {
    if !(1..=500).contains(&part.limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 500"));
    }
    let mut tx = api.db.read().await?;
    let key = &api.secrets.phone;
    let moments = contact::timeline(&mut tx, caller.org, key, id, part.before, part.limit).await?;
    Ok(Json(Items { items: moments.into_iter().map(moment).collect(), next: None }))
}

/// Delete a contact that is in no campaign and no case
#[utoipa::path(
    delete, path = "/api/v1/contacts/{id}", tag = "contacts", params(("id" = ContactId, Path)),
    responses(
        (status = 204),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem)
    )
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ContactId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Contact(id)).await?;
    wanted.check(&view(contact::get(&mut tx, caller.org, id).await?))?;
    contact::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The contact that an input describes, or everything that is wrong with it.
pub(super) fn parse(input: ContactInput) -> Result<ContactData, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, code: &str, reason: String| {
        faults.push(FieldFault { pointer: pointer.to_owned(), code: code.to_owned(), reason });
    };
    let country = input.country.as_deref();
    let written = input.phone.as_ref().map(|phone| phone.expose().trim()).filter(|phone| !phone.is_empty());
    let mut phone = match written.map(|phone| E164::parse(phone, country)) {
        None => None,
        Some(Ok(phone)) => Some(Pii::new(phone)),
        Some(Err(error)) => {
            fault("/phone", "invalid_phone", error.to_string());
            None
        }
    };
    let (mut label, mut further) = (None, Vec::new());
    if let Some(phones) = &input.phones {
        let mut lines = parse_phones(phones, country, &mut fault).into_iter();
        let first = lines.next();
        let same = first.as_ref().is_some_and(|first| phone.as_ref() == Some(&first.number));
        if phone.is_some() && !same {
            let reason = "it is not the first of phones: give one of the two, or the same number in both";
            fault("/phone", "ambiguous", reason.to_owned());
        }
        if let Some(first) = first {
            (phone, label) = (Some(first.number), first.label);
        }
        further.extend(lines);
    }
    if let Some(zone) = &input.time_zone
        && let Err(error) = zone_named(zone)
    {
        fault("/time_zone", "unknown_zone", error.to_string());
    }
    if input.variables.expose().len() > MAX_VARIABLES {
        fault("/variables", "too_many", format!("at most {MAX_VARIABLES} variables"));
    }
    for (name, value) in input.variables.expose() {
        if name.chars().count() > 100 || value.chars().count() > 500 {
            fault("/variables", "too_long", "names have at most 100 characters, values at most 500".to_owned());
        }
    }
    let emails = parse_emails(&input.emails, &mut fault);
    let external_id =
        input.external_id.map(|id| id.expose().trim().to_owned()).filter(|id| !id.is_empty()).map(Pii::new);
    if external_id.as_ref().is_some_and(|id| id.expose().chars().count() > MAX_EXTERNAL) {
        fault("/external_id", "too_long", format!("at most {MAX_EXTERNAL} characters"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let (name, zone, variables) = (input.name, input.time_zone, input.variables);
    Ok(ContactData { name, phone, label, further, zone, variables, emails, external_id })
}

/// The addresses of a contact that are right; what is wrong with the others is told.
fn parse_emails(emails: &[EmailInput], fault: &mut impl FnMut(&str, &str, String)) -> Vec<Email> {
    if emails.len() > MAX {
        fault("/emails", "too_many", format!("at most {MAX} addresses"));
    }
    let mut lines: Vec<Email> = Vec::new();
    for (index, input) in emails.iter().enumerate().take(MAX) {
        let place = |field: &str| format!("/emails/{index}/{field}");
        if input.label.as_ref().is_some_and(|label| label.chars().count() > 50) {
            fault(&place("label"), "too_long", "at most 50 characters".to_owned());
        }
        match address(input.address.expose()) {
            Err(error) => fault(&place("address"), "invalid_email", error.to_string()),
            Ok(address) if lines.iter().any(|line| line.address.expose().eq_ignore_ascii_case(&address)) => {
                fault(&place("address"), "repeated", "the contact has this address already: leave it out".to_owned());
            }
            Ok(address) => lines.push(Email { address: Pii::new(address), label: input.label.clone() }),
        }
    }
    lines
}

/// The names of tags in a body, or what is wrong with them.
pub(super) fn tag_names(names: Option<&[String]>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(names) = names else { return Ok(None) };
    if names.len() > MAX_TAGS {
        return Err(ApiError::field("/tags", "too_many", format!("at most {MAX_TAGS} tags at once")));
    }
    for (index, name) in names.iter().enumerate() {
        if !(1..=tag::LONGEST).contains(&name.trim().chars().count()) {
            let reason = format!("a tag's name has 1 to {} characters", tag::LONGEST);
            return Err(ApiError::field(&format!("/tags/{index}"), "rule", reason));
        }
    }
    Ok(Some(names.to_vec()))
}

async fn put_tags(tx: &mut Tx, caller: Caller, id: ContactId, names: Option<Vec<String>>) -> Result<(), ApiError> {
    let Some(names) = names else { return Ok(()) };
    let tags = tag::ensure(tx, caller.org, &names).await?;
    let tags = tags.map_err(|error| ApiError::field("/tags", "too_many", error.to_string()))?;
    Ok(tag::put(tx, id, &tags).await?)
}

/// The numbers of a contact that are right; what is wrong with the others is told.
fn parse_phones(
    phones: &[PhoneInput],
    country: Option<&str>,
    fault: &mut impl FnMut(&str, &str, String),
) -> Vec<FurtherPhone> {
    if phones.len() > MAX {
        fault("/phones", "too_many", format!("at most {MAX} numbers"));
    }
    let mut lines: Vec<FurtherPhone> = Vec::new();
    for (index, input) in phones.iter().enumerate().take(MAX) {
        let place = |field: &str| format!("/phones/{index}/{field}");
        if input.label.as_ref().is_some_and(|label| label.chars().count() > 50) {
            fault(&place("label"), "too_long", "at most 50 characters".to_owned());
        }
        if let Some(zone) = &input.time_zone {
            if index == 0 {
                let reason = "the first number goes by the contact's time_zone: give it there";
                fault(&place("time_zone"), "not_here", reason.to_owned());
            } else if let Err(error) = zone_named(zone) {
                fault(&place("time_zone"), "unknown_zone", error.to_string());
            }
        }
        match E164::parse(input.number.expose().trim(), country) {
            Err(error) => fault(&place("number"), "invalid_phone", error.to_string()),
            Ok(number) if lines.iter().any(|line| *line.number.expose() == number) => {
                fault(&place("number"), "repeated", "the contact has this number already: leave it out".to_owned());
            }
            Ok(number) => {
                let (label, zone) = (input.label.clone(), input.time_zone.clone());
                lines.push(FurtherPhone { number: Pii::new(number), label, zone });
            }
        }
    }
    lines
}

impl ContactInput {
    /// The row of an import.
    pub(super) fn from_row(
        name: String,
        numbers: Vec<String>,
        country: Option<String>,
        time_zone: Option<String>,
        variables: BTreeMap<String, String>,
    ) -> Self {
        let line = |number| PhoneInput { number: Pii::new(number), label: None, time_zone: None };
        let phones = Some(numbers.into_iter().map(line).collect());
        let variables = Pii::new(variables);
        let (emails, external_id, tags) = (Vec::new(), None, None);
        Self { name: Pii::new(name), phone: None, phones, country, time_zone, variables, emails, external_id, tags }
    }
}

/// A rule for personal text: at most so many characters.
pub(super) fn at_most(limit: usize) -> impl Fn(&Pii<String>, &()) -> garde::Result {
    move |text, ()| {
        if text.expose().chars().count() > limit {
            return Err(garde::Error::new(format!("at most {limit} characters")));
        }
        Ok(())
    }
}

/// A contact in the words of the API.
pub(super) fn view(contact: Contact) -> ContactView {
    let Contact { id, org: _, data, invalid_since, zone_origin, tags, opted_out, created_at, updated_at } = contact;
    let ContactData { name, phone, label, further, zone, variables, emails, external_id } = data;
    let time_zone_source =
        zone_origin.unwrap_or_else(|| ZoneOrigin::of(zone.as_deref(), phone.as_ref().map(Pii::expose)));
    let first = phone.clone().map(|number| FurtherPhone { number, label, zone: None });
    let phones = first.into_iter().chain(further).zip(invalid_since.into_iter().chain(std::iter::repeat(None)));
    let phones = phones.map(|(FurtherPhone { number, label, zone }, invalid_since)| PhoneView {
        number,
        label,
        time_zone: zone,
        invalid_since,
    });
    ContactView {
        id,
        name,
        phone,
        phones: phones.collect(),
        time_zone: zone,
        variables,
        emails: emails.into_iter().map(|Email { address, label }| EmailView { address, label }).collect(),
        external_id,
        tags: tags.into_iter().map(|tag| TagName { id: tag.id, name: tag.name }).collect(),
        time_zone_source,
        opted_out,
        created_at,
        updated_at,
    }
}

fn moment(moment: Moment) -> MomentView {
    let Moment { at, what, campaign: campaign_id } = moment;
    let plain = |kind| MomentView {
        at,
        kind,
        campaign_id,
        call_id: None,
        attempt_id: None,
        direction: None,
        reason: None,
        duration_ms: None,
        callback_at: None,
        source: None,
    };
    match what {
        Happened::Made => plain("made"),
        Happened::Added => plain("added_to_campaign"),
        Happened::Call { id, direction, reason, answered_at, ended_at } => MomentView {
            call_id: Some(id),
            direction: Some(direction),
            reason: Some(reason),
            duration_ms: answered_at
                .map(|answered| i64::try_from(ended_at.duration_since(answered).as_millis()).unwrap_or(i64::MAX)),
            ..plain("call")
        },
        Happened::NotPlaced { id, reason } => MomentView { attempt_id: Some(id), reason, ..plain("not_placed") },
        Happened::CallbackAgreed { id, callback_at } => {
            MomentView { attempt_id: Some(id), callback_at: Some(callback_at), ..plain("callback_agreed") }
        }
        Happened::CallbackDue => MomentView { callback_at: Some(at), ..plain("callback_due") },
        Happened::CallbackMissed => plain("callback_missed"),
        Happened::OptedOut { source } => MomentView { source: Some(source), ..plain("opted_out") },
        Happened::ConsentGiven => plain("consent_given"),
        Happened::ConsentWithdrawn => plain("consent_withdrawn"),
    }
}
