//! What a recogniser listens for, as a network of words with a dictionary of its own.
//!
//! A dictionary of a few dozen words instead of the whole one: the program then starts in 20 ms and holds 15 MB.
//! Networks are written in the program's own format for finite-state grammars; it also reads JSGF, but ignores weights
//! there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::dictionary::{Dictionary, british};
use crate::provider::stt::Grammar;

/// The phones of the acoustic model.
const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
];

/// Pronunciations that the dictionary lacks and that are common in quick speech.
const QUICK: [(&str, &str); 16] = [
    ("of", "AH F"),
    ("of", "AO F"),
    ("sure", "SH AO R"),
    ("sure", "SH ER"),
    ("sure", "SH AO"),
    ("thank", "F AE NG K"),
    ("thank", "AE NG K"),
    ("thanks", "F AE NG K S"),
    ("thanks", "AE NG K S"),
    ("thanks", "T AE NG K S"),
    ("thanks", "TH AE NG K"),
    ("thanks", "TH AA NG K"),
    ("thanks", "F AA NG K S"),
    ("thank", "F AA NG K"),
    ("nope", "N AO P"),
    ("nope", "N AH P"),
];

/// A network and the pronunciations of its words, as the two files that the program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) grammar: String,
    pub(super) dictionary: String,
}

/// The sentences of a grammar. The words that the dictionary does not know come back instead when there are any.
pub(super) fn sentences(grammar: &Grammar, dictionary: &Dictionary) -> Result<Network, Vec<String>> {
    let mut graph = Graph::new();
    let (start, led, said, end) = (Graph::START, graph.state(), graph.state(), Graph::END);
    for lead in &grammar.leads {
        graph.phrase(start, led, lead);
    }
    graph.skip(start, led);
    for phrase in &grammar.phrases {
        graph.phrase(led, said, phrase);
    }
    for tail in &grammar.tails {
        graph.phrase(said, end, tail);
    }
    graph.skip(said, end);
    for decoy in &grammar.decoys {
        graph.phrase(start, end, decoy);
    }
    let lists = [&grammar.phrases, &grammar.leads, &grammar.tails, &grammar.decoys];
    let words: BTreeSet<&str> = lists.into_iter().flatten().flat_map(|phrase| phrase.split_whitespace()).collect();
    Ok(Network { grammar: graph.text(), dictionary: pronunciations(&words, dictionary)? })
}

/// Any phones in any order: what speech sounds like when nothing is known of it.
pub(super) fn any_phones() -> Network {
    let mut graph = Graph::new();
    let talking = graph.state();
    let mut dictionary = String::new();
    for phone in PHONES {
        let word = format!("+{}", phone.to_lowercase());
        graph.phrase(Graph::START, talking, &word);
        graph.phrase(talking, talking, &word);
        let _ = writeln!(dictionary, "{word} {phone}");
    }
    graph.skip(talking, Graph::END);
    Network { grammar: graph.text(), dictionary }
}

/// Every pronunciation of every word, American and British.
fn pronunciations(words: &BTreeSet<&str>, dictionary: &Dictionary) -> Result<String, Vec<String>> {
    let (mut lines, mut unknown) = (String::new(), Vec::new());
    for word in words {
        let mut known: Vec<Vec<&str>> = Vec::new();
        for phones in dictionary.pronunciations(word) {
            let southern = british(&phones);
            for phones in [phones, southern] {
                if !phones.is_empty() && !known.contains(&phones) {
                    known.push(phones);
                }
            }
        }
        let quick = QUICK.iter().filter(|(quick, _)| quick == word);
        for phones in quick.map(|(_, phones)| phones.split(' ').collect::<Vec<_>>()) {
            if !known.contains(&phones) {
                known.push(phones);
            }
        }
        if known.is_empty() {
            unknown.push((*word).to_owned());
        }
        for (index, phones) in known.iter().enumerate() {
            let number = if index == 0 { String::new() } else { format!("({})", index + 1) };
            let _ = writeln!(lines, "{word}{number} {}", phones.join(" "));
        }
    }
    if unknown.is_empty() { Ok(lines) } else { Err(unknown) }
}

/// A graph of words under construction.
struct Graph {
    states: usize,
    transitions: String,
}

impl Graph {
    const START: usize = 0;
    const END: usize = 1;

    const fn new() -> Self {
        Self { states: 2, transitions: String::new() }
    }

    const fn state(&mut self) -> usize {
        self.states += 1;
        self.states - 1
    }

    /// The words of a phrase one after the other.
    fn phrase(&mut self, from: usize, to: usize, phrase: &str) {
        let mut words = phrase.split_whitespace().peekable();
        let mut at = from;
        while let Some(word) = words.next() {
            let next = if words.peek().is_some() { self.state() } else { to };
            let _ = writeln!(self.transitions, "TRANSITION {at} {next} 1.0 {word}");
            at = next;
        }
    }

    /// A way without a word.
    fn skip(&mut self, from: usize, to: usize) {
        let _ = writeln!(self.transitions, "TRANSITION {from} {to} 1.0");
    }

    fn text(&self) -> String {
        format!(
            "FSG_BEGIN turn\nNUM_STATES {}\nSTART_STATE {}\nFINAL_STATE {}\n{}FSG_END\n",
            self.states,
            Self::START,
            Self::END,
            self.transitions
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        Dictionary::parse("no N OW\nthe DH AH\nthe(2) DH IY\nyou Y UW\n".to_owned()).expect("small")
    }

    fn grammar(phrases: &[&str]) -> Grammar {
        let phrases = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
        Grammar { phrases, tails: vec!["the you".to_owned()], ..Grammar::default() }
    }

    #[test]
    fn a_grammar_becomes_a_graph_and_a_dictionary() {
        let network = sentences(&grammar(&["no"]), &dictionary()).expect("all words are known");
        assert_eq!(
            network.grammar,
            "FSG_BEGIN turn\nNUM_STATES 5\nSTART_STATE 0\nFINAL_STATE 1\n\
             TRANSITION 0 2 1.0\nTRANSITION 2 3 1.0 no\nTRANSITION 3 4 1.0 the\nTRANSITION 4 1 1.0 you\n\
             TRANSITION 3 1 1.0\nFSG_END\n"
        );
        assert_eq!(network.dictionary, "no N OW\nno(2) N AH UW\nthe DH AH\nthe(2) DH IY\nyou Y UW\n");
    }

    #[test]
    fn quick_speech_is_known_as_well() {
        let dictionary = Dictionary::parse("sure SH UH R\n".to_owned()).expect("small");
        let network = sentences(&Grammar { phrases: vec!["sure".to_owned()], ..Grammar::default() }, &dictionary);
        let lines = network.expect("the word is known").dictionary;
        assert_eq!(lines, "sure SH UH R\nsure(2) SH AO\nsure(3) SH AO R\nsure(4) SH ER\n");
    }

    #[test]
    fn unknown_words_are_named() {
        let unknown =
            sentences(&grammar(&["no", "blorb the gnarf"]), &dictionary()).expect_err("two words are unknown");
        assert_eq!(unknown, ["blorb", "gnarf"]);
    }

    #[test]
    fn the_phone_loop_has_every_phone_twice() {
        let network = any_phones();
        assert_eq!(network.grammar.matches("TRANSITION").count(), 2 * PHONES.len() + 1);
        assert_eq!(network.dictionary.lines().count(), PHONES.len());
    }
}
