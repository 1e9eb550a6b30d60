//! Manners where a speech-to-speech model leads: it hears for itself and answers whoever speaks, so what it makes of
//! machines has to be kept back.

use super::native::{NATIVE, news, orders, says};
use super::world::{World, ms};
use crate::agent::conversation::*;
use crate::pii::Pii;
use crate::provider::llm::ToolCall;
use crate::provider::stt::Manner;

const MAILBOX: &str = "you have reached the voicemail of peter please leave a message after the tone";
const SERVICE: &str = "if you record your name and reason for calling I will see if this person is available";
const MESSAGE: &str = r#""voicemail": { "policy": "leave_message", "message": "This is Anna, please call back." }"#;
const SCREENING: &str = r#""screening": { "name": "Anna from the clinic", "reason": "your appointment" }"#;
const DISCLOSE: &str = r#""disclosure": { "ai": true, "recording": true }"#;

/// Answered by somebody who says nothing yet.
fn answered(fields: &str) -> World {
    let desk = NATIVE.trim_end().strip_suffix('}').expect("it is an object");
    World::answered(&format!("{desk}, {fields} }}"), Manner::TURN_BY_TURN)
}

/// The same, and the greeting was heard.
fn greeted(fields: &str) -> World {
    let mut world = answered(fields);
    world.pass(ms(1_000));
    world.item("a", "Hello, the front desk.", true);
    news(&mut world, NativeNews::Finished);
    world.hears_out("front desk");
    world.pass(ms(300));
    world
}

fn count(world: &World, kind: impl Fn(&NativeOrder) -> bool) -> usize {
    orders(world).iter().filter(|order| kind(order)).count()
}

fn responds(world: &World) -> usize {
    count(world, |order| matches!(order, NativeOrder::Respond { .. }))
}

fn opt_outs(world: &World) -> usize {
    world.count(|action| matches!(action, Action::OptOut { .. }))
}

/// The model answers by itself.
fn answers(world: &mut World, item: &str) {
    world.item(item, "Oh, I see, that is fine.", true);
    news(world, NativeNews::Finished);
}

#[test]
fn a_mailbox_is_left_without_a_word_however_the_model_answers_it() {
    let mut world = answered(r#""turn": {}"#);
    world.pass(ms(200));
    says(&mut world, MAILBOX);
    assert_eq!(world.waits_for_end(), Ending::VoicemailReached);
    assert!(world.at() < 6_000, "{}", world.at());
    assert_eq!(world.heard_words(), Vec::<String>::new());
}

#[test]
fn sound_alone_silences_the_model_and_nothing_human_ends_the_call() {
    let mut world = answered(r#""turn": {}"#);
    world.pass(ms(1_000));
    world.item("a", "Hello, the front desk.", false);
    world.hears("front desk");
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(100));
    assert!(!world.is_heard(), "nobody talks to a machine");
    assert!(orders(&world).contains(&NativeOrder::Cancel), "and the model stops");
    assert_eq!(world.waits_for_end(), Ending::VoicemailReached);
}

#[test]
fn a_message_is_left_after_the_beep_and_what_the_model_says_meanwhile_is_not_heard() {
    let mut world = answered(MESSAGE);
    world.pass(ms(300));
    world.give(Input::Detected(Party::Machine));
    // Longer than an answer of the model's is waited for; the greeting has not begun.
    for item in ["a", "b"] {
        world.caller_begins("", ms(4_000));
        world.pass(ms(150));
        news(&mut world, NativeNews::CallerStarted);
        world.pass(ms(4_200));
        news(&mut world, NativeNews::CallerStopped);
        news(&mut world, NativeNews::CallerSaid(Pii::new(MAILBOX.to_owned())));
        answers(&mut world, item);
        world.pass(ms(200));
    }
    assert!(world.ended.is_none() && !world.is_heard(), "{}", world.story());
    assert_eq!(responds(&world), 0, "nobody asks the model to greet a machine");
    world.give(Input::Detected(Party::Beep));
    world.hears_out("please call back");
    assert_eq!(world.waits_for_end(), Ending::MessageLeft);
    assert_eq!(world.heard_words(), ["This is Anna, please call back."]);
    let truncated = |item: &str| NativeOrder::Truncate { item: item.to_owned(), heard: ms(0) };
    assert!(["a", "b"].iter().all(|item| orders(&world).contains(&truncated(item))), "it knows that nobody heard it");
}

#[test]
fn a_person_who_was_taken_for_a_machine_is_greeted() {
    let mut world = answered(MESSAGE);
    world.pass(ms(300));
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(1_000));
    assert_eq!(responds(&world), 0);
    says(&mut world, "hello who is there");
    assert!(
        matches!(orders(&world).last(), Some(NativeOrder::Respond { instructions: Some(text) })
            if text.expose().ends_with("Hello, the front desk.")),
        "{:?}",
        orders(&world)
    );
    world.item("a", "Hello, the front desk.", true);
    news(&mut world, NativeNews::Finished);
    world.hears_out("front desk");
    says(&mut world, "what do you want");
    answers(&mut world, "b");
    world.hears_out("I see");
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(3_000));
    assert!(world.ended.is_none(), "who has answered us is a person from then on");
}

