//! Contacts: people and businesses that can be called, independent of campaigns.

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
use super::error::{ApiError, FieldFault};
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Listed, Ordering};
use crate::campaign::phone::E164;
use crate::campaign::zone::zone_named;
use crate::dialer::numbers::MAX;
use crate::id::ContactId;
use crate::pii::Pii;
use crate::store::contact::{self, Contact, ContactData, FurtherPhone};
use crate::store::filter::ContactFilter;
use crate::store::lock::Lock;

/// Most variables of a contact.
pub(super) const MAX_VARIABLES: usize = 50;

/// What can be set of a contact.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ada", "phones": [{ "number": "+442079460000", "label": "office" },
                                                     { "number": "+447700900123", "label": "mobile" }],
                           "time_zone": "Europe/London", "variables": { "offer": "A" } }))]
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
    let data = parse(input).map_err(ApiError::Invalid)?;
    let mut tx = api.db.begin().await?;
    let ids = contact::insert(&mut tx, caller.org, &api.secrets.phone, &[data]).await?;
    let id = ids.first().copied().ok_or(ApiError::NotFound("contact"))?;
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
    let data = parse(input).map_err(ApiError::Invalid)?;
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Contact(id)).await?;
    wanted.check(&view(contact::get(&mut tx, caller.org, id).await?))?;
    contact::update(&mut tx, caller.org, &api.secrets.phone, id, &data).await?;
    let contact = contact::get(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(Tagged(view(contact)))
}

/// Delete a contact that is in no campaign
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
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(ContactData { name: input.name, phone, label, further, zone: input.time_zone, variables: input.variables })
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
        Self { name: Pii::new(name), phone: None, phones, country, time_zone, variables: Pii::new(variables) }
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

fn view(contact: Contact) -> ContactView {
    let Contact { id, org: _, data, invalid_since, created_at, updated_at } = contact;
    let ContactData { name, phone, label, further, zone, variables } = data;
    let first = phone.clone().map(|number| FurtherPhone { number, label, zone: None });
    let phones = first.into_iter().chain(further).zip(invalid_since.into_iter().chain(std::iter::repeat(None)));
    let phones = phones.map(|(FurtherPhone { number, label, zone }, invalid_since)| PhoneView {
        number,
        label,
        time_zone: zone,
        invalid_since,
    });
    ContactView { id, name, phone, phones: phones.collect(), time_zone: zone, variables, created_at, updated_at }
}
