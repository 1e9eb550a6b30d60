//! Templates of requests: what a model or a contact's record puts in is data wherever it lands.

use std::collections::BTreeMap;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{Environment, UndefinedBehavior};
use secrecy::{ExposeSecret, SecretString};

use super::Fault;
use crate::pii::Pii;

/// Steps a template may take.
const FUEL: u64 = 20_000;
/// Longest text a template may make, in bytes.
const LONGEST: usize = 64 << 10;

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A part of an address: everything but letters, digits and `-._~` is encoded.
    Address,
    /// Anywhere else, as it is.
    Plain,
}

/// The values of a call.
pub(super) struct Values(Value);

impl Values {
    /// `variables` by their names, the call's arguments as `args`, and of `secrets` those that `used` names.
    pub(super) fn new(
        variables: &BTreeMap<String, Pii<String>>,
        args: &serde_json::Value,
        secrets: &BTreeMap<String, SecretString>,
    ) -> Self {
        let secrets = Value::from_pairs(secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())));
        let own = variables.iter().map(|(name, value)| (name.as_str(), Value::from(value.expose().as_str())));
        let given = [("args", Value::from(Serde(args))), ("secrets", secrets)];
        Self(Value::from_pairs(own.chain(given)))
    }

    /// The text of a template.
    pub(super) fn render(&self, template: &str, place: Place) -> Result<String, Fault> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(20);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(move |out, _, value| {
            let text = if value.kind() == ValueKind::String {
                value.as_str().unwrap_or_default().to_owned()
            } else {
                value.to_string()
            };
            match place {
                Place::Address => out.write_str(&encoded(&text))?,
                Place::Plain => out.write_str(&text)?,
            }
            Ok(())
        });
        let fault = |error: minijinja::Error| {
            // The engine's words name variables, never values.
            Fault::new(format!("the tool is not set up for this: {}", error.detail().unwrap_or("a template is wrong")))
        };
        let text = environment.render_str(template, &self.0).map_err(fault)?;
        if text.len() > LONGEST { Err(Fault::new("the request would be too long")) } else { Ok(text) }
    }

    /// JSON whose texts are templates. A text that is nothing but `{{ args.x }}` becomes that argument as it is: a
    /// number stays a number.
    pub(super) fn render_json(
        &self,
        template: &serde_json::Value,
        args: &serde_json::Value,
    ) -> Result<serde_json::Value, Fault> {
        use serde_json::Value as Json;
        Ok(match template {
            Json::String(text) => match whole_argument(text).map(|name| args.get(name)) {
                Some(value) => value.cloned().unwrap_or(Json::Null),
                None => Json::String(self.render(text, Place::Plain)?),
            },
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.render_json(item, args)).collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.render_json(value, args)?)))
                    .collect::<Result<_, Fault>>()?,
            ),
            Json::Null | Json::Bool(_) | Json::Number(_) => template.clone(),
        })
    }
}

/// The name in `{{ args.name }}`, when a text is nothing else.
fn whole_argument(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim().strip_prefix("args.")?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(name)
}

/// Percent-encoding of everything that is not unreserved (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(args: &serde_json::Value) -> Values {
        let variables = BTreeMap::from([("city".to_owned(), Pii::new("Köln & Bonn".to_owned()))]);
        let secrets = BTreeMap::from([("crm".to_owned(), SecretString::from("s3cret"))]);
        Values::new(&variables, args, &secrets)
    }

    #[test]
    fn what_is_put_into_an_address_stays_in_its_place() {
        let args = json!({ "id": "7/../admin?x=1#y", "n": 3 });
        let url = values(&args).render("https://x.test/{{ city }}/{{ args.id }}?n={{ args.n }}", Place::Address);
        assert_eq!(url, Ok("https://x.test/K%C3%B6ln%20%26%20Bonn/7%2F..%2Fadmin%3Fx%3D1%23y?n=3".to_owned()));
    }

    #[test]
    fn arguments_keep_their_types_in_json() {
        let args = json!({ "seats": 2, "note": "a \"b\"", "list": [1, true] });
        let body = json!({ "n": "{{ args.seats }}", "text": "{{ args.note }}!", "l": "{{args.list}}", "gone": "{{ args.x }}", "k": 1 });
        let made = values(&args).render_json(&body, &args).expect("it renders");
        assert_eq!(made, json!({ "n": 2, "text": "a \"b\"!", "l": [1, true], "gone": null, "k": 1 }));
    }

    #[test]
    fn secrets_are_used_and_missing_values_are_faults_without_values() {
        let args = json!({ "id": "personal" });
        let values = values(&args);
        assert_eq!(values.render("Bearer {{ secrets.crm }}", Place::Plain), Ok("Bearer s3cret".to_owned()));
        let fault = values.render("{{ secrets.none }} {{ args.id }}", Place::Plain).expect_err("there is none");
        assert!(!fault.0.contains("personal") && !fault.0.contains("s3cret"), "{fault}");
        assert!(values.render("{{ 'x' * 400000 }}", Place::Plain).is_err());
    }

    #[test]
    fn values_are_not_templates() {
        let args = json!({ "id": "{{ secrets.crm }}" });
        assert_eq!(values(&args).render("{{ args.id }}", Place::Plain), Ok("{{ secrets.crm }}".to_owned()));
    }
}
