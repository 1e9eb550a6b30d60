//! What the assistant knows, looked up for the caller's turns.

use super::world::{Answer, CONTINUOUS, DETECTS, World, ms};
use crate::agent::conversation::*;
use crate::agent::knowledge::Passage;
use crate::id::KnowledgeId;
use crate::pii::Pii;

/// A front desk that looks up what fits.
pub(super) const LIBRARY: &str = r#"{ "name": "Desk", "mode": "llm",
    "greeting": "Hello, this is the front desk, how can I help you?",
    "prompt": "You are the front desk of a hotel.",
    "knowledge": ["01990000-0000-7abc-8def-0123456789ab"],
    "lookup": { "passages": 2 },
    "providers": { "stt": ["ear"], "llm": ["brain"], "tts": ["mouth"] },
    "tools": [{ "kind": "http", "name": "search_knowledge", "description": "Searches.", "url": "https://hotel.example/" }] }"#;

fn passage(heading: &str, text: &str) -> Passage {
    Passage {
        source: KnowledgeId::from_u128(1),
        title: "House".to_owned(),
        heading: heading.to_owned(),
        seq: 0,
        text: Pii::new(text.to_owned()),
    }
}

fn library(manner: crate::provider::stt::Manner) -> World {
    let mut world = World::greeted(LIBRARY, manner);
    let passages = ["Breakfast", "Pool", "Dogs"].map(|heading| passage(heading, &format!("{heading} until ten.")));
    world.found = (Some(ms(10)), Some(passages.to_vec()));
    world
}

fn lines(world: &World) -> Vec<Line> {
    let transcript = &world.conversation.outcome().transcript;
    transcript.iter().filter(|line| line.speaker == Speaker::Agent).cloned().collect()
}

fn turn(world: &World, number: usize) -> (Option<LookUp>, Option<Duration>) {
    let turn = world.conversation.outcome().turns[number];
    (turn.look_up, turn.looked_up)
}

#[test]
fn passages_are_before_the_model_for_one_turn_and_named_in_the_transcript() {
    let mut world = library(CONTINUOUS);
    world.says("when is breakfast served here");
    world.hears_out("close at six");
    let context = world.context();
    let (found, last) = (&context[context.len() - 2], &context[context.len() - 1]);
    assert_eq!(last, "user: when is breakfast served here");
    assert!(found.starts_with("system: Looked up"), "{found}");
    assert!(found.contains("Breakfast until ten.") && found.contains("Pool until ten."), "{found}");
    assert!(!found.contains("Dogs"), "two were asked for: {found}");
    assert_eq!(lines(&world)[0].passages, Vec::<String>::new(), "the greeting is drawn from nothing");
    assert_eq!(lines(&world)[1].passages, ["House › Breakfast", "House › Pool"]);
    let (how, at) = turn(&world, 0);
    assert_eq!(how, Some(LookUp::Found));
    assert!(at.is_some_and(|at| at > ms(200) && at < ms(1_000)), "{at:?}");

    world.found = (Some(ms(10)), Some(Vec::new()));
    world.pass(ms(500));
    world.says("and what does it cost me");
    world.hears_out("close at six");
    assert_eq!(world.questions, ["when is breakfast served here", "and what does it cost me"]);
    assert!(world.context().iter().all(|message| !message.contains("Looked up")), "{:?}", world.context());
    assert_eq!(lines(&world)[2].passages, Vec::<String>::new());
    assert_eq!(turn(&world, 1).0, Some(LookUp::Nothing));
}

#[test]
fn a_late_look_up_is_left_out_and_delays_nothing() {
    let replied = |found: (Option<Duration>, Option<Vec<Passage>>)| {
        let mut world = library(CONTINUOUS);
        world.found = found;
        world.says("when is breakfast served here");
        world.hears_out("close at six");
        world.pass(ms(3_000));
        let asked = world.requests.len();
        let turn = world.conversation.outcome().turns[0];
        assert!(world.context().iter().all(|message| !message.contains("Looked up")), "{:?}", world.context());
        assert_eq!(lines(&world)[1].passages, Vec::<String>::new());
        (turn.replied, turn.look_up, asked)
    };
    let late = vec![passage("Breakfast", "Until ten.")];
    let (at_once, how, _) = replied((Some(ms(0)), Some(Vec::new())));
    assert_eq!(how, Some(LookUp::Nothing));
    for found in [(None, None), (Some(ms(51)), Some(late.clone())), (Some(ms(900)), Some(late))] {
        let (replied, how, asked) = replied(found);
        assert_eq!((how, asked), (Some(LookUp::Late), 1));
        assert_eq!(replied, at_once + ms(50), "as long as it may take and no longer");
    }
    let (failed, how, _) = replied((Some(ms(5)), None));
    assert_eq!((how, failed), (Some(LookUp::Failed), at_once + ms(5)));
}

