//! A bot of somebody else's leads.

use super::world::{CONTINUOUS, World, ms};
use crate::agent::conversation::*;
use crate::agent::external::{ExternalNews, ExternalOrder};
use crate::provider::stt::Manner;

const BOT: &str = r#"{ "name": "Bot", "mode": "external", "closing": "Goodbye from all of us.",
    "variables": { "first_name": { "default": "there" } }, "providers": { "bot": "theirs" },
    "external": { "parameters": { "who": "{{ first_name }}", "kind": "survey" } } }"#;
const DISCLOSE: &str = r#""disclosure": { "ai": true }"#;

fn with(fields: &str) -> String {
    format!("{}, {fields} }}", BOT.trim_end().strip_suffix('}').expect("it is an object"))
}

fn answered(assistant: &str) -> World {
    World::answered(assistant, Manner::TURN_BY_TURN)
}

fn orders(world: &World) -> Vec<ExternalOrder> {
    let orders = world.log.iter().filter_map(|(_, action)| match action {
        Action::External(order) => Some(order.clone()),
        _ => None,
    });
    orders.collect()
}

fn news(world: &mut World, news: ExternalNews) {
    world.give(Input::External(news));
}

fn open() -> ExternalOrder {
    let value = |text: &str| text.to_owned().into();
    let parameters = [("who".to_owned(), value("there")), ("kind".to_owned(), value("survey"))];
    ExternalOrder::Open { parameters: parameters.into() }
}

#[test]
fn the_bot_is_called_with_the_answer_and_heard_at_once() {
    let world = World::ringing(BOT);
    assert_eq!(orders(&world), [], "nobody has answered");
    let mut world = answered(BOT);
    assert_eq!(orders(&world), [open(), ExternalOrder::Floor(true)]);
    assert_eq!(world.at(), 0, "the callee's hello is for the bot");
    news(&mut world, ExternalNews::Ready);
    world.pass(ms(400));
    news(&mut world, ExternalNews::Spoke { ago: ms(20) });
    assert_eq!(world.conversation.outcome().first_speech, Some(ms(380)));
    world.pass(ms(120_000));
    assert!(world.ended.is_none() && world.transcript().is_empty(), "silence is the bot's business");
}

#[test]
fn a_bot_that_hangs_up_ends_the_call_and_keys_are_told_it_at_once() {
    let mut world = answered(BOT);
    world.types("4#");
    let keys = [ExternalOrder::Key('4'), ExternalOrder::Key('#')];
    assert_eq!(orders(&world)[2..], keys);
    world.pass(ms(3_000));
    assert_eq!(world.transcript(), ["Caller: 4#"]);
    news(&mut world, ExternalNews::HungUp);
    assert_eq!(world.ended, Some(Ending::Completed { reason: "bot_hung_up".to_owned() }));
}

#[test]
fn a_bot_that_is_not_there_is_excused_and_a_closing_is_said_instead() {
    let mut world = answered(BOT);
    news(&mut world, ExternalNews::Dead);
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(false)), "what it sent is not heard beside it");
    assert_eq!(world.waits_for_end(), Ending::ModelFailed);
    assert_eq!(world.heard_words(), ["Goodbye from all of us."]);
    let mut world = answered(&BOT.replace(r#""closing": "Goodbye from all of us.","#, ""));
    news(&mut world, ExternalNews::Dead);
    assert_eq!(world.waits_for_end(), Ending::ModelFailed);
    assert!(world.heard_words()[0].contains("technical problem"), "{:?}", world.heard_words());
}

#[test]
fn the_disclosure_comes_before_the_bot() {
    let mut world = answered(&with(DISCLOSE));
    world.hears("an AI");
    assert_eq!(orders(&world), []);
    world.hears_out("an AI");
    assert_eq!(orders(&world), [open(), ExternalOrder::Floor(true)]);
}

#[test]
fn a_muted_bot_is_not_heard_and_goes_on_later() {
    let mut world = answered(BOT);
    world.give(Input::Muted(true));
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(false)));
    world.give(Input::Note("be kind".to_owned().into()));
    world.pass(ms(60_000));
    world.give(Input::Muted(false));
    assert_eq!(orders(&world)[2..], [ExternalOrder::Floor(false), ExternalOrder::Floor(true)]);
}

#[test]
fn a_machine_silences_the_bot_and_is_left_a_message() {
    let message = r#""voicemail": { "policy": "leave_message", "message": "Please call back." }"#;
    let mut world = answered(&with(message));
    world.give(Input::Detected(Party::Machine));
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(false)));
    news(&mut world, ExternalNews::HungUp);
    assert!(world.ended.is_none(), "the message is left first");
    world.pass(ms(500));
    world.give(Input::Detected(Party::Beep));
    assert_eq!(world.waits_for_end(), Ending::MessageLeft);
    assert_eq!(world.heard_words(), ["Please call back."]);
}

#[test]
fn the_time_ends_with_a_goodbye_in_place_of_the_bot() {
    let mut world = answered(BOT);
    world.pass(ms(10_000));
    world.give(Input::TimeNearlyUp);
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(false)));
    news(&mut world, ExternalNews::HungUp);
    assert_eq!(world.waits_for_end(), Ending::TimeUp);
}

#[test]
fn a_recogniser_writes_down_what_the_caller_says_and_the_wish_to_be_left_alone_is_heeded() {
    let heard = BOT.replace(r#""bot": "theirs""#, r#""bot": "theirs", "stt": ["ears"]"#);
    let mut world = World::answered(&heard, CONTINUOUS);
    world.pass(ms(500));
    world.says("good morning to you");
    world.pass(ms(3_000));
    assert_eq!(world.transcript(), ["Caller: good morning to you"]);
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(true)), "nobody is interrupted");
    world.says("please take me off your list");
    world.hears("we will not call you again");
    assert_eq!(orders(&world).last(), Some(&ExternalOrder::Floor(false)));
    assert_eq!(world.waits_for_end(), Ending::OptedOut);
}

#[test]
fn without_a_recogniser_nothing_is_written() {
    let mut world = answered(BOT);
    world.says("good morning to you");
    world.pass(ms(3_000));
    assert_eq!(world.transcript(), [""; 0]);
    assert!(world.conversation.outcome().caller_reacted);
}
