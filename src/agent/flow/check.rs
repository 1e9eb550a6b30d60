//! Says everything that is wrong with an assistant, so that a person can mend it in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{template, wording};
use crate::agent::assistant::{AnswerKind, Ask, Assistant, Branch, Choice, Step};

/// Most nodes of a flow.
pub const MAX_NODES: usize = 200;
/// Longest text of a node, in characters, before variables are filled in.
pub const MAX_TEXT: usize = 1_000;
/// Most variables of an assistant.
pub const MAX_VARIABLES: usize = 100;
const MAX_CASES: usize = 50;
const MAX_WORDS: usize = 10;
const MAX_PHRASE: usize = 60;

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

/// What can be wrong with an assistant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Too short or too long.
    #[error("must have {min} to {max} {unit}")]
    Length {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Not between two numbers.
    #[error("must be between {min} and {max}")]
    Range {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Not a name.
    #[error("must be 1 to 64 lower-case letters, digits and underscores, beginning with a letter")]
    NotAName,
    /// Not a voice name.
    #[error("must be 1 to 64 letters, digits, `+`, `-` and `_`, beginning with a letter")]
    NotAVoice,
    /// A language nothing is known of.
    #[error("language `{0}` is not available; available: en")]
    UnknownLanguage(String),
    /// Two things with one name.
    #[error("`{0}` is used twice")]
    Duplicate(String),
    /// An answer has the name of a variable.
    #[error("`{0}` is a variable already")]
    IsVariable(String),
    /// There is no such node.
    #[error("there is no node `{0}`")]
    UnknownNode(String),
    /// No path leads here.
    #[error("no path from the start leads to this node")]
    Unreachable,
    /// No path leads from here to an end.
    #[error("no path from this node leads to an end")]
    NoExit,
    /// Branches that lead to one another without saying anything.
    #[error("branches lead in a circle without saying or asking anything")]
    EndlessBranch,
    /// A template that cannot be read.
    #[error("not a valid template: {0}")]
    Template(String),
    /// A variable that is not declared.
    #[error("variable `{0}` is not declared in `variables`")]
    UnknownVariable(String),
    /// A branch on something that is neither asked nor declared.
    #[error("`{0}` is neither the name of a question nor a variable")]
    UnknownSubject(String),
    /// A case that the question cannot have.
    #[error("the answer to this question is never `{0}`")]
    ImpossibleCase(String),
    /// A word the recogniser has no pronunciation for.
    #[error("the recogniser does not know the word `{0}`")]
    UnknownWord(String),
    /// Something that is no word.
    #[error("`{0}` is not a phrase of lower-case words")]
    NotAPhrase(String),
    /// A phrase that means something in every question.
    #[error("`{0}` has a meaning of its own in every question")]
    Reserved(String),
    /// Not a key.
    #[error("must be one key, `0` to `9`")]
    NotAKey,
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
        let mut check = Check { assistant: self, lexicon, faults: Vec::new(), answers: BTreeMap::new() };
        check.collect_answers();
        check.head();
        check.nodes();
        if check.faults.is_empty() || !check.names_are_broken() {
            check.graph();
        }
        check.faults
    }
}

struct Check<'a> {
    assistant: &'a Assistant,
    lexicon: Option<&'a dyn Lexicon>,
    faults: Vec<Fault>,
    /// What each question can answer; `None` when it may be anything.
    answers: BTreeMap<&'a str, Option<BTreeSet<&'a str>>>,
}

impl<'a> Check<'a> {
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

    fn collect_answers(&mut self) {
        for node in &self.assistant.flow.nodes {
            let Step::Ask(ask) = &node.step else { continue };
            let possible = match &ask.answer {
                AnswerKind::YesNo {} => Some(BTreeSet::from([wording::YES, wording::NO])),
                AnswerKind::Choice { options } => Some(options.iter().map(|option| option.id.as_str()).collect()),
                AnswerKind::Number { .. } | AnswerKind::Open { .. } => None,
            };
            let name = ask.name.as_deref().unwrap_or(&node.id);
            match (self.answers.get_mut(name), possible) {
                (Some(Some(known)), Some(more)) => known.extend(more),
                (Some(known), None) => *known = None,
                (Some(None), Some(_)) => {}
                (None, possible) => {
                    self.answers.insert(name, possible);
                }
            }
        }
    }

