//! Callers, recognisers, models, voices, tools and transfers drawn at random. What must hold at any time is checked by
//! [`World`] as the call goes: the model is told what was heard and nothing else, one reply is open at a time, every call
//! of a tool is answered, nothing follows the end, and nobody waits in silence for us.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::tools::OFFICE;
use super::world::{Answer, CONTINUOUS, DETECTS, World, ms};
use crate::agent::conversation::*;
use crate::agent::transfer::TransferFailure;
use crate::pii::Pii;
use crate::provider::stt::Manner;

const SEEDS: u64 = 200;
const MANNERS: [Manner; 3] = [CONTINUOUS, DETECTS, Manner::TURN_BY_TURN];

const CALLER: [&str; 12] = [
    "yes please",
    "mhm",
    "okay yeah",
    "no",
    "",
    "I would like a room for two nights",
    "wait a moment",
    "my number is five five six",
    "can I talk to a person",
    "and what about breakfast",
    "hello",
    "goodbye",
];

const TOOLS: [(&str, &str); 8] = [
    ("book", r#"{"nights":2}"#),
    ("look", "{}"),
    ("transfer", r#"{"to":"reception"}"#),
    ("collect_digits", r#"{"max_digits":4}"#),
    ("send_dtmf", r#"{"digits":"1w2"}"#),
    ("record_answer", r#"{"question":"nights","answer":"two"}"#),
    ("schedule_callback", r#"{"when":"PT2H"}"#),
    ("look", "no json"),
];

fn answer(dice: &mut StdRng) -> Answer {
    const TEXTS: [&str; 5] = [
        "Certainly.",
        "We open at nine. Breakfast is from seven to ten, on the ground floor. Is there anything else?",
        "That would be forty pounds a night, and the room is on the second floor, with a view of the garden.",
        "One moment please. I will see to it.",
        "",
    ];
    let text = TEXTS[dice.random_range(0..TEXTS.len())];
    let mut answer = match dice.random_range(0..12) {
        0 => Answer::fails(text, dice.random_range(0..6)),
        1 => Answer::hangs(text, dice.random_range(0..6)),
        _ => Answer::says(text),
    };
    for _ in 0..[0, 0, 0, 1, 1, 2][dice.random_range(0..6)] {
        let (name, arguments) = TOOLS[dice.random_range(0..TOOLS.len())];
        answer = answer.and_calls(name, arguments);
    }
    if dice.random_range(0..25) == 0 {
        answer = answer.and_calls("end_call", "{}");
    }
    let late = if dice.random_range(0..6) == 0 { 3_000 } else { 800 };
    answer.after(ms(dice.random_range(50..late)))
}

fn transfer(dice: &mut StdRng) -> Vec<(Duration, TransferNews)> {
    let ringing = dice.random_range(100..2_000);
    let over = ringing + dice.random_range(100..8_000);
    let news = match dice.random_range(0..6) {
        0 => TransferNews::Done,
        1 => TransferNews::Failed(TransferFailure::Declined),
        2 => TransferNews::Failed(TransferFailure::Voicemail),
        3 => TransferNews::Failed(TransferFailure::NoAnswer),
        _ => TransferNews::Failed(TransferFailure::Broken),
    };
    vec![(ms(ringing), TransferNews::Ringing), (ms(over), news)]
}

fn one_call(seed: u64) -> World {
    let mut dice = StdRng::seed_from_u64(seed);
    let manner = MANNERS[dice.random_range(0..MANNERS.len())];
    let knows = dice.random_range(0..2) == 0;
    let knowledge = r#"{ "knowledge": ["01990000-0000-7abc-8def-0123456789ab"], "name""#;
    let mut world =
        World::ringing(&if knows { OFFICE.replacen("{ \"name\"", knowledge, 1) } else { OFFICE.to_owned() });
    world.found.0 = (dice.random_range(0..4) > 0).then(|| ms(dice.random_range(0..90)));
    world.judges = dice.random_range(0..2) == 0;
    world.ears.lag = ms(dice.random_range(40..300));
    world.ears.answer = Some(ms(dice.random_range(20..400)));
    world.ears.twice = dice.random_range(0..4) == 0;
    world.voice_delay = Some(ms(dice.random_range(40..700)));
    for tool in ["book", "look", "schedule_callback"] {
        let delay = (dice.random_range(0..8) > 0).then(|| ms(dice.random_range(10..6_000)));
        world.tools.insert(tool.to_owned(), (delay, r#"{"ok":true}"#.to_owned()));
    }
    world.rings(manner, ms(dice.random_range(0..3_000)));
    for _ in 0..dice.random_range(0..50) {
        if world.ended.is_some() {
            break;
        }
        step(&mut world, &mut dice);
    }
    world.give(Input::Muted(false));
    world.answers.clear();
    world.waits_for_end();
    world
}

fn step(world: &mut World, dice: &mut StdRng) {
    if dice.random_range(0..2) == 0 {
        world.answers.push_back(answer(dice));
    }
    if world.transfer.is_empty() {
        world.transfer = transfer(dice);
    }
    match dice.random_range(0..24) {
        0..=8 => {
            world.says(CALLER[dice.random_range(0..CALLER.len())]);
            world.pass(ms(dice.random_range(100..3_000)));
        }
        9 | 10 => world.voice("", ms(dice.random_range(40..1_500))),
        11 | 12 => world.types(["1", "12#", "4455", "*"][dice.random_range(0..4)]),
        13 => world.failing_utterances = dice.random_range(0..2),
        14 => world.give(Input::Note(Pii::new("Offer breakfast.".to_owned()))),
        15 => world.give(Input::Muted(dice.random_range(0..3) == 0)),
        16 => world.give(Input::OffRecord(dice.random_range(0..2) == 0)),
        17 if dice.random_range(0..6) == 0 => world.give(Input::HungUp { by_callee: true }),
        18 if dice.random_range(0..6) == 0 => world.give(Input::TimeNearlyUp),
        19 if dice.random_range(0..8) == 0 => world.give(Input::RecogniserDead),
        _ => world.pass(ms(dice.random_range(0..5_000))),
    }
}

#[test]
fn two_hundred_calls_at_random_keep_the_rules() {
    let mut endings = BTreeMap::<String, u32>::new();
    let (mut requests, mut runs, mut cuts) = (0, 0, 0);
    let mut broken = Vec::new();
    for seed in 0..SEEDS {
        let Ok(world) = std::panic::catch_unwind(|| one_call(seed)) else {
            broken.push(seed);
            continue;
        };
        requests += world.requests.len();
        runs += world.count(|action| matches!(action, Action::RunTool { .. }));
        cuts += world.count(|action| matches!(action, Action::StopSpeaking { .. }));
        let outcome = world.conversation.outcome();
        assert_eq!(world.count(|action| matches!(action, Action::End(_))), 1, "seed {seed}");
        for turn in &outcome.turns {
            assert!(turn.decided <= turn.understood && turn.understood <= turn.replied, "seed {seed}: {turn:?}");
        }
        let ending = format!("{:?}", outcome.ending.as_ref().expect("it ended"));
        *endings.entry(ending.split([' ', '{']).next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(broken.is_empty(), "these seeds break a rule: {broken:?}");
    assert!(endings.len() >= 6, "the calls are varied: {endings:?}");
    assert!(requests > 800 && runs > 150 && cuts > 300, "they talk: {requests} {runs} {cuts} {endings:?}");
}

#[test]
fn a_call_with_a_model_is_the_same_every_time() {
    for seed in 0..10 {
        assert_eq!(one_call(seed).story(), one_call(seed).story(), "seed {seed}");
    }
}
