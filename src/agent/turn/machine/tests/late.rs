//! Words that come long after their voice.

use super::*;

/// A machine that heard a voice from 1 s to 2 s and no words until 5 s.
fn wordless(manner: Manner) -> Bench {
    let mut bench = Bench::new(manner);
    bench.voice(1_000, Some(2_000)).until(5_000);
    bench
}

fn last_ended(bench: &Bench) -> Option<&Turn> {
    bench.signals.iter().rev().find_map(|signal| if let TurnSignal::Ended(turn) = signal { Some(turn) } else { None })
}

#[test]
fn words_without_a_voice_belong_to_the_one_that_had_none() {
    let mut bench = wordless(VENDOR);
    assert_eq!(bench.machine.unheard(), Some(bench.at(2_000)));
    let at = bench.at(5_100);
    bench.tell(5_100, TurnInput::AgentStarted { at, guard: Guard::None });
    bench.partial(5_200, "yes please").ended(5_400, "yes please");
    let turn = last_ended(&bench).expect("it is an answer and no remark");
    assert_eq!((turn.since, turn.last_voice), (bench.at(1_000), bench.at(2_000)));
    assert!(!bench.signals.iter().any(|signal| matches!(signal, TurnSignal::Interrupt { .. })));
    assert_eq!(bench.machine.unheard(), None);
}

#[test]
fn words_with_a_voice_are_that_voices() {
    let mut bench = wordless(VENDOR);
    bench.voice(5_100, Some(6_000)).ended(6_300, "yes please");
    assert_eq!(last_ended(&bench).expect("it ended").since, bench.at(5_100));
}

#[test]
fn what_was_known_to_be_quick_is_not_waited_for() {
    let mut bench = Bench::new(VENDOR);
    bench.voice(1_000, Some(2_000)).ended(2_400, "yes please");
    bench.voice(4_000, Some(5_000)).until(9_000);
    assert_eq!(bench.machine.unheard(), None);
}

#[test]
fn who_was_late_may_be_late_again_until_it_was_a_noise() {
    let mut bench = wordless(VENDOR);
    bench.ended(5_400, "yes please").voice(7_000, Some(7_300)).until(11_000);
    assert_eq!(bench.machine.unheard(), Some(bench.at(7_300)), "short as it was");
    bench.machine.give_up_unheard();
    assert_eq!(bench.machine.unheard(), None);
    bench.voice(12_000, Some(13_000)).until(16_000);
    assert_eq!(bench.machine.unheard(), None);
    bench.ended(16_200, "are you there").voice(18_000, Some(19_000)).until(21_000);
    assert_eq!(bench.machine.unheard(), Some(bench.at(19_000)), "it is late after all");
}

#[test]
fn a_recogniser_that_always_answers_owes_nothing_when_it_has_said_so() {
    let mut bench = Bench::new(WORDS);
    bench.voice(1_000, Some(2_000)).until(2_700);
    assert_eq!(bench.machine.unheard(), None, "it will answer");
    bench.answer(2_800, "").until(5_000);
    assert_eq!(bench.machine.unheard(), None);
    assert!(wordless(WORDS).machine.unheard().is_some(), "it has not answered at all");
}
