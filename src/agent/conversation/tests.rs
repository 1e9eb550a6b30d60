mod chance;
mod external;
mod failures;
mod flow;
mod guided;
mod keys;
mod knowledge;
mod late;
mod manners;
mod model;
mod native;
mod native_manners;
mod phone;
mod random;
mod tools;
mod world;

use self::phone::{MUMBLE, NOISE, Phone, ms};
use super::*;

const SURVEY: &str = include_str!("../flow/fixtures/survey.json");

/// A flow of one question between two statements.
const SHORT: &str = r#"{ "name": "Short", "flow": { "start": "hello", "nodes": [
    { "id": "hello", "say": { "text": "Good day, this is the library with a word about your books.", "next": "renew" } },
    { "id": "renew", "ask": { "text": "Shall we renew them?", "answer": { "kind": "yes_no" }, "attempts": 2, "next": "bye" } },
    { "id": "bye", "end": { "text": "Thank you and goodbye.", "reason": "done" } } ] } }"#;

fn completed(reason: &str) -> Ending {
    Ending::Completed { reason: reason.to_owned() }
}

/// A survey whose first question has been heard to its end.
fn asked() -> Phone {
    let mut phone = Phone::answered(SURVEY);
    phone.hears_out("Do you still want it?");
    phone.pass(ms(300));
    phone
}

/// A survey at the question `time`, after a yes to the first.
fn at_choice() -> Phone {
    let mut phone = asked();
    phone.says("yes");
    phone.hears_out("in the morning");
    phone.pass(ms(300));
    phone
}

#[test]
fn texts_are_asked_for_while_it_rings_the_first_one_first() {
    let phone = Phone::ringing(SURVEY, &[("first_name", "Ada")]);
    let texts: Vec<_> = phone
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Prepare { text, .. } => Some(text.expose().as_str()),
            _ => None,
        })
        .collect();
    assert!(texts[0].starts_with("Hello Ada, this is the clinic"), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("Goodbye.")), "{texts:?}");
    assert_eq!(phone.said(0), [""; 0]);
}

#[test]
fn a_missing_value_without_default_places_no_call() {
    let assistant = SURVEY.replace(r#"{ "default": "there" }"#, "{}");
    let assistant: Assistant = serde_json::from_str(&assistant).expect("it parses");
    let error = Conversation::new(&assistant, &BTreeMap::new(), Timing::default()).expect_err("no name");
    assert_eq!(error, ScriptError::MissingVariable("first_name".to_owned()));
}

#[test]
fn the_agent_speaks_one_second_after_a_silent_answer() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    assert_eq!(phone.at(), 1_020);
    assert_eq!(phone.conversation.outcome().first_speech, Some(ms(1_020)));
}

#[test]
fn the_agent_speaks_after_the_callees_hello() {
    let mut phone = Phone::answered(SURVEY);
    phone.voice("hello", ms(300));
    phone.hears("Hello there");
    assert_eq!(phone.at(), 520, "last voice at 300, noticed 200 later, next tick");
}

#[test]
fn the_agent_does_not_wait_for_a_long_greeting_and_is_not_stopped_by_it() {
    let mut phone = Phone::answered(SURVEY);
    phone.pass(ms(600));
    phone.voice("hello who is there please", ms(2_500));
    assert!(phone.is_heard());
    phone.hears_out("Do you still want it?");
    assert_eq!(phone.said(0).len(), 1);
}

#[test]
fn a_hello_into_the_first_words_is_no_interruption_and_no_wrong_answer() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    phone.pass(ms(400));
    phone.voice(MUMBLE, ms(900));
    phone.hears_out("Do you still want it?");
    phone.pass(ms(1_000));
    assert_eq!(phone.said(0).len(), 1);
    assert_eq!(phone.answers(), [""; 0]);
}

