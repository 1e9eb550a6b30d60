//! What machines and people say when they answer a phone: lists of phrases, one file a language.
//!
//! A file has sections (`[machine]`, `[screening]`, `[menu]`, `[person]`, `[hello]`, `[greeting]`), one pattern a line as
//! [`said`](crate::words::said) reads them, and comments after `#`. A pattern behind `^` counts at the beginning of the
//! callee's first words only, behind words of `[greeting]` at most: later somebody may say that in a conversation.

use std::sync::LazyLock;

use super::openings::{Odds, Openings};
use crate::words::{any_said, begins, words};

/// So many words at most are a greeting of somebody who waits for an answer.
const FEW_WORDS: usize = 5;

/// The phrases of one language.
#[derive(Debug, Default)]
pub struct PhraseBook {
    machine: Phrases,
    screening: Phrases,
    menu: Phrases,
    person: Phrases,
    hello: Phrases,
    /// Words that may stand before the first ones.
    greeting: Phrases,
    openings: Openings,
}

/// One section.
#[derive(Debug, Default)]
struct Phrases {
    anywhere: Vec<&'static str>,
    /// Those behind `^`.
    first: Vec<&'static str>,
}

/// What words are told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A mailbox's greeting.
    Machine,
    /// A service that asks who calls and why.
    Screening,
    /// A menu.
    Menu,
    /// Somebody who talks to the caller: "how can I help you?".
    Person,
    /// Somebody who waits for an answer: "hello?".
    Hello,
}

impl PhraseBook {
    /// The book of a BCP 47 tag (`de-AT`); English where there is none.
    #[must_use]
    pub fn of(tag: &str) -> &'static Self {
        static ENGLISH: LazyLock<PhraseBook> = LazyLock::new(|| PhraseBook {
            openings: Openings::read(include_str!("openings/en.txt")),
            ..PhraseBook::read(include_str!("phrases/en.txt"))
        });
        static GERMAN: LazyLock<PhraseBook> = LazyLock::new(|| PhraseBook {
            openings: Openings::read(include_str!("openings/de.txt")),
            ..PhraseBook::read(include_str!("phrases/de.txt"))
        });
        match tag.split(['-', '_']).next() {
            Some(language) if language.eq_ignore_ascii_case("de") => &GERMAN,
            Some(_) | None => &ENGLISH,
        }
    }

    /// Who says such words, as far as these tell. The words of a machine count more than a person's among them. Whether
    /// they are the `first` ones after the answer.
    #[must_use]
    pub fn speaker(&self, text: &str, first: bool) -> Option<Speaker> {
        let heard = words(text);
        let greeting = heard.iter().take_while(|word| self.greeting.anywhere.contains(&word.as_str())).count();
        let opening = if first { &heard[greeting..] } else { &[] };
        let is_of = |phrases: &Phrases| {
            any_said(&heard, &phrases.anywhere) || phrases.first.iter().any(|pattern| begins(opening, pattern))
        };
        if is_of(&self.screening) {
            Some(Speaker::Screening)
        } else if is_of(&self.menu) {
            Some(Speaker::Menu)
        } else if is_of(&self.person) {
            Some(Speaker::Person)
        } else if is_of(&self.machine) {
            Some(Speaker::Machine)
        } else {
            (heard.len() <= FEW_WORDS && is_of(&self.hello)).then_some(Speaker::Hello)
        }
    }

    /// What the words that somebody begins with say of who it is.
    pub(super) fn opening(&self, text: &str) -> Odds {
        self.openings.weigh(&words(text))
    }

    /// Whether a mailbox greets with such [`words`], whenever they are said.
    #[must_use]
    pub fn greets(&self, heard: &[String]) -> bool {
        any_said(heard, &self.machine.anywhere)
    }

    /// Whether a service asks with such [`words`] who calls and why, whenever they are said.
    #[must_use]
    pub fn asks(&self, heard: &[String]) -> bool {
        any_said(heard, &self.screening.anywhere)
    }

    /// Lines before the first section, and sections that nobody asks for, are left out; the test sees that there are none.
    fn read(text: &'static str) -> Self {
        let (mut book, mut section) = (Self::default(), "");
        for line in lines(text) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name;
            } else if let Some(list) = book.section(section) {
                match line.strip_prefix("^ ") {
                    Some(first) => list.first.push(first),
                    None => list.anywhere.push(line),
                }
            }
        }
        book
    }

    fn section(&mut self, name: &str) -> Option<&mut Phrases> {
        Some(match name {
            "machine" => &mut self.machine,
            "screening" => &mut self.screening,
            "menu" => &mut self.menu,
            "person" => &mut self.person,
            "hello" => &mut self.hello,
            "greeting" => &mut self.greeting,
            _ => return None,
        })
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_books_is_read_and_can_be_said() {
        for text in [include_str!("phrases/en.txt"), include_str!("phrases/de.txt")] {
            let mut book = PhraseBook::read(text);
            let mut sections = 0;
            for line in lines(text) {
                if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                    sections += 1;
                    assert!(book.section(name).is_some_and(|list| !list.anywhere.is_empty()), "{line}");
                    continue;
                }
                // Written as what is heard is written, or it would never be found.
                let pattern = line.strip_prefix("^ ").unwrap_or(line);
                let parts = pattern.split(' ').flat_map(|part| part.trim_end_matches('?').split('|'));
                for part in parts.filter(|part| *part != "*") {
                    assert_eq!(words(part), [part], "{line}");
                }
            }
            assert_eq!(sections, 6);
        }
    }

    #[test]
    fn words_tell_who_speaks() {
        let cases = [
            ("en-US", "Hello?", Some(Speaker::Hello)),
            ("en", "Yes?", Some(Speaker::Hello)),
            ("en", "Riverside clinic, Anna speaking. How can I help you?", Some(Speaker::Person)),
            ("en", "Hello, you have reached the voicemail of Anna", Some(Speaker::Machine)),
            ("en", "Hi, this is Dave. I can't come to the phone right now", Some(Speaker::Machine)),
            ("en", "If you record your name and reason for calling", Some(Speaker::Screening)),
            ("en", "For sales, press one.", Some(Speaker::Menu)),
            ("en", "Peter Miller", None),
            ("de-AT", "Ja, hallo?", Some(Speaker::Hello)),
            ("de", "Praxis Weber, mein Name ist Klein, was kann ich für Sie tun?", Some(Speaker::Person)),
            ("de", "Der gewünschte Gesprächspartner ist zurzeit nicht erreichbar", Some(Speaker::Machine)),
            ("de", "Für den Verkauf drücken Sie bitte die 1", Some(Speaker::Menu)),
            ("de", "Bitte nennen Sie Ihren Namen und den Grund Ihres Anrufs", Some(Speaker::Screening)),
        ];
        for (tag, text, expected) in cases {
            assert_eq!(PhraseBook::of(tag).speaker(text, true), expected, "{text}");
        }
    }

    #[test]
    fn what_a_machine_begins_with_is_a_persons_later() {
        let book = PhraseBook::of("en");
        for text in ["Hi, sorry I missed", "The person you are trying", "This is Dave, I'm away"] {
            assert_eq!(book.speaker(text, true), Some(Speaker::Machine), "{text}");
            assert_ne!(book.speaker(text, false), Some(Speaker::Machine), "{text}");
            assert!(!book.greets(&words(text)), "{text}: nobody is hung up on for it");
        }
        for text in
            ["I can't hear you", "Sorry, I can't talk now", "We're not interested", "The person you are calling is"]
        {
            assert_ne!(book.speaker(text, true), Some(Speaker::Machine), "{text}");
        }
    }
}
