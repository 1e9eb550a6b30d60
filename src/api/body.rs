//! JSON bodies: parsed with the place of every fault, unknown fields refused, rules checked.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use garde::Validate;
use serde::de::DeserializeOwned;

use super::error::{ApiError, FieldFault};

/// Extracts a JSON body that parses into `T` and obeys its rules.
///
/// `T` denies unknown fields; a fault is answered with 422 and the JSON Pointer of the field.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// Extracts a JSON body that parses into `T`; what it has to obey beyond that, the handler checks.
#[derive(Clone, Copy, Debug)]
pub struct Unchecked<T>(pub T);

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let value: T = parse(&json_bytes(request, state).await?)?;
        check(&value)?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Unchecked<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        parse(&json_bytes(request, state).await?).map(Self)
    }
}

async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    if !is_json {
        return Err(ApiError::UnsupportedType("application/json"));
    }
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Malformed(rejection.body_text()),
    })
}

/// Reads JSON of which every fault has its place.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer_of(&error.path().to_string());
        let cause = error.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => ApiError::field(&pointer, data_fault(&cause), cause.to_string()),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => ApiError::Malformed(format!("not JSON: {cause}")),
        }
    })?;
    json.end().map_err(|error| ApiError::Malformed(format!("not JSON: {error}")))?;
    Ok(value)
}

/// Whether a value obeys its rules.
pub(super) fn check<T: Validate<Context = ()>>(value: &T) -> Result<(), ApiError> {
    value.validate().map_err(|report| ApiError::Invalid(faults(&report)))
}

fn faults(report: &garde::Report) -> Vec<FieldFault> {
    let mut faults: Vec<_> = report
        .iter()
        .map(|(path, error)| FieldFault {
            pointer: pointer_of(&path.to_string()),
            code: "rule".to_owned(),
            reason: error.message().to_owned(),
        })
        .collect();
    faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    faults
}

/// Stable name of what serde found wrong with the data.
fn data_fault(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    match () {
        () if text.starts_with("unknown field") => "unknown_field",
        () if text.starts_with("missing field") => "missing_field",
        () if text.starts_with("unknown variant") => "unknown_value",
        () => "wrong_type",
    }
}

/// `items[0].name` as a JSON Pointer: `/items/0/name`; `.` (the body itself) as the empty pointer.
fn pointer_of(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    path.split(['.', '['])
        .filter(|part| !part.is_empty())
        .map(|part| format!("/{}", part.trim_end_matches(']').replace('~', "~0").replace('/', "~1")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, garde::Validate)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[garde(length(min = 1))]
        name: String,
        #[garde(dive)]
        items: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize, garde::Validate)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[garde(range(min = 1, max = 9))]
        count: u32,
    }

    fn checked(json: &str) -> Result<Order, ApiError> {
        let order: Order = parse(json.as_bytes())?;
        order.validate().map_err(|report| ApiError::Invalid(faults(&report)))?;
        Ok(order)
    }

    fn faults_of(json: &str) -> Vec<(String, String)> {
        match checked(json) {
            Err(ApiError::Invalid(faults)) => faults.into_iter().map(|f| (f.pointer, f.code)).collect(),
            other => panic!("expected field faults, got {other:?}"),
        }
    }

    fn fault(pointer: &str, code: &str) -> (String, String) {
        (pointer.to_owned(), code.to_owned())
    }

    #[test]
    fn faults_point_at_their_field() {
        assert_eq!(faults_of(r#"{"name":"a","items":[{"count":"x"}]}"#), [fault("/items/0/count", "wrong_type")]);
        assert_eq!(faults_of(r#"{"name":"a","items":[],"colour":1}"#), [fault("/colour", "unknown_field")]);
        assert_eq!(faults_of(r#"{"name":"a"}"#), [fault("", "missing_field")]);
        assert_eq!(
            faults_of(r#"{"name":"","items":[{"count":1},{"count":10}]}"#),
            [fault("/items/1/count", "rule"), fault("/name", "rule")]
        );
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for text in ["", "{", r#"{"name":"a","items":[]} trailing"#] {
            assert!(matches!(checked(text), Err(ApiError::Malformed(_))), "{text}");
        }
        let order = checked(r#"{"name":"a","items":[{"count":2}]}"#).expect("valid");
        assert_eq!((order.name.as_str(), order.items[0].count), ("a", 2));
    }
}
