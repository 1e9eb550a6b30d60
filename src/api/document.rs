//! The OpenAPI document: what is said about every route at once.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use utoipa::openapi::{Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Type};

use super::cookie;
use super::scopes::{OPEN, PERSONAL, ROUTES, Scope};

/// The document without its routes.
pub(super) fn empty() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Says what holds for all routes of a kind.
pub(super) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let all = [
            ("GET", &mut item.get),
            ("POST", &mut item.post),
            ("PUT", &mut item.put),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in all {
            if let (Some(operation), Some((.., scope))) =
                (operation.as_mut(), ROUTES.iter().find(|(of, route, _)| *of == method && route == path))
            {
                needs(operation, *scope);
            }
            let within = |routes: &[(&str, &str)]| routes.iter().any(|(of, route)| *of == method && route == path);
            if let Some(operation) = operation.as_mut().filter(|_| within(PERSONAL)) {
                is_about_a_person(operation);
            }
            if let Some(operation) = operation.as_mut().filter(|_| within(OPEN)) {
                operation.security = Some(Vec::new());
            }
        }
        let shown = item.get.as_mut().is_some_and(tag_answer);
        let tagged = shown || path.ends_with("/callback") || path.ends_with("/overwrites");
        for operation in [&mut item.post, &mut item.put].into_iter().flatten() {
            tag_answer(operation);
        }
        for operation in [&mut item.put, &mut item.delete].into_iter().flatten().filter(|_| tagged) {
            parameter(operation, header("If-Match", CHANGE));
            refusal(operation, "412", "It is not in the state that was named; the tag of its state now is in `ETag`");
        }
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            separate_by_commas(operation);
        }
        let is_open = OPEN.iter().any(|(of, route)| *of == "POST" && route == path);
        // Uploads of any size are read while they arrive, and not kept for a second request.
        if let Some(post) = item.post.as_mut().filter(|_| !is_open && path != "/api/v1/imports") {
            parameter(post, header("Idempotency-Key", IDEMPOTENCY));
            refusal(post, "409", "The state does not allow this, or a request with this key is being served");
            refusal(post, "422", "Fields are invalid, or the key was used for another request");
        }
        let all = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        all.into_iter().flatten().for_each(refusals_are_problems);
    }
}

/// What is answered with the tag of its state.
const TAGGED: [&str; 15] = [
    "AssistantView",
    "AttemptView",
    "CallDetail",
    "CampaignTrunks",
    "CampaignView",
    "CaseView",
    "ContactView",
    "PeopleListView",
    "ProviderView",
    "RouteView",
    "SourceView",
    "TargetView",
    "TrunkGroupView",
    "TrunkView",
    "UserView",
];
const CHANGE: &str = "The `ETag` of the state in which the change is wanted. In another one the answer is 412. Without it the change \
                      is made in any state.";
const IDEMPOTENCY: &str = "1 to 255 visible ASCII characters. A request that is sent again with the same key within 24 hours takes \
                           effect once and is answered the same way, with `Idempotency-Replayed: true`.";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callwright",
        description = "Makes and takes phone calls by itself: campaigns, assistants, calls.\n\n\
                       Programs send `Authorization: Bearer <API key>`. People sign in at `POST /api/v1/session`: the \
                       browser then sends a cookie, and every request that is neither GET nor HEAD needs the header \
                       `X-CSRF-Token` with the `csrf` of the session. Faults are answered as \
                       `application/problem+json` with a JSON Pointer per field. Unknown fields are refused."
    ),
    modifiers(&BearerKey),
    security(("api_key" = []), ("session" = []))
)]
struct Document;

struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookie::NAME)));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", scheme);
        components.add_security_scheme("session", cookie);
    }
}

/// Refusals have a content type of their own.
fn refusals_are_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

/// Says which scope a route needs.
fn needs(operation: &mut Operation, scope: Scope) {
    let told = format!("Needs the scope `{scope}`.");
    operation.description = Some(match operation.description.take() {
        Some(before) if !before.is_empty() => format!("{before}\n\n{told}"),
        Some(_) | None => told,
    });
    refusal(operation, "401", "No key or session in force");
    refusal(operation, "403", "The key or the role lacks the scope, or `X-CSRF-Token` is missing or wrong");
}

/// Says that a route is for whoever is signed in.
fn is_about_a_person(operation: &mut Operation) {
    let told = "Needs a session; a key is refused with 403 `no_user`.";
    operation.description = Some(match operation.description.take() {
        Some(before) if !before.is_empty() => format!("{before}\n\n{told}"),
        Some(_) | None => told.to_owned(),
    });
    operation.security = Some(vec![SecurityRequirement::new("session", Vec::<String>::new())]);
    refusal(operation, "401", "Nobody is signed in");
    refusal(operation, "403", "`X-CSRF-Token` is missing or wrong, or a key asks");
}

/// Names in a query stand in one parameter.
fn separate_by_commas(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.style.is_some()
        {
            parameter.explode = Some(false);
        }
    }
}

/// Says that a success has a tag, if it has; whether it does.
fn tag_answer(operation: &mut Operation) -> bool {
    let mut tagged = false;
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let shows = |content: &RefOr<Content>| match content {
            RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
                TAGGED.iter().any(|name| schema.ref_location.ends_with(&format!("/{name}")))
            }
            RefOr::T(_) | RefOr::Ref(_) => false,
        };
        if status.starts_with('2') && response.content.values().any(shows) {
            let schema = ObjectBuilder::new().schema_type(Type::String).build();
            let header =
                HeaderBuilder::new().schema(Some(schema)).description(Some("Tag of the state that is shown")).build();
            response.headers.insert("ETag".to_owned(), RefOr::T(header));
            tagged = true;
        }
    }
    tagged
}

fn header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

fn parameter(operation: &mut Operation, parameter: Parameter) {
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

/// An answer with a problem, unless the route tells of it by itself.
fn refusal(operation: &mut Operation, status: &str, description: &str) {
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
