//! What is wrong with rules of numbers, told for each with the field and the remedy.

use super::{NumberForm, NumberRule, NumberRules, parts};

/// Most rules of a direction.
const MOST_RULES: usize = 32;
/// Longest pattern.
const LONGEST_PATTERN: usize = 32;
/// Longest text before a number.
const LONGEST_PREPEND: usize = 16;
/// Longest prefix of national and international numbers.
const LONGEST_PREFIX: usize = 4;
/// Most characters that are taken off.
const MOST_STRIPPED: u8 = 15;

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// JSON Pointer of the field within the rules.
    pub pointer: String,
    /// Stable name of the reason.
    pub code: &'static str,
    /// What is wrong and what to write instead.
    pub reason: String,
}

/// Where the numbers are looked at that a list of rules is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    In,
}

impl NumberRules {
    /// Everything that is wrong with them, in the order of the fields; empty when they can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        if let Some(code) = &self.country_code
            && !is_country_code(code)
        {
            let reason = "write the country calling code as 1 to 3 digits without plus, such as 49".to_owned();
            faults.push(RuleFault { pointer: "/country_code".to_owned(), code: "country_code", reason });
        }
        let prefixes = [
            ("/national_prefix", &self.national_prefix, LONGEST_PREFIX),
            ("/international_prefix", &self.international_prefix, LONGEST_PREFIX),
            ("/tech_prefix", &self.tech_prefix, LONGEST_PREPEND),
        ];
        for (pointer, prefix, longest) in prefixes {
            if !is_dialable(prefix, longest) {
                let reason = format!("write at most {longest} characters of 0 to 9, *, # and +");
                faults.push(RuleFault { pointer: pointer.to_owned(), code: "prefix", reason });
            }
        }
        let directions = [
            ("/called", self.called.form, &self.called.rules, Way::Out),
            ("/caller", self.caller.form, &self.caller.rules, Way::Out),
            ("/incoming_caller", self.incoming_caller.form, &self.incoming_caller.rules, Way::In),
            ("/incoming_called", self.incoming_called.form, &self.incoming_called.rules, Way::In),
        ];
        for (pointer, form, rules, way) in directions {
            self.form_fault(format!("{pointer}/form"), form, &mut faults);
            if rules.len() > MOST_RULES {
                let reason = format!("keep at most {MOST_RULES} rules: join those whose numbers begin alike");
                faults.push(RuleFault { pointer: format!("{pointer}/rules"), code: "length", reason });
                continue;
            }
            for (index, rule) in rules.iter().enumerate() {
                self.rule_faults(&format!("{pointer}/rules/{index}"), rule, &rules[..index], way, &mut faults);
            }
        }
        faults
    }

    fn form_fault(&self, pointer: String, form: NumberForm, faults: &mut Vec<RuleFault>) {
        if form == NumberForm::National && self.country_code.is_none() {
            let reason = "national numbers belong to a country: give country_code, or choose another form".to_owned();
            faults.push(RuleFault { pointer, code: "country_code_missing", reason });
        }
    }

    fn rule_faults(&self, at: &str, rule: &NumberRule, before: &[NumberRule], way: Way, faults: &mut Vec<RuleFault>) {
        let mut fault = |field: &str, code, reason: String| {
            faults.push(RuleFault { pointer: format!("{at}/{field}"), code, reason });
        };
        if !is_pattern(&rule.matches) {
            let reason = format!(
                "write 1 to {LONGEST_PATTERN} characters of 0 to 9, X for any digit, *, # and +, and $ at the end or not"
            );
            fault("match", "pattern", reason);
        } else if way == Way::Out && !rule.matches.starts_with('+') {
            let reason = "numbers that go out are looked at in E.164: begin with +, such as +49".to_owned();
            fault("match", "pattern", reason);
        } else if let Some(earlier) = before.iter().position(|earlier| covers(&earlier.matches, &rule.matches)) {
            let reason = format!("never asked: rule {earlier} takes all its numbers; put this one before it");
            fault("match", "unreachable", reason);
        }
        if rule.strip > MOST_STRIPPED {
            fault("strip", "range", format!("take off at most {MOST_STRIPPED} characters"));
        }
        if !is_dialable(&rule.prepend, LONGEST_PREPEND) {
            let reason = format!("write at most {LONGEST_PREPEND} characters of 0 to 9, *, # and +");
            fault("prepend", "prefix", reason);
        }
        if let Some(form) = rule.form {
            self.form_fault(format!("{at}/form"), form, faults);
        }
    }
}

/// Whether the first of two patterns takes every number that the second takes.
fn covers(first: &str, second: &str) -> bool {
    let ((first, first_whole), (second, second_whole)) = (parts(first), parts(second));
    let fits = match (first_whole, second_whole) {
        (true, true) => first.len() == second.len(),
        (true, false) => false,
        (false, _) => first.len() <= second.len(),
    };
    let wider = |(one, two): (&u8, &u8)| one == two || (*one == b'X' && two.is_ascii_digit());
    fits && first.iter().zip(second).all(wider)
}

fn is_country_code(code: &str) -> bool {
    (1..=3).contains(&code.len()) && !code.starts_with('0') && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_dialable(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_digit() || b"*#+".contains(&byte))
}

fn is_pattern(text: &str) -> bool {
    let (pattern, _) = parts(text);
    let known = |byte: &u8| byte.is_ascii_digit() || b"X*#+".contains(byte);
    !pattern.is_empty() && text.len() <= LONGEST_PATTERN && pattern.iter().all(known)
}