    fn head(&mut self) {
        let assistant = self.assistant;
        self.length("/name", assistant.name.trim().chars().count(), 1, 100, "characters");
        if assistant.language != "en" {
            self.fault("/language", Problem::UnknownLanguage(assistant.language.clone()));
        }
        if !is_voice(&assistant.voice) {
            self.fault("/voice", Problem::NotAVoice);
        }
        self.length("/variables", assistant.variables.len(), 0, MAX_VARIABLES, "variables");
        for name in assistant.variables.keys() {
            self.name(&format!("/variables/{}", escape(name)), name);
        }
    }

    fn nodes(&mut self) {
        let flow = &self.assistant.flow;
        self.length("/flow/nodes", flow.nodes.len(), 1, MAX_NODES, "nodes");
        self.target("/flow/start", &flow.start);
        let mut seen = BTreeSet::new();
        for (index, node) in flow.nodes.iter().enumerate() {
            let at = format!("/flow/nodes/{index}");
            self.name(&format!("{at}/id"), &node.id);
            if !seen.insert(node.id.as_str()) {
                self.fault(format!("{at}/id"), Problem::Duplicate(node.id.clone()));
            }
            match &node.step {
                Step::Say(say) => {
                    self.text(&format!("{at}/say/text"), say.text.expose());
                    self.target(&format!("{at}/say/next"), &say.next);
                }
                Step::Ask(ask) => self.ask(&format!("{at}/ask"), ask, &node.id),
                Step::Branch(branch) => self.branch(&format!("{at}/branch"), branch),
                Step::End(end) => {
                    if let Some(text) = &end.text {
                        self.text(&format!("{at}/end/text"), text.expose());
                    }
                    self.name(&format!("{at}/end/reason"), &end.reason);
                }
            }
        }
    }

