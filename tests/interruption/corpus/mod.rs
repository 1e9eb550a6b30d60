//! Who says what over whom. The first two sets were used to build the detector, the third one never: other voices, other
//! sentences, other remarks, other noises made in other ways.

mod built_on;
mod held_before;
mod held_out;

pub(crate) use self::built_on::BUILT_ON;
pub(crate) use self::held_before::HELD_BEFORE;
pub(crate) use self::held_out::HELD_OUT;

use crate::sounds::{Bang, Throat, Tune};

/// Voices, sentences and noises.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    /// Callers.
    pub(crate) voices: &'static [&'static str],
    pub(crate) agents: &'static [&'static str],
    /// What the agent says meanwhile.
    pub(crate) monologues: &'static [&'static str],
    /// Said by somebody who wants the word.
    pub(crate) interruptions: &'static [&'static str],
    /// A word of command and nothing behind it.
    pub(crate) commands: &'static [&'static str],
    /// Said by somebody who listens: what it sounds like, and what a recogniser writes. Frequent ones stand more often.
    pub(crate) remarks: &'static [(&'static str, &'static str)],
    pub(crate) throats: &'static [Throat],
    pub(crate) bangs: &'static [Bang],
    pub(crate) tunes: &'static [Tune],
}

/// What must not be in two sets.
#[test]
fn nothing_that_was_built_on_is_held_out() {
    fn shared<T: PartialEq + Copy>(a: &[T], b: &[T]) -> Vec<T> {
        a.iter().copied().filter(|one| b.contains(one)).collect()
    }
    let callers_and_agents = |corpus: &Corpus| [corpus.voices, corpus.agents].concat();
    // The variant after the "+" makes the voice; the plain voice of a dialect is one of its own.
    let made_by = |corpus: &Corpus| -> Vec<&str> {
        callers_and_agents(corpus).into_iter().map(|voice| voice.split('+').next_back().unwrap_or(voice)).collect()
    };
    let sounds = |corpus: &Corpus| corpus.remarks.iter().map(|(sound, _)| *sound).collect::<Vec<_>>();
    for (a, b) in [(&BUILT_ON, &HELD_BEFORE), (&BUILT_ON, &HELD_OUT), (&HELD_BEFORE, &HELD_OUT)] {
        assert_eq!(shared(&made_by(a), &made_by(b)), [""; 0]);
        assert_eq!(shared(a.monologues, b.monologues), [""; 0]);
        assert_eq!(shared(a.interruptions, b.interruptions), [""; 0]);
        assert_eq!(shared(a.commands, b.commands), [""; 0]);
        assert_eq!(shared(&sounds(a), &sounds(b)), [""; 0]);
        assert_eq!(shared(a.throats, b.throats), []);
        assert_eq!(shared(a.bangs, b.bangs), []);
        assert_eq!(shared(a.tunes, b.tunes), []);
    }
}
