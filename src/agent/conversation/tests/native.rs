//! A speech-to-speech model leads.

use super::world::{World, ms};
use crate::agent::conversation::*;
use crate::pii::Pii;
use crate::provider::llm::ToolCall;

pub(super) const NATIVE: &str = r#"{ "name": "Desk", "mode": "speech_to_speech", "greeting": "Hello, the front desk.",
    "prompt": "You are the front desk of a hotel.", "providers": { "s2s": "realtime" },
    "tools": [ { "kind": "builtin", "name": "end_call" },
               { "kind": "http", "name": "book", "description": "Books.", "url": "https://hotel.example/book" } ] }"#;

pub(super) fn orders(world: &World) -> Vec<NativeOrder> {
    let orders = world.log.iter().filter_map(|(_, action)| match action {
        Action::Native(order) => Some(order.clone()),
        _ => None,
    });
    orders.collect()
}

pub(super) fn news(world: &mut World, news: NativeNews) {
    world.give(Input::Native(news));
}

/// A call in which the greeting was heard.
fn greeted() -> World {
    let mut world = World::answered(NATIVE, crate::provider::stt::Manner::TURN_BY_TURN);
    world.pass(ms(1_000));
    world.item("a", "Hello, the front desk.", true);
    news(&mut world, NativeNews::Finished);
    world.hears_out("front desk");
    world.pass(ms(500));
    world
}

/// The caller says this, by the model's judgement.
pub(super) fn says(world: &mut World, words: &str) {
    world.caller_begins("", ms(800));
    world.pass(ms(150));
    news(world, NativeNews::CallerStarted);
    world.pass(ms(1_150));
    news(world, NativeNews::CallerStopped);
    world.pass(ms(200));
    news(world, NativeNews::CallerSaid(Pii::new(words.to_owned())));
}

#[test]
fn the_session_is_opened_while_it_rings_and_greets_on_the_answer() {
    let world = greeted();
    let orders = orders(&world);
    assert!(matches!(&orders[0], NativeOrder::Open { tools, instructions }
        if tools.len() == 2 && instructions.expose().starts_with("You are the front desk")));
    assert!(matches!(&orders[1], NativeOrder::Respond { instructions: Some(text) }
        if text.expose().ends_with("Hello, the front desk.")));
    assert_eq!(world.transcript(), ["Agent: Hello, the front desk."]);
}

#[test]
fn turns_are_the_models_and_the_transcript_is_kept() {
    let mut world = greeted();
    says(&mut world, "when do you open");
    world.item("b", "We open at nine.", true);
    news(&mut world, NativeNews::Finished);
    world.hears_out("We open at nine.");
    assert_eq!(
        world.transcript(),
        ["Agent: Hello, the front desk.", "Caller: when do you open", "Agent: We open at nine."]
    );
    let turn = world.conversation.outcome().turns[0];
    assert!(turn.first_audio.is_some() && turn.replied < ms(1_000), "{turn:?}");
}

#[test]
fn an_interruption_is_cut_to_the_word_in_transcript_and_vendor() {
    let mut world = greeted();
    says(&mut world, "when do you open");
    world.item("b", "We open at nine and close at six.", true);
    world.hears_word("nine", ms(300));
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(100));
    assert!(!world.is_heard());
    let orders = orders(&world);
    let cut = orders.iter().rev().find_map(|order| match order {
        NativeOrder::Truncate { item, heard } => Some((item.clone(), *heard)),
        _ => None,
    });
    assert!(orders.contains(&NativeOrder::Cancel));
    let (item, heard) = cut.expect("it was truncated");
    assert_eq!(item, "b");
    assert_eq!(heard, ms(11 * 50 + 300 + 15), "what left, the fade included");
    assert_eq!(world.transcript().last().map(String::as_str), Some("Agent: We open at nine…"));
}

#[test]
fn an_answer_that_was_never_heard_is_truncated_to_nothing() {
    let mut world = greeted();
    says(&mut world, "when do you open");
    world.item("b", "We open at nine.", true);
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(100));
    assert!(orders(&world).contains(&NativeOrder::Truncate { item: "b".to_owned(), heard: ms(0) }));
    world.item("b", " And so on.", true);
    world.pass(ms(500));
    assert!(!world.is_heard(), "late audio of what was cut is not played");
}