    fn text(&mut self, pointer: &str, text: &str) {
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            return self.fault(pointer, Problem::Length { min: 1, max: MAX_TEXT, unit: "characters" });
        }
        match template::variables(text) {
            Err(error) => self.fault(pointer, Problem::Template(error.to_string())),
            Ok(names) => {
                for name in names {
                    if !self.assistant.variables.contains_key(&name) {
                        self.fault(pointer, Problem::UnknownVariable(name));
                    }
                }
            }
        }
    }

    fn target(&mut self, pointer: &str, target: &str) {
        if !self.assistant.flow.nodes.iter().any(|node| node.id == target) {
            self.fault(pointer, Problem::UnknownNode(target.to_owned()));
        }
    }

    fn ask(&mut self, at: &str, ask: &'a Ask, id: &str) {
        self.text(&format!("{at}/text"), ask.text.expose());
        let name = ask.name.as_deref().unwrap_or(id);
        if ask.name.is_some() {
            self.name(&format!("{at}/name"), name);
        }
        if self.assistant.variables.contains_key(name) {
            self.fault(format!("{at}/name"), Problem::IsVariable(name.to_owned()));
        }
        self.range(&format!("{at}/attempts"), ask.attempts.into(), 1, 5);
        if let Some(hint) = &ask.hint {
            self.text(&format!("{at}/hint"), hint.expose());
        }
        match &ask.answer {
            AnswerKind::YesNo {} => {}
            AnswerKind::Choice { options } => self.options(&format!("{at}/answer/options"), options),
            AnswerKind::Number { min_digits, max_digits } => {
                self.range(&format!("{at}/answer/min_digits"), u32::from(*min_digits), 1, 32);
                let most = format!("{at}/answer/max_digits");
                self.range(&most, u32::from(*max_digits), u32::from(*min_digits).clamp(1, 32), 32);
            }
            AnswerKind::Open { max_seconds } => {
                self.range(&format!("{at}/answer/max_seconds"), u32::from(*max_seconds), 1, 120);
            }
        }
        self.target(&format!("{at}/next"), &ask.next);
    }

    fn options(&mut self, at: &str, options: &[Choice]) {
        self.length(at, options.len(), 2, 9, "options");
        let (mut ids, mut keys, mut phrases) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (index, option) in options.iter().enumerate() {
            let at = format!("{at}/{index}");
            self.name(&format!("{at}/id"), &option.id);
            if !ids.insert(&option.id) {
                self.fault(format!("{at}/id"), Problem::Duplicate(option.id.clone()));
            }
            let key = option.key(index);
            if key.is_none() {
                self.fault(format!("{at}/dtmf"), Problem::NotAKey);
            } else if !keys.insert(key) {
                self.fault(format!("{at}/dtmf"), Problem::Duplicate(key.unwrap_or_default().to_string()));
            }
            self.length(&format!("{at}/words"), option.words.len(), 1, MAX_WORDS, "phrases");
            for (index, phrase) in option.words.iter().enumerate() {
                let at = format!("{at}/words/{index}");
                self.phrase(&at, phrase);
                if !phrases.insert(phrase) {
                    self.fault(at, Problem::Duplicate(phrase.clone()));
                }
            }
        }
    }

    fn phrase(&mut self, at: &str, phrase: &str) {
        let well_formed = !phrase.is_empty()
            && phrase.len() <= MAX_PHRASE
            && phrase.split(' ').all(|word| {
                word.starts_with(|c: char| c.is_ascii_lowercase())
                    && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'' || b == b'-')
            });
        if !well_formed {
            return self.fault(at, Problem::NotAPhrase(phrase.chars().take(MAX_PHRASE).collect()));
        }
        if wording::is_reserved(phrase) {
            self.fault(at, Problem::Reserved(phrase.to_owned()));
        }
        if let Some(lexicon) = self.lexicon {
            for word in phrase.split(' ').filter(|word| !lexicon.knows(word)) {
                self.fault(at, Problem::UnknownWord(word.to_owned()));
            }
        }
    }

    fn branch(&mut self, at: &str, branch: &Branch) {
        let possible = self.answers.get(branch.on.as_str()).cloned();
        if possible.is_none() && !self.assistant.variables.contains_key(&branch.on) {
            self.fault(format!("{at}/on"), Problem::UnknownSubject(branch.on.clone()));
        }
        self.length(&format!("{at}/cases"), branch.cases.len(), 1, MAX_CASES, "cases");
        let mut seen = BTreeSet::new();
        for (index, case) in branch.cases.iter().enumerate() {
            let at = format!("{at}/cases/{index}");
            if !seen.insert(&case.is) {
                self.fault(format!("{at}/is"), Problem::Duplicate(case.is.clone()));
            }
            if let Some(Some(values)) = &possible
                && !values.contains(case.is.as_str())
            {
                self.fault(format!("{at}/is"), Problem::ImpossibleCase(case.is.clone()));
            }
            self.target(&format!("{at}/next"), &case.next);
        }
        self.target(&format!("{at}/otherwise"), &branch.otherwise);
    }

    /// Paths mean nothing while targets do not exist or names are ambiguous.
    fn names_are_broken(&self) -> bool {
        self.faults.iter().any(|fault| {
            matches!(fault.problem, Problem::UnknownNode(_))
                || (matches!(fault.problem, Problem::Duplicate(_)) && fault.pointer.ends_with("/id"))
        })
    }

    fn graph(&mut self) {
        let nodes = &self.assistant.flow.nodes;
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let next: Vec<Vec<usize>> =
            nodes.iter().map(|node| targets(&node.step).filter_map(|t| index.get(t).copied()).collect()).collect();
        let mut back = vec![Vec::new(); nodes.len()];
        for (from, targets) in next.iter().enumerate() {
            for to in targets {
                back[*to].push(from);
            }
        }
        let start = index.get(self.assistant.flow.start.as_str()).copied();
        let reached = flood(&next, start.into_iter().collect());
        let ends = (0..nodes.len()).filter(|i| matches!(nodes[*i].step, Step::End(_))).collect();
        let ending = flood(&back, ends);
        let silent: Vec<Vec<usize>> = next
            .iter()
            .enumerate()
            .map(|(i, targets)| if matches!(nodes[i].step, Step::Branch(_)) { targets.clone() } else { Vec::new() })
            .collect();
        for i in 0..nodes.len() {
            let at = format!("/flow/nodes/{i}");
            if !reached[i] {
                self.fault(&at, Problem::Unreachable);
            }
            if !ending[i] {
                self.fault(&at, Problem::NoExit);
            }
            if flood(&silent, silent[i].clone())[i] {
                self.fault(&at, Problem::EndlessBranch);
            }
        }
    }
}

/// All nodes that can be reached from `open`, those included.
fn flood(edges: &[Vec<usize>], mut open: Vec<usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            open.extend(&edges[node]);
        }
    }
    reached
}

fn targets(step: &Step) -> Box<dyn Iterator<Item = &str> + '_> {
    match step {
        Step::Say(say) => Box::new(std::iter::once(say.next.as_str())),
        Step::Ask(ask) => Box::new(std::iter::once(ask.next.as_str())),
        Step::Branch(branch) => {
            Box::new(branch.cases.iter().map(|case| case.next.as_str()).chain([branch.otherwise.as_str()]))
        }
        Step::End(_) => Box::new(std::iter::empty()),
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_voice(voice: &str) -> bool {
    voice.len() <= 64
        && voice.starts_with(|c: char| c.is_ascii_alphabetic())
        && voice.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_".contains(&b))
}

/// A name as a part of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
