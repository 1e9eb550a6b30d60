//! Whether each node of a flow is sound in itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Problem};
use crate::agent::flow::graph::{AnswerKind, Ask, Branch, Choice, Flow, Step};
use crate::agent::flow::wording;

/// Most nodes of a flow.
pub(super) const MAX_NODES: usize = 200;
const MAX_CASES: usize = 50;
const MAX_WORDS: usize = 10;
const MAX_PHRASE: usize = 60;

/// What each question can answer; `None` when it may be anything.
type Answers<'f> = BTreeMap<&'f str, Option<BTreeSet<&'f str>>>;

impl Check<'_> {
    pub(super) fn flow(&mut self, flow: &Flow) {
        let answers = answers(flow);
        self.length("/flow/nodes", flow.nodes.len(), 1, MAX_NODES, "nodes");
        self.target(flow, "/flow/start", &flow.start);
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
                    self.target(flow, &format!("{at}/say/next"), &say.next);
                }
                Step::Ask(ask) => self.ask(flow, &format!("{at}/ask"), ask, &node.id),
                Step::Branch(branch) => self.branch(flow, &answers, &format!("{at}/branch"), branch),
                Step::End(end) => {
                    if let Some(text) = &end.text {
                        self.text(&format!("{at}/end/text"), text.expose());
                    }
                    self.name(&format!("{at}/end/reason"), &end.reason);
                }
            }
        }
    }

    fn target(&mut self, flow: &Flow, pointer: &str, target: &str) {
        if !flow.nodes.iter().any(|node| node.id == target) {
            self.fault(pointer, Problem::UnknownNode(target.to_owned()));
        }
    }

    fn ask(&mut self, flow: &Flow, at: &str, ask: &Ask, id: &str) {
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
        self.target(flow, &format!("{at}/next"), &ask.next);
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
            && phrase
                .split(' ')
                .all(|word| word.starts_with(is_small) && word.chars().all(|c| is_small(c) || matches!(c, '\'' | '-')));
        if !well_formed {
            return self.fault(at, Problem::NotAPhrase(phrase.chars().take(MAX_PHRASE).collect()));
        }
        if wording::is_reserved(phrase) {
            self.fault(at, Problem::Reserved(phrase.to_owned()));
        }
        if let Some(lexicon) = self.lexicon
            && self.assistant.providers.stt.is_empty()
            && self.assistant.language.starts_with("en")
        {
            for word in phrase.split(' ').filter(|word| !lexicon.knows(word)) {
                self.fault(at, Problem::UnknownWord(word.to_owned()));
            }
        }
    }

    fn branch(&mut self, flow: &Flow, answers: &Answers<'_>, at: &str, branch: &Branch) {
        let possible = answers.get(branch.on.as_str());
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
            if let Some(Some(values)) = possible
                && !values.contains(case.is.as_str())
            {
                self.fault(format!("{at}/is"), Problem::ImpossibleCase(case.is.clone()));
            }
            self.target(flow, &format!("{at}/next"), &case.next);
        }
        self.target(flow, &format!("{at}/otherwise"), &branch.otherwise);
    }
}

/// A letter, not a capital.
fn is_small(c: char) -> bool {
    c.is_alphabetic() && !c.is_uppercase()
}

fn answers(flow: &Flow) -> Answers<'_> {
    let mut answers = Answers::new();
    for node in &flow.nodes {
        let Step::Ask(ask) = &node.step else { continue };
        let possible = match &ask.answer {
            AnswerKind::YesNo {} => Some(BTreeSet::from([wording::YES, wording::NO])),
            AnswerKind::Choice { options } => Some(options.iter().map(|option| option.id.as_str()).collect()),
            AnswerKind::Number { .. } | AnswerKind::Open { .. } => None,
        };
        let name = ask.name.as_deref().unwrap_or(&node.id);
        match (answers.get_mut(name), possible) {
            (Some(Some(known)), Some(more)) => known.extend(more),
            (Some(known), None) => *known = None,
            (Some(None), Some(_)) => {}
            (None, possible) => {
                answers.insert(name, possible);
            }
        }
    }
    answers
}
