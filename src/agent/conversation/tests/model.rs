//! A model leads: turns, interruptions, silence, keys.

use super::world::{Answer, CONTINUOUS, DETECTS, World, ms};
use crate::agent::conversation::*;

pub(super) const DESK: &str = r#"{ "name": "Desk", "mode": "llm",
    "greeting": "Hello, this is the front desk, how can I help you?",
    "prompt": "You are the front desk of a hotel.",
    "providers": { "stt": ["ear"], "llm": ["brain"], "tts": ["mouth"] } }"#;

fn speaks(action: &Action) -> bool {
    matches!(action, Action::Speak { .. })
}

#[test]
fn the_caller_asks_and_the_model_answers() {
    for manner in [CONTINUOUS, DETECTS] {
        let mut world = World::greeted(DESK, manner);
        world.says("when do you open");
        world.waits();
        world.hears_out("nine in the morning");
        world.never_waited_in_silence();
        assert_eq!(
            world.context(),
            ["assistant: Hello, this is the front desk, how can I help you?", "user: when do you open"]
        );
        let transcript = world.transcript();
        assert_eq!(transcript[1], "Caller: when do you open");
        assert!(transcript[2].starts_with("Agent: Certainly, I can tell you"), "{transcript:?}");
        let turn = world.conversation.outcome().turns[0];
        let stages = [Some(turn.decided), turn.first_token, turn.first_sentence, turn.first_audio, Some(turn.replied)];
        assert!(stages.iter().all(Option::is_some), "{turn:?}");
        assert!(turn.first_token < turn.first_sentence && turn.first_sentence < turn.first_audio, "{turn:?}");
        assert!(turn.replied < ms(1_300), "{turn:?}");
    }
}

#[test]
fn an_answer_is_prepared_on_the_eager_end_and_not_asked_for_twice() {
    let mut world = World::greeted(DESK, DETECTS);
    world.says("when do you open");
    world.hears("nine in the morning");
    assert_eq!(world.requests.len(), 1);
    let ended = world.log.iter().position(|(_, action)| matches!(action, Action::Generate { .. })).expect("asked");
    let spoken = world.log.iter().rposition(|(_, action)| speaks(action)).expect("spoken");
    assert!(ended < spoken);
}

#[test]
fn what_was_prepared_is_thrown_away_when_the_caller_goes_on() {
    let mut world = World::greeted(DESK, DETECTS);
    world.answers.push_back(Answer::calls("Let me see.", "end_call", "{}").after(ms(900)));
    world.says("when do you open");
    world.pass(ms(400));
    assert_eq!(world.requests.len(), 1, "prepared");
    world.says("on a sunday");
    world.hears("nine in the morning");
    assert_eq!(world.context().last().map(String::as_str), Some("user: when do you open on a sunday"));
    assert_eq!(world.count(|action| matches!(action, Action::CancelGeneration { .. })), 1);
    assert_eq!(world.count(speaks), 2, "nothing of the first answer was said");
}

#[test]
fn a_back_channel_during_a_long_answer_changes_nothing() {
    for manner in [CONTINUOUS, DETECTS] {
        let mut world = World::greeted(DESK, manner);
        world.judges = true;
        world.says("tell me everything");
        world.hears_word("morning", ms(50));
        world.voice("mhm", ms(250));
        world.hears_out("close at six");
        assert_eq!(world.requests.len(), 1);
        assert_eq!(world.count(|action| matches!(action, Action::StopSpeaking { .. })), 0);
        assert!(world.transcript().contains(&"Caller: mhm".to_owned()), "{:?}", world.transcript());
        world.pass(ms(3_000));
        assert_eq!(world.requests.len(), 1, "nobody answers a mhm");
    }
}

#[test]
fn a_long_back_channel_stops_the_agent_who_goes_on_at_the_sample() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("tell me everything");
    world.hears_word("morning", ms(50));
    world.voice("okay yeah", ms(700));
    world.hears_out("close at six");
    let resumed: Vec<u64> = world
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Speak { source: Source::Utterance(_), from, .. } => Some(*from),
            _ => None,
        })
        .collect();
    assert_eq!(resumed.len(), 2, "{}", world.story());
    assert!(resumed[1] > 0);
    assert_eq!(world.requests.len(), 1);
    let heard = world.heard_words();
    assert!(heard.last().is_some_and(|text| text.ends_with("close at six.")), "{heard:?}");
}

#[test]
fn noise_without_words_stops_the_agent_for_a_second_and_a_half() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("tell me everything");
    world.hears_word("morning", ms(50));
    let since = world.at();
    world.voice("", ms(600));
    world.hears("close at six");
    assert!(!world.is_heard() || world.at() > since);
    world.hears_out("close at six");
    assert_eq!(world.requests.len(), 1);
    let speaks = world.count(|action| matches!(action, Action::Speak { source: Source::Utterance(_), .. }));
    assert_eq!(speaks, 2);
}