#[test]
fn a_screening_service_is_told_name_and_reason_and_the_model_waits() {
    let mut world = greeted(SCREENING);
    says(&mut world, SERVICE);
    answers(&mut world, "b");
    world.hears_out("Anna from the clinic");
    let asked = responds(&world);
    for item in ["c", "d"] {
        says(&mut world, "thank you please stay on the line");
        answers(&mut world, item);
        world.pass(ms(8_000));
    }
    assert!(world.ended.is_none(), "the person decides: {}", world.story());
    assert_eq!(responds(&world), asked);
    assert_eq!(
        world.heard_words().last().map(String::as_str),
        Some("This is Anna from the clinic. I am calling about your appointment.")
    );
    says(&mut world, "hello this is peter");
    assert_eq!(responds(&world), asked + 1, "{}", world.story());
    world.item("e", "Hello, the front desk.", true);
    world.hears("Hello");
}

#[test]
fn a_screening_service_that_does_not_put_us_through_ends_the_call() {
    let mut world = greeted(&format!("{SCREENING}, {MESSAGE}"));
    world.give(Input::Detected(Party::Machine));
    says(&mut world, SERVICE);
    world.hears_out("Anna from the clinic");
    assert_eq!(world.waits_for_end(), Ending::Screened, "it is no mailbox, whatever it sounds like");
    assert!((45_000..70_000).contains(&world.at()), "{}", world.at());
}

#[test]
fn tools_that_the_model_calls_for_a_machine_are_not_run() {
    let mut world = answered(MESSAGE);
    world.pass(ms(300));
    world.give(Input::Detected(Party::Machine));
    world.pass(ms(100));
    says(&mut world, MAILBOX);
    let call = ToolCall { id: "v1".to_owned(), name: "book".to_owned(), arguments: "{}".to_owned().into() };
    news(&mut world, NativeNews::Called(call));
    news(&mut world, NativeNews::Finished);
    world.pass(ms(300));
    assert_eq!(world.count(|action| matches!(action, Action::RunTool { .. })), 0);
    assert_eq!(
        count(&world, |order| matches!(order, NativeOrder::ToolResult { call, .. } if call == "v1")),
        1,
        "and yet answered"
    );
}

#[test]
fn disclosures_come_first_and_whole_whatever_the_caller_says() {
    let mut world = answered(DISCLOSE);
    world.hears("an AI");
    says(&mut world, "wait what did you say there");
    answers(&mut world, "x");
    world.hears_out("just say: do not record");
    world.item("a", "Hello, the front desk.", true);
    world.hears_out("Hello");
    let heard = world.heard_words();
    assert!(heard[0].contains("an AI") && heard[1].contains("recorded") && heard[2].starts_with("Hello"), "{heard:?}");
    assert!(world.transcript().contains(&"Caller: wait what did you say there".to_owned()));
    let disclosed = world.conversation.outcome().disclosed;
    assert!(disclosed.ai_ms < disclosed.recording_ms && disclosed.ai_ms.is_some(), "{disclosed:?}");
}

#[test]
fn an_opt_out_is_kept_at_once_confirmed_by_the_voice_and_the_end() {
    let mut world = greeted(r#""turn": {}"#);
    world.caller_begins("", ms(800));
    world.pass(ms(150));
    news(&mut world, NativeNews::CallerStarted);
    world.pass(ms(1_150));
    news(&mut world, NativeNews::CallerStopped);
    // The model is faster than the words.
    world.item("b", "I am sorry to hear that, could I", false);
    world.hears_word("sorry", ms(0));
    news(&mut world, NativeNews::CallerSaid(Pii::new("please take me off your list".to_owned())));
    assert_eq!(opt_outs(&world), 1, "it is written before it is confirmed");
    assert!(orders(&world).contains(&NativeOrder::Cancel));
    world.hears("we will not call you again");
    says(&mut world, "and stop calling me");
    answers(&mut world, "c");
    assert_eq!(world.waits_for_end(), Ending::OptedOut);
    assert_eq!(opt_outs(&world), 1);
    assert!(world.heard_words().last().is_some_and(|words| words.contains("we will not call you again")));
}

#[test]
fn a_muted_model_hears_and_answers_when_it_may() {
    let mut world = greeted(r#""turn": {}"#);
    world.give(Input::Muted(true));
    says(&mut world, "when do you open");
    answers(&mut world, "b");
    world.pass(ms(20_000));
    assert!(world.ended.is_none() && !world.is_heard(), "{}", world.story());
    world.give(Input::Muted(false));
    world.hears_out("I see");
}
