//! Every route in one screenful.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::{
    Api, api_keys, assistants, auth, bulk, callbacks, caller_numbers, calling_law, calls, campaign_control,
    campaign_copies, campaign_statistics, campaign_trunks, campaigns, cases, consents, contacts, cookie, diagnosis,
    document, events, forecast, idempotency, import, import_logs, imports, invitations, knowledge, listen, lists,
    live_calls, numbers, organisation, people_jobs, preferences, prefix_routes, providers, recordings, run_export,
    runs, session, setup, sip_guard, sip_traces, suppression_lists, suppressions, tags, take_overs, talks,
    target_control, targets, trunk_groups, trunk_health, trunk_preview, trunk_recorders, trunks, users, whep,
};
use crate::console;

/// The whole HTTP service.
pub fn router(api: Api) -> Router {
    let resources = Router::from(resources(&api));
    let streams = Router::from(streams()).layer(middleware::from_fn_with_state(api.clone(), auth::require_key));
    let open = Router::from(open().layer(DefaultBodyLimit::max(api.config.max_body_bytes)));
    let document = Json(openapi());
    Router::new()
        .merge(resources)
        .layer(middleware::from_fn_with_state(api.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(api.clone(), auth::require_key))
        .merge(open)
        .route("/openapi.json", get(|| async move { document }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .fallback(page)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(api.config.request_timeout_s),
        ))
        // Of any length; what stands still ends by itself.
        .merge(streams)
        .layer(middleware::from_fn(note_failures))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
        }))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE, cookie::CSRF]))
        .with_state(api)
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = resources_with_limits(0, 0).merge(streams()).merge(open()).into_openapi();
    document::complete(&mut document);
    document
}

/// Uploads of any size, read while they arrive.
fn streams() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(suppression_lists::import))
        .routes(routes!(imports::upload, imports::list))
        .layer(DefaultBodyLimit::disable())
}

/// What nobody has to be known for: each of these looks for itself who may.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::begin))
        .routes(routes!(setup::read, setup::make))
        .routes(routes!(invitations::read, invitations::accept))
}

fn resources(api: &Api) -> OpenApiRouter<Api> {
    resources_with_limits(api.config.max_body_bytes, api.config.max_import_bytes)
}