#[test]
fn an_interruption_in_the_first_word_leaves_nothing_of_the_answer() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("Certainly,", ms(100));
    world.says("no wait I mean breakfast");
    world.hears_out("close at six");
    assert_eq!(
        world.context(),
        [
            "assistant: Hello, this is the front desk, how can I help you?",
            "user: when do you open no wait I mean breakfast"
        ],
        "nobody has heard a word of the answer"
    );
    let turn = world.conversation.outcome().turns[1];
    assert_eq!(turn.talk_over, Some(ms(315)));
}

#[test]
fn an_interruption_before_the_first_word_joins_both_turns() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer::says("Nobody hears this.").after(ms(1_500)));
    world.says("when do you open");
    world.pass(ms(1_200));
    world.says("and is there breakfast");
    world.hears("nine in the morning");
    assert_eq!(world.context().last().map(String::as_str), Some("user: when do you open and is there breakfast"));
    assert!(!world.heard_words().join(" ").contains("Nobody"), "{}", world.story());
}

#[test]
fn an_interruption_in_mid_word_cuts_everything_to_the_word_before() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("tell you all", ms(0));
    world.says("stop please just the time");
    world.hears_out("close at six");
    let context = world.context();
    assert_eq!(context[2], "assistant: Certainly, I can tell—", "{context:?}");
    assert!(world.transcript().contains(&"Agent: Certainly, I can tell…".to_owned()), "{:?}", world.transcript());
    assert!(world.log.iter().any(|(_, action)| matches!(action, Action::Forget { heard, .. } if *heard > 0)));
}

#[test]
fn an_interruption_at_the_last_word_leaves_the_whole_answer() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.answers.push_back(Answer::says("We open at nine."));
    world.says("when do you open");
    world.hears_word("nine.", ms(200));
    world.says("and when do you close");
    world.hears_out("close at six");
    assert_eq!(
        world.context()[2..],
        ["assistant: We open at nine.".to_owned(), "user: and when do you close".to_owned()]
    );
}

#[test]
fn a_short_no_over_the_agents_words_counts_although_it_did_not_interrupt() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("morning", ms(0));
    world.voice("no", ms(180));
    world.pass(ms(1_500));
    let context = world.context();
    assert_eq!(context.last().map(String::as_str), Some("user: no"), "{context:?}");
    assert!(context[2].ends_with('—'), "{context:?}");
}

#[test]
fn a_silent_caller_gets_two_prompts_and_then_the_end() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    let quiet = world.at() - 300;
    world.hears("Are you still there?");
    assert_eq!(world.at() - quiet, 8_020);
    world.hears_out("Are you still there?");
    world.hears_out("Are you still there?");
    assert_eq!(world.waits_for_end(), Ending::Inactivity);
    assert_eq!(world.requests.len(), 0);
}

#[test]
fn a_caller_who_talks_over_the_greeting_does_not_stop_it_and_is_not_lost() {
    let mut world = World::answered(DESK, CONTINUOUS);
    world.hears("front desk");
    world.pass(ms(300));
    world.says("hello");
    world.hears_out("help you");
    world.pass(ms(2_000));
    assert_eq!(world.requests.len(), 0, "a hello wants no answer");
    world.says("when do you open");
    world.hears("nine in the morning");
    assert_eq!(
        world.context(),
        ["user: hello", "assistant: Hello, this is the front desk, how can I help you?", "user: when do you open"]
    );
}

#[test]
fn a_hello_that_says_more_is_answered_behind_the_greeting() {
    let mut world = World::answered(DESK, CONTINUOUS);
    world.says("hello this is Ada what are your hours");
    world.hears_out("help you");
    world.hears_out("close at six");
    assert_eq!(
        world.context(),
        [
            "user: hello this is Ada what are your hours",
            "assistant: Hello, this is the front desk, how can I help you?"
        ]
    );
}

#[test]
fn without_a_greeting_the_model_speaks_first() {
    let silent = DESK.replace(r#""greeting": "Hello, this is the front desk, how can I help you?","#, "");
    let mut world = World::answered(&silent, CONTINUOUS);
    world.hears_out("close at six");
    assert!(world.context()[0].starts_with("user: (The call was answered"), "{:?}", world.context());
    let mut world = World::answered(&silent, CONTINUOUS);
    world.says("hello who is this");
    world.hears_out("close at six");
    assert_eq!(world.context(), ["user: hello who is this"]);
}

#[test]
fn a_late_final_after_a_barge_in_is_not_lost_and_not_doubled() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("tell you all", ms(0));
    (world.ears.lag, world.ears.answer) = (ms(900), Some(ms(2_500)));
    world.says("stop please just the time");
    world.pass(ms(6_000));
    (world.ears.lag, world.ears.answer) = (ms(120), Some(ms(80)));
    world.hears_out("close at six");
    let users: Vec<String> = world.context().into_iter().filter(|line| line.starts_with("user")).collect();
    assert_eq!(users, ["user: when do you open", "user: stop please just the time"], "{}", world.story());
}

