//! Keys that are pressed before they are asked for.

use serde_json::{Value, json};

use super::phone::{Phone, ms};
use super::*;

const INTRO: &str = "Welcome to the bakery, please listen to all of this.";

/// An introduction, these questions one after the other, and a goodbye.
fn survey(questions: &[(&str, Value)]) -> String {
    let mut nodes = vec![json!({ "id": "intro", "say": { "text": INTRO, "next": questions[0].0 } })];
    for (index, (name, ask)) in questions.iter().enumerate() {
        let next = questions.get(index + 1).map_or("bye", |(name, _)| name);
        let mut ask = ask.clone();
        ask["next"] = json!(next);
        ask["text"] = json!(format!("What about {name}?"));
        nodes.push(json!({ "id": name, "ask": ask }));
    }
    nodes.push(json!({ "id": "bye", "end": { "text": "Thank you, goodbye.", "reason": "done" } }));
    json!({ "name": "Bakery", "flow": { "start": "intro", "nodes": nodes } }).to_string()
}

fn yes_no() -> Value {
    json!({ "answer": { "kind": "yes_no" } })
}

fn number(min: u8, max: u8) -> Value {
    json!({ "answer": { "kind": "number", "min_digits": min, "max_digits": max } })
}

/// In the middle of the introduction.
fn welcomed(questions: &[(&str, Value)]) -> Phone {
    let mut phone = Phone::answered(&survey(questions));
    phone.hears(INTRO);
    phone.pass(ms(200));
    phone
}

fn keys(phone: &Phone) -> Vec<String> {
    let lines = phone.conversation.outcome().transcript.iter().filter(|line| line.keys);
    lines.map(|line| line.text.expose().clone()).collect()
}

fn said(phone: &Phone, text: &str) -> bool {
    phone.said(0).iter().any(|said| said.starts_with(text))
}

#[test]
fn keys_during_a_statement_answer_the_questions_behind_it_in_order() {
    let mut phone = welcomed(&[("bread", yes_no()), ("rolls", number(1, 3)), ("cake", yes_no())]);
    phone.types("112#2");
    assert!(phone.is_heard(), "a statement is not cut off");
    assert!(phone.answers().is_empty());
    phone.hears("Thank you, goodbye.");
    assert_eq!(phone.answers(), ["bread=yes", "rolls=12", "cake=no"]);
    assert!(!said(&phone, "What about"), "nobody asks for what is known: {:?}", phone.said(0));
    assert_eq!(keys(&phone), ["1", "12", "2"]);
    assert!(phone.conversation.outcome().turns.is_empty(), "nobody waited for an answer");
    assert_eq!(phone.waits_for_end(), completed("done"));
}

#[test]
fn a_number_begun_before_its_question_is_gone_on_with() {
    let mut phone = welcomed(&[("rolls", number(4, 4))]);
    phone.types("12");
    phone.pass(ms(3_000));
    assert!(!said(&phone, "What about rolls?"), "it is being typed");
    phone.types("34");
    phone.hears("Thank you");
    assert_eq!(phone.answers(), ["rolls=1234"]);
    assert_eq!(keys(&phone), ["1234"]);
}

#[test]
fn a_number_that_stays_too_short_gets_the_hint() {
    let mut phone = welcomed(&[("rolls", number(4, 4))]);
    phone.types("12");
    phone.hears("Sorry");
    phone.types("1234");
    phone.hears("Thank you");
    assert_eq!(phone.answers(), ["rolls=1234"]);
}

#[test]
fn keys_that_mean_nothing_there_are_no_wrong_answer() {
    let mut phone = welcomed(&[("bread", yes_no()), ("rolls", number(1, 2))]);
    phone.types("9#");
    phone.hears("What about bread?");
    assert_eq!(keys(&phone), ["9", "#"], "they are written down");
    phone.types("1");
    phone.hears("What about rolls?");
    assert_eq!(phone.conversation.outcome().answers[0].attempts, 1);
}

#[test]
fn a_key_in_the_middle_of_a_question_cuts_it_and_counts() {
    let mut phone = welcomed(&[("bread", yes_no()), ("cake", yes_no())]);
    phone.hears("What about bread?");
    phone.pass(ms(200));
    // The second key comes before the second question has begun.
    phone.types("1");
    phone.give(Input::Dtmf { digit: '2', ago: ms(0) });
    phone.hears("Thank you");
    assert_eq!(phone.answers(), ["bread=yes", "cake=no"]);
}

