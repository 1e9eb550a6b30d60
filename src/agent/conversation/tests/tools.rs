//! What the model calls.

use super::world::{Answer, CONTINUOUS, World, ms};
use crate::agent::conversation::*;
use crate::agent::transfer::{TransferFailure, TransferManner};

pub(super) const OFFICE: &str = r#"{ "name": "Office", "mode": "llm",
    "greeting": "Hello, this is the front desk, how can I help you?",
    "prompt": "You are the front desk of a hotel.",
    "providers": { "stt": ["ear"], "llm": ["brain"], "tts": ["mouth"] },
    "tools": [
        { "kind": "builtin", "name": "end_call" }, { "kind": "builtin", "name": "transfer" },
        { "kind": "builtin", "name": "send_dtmf" }, { "kind": "builtin", "name": "collect_digits" },
        { "kind": "builtin", "name": "schedule_callback" }, { "kind": "builtin", "name": "opt_out" },
        { "kind": "builtin", "name": "record_answer" }, { "kind": "builtin", "name": "mark_success" },
        { "kind": "http", "name": "book", "description": "Books.", "url": "https://hotel.example/book" },
        { "kind": "http", "name": "look", "description": "Looks up.", "url": "https://hotel.example/look",
          "finish_when_interrupted": false, "filler": "Let me look that up." } ],
    "transfers": [ { "name": "reception", "to": "+442079460000", "kind": "warm", "briefing": "A guest calls." },
                   { "name": "lines", "to": "+442079460001" } ] }"#;

fn office() -> World {
    World::greeted(OFFICE, CONTINUOUS)
}

fn last(world: &World) -> Vec<String> {
    let context = world.context();
    context[context.len().saturating_sub(2)..].to_vec()
}

