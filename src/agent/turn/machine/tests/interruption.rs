//! The caller over the agent.

use super::*;

#[test]
fn a_voice_interrupts_after_300_ms_and_words_at_the_second() {
    Bench::new(WORDS)
        .agent(0, Guard::None)
        .voice(5_000, None)
        .until(6_000)
        .expect(&["5200 started 0 at 5000", "5300 interrupt from 5000"]);
    Bench::new(WORDS)
        .agent(0, Guard::None)
        .partial(5_000, "but")
        .partial(5_100, "but I")
        .partial(5_200, "but I want")
        .expect(&[
            "5000 started 0 at 5000",
            "5000 updated 'but'",
            "5100 updated 'but I'",
            "5100 interrupt from 5000",
            "5200 updated 'but I want'",
        ]);
}

#[test]
fn a_listener_is_let_listen() {
    let mut bench = Bench::new(WORDS);
    bench.agent(0, Guard::None).tell(5_200, TurnInput::Overlap(Overlap::Undecided));
    bench.voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::Undecided));
    bench.tell(5_450, TurnInput::Overlap(Overlap::BackChannel)).silence(5_400).partial(5_700, "Mm-hmm.");
    bench.until(6_100).answer(6_150, "Mm-hmm.");
    bench.expect(&[
        "5200 started 0 at 5000",
        "5700 updated 'Mm-hmm.'",
        "6000 close 0",
        "6150 dismissed 0 'Mm-hmm.' at 5400",
    ]);
}

#[test]
fn a_remark_is_an_answer_when_the_agent_has_finished_or_has_asked() {
    let okay = |asked, finished: bool| {
        let mut bench = Bench::new(WORDS);
        bench.tell(0, TurnInput::Asked(asked)).agent(0, Guard::None);
        bench.voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::BackChannel));
        bench.silence(5_300).partial(5_600, "okay");
        if finished {
            bench.tell(5_650, TurnInput::AgentStopped);
        }
        bench.until(6_000).answer(6_000, "okay");
        bench.said.pop().expect("the turn is over")
    };
    assert_eq!(okay(Asked::Nothing, false), "6000 dismissed 0 'okay' at 5300");
    assert_eq!(okay(Asked::Nothing, true), "6000 ended 0 'okay' at 5300");
    assert_eq!(okay(Asked::YesNo, false), "6000 ended 0 'okay' at 5300");
}

#[test]
fn a_verdict_hurries_or_holds_the_interruption() {
    let verdict = |verdict| {
        let mut bench = Bench::new(WORDS);
        bench.agent(0, Guard::None).voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::Undecided));
        bench.tell(5_420, TurnInput::Overlap(verdict)).until(9_000);
        bench.said.iter().find(|said| said.contains("interrupt")).cloned()
    };
    assert_eq!(verdict(Overlap::Speech).as_deref(), Some("5420 interrupt from 5000"));
    assert_eq!(verdict(Overlap::Undecided).as_deref(), Some("5700 interrupt from 5000"), "a verdict that never came");
    for other in [Overlap::BackChannel, Overlap::Noise, Overlap::Echo] {
        assert_eq!(verdict(other), None);
    }
}

#[test]
fn a_voice_that_is_noticed_late_waits_for_the_verdict_right_behind_it() {
    let noticed = |verdict: Option<Overlap>| {
        let mut bench = Bench::new(WORDS);
        let since = bench.at(5_000);
        bench.agent(0, Guard::None).tell(5_350, TurnInput::VoiceStarted { since });
        if let Some(verdict) = verdict {
            bench.tell(5_350, TurnInput::Overlap(verdict));
        }
        bench.until(5_600);
        bench.said.iter().find(|said| said.contains("interrupt")).cloned()
    };
    assert_eq!(noticed(None).as_deref(), Some("5370 interrupt from 5000"));
    assert_eq!(noticed(Some(Overlap::Speech)).as_deref(), Some("5350 interrupt from 5000"));
    assert_eq!(noticed(Some(Overlap::Undecided)), None);
    assert_eq!(noticed(Some(Overlap::Echo)), None);
}