fn resources_with_limits(max_body: usize, max_import: usize) -> OpenApiRouter<Api> {
    let plain = OpenApiRouter::with_openapi(document::empty())
        .routes(routes!(contacts::create, contacts::list))
        .routes(routes!(contacts::total))
        .routes(routes!(contacts::read, contacts::replace, contacts::delete))
        .routes(routes!(contacts::timeline))
        .routes(routes!(imports::read, imports::delete))
        .routes(routes!(imports::preview))
        .routes(routes!(imports::set_reading))
        .routes(routes!(imports::set_plan))
        .routes(routes!(imports::start))
        .routes(routes!(imports::cancel))
        .routes(routes!(imports::undo))
        .routes(routes!(import_logs::log))
        .routes(routes!(import_logs::failed))
        .routes(routes!(import_logs::mappings, import_logs::keep_mapping))
        .routes(routes!(import_logs::delete_mapping))
        .routes(routes!(people_jobs::contacts))
        .routes(routes!(people_jobs::cases))
        .routes(routes!(people_jobs::read))
        .routes(routes!(cases::create, cases::list))
        .routes(routes!(cases::read, cases::replace, cases::delete))
        .routes(routes!(cases::places))
        .routes(routes!(cases::types::list, cases::types::create))
        .routes(routes!(cases::types::rename, cases::types::delete))
        .routes(routes!(cases::statuses::list, cases::statuses::create))
        .routes(routes!(cases::statuses::rename, cases::statuses::delete))
        .routes(routes!(lists::create, lists::list))
        .routes(routes!(lists::read, lists::replace, lists::delete))
        .routes(routes!(lists::members))
        .routes(routes!(lists::quality))
        .routes(routes!(lists::into_campaign))
        .routes(routes!(tags::create, tags::list))
        .routes(routes!(tags::rename, tags::delete))
        .routes(routes!(assistants::create, assistants::list))
        .routes(routes!(assistants::read, assistants::replace, assistants::delete))
        .routes(routes!(talks::begin))
        .routes(routes!(talks::token))
        .routes(routes!(talks::trickle, talks::end))
        .routes(routes!(trunks::create, trunks::list))
        .routes(routes!(trunks::read, trunks::replace, trunks::delete))
        .routes(routes!(trunks::resume))
        .routes(routes!(trunk_recorders::read, trunk_recorders::replace))
        .routes(routes!(trunks::list_presets))
        .routes(routes!(trunk_preview::preview))
        .routes(routes!(trunk_groups::create, trunk_groups::list))
        .routes(routes!(trunk_groups::read, trunk_groups::replace, trunk_groups::delete))
        .routes(routes!(prefix_routes::create, prefix_routes::list))
        .routes(routes!(prefix_routes::read, prefix_routes::replace, prefix_routes::delete))
        .routes(routes!(trunk_health::read))
        .routes(routes!(caller_numbers::list))
        .routes(routes!(numbers::list))
        .routes(routes!(providers::create, providers::list))
        .routes(routes!(providers::read, providers::replace, providers::delete))
        .routes(routes!(providers::test))
        .routes(routes!(consents::create, consents::list))
        .routes(routes!(consents::withdraw))
        .routes(routes!(suppressions::create, suppressions::list))
        .routes(routes!(suppressions::delete))
        .routes(routes!(suppression_lists::create, suppression_lists::list))
        .routes(routes!(suppression_lists::read, suppression_lists::replace, suppression_lists::delete))
        .routes(routes!(suppression_lists::attached, suppression_lists::attach))
        .routes(routes!(campaigns::create, campaigns::list))
        .routes(routes!(campaigns::read, campaigns::replace, campaigns::delete))
        .routes(routes!(targets::add, targets::list))
        .routes(routes!(targets::total))
        .routes(routes!(targets::attempts))
        .routes(routes!(runs::list))
        .routes(routes!(run_export::attempts))
        .routes(routes!(targets::attempt))
        .routes(routes!(target_control::read))
        .routes(routes!(target_control::approve))
        .routes(routes!(target_control::reject))
        .routes(routes!(target_control::suspend))
        .routes(routes!(target_control::resume))
        .routes(routes!(target_control::remove))
        .routes(routes!(target_control::restart))
        .routes(routes!(target_control::overwrite))
        .routes(routes!(campaign_trunks::read, campaign_trunks::replace))
        .routes(routes!(target_control::call))
        .routes(routes!(target_control::set_callback, target_control::drop_callback))
        .routes(routes!(campaign_copies::duplicate))
        .routes(routes!(campaign_copies::merge))
        .routes(routes!(campaign_control::start))
        .routes(routes!(campaign_control::pause))
        .routes(routes!(campaign_control::resume))
        .routes(routes!(campaign_control::cancel))
        .routes(routes!(campaign_control::stop))
        .routes(routes!(campaign_control::stop_all))
        .routes(routes!(campaign_control::progress))
        .routes(routes!(campaign_statistics::read))
        .routes(routes!(callbacks::list))
        .routes(routes!(diagnosis::read))
        .routes(routes!(organisation::read, organisation::replace))
        .routes(routes!(organisation::usage))
        .routes(routes!(forecast::read, forecast::what_if))
        .routes(routes!(calling_law::rules))
        .routes(routes!(calling_law::read_policy, calling_law::replace_policy))
        .routes(routes!(calling_law::preview))
        .routes(routes!(bulk::create))
        .routes(routes!(bulk::read))
        .routes(routes!(bulk::items))
        .routes(routes!(bulk::undo))
        .routes(routes!(events::poll))
        .routes(routes!(events::stream))
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(session::read, session::end))
        .routes(routes!(session::change))
        .routes(routes!(preferences::read))
        .routes(routes!(preferences::set, preferences::remove))
        .routes(routes!(users::create, users::list))
        .routes(routes!(users::read, users::replace, users::delete))
        .routes(routes!(users::invite))
        .routes(routes!(knowledge::list))
        .routes(routes!(knowledge::fetch))
        .routes(routes!(knowledge::search))
        .routes(routes!(knowledge::refresh))
        .routes(routes!(knowledge::read, knowledge::delete))
        .routes(routes!(sip_guard::read))
        .routes(routes!(sip_guard::ban))
        .routes(routes!(sip_guard::unban))
        .routes(routes!(calls::list))
        .routes(routes!(live_calls::list))
        .routes(routes!(live_calls::read))
        .routes(routes!(listen::ticket, listen::listen))
        .routes(routes!(take_overs::begin))
        .routes(routes!(take_overs::token))
        .routes(routes!(take_overs::trickle, take_overs::end))
        .routes(routes!(take_overs::hand_back))
        .routes(routes!(whep::begin))
        .routes(routes!(whep::trickle, whep::end))
        .routes(routes!(live_calls::note))
        .routes(routes!(live_calls::mute))
        .routes(routes!(live_calls::off_record))
        .routes(routes!(live_calls::hang_up))
        .routes(routes!(calls::read))
        .routes(routes!(recordings::hear))
        .routes(routes!(recordings::waveform))
        .routes(routes!(recordings::state))
        .routes(routes!(calls::replay))
        .routes(routes!(sip_traces::of_call))
        .routes(routes!(sip_traces::packets_of_call))
        .routes(routes!(sip_traces::of_attempt))
        .routes(routes!(sip_traces::packets_of_attempt))
        .layer(DefaultBodyLimit::max(max_body));
    let files = OpenApiRouter::new()
        .routes(routes!(import::import))
        .routes(routes!(knowledge::upload))
        .routes(routes!(knowledge::replace))
        .layer(DefaultBodyLimit::max(max_import));
    plain.merge(files)
}

/// Ready as long as the database answers.
async fn ready(State(api): State<Api>) -> Result<&'static str, ApiError> {
    let mut tx = api.db.read().await?;
    tx.now().await?;
    Ok("ready")
}

/// What no route takes is for the console, or for nobody.
async fn page(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let page = console::serve(&api.console, request.method(), request.uri().path(), request.headers()).await;
    page.ok_or(ApiError::NotFound("route"))
}

/// One line for each failed request; never the body or the query, which hold personal data.
async fn note_failures(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), told(request.uri().path()));
    let response = next.run(request).await;
    let status = response.status();
    if status.is_server_error() {
        tracing::warn!(%method, path, status = status.as_u16(), "request not served");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), "request");
    }
    response
}

/// The path of a request for the log: that of an invitation ends with a secret.
fn told(path: &str) -> String {
    let secret = ["/api/v1/invitations/", "/invite/"].into_iter().find(|root| path.starts_with(root));
    secret.map_or_else(|| path.to_owned(), |root| format!("{root}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_log_line_has_an_invitation() {
        assert_eq!(told("/api/v1/invitations/secret"), "/api/v1/invitations/…");
        assert_eq!(told("/invite/secret"), "/invite/…");
        assert_eq!(told("/api/v1/users/1/invitation"), "/api/v1/users/1/invitation");
    }
}
