//! The caller has spoken, and the recogniser's words are late.

use super::model::DESK;
use super::world::{CONTINUOUS, DETECTS, World, ms};
use crate::agent::conversation::*;

const SURVEY: &str = include_str!("../../flow/fixtures/survey.json");

/// A desk whose recogniser says everything three seconds late.
fn late() -> World {
    let mut world = World::greeted(DESK, DETECTS);
    world.ears.lag = ms(3_000);
    world
}

fn bridges(world: &World) -> usize {
    let heard = world.heard_words();
    heard.iter().filter(|words| ["One moment, please.", "Just a second, please."].contains(&words.as_str())).count()
}

#[test]
fn a_caller_whose_words_are_late_hears_that_somebody_is_there_and_is_answered() {
    let mut world = late();
    world.says("when do you open");
    let stopped = world.at();
    world.waits();
    world.hears("One moment, please.");
    assert_eq!(world.at() - stopped, 2_020);
    world.hears_out("One moment, please.");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
    assert_eq!(world.requests.len(), 1);
    assert_eq!(
        world.context(),
        ["assistant: Hello, this is the front desk, how can I help you? One moment, please.", "user: when do you open"]
    );
    let turn = world.conversation.outcome().turns[0];
    assert_eq!(turn.at_ms, stopped, "counted from where the caller stopped");
}

#[test]
fn the_next_wait_is_bridged_in_other_words() {
    let mut world = late();
    world.says("when do you open");
    world.hears_out("close at six");
    world.says("and on sundays");
    world.hears_out("Just a second, please.");
    world.hears_out("close at six");
    assert_eq!(bridges(&world), 2);
}

#[test]
fn a_recogniser_that_is_asked_and_does_not_answer_is_late_too() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    (world.ears.lag, world.ears.answer) = (ms(3_000), Some(ms(2_600)));
    world.says("when do you open");
    world.waits();
    world.hears_out("One moment, please.");
    world.waits();
    world.hears_out("close at six");
    world.never_waited_in_silence();
}

#[test]
fn a_noise_is_passed_over_when_the_recogniser_is_known_to_be_quick() {
    let mut world = World::greeted(DESK, DETECTS);
    world.says("when do you open");
    world.hears_out("close at six");
    world.voice("", ms(900));
    world.pass(ms(7_000));
    assert_eq!(bridges(&world), 0);
    assert_eq!(world.requests.len(), 1);
}

#[test]
fn a_noise_is_passed_over_when_the_recogniser_says_that_there_was_nothing() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.voice("", ms(900));
    world.pass(ms(7_000));
    assert_eq!(bridges(&world), 0);
}

#[test]
fn who_waited_for_words_that_never_come_is_asked_and_the_next_noise_is_passed_over() {
    let mut world = World::greeted(DESK, DETECTS);
    world.voice("", ms(900));
    world.waits();
    world.hears_out("One moment, please.");
    world.waits();
    world.hears_out("Could you say it again?");
    world.never_waited_in_silence();
    world.pass(ms(500));
    world.voice("", ms(900));
    world.pass(ms(6_000));
    assert_eq!(bridges(&world), 1);
}

#[test]
fn a_cough_is_no_word() {
    let mut world = World::greeted(DESK, DETECTS);
    world.voice("", ms(300));
    world.pass(ms(7_000));
    assert_eq!(bridges(&world), 0);
}

#[test]
fn nobody_who_goes_on_speaking_is_spoken_over() {
    let mut world = late();
    world.says("when do you open");
    world.pass(ms(1_750));
    world.says("on sundays and on holidays in the winter");
    assert_eq!(world.count(|action| matches!(action, Action::Speak { .. })), 1, "{}", world.story());
    world.hears_out("close at six");
    assert_eq!(
        world.context().last().map(String::as_str),
        Some("user: when do you open on sundays and on holidays in the winter")
    );
}

#[test]
fn a_bridge_is_stopped_by_whoever_goes_on() {
    let mut world = late();
    world.says("when do you open");
    world.hears("One moment, please.");
    world.voice("on sundays I mean", ms(1_200));
    assert_eq!(world.count(|action| matches!(action, Action::StopSpeaking { .. })), 1);
    world.hears_out("close at six");
    assert!(world.context().iter().any(|line| line.starts_with("user: when do you open")), "{:?}", world.context());
}

#[test]
fn late_words_do_not_stop_the_bridge_and_a_late_yes_is_no_remark() {
    let mut world = late();
    world.ears.lag = ms(2_400);
    world.voice("yes please", ms(600));
    world.hears_out("One moment, please.");
    world.hears_out("close at six");
    assert_eq!(world.count(|action| matches!(action, Action::StopSpeaking { .. })), 0);
    assert_eq!(world.context().last().map(String::as_str), Some("user: yes please"));

    let mut world = late();
    world.ears.lag = ms(2_400);
    world.voice("yes", ms(600));
    world.hears_out("close at six");
    assert_eq!(world.context().last().map(String::as_str), Some("user: yes"));
}

#[test]
fn a_question_of_a_flow_is_bridged_too_and_put_again_when_no_words_come() {
    let mut world = World::answered(SURVEY, DETECTS);
    world.hears_out("Do you still want it?");
    world.pass(ms(300));
    world.ears.lag = ms(3_000);
    world.voice("yes", ms(500));
    world.waits();
    world.hears_out("One moment, please.");
    world.waits();
    world.hears_out("in the morning");
    world.never_waited_in_silence();
    world.pass(ms(300));
    world.voice("", ms(900));
    world.hears_out("Just a second, please.");
    world.hears_out("Please say morning, afternoon or evening");
}

#[test]
fn a_hello_whose_words_are_late_waits_for_nothing() {
    let mut world = World::ringing(DESK);
    world.ears.lag = ms(3_000);
    world.rings(DETECTS, ms(2_000));
    world.voice("hello", ms(500));
    world.hears_out("help you");
    world.pass(ms(6_000));
    assert_eq!(bridges(&world), 0, "{}", world.story());
    assert_eq!(world.heard_words().len(), 1, "a hello is greeted and not answered: {}", world.story());
}
