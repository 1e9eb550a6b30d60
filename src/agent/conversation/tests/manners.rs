//! Machines, screening services, menus, disclosures, opt-outs and card data, whoever leads.

use super::tools::OFFICE;
use super::world::{Answer, CONTINUOUS, World, ms};
use crate::agent::conversation::*;
use crate::agent::record::Speaker;

const MAILBOX: &str = "you have reached the voicemail of peter please leave a message after the tone";
const SERVICE: &str = "if you record your name and reason for calling I will see if this person is available";
const MENU: &str = "for sales press one for support press two to speak to an operator press zero";

/// A desk with these fields besides the usual ones.
fn desk(fields: &str) -> String {
    let desk = super::model::DESK.trim_end().strip_suffix('}').expect("it is an object");
    format!("{desk}, {fields} }}")
}

fn survey(fields: &str) -> String {
    let survey = r#"{ "name": "Survey", "flow": { "start": "hello", "nodes": [
        { "id": "hello", "say": { "text": "Hello there, this is the survey.", "next": "want" } },
        { "id": "want", "ask": { "text": "Do you still want it?", "answer": { "kind": "yes_no" }, "next": "bye" } },
        { "id": "bye", "end": { "text": "Thank you, goodbye.", "reason": "done" } } ] }"#;
    format!("{survey}, {fields} }}")
}

const MESSAGE: &str = r#""voicemail": { "policy": "leave_message", "message": "This is Anna, please call back." }"#;
const SCREENING: &str = r#""screening": { "name": "Anna from the clinic", "reason": "your appointment" }"#;
const DISCLOSE: &str = r#""disclosure": { "ai": true, "recording": true }"#;

fn answered(assistant: &str) -> World {
    World::answered(assistant, CONTINUOUS)
}

fn records(world: &World) -> Vec<bool> {
    let records = world.log.iter().filter_map(|(_, action)| match action {
        Action::Record(on) => Some(*on),
        _ => None,
    });
    records.collect()
}

fn opt_outs(world: &World) -> usize {
    world.count(|action| matches!(action, Action::OptOut { .. }))
}

