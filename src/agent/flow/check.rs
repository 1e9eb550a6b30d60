//! Says everything that is wrong with an assistant, so that a person can mend it in one go.

mod asks;
mod head;
mod manners;
mod nodes;
mod paths;
mod problem;
mod tools;

use std::collections::BTreeSet;
use std::fmt;

pub use self::problem::Problem;
use super::template;
use crate::agent::assistant::Assistant;

/// Longest text that is spoken at once, in characters, before variables are filled in.
pub const MAX_TEXT: usize = 1_000;

/// What every template may use without declaring it: day, weekday and time of the call where the callee is.
pub const FACTS: [&str; 3] = ["today", "weekday", "time"];

/// What a recogniser can hear.
pub trait Lexicon {
    /// Whether this one lower-case word is in the dictionary.
    fn knows(&self, word: &str) -> bool;
}

/// Something wrong with an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) to what is wrong.
    pub pointer: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.problem)
    }
}

impl Assistant {
    /// Everything that is wrong with it, in the order of the document; nothing when it can be used.
    ///
    /// Without a lexicon the words of choices are not looked up.
    #[must_use]
    pub fn faults(&self, lexicon: Option<&dyn Lexicon>) -> Vec<Fault> {
        let late = self.flow.as_ref().map(nodes::late_names).unwrap_or_default();
        let mut check = Check { assistant: self, lexicon, late, faults: Vec::new() };
        check.head();
        if let Some(flow) = &self.flow {
            let before = check.faults.len();
            check.flow(flow);
            if !names_are_broken(&check.faults[before..]) {
                check.paths(flow);
            }
        }
        check.tools();
        check.manners();
        check.faults
    }
}

/// The work on one assistant.
struct Check<'a> {
    assistant: &'a Assistant,
    lexicon: Option<&'a dyn Lexicon>,
    /// What becomes known in the call: answers and results of tools.
    late: BTreeSet<&'a str>,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, pointer: impl Into<String>, problem: Problem) {
        self.faults.push(Fault { pointer: pointer.into(), problem });
    }

    fn length(&mut self, pointer: &str, actual: usize, min: usize, max: usize, unit: &'static str) {
        if !(min..=max).contains(&actual) {
            self.fault(pointer, Problem::Length { min, max, unit });
        }
    }

    fn range(&mut self, pointer: &str, actual: u32, min: u32, max: u32) {
        if !(min..=max).contains(&actual) {
            self.fault(pointer, Problem::Range { min, max });
        }
    }

    fn name(&mut self, pointer: &str, name: &str) {
        if !is_name(name) {
            self.fault(pointer, Problem::NotAName);
        }
    }

    /// A text that is spoken: a template of the assistant's variables.
    fn text(&mut self, pointer: &str, text: &str) {
        self.template(pointer, text, MAX_TEXT, &[]);
    }

    /// A text of the flow: it may use what became known before, too.
    fn late_text(&mut self, pointer: &str, text: &str, max: usize) {
        let late: Vec<&str> = self.late.iter().copied().collect();
        self.template(pointer, text, max, &late);
    }

    /// A template of at most `max` characters that may use the assistant's variables and these names.
    fn template(&mut self, pointer: &str, text: &str, max: usize, more: &[&str]) {
        if text.trim().is_empty() || text.chars().count() > max {
            return self.fault(pointer, Problem::Length { min: 1, max, unit: "characters" });
        }
        match template::variables(text) {
            Err(error) => self.fault(pointer, Problem::Template(error.to_string())),
            Ok(names) => {
                for name in names {
                    let known = self.assistant.variables.contains_key(&name)
                        || more.contains(&name.as_str())
                        || FACTS.contains(&name.as_str());
                    if !known {
                        self.fault(pointer, Problem::UnknownVariable(name));
                    }
                }
            }
        }
    }

    /// Each of the names once.
    fn once<'n>(&mut self, pointer: impl Fn(usize) -> String, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if !seen.insert(name) {
                self.fault(pointer(index), Problem::Duplicate(name.to_owned()));
            }
        }
    }
}

/// Paths mean nothing while targets do not exist or names are ambiguous.
fn names_are_broken(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| {
        matches!(fault.problem, Problem::UnknownNode(_))
            || (matches!(fault.problem, Problem::Duplicate(_)) && fault.pointer.ends_with("/id"))
    })
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A name as a part of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
