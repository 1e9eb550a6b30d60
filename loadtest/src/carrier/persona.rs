//! Who answers the phone: the people, machines and faults a carrier's callee can be.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

macro_rules! personas {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// How a callee behaves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Persona {
            $($(#[$doc])* $name,)*
        }

        impl Persona {
            /// Every persona, in the order of this file.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in options, files and the log.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

personas! {
    /// Answers every yes/no question with yes and takes part in the rest.
    SaysYes = "says_yes";
    /// Answers every yes/no question with no and takes part in the rest.
    SaysNo = "says_no";
    /// Says yes or no by chance and names one of the offered choices in a sentence.
    Chooses = "chooses";
    /// Mumbles at the first question and answers when asked again.
    Mumbles = "mumbles";
    /// Says something that answers no question, then answers when asked again.
    Strays = "strays";
    /// Answers while the question is still being asked.
    Interrupts = "interrupts";
    /// Answers everything with the keypad.
    Presses = "presses";
    /// Answers and ends the call within two seconds.
    HangsUp = "hangs_up";
    /// Answers and never says a word.
    Silent = "silent";
    /// Engaged at the first call (486), answers the next one like `says_yes`.
    Busy = "busy";
    /// Lets it ring for ever.
    NoAnswer = "no_answer";
    /// Rejects the call while it rings (603).
    Declines = "declines";
    /// The number does not exist (404).
    Invalid = "invalid";
    /// The call is refused as unwanted (607).
    Spam = "spam";
    /// A voicemail box: a greeting, a beep, then it listens.
    Voicemail = "voicemail";
    /// The carrier is overloaded at the first call (503 with Retry-After), then the callee answers like `says_yes`.
    Unavailable = "unavailable";
    /// The carrier fails at every call to this number (500), before anything rings.
    Fails = "fails";
    /// Answers, speaks, then vanishes: no more RTP and no answer to anything.
    Drops = "drops";
}

impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no persona.
#[derive(Debug, thiserror::Error)]
#[error("no persona is called '{0}'; there are: {all}", all = names())]
pub(crate) struct UnknownPersona(String);

fn names() -> String {
    Persona::ALL.iter().map(|persona| persona.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Persona {
    type Err = UnknownPersona;

    fn from_str(text: &str) -> Result<Self, UnknownPersona> {
        let found = Self::ALL.iter().find(|persona| persona.name() == text);
        found.copied().ok_or_else(|| UnknownPersona(text.to_owned()))
    }
}

/// Which persona answers which number: an explicit table first, else drawn from a weighted mix by number and seed, so that
/// the same number meets the same persona in every run with that seed.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    table: BTreeMap<String, Persona>,
    mix: Vec<(Persona, u32)>,
    seed: u64,
}

impl Population {
    /// A population; an empty mix means that every persona is equally likely.
    pub(crate) fn new(table: BTreeMap<String, Persona>, mix: Vec<(Persona, u32)>, seed: u64) -> Self {
        let even = || Persona::ALL.iter().map(|persona| (*persona, 1)).collect();
        let mix = if mix.iter().any(|(_, weight)| *weight > 0) { mix } else { even() };
        Self { table, mix, seed }
    }

    /// The persona behind a dialed number.
    pub(crate) fn persona(&self, number: &str) -> Persona {
        if let Some(persona) = self.table.get(number) {
            return *persona;
        }
        let total: u32 = self.mix.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.rng(number, 0).random_range(0..total);
        for (persona, weight) in &self.mix {
            if draw < *weight {
                return *persona;
            }
            draw -= weight;
        }
        self.mix.first().map_or(Persona::SaysYes, |(persona, _)| *persona)
    }

    /// The randomness of the `nth` call to a number: the same in every run with the same seed.
    pub(crate) fn rng(&self, number: &str, nth: u32) -> StdRng {
        // FNV-1a: spreads neighbouring numbers; nothing here needs to be hard to guess.
        let hash = number
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut rng = StdRng::seed_from_u64(hash ^ self.seed.rotate_left(17) ^ (u64::from(nth) << 48));
        rng.next_u64();
        rng
    }
}

/// Parses `says_yes=8,busy=1`.
pub(crate) fn parse_mix(text: &str) -> Result<Vec<(Persona, u32)>, String> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let persona = name.trim().parse::<Persona>().map_err(|error| error.to_string())?;
            let weight =
                weight.trim().parse::<u16>().map_err(|_| format!("'{weight}' is not a weight from 0 to 65535"))?;
            Ok((persona, u32::from(weight)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_meets_the_same_persona_in_every_run_with_a_seed() {
        let mix = parse_mix("says_yes=3, busy=1").expect("valid");
        let population = |seed| Population::new(BTreeMap::new(), mix.clone(), seed);
        let drawn = |seed| (0..400).map(|i| population(seed).persona(&format!("+49301{i:04}"))).collect::<Vec<_>>();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let busy = drawn(7).iter().filter(|persona| **persona == Persona::Busy).count();
        assert!((60..140).contains(&busy), "a quarter of 400 should be busy, got {busy}");
    }

    #[test]
    fn the_table_comes_before_the_mix() {
        let table = BTreeMap::from([("+4930100".to_owned(), Persona::Spam)]);
        let population = Population::new(table, vec![(Persona::Silent, 1)], 1);
        assert_eq!(population.persona("+4930100"), Persona::Spam);
        assert_eq!(population.persona("+4930101"), Persona::Silent);
    }

    #[test]
    fn unknown_personas_are_named() {
        let error = parse_mix("says_yes,grumpy=2").expect_err("no such persona");
        assert!(error.contains("'grumpy'") && error.contains("says_no"), "{error}");
    }
}
