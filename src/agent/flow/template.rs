//! Texts with variables, rendered under a bound.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};

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
    let text = fill(source, values, 4 * MAX_SPOKEN)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err(TemplateError::Empty),
        1..=MAX_SPOKEN => Ok(text),
        _ => Err(TemplateError::TooLong),
    }
}

/// What a template makes for a model and not for an ear: lines stay lines.
pub(crate) fn render_prompt(source: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let text = fill(source, values, MAX_PROMPT)?.trim().to_owned();
    if text.is_empty() { Err(TemplateError::Empty) } else { Ok(text) }
}

/// The text of a template, at most so many bytes of it.
fn fill(source: &str, values: &BTreeMap<String, String>, most: usize) -> Result<String, TemplateError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(fault)?;
    let mut text = Bounded { text: Vec::new(), most };
    match template.render_captured_to(
        minijinja::Value::from_pairs(values.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        &mut text,
    ) {
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