#[test]
fn a_tool_answers_and_the_model_goes_on() {
    let mut world = office();
    world.tools.insert("book".to_owned(), (Some(ms(300)), r#"{"room":12}"#.to_owned()));
    world.answers.push_back(Answer::calls("I will book that for you.", "book", r#"{"nights":2}"#));
    world.answers.push_back(Answer::says("You have room twelve."));
    world.says("two nights please");
    world.hears_out("room twelve");
    assert_eq!(last(&world), ["assistant: I will book that for you.[book]", r#"tool: {"room":12}"#]);
    assert_eq!(world.requests[0].tools.len(), 10);
}

#[test]
fn several_tools_at_once_are_all_waited_for() {
    let mut world = office();
    world.tools.insert("book".to_owned(), (Some(ms(500)), "1".to_owned()));
    world.tools.insert("look".to_owned(), (Some(ms(200)), "2".to_owned()));
    let both = Answer::calls("", "book", "{}").and_calls("look", "{}").and_calls("nothing", "{}");
    world.answers.push_back(both);
    world.says("two nights please");
    world.hears_out("close at six");
    assert_eq!(
        world.context()[2..],
        ["assistant: [book][look][nothing]", "tool: 1", "tool: 2", r#"tool: {"error":"there is no such tool"}"#]
    );
    assert_eq!(world.requests.len(), 2);
}

#[test]
fn a_slow_tool_is_bridged_and_nobody_waits_in_silence() {
    let mut world = office();
    world.tools.insert("look".to_owned(), (Some(ms(9_000)), "1".to_owned()));
    world.answers.push_back(Answer::calls("", "look", "{}"));
    world.says("is there a room");
    world.waits();
    world.hears("Let me look that up.");
    let asked = world.log.iter().find(|(_, action)| matches!(action, Action::RunTool { .. })).expect("it runs").0;
    let heard = u64::try_from(asked.as_millis()).expect("short") + 720;
    assert_eq!(world.at(), heard);
    world.hears_out("I am still on it");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    let context = world.context();
    assert!(context[2].starts_with("assistant: Let me look that up. I am still on it"), "{context:?}");
    assert!(context[2].ends_with("[look]"), "{context:?}");
}

#[test]
fn a_tool_that_never_answers_is_given_up() {
    let mut world = office();
    world.tools.insert("book".to_owned(), (None, String::new()));
    world.answers.push_back(Answer::calls("", "book", "{}"));
    world.answers.push_back(Answer::says("I could not book it."));
    world.says("two nights please");
    world.waits();
    world.hears_out("could not book");
    world.never_waited_in_silence();
    assert_eq!(last(&world)[1], r#"tool: {"error":"it took too long"}"#);
    assert_eq!(world.count(|action| matches!(action, Action::CancelTool { .. })), 1);
}

#[test]
fn a_tool_interrupted_is_cancelled_and_answered() {
    let mut world = office();
    world.tools.insert("look".to_owned(), (Some(ms(9_000)), "1".to_owned()));
    world.answers.push_back(Answer::calls("", "look", "{}"));
    world.says("is there a room");
    world.hears_out("Let me look that up.");
    world.says("no forget it when do you open");
    world.hears("nine in the morning");
    let context = world.context();
    assert_eq!(context[3], r#"tool: {"error":"interrupted"}"#, "{context:?}");
    assert_eq!(context[4], "user: no forget it when do you open");
    world.hears_out("close at six");
    let asked = world.requests.len();
    world.pass(ms(6_000));
    assert_eq!(world.requests.len(), asked, "what comes too late starts nothing");
    world.says("thanks");
    world.hears("Certainly");
    assert_eq!(world.context()[3], "tool: 1", "what was done after all is told");
}

#[test]
fn a_tool_that_changes_something_goes_on_while_the_caller_speaks() {
    let mut world = office();
    world.tools.insert("book".to_owned(), (Some(ms(8_000)), "booked".to_owned()));
    world.answers.push_back(Answer::calls("", "book", "{}"));
    world.answers.push_back(Answer::says("Of course."));
    world.answers.push_back(Answer::says("It is booked now."));
    world.says("two nights please");
    world.hears_out("One moment, please.");
    world.says("and hurry please");
    world.hears("Of course.");
    assert!(world.context()[3].contains("still running"), "{:?}", world.context());
    world.hears_out("It is booked now.");
    assert_eq!(world.context()[3], "tool: booked");
    assert_eq!(world.count(|action| matches!(action, Action::CancelTool { .. })), 0);
}

#[test]
fn the_model_ends_the_call_when_its_goodbye_was_heard() {
    let mut world = office();
    world.answers.push_back(Answer::calls("Goodbye and have a nice day.", "end_call", r#"{"reason":"done"}"#));
    world.says("thanks that is all");
    assert_eq!(world.waits_for_end(), Ending::Completed { reason: "done".to_owned() });
    assert_eq!(world.heard_words().last().map(String::as_str), Some("Goodbye and have a nice day."));
}

#[test]
fn a_call_ended_without_a_word_gets_a_goodbye() {
    let mut world = office();
    world.answers.push_back(Answer::calls("", "end_call", ""));
    world.says("thanks that is all");
    assert_eq!(world.waits_for_end(), Ending::Completed { reason: "completed".to_owned() });
    assert_eq!(world.heard_words().last().map(String::as_str), Some("All right. Goodbye."));
}

#[test]
fn bye_is_no_reason_to_stay_and_one_more_thing_is() {
    let mut world = office();
    world.answers.push_back(Answer::calls("Goodbye.", "end_call", r#"{"reason":"done"}"#));
    world.says("thanks that is all");
    world.hears_word("Goodbye.", ms(150));
    world.voice("bye bye", ms(400));
    assert_eq!(world.waits_for_end(), Ending::Completed { reason: "done".to_owned() });
    assert_eq!(world.requests.len(), 1);

    let mut world = office();
    world.answers.push_back(Answer::calls("Goodbye and have a nice day.", "end_call", r#"{"reason":"done"}"#));
    world.says("thanks that is all");
    world.hears_word("nice", ms(0));
    world.says("wait one more thing when do you open");
    world.hears_out("close at six");
    let context = world.context();
    assert_eq!(context[2..4], ["assistant: Goodbye and have a nice—[end_call]", r#"tool: {"error":"interrupted"}"#]);
}

/// A warm transfer that comes to nothing: the caller waits with music and is the agent's again.
fn transfer_fails(why: TransferFailure) {
    let mut world = office();
    world.transfer = vec![
        (ms(1_000), TransferNews::Ringing),
        (ms(6_000), TransferNews::Briefing),
        (ms(12_000), TransferNews::Failed(why)),
    ];
    let arguments = r#"{"to":"reception","summary":"Wants a room."}"#;
    world.answers.push_back(Answer::calls("I will put you through.", "transfer", arguments));
    world.answers.push_back(Answer::says("I am sorry, nobody is there."));
    world.says("a person please");
    world.hears_out("put you through");
    world.says("hello are you there");
    world.pass(ms(3_000));
    assert_eq!(world.requests.len(), 1, "whoever waits with music is not answered");
    world.hears_out("nobody is there");
    assert_eq!(last(&world)[1], format!(r#"tool: {{"error":"{}"}}"#, why.name()));
    let order = world.log.iter().find_map(|(_, action)| match action {
        Action::Transfer(order) => Some(order.clone()),
        _ => None,
    });
    let order = order.expect("it was ordered");
    assert_eq!((order.to.expose().as_str(), order.manner), ("reception", TransferManner::Warm));
    assert_eq!(order.briefing.map(crate::pii::Pii::into_inner).as_deref(), Some("Wants a room."));
}

#[test]
fn a_transfer_declined_comes_back_to_the_agent() {
    for why in [TransferFailure::Declined, TransferFailure::NoAnswer, TransferFailure::Busy] {
        transfer_fails(why);
    }
}

#[test]
fn a_voicemail_that_answers_a_transfer_gets_no_caller() {
    transfer_fails(TransferFailure::Voicemail);
}

#[test]
fn a_transfer_that_works_ends_the_agents_part() {
    let mut world = office();
    world.transfer = vec![(ms(2_000), TransferNews::Done)];
    world.answers.push_back(Answer::calls("I will put you through.", "transfer", r#"{"to":"lines"}"#));
    world.says("a person please");
    assert_eq!(world.waits_for_end(), Ending::Transferred);
    // The caller talks on to somebody else, and a supervisor still decides what is kept of it.
    for (off, on) in [(true, false), (false, true)] {
        world.conversation.handle(world.now, Input::OffRecord(off));
        assert_eq!(world.conversation.poll_action(), Some(Action::Record(on)));
        assert_eq!(world.conversation.poll_action(), None);
    }
}

#[test]
fn a_transfer_to_nowhere_is_an_error_for_the_model() {
    let mut world = office();
    world.answers.push_back(Answer::calls("", "transfer", r#"{"to":"the moon"}"#));
    world.says("a person please");
    world.hears_out("close at six");
    assert_eq!(last(&world)[1], r#"tool: {"error":"there is no such destination"}"#);
}

#[test]
fn a_transfer_of_which_nothing_is_heard_is_called_off() {
    let mut world = office();
    world.answers.push_back(Answer::calls("I will put you through.", "transfer", r#"{"to":"lines"}"#));
    world.says("a person please");
    world.hears_out("put you through");
    world.pass(ms(181_000));
    assert_eq!(world.count(|action| matches!(action, Action::CancelTransfer)), 1);
    assert_eq!(last(&world)[1], r#"tool: {"error":"it took too long"}"#);
}

#[test]
fn digits_are_collected_in_mid_sentence_and_told() {
    let mut world = office();
    let ask = Answer::calls(
        "Please type your booking number and then the hash key.",
        "collect_digits",
        r#"{"max_digits":6}"#,
    );
    world.answers.push_back(ask);
    world.says("I have a booking");
    world.hears_word("booking", ms(0));
    world.types("4711#");
    world.hears_out("close at six");
    assert_eq!(last(&world)[1], r#"tool: {"digits":"4711"}"#);
    assert!(world.context()[2].starts_with("assistant: Please type your—"), "{:?}", world.context());
}

#[test]
fn secret_digits_are_not_kept() {
    let mut world = office();
    let ask = Answer::calls("Please type your card number.", "collect_digits", r#"{"max_digits":4,"secret":true}"#);
    world.answers.push_back(ask);
    world.says("I want to pay");
    world.hears_out("card number");
    world.pass(ms(500));
    world.types("4242");
    world.hears_out("close at six");
    let records: Vec<bool> = world
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Record(on) => Some(*on),
            _ => None,
        })
        .collect();
    assert_eq!(records, [false, true]);
    assert!(!world.transcript().join(" ").contains("4242"), "{:?}", world.transcript());
    assert_eq!(last(&world)[1], r#"tool: {"digits":"4242"}"#);
}

#[test]
fn nothing_typed_is_told_and_so_is_what_is_said_instead() {
    let mut world = office();
    world.answers.push_back(Answer::calls("Type your number.", "collect_digits", r#"{"max_digits":6}"#));
    world.says("I have a booking");
    world.hears_out("Type your number.");
    world.hears_out("close at six");
    assert_eq!(last(&world)[1], r#"tool: {"digits":"","error":"nothing was typed"}"#);

    let mut world = office();
    world.answers.push_back(Answer::calls("Type your number.", "collect_digits", r#"{"max_digits":6}"#));
    world.says("I have a booking");
    world.hears_out("Type your number.");
    world.pass(ms(500));
    world.says("I do not know it");
    world.hears_out("close at six");
    assert_eq!(last(&world), [r#"tool: {"digits":"","error":"interrupted"}"#, "user: I do not know it"]);
}

#[test]
fn keys_are_sent_when_the_words_are_said_and_then_the_menu_has_the_word() {
    let mut world = office();
    world.answers.push_back(Answer::calls("", "send_dtmf", r#"{"digits":"1w2"}"#));
    world.says("for bookings press one");
    world.pass(ms(4_000));
    assert_eq!(world.count(|action| matches!(action, Action::SendDtmf { .. })), 1);
    assert_eq!(world.requests.len(), 1);
    world.says("you have reached bookings");
    world.hears_out("close at six");
    assert_eq!(last(&world), [r#"tool: {"sent":true}"#, "user: you have reached bookings"]);
}

#[test]
fn an_opt_out_is_durable_and_names_the_end() {
    let mut world = office();
    world.answers.push_back(Answer::calls("", "opt_out", "{}"));
    world.answers.push_back(Answer::calls("We will not call again. Goodbye.", "end_call", "{}"));
    world.says("never call me again");
    assert_eq!(world.waits_for_end(), Ending::OptedOut);
    let words = world.log.iter().find_map(|(_, action)| match action {
        Action::OptOut { words } => Some(words.expose().clone()),
        _ => None,
    });
    assert_eq!(words.as_deref(), Some("never call me again"));
}

#[test]
fn answers_are_written_down_without_a_second_reply() {
    let mut world = office();
    world.answers.push_back(Answer::calls(
        "Noted, thank you.",
        "record_answer",
        r#"{"question":"stars","answer":"five"}"#,
    ));
    world.says("five stars");
    world.hears_out("Noted");
    world.pass(ms(2_000));
    assert_eq!(world.requests.len(), 1);
    let answer = &world.conversation.outcome().answers[0];
    assert_eq!((answer.name.as_str(), &answer.value), ("stars", &Some(AnswerValue::Choice("five".to_owned()))));
}

#[test]
fn a_model_that_only_calls_is_made_to_speak() {
    let mut world = office();
    for _ in 0..6 {
        world.answers.push_back(Answer::calls("", "look", "{}"));
    }
    world.says("is there a room");
    world.hears_out("close at six");
    assert_eq!(world.requests.len(), 7);
    assert!(world.requests[5].tools.len() == 10 && world.requests[6].tools.is_empty());
}

#[test]
fn tools_of_a_server_are_offered_once_they_are_known() {
    let mut world = office();
    let spec = |name: &str| crate::provider::llm::ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: serde_json::json!({}),
    };
    world.give(Input::Tools(vec![spec("crm_find"), spec("end_call")]));
    world.answers.push_back(Answer::calls("", "crm_find", "{}"));
    world.says("do you know me");
    world.hears_out("close at six");
    assert_eq!(world.requests[0].tools.len(), 11, "nobody replaces a tool of the assistant's");
    assert_eq!(world.count(|action| matches!(action, Action::RunTool { name, .. } if name == "crm_find")), 1);
}

#[test]
fn tools_of_a_turn_that_was_not_over_are_not_run() {
    let mut world = World::greeted(OFFICE, super::world::DETECTS);
    world.answers.push_back(Answer::calls("", "book", "{}").after(ms(50)));
    world.says("two nights please");
    world.pass(ms(420));
    assert_eq!(world.requests.len(), 1, "prepared");
    world.says("from tomorrow");
    world.hears_out("close at six");
    assert_eq!(world.count(|action| matches!(action, Action::RunTool { .. })), 0);
}
