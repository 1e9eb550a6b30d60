//! Callers drawn at random. What must hold for every one of them is asserted by [`Phone`] as the call goes and here at
//! its end.

use super::phone::{MUMBLE, NOISE, Phone, ms};
use crate::agent::conversation::*;

const SURVEY: &str = include_str!("../../flow/fixtures/survey.json");
const SEEDS: u64 = 400;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

const WORDS: [&str; 14] = [
    "yes",
    "no",
    "no thanks",
    "in the morning",
    "evening please",
    MUMBLE,
    MUMBLE,
    NOISE,
    NOISE,
    "hello",
    "pardon",
    "none of your business",
    "goodbye",
    "well yes no",
];

fn one_call(seed: u64) -> Phone {
    let mut dice = Dice(seed);
    let mut phone = Phone::ringing(SURVEY, &[]);
    phone.synthesis = Some(ms(10 + dice.roll(600)));
    phone.recognition = Some(ms(20 + dice.roll(400)));
    phone.pass(ms(dice.roll(3_000)));
    phone.answer();
    for _ in 0..dice.roll(40) {
        match dice.roll(16) {
            0..=5 => {
                let words = WORDS[usize::try_from(dice.roll(14)).expect("small")];
                phone.voice(words, ms(60 + dice.roll(1_500)));
                phone.pass(ms(250 + dice.roll(700)));
            }
            6 | 7 => {
                let key = char::from(b"0123456789*#"[usize::try_from(dice.roll(12)).expect("small")]);
                phone.types(&key.to_string());
            }
            8..=12 => phone.pass(ms(dice.roll(6_000))),
            13 if dice.roll(8) == 0 => phone.hangs_up(),
            13 if dice.roll(8) == 0 => phone.give(Input::Detected(Party::Machine)),
            13 if dice.roll(8) == 0 => phone.give(Input::TimeNearlyUp),
            14 if dice.roll(6) == 0 => phone.recognition = None,
            15 if dice.roll(12) == 0 => phone.synthesis = None,
            _ => phone.pass(ms(200)),
        }
    }
    phone.waits_for_end();
    phone
}

#[test]
fn every_call_ends_and_every_question_has_one_status() {
    let mut endings = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..SEEDS {
        let phone = std::panic::catch_unwind(|| one_call(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        let outcome = phone.conversation.outcome();
        let names: Vec<_> = outcome.answers.iter().map(|answer| answer.name.as_str()).collect();
        let path = ["interest", "time", "party", "remark"];
        assert!(path.starts_with(&names), "seed {seed}: {names:?}");
        for answer in &outcome.answers {
            let answered = answer.status == AnswerStatus::Answered;
            assert_eq!(answered, answer.value.is_some(), "seed {seed}: {answer:?}");
            assert!((1..=3).contains(&answer.attempts), "seed {seed}: {answer:?}");
        }
        let asked = phone.log.iter().filter(|(_, action)| matches!(action, Action::Answered(_))).count();
        assert_eq!(asked, outcome.answers.len(), "seed {seed}");
        let turns: Vec<_> = phone
            .log
            .iter()
            .filter_map(|(_, action)| match action {
                Action::Listen { turn, .. } => Some(*turn),
                _ => None,
            })
            .collect();
        assert!(turns.is_sorted(), "seed {seed}: {turns:?}");
        assert!(outcome.turns.iter().all(|turn| turn.decided <= turn.understood && turn.understood <= turn.replied));
        assert_eq!(phone.conversation.poll_timeout(), None, "seed {seed}");
        let ending = format!("{:?}", outcome.ending.as_ref().expect("it ended"));
        *endings.entry(ending.split([' ', '{']).next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(endings.len() >= 6, "the callers are varied: {endings:?}");
}

#[test]
fn a_call_is_the_same_every_time() {
    for seed in 0..20 {
        let log = |phone: Phone| phone.log.iter().map(|(at, action)| format!("{at:?} {action:?}")).collect::<Vec<_>>();
        assert_eq!(log(one_call(seed)), log(one_call(seed)), "seed {seed}");
    }
}