#[test]
fn duplicate_finals_are_one_turn() {
    for manner in [CONTINUOUS, DETECTS] {
        let mut world = World::greeted(DESK, manner);
        world.ears.twice = true;
        world.says("when do you open");
        world.hears_out("close at six");
        world.pass(ms(2_000));
        assert_eq!(world.requests.len(), 1);
        assert_eq!(world.context().last().map(String::as_str), Some("user: when do you open"));
    }
}

#[test]
fn keys_in_mid_sentence_stop_the_agent_and_reach_the_model() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("morning", ms(0));
    world.types("12#");
    world.hears_out("close at six");
    let context = world.context();
    assert_eq!(context.last().map(String::as_str), Some("user: (pressed the keys 12#)"), "{context:?}");
    assert!(world.transcript().contains(&"Caller: 12#".to_owned()));
}

#[test]
fn a_supervisors_word_is_seen_by_the_model_and_not_spoken() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.give(Input::Note("Offer breakfast for free.".to_owned().into()));
    world.says("when do you open");
    world.hears("nine in the morning");
    let context = world.context();
    let [_, note, question] = &context[..] else { panic!("{context:?}") };
    assert!(note.starts_with("system: Your supervisor tells you, unheard by the caller."), "{note}");
    assert!(note.ends_with("Offer breakfast for free."), "{note}");
    assert_eq!(question, "user: when do you open");
}

#[test]
fn a_muted_agent_listens_and_answers_when_it_may() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.give(Input::Muted(true));
    world.says("when do you open");
    world.pass(ms(20_000));
    assert!(world.requests.is_empty() && !world.is_heard());
    world.give(Input::Muted(false));
    world.hears_out("close at six");
    assert_eq!(world.context().last().map(String::as_str), Some("user: when do you open"));
}

#[test]
fn what_was_said_during_a_take_over_is_known_to_the_model() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.give(Input::Muted(true));
    world.says("when do you open");
    world.give(Input::Colleague("We open at nine.".to_owned().into()));
    world.pass(ms(5_000));
    assert!(world.requests.is_empty() && !world.is_heard());
    world.give(Input::Muted(false));
    world.hears_out("close at six");
    let context = world.context();
    let is_colleagues =
        |line: &String| line.starts_with("system: A colleague of yours") && line.ends_with("We open at nine.");
    assert!(context.iter().any(is_colleagues), "{context:?}");
    assert!(context.iter().any(|line| line == "user: when do you open"), "{context:?}");
}

#[test]
fn off_the_record_nothing_is_kept() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.give(Input::OffRecord(true));
    world.says("my card is four two four two");
    world.hears_out("close at six");
    world.give(Input::OffRecord(false));
    let records: Vec<_> = world.log.iter().filter(|(_, action)| matches!(action, Action::Record(_))).collect();
    assert_eq!(records.len(), 2);
    assert!(!world.transcript().join("\n").contains("four two"), "{:?}", world.transcript());
}

#[test]
fn when_the_time_is_up_a_sentence_is_finished_and_a_goodbye_said() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears("nine in the morning");
    world.give(Input::TimeNearlyUp);
    world.hears_out("our time is up");
    assert_eq!(world.waits_for_end(), Ending::TimeUp);
}

#[test]
fn a_hang_up_in_mid_word_keeps_what_was_heard() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.says("when do you open");
    world.hears_word("tell you all", ms(100));
    world.give(Input::HungUp { by_callee: true });
    assert_eq!(world.ended, Some(Ending::HungUp));
    assert_eq!(world.transcript().last().map(String::as_str), Some("Agent: Certainly, I can…"));
    let actions = world.log.len();
    world.pass(ms(10_000));
    assert_eq!(world.log.len(), actions);
}

#[test]
fn words_between_marks_are_estimated_where_the_voice_tells_none() {
    let mut world = World::greeted(DESK, CONTINUOUS);
    world.marks = false;
    world.says("when do you open");
    world.hears_word("nine", ms(0));
    world.says("stop please just the time");
    world.hears_out("close at six");
    let context = world.context();
    assert!(
        context[2].starts_with("assistant: Certainly, I can tell you all") && context[2].ends_with('—'),
        "{context:?}"
    );
}
