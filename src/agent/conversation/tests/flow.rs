//! Flows that do more than ask for yes and no: dates, numbers, tools, transfers, and a model that understands.

use serde_json::{Value, json};

use super::phone::{Phone, ms};
use super::*;
use crate::provider::llm::FinishReason;

/// A question of this kind, and a goodbye that repeats its answer.
fn asking(answer: Value) -> String {
    json!({ "name": "Ask", "flow": { "start": "q", "nodes": [
        { "id": "q", "ask": { "text": "Well then?", "answer": answer, "attempts": 2, "next": "bye" } },
        { "id": "bye", "end": { "text": "Noted {{ q }}. Goodbye." } }
    ] } })
    .to_string()
}

/// At the end of the question.
fn asked(answer: Value) -> Phone {
    let mut phone = Phone::ringing(&asking(answer), &[("today", "2026-08-05")]);
    phone.pass(ms(2_000));
    phone.answer();
    phone.hears_out("Well then?");
    phone.pass(ms(300));
    phone
}

#[test]
fn a_spoken_date_is_read_back_with_its_weekday_and_taken() {
    let mut phone = asked(json!({ "kind": "date" }));
    phone.says("next tuesday please");
    phone.hears_out("I understood Tuesday, August 11, 2026. Is that right?");
    phone.pass(ms(300));
    phone.says("yes");
    phone.hears("Noted 2026-08-11.");
    assert_eq!(phone.waits_for_end(), completed("completed"));
    assert_eq!(phone.answers(), ["q=2026-08-11"]);
}

#[test]
fn a_date_that_was_misheard_is_asked_for_again() {
    let mut phone = asked(json!({ "kind": "date" }));
    phone.says("the fifth of march");
    phone.hears_out("Friday, March 5, 2027");
    phone.pass(ms(300));
    phone.says("no");
    phone.hears_out("Well then?");
    phone.pass(ms(300));
    phone.types("08112026");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=2026-08-11"], "a typed date is not asked back");
}

#[test]
fn a_date_that_does_not_exist_gets_the_hint() {
    let mut phone = asked(json!({ "kind": "date" }));
    phone.types("13402026");
    phone.hears("Please say a date");
}

#[test]
fn a_phone_number_comes_in_one_form_spoken_or_typed() {
    let kind = json!({ "kind": "phone", "country": "GB" });
    let mut phone = asked(kind.clone());
    phone.types("02079460958#");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=+442079460958"]);
    let mut phone = asked(kind);
    phone.says("oh two oh seven nine four six oh nine five eight");
    phone.hears_out("plus 4 4 2, 0 7 9, 4 6 0, 9 5 8");
    phone.pass(ms(300));
    phone.types("1");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=+442079460958"]);
}

#[test]
fn a_spoken_number_outside_its_bounds_is_no_answer() {
    let mut phone = asked(json!({ "kind": "number", "min_digits": 1, "max_digits": 2, "max": 20 }));
    phone.says("twenty one");
    phone.hears_out("Sorry, I did not get that.");
    phone.pass(ms(300));
    phone.says("twelve");
    phone.hears_out("I understood 1 2.");
    phone.pass(ms(300));
    phone.says("yes");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=12"]);
}

/// With a recogniser of free speech and a model that understands.
fn online(answer: Value) -> Phone {
    let mut assistant: Value = serde_json::from_str(&asking(answer)).expect("it is JSON");
    assistant["providers"] = json!({ "stt": ["ears"], "llm": ["brain"] });
    let mut phone = Phone::ringing(&assistant.to_string(), &[("today", "2026-08-05")]);
    phone.pass(ms(2_000));
    phone.answer();
    phone.hears_out("Well then?");
    phone.pass(ms(300));
    phone
}

/// The last question put to the model.
fn generation(phone: &Phone) -> Option<GenerationId> {
    phone.log.iter().rev().find_map(|(_, action)| match action {
        Action::Generate { generation, .. } => Some(*generation),
        _ => None,
    })
}

fn model_says(phone: &mut Phone, text: &str) {
    let generation = generation(phone).expect("the model was asked");
    phone.give(Input::Token { generation, text: Pii::new(text.to_owned()) });
    phone.give(Input::Generated { generation, reason: FinishReason::Stop });
}

#[test]
fn an_address_is_spelt_and_hash_goes_on_without_one() {
    let mut phone = online(json!({ "kind": "email" }));
    phone.says("anna dot miller at example dot com");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=anna.miller@example.com"]);
    let mut phone = online(json!({ "kind": "email" }));
    phone.types("#");
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q:Declined"]);
}

