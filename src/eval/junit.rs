//! The report as JUnit XML, which build servers read.

use std::fmt::Write as _;

use super::judge::written;
use super::report::{Report, Verdict};

/// The document: one suite, one case for each scenario.
pub(super) fn document(report: &Report) -> String {
    let failures = report.scenarios.iter().filter(|verdict| !verdict.failures.is_empty()).count();
    let errors = report.scenarios.iter().filter(|verdict| verdict.error.is_some()).count();
    let time: f64 = report.scenarios.iter().map(|verdict| verdict.took.as_secs_f64()).sum();
    let counts =
        format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.3}\"", report.scenarios.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"callwright eval\" {counts}>\n"
    );
    for verdict in &report.scenarios {
        case(&mut text, verdict);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, verdict: &Verdict) {
    let Verdict { scenario, took, failures, error, facts } = verdict;
    let (name, file) = (escaped(&scenario.written.name), escaped(&scenario.file.display().to_string()));
    let seconds = took.as_secs_f64();
    let _ = writeln!(text, "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" time=\"{seconds:.3}\">");
    let caller = &scenario.written.caller;
    let told = [("persona", &caller.persona), ("goal", &caller.goal)];
    let told: String = told.iter().filter(|(_, value)| !value.is_empty()).fold(String::new(), |told, (key, value)| {
        told + &format!("        <property name=\"{key}\" value=\"{}\"/>\n", escaped(value))
    });
    if !told.is_empty() {
        let _ = writeln!(text, "      <properties>\n{told}      </properties>");
    }
    if let Some(first) = failures.first() {
        let all = escaped(&failures.join("\n"));
        let _ = writeln!(text, "      <failure message=\"{}\">{all}</failure>", escaped(first));
    }
    if let Some(error) = error {
        let error = escaped(error);
        let _ = writeln!(text, "      <error message=\"{error}\">{error}</error>");
    }
    if let Some(facts) = facts {
        let said = escaped(&written(&facts.report.conversation.transcript));
        let _ = writeln!(text, "      <system-out>{said}</system-out>");
    }
    text.push_str("    </testcase>\n");
}

/// Text that may stand in an attribute and in an element. Characters that XML 1.0 does not know are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push('\t'),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("a<b> & \"c\"\nd\u{7}"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;d\u{fffd}");
    }
}
