//! Who says what when a phone is answered, in three parts with voices, sentences and noises of their own. The detector is
//! tuned on [`TRAINING`] and judged by [`HELD_OUT`]; [`VALIDATION`] was held out before it.

mod held_out;
mod training;
mod validation;

use crate::sounds::{Bang, Tune};

pub(crate) use held_out::HELD_OUT;
#[allow(unused_imports, reason = "only the bench does")]
pub(crate) use training::TRAINING;
#[allow(unused_imports, reason = "only the bench does")]
pub(crate) use validation::VALIDATION;

/// Voices, sentences and noises.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    /// English and German.
    pub(crate) tongues: [Tongue; 2],
    pub(crate) bangs: &'static [Bang],
    pub(crate) tunes: &'static [Tune],
}

/// What is said in one language.
pub(crate) struct Tongue {
    pub(crate) tag: &'static str,
    pub(crate) voices: &'static [&'static str],
    /// What the agent says, and others in the background.
    pub(crate) agent: &'static [&'static str],
    pub(crate) hellos: &'static [&'static str],
    pub(crate) names: &'static [&'static str],
    pub(crate) companies: &'static [&'static str],
    /// Receptionists who name the house, themselves and an offer.
    pub(crate) receptions: &'static [&'static str],
    /// In parts, with pauses between; and who begins otherwise than with a greeting.
    pub(crate) hesitant: &'static [&'static [&'static str]],
    /// What people say next.
    pub(crate) replies: &'static [&'static str],
    /// Sentences with pauses between.
    pub(crate) mailboxes: &'static [&'static [&'static str]],
    pub(crate) screenings: &'static [&'static [&'static str]],
    pub(crate) menus: &'static [&'static [&'static str]],
}

/// What must not be in two parts, list by list: a "Hello." of people is another one than a mailbox's.
#[test]
fn nothing_is_in_two_parts() {
    let whole = |lists: &[&'static [&'static str]]| lists.iter().flat_map(|list| list.iter().copied()).collect();
    for (one, other) in [(&TRAINING, &VALIDATION), (&TRAINING, &HELD_OUT), (&VALIDATION, &HELD_OUT)] {
        for (a, b) in one.tongues.iter().zip(&other.tongues) {
            let all = |t: &Tongue| -> [Vec<&'static str>; 9] {
                let alone = [t.voices, t.agent, t.hellos, t.names, t.companies, t.receptions].map(|list| list.to_vec());
                let [voices, agent, hellos, names, companies, receptions] = alone;
                let [mailboxes, screenings, menus] = [t.mailboxes, t.screenings, t.menus].map(whole);
                [voices, agent, hellos, names, companies, receptions, mailboxes, screenings, menus]
            };
            for (a, b) in all(a).iter().zip(&all(b)) {
                let both = a.iter().filter(|text| b.contains(text));
                assert_eq!(both.collect::<Vec<_>>(), Vec::<&&str>::new(), "{} and {}", one.name, other.name);
            }
        }
        assert!(one.bangs.iter().all(|bang| !other.bangs.contains(bang)));
        assert!(one.tunes.iter().all(|tune| !other.tunes.contains(tune)));
    }
}
