//! Every phase meets every input.

use std::fmt::Write as _;

use super::*;

/// A machine in each phase, by the shortest way.
fn phases(manner: Manner) -> Vec<(&'static str, Bench)> {
    let mut all = Vec::new();
    all.push(("Quiet", Bench::new(manner)));
    let mut speaking = Bench::new(manner);
    speaking.voice(1_000, None);
    all.push(("Speaking", speaking));
    let mut pausing = Bench::new(manner);
    pausing.voice(1_000, Some(2_000));
    all.push(("Pausing", pausing));
    if manner.continuous {
        let mut eager = Bench::new(manner);
        eager.voice(1_000, Some(2_000));
        if manner.detects_turns {
            eager.eager(2_300, "I need it.");
        } else {
            eager.partial(2_300, "I need it.");
        }
        all.push(("Eager", eager));
    }
    let mut closing = Bench::new(manner);
    closing.voice(1_000, Some(2_000));
    if manner.continuous {
        closing.partial(2_300, "I need it.");
    }
    let end = closing.machine.poll_timeout().expect("the silence is counted").0;
    closing.until(u64::try_from(end.duration_since(closing.begin).as_millis()).expect("it is soon"));
    all.push(("Closing", closing));
    for (_, bench) in &mut all {
        bench.said.clear();
    }
    all
}

fn inputs(bench: &Bench) -> Vec<(&'static str, TurnInput)> {
    let words = |words: &str| Pii::new(words.to_owned());
    let turn = TurnId(0);
    let at = bench.at(bench.now);
    vec![
        ("VoiceStarted", TurnInput::VoiceStarted { since: bench.at(bench.now.saturating_sub(200)) }),
        ("VoiceStopped", TurnInput::VoiceStopped { last_voice: bench.at(bench.now.saturating_sub(200)) }),
        ("TurnStarted", TurnInput::TurnStarted),
        ("Partial, the same words", TurnInput::Partial { words: words("I need it") }),
        ("Partial, other words", TurnInput::Partial { words: words("I need it now.") }),
        ("EagerEnd", TurnInput::EagerEnd { words: words("I need it now.") }),
        ("Resumed", TurnInput::Resumed),
        ("TurnEnded", TurnInput::TurnEnded { words: words("I need it.") }),
        ("Final", TurnInput::Final { turn, transcript: spoken("I need it.") }),
        ("Final, nothing", TurnInput::Final { turn, transcript: Transcript::Nothing }),
        ("Failed", TurnInput::Failed { turn }),
        ("AgentStarted", TurnInput::AgentStarted { at, guard: Guard::None }),
        ("Hearing nothing", TurnInput::Hearing(Hearing::Nothing)),
        ("Abandon", TurnInput::Abandon),
    ]
}

fn phase(bench: &Bench) -> String {
    bench.machine.open.as_ref().map_or("Quiet".to_owned(), |turn| format!("{:?}", turn.phase))
}

#[test]
fn every_phase_meets_every_input() {
    let mut table = String::new();
    for (name, manner) in [("turn by turn", OFFLINE), ("continuous", WORDS), ("detects turns", VENDOR)] {
        for (index, (from, bench)) in phases(manner).into_iter().enumerate() {
            assert_eq!(phase(&bench), from, "{name}");
            for (input_index, (input, _)) in inputs(&bench).into_iter().enumerate() {
                let mut bench = phases(manner).swap_remove(index).1;
                let input_value = inputs(&bench).swap_remove(input_index).1;
                bench.tell(bench.now, input_value);
                let said: Vec<_> =
                    bench.said.iter().map(|said| said.split_once(' ').expect("it has a time").1).collect();
                writeln!(table, "{name:13} {from:9} {input:24} → {:9} {}", phase(&bench), said.join(", "))
                    .expect("a string takes everything");
            }
        }
    }
    insta::assert_snapshot!(table);
}