#[test]
fn a_machine_known_by_its_words_is_left_without_one() {
    for assistant in [desk(r#""turn": {}"#), survey(r#""turn": {}"#)] {
        let mut world = answered(&assistant);
        world.says(MAILBOX);
        assert_eq!(world.waits_for_end(), Ending::VoicemailReached);
        assert!(world.at() < 6_000, "{}", world.at());
        assert_eq!(world.requests.len(), 0, "no model is asked about a machine");
    }
}

#[test]
fn sound_alone_silences_and_hangs_up_when_nothing_human_follows() {
    let mut world = answered(&desk(r#""turn": {}"#));
    world.hears("front desk");
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(100));
    assert!(!world.is_heard(), "nobody talks to a machine");
    assert_eq!(world.waits_for_end(), Ending::VoicemailReached);
}

#[test]
fn a_call_that_rings_on_after_the_answer_is_not_greeted_before_somebody_is_there() {
    for assistant in [desk(r#""turn": {}"#), survey(r#""turn": {}"#)] {
        let mut world = answered(&assistant);
        world.give(Input::Detected(Party::Ringback));
        world.pass(ms(12_000));
        assert!(!world.is_heard() && world.heard_words().is_empty(), "nobody is there");
        assert!(world.ended.is_none());
        world.says("hello");
        world.pass(ms(1_500));
        assert!(!world.heard_words().is_empty() || world.is_heard(), "greeted like anybody else");
    }
}

#[test]
fn a_call_that_rings_on_for_too_long_was_not_answered() {
    let mut world = answered(&desk(r#""turn": {}"#));
    world.give(Input::Detected(Party::Ringback));
    let begun = world.at();
    assert_eq!(world.waits_for_end(), Ending::NotAnswered);
    assert!((30_000..30_200).contains(&(world.at() - begun)), "{begun} {}", world.at());
    assert!(world.heard_words().is_empty());
}

#[test]
fn ringing_under_the_greeting_silences_it_until_somebody_is_there() {
    let mut world = answered(&desk(r#""turn": {}"#));
    world.hears_word("front", ms(0));
    world.give(Input::Detected(Party::Ringback));
    world.pass(ms(300));
    assert!(!world.is_heard());
    world.pass(ms(10_000));
    assert!(!world.is_heard() && world.ended.is_none(), "no idle prompt to a phone that rings");
    world.give(Input::Detected(Party::Human));
    world.hears("front desk");
    assert!(world.hears_the_beginning(), "nobody has heard any of it");
}

#[test]
fn a_fax_machine_is_hung_up_on() {
    let mut world = answered(&desk(r#""turn": {}"#));
    world.give(Input::Detected(Party::Fax));
    assert_eq!(world.waits_for_end(), Ending::FaxReached);
}

#[test]
fn who_was_taken_for_a_machine_and_asks_for_us_is_greeted_on() {
    let mut world = answered(&desk(r#""turn": {}"#));
    world.hears_word("front", ms(0));
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(300));
    world.says("hello who is there");
    world.hears_out("close at six");
    assert_eq!(world.context(), ["assistant: Hello, this is the—", "user: hello who is there"]);
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(100));
    assert!(world.ended.is_none(), "who has answered us is a person from then on");
}

#[test]
fn a_message_is_left_after_the_beep_and_not_before() {
    for assistant in [desk(MESSAGE), survey(MESSAGE)] {
        let mut world = answered(&assistant);
        world.says(MAILBOX);
        world.pass(ms(500));
        let begun = world.at();
        world.give(Input::Detected(Party::Beep));
        world.hears_out("please call back");
        assert_eq!(world.waits_for_end(), Ending::MessageLeft);
        assert!(world.heard_words().last().is_some_and(|text| text == "This is Anna, please call back."));
        let speaks = |(at, action): &(Duration, Action)| match action {
            Action::Speak { .. } => u64::try_from(at.as_millis()).ok(),
            _ => None,
        };
        let last = world.log.iter().filter_map(speaks).next_back().expect("it was spoken");
        assert!((begun + 300..begun + 600).contains(&last), "{begun} {last}");
        assert_eq!(world.requests.len(), 0);
    }
}

#[test]
fn without_a_beep_the_message_follows_the_greeting_and_is_begun_anew_after_a_late_beep() {
    let mut world = answered(&desk(MESSAGE));
    world.says(MAILBOX);
    world.hears("please call back");
    world.pass(ms(400));
    world.give(Input::Detected(Party::Beep));
    assert_eq!(world.waits_for_end(), Ending::MessageLeft);
    assert!(world.heard_words().last().is_some_and(|text| text == "This is Anna, please call back."));
}

#[test]
fn a_message_says_first_that_it_is_an_ai_when_that_is_demanded() {
    let mut world = answered(&desk(&format!("{MESSAGE}, {DISCLOSE}")));
    world.says(MAILBOX);
    world.give(Input::Detected(Party::Beep));
    world.waits_for_end();
    let heard = world.heard_words();
    assert!(heard[heard.len() - 2].contains("an AI") && heard[heard.len() - 1].contains("call back"), "{heard:?}");
}

#[test]
fn a_screening_service_is_told_name_and_reason_and_then_waited_for() {
    for assistant in [desk(SCREENING), survey(SCREENING)] {
        let mut world = answered(&assistant);
        world.says(SERVICE);
        world.hears_out("Anna from the clinic");
        world.pass(ms(40_000));
        assert!(world.ended.is_none(), "the person decides");
        assert_eq!(
            world.heard_words().last().map(String::as_str),
            Some("This is Anna from the clinic. I am calling about your appointment.")
        );
        world.says("hello this is peter");
        world.hears("Hello");
        assert_eq!(world.requests.len(), 0);
    }
}

#[test]
fn a_screening_service_that_does_not_put_us_through_ends_the_call() {
    let mut world = answered(&desk(SCREENING));
    world.says(SERVICE);
    world.hears_out("Anna from the clinic");
    assert_eq!(world.waits_for_end(), Ending::Screened);
    assert!((45_000..60_000).contains(&world.at()), "{}", world.at());
}

#[test]
fn a_menu_is_answered_with_keys_and_a_circle_of_menus_is_left() {
    let mut world = World::greeted(OFFICE, CONTINUOUS);
    for key in ["1", "2", "0", "0"] {
        let answer = Answer::calls("", "send_dtmf", &format!(r#"{{"digits":"{key}"}}"#));
        // What was prepared is made anew when it is known what was tried.
        world.answers = [answer.clone(), answer].into();
        world.says(MENU);
        world.pass(ms(3_000));
        if world.ended.is_some() {
            break;
        }
    }
    assert_eq!(world.waits_for_end(), Ending::LostInMenus);
    let keys = world.count(|action| matches!(action, Action::SendDtmf { .. }));
    assert_eq!(keys, 3, "{}", world.story());
    assert!(world.context().iter().any(|line| line.contains("led back to it, choose others: 1, 2.")));
}

#[test]
fn disclosures_come_first_and_whole_whatever_the_caller_says() {
    for assistant in [desk(DISCLOSE), survey(DISCLOSE)] {
        let mut world = answered(&assistant);
        world.hears("an AI");
        world.says("wait what did you say there");
        world.hears_out("just say: do not record");
        world.hears_out("Hello");
        let heard = world.heard_words();
        assert_eq!(heard[0], "Please note that you are talking to an automated assistant, an AI.");
        assert_eq!(heard[1], "This call is recorded. If you do not want that, just say: do not record.");
        assert!(heard[2].starts_with("Hello"), "{heard:?}");
        assert_eq!(world.requests.len(), 0);
        assert!(world.transcript().contains(&"Caller: wait what did you say there".to_owned()));
    }
}

#[test]
fn a_refused_recording_stops_and_the_talk_goes_on() {
    for assistant in [desk(DISCLOSE), survey(DISCLOSE)] {
        let mut world = answered(&assistant);
        world.hears("just say: do not record");
        world.pass(ms(1_000));
        world.says("please do not record this");
        world.hears_out("the recording is off");
        assert_eq!(records(&world), [false]);
        world.hears("Hello");
        assert!(world.ended.is_none());
    }
}

#[test]
fn an_opt_out_is_kept_at_once_confirmed_and_the_end() {
    for assistant in [desk(r#""turn": {}"#), survey(r#""turn": {}"#)] {
        let mut world = answered(&assistant);
        world.hears("Hello");
        world.pass(ms(1_600));
        world.says("please take me off your list");
        world.hears("we will not call you again");
        assert_eq!(opt_outs(&world), 1, "it is written before it is confirmed");
        world.says("and stop calling me");
        assert_eq!(world.waits_for_end(), Ending::OptedOut);
        assert_eq!(opt_outs(&world), 1);
        assert_eq!(world.count(|action| matches!(action, Action::Say { .. })), 0, "no model answers it");
    }
}

#[test]
fn an_opt_out_into_the_disclosure_is_granted() {
    let mut world = answered(&desk(DISCLOSE));
    world.hears("an AI");
    world.says("never call me again");
    assert_eq!(world.waits_for_end(), Ending::OptedOut);
    assert_eq!(opt_outs(&world), 1);
}

#[test]
fn a_card_number_is_in_no_recording_and_no_transcript() {
    let mut world = World::greeted(super::model::DESK, CONTINUOUS);
    world.says("my card number is four one one one one one one one");
    world.hears_out("close at six");
    world.says("one one one one one one one one");
    world.hears_out("close at six");
    assert_eq!(records(&world), [false]);
    world.says("one two three");
    world.hears_out("close at six");
    let callers = world.conversation.outcome().transcript.iter().filter(|line| line.speaker == Speaker::Caller);
    let written: Vec<&str> = callers.map(|line| line.text.expose().as_str()).collect();
    assert!(written.iter().all(|line| !line.contains("one one") && !line.contains("two three")), "{written:?}");
    assert!(written.iter().any(|line| line.contains("[card")), "{written:?}");
    world.give(Input::VoiceStopped { ago: ms(0) });
    world.pass(ms(31_000));
    assert_eq!(records(&world), [false, true], "the recording goes on when the card has been given");
}

#[test]
fn a_card_number_by_keys_is_masked() {
    let mut world = World::greeted(super::model::DESK, CONTINUOUS);
    world.types("4111111111111111#");
    world.hears("Certainly");
    assert_eq!(records(&world).first(), Some(&false));
    assert!(world.transcript().contains(&"Caller: [card number]".to_owned()), "{:?}", world.transcript());
}
