//! The agenda of callbacks over all campaigns. Moving one and calling it off: [`super::target_control`].

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::{Listed, default_limit};
use crate::campaign::phone::E164;
use crate::id::{CampaignId, ContactId, TargetId};
use crate::pii::Pii;
use crate::store::dialing::agenda::{self, Callback};
use crate::store::filter::AgendaFilter;

/// Which part of the agenda.
#[derive(Clone, Debug, serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it is read as a part of the list's own parameters, and told of here")]
pub struct AgendaPaging {
    /// Callbacks on the page, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 1000)]
    limit: u32,
    /// `next` of the page before; absent for the first page.
    #[serde(default)]
    after: Option<String>,
}

/// A callback.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallbackView {
    /// Id of the contact in its campaign: `/api/v1/targets/{id}/callback` moves the callback or calls it off.
    target_id: TargetId,
    /// The contact.
    contact_id: ContactId,
    /// Its name.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// The number that is called.
    #[schema(value_type = Option<String>)]
    phone: Option<Pii<E164>>,
    /// The campaign.
    campaign_id: CampaignId,
    /// Its name.
    campaign_name: String,
    /// When the contact asked to be called.
    asked_at: Option<Timestamp>,
    /// When it is called; null for one that was missed.
    planned_at: Option<Timestamp>,
    /// When it was missed.
    missed_at: Option<Timestamp>,
    /// Whether it can take place at its time, as far as hours and the state of its campaign tell.
    fits: bool,
    /// Why it cannot: `campaign_` with the campaign's state, `outside_hours`, `law`, `quiet_hours`, `expired` (no allowed time
    /// is left), `empty_phone`, `invalid_timezone`.
    reason: Option<String>,
    /// The next moment that would be allowed, where there is one.
    next_at: Option<Timestamp>,
}

/// A page of the agenda.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AgendaPage {
    /// The callbacks, by their time.
    items: Vec<CallbackView>,
    /// Pass as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Those that were missed and are still to be made up for, the latest first; at most 100, whatever the times asked for.
    missed: Vec<CallbackView>,
}

/// List the callbacks of all campaigns
///
/// By the time at which they are planned.
#[utoipa::path(
    get, path = "/api/v1/callbacks", tag = "campaigns", params(AgendaFilter, AgendaPaging),
    responses((status = 200, body = AgendaPage), (status = 422, body = super::Problem))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    listed: Listed<AgendaFilter>,
) -> Result<Json<AgendaPage>, ApiError> {
    let sheet = listed.sheet_by("planned_at", agenda::PLANNED)?;
    let mut tx = api.db.read().await?;
    let listing = agenda::planned(&mut tx, caller.org, &listed.filter, &sheet).await?;
    let missed = agenda::missed(&mut tx, caller.org, listed.filter.campaign_id).await?;
    Ok(Json(AgendaPage {
        items: listing.items.into_iter().map(view).collect(),
        next: listing.next.map(|next| next.to_string()),
        missed: missed.into_iter().map(view).collect(),
    }))
}

fn view(callback: Callback) -> CallbackView {
    let (reason, next_at) = callback.unfit.map(|unfit| (unfit.code, unfit.next_at)).unzip();
    CallbackView {
        target_id: callback.target,
        contact_id: callback.contact,
        name: callback.name,
        phone: callback.phone,
        campaign_id: callback.campaign,
        campaign_name: callback.campaign_name,
        asked_at: callback.asked_at,
        planned_at: callback.planned_at,
        missed_at: callback.missed_at,
        fits: reason.is_none() && callback.planned_at.is_some(),
        reason,
        next_at: next_at.flatten(),
    }
}