#[test]
fn a_whole_call_by_voice_keys_and_free_speech() {
    let mut phone = at_choice();
    phone.says("in the afternoon please");
    phone.hears_out("I understood afternoon. Is that right?");
    phone.says("yes");
    phone.hears_out("How many people");
    phone.types("12");
    phone.hears_out("Please speak now.");
    phone.pass(ms(500));
    phone.voice(MUMBLE, ms(3_000));
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.waits_for_end(), completed("completed"));
    assert_eq!(phone.answers(), ["interest=yes", "time=afternoon", "party=12", "remark=3000ms"]);
    assert!(phone.conversation.outcome().flow_completed);
    assert_eq!(phone.transcript().last().map(String::as_str), Some("Agent: Thank you. Goodbye."));
}

#[test]
fn a_hash_after_the_last_possible_digit_belongs_to_the_number() {
    let mut phone = at_choice();
    phone.says("in the afternoon please");
    phone.hears_out("I understood afternoon. Is that right?");
    phone.says("yes");
    phone.hears_out("How many people");
    phone.types("12");
    phone.pass(ms(200));
    phone.types("#");
    phone.hears_out("Please speak now.");
    phone.pass(ms(500));
    phone.voice(MUMBLE, ms(3_000));
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.answers(), ["interest=yes", "time=afternoon", "party=12", "remark=3000ms"]);
}

#[test]
fn a_branch_takes_the_other_way() {
    let mut phone = asked();
    phone.says("no thanks");
    phone.hears_out("Thank you. Goodbye.");
    assert_eq!(phone.waits_for_end(), completed("completed"));
    assert_eq!(phone.answers(), ["interest=no"]);
}

#[test]
fn a_reply_comes_550_ms_after_the_last_voice_packet_and_is_measured() {
    let mut phone = asked();
    phone.says("yes");
    let stopped = phone.at();
    phone.hears("in the morning");
    assert_eq!(phone.at() - stopped, 570);
    let turn = phone.conversation.outcome().turns[0];
    assert_eq!((turn.at_ms, turn.decided, turn.understood, turn.replied), (stopped, ms(500), ms(550), ms(570)));
}