#[test]
fn what_was_found_for_a_prepared_answer_serves_the_one_that_counts() {
    let mut world = library(DETECTS);
    world.says("when is breakfast served here");
    world.hears_out("close at six");
    assert_eq!((world.questions.len(), world.requests.len()), (1, 1), "looked up and asked once");
    assert_eq!(lines(&world)[1].passages.len(), 2);
    assert_eq!(turn(&world, 0).0, Some(LookUp::Found));
}

#[test]
fn more_words_are_looked_up_anew_and_the_turn_may_end_while_it_is_looked_up() {
    let patient = LIBRARY.replace(r#""passages": 2"#, r#""limit_ms": 1000"#);
    let mut world = World::greeted(&patient, DETECTS);
    world.found.0 = Some(ms(700));
    world.says("when is breakfast served");
    while world.questions.is_empty() {
        world.pass(ms(10));
    }
    assert_eq!((world.questions.len(), world.requests.len()), (1, 0), "being looked up\n{}", world.story());
    world.says("on a sunday");
    world.hears_out("close at six");
    assert_eq!(world.questions, ["when is breakfast served", "when is breakfast served on a sunday"]);
    assert_eq!(world.requests.len(), 1);
    assert_eq!(world.count(|action| matches!(action, Action::CancelGeneration { .. })), 0, "nothing was asked for");
    assert_eq!(world.context().last().map(String::as_str), Some("user: when is breakfast served on a sunday"));
}

#[test]
fn tools_and_second_attempts_go_on_with_what_was_found() {
    let mut world = library(CONTINUOUS);
    let text = |name: &str, text: &str| format!(r#"{{"source":"{name}","text":"{text}"}}"#);
    let pool = text("House › Pool", "Pool until ten.");
    let sauna = text("House › Sauna", "Sauna until nine.");
    let result = format!(r#"{{"passages":[{pool},{sauna}]}}"#);
    world.tools.insert("search_knowledge".to_owned(), (Some(ms(200)), result));
    world.answers.push_back(Answer::fails("", 0));
    world.answers.push_back(Answer::calls("", "search_knowledge", r#"{"question":"sauna"}"#));
    world.says("when is the sauna open today");
    world.hears_out("close at six");
    assert_eq!((world.questions.len(), world.requests.len()), (1, 3));
    for request in 0..3 {
        let told = super::world::show(&world.requests[request]);
        assert_eq!(told.iter().filter(|message| message.contains("Looked up")).count(), 1, "{told:?}");
    }
    let tool = world.context().last().cloned().unwrap_or_default();
    assert!(tool.contains("Sauna until nine.") && !tool.contains("Pool"), "nothing twice: {tool}");
    assert_eq!(lines(&world)[1].passages, ["House › Breakfast", "House › Pool", "House › Sauna"]);
}

#[test]
fn nothing_is_looked_up_where_nobody_wants_it() {
    let off = LIBRARY.replace(r#""passages": 2"#, r#""automatic": false"#);
    let empty = LIBRARY.replace(r#""01990000-0000-7abc-8def-0123456789ab""#, "");
    for assistant in [off, empty] {
        let mut world = World::greeted(&assistant, DETECTS);
        world.says("when is breakfast served here");
        world.hears_out("close at six");
        assert_eq!(world.questions, Vec::<String>::new());
        assert_eq!(turn(&world, 0), (None, None));
    }
}

#[test]
fn a_short_turn_is_looked_up_with_the_words_before_it() {
    let mut world = library(CONTINUOUS);
    world.says("when is breakfast served here");
    world.hears_out("close at six");
    world.pass(ms(500));
    world.says("and sundays");
    world.hears_out("close at six");
    assert_eq!(world.questions[1], "and sundays when is breakfast served here");
}