#[test]
fn nobody_confirms_or_declines_what_they_have_not_heard() {
    let confirmed = json!({ "answer": { "kind": "yes_no" }, "confirm": true });
    let open = json!({ "answer": { "kind": "open", "max_seconds": 20 } });
    let mut phone = welcomed(&[("bread", confirmed), ("wishes", open)]);
    phone.types("11#");
    phone.hears("Is that right?");
    assert_eq!(keys(&phone), ["1", "1", "#"]);
    phone.types("1");
    phone.hears("What about wishes?");
    assert_eq!(phone.answers(), ["bread=yes"]);
}

#[test]
fn a_question_that_must_be_heard_takes_no_keys_from_before() {
    let heard = json!({ "answer": { "kind": "yes_no" }, "type_ahead": false });
    let mut phone = welcomed(&[("terms", heard), ("cake", yes_no())]);
    phone.types("11");
    phone.hears("What about terms?");
    assert_eq!(keys(&phone), ["1", "1"]);
    phone.types("2");
    phone.hears("What about cake?");
    assert_eq!(phone.answers(), ["terms=no"], "and nothing is left for the next one");
}

#[test]
fn so_many_keys_are_kept_and_no_more() {
    let mut phone = welcomed(&[("rolls", number(1, 32)), ("cake", yes_no())]);
    for digit in "1".repeat(32).chars().chain("22".chars()) {
        phone.give(Input::Dtmf { digit, ago: ms(0) });
    }
    phone.hears("What about cake?");
    assert_eq!(phone.answers(), [format!("rolls={}", "1".repeat(32))]);
}

#[test]
fn what_was_kept_is_written_down_when_the_call_ends() {
    let mut phone = welcomed(&[("bread", yes_no())]);
    phone.types("42");
    phone.hangs_up();
    assert_eq!(keys(&phone), ["42"]);
}

#[test]
fn the_number_of_a_card_is_nowhere_even_when_it_is_cut_in_two() {
    let mut phone = welcomed(&[("customer", number(8, 8)), ("order", number(8, 8))]);
    for digit in "4111111111111111".chars() {
        phone.give(Input::Dtmf { digit, ago: ms(0) });
    }
    phone.hears("Thank you");
    assert_eq!(keys(&phone), ["[card data]", "[card data]"]);
    assert_eq!(phone.answers(), ["customer=[card data]", "order=[card data]"]);
    assert!(phone.transcript().iter().all(|line| !line.contains("111")), "{:?}", phone.transcript());
}

#[test]
fn a_whole_card_number_is_one_and_other_numbers_are_kept() {
    let mut phone = welcomed(&[("card", number(16, 16)), ("order", number(12, 12))]);
    // The order's number begins like a card's and is too short for one.
    for digit in "4111111111111111".chars() {
        phone.give(Input::Dtmf { digit, ago: ms(0) });
    }
    phone.hears("What about order?");
    assert_eq!(phone.answers(), ["card=[card number]"]);
    phone.pass(ms(40_000));
    let mut phone = welcomed(&[("order", number(12, 12))]);
    for digit in "411111111112".chars() {
        phone.give(Input::Dtmf { digit, ago: ms(0) });
    }
    phone.hears("Thank you");
    assert_eq!(phone.answers(), ["order=411111111112"]);
}

#[test]
fn keys_pressed_off_the_record_stay_off_it() {
    let mut phone = welcomed(&[("code", number(4, 4)), ("cake", yes_no())]);
    phone.give(Input::OffRecord(true));
    phone.types("4711");
    phone.give(Input::OffRecord(false));
    phone.hears("What about cake?");
    assert_eq!(keys(&phone), ["[off the record]"]);
    assert_eq!(phone.answers(), ["code=[off the record]"]);
    // The same for a number that is asked for.
    let mut phone = welcomed(&[("code", number(4, 4)), ("cake", yes_no())]);
    phone.hears("What about code?");
    phone.give(Input::OffRecord(true));
    phone.types("47");
    phone.give(Input::OffRecord(false));
    phone.types("11");
    phone.hears("What about cake?");
    assert_eq!(
        (keys(&phone), phone.answers()),
        (vec!["[off the record]".to_owned()], vec!["code=[off the record]".to_owned()])
    );
}
