//! A flow guides a model that talks in its own words.

use super::world::{Answer, CONTINUOUS, World};
use crate::agent::conversation::*;

const SURVEY: &str = r#"{ "name": "Survey", "mode": "llm",
    "greeting": "Hello, this is a survey, how can I help you?",
    "prompt": "You ask shops about their hours.",
    "providers": { "stt": ["ear"], "llm": ["brain"], "tts": ["mouth"] },
    "tools": [ { "kind": "builtin", "name": "record_answer" }, { "kind": "builtin", "name": "end_call" } ],
    "flow": { "start": "open", "nodes": [
        { "id": "open", "ask": { "text": "Are you open on Sundays?", "answer": { "kind": "yes_no" }, "next": "is_open" } },
        { "id": "is_open", "branch": { "on": "open", "cases": [{ "is": "yes", "next": "since" }], "otherwise": "bye" } },
        { "id": "since", "ask": { "text": "Since which year?", "answer": { "kind": "number", "min_digits": 4, "max_digits": 4 }, "next": "good" } },
        { "id": "good", "mark_success": { "next": "bye" } },
        { "id": "bye", "end": { "text": "Thank you.", "reason": "asked" } } ] } }"#;

fn records(question: &str, answer: &str) -> Answer {
    Answer::calls("", "record_answer", &format!(r#"{{"question":"{question}","answer":"{answer}"}}"#))
}

/// The last thing that the plan told the model.
fn goal(world: &World) -> String {
    let told = world.context().into_iter().rev().find(|line| line.contains("Next: "));
    told.unwrap_or_else(|| panic!("nothing was told: {:?}", world.context()))
}

#[test]
fn the_plan_moves_on_with_what_the_model_writes_down() {
    let mut world = World::greeted(SURVEY, CONTINUOUS);
    world.answers.push_back(records("open", "yes"));
    world.answers.push_back(Answer::says("How nice. And since when?"));
    world.says("yes we are open on sundays");
    world.hears_out("since when");
    assert!(goal(&world).contains("Since which year?"), "the branch was taken by the flow: {}", goal(&world));
    world.answers.push_back(records("since", "1999"));
    world.answers.push_back(Answer::calls("Thank you, goodbye.", "end_call", r#"{"reason":"asked"}"#));
    world.says("since nineteen ninety nine");
    let ending = world.waits_for_end();
    assert_eq!(ending, Ending::Completed { reason: "asked".to_owned() });
    assert!(goal(&world).contains("call `end_call` with reason `asked`"), "{}", goal(&world));
    let outcome = world.conversation.outcome();
    assert!(outcome.flow_completed);
    let answers =
        outcome.answers.iter().map(|answer| (answer.name.as_str(), answer.value.as_ref().and_then(|v| v.text())));
    assert_eq!(answers.collect::<Vec<_>>(), [("open", Some("yes")), ("since", Some("1999")), ("success", Some("yes"))]);
}

#[test]
fn what_is_not_asked_now_leaves_the_plan_where_it_is() {
    let mut world = World::greeted(SURVEY, CONTINUOUS);
    world.answers.push_back(records("since", "1999"));
    world.answers.push_back(Answer::says("And are you open on Sundays?"));
    world.says("we have been here since nineteen ninety nine");
    world.hears_out("on Sundays");
    assert!(!world.context().iter().any(|line| line.contains("Next: ") && line.contains("end_call")));
    world.answers.push_back(records("open", "yes"));
    world.answers.push_back(Answer::says("Thank you."));
    world.says("yes");
    world.hears_out("Thank you");
    assert!(goal(&world).contains("end_call"), "the year is known already: {}", goal(&world));
    assert!(world.conversation.outcome().flow_completed);
}
