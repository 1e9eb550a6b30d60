//! How greetings begin: what each further word says for a machine, a service that screens or a menu, against a person.
//!
//! A table for each language, written by `tests/callee/openings/openings.py` from sentences as they are commonly said. A
//! row is one to three words and what the last of them says after those before it; the longest row that fits counts. Names
//! and other words that the table does not have are all one word to it.

use std::collections::HashMap;

/// Before the first word.
const START: &str = "<";
/// A word that the table does not have.
const OTHER: &str = "_";
/// Words in a row.
const ROW: usize = 3;
/// So many words are the beginning; what comes behind them says no more.
const BEGINNING: usize = 16;

/// What speaks for each kind of machine against a person: natural logarithms of how much likelier it makes them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Odds {
    pub(super) machine: f32,
    pub(super) screening: f32,
    pub(super) menu: f32,
}

/// The table of one language.
#[derive(Debug, Default)]
pub(super) struct Openings {
    rows: HashMap<&'static str, Odds>,
}

impl Openings {
    /// Lines of one to three words and three numbers; others are left out, and the test sees that there are none.
    pub(super) fn read(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { rows: lines.filter_map(row).collect() }
    }

    /// What the first [`words`](crate::words::words) of somebody say of who it is.
    pub(super) fn weigh(&self, heard: &[String]) -> Odds {
        let known = heard.iter().take(BEGINNING).map(|word| match self.rows.contains_key(word.as_str()) {
            true => word.as_str(),
            false => OTHER,
        });
        let all: Vec<&str> = [START; ROW - 1].into_iter().chain(known).collect();
        all.windows(ROW).filter_map(|last| self.longest(last)).fold(Odds::default(), |sum, word| Odds {
            machine: sum.machine + word.machine,
            screening: sum.screening + word.screening,
            menu: sum.menu + word.menu,
        })
    }

    fn longest(&self, words: &[&str]) -> Option<Odds> {
        (0..words.len()).find_map(|from| self.rows.get(words[from..].join(" ").as_str())).copied()
    }
}

fn row(line: &'static str) -> Option<(&'static str, Odds)> {
    let mut parts = line.rsplitn(4, ' ');
    let mut number = || parts.next()?.parse().ok().map(|hundredths: i16| f32::from(hundredths) / 100.0);
    let (menu, screening, machine) = (number()?, number()?, number()?);
    Some((parts.next()?, Odds { machine, screening, menu }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    const TABLES: [&str; 2] = [include_str!("openings/en.txt"), include_str!("openings/de.txt")];

    #[test]
    fn every_row_is_read_and_can_be_said() {
        for text in TABLES {
            let table = Openings::read(text);
            assert_eq!(table.rows.len(), text.lines().filter(|line| !line.starts_with('#')).count());
            for row in table.rows.keys() {
                let count = row.split(' ').count();
                assert!((1..=ROW).contains(&count), "{row}");
                for word in row.split(' ').filter(|word| ![START, OTHER].contains(word)) {
                    assert_eq!(words(word), [word], "{row}");
                    assert!(table.rows.contains_key(word), "{row}: a word by itself is known");
                }
            }
        }
    }

    #[test]
    fn no_single_word_says_much_and_names_say_little() {
        for text in TABLES {
            let table = Openings::read(text);
            for (row, odds) in &table.rows {
                assert!(odds.machine.max(odds.screening).max(odds.menu) < 8.0, "{row}: {odds:?}");
            }
        }
        let table = Openings::read(TABLES[0]);
        let odds = |text: &str| table.weigh(&words(text));
        assert_eq!(odds(""), Odds::default());
        assert_eq!(odds("Hello, Zachary"), odds("Hello, Wilhelmina"));
        let endless = "blah ".repeat(10_000);
        assert_eq!(odds(&endless), odds(&"blah ".repeat(BEGINNING)));
    }

    #[test]
    fn greetings_are_weighed_as_they_grow() {
        let [english, german] = TABLES.map(Openings::read);
        let machine = |table: &Openings, text: &str| table.weigh(&words(text)).machine;
        for text in ["Hello, this is Dave", "Hello, who is this", "Riverside clinic, Anna speaking", "Peter Miller"] {
            assert!(machine(&english, text) < 2.0, "{text}: {}", machine(&english, text));
        }
        for (less, more) in
            [("you have reached", "you have reached the voicemail"), ("hi, this is", "hi, this is Dave, I can't")]
        {
            assert!(machine(&english, more) > machine(&english, less), "{more}");
        }
        for text in ["Müller", "Hier ist Sabine", "Praxis Weber, guten Tag"] {
            assert!(machine(&german, text) < 2.0, "{text}: {}", machine(&german, text));
        }
        assert!(machine(&german, "Hier ist die Mailbox") > 3.0);
    }
}