#[test]
fn a_command_interrupts_alone_and_an_echo_does_not_with_any_words() {
    let mut bench = Bench::new(WORDS);
    bench.agent(0, Guard::None).voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::BackChannel));
    bench.partial(5_600, "Wait").expect(&["5200 started 0 at 5000", "5600 updated 'Wait'", "5600 interrupt from 5000"]);
    let mut bench = Bench::new(WORDS);
    bench.agent(0, Guard::None).voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::Echo));
    bench
        .partial(5_600, "your appointment is tomorrow")
        .silence(6_000)
        .until(6_700)
        .answer(6_700, "your appointment is tomorrow");
    bench.expect(&[
        "5200 started 0 at 5000",
        "5600 updated 'your appointment is tomorrow'",
        "6600 close 0",
        "6700 dismissed 0 'your appointment is tomorrow' at 6000",
    ]);
}

#[test]
fn words_of_an_echo_do_not_count_when_the_voice_comes_back_and_the_callers_do() {
    let mut bench = Bench::new(WORDS);
    let last_voice = bench.at(5_400);
    bench.agent(0, Guard::None).voice(5_000, None).tell(5_200, TurnInput::Overlap(Overlap::Undecided));
    bench.tell(5_400, TurnInput::Overlap(Overlap::Echo)).tell(5_400, TurnInput::VoiceStopped { last_voice });
    // Written of what came before it was known for an echo.
    bench.partial(5_600, "your appointment").voice(5_500, None).partial(5_750, "your appointment is");
    bench.tell(5_760, TurnInput::Overlap(Overlap::Undecided)).until(5_880);
    let said = |bench: &Bench, what: &str| bench.said.iter().any(|said| said.contains(what));
    assert!(!said(&bench, "interrupt"), "{:?}", bench.said);
    bench.partial(6_100, "your appointment is wait please");
    assert!(said(&bench, "6100 interrupt"), "{:?}", bench.said);
}

#[test]
fn saying_hello_at_the_same_time_is_no_interruption() {
    let mut bench = Bench::new(WORDS);
    bench.agent(1_000, Guard::Greeting).voice(1_500, None).partial(2_300, "hello who is this").silence(2_400);
    bench.answer(3_000, "hello who is this");
    bench.expect(&[
        "1700 started 0 at 1500",
        "2300 updated 'hello who is this'",
        "3000 close 0",
        "3000 dismissed 0 'hello who is this' at 2400 greeting",
    ]);
    bench.partial(3_500, "sorry I am busy").expect(&[
        "3500 started 1 at 3500",
        "3500 updated 'sorry I am busy'",
        "3500 interrupt from 3500",
    ]);
}

#[test]
fn what_must_be_heard_is_said_to_its_end_and_the_caller_is_heard_all_the_same() {
    let mut bench = Bench::new(WORDS);
    bench.agent(1_000, Guard::Whole).voice(3_000, None).partial(3_900, "I do not want this.").silence(4_000);
    bench.until(4_600).answer(4_700, "I do not want this.");
    bench.expect(&[
        "3200 started 0 at 3000",
        "3900 updated 'I do not want this.'",
        "4200 eager 'I do not want this.'",
        "4600 close 0",
        "4700 ended 0 'I do not want this.' at 4000",
    ]);
}

#[test]
fn a_false_alarm_is_known_after_a_second_and_a_half() {
    let mut bench = Bench::new(WORDS);
    bench.agent(0, Guard::None).voice(5_000, None).tell(5_250, TurnInput::Overlap(Overlap::Speech)).until(5_310);
    bench.tell(5_310, TurnInput::AgentStopped).silence(5_500).until(7_100).answer(7_150, "");
    bench.expect(&[
        "5200 started 0 at 5000",
        "5300 interrupt from 5000",
        "7000 close 0",
        "7150 dismissed 0 nothing at 5500 interrupted",
    ]);
}

#[test]
fn an_agent_is_interrupted_once() {
    let mut bench = Bench::new(WORDS);
    bench.agent(0, Guard::None).voice(5_000, None).until(5_310).partial(5_400, "no no wait a moment");
    bench.tell(5_450, TurnInput::Overlap(Overlap::Speech));
    bench.expect(&["5200 started 0 at 5000", "5300 interrupt from 5000", "5400 updated 'no no wait a moment'"]);
}
