//! JSON Schemas: what a tool is given and gives back is checked against what was promised.

use serde_json::Value;

use super::Fault;

/// Faults told at once.
const TOLD: usize = 5;

/// Checks `value`; `what` names it in the fault. Values are not repeated: they may be personal.
pub(super) fn check(schema: &Value, value: &Value, what: &str) -> Result<(), Fault> {
    let validator = jsonschema::options().build(schema).map_err(|_| Fault::new("the tool's schema is wrong"))?;
    let faults: Vec<String> = validator
        .iter_errors(value)
        .take(TOLD)
        .map(|error| format!("{} breaks `{}`", place(&error.instance_path().to_string()), error.schema_path()))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Fault::new(format!("{what}: {}", faults.join("; ")))) }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "it" } else { pointer }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_breaks_the_schema_is_told_by_its_place_and_not_by_its_value() {
        let schema = json!({
            "type": "object",
            "properties": { "day": { "type": "string" }, "seats": { "type": "integer", "minimum": 1 } },
            "required": ["day"]
        });
        assert_eq!(check(&schema, &json!({ "day": "Monday", "seats": 2 }), "the arguments"), Ok(()));
        let fault = check(&schema, &json!({ "day": "Monday", "seats": "secret" }), "the arguments").expect_err("wrong");
        assert!(fault.0.contains("/seats") && !fault.0.contains("secret"), "{fault}");
        assert!(check(&schema, &json!({}), "the arguments").expect_err("missing").0.contains("required"));
        assert!(check(&json!({ "type": 7 }), &json!({}), "x").is_err());
    }
}
