//! Texts with variables, rendered under a bound.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

/// Steps a template may take; a thousand characters of text with loops need far fewer.
const FUEL: u64 = 20_000;

/// Longest text that is spoken at once, in characters.
pub(crate) const MAX_SPOKEN: usize = 2_000;

/// Longest prompt of a model, in bytes: its own length and what the contact's values add.
const MAX_PROMPT: usize = 100_000;

/// Why a text could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The template cannot be read, or it uses a variable that is not there.
    #[error("{0}")]
    Template(String),
    /// What it makes is longer than can be said at once.
    #[error("the text is longer than {MAX_SPOKEN} characters")]
    TooLong,
    /// What it makes has nothing to say.
    #[error("the text is empty")]
    Empty,
}

/// The variables that a template uses.
pub(crate) fn variables(source: &str) -> Result<BTreeSet<String>, TemplateError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(fault)?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

/// The text that a template makes of these values, white space collapsed.
pub(crate) fn render(source: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    spoken(&fill(source, context(values, &BTreeMap::new()), 4 * MAX_SPOKEN, UndefinedBehavior::Strict)?)
}

/// As [`render`], in the middle of a call: what has not become known, because it was not answered or the tool failed, is
/// left out.
pub(crate) fn render_late(
    source: &str,
    values: &BTreeMap<String, String>,
    results: &BTreeMap<String, Value>,
) -> Result<String, TemplateError> {
    spoken(&fill(source, context(values, results), 4 * MAX_SPOKEN, UndefinedBehavior::Chainable)?)
}

/// What a template makes for a model and not for an ear: lines stay lines.
pub(crate) fn render_prompt(source: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let text = fill(source, context(values, &BTreeMap::new()), MAX_PROMPT, UndefinedBehavior::Strict)?;
    let text = text.trim().to_owned();
    if text.is_empty() { Err(TemplateError::Empty) } else { Ok(text) }
}

/// A JSON value whose texts are templates, filled in as [`render_late`] does, white space kept.
pub(crate) fn render_json(
    source: &Value,
    values: &BTreeMap<String, String>,
    results: &BTreeMap<String, Value>,
) -> Result<Value, TemplateError> {
    Ok(match source {
        Value::String(text) => {
            let known = context(values, results);
            Value::String(fill(text, known, MAX_PROMPT, UndefinedBehavior::Chainable)?)
        }
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| render_json(item, values, results)).collect();
            Value::Array(items?)
        }
        Value::Object(fields) => {
            let fields: Result<_, _> =
                fields.iter().map(|(name, field)| Ok((name.clone(), render_json(field, values, results)?))).collect();
            Value::Object(fields?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => source.clone(),
    })
}

fn context(values: &BTreeMap<String, String>, results: &BTreeMap<String, Value>) -> minijinja::Value {
    let values = values.iter().map(|(name, value)| (name.as_str(), minijinja::Value::from(value.as_str())));
    let results =
        results.iter().map(|(name, value)| (name.as_str(), minijinja::Value::from(minijinja::value::Serde(value))));
    minijinja::Value::from_pairs(values.chain(results))
}

/// White space collapsed, and short enough to be said.
fn spoken(text: &str) -> Result<String, TemplateError> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err(TemplateError::Empty),
        1..=MAX_SPOKEN => Ok(text),
        _ => Err(TemplateError::TooLong),
    }
}

/// The text of a template, at most so many bytes of it.
fn fill(
    source: &str,
    context: minijinja::Value,
    most: usize,
    undefined: UndefinedBehavior,
) -> Result<String, TemplateError> {
    let mut environment = environment();
    environment.set_undefined_behavior(undefined);
    let template = environment.template_from_str(source).map_err(fault)?;
    let mut text = Bounded { text: Vec::new(), most };
    match template.render_captured_to(context, &mut text) {
        Ok(_) => {}
        Err(_) if text.text.len() > most => return Err(TemplateError::TooLong),
        Err(error) => return Err(fault(error)),
    }
    Ok(String::from_utf8_lossy(&text.text).into_owned())
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(20);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

/// The engine's own words for what is wrong, without the values it saw.
fn fault(error: minijinja::Error) -> TemplateError {
    TemplateError::Template(match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    })
}

/// Takes what is written up to a bound, then refuses.
struct Bounded {
    text: Vec<u8>,
    /// In bytes.
    most: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = (self.most + 1).saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_filled_in_and_white_space_collapses() {
        let text =
            render("Hello {{ name }},\n  {% if name == 'Ada' %}good{% endif %} day.", &values(&[("name", "Ada")]));
        assert_eq!(text.expect("it renders"), "Hello Ada, good day.");
    }

    #[test]
    fn values_are_not_templates() {
        let text = render("Hello {{ name }}", &values(&[("name", "{{ secret }} <b>")]));
        assert_eq!(text.expect("it renders"), "Hello {{ secret }} <b>");
    }

    #[test]
    fn a_missing_variable_is_an_error_and_not_a_gap() {
        assert!(matches!(render("Hello {{ name }}", &values(&[])), Err(TemplateError::Template(_))));
    }

    #[test]
    fn runaway_templates_stop() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(render(endless, &values(&[])).is_err());
        let long = "{{ 'a' * 3000 }}";
        assert!(render(long, &values(&[])).is_err());
        let huge = "{{ 'a' * 4000000000 }}";
        assert!(render(huge, &values(&[])).is_err());
    }

    #[test]
    fn in_the_middle_of_a_call_what_is_not_known_is_left_out() {
        let results = BTreeMap::from([("slots".to_owned(), serde_json::json!({ "first": "ten", "all": [1, 2] }))]);
        let known = values(&[("name", "Ada")]);
        let late = |source: &str| render_late(source, &known, &results);
        assert_eq!(late("{{ name }}, at {{ slots.first }}?").expect("it renders"), "Ada, at ten?");
        assert_eq!(late("{{ slots.all[1] }} {{ day }}{{ booking.id.x }} left").expect("it renders"), "2 left");
        assert!(matches!(late("{{ day }}"), Err(TemplateError::Empty)));
        let arguments = serde_json::json!({ "who": ["{{ name }}", 3], "when": "{{ day }}" });
        let filled = render_json(&arguments, &known, &results).expect("it renders");
        assert_eq!(filled, serde_json::json!({ "who": ["Ada", 3], "when": "" }));
    }

    #[test]
    fn a_prompt_keeps_its_lines() {
        let text = render_prompt(" You are {{ name }}.\n\n- Be brief. \n", &values(&[("name", "Ada")]));
        assert_eq!(text.expect("it renders"), "You are Ada.\n\n- Be brief.");
        assert!(matches!(render_prompt(" ", &values(&[])), Err(TemplateError::Empty)));
        let long = format!("{}{{{{ 'a' * 90000 }}}}", "x".repeat(20_000));
        assert!(render_prompt(&long, &values(&[])).is_err());
    }

    #[test]
    fn nothing_to_say_is_an_error() {
        assert!(matches!(render("{{ name }}", &values(&[("name", " ")])), Err(TemplateError::Empty)));
    }

    #[test]
    fn used_variables_are_known() {
        let names = variables("{{ a }} {% for x in b %}{{ x }}{% endfor %}").expect("it parses");
        assert_eq!(names, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert!(variables("{{ a ").is_err());
    }
}