#[test]
fn a_pause_inside_an_answer_does_not_end_it() {
    let mut phone = asked();
    phone.says("well");
    phone.pass(ms(350));
    phone.says("yes");
    phone.hears("in the morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn speech_over_a_prompt_stops_it_after_300_ms() {
    let mut phone = Phone::answered(SHORT);
    phone.hears("Good day");
    phone.pass(ms(1_600));
    let since = phone.at();
    phone.voice("who are you", ms(800));
    let stop = phone.log.iter().find(|(_, action)| matches!(action, Action::StopSpeaking { .. }));
    let (at, action) = stop.expect("the prompt is stopped");
    assert_eq!(at.as_millis() as u64, since + 300);
    assert!(matches!(action, Action::StopSpeaking { fade, .. } if *fade == ms(15)));
    assert!(!phone.is_heard());
}

#[test]
fn a_statement_goes_on_at_the_sample_where_it_was_interrupted() {
    let mut phone = Phone::answered(SHORT);
    phone.hears("Good day");
    phone.pass(ms(1_600));
    phone.voice(MUMBLE, ms(800));
    phone.hears_out("Good day");
    // 1600 ms until the voice, 300 ms of it, 15 ms of fade.
    assert_eq!(phone.said(0)[1], format!("Good day, this is the library with a word about your books.@{}", 1_915 * 8));
    phone.hears_out("Shall we renew them?");
    let transcript = phone.transcript().join("\n");
    assert!(
        transcript.contains("Agent: Good day, this is the library with a…\nCaller: \nAgent: word about"),
        "{transcript}"
    );
}

#[test]
fn a_cough_does_not_stop_the_agent() {
    let mut phone = Phone::answered(SHORT);
    phone.hears("Good day");
    phone.pass(ms(1_600));
    phone.voice(NOISE, ms(90));
    phone.hears_out("Shall we renew them?");
    assert_eq!(phone.said(0).len(), 2);
}

#[test]
fn an_answer_over_the_question_counts() {
    let mut phone = Phone::answered(SHORT);
    phone.hears("Shall we renew");
    phone.pass(ms(200));
    phone.says("yes please");
    phone.hears_out("Thank you and goodbye.");
    assert_eq!(phone.waits_for_end(), completed("done"));
    assert_eq!(phone.answers(), ["renew=yes"]);
}

#[test]
fn a_short_yes_that_does_not_interrupt_counts_too() {
    let mut phone = asked();
    phone.says("yes");
    phone.hears("in the morning");
    phone.pass(ms(700));
    phone.voice("morning", ms(120));
    phone.hears("I understood morning");
    let cut = phone.transcript();
    assert!(cut.iter().any(|line| line.starts_with("Agent: Would you like") && line.ends_with('…')), "{cut:?}");
}

#[test]
fn an_interrupted_question_that_got_no_answer_is_put_again_with_a_hint() {
    let mut phone = asked();
    phone.says("yes");
    phone.hears("in the morning");
    phone.pass(ms(500));
    phone.voice(MUMBLE, ms(1_000));
    phone.hears_out("Sorry, I did not get that. Please say morning, afternoon or evening, or press 1 for morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn noise_that_interrupted_a_question_lets_it_go_on() {
    let mut phone = asked();
    phone.says("yes");
    phone.hears("in the morning");
    phone.pass(ms(500));
    phone.voice(NOISE, ms(1_000));
    phone.hears_out("in the morning");
    let said = phone.said(0);
    assert!(said.last().is_some_and(|text| text.ends_with(&format!("@{}", 815 * 8))), "{said:?}");
}

#[test]
fn mumbling_gets_hints_and_then_the_flow_goes_on_without_an_answer() {
    let mut phone = asked();
    for _ in 0..2 {
        phone.says(MUMBLE);
        phone.hears_out("Please say yes or no, or press 1 for yes and 2 for no.");
        phone.pass(ms(200));
    }
    phone.says(MUMBLE);
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.answers(), ["interest:NoMatch"]);
    assert_eq!(phone.conversation.outcome().answers[0].attempts, 3);
}

#[test]
fn mumble_then_answer() {
    let mut phone = asked();
    phone.says(MUMBLE);
    phone.hears_out("Please say yes or no");
    phone.says("yeah sure");
    phone.hears("in the morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn silence_gets_two_idle_prompts_counted_from_the_end_of_playout_then_the_end() {
    let mut phone = Phone::answered(SURVEY);
    for words in ["Do you still want it?", "Are you still there?", "Are you still there?"] {
        phone.hears_out(words);
        let quiet = phone.at();
        if phone.said(0).len() < 3 {
            phone.hears("Are you still there?");
            assert_eq!(phone.at() - quiet, 8_020);
        }
    }
    let quiet = phone.at();
    assert_eq!(phone.waits_for_end(), Ending::Inactivity);
    assert_eq!(phone.at() - quiet, 8_000);
    assert_eq!(phone.answers(), ["interest:NoInput"]);
    assert!(!phone.conversation.outcome().caller_reacted);
}

#[test]
fn a_sign_of_life_starts_the_idle_prompts_anew() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears_out("Are you still there?");
    phone.hears_out("Are you still there?");
    phone.says(MUMBLE);
    phone.hears_out("Sorry, I did not get that.");
    phone.hears_out("Are you still there?");
    phone.hears_out("Are you still there?");
    assert_eq!(phone.waits_for_end(), Ending::Inactivity);
}

#[test]
fn a_key_answers_in_the_middle_of_the_question() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    phone.pass(ms(500));
    phone.types("1");
    phone.hears("in the morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
    assert_eq!(phone.conversation.outcome().answers[0].channel, Some(Channel::Dtmf));
    assert!(phone.transcript().contains(&"Caller: 1".to_owned()));
}

#[test]
fn a_key_wins_over_a_turn_that_is_still_being_recognised() {
    let mut phone = asked();
    phone.recognition = Some(ms(2_000));
    phone.says("no");
    phone.pass(ms(1_000));
    phone.types("1");
    phone.hears("in the morning");
    phone.pass(ms(3_000));
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn a_wrong_key_gets_the_hint() {
    let mut phone = asked();
    phone.types("7");
    phone.hears_out("press 1 for yes and 2 for no");
    phone.types("2");
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.answers(), ["interest=no"]);
}

/// A survey at the question `party`, which wants one or two digits.
fn at_number() -> Phone {
    let mut phone = at_choice();
    phone.types("3");
    phone.hears_out("I understood evening");
    phone.types("1");
    phone.hears("How many people");
    phone.pass(ms(300));
    phone
}

#[test]
fn digits_end_with_the_hash_key_or_after_a_pause() {
    let mut phone = at_number();
    phone.types("4#");
    phone.hears("anything we should know");
    assert_eq!(phone.answers().last().map(String::as_str), Some("party=4"));

    let mut phone = at_number();
    phone.types("5");
    let typed = phone.at();
    phone.hears("anything we should know");
    assert_eq!(phone.at() - typed, 4_000 - 200 + 20);
    assert_eq!(phone.answers().last().map(String::as_str), Some("party=5"));
}

#[test]
fn star_begins_the_number_anew_and_too_few_digits_get_the_hint() {
    let mut phone = at_number();
    phone.types("4*7#");
    phone.hears("anything we should know");
    assert_eq!(phone.answers().last().map(String::as_str), Some("party=7"));

    let mut phone = at_number();
    phone.types("#");
    phone.hears_out("Please say the number");
}

#[test]
fn a_denied_confirmation_puts_the_question_again() {
    let mut phone = at_choice();
    phone.says("morning");
    phone.hears_out("I understood morning. Is that right?");
    phone.says("no");
    phone.hears_out("Would you like to come in the morning");
    phone.says("evening");
    phone.hears_out("I understood evening. Is that right?");
    phone.says("yes");
    phone.hears("How many people");
    assert_eq!(phone.answers(), ["interest=yes", "time=evening"]);
    assert_eq!(phone.conversation.outcome().answers[1].attempts, 2);
}

#[test]
fn a_free_answer_may_hold_pauses_and_ends_with_silence_or_at_its_limit() {
    let mut phone = at_number();
    phone.types("4#");
    phone.hears_out("Please speak now.");
    phone.voice(MUMBLE, ms(1_000));
    phone.pass(ms(1_200));
    phone.voice(MUMBLE, ms(1_000));
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.answers().last().map(String::as_str), Some("remark=3200ms"));

    let mut phone = at_number();
    phone.types("4#");
    phone.hears_out("Please speak now.");
    phone.voice(MUMBLE, ms(25_000));
    assert_eq!(phone.answers().last().map(String::as_str), Some("remark=20000ms"));
}

