//! What a recogniser listens for, as a network of words with a dictionary of its own.
//!
//! A dictionary of a few dozen words instead of the whole one: the program then starts in 20 ms and holds 15 MB.
//! Networks are written in the program's own format for finite-state grammars; it also reads JSGF, but ignores weights
//! there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::dictionary::{Dictionary, british};
use crate::provider::stt::{Grammar, Slot};

/// The phones of the acoustic model.
const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
];

/// Pronunciations that the dictionary lacks and that are common in quick speech.
const QUICK: [(&str, &str); 45] = [
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
    // Hissing lies above what a telephone carries, and so does much of what tells one digit from another.
    ("zero", "DH IY OW"),
    ("zero", "DH IY W OW"),
    ("zero", "DH IH R OW"),
    ("one", "W AH M"),
    ("two", "D Y UW"),
    ("two", "K Y UW"),
    ("two", "T Y UW"),
    ("two", "V D UW"),
    ("three", "TH W IY"),
    ("three", "F R IY"),
    ("three", "P ER IY"),
    ("four", "F AO W ER"),
    ("four", "HH AO"),
    ("five", "P AY V"),
    ("five", "HH AY EY M"),
    ("five", "F AA EY M"),
    ("six", "DH IY K HH"),
    ("six", "TH IH K"),
    ("six", "DH IH K HH"),
    ("seven", "HH AE M W AH N"),
    ("seven", "HH EH M AH N"),
    ("seven", "TH EH B AH M"),
    ("seven", "DH EH V AH M"),
    ("eight", "EY K"),
    ("eight", "EY P"),
    ("nine", "M AY M"),
    ("nine", "AY EY M"),
    ("nine", "N AY EY M"),
    ("next", "N EH K HH"),
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
    for sequence in &grammar.sequences {
        graph.sequence(sequence);
    }
    let slots = grammar.sequences.iter().flatten().map(|slot| &slot.phrases);
    let lists = [&grammar.phrases, &grammar.leads, &grammar.tails, &grammar.decoys];
    let words: BTreeSet<&str> =
        lists.into_iter().chain(slots).flatten().flat_map(|phrase| phrase.split_whitespace()).collect();
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

    /// Parts one after the other, from the start to the end.
    fn sequence(&mut self, slots: &[Slot]) {
        let mut at = Self::START;
        for slot in slots {
            let next = self.state();
            for phrase in &slot.phrases {
                self.phrase(at, next, phrase);
            }
            if slot.optional {
                self.skip(at, next);
            }
            at = next;
        }
        if !slots.is_empty() {
            self.skip(at, Self::END);
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
    fn sequences_have_parts_that_may_be_missing() {
        let slot = |word: &str, optional| Slot { phrases: vec![word.to_owned()], optional };
        let sequences = vec![vec![slot("the", true), slot("no", false)]];
        let network = sentences(&Grammar { sequences, ..Grammar::default() }, &dictionary()).expect("all are known");
        let sequence = "TRANSITION 0 4 1.0 the\nTRANSITION 0 4 1.0\nTRANSITION 4 5 1.0 no\nTRANSITION 5 1 1.0\n";
        assert!(network.grammar.contains(sequence), "{}", network.grammar);
        assert!(network.dictionary.contains("the DH AH\n"));
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