#[test]
fn words_that_the_flow_cannot_make_out_are_given_to_the_model() {
    let mut phone = online(json!({ "kind": "yes_no" }));
    phone.says("yes");
    phone.pass(ms(1_500));
    assert_eq!(generation(&phone), None, "what is clear is not asked about");
    let mut phone = online(json!({ "kind": "yes_no" }));
    phone.says("i could hardly wish for anything better");
    phone.pass(ms(1_500));
    model_says(&mut phone, r#"{"meaning":"answer","answer":"yes"}"#);
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=yes"]);
}

#[test]
fn a_model_that_does_not_know_fails_or_is_slow_leaves_the_question_open() {
    for how in 0..3 {
        let mut phone = online(json!({ "kind": "yes_no" }));
        phone.says("the weather is nice today");
        phone.pass(ms(1_500));
        let generation = generation(&phone).expect("the model was asked");
        match how {
            0 => model_says(&mut phone, r#"{"meaning":"unclear","answer":""}"#),
            1 => phone.give(Input::GenerationFailed { generation, kind: crate::provider::error::ErrorKind::TimedOut }),
            _ => {}
        }
        phone.hears_out("Sorry, I did not get that.");
        // What comes late changes nothing.
        phone.give(Input::Token { generation, text: Pii::new(r#"{"meaning":"goodbye"}"#.to_owned()) });
        phone.give(Input::Generated { generation, reason: FinishReason::Stop });
        phone.pass(ms(300));
        phone.says("yes");
        phone.waits_for_end();
        assert_eq!(phone.answers(), ["q=yes"], "{how}");
    }
}

#[test]
fn who_speaks_on_while_the_model_thinks_is_understood_as_a_whole() {
    let mut phone = online(json!({ "kind": "yes_no" }));
    phone.says("the weather is nice");
    phone.pass(ms(1_200));
    let first = generation(&phone).expect("the model was asked");
    phone.says("but i would rather stay at home");
    phone.pass(ms(1_200));
    let heard = phone.log.iter().rev().find_map(|(_, action)| match action {
        Action::Generate { request, .. } => request.messages.last().map(|message| format!("{:?}", Exposed(message))),
        _ => None,
    });
    assert_eq!(heard.as_deref(), Some("the weather is nice but i would rather stay at home"));
    assert!(phone.log.iter().any(|(_, action)| *action == Action::CancelGeneration { generation: first }));
    model_says(&mut phone, r#"{"meaning":"answer","answer":"no"}"#);
    phone.waits_for_end();
    assert_eq!(phone.answers(), ["q=no"]);
}

/// Shows a message's words.
struct Exposed<'a>(&'a crate::provider::llm::Message);

impl std::fmt::Debug for Exposed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            crate::provider::llm::Message::User { text } => f.write_str(text.expose()),
            other => write!(f, "{other:?}"),
        }
    }
}

#[test]
fn whoever_does_not_want_to_be_called_again_is_told_so_and_is_not() {
    let mut phone = asked(json!({ "kind": "yes_no" }));
    phone.says("take me off your list");
    assert_eq!(phone.waits_for_end(), Ending::OptedOut);
    let at = |wanted: fn(&Action) -> bool| phone.log.iter().position(|(_, action)| wanted(action));
    let (opted_out, ended) = (at(|a| matches!(a, Action::OptOut { .. })), at(|a| matches!(a, Action::End(_))));
    assert!(opted_out.is_some() && opted_out < ended, "the effect comes before the end");
    assert!(phone.transcript().iter().any(|line| line.contains("taken your number off our list")));
    assert_eq!(phone.answers(), ["q:Declined"]);
}

/// Looks something up, offers it, and hands over when there is nothing to offer.
fn booking() -> String {
    json!({ "name": "Booking",
        "tools": [{ "kind": "http", "name": "slots", "description": "Free times.", "url": "https://clinic.example" }],
        "transfers": [{ "name": "desk", "to": "+4930123456", "kind": "warm", "briefing": "No free time." }],
        "flow": { "start": "look", "nodes": [
            { "id": "look", "tool": { "name": "slots", "arguments": { "on": "{{ today }}" }, "into": "slots",
                "text": "Let me see what is free.", "next": "any", "on_error": "sorry" } },
            { "id": "any", "branch": { "on": "slots.count", "cases": [{ "at_least": 1, "next": "offer" }],
                "otherwise": "desk" } },
            { "id": "offer", "ask": { "text": "How about {{ slots.times[0] }}?", "answer": { "kind": "yes_no" }, "next": "good" } },
            { "id": "good", "mark_success": { "next": "bye" } },
            { "id": "desk", "transfer": { "target": "desk", "text": "I put you through.", "on_declined": "nobody",
                "on_failed": "sorry" } },
            { "id": "nobody", "say": { "text": "Nobody is free.", "next": "bye" } },
            { "id": "sorry", "say": { "text": "Something went wrong.", "next": "bye" } },
            { "id": "bye", "end": { "text": "Goodbye." } }
    ] } })
    .to_string()
}

fn looking() -> (Phone, ToolRunId) {
    let mut phone = Phone::ringing(&booking(), &[("today", "2026-08-05")]);
    phone.pass(ms(2_000));
    phone.answer();
    phone.hears_out("Let me see what is free.");
    let run = phone.log.iter().find_map(|(_, action)| match action {
        Action::RunTool { run, name, arguments } => {
            assert_eq!((name.as_str(), arguments.expose().as_str()), ("slots", r#"{"on":"2026-08-05"}"#));
            Some(*run)
        }
        _ => None,
    });
    (phone, run.expect("the tool runs while the agent speaks"))
}

fn gives_back(phone: &mut Phone, run: ToolRunId, result: &str) {
    phone.give(Input::ToolResult { run, result: Pii::new(result.to_owned()) });
}

#[test]
fn what_a_tool_gives_back_is_offered() {
    let (mut phone, run) = looking();
    gives_back(&mut phone, run, r#"{"count":1,"times":["ten o'clock"]}"#);
    phone.hears_out("How about ten o'clock?");
    phone.pass(ms(300));
    phone.says("yes");
    assert_eq!(phone.waits_for_end(), completed("completed"));
    assert_eq!(phone.answers(), ["offer=yes", "success=yes"]);
}

#[test]
fn a_slow_tool_is_bridged_and_a_quick_one_does_not_cut_what_is_said() {
    let (mut phone, run) = looking();
    phone.hears_out("One moment, please.");
    phone.hears("I am still on it");
    gives_back(&mut phone, run, r#"{"count":1,"times":["ten"]}"#);
    phone.hears("How about ten?");
    assert!(!phone.transcript().iter().any(|line| line.ends_with('…')), "{:?}", phone.transcript());
    let mut phone = Phone::ringing(&booking(), &[]);
    phone.pass(ms(2_000));
    phone.answer();
    phone.hears("Let me see");
    gives_back(&mut phone, ToolRunId(0), r#"{"count":1,"times":["ten"]}"#);
    phone.hears("How about ten?");
    assert!(phone.transcript().contains(&"Agent: Let me see what is free.".to_owned()), "{:?}", phone.transcript());
}

#[test]
fn a_tool_that_fails_has_a_way_of_its_own() {
    let (mut phone, run) = looking();
    gives_back(&mut phone, run, r#"{"error":"no connection"}"#);
    phone.hears("Something went wrong.");
    assert_eq!(phone.waits_for_end(), completed("completed"));
}

fn handing_over() -> Phone {
    let (mut phone, run) = looking();
    gives_back(&mut phone, run, r#"{"count":0}"#);
    phone.hears_out("I put you through.");
    phone.pass(ms(100));
    let order = phone.log.iter().find_map(|(_, action)| match action {
        Action::Transfer(order) => Some(order.clone()),
        _ => None,
    });
    let order = order.expect("the transfer begins when the agent is silent");
    assert_eq!(order.to.expose(), "desk");
    assert_eq!(order.briefing.map(Pii::into_inner).as_deref(), Some("No free time."));
    phone
}

#[test]
fn a_caller_who_is_handed_over_is_not_spoken_to_any_more() {
    let mut phone = handing_over();
    phone.give(Input::Transfer(TransferNews::Ringing));
    phone.pass(ms(30_000));
    phone.give(Input::Transfer(TransferNews::Done));
    assert_eq!(phone.waits_for_end(), Ending::Transferred);
}

#[test]
fn whom_nobody_takes_goes_on_in_the_flow() {
    use crate::agent::transfer::TransferFailure;
    for (why, words) in [
        (TransferFailure::Declined, "Nobody is free."),
        (TransferFailure::Voicemail, "Nobody is free."),
        (TransferFailure::Broken, "Something went wrong."),
    ] {
        let mut phone = handing_over();
        phone.give(Input::Transfer(TransferNews::Failed(why)));
        phone.hears(words);
        assert_eq!(phone.waits_for_end(), completed("completed"));
    }
}

#[test]
fn goodbye_while_a_tool_runs_is_goodbye() {
    let (mut phone, run) = looking();
    phone.says("goodbye");
    phone.hears("All right. Goodbye.");
    gives_back(&mut phone, run, r#"{"count":1,"times":["ten"]}"#);
    assert_eq!(phone.waits_for_end(), Ending::CallerGoodbye);
}