#[test]
fn goodbye_is_answered_and_what_was_answered_is_kept() {
    let mut phone = at_choice();
    phone.says("goodbye");
    phone.hears_out("All right. Goodbye.");
    assert_eq!(phone.waits_for_end(), Ending::CallerGoodbye);
    assert_eq!(phone.answers(), ["interest=yes", "time:Declined"]);
    assert!(!phone.conversation.outcome().flow_completed);
}

#[test]
fn a_hang_up_keeps_the_answers_and_says_nothing_more() {
    let mut phone = at_choice();
    phone.hangs_up();
    assert_eq!(phone.ended, Some(Ending::HungUp));
    assert_eq!(phone.answers(), ["interest=yes", "time:Declined"]);
    let actions = phone.log.len();
    phone.says("hello");
    phone.pass(ms(30_000));
    assert_eq!(phone.log.len(), actions);
}

#[test]
fn a_hang_up_in_mid_word_cuts_the_transcript_to_what_was_heard() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    phone.pass(ms(1_000));
    phone.hangs_up();
    assert_eq!(phone.transcript(), ["Agent: Hello there, this…"]);
}

#[test]
fn the_last_words_are_played_out_before_hanging_up_and_nothing_stops_them() {
    let mut phone = asked();
    phone.says("no");
    phone.hears("Thank you. Goodbye.");
    phone.voice("wait a moment please", ms(900));
    phone.types("1");
    assert_eq!(phone.waits_for_end(), completed("completed"));
    let last = phone.transcript().into_iter().rfind(|line| line.starts_with("Agent"));
    assert_eq!(last.as_deref(), Some("Agent: Thank you. Goodbye."));
}