#[test]
fn tools_are_run_and_answered() {
    let mut world = greeted();
    says(&mut world, "book a room");
    let call =
        |name: &str| ToolCall { id: format!("v_{name}"), name: name.to_owned(), arguments: "{}".to_owned().into() };
    news(&mut world, NativeNews::Called(call("book")));
    news(&mut world, NativeNews::Finished);
    world.pass(ms(300));
    let asked = orders(&world);
    let [.., NativeOrder::ToolResult { call: answered, .. }, NativeOrder::Respond { instructions: None }] = &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!(answered, "v_book");
    world.item("c", "Booked. Goodbye.", true);
    news(&mut world, NativeNews::Called(call("end_call")));
    news(&mut world, NativeNews::Finished);
    assert_eq!(world.waits_for_end(), Ending::Completed { reason: "completed".to_owned() });
    assert_eq!(world.heard_words().last().map(String::as_str), Some("Booked. Goodbye."));
}

#[test]
fn a_silent_caller_is_asked_twice_and_left() {
    let mut world = greeted();
    for item in ["b", "c"] {
        let before = orders(&world).len();
        while orders(&world).len() == before {
            assert!(world.step(world.now + ms(20_000)));
        }
        world.item(item, "Are you still there?", true);
        news(&mut world, NativeNews::Finished);
        world.hears_out("still there");
    }
    assert_eq!(world.waits_for_end(), Ending::Inactivity);
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_once_more() {
    let mut world = greeted();
    says(&mut world, "when do you open");
    world.waits();
    world.hears_out("One moment, please.");
    assert!(matches!(orders(&world).last(), Some(NativeOrder::Respond { instructions: None })));
    world.waits();
    assert_eq!(world.waits_for_end(), Ending::ModelFailed);
    world.never_waited_in_silence();
}

#[test]
fn a_dead_session_ends_the_call_with_words_made_before() {
    let mut world = greeted();
    news(&mut world, NativeNews::Dead);
    assert_eq!(world.waits_for_end(), Ending::ModelFailed);
    assert!(world.heard_words().last().is_some_and(|words| words.contains("technical problem")));
}

#[test]
fn the_model_says_goodbye_when_the_time_is_up() {
    let mut world = greeted();
    world.give(Input::TimeNearlyUp);
    assert!(matches!(orders(&world).last(), Some(NativeOrder::Respond { instructions: Some(_) })));
    world.item("z", "Our time is up, goodbye.", true);
    news(&mut world, NativeNews::Finished);
    assert_eq!(world.waits_for_end(), Ending::TimeUp);
    assert_eq!(world.heard_words().last().map(String::as_str), Some("Our time is up, goodbye."));
}

#[test]
fn notes_and_keys_reach_the_model() {
    let mut world = greeted();
    world.give(Input::Note("Be quick.".to_owned().into()));
    assert!(matches!(orders(&world).last(), Some(NativeOrder::Note(_))));
    world.types("12#");
    let orders = orders(&world);
    let [.., NativeOrder::Note(keys), NativeOrder::Respond { .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(keys.expose(), "(pressed the keys 12#)");
}

#[test]
fn audio_that_a_session_hears_again_when_it_is_made_anew_interrupts_nobody() {
    const GOODBYE: &str = "Thank you for calling the front desk, have a very pleasant evening, and goodbye.";
    let interruptions = |world: &World| world.count(|action| matches!(action, Action::StopSpeaking { .. }));
    let mut world = greeted();
    says(&mut world, "that was all");
    world.item("b", GOODBYE, true);
    news(&mut world, NativeNews::Finished);
    world.hears("Thank you");
    world.pass(ms(1_000));
    news(&mut world, NativeNews::Interrupted);
    news(&mut world, NativeNews::Ready);
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(100));
    news(&mut world, NativeNews::CallerStopped);
    assert!(world.is_heard());
    world.caller_begins("", ms(600));
    world.pass(ms(150));
    assert_eq!(interruptions(&world), 0);
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(100));
    assert_eq!(interruptions(&world), 1, "a voice that is there does interrupt");

    let mut world = greeted();
    says(&mut world, "that was all");
    world.item("b", GOODBYE, true);
    world.hears("Thank you");
    world.pass(ms(1_000));
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(100));
    assert_eq!(interruptions(&world), 1, "a session that was never lost is believed");
}
