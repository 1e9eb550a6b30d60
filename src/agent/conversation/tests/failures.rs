//! Vendors fail; the caller is never left in silence.

use super::world::{Answer, CONTINUOUS, World, ms};
use crate::agent::conversation::*;

/// A desk that prepares no answers, so that each failure meets the one there is.
const DESK: &str = r#"{ "name": "Desk", "mode": "llm",
    "greeting": "Hello, this is the front desk, how can I help you?",
    "prompt": "You are the front desk of a hotel.", "turn": { "eager": false },
    "providers": { "stt": ["ear"], "llm": ["brain"], "tts": ["mouth"] } }"#;

#[test]
fn a_model_that_fails_before_the_reply_is_asked_once_more() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer::fails("", 0));
    world.says("when do you open");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    assert_eq!(world.requests.len(), 2);
    assert_eq!(world.requests[0].messages, world.requests[1].messages);
}

#[test]
fn an_answer_that_failed_while_it_was_prepared_is_asked_for_when_the_turn_is_over() {
    let mut world = World::greeted(super::model::DESK, CONTINUOUS);
    world.answers.push_back(Answer::fails("", 0).after(ms(100)));
    world.says("when do you open");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    assert_eq!(world.requests.len(), 2);
}

#[test]
fn a_model_that_fails_twice_ends_the_call_politely() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.extend([Answer::fails("", 0), Answer::fails("", 0)]);
    world.says("when do you open");
    world.waits();
    assert_eq!(world.waits_for_end(), Ending::ModelFailed);
    world.never_waited_in_silence();
    assert!(world.heard_words().last().is_some_and(|words| words.contains("technical problem")));
}

#[test]
fn a_model_that_hangs_is_bridged_given_up_and_asked_once_more() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer::hangs("", 0));
    world.says("when do you open");
    world.waits();
    world.hears_out("One moment, please.");
    world.waits();
    world.hears_out("I am still on it");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    assert_eq!(world.count(|action| matches!(action, Action::CancelGeneration { .. })), 1);
}

#[test]
fn a_model_that_dies_during_the_reply_goes_on_from_what_was_said() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    let broken = Answer::fails("We open at nine. On Sundays we open at ten and on holi", 9);
    world.answers.push_back(broken);
    world.answers.push_back(Answer::says("And on Sundays at ten."));
    world.says("when do you open");
    world.waits();
    world.hears_out("We open at nine.");
    world.never_waited_in_silence();
    let context = world.context();
    assert_eq!(context[2], "assistant: We open at nine.");
    assert!(context[3].starts_with("system: Your last reply was cut off"), "{context:?}");
    assert_eq!(world.heard_words().last().map(String::as_str), Some("We open at nine. And on Sundays at ten."));
}

#[test]
fn a_model_that_dies_twice_during_the_reply_says_that_it_lost_its_thread() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer::fails("We open at nine. On Sundays we", 7));
    world.answers.push_back(Answer::fails("", 0));
    world.says("when do you open");
    world.hears_out("lost my thread");
    world.says("when do you open");
    world.hears_out("close at six");
    assert_eq!(
        world.context()[2..],
        [
            "assistant: We open at nine. Sorry, I lost my thread. What were you saying?".to_owned(),
            "user: when do you open".to_owned()
        ]
    );
}

#[test]
fn a_model_that_dies_after_the_reply_is_not_missed() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_out("close at six");
    world
        .give(Input::GenerationFailed { generation: GenerationId(0), kind: crate::provider::error::ErrorKind::Broken });
    world.pass(ms(2_000));
    assert_eq!(world.requests.len(), 1);
    world.says("thanks");
    world.hears_out("close at six");
}

#[test]
fn a_model_with_nothing_to_say_is_asked_again_and_then_the_caller() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.extend([Answer::says(""), Answer::says(" ")]);
    world.says("when do you open");
    world.hears_out("Could you say it again?");
    assert_eq!(world.requests.len(), 2);
}

#[test]
fn a_voice_that_fails_before_the_first_word_is_replaced() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.failing_utterances = 1;
    world.says("when do you open");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    let heard = world.heard_words();
    let answers = heard.iter().filter(|words| words.starts_with("Certainly, I can tell")).count();
    assert_eq!(answers, 1, "{heard:?}");
}

#[test]
fn a_voice_that_fails_twice_ends_the_call_with_words_made_before() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.failing_utterances = 9;
    world.says("when do you open");
    world.waits();
    assert_eq!(world.waits_for_end(), Ending::SpeechFailed);
    world.never_waited_in_silence();
    assert!(world.heard_words().last().is_some_and(|words| words.contains("technical problem")));
}

#[test]
fn a_voice_that_says_nothing_is_bridged_and_given_up() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.voice_delay = None;
    world.says("when do you open");
    world.waits();
    world.hears_out("One moment, please.");
    world.waits();
    assert_eq!(world.waits_for_end(), Ending::SpeechFailed);
    world.never_waited_in_silence();
}

#[test]
fn a_voice_that_starves_in_the_middle_is_bridged_and_goes_on() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer { gap: ms(500), ..Answer::says("We open at nine. On Sundays at ten. And so on.") });
    world.says("when do you open");
    world.waits();
    world.hears_out("And so on.");
    world.never_waited_in_silence();
    let heard = world.heard_words();
    assert_eq!(heard.iter().filter(|words| words.starts_with("We open")).count(), 1, "{heard:?}");
}

#[test]
fn without_a_recogniser_the_agent_says_so_and_ends_the_call() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears("nine in the morning");
    world.give(Input::RecogniserDead);
    assert_eq!(world.waits_for_end(), Ending::RecogniserFailed);
    assert!(world.heard_words().last().is_some_and(|words| words.contains("cannot hear you")));
}

#[test]
fn a_recogniser_that_never_answers_leaves_the_words_it_had() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.caller_begins("when do you open", ms(1_000));
    world.pass(ms(1_300));
    world.ears.answer = None;
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    assert_eq!(world.context().last().map(String::as_str), Some("user: when do you open"));
}
