//! The OpenAPI document: what is said about every route at once.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Type};

/// The document without its routes.
pub(super) fn empty() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Says what holds for all routes of a kind.
pub(super) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        if let Some(post) = &mut item.post {
            parameter(post, header("Idempotency-Key", IDEMPOTENCY));
            refusal(post, "409", "The state does not allow this, or a request with this key is being served");
            refusal(post, "422", "Fields are invalid, or the key was used for another request");
        }
    }
}

const IDEMPOTENCY: &str = "1 to 255 visible ASCII characters. A request that is sent again with the same key within 24 hours takes \
                           effect once and is answered the same way, with `Idempotency-Replayed: true`.";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callwright",
        description = "Makes and takes phone calls by itself: campaigns, assistants, calls.\n\n\
                       Every request carries `Authorization: Bearer <API key>`. Faults are answered as \
                       `application/problem+json` with a JSON Pointer per field. Unknown fields are refused."
    ),
    modifiers(&BearerKey),
    security(("api_key" = []))
)]
struct Document;

struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
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
    ResponseBuilder::new().description(description).content("application/json", content).build()
}
