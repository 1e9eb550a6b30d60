//! Callers, recognisers and agents at random: whatever they do, turns stay well formed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

#[test]
fn three_hundred_random_calls_keep_the_rules() {
    for seed in 0..300 {
        for manner in [OFFLINE, WORDS, VENDOR] {
            let result = std::panic::catch_unwind(|| run(seed, manner));
            assert!(result.is_ok(), "seed {seed}, {manner:?}");
        }
    }
}

fn run(seed: u64, manner: Manner) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut bench = Bench::new(manner);
    let mut rules = RulesOfTurns::default();
    let mut voice = false;
    let mut owed: Vec<TurnId> = Vec::new();
    for _ in 0..200 {
        let now = bench.now + dice.random_range(0..900);
        bench.until(now);
        let input = pick(&mut dice, &mut bench, now, &mut voice, &mut owed);
        bench.tell(now, input);
        for signal in std::mem::take(&mut bench.signals) {
            if let TurnSignal::Close { turn } = &signal {
                owed.push(*turn);
            }
            rules.take(&signal, seed);
        }
    }
    // Left alone, every turn ends.
    if voice {
        bench.silence(bench.now);
    }
    bench.until(bench.now + 200_000);
    bench.signals.iter().for_each(|signal| rules.take(signal, seed));
    assert!(!bench.machine.has_turn() && bench.machine.poll_timeout().is_none());
}

fn pick(dice: &mut StdRng, bench: &mut Bench, now: u64, voice: &mut bool, owed: &mut Vec<TurnId>) -> TurnInput {
    const TALK: [&str; 8] =
        ["yes", "mhm", "okay", "I want to", "I want to cancel.", "five five six", "wait", "hello who is this"];
    let words = Pii::new(TALK[dice.random_range(0..TALK.len())].to_owned());
    let at = bench.at(now);
    match dice.random_range(0..16) {
        0..=2 => {
            *voice = !*voice;
            let edge = bench.at(now.saturating_sub(200));
            if *voice { TurnInput::VoiceStarted { since: edge } } else { TurnInput::VoiceStopped { last_voice: edge } }
        }
        3 | 4 => TurnInput::Partial { words },
        5 => TurnInput::TurnStarted,
        6 => TurnInput::EagerEnd { words },
        7 => TurnInput::Resumed,
        8 => TurnInput::TurnEnded { words },
        9 | 10 => match owed.pop() {
            Some(turn) if dice.random_bool(0.8) => TurnInput::Final { turn, transcript: spoken(words.expose()) },
            Some(turn) => TurnInput::Failed { turn },
            None => TurnInput::Final { turn: TurnId(7), transcript: Transcript::Nothing },
        },
        11 => {
            TurnInput::AgentStarted { at, guard: [Guard::None, Guard::Greeting, Guard::Whole][dice.random_range(0..3)] }
        }
        12 => TurnInput::AgentStopped,
        13 => {
            use Overlap::*;
            TurnInput::Overlap([Undecided, Speech, BackChannel, Noise, Echo][dice.random_range(0..5)])
        }
        14 => TurnInput::Asked(match dice.random_range(0..4) {
            0 => Asked::Nothing,
            1 => Asked::YesNo,
            2 => Asked::Number { digits: Some(6) },
            _ => Asked::Recording { max: Duration::from_secs(5) },
        }),
        _ => match dice.random_range(0..6) {
            0 => TurnInput::Abandon,
            1 => TurnInput::Hearing(Hearing::Nothing),
            2 => TurnInput::Manner([OFFLINE, WORDS, VENDOR][dice.random_range(0..3)]),
            _ => TurnInput::Hearing(Hearing::Everything),
        },
    }
}

/// What may follow what.
#[derive(Default)]
struct RulesOfTurns {
    open: Option<TurnId>,
    eager: Option<String>,
    closed: bool,
}

impl RulesOfTurns {
    fn take(&mut self, signal: &TurnSignal, seed: u64) {
        match signal {
            TurnSignal::Started { turn, .. } => {
                assert_eq!(self.open.replace(*turn), None, "one turn at a time, seed {seed}");
                assert!(self.eager.is_none());
                self.closed = false;
            }
            TurnSignal::Reopened { was, turn, .. } => {
                assert_eq!(self.open.replace(*turn), Some(*was), "seed {seed}");
                assert!(self.closed && turn > was, "seed {seed}");
                assert!(self.eager.is_none(), "what was prepared is taken back first, seed {seed}");
                self.closed = false;
            }
            TurnSignal::Updated { .. } => assert!(self.open.is_some() && self.eager.is_none(), "seed {seed}"),
            TurnSignal::EagerEnd { words } => {
                assert!(self.open.is_some() && !self.closed, "seed {seed}");
                assert!(self.eager.replace(words.expose().clone()).is_none(), "seed {seed}");
            }
            TurnSignal::Resumed => assert!(self.eager.take().is_some(), "only after an eager end, seed {seed}"),
            TurnSignal::Close { turn } => {
                assert_eq!(self.open, Some(*turn), "seed {seed}");
                assert!(!std::mem::replace(&mut self.closed, true), "seed {seed}");
            }
            TurnSignal::Ended(turn) | TurnSignal::Dismissed(turn) => {
                assert_eq!(self.open.take(), Some(turn.turn), "seed {seed}");
                assert!(turn.since <= turn.last_voice && turn.last_voice <= turn.decided, "seed {seed}: {turn:?}");
                if let Some(eager) = self.eager.take() {
                    assert!(matches!(signal, TurnSignal::Ended(_)), "nothing prepared is left, seed {seed}");
                    let Transcript::Words { text, .. } = &turn.transcript else { panic!("words went away, {seed}") };
                    assert!(super::super::super::words::same(&eager, text.expose()), "seed {seed}");
                }
            }
            TurnSignal::Abandoned { turn } => {
                assert_eq!(self.open.take(), Some(*turn), "seed {seed}");
                assert!(self.eager.is_none(), "seed {seed}");
            }
            TurnSignal::Interrupt { .. } => assert!(self.open.is_some(), "seed {seed}"),
            TurnSignal::Late { words, .. } => assert!(!words.expose().is_empty()),
            TurnSignal::Patience(_) => {}
        }
    }
}