#[test]
fn a_machine_is_left_alone() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    phone.pass(ms(700));
    let replies = phone.said(0).len();
    phone.give(Input::Detected(Party::Beep));
    assert_eq!(phone.ended, Some(Ending::VoicemailReached));
    assert_eq!(phone.said(0).len(), replies);
    assert_eq!(phone.answers(), ["interest:NoInput"]);
}

#[test]
fn a_request_to_repeat_is_granted() {
    let mut phone = asked();
    phone.says("could you repeat that");
    phone.hears_out("Do you still want it?");
    phone.says("yes");
    phone.hears("in the morning");
    assert_eq!(phone.conversation.outcome().answers[0].attempts, 1);
}

#[test]
fn a_refusal_goes_on_without_an_answer() {
    let mut phone = asked();
    phone.says("none of your business");
    phone.hears("Thank you. Goodbye.");
    assert_eq!(phone.answers(), ["interest:Declined"]);
}

#[test]
fn when_the_time_is_up_the_sentence_is_finished_and_a_goodbye_said() {
    let mut phone = Phone::answered(SURVEY);
    phone.hears("Hello there");
    phone.give(Input::TimeNearlyUp);
    phone.hears_out("Do you still want it?");
    phone.hears_out("our time is up");
    assert_eq!(phone.waits_for_end(), Ending::TimeUp);
    assert_eq!(phone.answers(), ["interest:NoInput"]);
}

#[test]
fn a_slow_synthesiser_delays_and_a_dead_one_ends_the_call() {
    let mut phone = Phone::ringing(SURVEY, &[]);
    phone.synthesis = None;
    phone.answer();
    // What was asked for before the failure comes; the hints do not.
    phone.hears_out("Do you still want it?");
    phone.says(MUMBLE);
    assert_eq!(phone.waits_for_end(), Ending::SpeechFailed);
    assert_eq!(phone.answers(), ["interest:NoInput"]);
}

#[test]
fn a_recogniser_that_never_answers_is_given_up_and_keys_still_work() {
    let mut phone = asked();
    phone.recognition = None;
    phone.says("yes");
    let stopped = phone.at();
    phone.hears("Sorry, I did not get that.");
    assert_eq!(phone.at() - stopped, 500 + 3_000 + 20);
    phone.types("1");
    phone.hears("in the morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn a_voice_without_end_is_looked_at_every_fifteen_seconds() {
    let mut phone = asked();
    phone.voice(MUMBLE, ms(40_000));
    let turns = phone.log.iter().filter(|(_, action)| matches!(action, Action::Listen { .. })).count();
    assert!((2..=4).contains(&turns), "{turns} turns");
}

#[test]
fn a_caller_who_goes_on_while_the_recogniser_works_is_heard() {
    let mut phone = asked();
    phone.recognition = Some(ms(900));
    phone.says(MUMBLE);
    phone.pass(ms(800));
    phone.says("yes");
    phone.hears("in the morning");
    assert_eq!(phone.answers(), ["interest=yes"]);
}

#[test]
fn a_goodbye_in_place_of_a_text_that_is_late_is_said_in_peace() {
    let mut phone = Phone::ringing(SURVEY, &[]);
    phone.pass(ms(1_000));
    phone.answer();
    phone.synthesis = Some(ms(4_000));
    phone.hears_out("Do you still want it?");
    phone.says(MUMBLE);
    phone.pass(ms(700));
    phone.give(Input::TimeNearlyUp);
    assert_eq!(phone.waits_for_end(), Ending::TimeUp);
}

#[test]
fn late_events_of_earlier_replies_change_nothing() {
    let mut phone = asked();
    phone.says("yes");
    phone.hears("in the morning");
    let before = format!("{:?}", phone.transcript());
    phone.give(Input::SpeechFinished { reply: ReplyId(0), ago: ms(0) });
    phone.give(Input::SpeechCut { reply: ReplyId(0), heard: 80, ago: ms(0) });
    phone.give(Input::Understood {
        turn: crate::provider::stt::TurnId(0),
        transcript: crate::provider::stt::Transcript::OutOfGrammar,
    });
    assert_eq!(format!("{:?}", phone.transcript()), before);
    assert!(phone.is_heard());
}
